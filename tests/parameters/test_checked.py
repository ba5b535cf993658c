"""A value is one of its type in exactly one way, or it is refused before anything is routed: nothing is guessed."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum

import numpy as np
import pandas as pd
import pytest

from bigpato_magic.errors import ParameterError
from bigpato_magic.parameters import check, typed
from bigpato_magic.types import Parameter
from bigpato_magic.warehouse.schema import query_parameters


class Colour(str, Enum):  # noqa: UP042 - the kind whose str() is not its value
    RED = "red"


class Level(IntEnum):
    HIGH = 3


def sent(value, kind):
    """What BigQuery is sent."""
    told = typed(value, kind)
    return query_parameters([Parameter("x", told.type, told.value)])[0]["parameterValue"]


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("BOOL", np.bool_(True), "true"),
        ("INT64", 1.0, "1"),
        ("INT64", Level.HIGH, "3"),
        ("INT64", np.uint64(7), "7"),
        ("FLOAT64", -0.0, "-0.0"),
        ("FLOAT64", float("nan"), "nan"),
        ("FLOAT64", float("-inf"), "-inf"),
        ("FLOAT64", 5e-324, "5e-324"),
        ("FLOAT64", Decimal("0.1"), "0.1"),
        ("FLOAT64", 3, "3.0"),
        ("STRING", Colour.RED, "red"),
        ("STRING", "a\0b", "a\0b"),
        ("BYTES", bytearray(b"\x00\xff"), "AP8="),
        ("NUMERIC", Decimal("1E+28"), "10000000000000000000000000000.000000000"),
        ("NUMERIC", Decimal("1.0000000000000"), "1.000000000"),
        ("NUMERIC", 0.1, "0.100000000"),
        ("NUMERIC", "-1.5e3", "-1500.000000000"),
        ("NUMERIC", Decimal("-0"), "0"),
        ("NUMERIC", Decimal("99999999999999999999999999999.999999999"), "99999999999999999999999999999.999999999"),
        ("BIGNUMERIC", Decimal("1E-38"), "0.00000000000000000000000000000000000001"),
        ("DATE", "2024-1-2", "2024-01-02"),
        ("DATE", date(1, 1, 1), "0001-01-01"),
        ("DATETIME", datetime(999, 1, 2, 3), "0999-01-02T03:00:00.000000"),
        ("DATETIME", pd.Timestamp("2024-01-02 03:04"), "2024-01-02T03:04:00.000000"),
        ("DATETIME", "2024-01-02", "2024-01-02T00:00:00.000000"),
        ("TIMESTAMP", datetime(2024, 1, 2, 3), "2024-01-02 03:00:00.000000+00:00"),
        ("TIMESTAMP", datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=-5))), "2024-01-02 05:00:00.000000+00:00"),
        ("TIMESTAMP", "2024-01-02T03:04:05.5-05:30", "2024-01-02 08:34:05.500000+00:00"),
        ("TIMESTAMP", "2024-01-02 03:04:05 UTC", "2024-01-02 03:04:05.000000+00:00"),
        ("TIME", "1:2:3.04", "01:02:03.040000"),
        ("JSON", {"a": [1, None, True]}, '{"a": [1, null, true]}'),
        ("JSON", "null", "null"),
        ("JSON", 18446744073709551615, "18446744073709551615"),
        ("JSON", "é", None),
        ("GEOGRAPHY", "POINT(1 2)", "POINT(1 2)"),
    ],
)
def test_a_value_is_sent_in_one_form(kind, value, text):
    if text is None:
        with pytest.raises(ParameterError):
            sent(value, kind)
    else:
        assert sent(value, kind) == {"value": text}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("INT64", text) for text in ("1", "1.7", "0x10", "1_000", " 1", "１")),
        ("INT64", True),
        ("INT64", 1.5),
        ("INT64", float("nan")),
        ("INT64", float("inf")),
        ("INT64", Decimal("sNaN")),
        ("INT64", Decimal("1E+40")),
        ("INT64", 2**63),
        ("INT64", np.uint64(2**64 - 1)),
        *(("BOOL", value) for value in ("yes", "true", 1, 0, 1.0, float("nan"), "")),
        *(("STRING", value) for value in (float("nan"), 1, b"x", True, "\ud800", date(2024, 1, 1))),
        *(("BYTES", value) for value in ("x", 1, [1])),
        *(("FLOAT64", value) for value in ("1.5", "nan", True, 2**53 + 1, 10**400, Decimal("1e400"), 1j)),
        *(
            ("NUMERIC", text)
            for text in ("1_000", " 1", "１", "0x10", "nan", "1e", "", "inf", "1e999999999999999999999")
        ),
        *(("NUMERIC", value) for value in (True, 1 / 3, Decimal("1E-10"), Decimal("1E+29"), float("nan"), b"1")),
        ("NUMERIC", Decimal("1E-999999999")),
        ("NUMERIC", Decimal("1E+999999999")),
        ("NUMERIC", Decimal("0.1234567891")),
        ("NUMERIC", Decimal("99999999999999999999999999999.9999999991")),
        ("BIGNUMERIC", Decimal("1E-39")),
        ("BIGNUMERIC", Decimal("579E36")),
        *(("DATE", text) for text in ("20240131", "2024-W05-3", "2024-02-30", "0000-01-01", "２024-01-01", "soon")),
        ("DATE", datetime(2024, 1, 1, 1)),
        ("DATE", pd.Timestamp("2024-01-01")),
        ("DATE", 45292),
        ("DATETIME", date(2024, 1, 1)),
        ("DATETIME", datetime(2024, 1, 1, tzinfo=UTC)),
        ("DATETIME", "2024-01-01 24:00:00"),
        ("DATETIME", "2024-01-01 00:00:60"),
        ("TIMESTAMP", datetime.max.replace(tzinfo=timezone(timedelta(hours=-5)))),
        ("TIMESTAMP", datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))),
        ("TIMESTAMP", date(2024, 1, 1)),
        ("TIMESTAMP", "2024-01-01 00:00:00.1234567"),
        ("TIMESTAMP", "2024-01-01 00:00:00+15:00"),
        ("TIMESTAMP", "2024-01-01 00:00:00 Europe/Zurich"),
        ("TIMESTAMP", 1700000000),
        *(("TIME", text) for text in ("24:00:00", "23:59:60", "1:2", "120000")),
        ("TIME", time(1, tzinfo=UTC)),
        ("TIME", datetime(2024, 1, 1)),
        *(
            ("JSON", text)
            for text in ("hello", "{'a': 1}", "NaN", "[1", "1e400", "0.12345678901234567890123", '"\\ud800"')
        ),
        *(("JSON", value) for value in (float("nan"), {"a": Decimal(1)}, {1j: 2}, date(2024, 1, 1), {"a": "\ud800"})),
        ("GEOGRAPHY", 1),
        ("INTERVAL", timedelta(1)),
        *(("ARRAY<INT64>", value) for value in (1, "12", {1: 2}, {1, 2}, [[1]], ["1"], b"ab")),
        *(
            ("STRUCT<a INT64, b STRING>", value)
            for value in ({"a": 1}, {"a": 1, "b": "x", "c": 1}, (1, "x"), {"a": "x"})
        ),
        ("STRUCT<INT64, b STRING>", {"": 1, "b": "x"}),
        ("STRUCT<a INT64, A STRING>", {"a": 1, "A": "x"}),
        ("RANGE<DATE>", {"start": date(2024, 1, 2), "end": date(2024, 1, 1)}),
        ("RANGE<DATE>", [date(2024, 1, 2), None]),
    ],
)
def test_what_is_no_value_of_a_type_is_refused(kind, value):
    with pytest.raises(ParameterError, match=r"Parameter @x is .*, which is no "):
        sent(value, kind)


def test_missing_values_are_null():
    for missing in (None, pd.NA, pd.NaT, np.datetime64("NaT")):
        assert sent(missing, "DATE") == {"value": None}


def test_fields_come_in_the_order_of_the_type():
    told = typed(OrderedDict(b="x", a=1), "STRUCT<a INT64, b STRING>")
    assert list(check(told).value) == ["a", "b"]


def test_a_null_array_is_an_empty_one_on_every_route():
    assert check(typed(None, "ARRAY<INT64>")).value == []
    assert sent(None, "ARRAY<INT64>") == sent([], "ARRAY<INT64>") == {"arrayValues": []}


def test_a_range_may_be_open():
    told = check(typed({"end": "2024-01-02"}, "RANGE<DATE>"))
    assert told.value == {"start": None, "end": date(2024, 1, 2)}


def test_what_is_checked_stays_as_it_is():
    told = check(typed(["a", None], "ARRAY<STRING>"))
    assert check(told) == told


@pytest.mark.parametrize(
    ("series", "kind", "values"),
    [
        (pd.Series(["EE", None]), "ARRAY<STRING>", ["EE", None]),
        (pd.Series(["EE", float("nan")], dtype=object), "ARRAY<STRING>", ["EE", None]),
        (pd.Series([None, None], dtype="str"), "ARRAY<STRING>", [None, None]),
        (pd.Series([], dtype="str"), "ARRAY<STRING>", []),
        (pd.Series(["a", None], dtype="category"), "ARRAY<STRING>", ["a", None]),
        (pd.Series([], dtype="datetime64[us]"), "ARRAY<DATETIME>", []),
        (pd.Series([], dtype="datetime64[us, UTC]"), "ARRAY<TIMESTAMP>", []),
        (pd.Series([pd.NaT], dtype="datetime64[ns]"), "ARRAY<DATETIME>", [None]),
        (pd.Series([True, None], dtype="boolean"), "ARRAY<BOOL>", [True, None]),
        (pd.Series([None], dtype="Float64"), "ARRAY<FLOAT64>", [None]),
        (pd.Series([], dtype="int64"), "ARRAY<INT64>", []),
        (pd.Index([], dtype="str"), "ARRAY<STRING>", []),
        (np.array([], dtype="datetime64[D]"), "ARRAY<DATE>", []),
        (np.array(["a"], dtype="U1"), "ARRAY<STRING>", ["a"]),
    ],
)
def test_a_series_has_the_type_that_its_dtype_says(series, kind, values):
    from bigpato_magic.parameters import parameter

    found = parameter("v", series)
    assert (str(found.type), found.value) == (kind, values)


@pytest.mark.parametrize("value", [np.datetime64("20000-01-01"), np.datetime64("20000-01-01T00:00:00")])
def test_a_day_beyond_pythons_is_no_number(value):
    from bigpato_magic.parameters import parameter

    with pytest.raises(ParameterError, match="outside the years 1 to 9999"):
        parameter("v", value)
