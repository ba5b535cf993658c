"""What is known of functions of texts is what Google's reference implementation computes."""

from __future__ import annotations

import pytest

from bigpato_magic import googlesql
from bigpato_magic.pruning.abstract import Constant, Unknown
from bigpato_magic.pruning.evaluate import ColumnScope, evaluate
from bigpato_magic.resolved import tree

KNOWN = [
    "FORMAT_DATE('%Y%m%d', DATE '2024-02-29')",
    "FORMAT_DATE('%F', DATE '2024-02-29')",
    "FORMAT_DATE('%Y-%m', DATE '1000-01-01')",
    "FORMAT_DATE('%d.%m.%Y', DATE '9999-12-31')",
    "FORMAT_DATE('day', DATE '2024-02-29')",
    "FORMAT_DATETIME('%Y%m%d%H%M%S', DATETIME '2024-02-29 13:07:09')",
    "FORMAT_TIMESTAMP('%Y%m%d_%H', TIMESTAMP '2024-02-29 23:30:00-01:00')",
    "SAFE.FORMAT_DATE('%Y%m%d', DATE '2024-02-29')",
    "PARSE_DATE('%Y%m%d', '20240229')",
    "PARSE_DATE('%Y_%m', '2024_02')",
    "PARSE_DATE('%d/%m/%Y', '29/02/2024')",
    "CONCAT('a', 'ß', '')",
    "SUBSTR('20240131', 5)",
    "SUBSTR('20240131', 1, 6)",
    "SUBSTR('añb', 2, 1)",
    "LEFT('añb', 2)",
    "LEFT('', 2)",
    "RIGHT('añb', 2)",
    "RIGHT('ab', 9)",
    "LENGTH('añb')",
    "STARTS_WITH('20240131', '2024')",
    "ENDS_WITH('20240131', '2024')",
    "'20240131' LIKE '2024_1%'",
    "'a\\nb' LIKE 'a%b'",
    "'a.b' LIKE 'a_b'",
    "'a+b' LIKE 'aab'",
    "REGEXP_CONTAINS('20240131', r'^\\d{6}31$')",
    "REGEXP_CONTAINS('20240131', '^31')",
    "CAST(CONCAT('00', '12') AS INT64)",
    "CAST(12 AS STRING)",
    "CAST(CAST('-1' AS STRING) AS STRING) LIKE '-_'",
]
UNKNOWN = [
    "FORMAT_DATE('%Y%m%d', DATE '0999-12-31')",
    "FORMAT_DATE('%y', DATE '2024-01-01')",
    "FORMAT_DATE('%E4Y', DATE '2024-01-01')",
    "FORMAT_DATE('%', DATE '2024-01-01')",
    "FORMAT_TIMESTAMP('%Y%m%d', TIMESTAMP '2024-01-01 00:00:00+00', 'Asia/Tokyo')",
    "PARSE_DATE('%Y%m%d', '2024131')",
    "PARSE_DATE('%Y%m%d', '20241301')",
    "PARSE_DATE('%Y %m', '2024 01')",
    "PARSE_DATE('%m', '01')",
    "SUBSTR('abc', 0)",
    "SUBSTR('abc', -2)",
    "SUBSTR(b'abc', 1)",
    "LENGTH(b'abc')",
    "'a%' LIKE 'a\\\\%'",
    "CAST(CONCAT(' ', '12') AS INT64)",
    "CAST(CONCAT('0x', '12') AS INT64)",
    "REGEXP_CONTAINS('abc', '(')",
    "REGEXP_CONTAINS(b'abc', b'a')",
    "RIGHT('abc', -1)",
]


def expression(text):
    query = googlesql.analyze(f"SELECT {text} AS x")
    return tree.node(tree.node(query.tree.query).expr_list[0].expr)


@pytest.mark.parametrize("text", KNOWN)
def test_what_is_known_is_so(analyzer, text):
    value = evaluate(expression(text), ColumnScope())
    assert isinstance(value, Constant)
    x = googlesql.evaluate(f"SELECT {text} AS x", {}).to_pylist()[0]["x"]
    literal = x if isinstance(x, int | str | bool) else None
    if literal is None:  # a date, as days
        literal = (x - type(x)(1970, 1, 1)).days
    assert (type(value.value), value.value) == (type(literal), literal)


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_is_not_plain_is_left_alone(analyzer, text):
    assert isinstance(evaluate(expression(text), ColumnScope()), Unknown)
