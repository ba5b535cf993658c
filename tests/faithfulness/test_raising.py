"""Errors next to NULL, and errors that nobody asks for: as Google's reference implementation has them."""

from __future__ import annotations

import os
import random

import pytest

from tests.faithfulness import raising
from tests.faithfulness.judge import judge

# Evaluated although something else beside it settles the answer.
ASKED = (
    "n_int64 + DIV(1, z)",
    "DIV(1, z) + n_int64",
    "CAST(NULL AS INT64) * DIV(1, z)",
    "@p + DIV(1, z)",
    "z BETWEEN 300 AND DIV(1, z)",
    "z NOT BETWEEN DIV(1, z) AND -5",
    "TRUE OR DIV(1, z) > 1",
    "FALSE AND DIV(1, z) > 1",
    "CAST(NULL AS BOOL) AND DIV(1, z) > 1",
    "1 IN (1, DIV(1, z))",
    "DIV(1, z) IN (SELECT 1 FROM t WHERE z > 5)",
    "DIV(1, z) IN (SELECT DIV(q.z, 1 + ABS(t.z)) FROM t AS q WHERE q.z > 5)",
    "n_int64 IN (2, DIV(1, z))",
    "NULLIF(n_int64, DIV(1, z))",
    "GREATEST(NULL, DIV(1, z))",
    "STRUCT(1 AS a, DIV(1, z) AS b).a",
    "[1, DIV(1, z)][OFFSET(0)]",
    "(1, 2) = (2, DIV(1, z))",
    "CONCAT(n_string, CAST(DIV(1, z) AS STRING))",
    "IF(TRUE, NULL, z) + DIV(1, z)",
    "n_float64 * DIV(1, z)",
    "DATE_ADD(n_date, INTERVAL DIV(1, z) DAY)",
    "FORMAT('%d %d', n_int64, DIV(1, z))",
    "SAFE_DIVIDE(n_int64, DIV(1, z))",
    "SAFE_DIVIDE(DIV(1, z), 0)",
    "DIV(1, z) IN UNNEST(ARRAY<INT64>[])",
    "SAFE.SUBSTR('abc', n_int64, DIV(1, z))",
    "(SELECT n_int64 + DIV(1, z))",
    "CASE n_int64 WHEN DIV(1, z) THEN 2 ELSE 3 END",
)
# Not evaluated: https://cloud.google.com/bigquery/docs/reference/standard-sql/conditional_expressions
SPARED = (
    "IF(z = 0, 1, DIV(1, z))",
    "IF(z <> 0, DIV(1, z), NULL)",
    "CASE WHEN z = 0 THEN 1 ELSE DIV(1, z) END",
    "CASE z WHEN 0 THEN 1 WHEN DIV(1, z) THEN 2 END",
    "COALESCE(z, DIV(1, z))",
    "IFNULL(z, DIV(1, z))",
    "IF(FALSE, DIV(1, 0), z)",
    "COALESCE(1, DIV(1, 0))",
    "CASE WHEN z >= 0 THEN z ELSE DIV(1, 0) END",
    "IF(z = 0, n_int64, n_int64 + DIV(1, z))",
)


@pytest.mark.parametrize("expression", ASKED)
def test_what_an_argument_raises_is_raised_beside_a_null(expression):
    if "@p" in expression:
        expression = expression.replace("@p", "SAFE_CAST('x' AS INT64)")
    verdict = judge(f"SELECT {expression} AS x FROM t", raising.world())
    assert verdict.kind in ("both fail", "refused"), verdict


@pytest.mark.parametrize("null", ["GREATEST(v_int64, CAST(NULL AS INT64))", "v_int64 + CAST(NULL AS INT64)"])
@pytest.mark.parametrize("operator", ["=", "<>", "<"])
def test_what_a_subquery_raises_is_raised_beside_a_null_in_a_condition(null, operator):
    sql = f"SELECT z FROM t WHERE {null} {operator} (SELECT MIN(DIV(1, q.z)) FROM t AS q)"
    verdict = judge(sql, raising.world())
    assert verdict.kind == "both fail", verdict


@pytest.mark.parametrize("expression", SPARED)
def test_what_is_not_chosen_does_not_raise(expression):
    verdict = judge(f"SELECT {expression} AS x FROM t", raising.world())
    assert verdict.kind == "same", verdict


def test_any_rule_raises_what_its_arguments_raise():
    seed = 7 if os.environ.get("CI") == "true" else random.SystemRandom().randrange(1 << 40)
    kinds, wrong = raising.run([], 0.01, seed)
    assert wrong == [], seed
    assert kinds["both fail"] > sum(kinds.values()) / 2
