"""Doubles in JSON have the digits that BigQuery prints: always the same double, not always the fewest digits."""

from __future__ import annotations

import random
import struct

import pytest

from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure
from bigpato_magic.sql.udfs.json_values import exact_number, parse_json, print_double

# What BigQuery made of it, or its error, as people reported: https://github.com/airbytehq/airbyte/issues/29594,
# https://github.com/brooklyn-data/dbt_artifacts/issues/363
REPORTED = {"67.174118": "67.17411800000001", "1687473876.057356": "1687473876.0573561"}


@pytest.mark.parametrize(("written", "printed"), REPORTED.items())
def test_a_number_is_printed_as_bigquery_prints_it(written, printed):
    assert parse_json(written, "round") == printed


@pytest.mark.parametrize("written", REPORTED)
def test_a_number_that_is_printed_otherwise_is_an_error_in_exact_mode(written):
    with pytest.raises(InvalidValue):
        parse_json(written, "exact")


def test_a_numeric_that_is_printed_otherwise_is_bigquerys():
    assert exact_number("67.5") == "67.5"
    with pytest.raises(Unsure):
        exact_number("67.174118")


@pytest.mark.parametrize("seed", range(4))
def test_what_is_printed_is_the_same_double(seed):
    draw = random.Random(seed)
    bits = (struct.pack(">Q", draw.getrandbits(64)) for _ in range(5000))
    values = [value for each in bits if abs(value := struct.unpack(">d", each)[0]) < float("inf")]
    values += [2.0**power for power in range(-1074, 1024, 7)]
    assert [float(print_double(value)) for value in values] == values


def test_a_text_that_bigquery_may_find_too_long_is_bigquerys():
    with pytest.raises(Unsure):
        parse_json("1." + "0" * 2000, "exact")
