"""BIGNUMERIC as bytes: nothing lost, and in the numbers' own order."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from bigpato_magic import bignumeric

SMALLEST, LARGEST = -(2**255), 2**255 - 1
ONE = 10**38  # in units of the last digit
UNITS = [SMALLEST, -ONE, -1, 0, 1, ONE, LARGEST]


@pytest.mark.parametrize("units", UNITS)
def test_nothing_is_lost(units):
    assert bignumeric.decode(bignumeric.encode(units)) == units


def test_bytes_are_in_the_order_of_the_numbers():
    assert sorted(map(bignumeric.encode, UNITS)) == [bignumeric.encode(units) for units in UNITS]


@pytest.mark.parametrize("units", [SMALLEST - 1, LARGEST + 1])
def test_what_does_not_fit_is_refused(units):
    with pytest.raises(OverflowError):
        bignumeric.encode(units)


def test_a_decimal_keeps_all_its_digits():
    text = "578960446186580977117854925043439539266.34992332820282019728792003956564819967"
    assert bignumeric.units(Decimal(text)) == LARGEST


def test_arrow_shows_what_bigquery_delivers():
    held = pa.array([None, *map(bignumeric.encode, UNITS), None], pa.binary())
    shown = bignumeric.to_arrow(held)
    assert shown.type == pa.decimal256(76, 38)
    assert shown.null_count == 2
    assert [v if v is None else bignumeric.units(v) for v in shown.to_pylist()] == [None, *UNITS, None]


def test_slices_and_empty_arrays_too():
    held = pa.array([bignumeric.encode(units) for units in UNITS], pa.binary())
    assert [bignumeric.units(v) for v in bignumeric.to_arrow(held[2:5]).to_pylist()] == UNITS[2:5]
    assert bignumeric.to_arrow(held[:0]).to_pylist() == []
