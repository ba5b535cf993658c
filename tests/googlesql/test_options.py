"""The language is BigQuery's: a query for each feature that is switched off or on, where one shows it."""

from __future__ import annotations

import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import QueryError
from bigpato_magic.googlesql import options
from bigpato_magic.googlesql.service import lend

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
