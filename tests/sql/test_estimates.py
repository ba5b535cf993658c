"""APPROX_COUNT_DISTINCT and its kin, for who wants the exact figure: what the exact query gives, by Google's evaluator."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from bigpato_magic import googlesql
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.types import Compiled, Refused
from tests.faithfulness import engine, judge
from tests.faithfulness.grid import VALUES

TYPES = (
    "INT64",
    "FLOAT64",
    "NUMERIC",
    "BIGNUMERIC",
    "STRING",
    "BYTES",
    "DATE",
    "DATETIME",
    "TIMESTAMP",
    "TIME",
    "BOOL",
)
NUMBER = 5
COUNTED = "SELECT g, APPROX_COUNT_DISTINCT(x) AS r FROM ({rows}) GROUP BY g"
COUNTED_EXACTLY = "SELECT g, COUNT(DISTINCT x) AS r FROM ({rows}) GROUP BY g"
QUANTILES = "SELECT g, APPROX_QUANTILES({distinct}x, {n}) AS r FROM ({rows}) GROUP BY g"
QUANTILES_EXACTLY = """
    SELECT g, ARRAY(SELECT sorted[ORDINAL(GREATEST(1, DIV(i * ARRAY_LENGTH(sorted) + {n} - 1, {n})))]
      FROM UNNEST(GENERATE_ARRAY(0, {n})) AS i WHERE ARRAY_LENGTH(sorted) > 0 ORDER BY i) AS r
    FROM (SELECT g, ARRAY_AGG({distinct}x IGNORE NULLS ORDER BY x) AS sorted FROM ({rows}) GROUP BY g)"""
# Of equally frequent values any may come first: how often the most frequent ones occur is certain.
TOP = """
    SELECT g, ARRAY(SELECT e.count FROM UNNEST(r) AS e WITH OFFSET AS o ORDER BY o) AS r
    FROM (SELECT g, APPROX_TOP_COUNT(x, {n}) AS r FROM ({rows}) GROUP BY g)"""
TOP_EXACTLY = """
    SELECT g, ARRAY_AGG(n ORDER BY n DESC LIMIT {n}) AS r
    FROM (SELECT g, x, COUNT(*) AS n FROM ({rows}) GROUP BY g, x) GROUP BY g"""


@pytest.fixture(scope="module", autouse=True)
def analyzer():
    engine.ready()


def compiled(sql: str, *, exact: bool = True) -> Compiled | Refused:
    return compile_query(googlesql.analyze(sql, {}), {}, exact=exact)


def answer(sql: str) -> list[Mapping[str, object]]:
    found = compiled(sql)
    assert isinstance(found, Compiled), found
    table = engine.run(found, [])
    return list(table.to_pylist())


def exactly(sql: str) -> list[Mapping[str, object]]:
    reference = judge.reference(googlesql.analyze(sql, {}))
    return list(reference.to_pylist())


def by_group(rows: list[Mapping[str, object]]) -> dict[object, object]:
    return {row["g"]: row["r"] for row in rows}


def values(kind: str, seed: int) -> str:
    """Rows of three groups, one of them of NULLs alone, with edge values that occur several times."""
    draw = random.Random(f"{kind} {seed}")
    known = [value for value in VALUES[kind] if "nan" not in value and value not in ("NULL", "-0.0")]
    rows = [(g, draw.choice([*known, "NULL"])) for g in (1, 2) for _ in range(draw.randint(1, 12))] + [(3, "NULL")]
    return " UNION ALL ".join(f"SELECT {g} AS g, CAST({value} AS {kind}) AS x" for g, value in rows)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("seed", range(2))
def test_an_estimate_asked_for_exactly_is_what_the_exact_query_gives(kind, seed):
    rows = values(kind, seed)
    assert by_group(answer(COUNTED.format(rows=rows))) == by_group(exactly(COUNTED_EXACTLY.format(rows=rows)))
    for distinct in ("", "DISTINCT "):
        how = {"rows": rows, "distinct": distinct, "n": NUMBER}
        assert by_group(answer(QUANTILES.format(**how))) == by_group(exactly(QUANTILES_EXACTLY.format(**how)))
    if kind != "FLOAT64":
        how = {"rows": rows, "n": 3}
        assert by_group(answer(TOP.format(**how))) == by_group(exactly(TOP_EXACTLY.format(**how)))


def test_quantiles_are_those_that_bigquery_gave_for_ten_rows():
    sql = "SELECT APPROX_QUANTILES(n, 4) AS q FROM UNNEST(GENERATE_ARRAY(1, 10)) AS n"
    assert answer(sql) == [{"q": [1, 3, 5, 8, 10]}]


def test_the_most_frequent_values_come_with_their_counts_and_null_is_one():
    sql = "SELECT APPROX_TOP_COUNT(x, 2) AS r FROM UNNEST(['a', 'b', 'b', NULL, NULL, NULL]) AS x"
    assert answer(sql) == [{"r": [{"value": None, "count": 3}, {"value": "b", "count": 2}]}]


def test_no_rows_have_no_quantiles_and_no_frequent_values():
    nothing = "UNNEST(CAST([] AS ARRAY<INT64>)) AS x"
    assert answer(
        f"SELECT APPROX_QUANTILES(x, 2) IS NULL AS q, APPROX_TOP_COUNT(x, 2) IS NULL AS t FROM {nothing}"
    ) == [{"q": True, "t": True}]


@pytest.mark.parametrize(
    "call",
    [
        "APPROX_QUANTILES(x, 2 RESPECT NULLS)",
        "APPROX_QUANTILES(x, 20000)",
        "APPROX_TOP_SUM(x, 1, 2)",
        "APPROX_TOP_COUNT(CAST(x AS FLOAT64), 2)",
        "APPROX_COUNT_DISTINCT(TO_JSON(x))",
    ],
)
def test_what_has_no_exact_form_here_is_bigquerys(call):
    assert isinstance(compiled(f"SELECT {call} AS r FROM UNNEST([1, 2]) AS x"), Refused)


def test_an_estimate_is_bigquerys_unless_somebody_wants_it_exact():
    refused = compiled("SELECT APPROX_COUNT_DISTINCT(x) AS r FROM UNNEST([1, 2]) AS x", exact=False)
    assert isinstance(refused, Refused)
    assert "--approximate exact" in refused.reasons[0].message
