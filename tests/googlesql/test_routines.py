"""Persistent functions that a text calls: their names are found, their bodies stand in place of the calls."""

from __future__ import annotations

import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.resolved import tree
from bigpato_magic.types import Kind, RoutineFacts, RoutineId, SqlType

INT, FLOAT = SqlType(Kind.INT64), SqlType(Kind.FLOAT64)


def routine(name, body, *arguments, returns=None):
    return RoutineFacts(RoutineId("p", "d", name), arguments, returns, body)


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT UPPER(a.b), COUNT(*), (SELECT 1) FROM d.t AS a", ()),
        ("SELECT NET.HOST(x), SAFE.SUBSTR(x, 1), HLL_COUNT.EXTRACT(y) FROM t", ()),
        ("SELECT a.b IN (1, 2), a.b AS c, (a.b) FROM t AS a", ()),
        ("SELECT '`d.f`(1)' -- d.f(1)\n /* d.g(2) */", ()),
        ("SELECT d.f(1), p.d.g(d.f(2))", (("d", "f"), ("p", "d", "g"))),
        ("SELECT `p.d.f`(1), `p`.d.f (2)", (("p.d.f",), ("p", "d", "f"))),
        ("SELECT * FROM d.tvf(3)", (("d", "tvf"),)),
        ("CREATE TEMP FUNCTION g(x INT64) AS (d.f(x)); SELECT g(1)", (("d", "f"),)),
        ("SELECT x FROM t WHERE EXISTS (SELECT 1 FROM UNNEST(d.f(y)) AS z WHERE z > d.f(1))", (("d", "f"),)),
    ],
)
def test_the_names_of_those_that_are_called(analyzer, sql, names):
    assert googlesql.called(sql) == names


def evaluated(sql, **routines):
    known = {("d", name): facts for name, facts in routines.items()}
    return googlesql.evaluate(sql, {}, (), routines=known).to_pylist()


def test_a_body_stands_in_place_of_its_call(analyzer):
    half = routine("half", "x / 2", ("x", FLOAT), returns=FLOAT)
    both = routine("both", "[x, d.half(x)]", ("x", INT))
    assert evaluated("SELECT d.both(3) AS b, d.half(1) AS h", half=half, both=both) == [{"b": [3.0, 1.5], "h": 0.5}]


def test_an_argument_is_evaluated_once(analyzer):
    known = {("d", "twice"): routine("twice", "x = x", ("x", None))}
    query = googlesql.analyze("SELECT d.twice(RAND()) AS same", {}, (), known)
    assert [tree.function_name(call) for call in tree.walk(query.tree, ("FunctionCall",))].count("rand") == 1


@pytest.mark.parametrize(("sql", "why"), [("SELECT D.Half(1.0)", "know case"), ("SELECT d.HALF(1.0)", "know case")])
def test_names_know_case(analyzer, sql, why):
    half = routine("half", "x / 2", ("x", FLOAT))
    with pytest.raises(AnalyzerUnavailable, match=why):
        googlesql.analyze(sql, {}, (), googlesql.named(sql, "p", lambda ids: dict.fromkeys(ids, half)))


def test_functions_that_call_one_another_in_a_circle_are_bigquerys(analyzer):
    known = {
        RoutineId("p", "d", "a"): routine("a", "d.b(x)", ("x", INT)),
        RoutineId("p", "d", "b"): routine("b", "d.a(x)", ("x", INT)),
    }
    named = googlesql.named("SELECT d.a(1)", "p", lambda ids: {id_: known[id_] for id_ in ids})
    with pytest.raises(AnalyzerUnavailable, match="circle"):
        googlesql.analyze("SELECT d.a(1)", {}, (), named)


def test_calls_that_explode_are_bigquerys(analyzer):
    known = {RoutineId("p", "d", "f0"): routine("f0", "x", ("x", INT))}
    for n in range(1, 12):
        known[RoutineId("p", "d", f"f{n}")] = routine(f"f{n}", f"d.f{n - 1}(x) + d.f{n - 1}(x + 1)", ("x", INT))
    sql = "SELECT d.f11(1)"
    named = googlesql.named(sql, "p", lambda ids: {id_: known[id_] for id_ in ids})
    assert len(named) == 12
    with pytest.raises(AnalyzerUnavailable, match="calls"):
        googlesql.analyze(sql, {}, (), named)


def test_what_a_statement_makes(analyzer):
    sql = "CREATE OR REPLACE FUNCTION `p-1`.d.f(x INT64, y ANY TYPE, z ARRAY<STRUCT<a INT64, b STRING>>) RETURNS FLOAT64 AS (x)"
    made = googlesql.routine_of(sql, "other")
    assert str(made.id) == "p-1.d.f"
    assert [(name, str(kind)) for name, kind in made.arguments] == [
        ("x", "INT64"),
        ("y", "None"),
        ("z", "ARRAY<STRUCT<a INT64, b STRING>>"),
    ]
    assert (made.returns, made.body, made.obstacle) == (FLOAT, "x", None)
    script = googlesql.routine_of("CREATE FUNCTION d.g(x STRING) RETURNS STRING LANGUAGE js AS r'return x'", "p")
    assert (script.language, script.obstacle) == (
        "JAVASCRIPT",
        "the function p.d.g is not written in SQL: only BigQuery runs it",
    )
    with pytest.raises(AnalyzerUnavailable, match="lasts"):
        googlesql.routine_of("CREATE TEMP FUNCTION g(x INT64) AS (x)", "p")
