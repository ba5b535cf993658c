"""What BigQuery has and Google's analyzer, as it is packaged, has not."""

from __future__ import annotations

import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import QueryError
from bigpato_magic.googlesql import added
from bigpato_magic.googlesql.evaluation import WorkLimits, evaluate

ROWS = "UNNEST([STRUCT('a' AS x, 1 AS y), ('b', 3), ('c', 2)])"


def test_the_analyzer_still_has_none_of_them():
    assert not added.NAMES & {name.lower() for name in googlesql.builtin_functions()}


def test_max_by_and_min_by_are_any_value_having():
    """https://cloud.google.com/bigquery/docs/reference/standard-sql/aggregate_functions#max_by"""
    sql = f"SELECT MAX_BY(x, y) AS last, min_by(x, y) AS first FROM {ROWS}"
    assert [output.name for output in googlesql.analyze(sql).outputs] == ["last", "first"]
    assert evaluate(sql, limits=WorkLimits(measured=False)).to_pylist() == [{"last": "b", "first": "a"}]


def test_they_take_no_window_as_in_bigquery():
    with pytest.raises(QueryError, match="OVER"):
        googlesql.analyze(f"SELECT MAX_BY(x, y) OVER () FROM {ROWS}")


@pytest.mark.parametrize("search", ["x", "NULL"])
def test_contains_substr_takes_a_constant(search):
    with pytest.raises(QueryError):
        googlesql.analyze(f"SELECT CONTAINS_SUBSTR(x, {search}) FROM {ROWS}")


@pytest.mark.parametrize("alias", ["int", "SMALLINT", "INTEGER", "BIGINT", "TINYINT", "BYTEINT"])
def test_int64_has_bigquerys_other_names_wherever_a_type_stands(alias):
    """https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#integer_types"""
    sql = (
        f"CREATE TEMP FUNCTION more(n {alias}) RETURNS {alias} AS (n + 1); "
        f"SELECT CAST('7' AS {alias}) AS a, SAFE_CAST('x' AS {alias}) AS b, ARRAY<{alias}>[1] AS c, more(2) AS d, "
        f"STRUCT<e {alias}>(4).e AS e, CAST([5] AS ARRAY<{alias}>) AS f"
    )
    assert {str(output.type) for output in googlesql.analyze(sql).outputs} == {"INT64", "ARRAY<INT64>"}
    row = {"a": 7, "b": None, "c": [1], "d": 3, "e": 4, "f": [5]}
    assert evaluate(sql, limits=WorkLimits(measured=False)).to_pylist() == [row]


@pytest.mark.parametrize(
    "conditional",
    [
        "IF(LAG(y) OVER (ORDER BY y) IS NULL, 'first', 'later')",
        "CASE WHEN ROW_NUMBER() OVER (ORDER BY y) = 1 THEN 'first' ELSE 'later' END",
        "COALESCE(NULLIF(CONCAT('later', LAG('') OVER (ORDER BY y)), NULL), 'first')",
    ],
)
def test_window_functions_may_stand_in_conditionals(conditional):
    rows = evaluate(
        f"SELECT y, {conditional} AS r FROM {ROWS} ORDER BY y", limits=WorkLimits(measured=False)
    ).to_pylist()
    assert [row["r"] for row in rows] == ["first", "later", "later"]


def test_so_they_may_in_a_function_of_the_cell():
    sql = "CREATE TEMP FUNCTION shown(n INT64) AS (IFNULL(n, 0)); "
    sql += f"SELECT y, IF(y > 1, shown(LAG(y) OVER (ORDER BY y)), -1) AS r FROM {ROWS} ORDER BY y"
    rows = evaluate(sql, limits=WorkLimits(measured=False)).to_pylist()
    assert [row["r"] for row in rows] == [-1, 1, 2]
