"""What is shown of a frame: NULL, NaN and '' are three things; the frame itself stays what Google's client makes."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from bigpato_magic import frames
from bigpato_magic.notebook.footnote import Note
from bigpato_magic.notebook.frame import noted
from bigpato_magic.types import Kind, OutputColumn, QueryResult, Reason, RunOnBigQuery, SqlType, array_of, struct_of

INT64, FLOAT64, STRING, NUMERIC, BIGNUMERIC, BYTES, BOOL, DATE, DATETIME, TIMESTAMP, TIME, JSON, INTERVAL = (
    SqlType(Kind(name))
    for name in (
        "INT64", "FLOAT64", "STRING", "NUMERIC", "BIGNUMERIC", "BYTES", "BOOL", "DATE", "DATETIME", "TIMESTAMP", "TIME",
        "JSON", "INTERVAL",
    )
)  # fmt: skip
AT = datetime(2024, 1, 31, 10, 0, 0, 500_000, tzinfo=UTC)
NAN = float("nan")


def shown(columns, **options):
    """The frame of a result with these columns: name → (type, values)."""
    outputs = tuple(OutputColumn(name, kind) for name, (kind, _) in columns.items())
    arrays = [pa.array(values, type=frames.arrow_type(kind)) for kind, values in columns.values()]
    table = pa.Table.from_arrays(arrays, schema=frames.arrow_schema(outputs))
    note = Note(QueryResult(table, outputs, RunOnBigQuery("SELECT", (Reason("asked", "asked"),)), 0.1), **options)
    return noted(frames.to_pandas(table), note, table)


def text(frame) -> list[str]:
    data, _ = frame._repr_mimebundle_()
    return data["text/plain"].splitlines()[:-1]  # without the footnote


def cells(kind, *values) -> list[str]:
    """How values of a type are written, in text."""
    return [re.split(r" {2,}", line, maxsplit=1)[1].strip() if line[1:].strip() else "" for line in text(
        shown({"x": (kind, list(values))})
    )[1:]]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        (INT64, None, "NULL"),
        (INT64, 3, "3"),
        (STRING, None, "NULL"),
        (STRING, "NULL", "'NULL'"),
        (STRING, "NaN", "NaN"),
        (STRING, "a\nb", "a\\nb"),
        (NUMERIC, Decimal("12.500000000"), "12.5"),
        (NUMERIC, Decimal("100"), "100"),
        (NUMERIC, Decimal("-0.000000001"), "-0.000000001"),
        (NUMERIC, None, "NULL"),
        (BIGNUMERIC, Decimal("1e-30"), "0.000000000000000000000000000001"),
        (BIGNUMERIC, Decimal("1234567890123456789012345678901.25"), "1234567890123456789012345678901.25"),
        (BYTES, b"", "b''"),
        (BYTES, None, "NULL"),
        (BOOL, None, "NULL"),
        (BOOL, True, "True"),
        (DATE, date(2024, 1, 31), "2024-01-31"),
        (DATE, date(1, 1, 1), "0001-01-01"),
        (DATE, None, "NULL"),
        (DATETIME, datetime(2024, 1, 31), "2024-01-31 00:00:00"),
        (TIMESTAMP, AT, "2024-01-31 10:00:00.500000+00:00"),
        (TIMESTAMP, None, "NULL"),
        (TIME, time(10), "10:00:00"),
        (JSON, "null", "null"),
        (JSON, None, "NULL"),
        (INTERVAL, pa.MonthDayNano([-14, 3, -5_500_000_000]), "-1-2 3 -0:0:5.500"),
        (INTERVAL, None, "NULL"),
        (array_of(DATE), [date(2024, 1, 31)], "[2024-01-31]"),
        (array_of(TIMESTAMP), [AT], "[2024-01-31 10:00:00.500000+00:00]"),
        (array_of(DATETIME), [datetime(2024, 1, 31)], "[2024-01-31 00:00:00]"),
        (array_of(NUMERIC), [Decimal("1.500000000")], "[1.5]"),
        (array_of(FLOAT64), [1.0, NAN], "[1.0, NaN]"),
        (array_of(STRING), ["", "NULL"], "['', 'NULL']"),
        (array_of(INT64), [], "[]"),
        (struct_of(("q", NUMERIC), ("z", STRING), ("w", FLOAT64)), None, "NULL"),
        (
            struct_of(("q", NUMERIC), ("z", STRING), ("w", FLOAT64)),
            {"q": Decimal("1.200000000"), "z": None, "w": NAN},
            "{q: 1.2, z: NULL, w: NaN}",
        ),
        (array_of(struct_of(("f", FLOAT64),)), [{"f": None}, {"f": NAN}], "[{f: NULL}, {f: NaN}]"),
        (struct_of(("a", array_of(DATE))), {"a": [date(2024, 1, 31)]}, "{a: [2024-01-31]}"),
        (
            SqlType(Kind.RANGE, element=DATE),
            {"start": date(2024, 1, 1), "end": None},
            "[2024-01-01, UNBOUNDED)",
        ),
        (SqlType(Kind.RANGE, element=DATE), None, "NULL"),
    ],
)  # fmt: skip
def test_a_value_is_written_as_what_it_is(kind, value, written):
    assert cells(kind, value) == [written]


def test_null_nan_and_an_empty_text_are_three_things():
    frame = shown({"f": (FLOAT64, [1.5, None, NAN]), "s": (STRING, ["duck", None, ""])})
    assert text(frame) == ["      f  s", "0   1.5  duck", "1  NULL  NULL", "2   NaN"]
    page = frame._repr_mimebundle_()[0]["text/html"]
    assert page.count(">NULL</i>") == 2
    assert page.count("NaN") == 1
    assert frame["f"].isna().tolist() == [False, True, True]  # the frame is as it was


def test_a_frame_that_was_changed_in_place_shows_what_it_holds_now():
    frame = shown({"f": (FLOAT64, [1.0, None, 7.0, None])})
    frame.loc[0, "f"] = NAN
    frame.loc[1, "f"] = 5.0
    frame["g"] = 1
    assert [line.split()[1] for line in text(frame)[1:]] == ["NaN", "5.0", "7.0", "NULL"]
    frame["f"] = frame["f"].to_numpy()[::-1].copy()
    assert [line.split()[1] for line in text(frame)[1:]] == ["NaN", "7.0", "5.0", "NaN"]  # none is known to be a NULL


def test_words_stand_left_and_numbers_right():
    page = shown({"s": (STRING, ["duck"]), "n": (NUMERIC, [Decimal(1)]), "i": (INT64, [1])})._repr_mimebundle_()[0][
        "text/html"
    ]
    assert re.findall(r"<td style=\"text-align:(\w+)", page) == ["left", "right", "right"]
    assert re.findall(r"<th style=\"text-align:(\w+)", page) == ["left", "right", "right"]


def test_words_have_room_among_many_columns():
    page = shown({"s": (STRING, ["a long name of a thing"]), "t": (STRING, ["duck"])})._repr_mimebundle_()[0][
        "text/html"
    ]
    assert re.findall(r"<td style=\"[^\"]*?(?:;min-width:(\d+)ch)?\"", page) == ["22", ""]


def test_no_rows_are_said():
    frame = shown({"s": (STRING, []), "n": (NUMERIC, [])})
    assert text(frame)[-1] == "0 rows"
    assert "<p>0 rows</p>" in frame._repr_mimebundle_()[0]["text/html"]


def test_no_more_is_shown_than_pandas_would_and_the_size_of_the_whole_is_said():
    frame = shown({"i": (INT64, list(range(5000))), "f": (FLOAT64, [None] * 4999 + [NAN])})
    lines = text(frame)
    assert lines[-1] == "5,000 rows × 2 columns"
    assert [line.split()[0] for line in lines[1:12]] == [
        "0",
        "1",
        "2",
        "3",
        "4",
        "…",
        "4995",
        "4996",
        "4997",
        "4998",
        "4999",
    ]
    assert [line.split()[-1] for line in lines[10:12]] == ["NULL", "NaN"]
    with pd.option_context("display.max_rows", 2, "display.min_rows", 2):
        assert len(text(frame)) == 6


def test_columns_that_do_not_fit_stand_below_the_others_or_are_left_out_as_the_person_has_it():
    frame = shown({f"column_{i}": (STRING, ["x" * 30]) for i in range(6)})
    assert max(map(len, text(frame))) <= 80
    assert all(f"column_{i}" in "\n".join(text(frame)) for i in range(6))
    with pd.option_context("display.max_columns", 2):
        assert text(frame)[-1] == "1 row × 6 columns"


def test_a_long_array_is_cut_where_it_is_no_longer_seen():
    (cell,) = cells(array_of(INT64), list(range(100_000)))
    assert len(cell) == 50
    assert cell.endswith("…")


def test_html_is_text_and_blanks_stay():
    page = shown({"<b>": (STRING, ["<i>x</i>  y"])})._repr_mimebundle_()[0]["text/html"]
    assert "&lt;b&gt;" in page
    assert "&lt;i&gt;x&lt;/i&gt;  y" in page
    assert "white-space:pre-wrap" in page


def test_pandas_options_are_heeded():
    frame = shown({"f": (FLOAT64, [1 / 3])})
    with pd.option_context("display.precision", 2):
        assert "0.33" in text(frame)[1]
    with pd.option_context("display.notebook_repr_html", False):
        assert "<table" not in frame._repr_mimebundle_()[0]["text/html"]
