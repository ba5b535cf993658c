"""The first line of a cell: `[var <<] [options] [SQL]`, and nothing of it is ever pasted into the query."""

from __future__ import annotations

import pytest

from bigpato_magic.errors import ConfigurationError, ParameterError
from bigpato_magic.notebook import magic_line
from bigpato_magic.notebook.magics import QueryMagics

PARSER = QueryMagics.bpsql.parser


def read(line, cell="SELECT 1"):
    return magic_line.read(PARSER, line, cell)


@pytest.mark.parametrize(
    ("line", "name", "shown"),
    [
        ("df <<", "df", False),
        ("df<<", "df", False),
        ("df = <<", "df", True),
        ("df", "df", False),
        ("résumé <<", "résumé", False),
        ("df --dry_run", "df", False),
        ("--dry_run df", "df", False),
        ("", None, False),
    ],
)
def test_where_the_result_goes(line, name, shown):
    asked = read(line)
    assert (asked.destination, asked.shown) == (name, shown)


@pytest.mark.parametrize("line", ["class <<", "class", "2df"])
def test_a_name_that_is_none_is_refused(line):
    with pytest.raises(ConfigurationError, match="cannot be the name of a variable"):
        read(line)


def test_two_names_are_refused():
    with pytest.raises(ConfigurationError, match="two names, a and b"):
        read("a << b")


def test_a_shift_in_the_query_is_no_destination():
    assert magic_line.read(PARSER, "SELECT 1<<2 AS x", None).sql == "SELECT 1<<2 AS x"
    assert read("", "SELECT 1 << 2").destination is None
    assert magic_line.read(PARSER, "x << SELECT 1<<2", None) == magic_line.read(PARSER, "x <<  SELECT 1<<2", None)


def test_a_query_may_begin_behind_the_arrow():
    asked = read("df << SELECT country,", "COUNT(*) FROM orders GROUP BY 1")
    assert asked.destination == "df"
    assert asked.sql == "SELECT country,\nCOUNT(*) FROM orders GROUP BY 1"


def test_one_line_has_its_options_before_the_query():
    asked = magic_line.read(PARSER, "df << --route local --max_results 3 SELECT '--route' AS r -- no", None)
    assert (asked.options.route, asked.options.max_results) == ("local", 3)
    assert asked.sql == "SELECT '--route' AS r -- no"


def test_units_are_spelled():
    asked = read("--max_staleness '5 min' --maximum_bytes_billed \"10 GiB\"")
    assert (asked.options.max_staleness, asked.options.maximum_bytes_billed) == (300.0, 10 * 2**30)


def test_both_spellings_of_an_option():
    assert read("--dry-run").options.dry_run
    assert read("--dry_run").options.dry_run
    assert read("--max-results=7").options.max_results == 7


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"n": 5}', {"n": 5}),
        ("{'n': 5}", {"n": 5}),
        ("{'n': -5, 'ok': True, 'x': None}", {"n": -5, "ok": True, "x": None}),
        ('{"ok": true, "x": null}', {"ok": True, "x": None}),
        ("'{\"n\": 5}'", {"n": 5}),
        ("\"{'n': 5}\"", {"n": 5}),
        ("$mine", {"a": 1}),
        ("mine", {"a": 1}),
        ('{"n": $count, "list": [1, $count]}', {"n": 3, "list": [1, 3]}),
        ("{'s': 'costs $count {braces}'}", {"s": "costs $count {braces}"}),
        ("{'s': \"it's } here\"}", {"s": "it's } here"}),
    ],
)
def test_params_as_people_write_them(text, value):
    asked = read(f"df << --params {text} --route local")
    assert asked.options.route == "local"
    assert magic_line.mapping(asked.params, {"mine": {"a": 1}, "count": 3}) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$nobody", "no such variable"),
        ("[1]", "takes a mapping, not a list"),
        ("{'n': open('x')}", "is no mapping"),
        ("{'n': __import__('os')}", "is no mapping"),
        ("$seven", "takes a mapping, not a int"),
    ],
)
def test_params_that_are_none(text, message):
    with pytest.raises(ParameterError, match=message):
        magic_line.mapping(text, {"seven": 7})


def test_a_parameters_name_is_a_text():
    with pytest.raises(ParameterError, match="--params names a parameter 7") as caught:
        magic_line.mapping("{k: 3}", {"k": 7})
    assert caught.value.hint == 'names stand in quotes: {"country": "EE"}'


def test_an_open_bracket_is_told():
    with pytest.raises(ParameterError, match="not closed"):
        read("--params {'n': 5")


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("--rout local", "no option --rout", "did you mean --route?"),
        ("--route cloud", "invalid choice: 'cloud'", "%bpsql?"),
        ("--max_results many", "invalid number of rows value: 'many'", "%bpsql?"),
        ("--max_results -3", "", "%bpsql?"),
        ("--max_staleness soon", "'soon' is not a duration as '5 min' or '30 s'", "%bpsql?"),
        ("--maximum_bytes_billed much", "'much' is not", "%bpsql?"),
        ("3 <<", "'3' cannot be the name of a variable", None),
        ("df.x = <<", "'df.x' cannot be the name of a variable", None),
        ("--max_results", "a value is missing", "%bpsql?"),
        ("--use_legacy_sql", "no option --use_legacy_sql", "legacy SQL is not spoken here"),
        ("--route 'local", "a quote in the first line is not closed", None),
    ],
)
def test_a_wrong_option_is_one_sentence_with_a_way_out(line, message, hint):
    with pytest.raises(ConfigurationError) as caught:
        read(line)
    assert message in caught.value.message
    assert "\n" not in caught.value.message
    assert hint is None or hint in caught.value.hint
