"""NUMERIC and BIGNUMERIC over exact whole numbers of their last digit, where DuckDB has no room for the digits.

Rounds half away from zero, as GoogleSQL does.
https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#decimal_types
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa

from bigpato_magic import bignumeric
from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure, guarded, strict

NUMBER = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?")
PARSED = re.compile(
    r"[ \t\n\v\f\r]*([+-]?)[ \t\n\v\f\r]*([0-9,]*(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)[ \t\n\v\f\r]*([+-]?)[ \t\n\v\f\r]*"
)
SPACES = " \t\n\v\f\r"
FAR = 400
_EXACT = Context(prec=120)


def divided(a: int, b: int) -> int:
    """`a / b`, rounded half away from zero."""
    quotient = (2 * abs(a) + abs(b)) // (2 * abs(b))
    return quotient if (a < 0) == (b < 0) else -quotient


def cut(a: int, b: int) -> int:
    """`a / b`, cut off towards zero."""
    return abs(a) // abs(b) if (a < 0) == (b < 0) else -(abs(a) // abs(b))


def even(a: int, b: int) -> int:
    """`a / b` for a positive `b`, rounded half to even."""
    quotient, rest = divmod(a, b)
    return quotient + (2 * rest > b or (2 * rest == b and quotient % 2 == 1))


@dataclass(frozen=True, slots=True)
class Decimals:
    """One of the two types, as whole numbers of its last digit.

    Args:
        scale: digits after the point.
        low: smallest.
        high: largest.
        read: from what DuckDB hands over.
        write: back to it.
        arrow: type of it.
    """

    scale: int
    low: int
    high: int
    read: Callable[[Any], int]
    write: Callable[[int], Any]
    arrow: pa.DataType

    @property
    def one(self) -> int:
        """The number 1."""
        return int(10**self.scale)

    def held(self, units: int) -> Any:
        """A result as DuckDB takes it.

        Raises:
            InvalidValue: it is too large.
        """
        if not self.low <= units <= self.high:
            raise InvalidValue("numeric overflow")
        return self.write(units)


NUMERIC = Decimals(
    9,
    -(10**38) + 1,
    10**38 - 1,
    lambda value: int(value.scaleb(9, _EXACT)),
    lambda units: Decimal(units).scaleb(-9, _EXACT),
    pa.decimal128(38, 9),
)
BIG = Decimals(38, -(2**255), 2**255 - 1, bignumeric.decode, bignumeric.encode, pa.binary())

# --------------------------------------------------------------------------------------------- arithmetic


def _times(kind: Decimals, a: int, b: int) -> int:
    return divided(a * b, kind.one)


def _over(kind: Decimals, a: int, b: int) -> int:
    return divided(a * kind.one, _divisor(b))


def _whole_part(kind: Decimals, a: int, b: int) -> int:
    return cut(a, _divisor(b)) * kind.one


def _rest(_kind: Decimals, a: int, b: int) -> int:
    return a - b * cut(a, _divisor(b))


def _divisor(b: int) -> int:
    if not b:
        raise InvalidValue("division by zero")
    return b


def _rounding(how: Callable[[int, int], int]) -> Callable[[Decimals, int, int], int]:
    """Round to so many digits after the point; a negative number of them rounds before it."""

    def run(kind: Decimals, a: int, digits: int) -> int:
        dropped = kind.scale - digits
        if dropped <= 0:
            return a
        if dropped > FAR:
            return 0
        return how(a, 10**dropped) * int(10**dropped)

    return run


def _down(a: int, b: int) -> int:
    return a // b


def _up(a: int, b: int) -> int:
    return -(-a // b)


_ROUND, _EVEN, _TRUNC = _rounding(divided), _rounding(even), _rounding(cut)
_FLOOR, _CEIL = _rounding(_down), _rounding(_up)


def _of_one(function: Callable[[Decimals, int], int], kind: Decimals) -> Callable[..., pa.Array]:
    return strict(guarded(lambda a: kind.held(function(kind, kind.read(a)))), kind.arrow)


def _of_two(function: Callable[[Decimals, int, int], int], kind: Decimals) -> Callable[..., pa.Array]:
    return strict(guarded(lambda a, b: kind.held(function(kind, kind.read(a), kind.read(b)))), kind.arrow)


def _of_digits(function: Callable[[Decimals, int, int], int], kind: Decimals) -> Callable[..., pa.Array]:
    return strict(guarded(lambda a, n: kind.held(function(kind, kind.read(a), n))), kind.arrow)


bp_big_add = _of_two(lambda _, a, b: a + b, BIG)
bp_big_subtract = _of_two(lambda _, a, b: a - b, BIG)
bp_big_multiply, bp_numeric_multiply = _of_two(_times, BIG), _of_two(_times, NUMERIC)
bp_big_divide, bp_numeric_divide = _of_two(_over, BIG), _of_two(_over, NUMERIC)
bp_big_div, bp_numeric_div = _of_two(_whole_part, BIG), _of_two(_whole_part, NUMERIC)
bp_big_mod, bp_numeric_mod = _of_two(_rest, BIG), _of_two(_rest, NUMERIC)
bp_big_negate = _of_one(lambda _, a: -a, BIG)
bp_big_abs = _of_one(lambda _, a: abs(a), BIG)
bp_big_sign = _of_one(lambda kind, a: kind.one * ((a > 0) - (a < 0)), BIG)
bp_big_round, bp_numeric_round = _of_digits(_ROUND, BIG), _of_digits(_ROUND, NUMERIC)
bp_big_even, bp_numeric_even = _of_digits(_EVEN, BIG), _of_digits(_EVEN, NUMERIC)
bp_big_trunc, bp_numeric_trunc = _of_digits(_TRUNC, BIG), _of_digits(_TRUNC, NUMERIC)
bp_big_floor = _of_one(lambda kind, a: _FLOOR(kind, a, 0), BIG)
bp_big_ceil = _of_one(lambda kind, a: _CEIL(kind, a, 0), BIG)

# -------------------------------------------------------------------------------------------------- casts


def from_text(kind: Decimals, text: str) -> int:
    """What CAST makes of a text.

    Raises:
        InvalidValue: it is no number, or too large.
        Unsure: it has a far negative exponent, where versions of GoogleSQL differ.
    """
    match = NUMBER.fullmatch(text.strip(SPACES))
    if not match or not (match[2] or match[3]):
        raise InvalidValue(f"no number: {text}")
    digits, fraction, exponent = match[2] + (match[3] or ""), len(match[3] or ""), int(match[4] or 0)
    units, power = int(digits), exponent + kind.scale - fraction
    if not units or power > FAR:
        return units and kind.high + 1
    if exponent + kind.scale < 0:
        raise Unsure("a number with a far exponent")
    units = units * 10**power if power >= 0 else divided(units, 10**-power)
    return -units if match[1] == "-" else units


def parse_text(kind: Decimals, text: str) -> int:
    """What PARSE_BIGNUMERIC makes of a text: also with commas, and with its sign behind it."""
    match = PARSED.fullmatch(text)
    number = match[2] if match else ""
    whole = re.split(r"[.eE]", number)[0]
    if not match or (match[1] and match[3]) or (whole and not whole.strip(",")):
        raise InvalidValue(f"no number: {text}")
    return from_text(kind, match[1] + match[3] + number.replace(",", ""))


def from_double(kind: Decimals, value: float) -> int:
    """The nearest of its values."""
    if not math.isfinite(value):
        raise InvalidValue("not finite")
    top, bottom = value.as_integer_ratio()
    return divided(top * kind.one, bottom)


def to_text(units: int, scale: int) -> str:
    """Plain digits, without zeros at the end."""
    text = f"{abs(units):0{scale + 1}d}"
    return f"{'-' if units < 0 else ''}{text[:-scale]}.{text[-scale:]}".rstrip("0").rstrip(".")


def _to_int(units: int) -> int:
    whole = divided(units, BIG.one)
    if not -(2**63) <= whole < 2**63:
        raise InvalidValue("int64 overflow")
    return whole


def _as_numeric(held: bytes) -> Decimal:
    units, rest = divmod(BIG.read(held), _TO_NUMERIC)
    if rest or not NUMERIC.low <= units <= NUMERIC.high:
        raise Unsure("a BIGNUMERIC that is no NUMERIC")
    return Decimal(NUMERIC.write(units))


def _from(function: Callable[[Decimals, Any], int], kind: Decimals) -> Callable[..., pa.Array]:
    return strict(guarded(lambda value: kind.held(function(kind, value))), kind.arrow)


_TO_NUMERIC = 10 ** (BIG.scale - NUMERIC.scale)
bp_big_from_int = strict(lambda n: BIG.write(n * BIG.one), BIG.arrow)
bp_big_from_numeric = strict(lambda n: BIG.write(NUMERIC.read(n) * _TO_NUMERIC), BIG.arrow)
bp_big_from_double, bp_numeric_from_double = _from(from_double, BIG), _from(from_double, NUMERIC)
bp_big_from_text = _from(from_text, BIG)
bp_big_parse = _from(parse_text, BIG)
bp_big_to_int = strict(guarded(lambda held: _to_int(BIG.read(held))), pa.int64())
bp_big_to_numeric = strict(guarded(lambda held: NUMERIC.held(divided(BIG.read(held), _TO_NUMERIC))), NUMERIC.arrow)
bp_big_as_numeric = strict(_as_numeric, NUMERIC.arrow)
bp_big_to_double = strict(lambda held: BIG.read(held) / BIG.one, pa.float64())
bp_big_text = strict(lambda held: to_text(BIG.read(held), BIG.scale), pa.string())

# -------------------------------------------------------------------------------------------- aggregates


def _of_list(function: Callable[[list[int]], int]) -> Callable[..., pa.Array]:
    def run(values: list[bytes | None]) -> bytes | None:
        there = [BIG.read(value) for value in values if value is not None]
        return BIG.held(function(there)) if there else None

    return strict(run, BIG.arrow)


bp_big_sum = _of_list(sum)
bp_big_avg = _of_list(lambda there: divided(sum(there), len(there)))
