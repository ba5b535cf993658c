"""Two texts that mean the same are one question; two that may not are two. Each pair says what is at stake."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import pytest

from bigpato_magic import googlesql
from bigpato_magic.resolved import canonical, digests, tree
from bigpato_magic.types import Kind, Parameter, SqlType, array_of, struct_of
from tests.googlesql.conftest import of, table

pytestmark = pytest.mark.usefixtures("analyzer")
COLUMNS = {
    "a": "INT64", "b": "INT64", "s": "STRING", "f": "FLOAT64", "d": "DATE", "j": "JSON",
    "xs": array_of(of("INT64")), "r": struct_of(("a", of("INT64")), ("b", of("INT64"))),
}  # fmt: skip
TABLES = {(name,): table(f"p.ds.{name}", **COLUMNS) for name in ("t", "u")}
TABLES["p.ds.t",] = TABLES["t",]
TODAY = date(2026, 11, 29)


def asked(sql: str, parameters: Sequence[Parameter] = (), today: date | None = TODAY) -> canonical.Question | None:
    return canonical.question(googlesql.analyze(sql, TABLES, parameters), parameters, today)


def kept(sql: str, parameters: Sequence[Parameter] = ()) -> canonical.Question:
    found = asked(sql, parameters)
    assert found is not None, sql
    return found


EQUAL = [
    ("select a from t -- why\n where  b=1", "SELECT a FROM t WHERE b = 1"),
    ("SELECT x.a AS c FROM t AS x", "SELECT t.a FROM t"),
    ("SELECT a FROM `p.ds.t`", "SELECT a FROM t"),
    ("SELECT A FROM t", "SELECT a FROM t"),
    ("SELECT a FROM t WHERE a = 1 AND b = 2", "SELECT a FROM t WHERE b = 2 AND a = 1"),
    ("SELECT a FROM (SELECT * FROM t WHERE a = 1) WHERE b = 2", "SELECT a FROM t WHERE a = 1 AND b = 2"),
    ("SELECT a FROM (SELECT a, b FROM t)", "SELECT a FROM t"),
    ("SELECT c * 2 AS x FROM (SELECT a + 1 AS c FROM t)", "SELECT (a + 1) * 2 AS y FROM t"),
    ("WITH q AS (SELECT a, b FROM t) SELECT a FROM q WHERE b = 1", "SELECT a FROM (SELECT a, b FROM t) WHERE b = 1"),
    ("WITH q AS (SELECT a FROM t) SELECT q.a FROM q", "WITH zz AS (SELECT a FROM t) SELECT zz.a FROM zz"),
    ("WITH n AS (SELECT 1 AS x), q AS (SELECT a FROM t) SELECT a FROM q", "SELECT a FROM t"),
    ("WITH q AS (SELECT a FROM t) SELECT x.a FROM q x JOIN q y ON x.a = y.a",
     "WITH p AS (SELECT a FROM t) SELECT l.a FROM p l JOIN p r ON l.a = r.a"),
    ("SELECT x.a FROM t x JOIN u y ON x.a = y.a", "SELECT x.a FROM t x, u y WHERE x.a = y.a"),
    ("SELECT l.a FROM t l JOIN t r ON l.a = r.b", "SELECT r.a FROM t r JOIN t l ON r.a = l.b"),
    ("SELECT x.a FROM t x JOIN u y USING (a)", "SELECT x.a FROM t x JOIN u y ON x.a = y.a"),
    ("SELECT a, COUNT(*) AS n FROM t GROUP BY a", "SELECT a, COUNT(*) FROM t GROUP BY 1"),
    ("SELECT a, b, SUM(f) AS n FROM t GROUP BY a, b", "SELECT a, b, SUM(f) AS n FROM t GROUP BY b, a"),
    ("SELECT a, COUNT(*) AS n FROM t GROUP BY a HAVING n > 1",
     "SELECT a, COUNT(*) AS n FROM t GROUP BY a HAVING COUNT(*) > 1"),
    ("SELECT DISTINCT a FROM t", "SELECT a FROM t GROUP BY a"),
    ("SELECT a FROM t WHERE TRUE QUALIFY ROW_NUMBER() OVER (ORDER BY b) = 1",
     "SELECT a FROM (SELECT a, ROW_NUMBER() OVER (ORDER BY b) AS n FROM t WHERE TRUE) WHERE n = 1"),
    ("SELECT a FROM t UNION ALL SELECT b FROM u", "(SELECT a AS x FROM t) UNION ALL (SELECT b AS y FROM u)"),
    ("SELECT x FROM (SELECT a AS x, b FROM t UNION ALL SELECT b, a FROM u)", "SELECT a FROM t UNION ALL SELECT b FROM u"),
    ("FROM t |> WHERE a = 1 |> SELECT b", "SELECT b FROM t WHERE a = 1"),
    ("FROM t |> WHERE a = 1 |> WHERE s = 'x' |> SELECT b", "SELECT b FROM t WHERE s = 'x' AND a = 1"),
    ("FROM t |> EXTEND a + 1 AS c |> SELECT c", "SELECT a + 1 AS c FROM t"),
    ("FROM t |> AGGREGATE COUNT(*) AS n GROUP BY a |> SELECT n, a", "SELECT COUNT(*) AS n, a FROM t GROUP BY a"),
    ("SELECT a FROM t ORDER BY b", "SELECT x FROM (SELECT a AS x, b AS y FROM t) ORDER BY y"),
    ("SELECT a FROM t ORDER BY a LIMIT 3", "SELECT a AS c FROM t ORDER BY c LIMIT 3"),
    ("SELECT a FROM t, UNNEST(xs) AS x WITH OFFSET AS o WHERE o = 1 AND x = 2",
     "SELECT a FROM t CROSS JOIN UNNEST(t.xs) AS y WITH OFFSET AS k WHERE y = 2 AND k = 1"),
    ("SELECT (SELECT MAX(u.b) FROM u WHERE u.a = t.a) AS m FROM t",
     "SELECT (SELECT MAX(i.b) FROM u AS i WHERE i.a = o.a) AS m FROM t AS o"),
    ("SELECT CURRENT_DATE() AS d", "SELECT DATE '2026-11-29' AS d"),
    ("SELECT DATE '2026-11-29' AS d", "SELECT DATE '2026-11-29' AS e"),
    ("SELECT 'x' AS s", 'SELECT "x" AS s'),
    ("SELECT NUMERIC '1.50' AS n", "SELECT NUMERIC '1.5' AS n"),
    ("SELECT CAST('NaN' AS FLOAT64) AS x", "SELECT CAST('nan' AS FLOAT64) AS x"),
    ("SELECT a FROM t PIVOT (SUM(b) FOR s IN ('x'))", "SELECT a FROM (SELECT * FROM t) PIVOT (SUM(b) FOR s IN ('x'))"),
    ("WITH RECURSIVE w AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM w WHERE n < 5) SELECT n FROM w",
     "WITH RECURSIVE v AS (SELECT 1 AS k UNION ALL SELECT k + 1 FROM v WHERE k < 5) SELECT k AS n FROM v"),
    ("CREATE TEMP FUNCTION g(x INT64) AS (x + 1); SELECT g(a) AS c FROM t",
     "CREATE TEMP FUNCTION h(y INT64) AS (y + 1); SELECT h(a) AS c FROM t"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_two_spellings_are_one_question(one, other):
    assert kept(one) == kept(other)


UNEQUAL = [
    # tables and columns
    ("SELECT a FROM t", "SELECT a FROM u"),
    ("SELECT a FROM t", "SELECT b FROM t"),
    ("SELECT a, b FROM t", "SELECT b, a FROM t"),
    ("SELECT r.a FROM t", "SELECT r.b FROM t"),
    ("SELECT r.a FROM t", "SELECT a FROM t"),
    # expressions
    ("SELECT a - b AS c FROM t", "SELECT b - a AS c FROM t"),
    ("SELECT a + b AS c FROM t", "SELECT a * b AS c FROM t"),
    ("SELECT 1 AS x", "SELECT 1.0 AS x"),
    ("SELECT 1 AS x", "SELECT NUMERIC '1' AS x"),
    ("SELECT NUMERIC '1' AS x", "SELECT BIGNUMERIC '1' AS x"),
    ("SELECT 0.0 AS x", "SELECT -0.0 AS x"),
    ("SELECT CAST('NaN' AS FLOAT64) AS x", "SELECT CAST('inf' AS FLOAT64) AS x"),
    ("SELECT CAST(NULL AS INT64) AS x", "SELECT CAST(NULL AS STRING) AS x"),
    ("SELECT '1' AS x", "SELECT b'1' AS x"),
    ("SELECT 'x' AS x", "SELECT 'X' AS x"),
    ("SELECT DATE '2026-01-01' AS x", "SELECT DATETIME '2026-01-01' AS x"),
    ("SELECT TIMESTAMP '2026-01-01' AS x", "SELECT TIMESTAMP '2026-01-01 00:00:00+01' AS x"),
    ("SELECT STRUCT(a AS x, b AS y) AS s FROM t", "SELECT STRUCT(a AS y, b AS x) AS s FROM t"),
    ("SELECT STRUCT(1 AS x) AS s", "SELECT STRUCT(1) AS s"),
    ("SELECT [a, b] AS x FROM t", "SELECT [b, a] AS x FROM t"),
    ("SELECT CAST(s AS STRING(1)) AS x FROM t", "SELECT CAST(s AS STRING(2)) AS x FROM t"),
    ("SELECT CAST(a AS STRING) AS x FROM t", "SELECT SAFE_CAST(a AS STRING) AS x FROM t"),
    ("SELECT CAST(s AS DATE FORMAT 'YYYY-MM-DD') AS x FROM t", "SELECT CAST(s AS DATE FORMAT 'YYYY-DD-MM') AS x FROM t"),
    ("SELECT SQRT(f) AS x FROM t", "SELECT SAFE.SQRT(f) AS x FROM t"),
    ("SELECT j.a AS x FROM t", "SELECT j.b AS x FROM t"),
    ("SELECT j.a.b AS x FROM t", "SELECT j['a.b'] AS x FROM t"),
    ("SELECT JSON_VALUE(j, '$.a') AS x FROM t", "SELECT JSON_VALUE(j, '$.b') AS x FROM t"),
    ("SELECT PARSE_JSON(s) AS x FROM t", "SELECT PARSE_JSON(s, wide_number_mode => 'round') AS x FROM t"),
    ("SELECT xs[OFFSET(0)] AS x FROM t", "SELECT xs[ORDINAL(1)] AS x FROM t"),
    ("SELECT xs[OFFSET(0)] AS x FROM t", "SELECT xs[SAFE_OFFSET(0)] AS x FROM t"),
    ("SELECT DATE_TRUNC(d, WEEK) AS x FROM t", "SELECT DATE_TRUNC(d, WEEK(MONDAY)) AS x FROM t"),
    ("SELECT IF(a = 1, a, b) AS x FROM t", "SELECT IF(a = 1, b, a) AS x FROM t"),
    ("SELECT a FROM t WHERE s LIKE 'a%'", "SELECT a FROM t WHERE s NOT LIKE 'a%'"),
    ("SELECT a FROM t WHERE a IN (1, 2)", "SELECT a FROM t WHERE a IN (1, 3)"),
    ("SELECT a FROM t WHERE a = 1 OR b = 1", "SELECT a FROM t WHERE a = 1 AND b = 1"),
    # joins
    ("SELECT x.a FROM t x JOIN u y ON x.b = y.b", "SELECT y.a FROM t x JOIN u y ON x.b = y.b"),
    ("SELECT x.a FROM t x LEFT JOIN u y ON x.b = y.b", "SELECT x.a FROM u y LEFT JOIN t x ON x.b = y.b"),
    ("SELECT x.a FROM t x LEFT JOIN u y ON x.b = y.b", "SELECT x.a FROM t x JOIN u y ON x.b = y.b"),
    ("SELECT x.a FROM t x LEFT JOIN u y ON x.b = y.b", "SELECT x.a FROM t x RIGHT JOIN u y ON x.b = y.b"),
    ("SELECT x.a FROM t x LEFT JOIN u y ON x.b = y.b", "SELECT x.a FROM t x FULL JOIN u y ON x.b = y.b"),
    ("SELECT x.a FROM t x LEFT JOIN u y ON x.b = y.b AND y.a = 1",
     "SELECT x.a FROM t x LEFT JOIN u y ON x.b = y.b WHERE y.a = 1"),
    ("SELECT x.a FROM t x JOIN t y ON x.a = y.b", "SELECT y.a FROM t x JOIN t y ON x.a = y.b"),
    ("SELECT x.a FROM t x JOIN t y ON x.a = y.b", "SELECT x.a FROM t x JOIN t y ON y.a = x.b"),
    ("SELECT x.a AS c, y.a AS e FROM t x, t y WHERE x.b < y.b", "SELECT y.a AS c, x.a AS e FROM t x, t y WHERE x.b < y.b"),
    ("SELECT IFNULL(y.a, 0) AS c FROM t x LEFT JOIN u y ON x.a = y.a",
     "SELECT y.c FROM t x LEFT JOIN (SELECT a, IFNULL(a, 0) AS c FROM u) y ON x.a = y.a"),
    # subqueries
    ("SELECT (SELECT MAX(u.b) FROM u WHERE u.a = t.a) AS m FROM t", "SELECT (SELECT MAX(u.b) FROM u WHERE u.a = u.a) AS m FROM t"),
    ("SELECT (SELECT MAX(u.b) FROM u WHERE u.a = t.a) AS m FROM t", "SELECT (SELECT MAX(u.b) FROM u WHERE u.a = t.b) AS m FROM t"),
    ("SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a)",
     "SELECT a FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.a = t.a)"),
    ("SELECT a FROM t WHERE a IN (SELECT a FROM u)", "SELECT a FROM t WHERE a IN (SELECT b FROM u)"),
    ("SELECT a FROM t WHERE a IN (SELECT a FROM u)", "SELECT a FROM t WHERE b IN (SELECT a FROM u)"),
    ("SELECT ARRAY(SELECT a FROM t ORDER BY b) AS x", "SELECT ARRAY(SELECT a FROM t ORDER BY b DESC) AS x"),
    ("SELECT ARRAY(SELECT a FROM t ORDER BY b) AS x", "SELECT ARRAY(SELECT a FROM t) AS x"),
    ("SELECT x + x AS y FROM (SELECT (SELECT a FROM u LIMIT 1) AS x FROM t)",
     "SELECT (SELECT a FROM u LIMIT 1) + (SELECT a FROM u LIMIT 1) AS y FROM t"),
    ("SELECT x + x AS y FROM (SELECT (SELECT a FROM u LIMIT 1) AS x, (SELECT a FROM u LIMIT 1) AS z FROM t)",
     "SELECT x + z AS y FROM (SELECT (SELECT a FROM u LIMIT 1) AS x, (SELECT a FROM u LIMIT 1) AS z FROM t)"),
    ("SELECT t.a, (SELECT MAX(x.a + t.b) FROM u AS x) AS m FROM t", "SELECT t.a, (SELECT MAX(x.b + t.a) FROM u AS x) AS m FROM t"),
    # table expressions
    ("WITH q AS (SELECT a FROM t LIMIT 1) SELECT x.a FROM q x JOIN q y ON x.a = y.a",
     "WITH q AS (SELECT a FROM t LIMIT 1), p AS (SELECT a FROM t LIMIT 1) SELECT x.a FROM q x JOIN p y ON x.a = y.a"),
    ("WITH q AS (SELECT a FROM t), p AS (SELECT b AS a FROM t) SELECT a FROM q",
     "WITH q AS (SELECT a FROM t), p AS (SELECT b AS a FROM t) SELECT a FROM p"),
    ("WITH RECURSIVE w AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM w WHERE n < 5) SELECT n FROM w",
     "WITH RECURSIVE w AS (SELECT 1 AS n UNION ALL SELECT n + 2 FROM w WHERE n < 5) SELECT n FROM w"),
    ("WITH RECURSIVE w AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM w WHERE n < 5) SELECT n FROM w",
     "WITH RECURSIVE w AS (SELECT 1 AS n UNION DISTINCT SELECT n + 1 FROM w WHERE n < 5) SELECT n FROM w"),
    # aggregates
    ("SELECT COUNT(a) AS n FROM t", "SELECT COUNT(DISTINCT a) AS n FROM t"),
    ("SELECT COUNT(a) AS n FROM t", "SELECT COUNT(*) AS n FROM t"),
    ("SELECT COUNT(*) AS n FROM t", "SELECT COUNT(*) AS n FROM t GROUP BY a"),
    ("SELECT COUNT(*) AS n FROM t GROUP BY a", "SELECT COUNT(*) AS n FROM t GROUP BY b"),
    ("SELECT SUM(a) AS n FROM t GROUP BY a, b", "SELECT SUM(a) AS n FROM t GROUP BY ROLLUP (a, b)"),
    ("SELECT SUM(a) AS n FROM t GROUP BY ROLLUP (a, b)", "SELECT SUM(a) AS n FROM t GROUP BY ROLLUP (b, a)"),
    ("SELECT SUM(a) AS n FROM t GROUP BY ROLLUP (a, b)", "SELECT SUM(a) AS n FROM t GROUP BY CUBE (a, b)"),
    ("SELECT SUM(a) AS n FROM t GROUP BY GROUPING SETS (a, b)", "SELECT SUM(a) AS n FROM t GROUP BY GROUPING SETS (a, (a, b))"),
    ("SELECT GROUPING(a) AS g FROM t GROUP BY ROLLUP (a, b)", "SELECT GROUPING(b) AS g FROM t GROUP BY ROLLUP (a, b)"),
    ("SELECT a, COUNT(*) AS n FROM t GROUP BY a HAVING COUNT(*) > 1", "SELECT a, COUNT(*) AS n FROM t WHERE a > 1 GROUP BY a"),
    ("SELECT ARRAY_AGG(a ORDER BY b) AS x FROM t", "SELECT ARRAY_AGG(a ORDER BY b DESC) AS x FROM t"),
    ("SELECT ARRAY_AGG(a ORDER BY b) AS x FROM t", "SELECT ARRAY_AGG(a ORDER BY b LIMIT 1) AS x FROM t"),
    ("SELECT ARRAY_AGG(a IGNORE NULLS) AS x FROM t", "SELECT ARRAY_AGG(a) AS x FROM t"),
    ("SELECT ARRAY_AGG(DISTINCT a) AS x FROM t", "SELECT ARRAY_AGG(a) AS x FROM t"),
    ("SELECT ARRAY_AGG(a) AS x FROM (SELECT a FROM t ORDER BY b)",
     "SELECT ARRAY_AGG(a) AS x FROM (SELECT a FROM t ORDER BY b DESC)"),
    ("SELECT ANY_VALUE(a HAVING MAX b) AS x FROM t", "SELECT ANY_VALUE(a HAVING MIN b) AS x FROM t"),
    ("SELECT STRING_AGG(s, ',') AS x FROM t", "SELECT STRING_AGG(s, ';') AS x FROM t"),
    ("SELECT ANY_VALUE(a) + ANY_VALUE(b) AS x FROM t", "SELECT ANY_VALUE(a) + ANY_VALUE(a) AS x FROM t"),
    ("SELECT * FROM t PIVOT (SUM(b) FOR s IN ('x'))", "SELECT * FROM t PIVOT (SUM(b) FOR s IN ('y'))"),
    ("SELECT * FROM (SELECT a, b, s FROM t) UNPIVOT (v FOR n IN (a, b))",
     "SELECT * FROM (SELECT a, b, s FROM t) UNPIVOT (v FOR n IN (b, a))"),
    # windows
    ("SELECT SUM(a) OVER (ORDER BY b) AS x FROM t", "SELECT SUM(a) OVER (ORDER BY b DESC) AS x FROM t"),
    ("SELECT SUM(a) OVER (ORDER BY b) AS x FROM t", "SELECT SUM(a) OVER (ORDER BY b NULLS LAST) AS x FROM t"),
    ("SELECT SUM(a) OVER (ORDER BY b) AS x FROM t", "SELECT SUM(a) OVER (ORDER BY b ROWS UNBOUNDED PRECEDING) AS x FROM t"),
    ("SELECT SUM(a) OVER (ORDER BY b ROWS 1 PRECEDING) AS x FROM t",
     "SELECT SUM(a) OVER (ORDER BY b ROWS 2 PRECEDING) AS x FROM t"),
    ("SELECT SUM(a) OVER (PARTITION BY b) AS x FROM t", "SELECT SUM(a) OVER (PARTITION BY s) AS x FROM t"),
    ("SELECT a, COUNT(*) OVER () AS n FROM t WHERE a > 1", "SELECT * FROM (SELECT a, COUNT(*) OVER () AS n FROM t) WHERE a > 1"),
    ("SELECT LAG(a, 1) OVER (ORDER BY b) AS x FROM t", "SELECT LAG(a, 2) OVER (ORDER BY b) AS x FROM t"),
    ("SELECT FIRST_VALUE(a IGNORE NULLS) OVER (ORDER BY b) AS x FROM t", "SELECT FIRST_VALUE(a) OVER (ORDER BY b) AS x FROM t"),
    ("SELECT a FROM t QUALIFY ROW_NUMBER() OVER (ORDER BY b) = 1", "SELECT a FROM t QUALIFY RANK() OVER (ORDER BY b) = 1"),
    # rows
    ("SELECT a FROM t", "SELECT DISTINCT a FROM t"),
    ("SELECT a FROM t UNION ALL SELECT a FROM u", "SELECT a FROM t UNION DISTINCT SELECT a FROM u"),
    ("SELECT a FROM t EXCEPT DISTINCT SELECT a FROM u", "SELECT a FROM u EXCEPT DISTINCT SELECT a FROM t"),
    ("SELECT a FROM t INTERSECT DISTINCT SELECT a FROM u", "SELECT a FROM t EXCEPT DISTINCT SELECT a FROM u"),
    ("SELECT a, b FROM t INTERSECT DISTINCT SELECT a, b FROM u", "SELECT a, b FROM t INTERSECT DISTINCT SELECT b, a FROM u"),
    ("SELECT x FROM (SELECT a AS x, b FROM t UNION ALL SELECT b, a FROM u)",
     "SELECT x FROM (SELECT a AS x, b FROM t UNION ALL SELECT a, b FROM u)"),
    ("SELECT COUNT(*) AS n FROM (SELECT DISTINCT a FROM t)", "SELECT COUNT(*) AS n FROM (SELECT DISTINCT a, b FROM t)"),
    ("SELECT a FROM t LIMIT 1", "SELECT a FROM t LIMIT 2"),
    ("SELECT a FROM t LIMIT 1", "SELECT a FROM t LIMIT 1 OFFSET 1"),
    ("SELECT a FROM t LIMIT 1", "SELECT a FROM t"),
    ("SELECT a FROM t ORDER BY a LIMIT 1", "SELECT a FROM t LIMIT 1"),
    ("SELECT a FROM t ORDER BY a LIMIT 1", "SELECT a FROM t ORDER BY b LIMIT 1"),
    ("SELECT a FROM t ORDER BY a LIMIT 1", "SELECT a FROM t ORDER BY a DESC LIMIT 1"),
    ("SELECT a FROM (SELECT a FROM t LIMIT 5) WHERE a > 1", "SELECT a FROM t WHERE a > 1 LIMIT 5"),
    ("SELECT a FROM t ORDER BY a", "SELECT a FROM t ORDER BY a DESC"),
    ("SELECT a FROM t ORDER BY a", "SELECT a FROM t"),
    ("SELECT a FROM t, UNNEST(xs)", "SELECT a FROM t"),
    ("SELECT a FROM t, UNNEST(xs)", "SELECT a FROM t LEFT JOIN UNNEST(xs)"),
    ("SELECT x FROM t, UNNEST(xs) AS x WITH OFFSET AS o", "SELECT o AS x FROM t, UNNEST(xs) AS x WITH OFFSET AS o"),
    ("SELECT a FROM t @{index='x'}", "SELECT a FROM t @{index='y'}"),
    ("CREATE TEMP FUNCTION g(x INT64) AS (x + 1); SELECT g(a) AS c FROM t",
     "CREATE TEMP FUNCTION g(x INT64) AS (x + 2); SELECT g(a) AS c FROM t"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), UNEQUAL)
def test_what_may_differ_is_two_questions(one, other):
    assert kept(one) != kept(other)


def test_rows_are_one_relation_whatever_columns_are_asked_of_them():
    everything = kept("SELECT *, a + 1 AS c FROM t WHERE s = 'x'")
    fewer = kept("SELECT a + 1 AS z, a FROM t WHERE s = 'x'")
    assert fewer.digest == everything.digest
    assert set(fewer.columns) < set(everything.columns)
    grouped = kept("SELECT a, COUNT(*) AS n, SUM(f) AS f FROM t GROUP BY a")
    assert grouped.digest == kept("SELECT a, SUM(f) AS f FROM t GROUP BY a").digest
    assert kept("SELECT SUM(f) AS f FROM t GROUP BY a").columns[0] == grouped.columns[2]


def test_an_order_is_another_order_of_the_same_rows():
    plain, ordered = kept("SELECT a FROM t"), kept("SELECT a FROM t ORDER BY b")
    assert plain.digest == ordered.digest
    assert (plain.order is None, ordered.order is None) == (True, False)


def test_a_scan_has_the_digest_that_it_has_alone():
    whole = googlesql.analyze(
        "SELECT x.a, MAX(y.b) AS m FROM u x JOIN (SELECT b FROM t WHERE a = 1) y ON TRUE GROUP BY 1", TABLES
    )
    join = next(tree.walk(whole.tree, ("JoinScan",)))
    inner = canonical.canonical(join.right_scan)
    alone = kept("SELECT b FROM t WHERE a = 1")
    assert inner is not None
    assert inner.digest == alone.digest
    assert alone.columns[0] in inner.columns.values()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT RAND() AS x",
        "SELECT GENERATE_UUID() AS x",
        "SELECT SESSION_USER() AS x",
        "SELECT CURRENT_TIMESTAMP() AS x",
        "SELECT CURRENT_DATETIME() AS x",
        "SELECT CURRENT_DATE('Asia/Tokyo') AS x",
        "SELECT a FROM t WHERE a < RAND()",
        "SELECT a FROM t ORDER BY RAND()",
        "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.f < RAND())",
        "WITH q AS (SELECT RAND() AS x) SELECT x FROM q",
        "SELECT CAST(s AS DATE FORMAT 'MM-DD') AS x FROM t",
        "SELECT CAST(s AS TIMESTAMP FORMAT 'HH24:MI') AS x FROM t",
        "SELECT CAST(s AS DATETIME FORMAT 'YYYY') AS x FROM t",
        "SELECT SAFE_CAST(s AS DATE FORMAT 'YY-MM-DD') AS x FROM t",
        """SELECT CAST(s AS DATE FORMAT '"YYYY"MM') AS x FROM t""",
        "SELECT CAST(s AS DATE FORMAT CONCAT('YYYY', s)) AS x FROM t",
        "SELECT a FROM t TABLESAMPLE SYSTEM (10 PERCENT)",
        "SELECT a FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2026-01-01'",
    ],
)
def test_what_is_another_thing_each_time_is_not_kept(sql):
    assert asked(sql) is None


@pytest.mark.parametrize(
    "cast",
    [
        "CAST(s AS DATE FORMAT 'DD MON YYYY')",
        "CAST(s AS TIMESTAMP FORMAT 'YYYYMMDD')",
        "CAST(s AS TIME FORMAT 'HH24')",
        "CAST(d AS STRING FORMAT 'MM')",
    ],
)
def test_a_cast_that_tells_its_whole_date_is_the_same_each_time(cast):
    assert asked(f"SELECT {cast} AS x FROM t") is not None


def test_today_is_a_date_like_any_other():
    sql = "SELECT a FROM t WHERE d = CURRENT_DATE()"
    assert asked(sql, today=None) is None
    assert asked(sql) == asked("SELECT a FROM t WHERE d = '2026-11-29'") != asked(sql, today=date(2026, 11, 30))


def test_a_column_from_outside_keeps_a_subquery_from_being_one_alone():
    whole = googlesql.analyze(
        "SELECT (SELECT MAX(u.b) FROM u WHERE u.a = t.a) AS m, (SELECT MAX(a) FROM u) AS n FROM t", TABLES
    )
    one, other = (canonical.canonical(s.subquery) for s in tree.walk(whole.tree, ("SubqueryExpr",)))
    assert one is None
    assert other is not None


# ----------------------------------------------------------------------------------------------- parameters

VALUES: list[tuple[SqlType, Any, str]] = [
    (of("INT64"), 7, "7"),
    (of("FLOAT64"), 1.5, "1.5"),
    (of("FLOAT64"), math.nan, "CAST('NaN' AS FLOAT64)"),
    (of("NUMERIC"), Decimal("1.50"), "NUMERIC '1.5'"),
    (of("BIGNUMERIC"), Decimal("1E2"), "BIGNUMERIC '100'"),
    (of("BOOL"), True, "TRUE"),
    (of("STRING"), "é", "'é'"),
    (of("BYTES"), b"x", "b'x'"),
    (of("DATE"), date(2026, 1, 2), "DATE '2026-01-02'"),
    (of("DATETIME"), datetime(2026, 1, 2, 3, 4, 5, 6), "DATETIME '2026-01-02 03:04:05.000006'"),
    (of("TIMESTAMP"), datetime(2026, 1, 2, tzinfo=UTC), "TIMESTAMP '2026-01-02 01:00:00+01'"),
    (array_of(of("INT64")), [1, 2], "[1, 2]"),
    (of("STRING"), None, "CAST(NULL AS STRING)"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "literal"), VALUES)
def test_a_parameter_is_its_typed_value(kind, value, literal):
    named, positional = Parameter("X", kind, value), Parameter(None, kind, value)
    written = kept(f"SELECT {literal} AS x")
    assert kept("SELECT @x AS x", [named]) == kept("SELECT ? AS x", [positional]) == written


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((of("INT64"), 1), (of("INT64"), 2)),
        ((of("INT64"), 1), (of("FLOAT64"), 1.0)),
        ((of("FLOAT64"), 0.0), (of("FLOAT64"), -0.0)),
        ((of("STRING"), None), (of("STRING"), "NULL")),
        ((array_of(of("STRING")), ["a", "b"]), (array_of(of("STRING")), ["ab"])),
        ((array_of(of("STRING")), [None]), (array_of(of("STRING")), [])),
        ((struct_of(("a", of("INT64"))), {"a": 1}), (struct_of(("b", of("INT64"))), {"b": 1})),
    ],
)
def test_other_values_are_other_questions(one, other):
    assert kept("SELECT @x AS x", [Parameter("x", *one)]) != kept("SELECT @x AS x", [Parameter("x", *other)])


def test_parameters_stand_where_they_stand():
    one, two = Parameter(None, SqlType(Kind.INT64), 1), Parameter(None, SqlType(Kind.INT64), 2)
    sql = "SELECT ? - ? AS x"
    assert kept(sql, [one, two]) == kept("SELECT 1 - 2 AS x") != kept(sql, [two, one])


def test_without_its_value_nothing_is_known():
    query = googlesql.analyze("SELECT @x AS x", parameters={"x": of("INT64")})
    assert canonical.question(query, (), TODAY) is None
    assert canonical.question(query, [Parameter("x", of("STRING"), "1")], TODAY) is None


def test_what_nests_too_deep_is_not_kept():
    deep = googlesql.analyze("SELECT " + " + ".join(["a"] * 100) + " AS x FROM t", TABLES)
    assert canonical.question(deep, (), None) is not None
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 200)
    try:
        assert canonical.question(deep, (), None) is None
    finally:
        sys.setrecursionlimit(before)


def test_digests_name_the_analyzer_that_they_rest_on():
    assert digests.FORMAT.endswith(f"zetasql {version('zetasql')}")
