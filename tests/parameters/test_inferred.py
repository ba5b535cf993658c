"""Python's values become typed BigQuery parameters, or one sentence says why not; nothing is lost on the way."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from bigpato_magic.errors import ParameterError
from bigpato_magic.parameters import parameter, parse_type, typed


@pytest.mark.parametrize(
    ("value", "kind", "plain"),
    [
        (True, "BOOL", True),
        (7, "INT64", 7),
        (-(2**63), "INT64", -(2**63)),
        (0.5, "FLOAT64", 0.5),
        ("é'\"\\", "STRING", "é'\"\\"),
        (b"\x00\xff", "BYTES", b"\x00\xff"),
        (Decimal("1.123456789"), "NUMERIC", Decimal("1.123456789")),
        (Decimal("1E+28"), "NUMERIC", Decimal("1E+28")),
        (Decimal("1E+29"), "BIGNUMERIC", Decimal("1E+29")),
        (Decimal("0.1234567891"), "BIGNUMERIC", Decimal("0.1234567891")),
        (date(2024, 2, 29), "DATE", date(2024, 2, 29)),
        (datetime(2024, 2, 29, 12), "DATETIME", datetime(2024, 2, 29, 12)),
        (datetime(2024, 2, 29, 12, tzinfo=UTC), "TIMESTAMP", datetime(2024, 2, 29, 12, tzinfo=UTC)),
        (time(1, 2, 3, 4), "TIME", time(1, 2, 3, 4)),
        ([1, 2], "ARRAY<INT64>", [1, 2]),
        ((1, 2.5), "ARRAY<FLOAT64>", [1.0, 2.5]),
        ([1, Decimal("0.5")], "ARRAY<NUMERIC>", [Decimal(1), Decimal("0.5")]),
        (["a", None], "ARRAY<STRING>", ["a", None]),
        ({"a": 1, "b": ["x"]}, "STRUCT<a INT64, b ARRAY<STRING>>", {"a": 1, "b": ["x"]}),
        ([{"a": 1}, {"a": 2}], "ARRAY<STRUCT<a INT64>>", [{"a": 1}, {"a": 2}]),
        (np.int32(7), "INT64", 7),
        (np.float64(0.5), "FLOAT64", 0.5),
        (np.bool_(True), "BOOL", True),
        (np.str_("x"), "STRING", "x"),
        (np.array([1, 2]), "ARRAY<INT64>", [1, 2]),
        (np.array([], dtype="float64"), "ARRAY<FLOAT64>", []),
        (np.datetime64("2024-02-29"), "DATE", date(2024, 2, 29)),
        (np.datetime64("2024-02-29T12:00"), "DATETIME", datetime(2024, 2, 29, 12)),
        (pd.Timestamp("2024-02-29 12:00"), "DATETIME", datetime(2024, 2, 29, 12)),
        (pd.Timestamp("2024-02-29 12:00", tz="UTC"), "TIMESTAMP", datetime(2024, 2, 29, 12, tzinfo=UTC)),
        (pd.Series([1, None], dtype="Int64"), "ARRAY<INT64>", [1, None]),
        (pd.Series(["a", "b"]), "ARRAY<STRING>", ["a", "b"]),
        (pd.Series([pd.Timestamp("2024-01-01")]), "ARRAY<DATETIME>", [datetime(2024, 1, 1)]),
        (pd.Index([1, 2]), "ARRAY<INT64>", [1, 2]),
        (typed(None, "NUMERIC"), "NUMERIC", None),
        (typed(pd.NaT, "TIMESTAMP"), "TIMESTAMP", None),
        (typed([], "ARRAY<INT64>"), "ARRAY<INT64>", []),
    ],
)
def test_a_value_has_its_type(value, kind, plain):
    found = parameter("x", value)
    assert str(found.type) == kind
    assert found.value == plain
    assert type(found.value) is type(plain)


def test_nan_is_a_float():
    found = parameter("x", float("nan"))
    assert str(found.type) == "FLOAT64"
    assert math.isnan(found.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "NULL has no type"),
        (pd.NA, "NULL has no type"),
        (pd.NaT, "NULL has no type"),
        ([], "an array without values has no type"),
        ([None], "an array without values has no type"),
        ([1, "a"], "one type, and this one has INT64 and STRING"),
        ([[1]], "no array of arrays"),
        (np.zeros((2, 2)), "no array of arrays"),
        (2**63, "beyond INT64"),
        (Decimal("NaN"), "no NaN among its decimals"),
        (Decimal("1E-39"), "more digits than BIGNUMERIC"),
        (timedelta(1), "no type for a value of Python's timedelta"),
        (1j, "no type for a value of Python's complex"),
        ({1: 2}, "names that are text"),
        ({}, "at least one field"),
        (time(1, tzinfo=UTC), "no time zone"),
        (pd.Timestamp("2024-01-01 00:00:00.000000001"), "nanoseconds"),
        (np.datetime64("2024-01-01T00:00:00.000000001"), "nanoseconds"),
        (pd.DataFrame({"a": [1]}), "no type for a value of Python's DataFrame"),
    ],
)
def test_a_value_without_a_type_is_told(value, message):
    with pytest.raises(ParameterError, match=message):
        parameter("x", value)


def test_googles_own_parameters_are_taken():
    bigquery = pytest.importorskip("google.cloud.bigquery")
    assert parameter("x", bigquery.ScalarQueryParameter("x", "INT64", None)).type.kind.value == "INT64"
    listed = parameter("x", bigquery.ArrayQueryParameter("x", "STRING", ["a"]))
    assert (str(listed.type), listed.value) == ("ARRAY<STRING>", ["a"])
    inner = bigquery.ScalarQueryParameter("n", "NUMERIC", Decimal(1))
    struct = parameter("x", bigquery.StructQueryParameter("x", inner))
    assert (str(struct.type), struct.value) == ("STRUCT<n NUMERIC>", {"n": Decimal(1)})


@pytest.mark.parametrize(
    "text", ["INT64", "ARRAY<STRING>", "STRUCT<a INT64, b ARRAY<DATE>>", "STRUCT<INT64, x BOOL>", "RANGE<DATE>"]
)
def test_a_type_is_read_as_it_is_written(text):
    assert str(parse_type(text)) == text


@pytest.mark.parametrize("text", ["", "INT32", "ARRAY", "ARRAY<>", "STRUCT<a>", "INT64 x", "INT64; x", "ARRAY<INT64"])
def test_a_type_that_is_none(text):
    with pytest.raises(ParameterError, match="is no BigQuery type"):
        parse_type(text)
