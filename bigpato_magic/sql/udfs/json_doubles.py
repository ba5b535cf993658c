"""The digits of a double as Google's JSON library prints them: not always the fewest, so Python's `repr` is no help.

That library prints by Grisu2, which computes with 64 bits: its digits always give the same double, and one time in a
thousand there are more of them than needed, of numbers of fifteen digits one time in fifty.
Florian Loitsch, Printing floating-point numbers quickly and accurately with integers (PLDI 2010), in the variant of
https://github.com/nlohmann/json/blob/develop/include/nlohmann/detail/conversions/to_chars.hpp
"""

from __future__ import annotations

import struct
from typing import NamedTuple

FIRST, STEP, LAST = -300, 8, 324
"""Exponents of the powers of ten that are at hand."""
HIDDEN = 1 << 52
SMALLEST = -1074
ALPHA = -60
"""Numbers are scaled by a power of ten so that this is about their exponent of 2."""


class _Scaled(NamedTuple):
    """`fraction * 2 ** exponent`, the fraction of 64 bits."""

    fraction: int
    exponent: int

    def __mul__(self, other: object) -> _Scaled:
        """The upper 64 bits, rounded."""
        assert isinstance(other, _Scaled)  # noqa: S101 - of two of them
        return _Scaled((self.fraction * other.fraction + (1 << 63)) >> 64, self.exponent + other.exponent + 64)


def _normal(fraction: int, exponent: int) -> _Scaled:
    shift = 64 - fraction.bit_length()
    return _Scaled(fraction << shift, exponent - shift)


def _power(ten: int) -> _Scaled:
    """A power of ten, rounded to 64 bits."""
    extra = 0 if ten >= 0 else 128 + (10**-ten).bit_length()
    whole = 10**ten if ten >= 0 else (1 << extra) // 10**-ten
    shift = whole.bit_length() - 64
    rounded = whole << -shift if shift <= 0 else (whole + (1 << (shift - 1))) >> shift
    return _normal(rounded, shift - extra) if rounded < 1 << 64 else _Scaled(rounded >> 1, shift - extra + 1)


_POWERS = {ten: _power(ten) for ten in range(FIRST, LAST + 1, STEP)}


def _boundaries(value: float) -> tuple[_Scaled, _Scaled, _Scaled]:
    """A double, and the middles between it and the next smaller and larger one, of one exponent."""
    bits = struct.unpack(">Q", struct.pack(">d", value))[0]
    biased, low = bits >> 52, bits & (HIDDEN - 1)
    fraction, exponent = (low, SMALLEST) if biased == 0 else (low + HIDDEN, biased + SMALLEST - 1)
    above = _normal(2 * fraction + 1, exponent - 1)
    closer = low == 0 and biased > 1
    below, its = (4 * fraction - 1, exponent - 2) if closer else (2 * fraction - 1, exponent - 1)
    return _Scaled(below << (its - above.exponent), above.exponent), _normal(fraction, exponent), above


def _ten_for(exponent: int) -> int:
    """The power of ten that brings such an exponent of 2 to about `ALPHA`."""
    wanted = ALPHA - exponent - 1
    tens = abs(wanted) * 78913 // (1 << 18)  # log10(2)
    tens = tens + 1 if wanted > 0 else -tens
    return FIRST + (tens - FIRST + STEP - 1) // STEP * STEP


def digits_of(value: float) -> tuple[str, int]:
    """The digits of a positive finite double, and the exponent of ten of the last one."""
    below, middle, above = _boundaries(value)
    ten = _ten_for(above.exponent)
    power = _POWERS[ten]
    low, exact, high = below * power, middle * power, above * power
    most, delta = high.fraction - 1, high.fraction - low.fraction - 2
    bits = -high.exponent
    return _generated(most, delta, most - exact.fraction, bits, -ten)


def _generated(most: int, delta: int, distance: int, bits: int, exponent: int) -> tuple[str, int]:
    """As many digits of the largest number as tell it from the smallest, the last one brought near the value.

    Args:
        most: the largest number, of which the lower `bits` are its fraction.
        delta: how far the smallest is below it.
        distance: how far the value is.
        bits: of the fraction.
        exponent: of ten, of the number's last whole digit.
    """
    whole, rest = most >> bits, most & ((1 << bits) - 1)
    for place in range(len(str(whole)) - 1, -1, -1):
        left = (whole % 10**place << bits) + rest
        if left <= delta:
            return _nearest(whole // 10**place, distance, delta, left, 10**place << bits), exponent + place
    found = whole
    while True:
        rest, delta, distance, exponent = rest * 10, delta * 10, distance * 10, exponent - 1
        found, rest = found * 10 + (rest >> bits), rest & ((1 << bits) - 1)
        if rest <= delta:
            return _nearest(found, distance, delta, rest, 1 << bits), exponent


def _nearest(found: int, distance: int, delta: int, rest: int, unit: int) -> str:
    """The digits, the last one made smaller as long as that is nearer to the value."""
    while (
        rest < distance
        and delta - rest >= unit
        and (rest + unit < distance or distance - rest > rest + unit - distance)
    ):
        found, rest = found - 1, rest + unit
    return str(found)
