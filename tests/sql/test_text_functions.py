"""Functions of texts that are written anew here are Google's: over many inputs, against the evaluator."""

from __future__ import annotations

import random

import pytest

from bigpato_magic.googlesql.evaluation import WorkLimits, evaluate
from bigpato_magic.sql.udfs import encodings, printf, regexp, strings
from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure
from tests.faithfulness import engine


@pytest.fixture(scope="module", autouse=True)
def analyzer():
    engine.ready()


def reference(expressions: list[str]) -> list[object]:
    """Google's answers to these, in one query."""
    columns = ", ".join(f"{expression} AS c{i}" for i, expression in enumerate(expressions))
    return list(evaluate(f"SELECT {columns}", limits=WorkLimits(measured=False)).to_pylist()[0].values())


def literal(data: bytes) -> str:
    return "b'" + "".join(f"\\x{byte:02x}" for byte in data) + "'"


@pytest.mark.parametrize("start", [0, 70, 140, 210])
def test_farm_fingerprints_of_every_length_are_googles(start):
    random_ = random.Random(start)
    data = [random_.randbytes(size) for size in range(start, start + 70)]
    assert [encodings.farm_fingerprint(one) for one in data] == reference(
        [f"FARM_FINGERPRINT({literal(d)})" for d in data]
    )


WHOLE = (0, 1, -1, 7, 255, -255, 1234, 1234567, -98765432, 2**63 - 1, -(2**63))
REAL = (0.0, 1.0, -1.5, 2.5, 0.1, 1e-7, 123456.789, 1e21, -2.345, 99999.5, 0.00012345, float("inf"), float("-inf"))
NUMERICS = (
    "0",
    "1",
    "-1.5",
    "2.5",
    "0.000000001",
    "-123456.789",
    "99999.5",
    "9.9999995",
    "0.00012345",
    "-0.05",
    "1e20",
)


def specifiers(letters: str, count: int, seed: int) -> list[tuple[str, int, int, str]]:
    """Flags, widths, precisions and letters."""
    random_ = random.Random(seed)
    found = []
    for _ in range(count):
        flags = "".join(flag for flag in "-+ #0'" if random_.random() < 0.25)
        width = random_.choice((0, 0, 3, 8, 15))
        precision = random_.choice((-1, -1, 0, 1, 3, 7, 12))
        found.append((flags, width, precision, random_.choice(letters)))
    return found


def text_of(flags: str, width: int, precision: int, letter: str) -> str:
    return f"%{flags}{width or ''}{'' if precision < 0 else f'.{precision}'}{letter}"


@pytest.mark.parametrize(
    ("function", "letters", "values"),
    [
        (printf.format_integer, "dixXo", [(v, f"CAST('{v}' AS INT64)") for v in WHOLE]),
        (printf.format_float, "fFeEgG", [(v, f"CAST('{v!r}' AS FLOAT64)") for v in REAL]),
        (printf.format_numeric, "fFeEgG", [(strings.parse_numeric(v), f"PARSE_NUMERIC('{v}')") for v in NUMERICS]),
        (printf.format_text, "s", [(v, repr(v)) for v in ("", "ab", "日本語", "a longer text")]),
    ],
)
def test_format_prints_numbers_and_texts_as_google_does(function, letters, values):
    sure, expressions = [], []
    for flags, width, precision, letter in specifiers(letters, 60, 5):
        for value, sql in values:
            try:
                sure.append(function(flags + letter, width, precision, value))
            except Unsure:
                continue
            expressions.append(f'FORMAT("{text_of(flags, width, precision, letter)}", {sql})')
    found = [answer for i in range(0, len(expressions), 200) for answer in reference(expressions[i : i + 200])]
    wrong = [case for case in zip(expressions, sure, found, strict=True) if case[1] != case[2]]
    assert len(expressions) > 100
    assert not wrong


@pytest.mark.parametrize(
    ("text", "pattern", "found"),
    [
        ("abc", "b*", ["", "b", ""]),
        ("aé日", "", ["", "", ""]),
        ("a1b2", r"([a-z])\d", ["a", "b"]),
        ("abc", "(x)?", ["", "", ""]),
    ],
)
def test_all_matches_are_googles(text, pattern, found):
    assert regexp.extract_all(text, pattern) == found
    assert reference([f"REGEXP_EXTRACT_ALL('{text}', r'{pattern}')"]) == [found]


def test_two_groups_are_an_error_where_one_is_asked_for():
    with pytest.raises(InvalidValue, match="group"):
        regexp.extract_all("abc", "(a)(b)")
    with pytest.raises(InvalidValue, match="does not have"):
        regexp.replace("abc", "(a)", r"\2")


@pytest.mark.parametrize(("position", "what"), [(2, "an anchor"), (3, "a position after the last character")])
def test_where_google_may_look_at_bytes_the_query_goes_to_bigquery(position, what):
    with pytest.raises(Unsure, match=what):
        regexp.extract("éa" if position == 2 else "éé", "^a" if position == 2 else "a", position, 1)


def test_letters_that_unicode_may_still_pair_are_left_to_bigquery():
    assert strings.upper("Straße, ŁÓDŹ, Ωμέγα, Жизнь, 日本語") == "STRASSE, ŁÓDŹ, ΩΜΈΓΑ, ЖИЗНЬ, 日本語"
    with pytest.raises(Unsure, match="case"):
        strings.upper("\u10d0")
    with pytest.raises(Unsure, match="new in Unicode"):
        strings.upper("\u0378")


def test_base32_is_rfc_4648_with_padding_and_nothing_else_is_read():
    """https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions#to_base32"""
    assert encodings.to_base32(b"abcde\xff") == "MFRGGZDF74======"
    assert encodings.from_base32("MFRGGZDF74======") == b"abcde\xff"
    assert encodings.from_base32("") == b""
    for odd in ("MFRGG", "mfrgg===", "MZ======", "MFRGG=== ", "M1======"):
        with pytest.raises(Unsure):
            encodings.from_base32(odd)


@pytest.mark.parametrize(
    ("text", "sought", "found"),
    [
        ("'the blue house'", "Blue house", True),
        ("'the red house'", "blue", False),
        ("''", "a", False),
        ("CAST(NULL AS STRING)", "a", None),
    ],
)
def test_contains_substr_is_as_in_its_page_s_examples(text, sought, found):
    """https://cloud.google.com/bigquery/docs/reference/standard-sql/search_functions#contains_substr"""
    kind, table = engine.answer(f"SELECT CONTAINS_SUBSTR(x, '{sought}') AS r FROM UNNEST([{text}]) AS x")
    assert kind == "local", table
    assert table.to_pylist() == [{"r": found}]


@pytest.mark.parametrize("asked", ["CONTAINS_SUBSTR(x, '')", "CONTAINS_SUBSTR(x, 'é')", "CONTAINS_SUBSTR(x, NULL)"])
def test_contains_substr_of_other_texts_is_bigquerys(asked):
    assert engine.answer(f"SELECT {asked} AS r FROM UNNEST(['abc']) AS x")[0] == "routed"
