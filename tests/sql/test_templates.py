"""Nothing looks into a finished text: templates are read once, and what a person wrote is never taken for one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bigpato_magic import googlesql
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.sql import rules
from bigpato_magic.sql.expr import Expr, assemble, column
from bigpato_magic.sql.physical import literal
from bigpato_magic.sql.refusal import Unsupported
from bigpato_magic.sql.rules import NULL_ON_ERROR
from bigpato_magic.sql.templates import fill, mark, parse
from bigpato_magic.types import Compiled, Kind, SqlType
from tests.faithfulness import engine
from tests.faithfulness.judge import judge

FOLDER = Path(rules.__file__).parent.parent
A, B = mark(0), mark(1)
INT64, STRING = SqlType(Kind.INT64), SqlType(Kind.STRING)
# Modules that may use regular expressions, and what they read with them.
READERS = {
    "templates.py": "templates, when they are first used",
    "physical.py": "the type's name in a copy's statistics",
    "rules/base.py": "signatures of rules",
    "rules/casting.py": "formats that a query gives as constants",
    "rules/formats.py": "formats that a query gives as constants",
    "rules/json.py": "JSON paths that a query gives as constants",
    "rules/parses.py": "formats that a query gives as constants",
    "rules/printf.py": "formats that a query gives as constants",
    "rules/regexp.py": "regular expressions that a query gives as constants",
}
# What looks into a text, or changes it.
LOOKING = {"find", "rfind", "index", "partition", "rpartition", "replace", "startswith", "endswith", "count"}


@pytest.fixture(scope="module", autouse=True)
def analyzer():
    engine.ready()


def compiled(sql: str) -> Compiled:
    found = compile_query(googlesql.analyze(sql), {})
    assert isinstance(found, Compiled), found
    return found


def modules() -> dict[str, ast.Module]:
    paths = [*FOLDER.glob("*.py"), *(FOLDER / "rules").glob("*.py")]
    return {str(path.relative_to(FOLDER)): ast.parse(path.read_text()) for path in paths}


def test_regular_expressions_are_for_templates_and_for_what_a_person_wrote():
    importing = {
        name
        for name, module in modules().items()
        for node in ast.walk(module)
        if isinstance(node, ast.Import) and any(each.name == "re" for each in node.names)
    }
    assert importing == set(READERS)


def is_text(node: ast.expr) -> bool:
    """`e.sql`, `call.sql(0)`, or a text that is made of some."""
    if isinstance(node, ast.Call):
        return is_text(node.func)
    return isinstance(node, ast.Attribute) and node.attr == "sql"


@pytest.mark.parametrize("name", sorted(modules()))
def test_no_step_looks_into_a_finished_text(name):
    wrong = []
    for node in ast.walk(modules()[name]):
        if isinstance(node, ast.Attribute) and node.attr in LOOKING and is_text(node.value):
            wrong.append(node.lineno)
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.In, ast.NotIn)):
            wrong += [node.lineno for side in node.comparators if is_text(side)]
        if isinstance(node, ast.Subscript) and is_text(node.value):
            wrong.append(node.lineno)
    assert wrong == []


# ------------------------------------------------------------------------------------- what is read of a template


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        (f"bp_floor_div({A}, {B})", {A, B}),
        (f"(CASE WHEN {A} = 0 THEN {B} END)", {A}),
        (f"(CASE WHEN {A} = 0 AND {B} > 1 THEN 1 END)", {A}),
        (f"bp_idiv({A}, {B})", set()),
        (f"coalesce({A}, {B})", set()),
        (f"lower({A}) || 'CASE WHEN x AND y' || {B}", {A, B}),
    ],
)
def test_what_is_evaluated_in_every_row(text, marks):
    template = parse(text)
    assert {each for each in (A, B) if template.evaluates([each])} == marks


@pytest.mark.parametrize(
    ("text", "times"),
    [
        (f"({A} BETWEEN {B} AND 5)", {A: 2, B: 1}),
        (f"(CASE {A} WHEN 1 THEN {B} WHEN 2 THEN 3 END)", {A: 2, B: 1}),
        (f"bp_fadd({A}, {B})", {A: 3, B: 3}),
        (f"bp_fadd(bp_fadd({A}, 1), {B})", {A: 9, B: 3}),
        (f"'{{a}} §0§ $1 ?' || {A}", {A: 1}),
    ],
)
def test_mentions_count_with_macros_expanded(text, times):
    assert parse(text).mentions == times


def test_what_is_known_of_a_text_is_composed_of_its_parts():
    x, y = column("t1.x", "t1", INT64), column("t2.y", "t2", INT64)
    total = assemble([x, y], lambda parts: Expr(f"bp_fadd({parts[0].sql}, {parts[1].sql})", INT64))
    assert total.sql == "bp_fadd(t1.x, t2.y)"
    assert total.properties.aliases == {"t1", "t2"}
    assert total.properties.guarded
    assert total.properties.characters == len(total.sql)
    assert total.written("({a} + {a})").sql == "(bp_fadd(t1.x, t2.y) + bp_fadd(t1.x, t2.y))"
    assert total.written("({a} + {a})").properties.tokens > 2 * total.properties.tokens
    assert not assemble([x], lambda parts: Expr(f"({parts[0].sql} + 1)", INT64)).properties.guarded


def test_a_mark_is_nothing_that_a_query_can_write():
    with pytest.raises(Unsupported, match="NUL"):
        literal(f"a{mark(0)}b", STRING)
    value = literal("{a} $1 §0§", STRING)
    assert assemble([value], lambda parts: Expr(fill("lower({a})", {"a": parts[0].sql}), STRING)).sql == (
        "lower('{a} $1 §0§')"
    )


def test_literals_have_the_tokens_that_they_are_said_to_have():
    values = {
        Kind.BOOL: (True,),
        Kind.BYTES: (b"", b"a b"),
        Kind.FLOAT64: (1.5, -2e300),
        Kind.INT64: (7, -7),
        Kind.JSON: ("{}",),
        Kind.NUMERIC: (7,),
        Kind.STRING: ("", "it's (SELECT error(1)) CASE", '"'),
        Kind.TIMESTAMP: (0,),
    }
    for kind, some in values.items():
        for value in some:
            if kind is not Kind.NUMERIC:
                e = literal(value, SqlType(kind))
                assert e.properties.tokens == parse(e.sql).tokens, e


# --------------------------------------------------------------------------------- texts that look like our own


def test_a_literal_is_not_changed_where_errors_become_null():
    assert NULL_ON_ERROR.attempt("lower('CAST(1 AS x)')") == "TRY(lower('CAST(1 AS x)'))"
    assert NULL_ON_ERROR.attempt("lower('bp_date(x)') || error('no')") == "TRY(lower('bp_date(x)') || NULL)"
    assert NULL_ON_ERROR.attempt(f"bp_date(CAST({A} AS DATE))") == f"TRY(bp_quiet_date(TRY_CAST({A} AS DATE)))"
    with pytest.raises(Unsupported, match="SAFE"):
        NULL_ON_ERROR.attempt("bp_far_clock(1)")


LOOKING_ALIKE = ("$bp_now", "$1", "$p1", "?", "{a}", "§0§", "(SELECT 1)", "error('route: x')", "CAST(1 AS x)", "t1.c")


@pytest.mark.parametrize("text", LOOKING_ALIKE)
@pytest.mark.parametrize(
    "query",
    [
        "SELECT {} AS x",
        "SELECT CONCAT(LOWER({}), UPPER({})) AS x",
        "SELECT x, y FROM (SELECT {} AS x, 7 AS y) WHERE x LIKE {} AND NOT x LIKE 'z'",
        "SELECT IF(LENGTH({}) > 3, {}, REPLACE({}, 'a', 'b')) AS x",
        "SELECT STRUCT({} AS `a b`, 1 AS `CASE`).`a b` AS x",
        "SELECT x FROM UNNEST([{}, 'b']) AS x ORDER BY x || ' ASC NULLS ' || {}, 1",
    ],
)
def test_what_a_person_wrote_is_a_value(text, query):
    constant = '"' + text + '"'
    verdict = judge(query.replace("{}", constant))
    assert verdict.kind == "same", verdict


@pytest.mark.parametrize(
    "query",
    [
        "SELECT FORMAT_DATE('{t} {m} {o} %Y-%e', d) AS x, FORMAT_DATE('{t}', d) AS y FROM UNNEST([DATE '2024-02-03']) AS d",
        "SELECT FORMAT_TIMESTAMP('{t}{m}{o}%Z', ts) AS x FROM UNNEST([TIMESTAMP '2024-02-03 04:05:06+00']) AS ts",
        "SELECT CAST(ts AS STRING FORMAT '\"{t}{o}\"YYYYMM') AS x FROM UNNEST([DATETIME '2024-02-03 04:05:06']) AS ts",
        "SELECT FORMAT('%s {a} %t', s, [1]) AS x, REGEXP_REPLACE(s, 'a|$', '{b}') AS y FROM UNNEST(['{a}']) AS s",
        "SELECT PARSE_DATE('{t}%Y', s) AS x FROM UNNEST(['{t}2024']) AS s",
        "SELECT JSON_VALUE(j, '$.\"{a}\"') AS x, TO_JSON(STRUCT(j AS `{x}`)) AS y FROM UNNEST(['{\"{a}\": 1}']) AS j",
        "SELECT STRING_AGG(s, '{a}{tail}' ORDER BY s) AS x FROM UNNEST(['{b}', 'c']) AS s",
        "SELECT TRIM(s, '{}') AS x, SPLIT(s, '{') AS y, s LIKE '{%}' AS z FROM UNNEST(['{a}']) AS s",
    ],
)
def test_what_a_person_wrote_in_a_constant_of_a_rule_is_a_value(query):
    verdict = judge(query)
    assert verdict.kind == "same", verdict


def test_what_is_sought_is_a_value():
    where, table = engine.answer("SELECT CONTAINS_SUBSTR(s, '{a}') AS x FROM UNNEST(['x{A}', 'b', 'A']) AS s")
    assert (where, table.column("x").to_pylist()) == ("local", [True, False, False])


@pytest.mark.parametrize("text", LOOKING_ALIKE)
def test_what_a_person_wrote_is_a_value_beside_the_moment(text):
    where, table = engine.answer(f'SELECT "{text}" AS x, CURRENT_DATE() > DATE "2020-01-01" AS now')
    assert (where, table.to_pylist()) == ("local", [{"x": text, "now": True}])


def test_a_text_about_errors_raises_none():
    assert compiled("SELECT \"error('x')\" AS x, '$bp_now' AS y").total
    assert not compiled("SELECT CURRENT_TIMESTAMP() AS x").total
    assert not compiled("SELECT [1, NULL] AS x").total


def test_not_like_is_seen_by_the_optimizer():
    sql = compiled("SELECT NOT x LIKE 'a b%' AS y FROM (SELECT CONCAT('a', ' b') AS x)").sql
    assert " NOT LIKE 'a b%')" in sql
