"""The language is BigQuery's: a query for each feature that is switched off or on, where one shows it."""

from __future__ import annotations

import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import QueryError
from bigpato_magic.googlesql import options
from bigpato_magic.googlesql.instance import AnalyzerError
from bigpato_magic.googlesql.service import lend
from tests.sql import recorded
from tests.tpc.texts import QUERIES

T = "(SELECT 1 AS a, 2 AS b)"
REFUSED = {
    "AGGREGATE_FILTERING": f"SELECT COUNT(a) FILTER (WHERE a > 0) FROM {T}",
    "ANONYMIZATION": f"SELECT WITH ANONYMIZATION ANON_COUNT(a) FROM {T}",
    "ARRAY_ORDERING": "SELECT [1] < [2]",
    "ENABLE_MEASURES": f"SELECT AGG(a) FROM {T}",
    "IMPLICIT_COERCION_STRING_LITERAL_TO_BYTES": "SELECT b'a' = 'a'",
    "LATERAL_COLUMN_REFERENCES": "SELECT 1 AS a, a + 1 AS b",
    "LATERAL_JOIN": "SELECT * FROM (SELECT 1 AS a) AS t, LATERAL (SELECT t.a + 1 AS b)",
    "LIMIT_ALL": "SELECT 1 LIMIT ALL",
    "LITERAL_CONCATENATION": "SELECT 'a' 'b'",
    "MAP_TYPE": "SELECT MAP_FROM_ARRAY([('a', 1)])",
    "MULTILEVEL_AGGREGATION": f"SELECT SUM(MAX(a) GROUP BY b) FROM {T}",
    "MULTIWAY_UNNEST": "SELECT 1 FROM UNNEST([1], [2])",
    "MULTI_GROUPING_SETS": f"SELECT 1 FROM {T} GROUP BY ROLLUP(a), CUBE(b)",
    "STRUCT_POSITIONAL_ACCESSOR": "SELECT STRUCT(1, 2)[OFFSET(0)]",
    "TIMESTAMP_NANOS": "SELECT TIMESTAMP_DIFF(TIMESTAMP '2020-01-01', TIMESTAMP '2020-01-01', NANOSECOND)",
    "TIMESTAMP_PRECISION": "SELECT CAST('2020-01-01' AS TIMESTAMP(9))",
    "UNNEST_AND_FLATTEN_ARRAYS": "SELECT FLATTEN([STRUCT([1] AS x)].x)",
    "UUID_TYPE": "SELECT NEW_UUID()",
}
# Features that switch something of the analyzer off.
REFUSED_BY = {
    "DISABLE_ARRAY_MIN_AND_MAX": "SELECT ARRAY_MIN([1])",
    "DISABLE_FLOAT32": "SELECT CAST(1 AS FLOAT32)",
}
ACCEPTED = {
    "INVERSE_TRIG_FUNCTIONS": "SELECT ACOS(1)",
    "WITH_RECURSIVE": "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT n FROM t",
}


@pytest.mark.parametrize("sql", [*REFUSED.values(), *REFUSED_BY.values()], ids=[*REFUSED, *REFUSED_BY])
def test_what_bigquery_has_not_is_refused(sql):
    with pytest.raises(QueryError):
        googlesql.analyze(sql)


@pytest.mark.parametrize("sql", ACCEPTED.values(), ids=ACCEPTED)
def test_what_bigquery_has_is_taken(sql):
    assert googlesql.analyze(sql).outputs


def test_the_lists_are_sorted_say_why_and_are_really_applied():
    from zetasql.wasi._pb2.zetasql.public.options_pb2 import LanguageFeature

    with lend() as instance:
        enabled = {LanguageFeature.Name(f) for f in options.language_options(instance).enabled_language_features}
    assert REFUSED.keys() <= options.OFF.keys()
    assert {*REFUSED_BY, *ACCEPTED} <= options.ON.keys()
    for listed in (options.OFF, options.ON):
        assert list(listed) == sorted(listed)
        assert all(listed.values())
    assert not enabled & {f"FEATURE_{name}" for name in options.OFF}
    assert {f"FEATURE_{name}" for name in options.ON} <= enabled


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1::STRING",
        "SELECT CAST(1 AS INT32)",
        "SELECT CAST(1 AS UINT64)",
        "SELECT * FROM (VALUES (1))",
        "SELECT 1 UNION SELECT 2",
        "SELECT MAP(1, 2)",
        "SELECT PI()",
        "SELECT ARRAY_FILTER([1], e -> e > 0)",
        "SELECT IFERROR(1 / 0, 2)",
        "SELECT RADIANS(1)",
        "SELECT ISERROR(1 / 0)",
        "SELECT 1 AS a, COUNT(*) FROM UNNEST([1]) GROUP BY a HAVING nope",
    ],
)
def test_other_dialects_are_refused(sql):
    with pytest.raises(QueryError):
        googlesql.analyze(sql)


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT 1 / 2", "FLOAT64"),
        ("SELECT DATE '2024-01-01' - DATE '2023-01-01'", "INTERVAL"),
        ("SELECT GENERATE_UUID()", "STRING"),
        ("SELECT SUM(x) FROM UNNEST([1]) AS x", "INT64"),
        ("SELECT IF(TRUE, 1, 1.5)", "FLOAT64"),
        ("SELECT NUMERIC '1' * 2", "NUMERIC"),
        ("SELECT EXTRACT(DATE FROM CURRENT_TIMESTAMP())", "DATE"),
    ],
)
def test_types_are_bigquerys(sql, kind):
    assert str(googlesql.analyze(sql).outputs[0].type) == kind


PARSED = [
    *(query.bigquery for query in QUERIES),
    *(sql for family in recorded.families() for sql in recorded.queries(family)[::20]),
    "SELECT * FROM my-project.d.t",
    "SELECT * FROM `my-project.d.t` AS t, t.items, UNNEST(t.items) AS item",
    "FROM d.t |> WHERE x > 1 |> JOIN d.u USING (x) |> AGGREGATE SUM(x) AS s GROUP BY y",
    "WITH w AS (SELECT * FROM d.t) SELECT * FROM w, d.u QUALIFY ROW_NUMBER() OVER (ORDER BY 1) = 1",
    "SELECT * FROM d.t WHERE (x IS DISTINCT FROM y) IN (SELECT z FROM d.v)",
    "SELECT * FROM d.t JOIN d.u JOIN d.v ON u.x = v.x ON t.x = u.x",
    "SELECT * FROM d.t TABLESAMPLE SYSTEM (10 PERCENT) FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()",
    "SELECT * FROM d.t PIVOT(SUM(x) FOR y IN (1, 2)) UNPIVOT(v FOR n IN (a, b))",
    "SELECT * FROM d.f(TABLE d.t, (SELECT * FROM d.u))",
    "MERGE d.t AS t USING d.s AS s ON t.x = s.x WHEN MATCHED THEN UPDATE SET y = 1 WHEN NOT MATCHED THEN INSERT ROW",
    "BEGIN FOR r IN (SELECT x FROM d.t) DO SELECT r.x; END FOR; END",
    "l: LOOP LEAVE l; END LOOP; REPEAT SELECT 1 FROM d.t; UNTIL TRUE END REPEAT",
    "CASE WHEN EXISTS (SELECT 1 FROM d.t) THEN SELECT 1 FROM d.u; END CASE",
    "LOAD DATA INTO TEMP TABLE t FROM FILES (format = 'CSV')",
    "CREATE TABLE d.t (x INT64 DEFAULT 1) AS SELECT * FROM d.u",
    "CREATE FUNCTION d.f(x INT64) RETURNS INT64 REMOTE WITH CONNECTION p.us.c OPTIONS (endpoint = 'e')",
    "ALTER TABLE IF EXISTS d.t ADD COLUMN x INT64",
    "SELECT FROM WHERE",
]


def parsed(instance, sql, language):
    try:
        answer = instance.call("ExtractTableNamesFromStatement", sql_statement=sql, allow_script=True, options=language)
    except AnalyzerError as refusal:
        return refusal.message
    return [tuple(name.table_name_segment) for name in answer.table_name]


def test_the_parser_needs_no_more_features_than_it_is_told():
    with lend() as instance:
        few = options.parsing_options(instance)
        every = type(few)()
        every.CopyFrom(few)
        every.enabled_language_features[:] = options.language_options(instance).enabled_language_features
        differing = [sql for sql in PARSED if parsed(instance, sql, few) != parsed(instance, sql, every)]
    assert len(every.enabled_language_features) > 100 > len(few.enabled_language_features) > 0
    assert differing == []
