"""What single functions leave to BigQuery: it raises there, or finds something else than DuckDB would."""

from __future__ import annotations

import pytest

from bigpato_magic import googlesql
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.types import Refused
from tests.faithfulness import engine
from tests.faithfulness.judge import judge

LEFT = (
    # An error, even where there is no text to match.
    r"SELECT s LIKE 'a\\' FROM UNNEST([CAST(NULL AS STRING)]) AS s",
    r"SELECT s LIKE b'a\\' FROM UNNEST([CAST(NULL AS BYTES)]) AS s",
    # No index; JSON_SET and its like say so.
    "SELECT JSON_VALUE(JSON '[1,2,3]', '$[٢]')",
    "SELECT JSON_QUERY('[1,2,3]', '$[１]')",
    "SELECT JSON_SET(JSON '[1,2,3]', '$[١]', 9)",
    r"SELECT JSON_VALUE('[1,2]', '$[\u00a01]')",
    # A blank that is no space is no format element, and neither is a letter that looks like one.
    r"SELECT CAST('2024 01 02' AS DATE FORMAT 'YYYY MM\tDD')",
    "SELECT CAST(TIME '12:34:56' AS STRING FORMAT 'HH24:MI:ſſ')",
    "SELECT CAST(b'abc' AS STRING FORMAT 'baſe64')",
    # DuckDB knows that the comparison is NULL, and computes nothing of the subquery.
    "SELECT CAST(NULL AS INT64) NOT IN (SELECT DIV(x, y) FROM UNNEST([0]) AS y) FROM UNNEST([1]) AS x",
    # The analyzer takes any default, BigQuery a constant expression.
    "SELECT LEAD(x, 1, x) OVER (ORDER BY x) FROM UNNEST([1, 2]) AS x",
    "SELECT LAG(x, 1, 5 + x) OVER (ORDER BY x) FROM UNNEST([1, 2]) AS x",
    "SELECT LEAD(x, 1, (SELECT 1)) OVER (ORDER BY x) FROM UNNEST([1, 2]) AS x",
    # As a DATETIME it has no zone, as a TIMESTAMP it is at UTC: the pages do not say which it is.
    "SELECT FORMAT_TIMESTAMP('%F %Z', DATETIME '2024-01-02 03:04:05')",
    "SELECT FORMAT_TIMESTAMP('%Ez', DATE '2024-01-02')",
    # Infinite keys are not within reach of finite ones, whatever the distance.
    "SELECT COUNT(*) OVER (ORDER BY f RANGE BETWEEN CURRENT ROW AND 1e308 FOLLOWING) FROM UNNEST([1e308]) AS f",
)


@pytest.fixture(scope="module", autouse=True)
def analyzer():
    engine.ready()


@pytest.mark.parametrize("sql", LEFT)
def test_it_is_left_to_bigquery(sql):
    assert isinstance(compile_query(googlesql.analyze(sql), {}), Refused)


# What only the values tell, when the query runs.
STOPPED = (
    # The number of steps would be counted in DOUBLE, where the two ends are the same.
    "SELECT GENERATE_ARRAY(n, n + 1, NUMERIC '0.3') FROM UNNEST([NUMERIC '-99999999999999999999999999999']) AS n",
    "SELECT GENERATE_ARRAY(f, f + 10, 1) FROM UNNEST([1e16]) AS f",
    # Google's library cuts the numbers to 32 bits.
    "SELECT SAFE.TIME(n, 3, 0) FROM UNNEST([4294967296]) AS n",
    "SELECT SAFE.DATE(2024, 1, n) FROM UNNEST([4294967297]) AS n",
    "SELECT SAFE.DATETIME(2024, 1, 1, 0, n, 0) FROM UNNEST([-4294967296]) AS n",
)


def test_an_array_that_is_too_long_is_an_error_whatever_its_steps():
    assert (
        judge(
            "SELECT GENERATE_DATE_ARRAY(d, DATE '2024-01-01', INTERVAL 1 MONTH) FROM UNNEST([DATE '0601-01-01']) AS d"
        ).kind
        == "both fail"
    )


@pytest.mark.parametrize("sql", STOPPED)
def test_a_run_stops_for_bigquery(sql):
    assert judge(sql).kind == "guarded"
