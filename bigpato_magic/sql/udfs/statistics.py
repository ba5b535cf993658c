"""Moments of NUMERIC and BIGNUMERIC from exact sums, and percentiles.

https://cloud.google.com/bigquery/docs/reference/standard-sql/statistical_aggregate_functions
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pyarrow as pa

from bigpato_magic.sql.udfs.arrow import InvalidValue, strict
from bigpato_magic.sql.udfs.decimals import BIG, NUMERIC, Decimals, divided

# ------------------------------------------------------------------------------------------------ moments


def _spread(xs: list[int], ys: list[int]) -> int:
    """The sum of the products of both deviations from their means, times the number of pairs."""
    return len(xs) * sum(x * y for x, y in zip(xs, ys, strict=True)) - sum(xs) * sum(ys)


def _covariance(xs: list[int], ys: list[int], one: int, lost: int) -> float | None:
    """`lost` degrees of freedom: 1 of a sample, 0 of a population."""
    n = len(xs)
    return _spread(xs, ys) / (n * (n - lost) * one * one) if n > lost else None


def _correlation(xs: list[int], ys: list[int]) -> float | None:
    if len(xs) < 2:
        return None
    square = _spread(xs, xs) * _spread(ys, ys)
    # Numerator and denominator in one unit, which a FLOAT64 holds.
    return _spread(xs, ys) / math.isqrt(square << 256) * 2.0**128 if square else math.nan


def _moment(kind: Decimals, *, lost: int, root: bool) -> Callable[..., pa.Array]:
    def run(values: list[Any]) -> float | None:
        there = [kind.read(value) for value in values if value is not None]
        variance = _covariance(there, there, kind.one, lost)
        return variance if variance is None or not root else math.sqrt(variance)

    return strict(run, pa.float64())


def _pairs(kind: Decimals, function: Callable[[list[int], list[int]], float | None]) -> Callable[..., pa.Array]:
    def run(values: list[dict[str, Any]]) -> float | None:
        there = [(pair["x"], pair["y"]) for pair in values if None not in (pair["x"], pair["y"])]
        return function([kind.read(x) for x, _ in there], [kind.read(y) for _, y in there])

    return strict(run, pa.float64())


def _covariances(kind: Decimals, lost: int) -> Callable[..., pa.Array]:
    return _pairs(kind, lambda xs, ys: _covariance(xs, ys, kind.one, lost))


bp_numeric_var_pop, bp_big_var_pop = (_moment(kind, lost=0, root=False) for kind in (NUMERIC, BIG))
bp_numeric_var_samp, bp_big_var_samp = (_moment(kind, lost=1, root=False) for kind in (NUMERIC, BIG))
bp_numeric_stddev_pop, bp_big_stddev_pop = (_moment(kind, lost=0, root=True) for kind in (NUMERIC, BIG))
bp_numeric_stddev_samp, bp_big_stddev_samp = (_moment(kind, lost=1, root=True) for kind in (NUMERIC, BIG))
bp_numeric_covar_pop, bp_big_covar_pop = (_covariances(kind, 0) for kind in (NUMERIC, BIG))
bp_numeric_covar_samp, bp_big_covar_samp = (_covariances(kind, 1) for kind in (NUMERIC, BIG))
bp_numeric_corr, bp_big_corr = (_pairs(kind, _correlation) for kind in (NUMERIC, BIG))

# -------------------------------------------------------------------------------------------- percentiles


def _within(share: Fraction) -> Fraction:
    if not 0 <= share <= 1:
        raise InvalidValue("a percentile outside 0 to 1")
    return share


def between(values: list[Any], nulls: int, share: Fraction, mix: Callable[[Any, Any, Fraction], Any]) -> Any:
    """PERCENTILE_CONT of sorted values behind so many NULLs; `mix` gives what lies between two of them."""
    if not values:
        return None
    place = share * (len(values) - 1 + nulls)
    left, rest = math.floor(place), place - math.floor(place)
    if left >= nulls:
        left -= nulls
        return mix(values[left], values[left + 1], rest) if rest else values[left]
    return values[0] if left == nulls - 1 and rest else None


def _mix_floats(left: float, right: float, rest: Fraction) -> float:
    """The smaller weight is exact, the larger is what is left of 1."""
    if rest > Fraction(1, 2):
        weight = float(1 - rest)
        return left * weight + right * (1 - weight)
    weight = float(rest)
    return left * (1 - weight) + right * weight


def _of_floats(values: list[float | None], nulls: int, share: float) -> float | None:
    if math.isnan(share):
        raise InvalidValue("a percentile that is NaN")
    there = sorted((v for v in values if v is not None), key=lambda v: (not math.isnan(v), v))
    found = between(there, nulls, _within(Fraction(share)), _mix_floats)
    return None if found is None else float(found)


def _of_decimals(kind: Decimals) -> Callable[..., Any]:
    def mix(left: int, right: int, rest: Fraction) -> int:
        weight = int(rest * kind.one)
        return divided(left * (kind.one - weight) + right * weight, kind.one)

    def run(values: list[Any], nulls: int, share: Any) -> Any:
        there = sorted(kind.read(v) for v in values if v is not None)
        found = between(there, nulls, _within(Fraction(kind.read(share), kind.one)), mix)
        return None if found is None else kind.held(found)

    return run


def _place(count: int, nulls: int, share: Fraction) -> int | None:
    """Of so many sorted values behind so many NULLs, which one (from 1) PERCENTILE_DISC is; None for NULL."""
    index = max(math.ceil(_within(share) * (count + nulls)) - 1, 0)
    return index - nulls + 1 if count and index >= nulls else None


def _place_by_decimal(kind: Decimals) -> Callable[..., pa.Array]:
    def run(count: int, nulls: int, share: Any) -> int | None:
        return _place(count, nulls, Fraction(kind.read(share), kind.one))

    return strict(run, pa.int64())


bp_float_percentile = strict(_of_floats, pa.float64())
bp_numeric_percentile = strict(_of_decimals(NUMERIC), NUMERIC.arrow)
bp_big_percentile = strict(_of_decimals(BIG), BIG.arrow)
bp_float_place = strict(lambda count, nulls, share: _place(count, nulls, Fraction(share)), pa.int64())
bp_numeric_place, bp_big_place = _place_by_decimal(NUMERIC), _place_by_decimal(BIG)
