"""What a screen shows of DuckDB SQL is what ran: laying it out changes blanks only."""

from __future__ import annotations

import re

import duckdb
import pytest

from bigpato_magic import sql
from bigpato_magic.notebook.layout import WIDTH, laid_out

QUERIES = [
    "SELECT 1 AS a, r' FROM (SELECT, \" ' AS b, 'x' IS DISTINCT FROM 'y' AS c, EXTRACT(DAYOFYEAR FROM DATE '2024-01-01') AS d",
    "WITH t AS (SELECT 1 AS x UNION ALL SELECT 2) SELECT a.x, COUNT(*) AS n, ARRAY_AGG(b.x ORDER BY b.x LIMIT 2) AS l "
    "FROM t AS a LEFT JOIN t AS b ON a.x = b.x WHERE a.x IN (SELECT x FROM t) GROUP BY a.x HAVING COUNT(*) > 0 ORDER BY 1",
    "SELECT x, ROW_NUMBER() OVER (PARTITION BY MOD(x, 2) ORDER BY x) AS r, (SELECT MAX(y) FROM UNNEST([x, 3]) AS y) AS m "
    "FROM UNNEST([1, 2, 3]) AS x QUALIFY r = 1 LIMIT 5",
]


def tree(text: str) -> str:
    with duckdb.connect() as connection:
        told = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [text]).fetchone()[0]
    return re.sub(r'"query_location(?:_length)?":\d+', "", told)


@pytest.mark.parametrize("query", QUERIES)
def test_duckdb_reads_the_same_statement(analyzer, query):
    compiled = sql.compile(analyzer.analyze(query), {}).sql
    lines = laid_out(compiled)
    assert tree(lines) == tree(compiled)
    assert lines.count("\n") >= 3


def test_what_is_short_stays_on_its_line():
    short = "SELECT count(*) AS n FROM (SELECT 1)"
    assert laid_out(short) == short
    assert "\n" in laid_out(short.replace("1", "1" * WIDTH))


def test_each_clause_column_and_subquery_has_its_line():
    text = f"SELECT a AS x, f(b, c) AS y FROM (SELECT d FROM {'t' * WIDTH}) AS q WHERE d IN (1, 2) ORDER BY 1"
    assert laid_out(text).splitlines() == [
        "SELECT a AS x,",
        "  f(b, c) AS y",
        "FROM (",
        "  SELECT d",
        f"  FROM {'t' * WIDTH}",
        ") AS q",
        "WHERE d IN (1, 2)",
        "ORDER BY 1",
    ]
