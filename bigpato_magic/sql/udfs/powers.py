"""Roots, powers and logarithms of NUMERIC, to 60 digits and then rounded to nine places, half away from zero.

GoogleSQL computes them to fewer digits than that, so what lies close to the middle between two results is left to BigQuery.
https://cloud.google.com/bigquery/docs/reference/standard-sql/mathematical_functions
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal

from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure, guarded, strict
from bigpato_magic.sql.udfs.decimals import NUMERIC

__all__ = [
    "bp_numeric_cbrt",
    "bp_numeric_exp",
    "bp_numeric_ln",
    "bp_numeric_log",
    "bp_numeric_log10",
    "bp_numeric_pow",
    "bp_numeric_sqrt",
]
# Without traps: what is too large becomes infinity, what is too small 0.
_WIDE = Context(prec=60, Emin=-(10**6), Emax=10**6, traps=[])
_THIRD = _WIDE.divide(Decimal(1), Decimal(3))
_HALF = Decimal("0.5")
# How far GoogleSQL may be off, in units of the ninth place and of the result; measured, it is less than 3e-26 of it.
_OFF, _OFF_EACH = Decimal("1e-6"), Decimal("1e-24")
# What has so many digits before the point overflows, however it is rounded.
_OVERFLOWING = 30


def _held(value: Decimal) -> Decimal:
    """A result as a NUMERIC.

    Raises:
        InvalidValue: it is too large.
        Unsure: BigQuery might round it to another one.
    """
    if not value:
        return Decimal(0)
    if not value.is_finite() or value.adjusted() > _OVERFLOWING:
        raise InvalidValue("numeric overflow")
    units = _WIDE.scaleb(value.copy_abs(), NUMERIC.scale)
    to_middle = _WIDE.subtract(_WIDE.remainder(units, Decimal(1)), _HALF).copy_abs()
    if to_middle < _WIDE.fma(units, _OFF_EACH, _OFF):
        raise Unsure("a NUMERIC whose last digit is not certain")
    held: Decimal = NUMERIC.held(int(units.to_integral_value(ROUND_HALF_UP).copy_sign(value)))
    return held


def _positive(value: Decimal) -> Decimal:
    if value <= 0:
        raise InvalidValue(f"the logarithm of {value}")
    return value


def sqrt(value: Decimal) -> Decimal:
    """SQRT."""
    if value < 0:
        raise InvalidValue("the square root of a negative number")
    return _held(_WIDE.sqrt(value))


def cbrt(value: Decimal) -> Decimal:
    """CBRT."""
    # Python's own `abs` and `-` round to 28 digits.
    return _held(_WIDE.power(value.copy_abs(), _THIRD).copy_sign(value))


def exp(value: Decimal) -> Decimal:
    """EXP."""
    return _held(_WIDE.exp(value))


def ln(value: Decimal) -> Decimal:
    """LN, and LOG of one argument."""
    return _held(_WIDE.ln(_positive(value)))


def log10(value: Decimal) -> Decimal:
    """LOG10."""
    return _held(_WIDE.log10(_positive(value)))


def log(value: Decimal, base: Decimal) -> Decimal:
    """LOG to a base."""
    divisor = _WIDE.ln(_positive(base))
    if not divisor:
        raise InvalidValue("a logarithm to the base 1")
    return _held(_WIDE.divide(_WIDE.ln(_positive(value)), divisor))


def power(base: Decimal, exponent: Decimal) -> Decimal:
    """POW."""
    whole = exponent == exponent.to_integral_value()
    if base == 0 and exponent < 0:
        raise InvalidValue("a negative power of 0")
    if base < 0 and not whole:
        raise InvalidValue("a broken power of a negative number")
    if base == 0 or exponent == 0:
        return Decimal(int(exponent == 0))
    return _held(_WIDE.power(base, exponent))


bp_numeric_sqrt = strict(guarded(sqrt), NUMERIC.arrow)
bp_numeric_cbrt = strict(guarded(cbrt), NUMERIC.arrow)
bp_numeric_exp = strict(guarded(exp), NUMERIC.arrow)
bp_numeric_ln = strict(guarded(ln), NUMERIC.arrow)
bp_numeric_log10 = strict(guarded(log10), NUMERIC.arrow)
bp_numeric_log = strict(guarded(log), NUMERIC.arrow)
bp_numeric_pow = strict(guarded(power), NUMERIC.arrow)
