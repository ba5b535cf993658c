"""An error shows its place: on long lines, behind tabs and wide characters, in the text that the person wrote."""

from __future__ import annotations

import pytest

from bigpato_magic import places
from bigpato_magic.errors import QueryError
from bigpato_magic.notebook.origin import Composed
from bigpato_magic.warehouse.failures import by_reason


def shown(sql: str, line: int, column: int) -> list[str]:
    return QueryError("Unrecognized name: nope", sql=sql, line=line, column=column).excerpt()


def under_the_caret(text: str, caret: str) -> str:
    """What stands above the caret, by the columns of a terminal."""
    column, wanted = 0, places.width_of(caret[:-1])
    for place, character in enumerate(text):
        if column == wanted:
            return text[place:]
        column += places.width_of(character)
    return ""


@pytest.mark.parametrize(
    "line",
    [
        "SELECT nope FROM t",
        "SELECT\t\tnope FROM t",
        "\tSELECT 1,\tnope FROM t",
        "SELECT '日本語', nope FROM t",
        "SELECT '🦆🦆', nope FROM t",
        "SELECT 'e\u0301', nope FROM t",
        "SELECT '\u200b', nope FROM t",
        "SELECT 'a\u2028b', nope FROM t",
        "SELECT " + ", ".join(f"column_{i}" for i in range(400)) + ", nope, " + "x, " * 400 + "y FROM t",
        "SELECT " + "日本, " * 300 + "nope" + ", 日本" * 300,
        "\t" * 40 + "nope" + "\t" * 40 + "x",
        "x, " * 100 + "nope",
        "nope" + ", x" * 100,
    ],
)
def test_the_caret_stands_under_its_character_within_a_terminals_width(line):
    text, caret = shown(f"-- one\n{line}\n-- three", 2, line.index("nope") + 1)
    assert under_the_caret(text, caret).startswith("nope")
    assert max(places.width_of(text), places.width_of(caret)) <= 79
    assert text.startswith("  2 | ")


def test_a_place_behind_the_end_of_a_line_is_shown_there():
    text, caret = shown("SELECT 1 +", 1, 11)
    assert len(caret) == len(text) + 1


def test_what_is_left_out_is_told():
    text, _ = shown("a" * 300 + "nope" + "b" * 300, 1, 301)
    assert text.count("…") == 2
    assert "…" not in shown("SELECT nope", 1, 8)[0]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_where_googlesql_ends_them(end):
    sql = f"SELECT 'a\u2028b\x0b\x85',{end} nope"
    text, caret = shown(sql, 2, 2)
    assert under_the_caret(text, caret) == "nope"


def test_bigquerys_columns_count_tabs_as_eight():
    """https://github.com/google/googlesql/blob/master/googlesql/public/parse_location.h"""
    error = by_reason("invalidQuery", "Unrecognized name: nope at [2:17]", sql="SELECT\n\t1,\tnope")
    assert isinstance(error, QueryError)
    assert (error.line, error.column) == (2, 5)


def test_a_place_goes_to_an_offset_and_back():
    text = "ab\r\ncd\re\nf"
    assert [places.place_of(text, places.offset_of(text, *place)) for place in ((1, 2), (2, 1), (3, 1), (4, 1))] == [
        (1, 2),
        (2, 1),
        (3, 1),
        (4, 1),
    ]


SAVED = {"big": "SELECT *\nFROM orders\nWHERE bad > 1"}


@pytest.mark.parametrize(
    ("cell", "whole", "name", "told"),
    [
        ("SELECT 1,\n nope\nFROM big", "WITH big AS (\n{big}\n)\nSELECT 1,\n nope\nFROM big", "nope", (2, 2, "")),
        ("SELECT 1 FROM big", "WITH big AS (\n{big}\n)\nSELECT 1 FROM big", "bad", (3, 7, "big")),
        (
            "WITH a AS (SELECT 1)\nSELECT nope FROM big",
            "WITH big AS (\n{big}\n), a AS (SELECT 1)\nSELECT nope FROM big",
            "nope",
            (2, 8, ""),
        ),
        (
            "CREATE TABLE nope AS\nSELECT 1 FROM big",
            "CREATE TABLE nope AS\nWITH big AS (\n{big}\n)\nSELECT 1 FROM big",
            "nope",
            (1, 14, ""),
        ),
    ],
)
def test_an_error_under_with_is_told_where_the_person_wrote_it(cell, whole, name, told):
    whole = whole.format(**SAVED)
    line, column = places.place_of(whole, whole.index(name))
    error = QueryError("Unrecognized name.", sql=whole, line=line, column=column)
    Composed(whole, cell, SAVED).tell(error, {})
    assert (error.line, error.column) == told[:2]
    assert error.message == ("Unrecognized name (in the saved query big)" if told[2] else "Unrecognized name.")
    assert under_the_caret(*error.excerpt()).startswith(name)
