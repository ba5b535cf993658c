"""FLOAT64 where DuckDB's own functions round otherwise, vectors' distances, and bitwise aggregates of BYTES."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache, reduce
from typing import Any

import pyarrow as pa

from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure, guarded, strict

# ----------------------------------------------------------------------------------------------- rounding

WIDTHS = (64, 113)
"""Bits of C's `long double`: on BigQuery's processors, and in the evaluator."""
LEAST_DIGITS, MOST_DIGITS = -308, 323


def nearest(value: Fraction, bits: int) -> Fraction:
    """The nearest number of so many bits, ties to even."""
    if not value:
        return value
    shift = bits - (value.numerator.bit_length() - value.denominator.bit_length())
    scaled = value * (Fraction(2) ** shift)
    while abs(scaled) >= 1 << bits:
        scaled, shift = scaled / 2, shift - 1
    return Fraction(round(scaled)) / Fraction(2) ** shift


@cache
def _unit(digits: int, bits: int) -> Fraction:
    """10 to the power of `-digits`, as GoogleSQL computes it, step by step."""
    if not digits:
        return Fraction(1)
    if digits > 0:
        return nearest(_unit(digits - 1, bits) / 10, bits)
    return nearest(_unit(digits + 1, bits) * 10, bits)


def _half_away(value: Fraction) -> int:
    whole = math.floor(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole


def _rounding(how: Callable[[Fraction], int]) -> Callable[[float, int], float]:
    """`how(x / unit) * unit`: certain where both widths of `long double` agree."""

    def run(x: float, digits: int) -> float:
        if not math.isfinite(x) or digits > MOST_DIGITS:
            return x
        if digits < LEAST_DIGITS:
            return 0.0
        found = {_once(how, Fraction(x), digits, bits) for bits in WIDTHS}
        if len(found) > 1:
            raise Unsure("a rounding tie")
        result = found.pop()
        if math.isinf(result):
            raise InvalidValue("float overflow")
        return math.copysign(result, x)

    return run


def _once(how: Callable[[Fraction], int], x: Fraction, digits: int, bits: int) -> float:
    unit = _unit(digits, bits)
    result = nearest(how(nearest(x / unit, bits)) * unit, bits)
    try:
        return float(result)
    except OverflowError:
        return math.inf


bp_float_round = strict(guarded(_rounding(_half_away)), pa.float64())
bp_float_trunc = strict(guarded(_rounding(math.trunc)), pa.float64())

# ---------------------------------------------------------------------------------------------- distances

Vector = Sequence[Any]


def _numbers(values: Vector) -> list[float]:
    if any(value is None for value in values):
        raise InvalidValue("NULL in a vector")
    if not all(map(math.isfinite, values)):
        raise Unsure("infinity or NaN in a vector")
    return list(values)


def _dense(a: Vector, b: Vector) -> tuple[list[float], list[float]]:
    if len(a) != len(b):
        raise InvalidValue("vectors of different lengths")
    return _numbers(a), _numbers(b)


def _sparse(a: Vector, b: Vector) -> tuple[list[float], list[float]]:
    left, right = _by_index(a), _by_index(b)
    indexes = sorted({*left, *right})
    return [left.get(i, 0.0) for i in indexes], [right.get(i, 0.0) for i in indexes]


def _by_index(values: Vector) -> dict[Any, float]:
    if any(value is None or None in value.values() for value in values):
        raise InvalidValue("NULL in a vector")
    found = {value["f0"]: value["f1"] for value in values}
    if len(found) < len(values):
        raise InvalidValue("an index twice in a vector")
    _numbers(list(found.values()))
    return found


def _total(terms: list[float]) -> float:
    """From left to right, as GoogleSQL adds."""
    total = reduce(lambda a, b: a + b, terms, 0.0)
    if math.isinf(total):
        raise InvalidValue("float overflow")
    return total


def _cosine(a: list[float], b: list[float]) -> float:
    squares = [_total([x * x for x in vector]) for vector in (a, b)]
    if not all(squares):
        raise InvalidValue("a vector of length zero")
    lengths = math.sqrt(squares[0]) * math.sqrt(squares[1])
    return 1.0 - _total([x * y for x, y in zip(a, b, strict=True)]) / lengths


def _euclidean(a: list[float], b: list[float]) -> float:
    return math.sqrt(_total([(x - y) * (x - y) for x, y in zip(a, b, strict=True)]))


def _distance(measure: Callable[..., float], read: Callable[..., Any]) -> Callable[..., pa.Array]:
    return strict(guarded(lambda a, b: measure(*read(a, b))), pa.float64())


bp_cosine_dense, bp_cosine_sparse = (_distance(_cosine, read) for read in (_dense, _sparse))
bp_euclidean_dense, bp_euclidean_sparse = (_distance(_euclidean, read) for read in (_dense, _sparse))
bp_cosine_named, bp_euclidean_named = bp_cosine_sparse, bp_euclidean_sparse

# ------------------------------------------------------------------------------------------------ BYTES

_BITWISE: dict[str, Callable[[int, int], int]] = {
    "bit_and": lambda a, b: a & b,
    "bit_or": lambda a, b: a | b,
    "bit_xor": lambda a, b: a ^ b,
}


def _bitwise(values: list[bytes | None], name: str, mode: str) -> bytes | None:
    there = [value for value in values if value is not None]
    lengths = {len(value) for value in there}
    if mode == "STRICT" and len(lengths) > 1:
        raise InvalidValue("BYTES of different lengths")
    if len(lengths) > 1 and mode != "PAD":
        raise Unsure(f"BYTES of different lengths in mode {mode}")
    if not there:
        return None
    longest = max(lengths)
    numbers = (int.from_bytes(value.ljust(longest, b"\0")) for value in there)
    return reduce(_BITWISE[name], numbers).to_bytes(longest)


bp_bytes_bitwise = strict(_bitwise, pa.binary())
