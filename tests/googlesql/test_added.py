"""What BigQuery has and Google's analyzer, as it is packaged, has not."""

from __future__ import annotations

import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import QueryError
from bigpato_magic.googlesql import added
from bigpato_magic.googlesql.evaluation import Limits, evaluate

ROWS = "UNNEST([STRUCT('a' AS x, 1 AS y), ('b', 3), ('c', 2)])"


@pytest.fixture(scope="module", autouse=True)
def analyzer():
    if not googlesql.ready():
        googlesql.warm(background=False)


def test_the_analyzer_still_has_none_of_them():
    assert not added.NAMES & {name.lower() for name in googlesql.builtin_functions()}


def test_max_by_and_min_by_are_any_value_having():
    """https://cloud.google.com/bigquery/docs/reference/standard-sql/aggregate_functions#max_by"""
    sql = f"SELECT MAX_BY(x, y) AS last, min_by(x, y) AS first FROM {ROWS}"
    assert [output.name for output in googlesql.analyze(sql).outputs] == ["last", "first"]
    assert evaluate(sql, limits=Limits(measured=False)).to_pylist() == [{"last": "b", "first": "a"}]


def test_they_take_no_window_as_in_bigquery():
    with pytest.raises(QueryError, match="OVER"):
        googlesql.analyze(f"SELECT MAX_BY(x, y) OVER () FROM {ROWS}")


@pytest.mark.parametrize("search", ["x", "NULL"])
def test_contains_substr_takes_a_constant(search):
    with pytest.raises(QueryError):
        googlesql.analyze(f"SELECT CONTAINS_SUBSTR(x, {search}) FROM {ROWS}")


@pytest.mark.parametrize(
    "conditional",
    [
        "IF(LAG(y) OVER (ORDER BY y) IS NULL, 'first', 'later')",
        "CASE WHEN ROW_NUMBER() OVER (ORDER BY y) = 1 THEN 'first' ELSE 'later' END",
        "COALESCE(NULLIF(CONCAT('later', LAG('') OVER (ORDER BY y)), NULL), 'first')",
    ],
)
def test_window_functions_may_stand_in_conditionals(conditional):
    rows = evaluate(f"SELECT y, {conditional} AS r FROM {ROWS} ORDER BY y", limits=Limits(measured=False)).to_pylist()
    assert [row["r"] for row in rows] == ["first", "later", "later"]


def test_so_they_may_in_a_function_of_the_cell():
    sql = "CREATE TEMP FUNCTION shown(n INT64) AS (IFNULL(n, 0)); "
    sql += f"SELECT y, IF(y > 1, shown(LAG(y) OVER (ORDER BY y)), -1) AS r FROM {ROWS} ORDER BY y"
    rows = evaluate(sql, limits=Limits(measured=False)).to_pylist()
    assert [row["r"] for row in rows] == [-1, 1, 2]
