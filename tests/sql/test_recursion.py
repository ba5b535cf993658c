"""WITH RECURSIVE, which the evaluator in the package does not run: answers as GoogleSQL's rules give them."""

from __future__ import annotations

import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import BigPatoError
from bigpato_magic.sql import compile as compile_query
from tests.faithfulness import engine


@pytest.fixture(scope="module", autouse=True)
def analyzer():
    engine.ready()


def rows(sql: str) -> list[tuple]:
    table = engine.run(compile_query(googlesql.analyze(sql), {}), [])
    return sorted(tuple(row.values()) for row in table.to_pylist())


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 4", [1, 2, 3, 4]),
        ("SELECT 0 AS n UNION DISTINCT SELECT MOD(n + 1, 5) FROM r", [0, 1, 2, 3, 4]),
        ("SELECT n FROM UNNEST([1, 1, 2]) AS n UNION DISTINCT SELECT m FROM r, UNNEST([n, n + 1]) AS m WHERE m < 5",
         [1, 2, 3, 4]),
        ("SELECT 1 AS n FROM UNNEST([1]) WHERE FALSE UNION DISTINCT SELECT n + 1 FROM r", []),
        ("(SELECT n FROM UNNEST([3, 2, 1]) AS n ORDER BY n LIMIT 2) UNION ALL SELECT n + 10 FROM r WHERE n < 9",
         [1, 2, 11, 12]),
        ("WITH RECURSIVE b AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM b WHERE n < 2) SELECT * FROM b"
         " UNION ALL SELECT 10 + n FROM r WHERE n < 5", [0, 1, 2, 10, 11, 12]),
    ],
)  # fmt: skip
def test_each_row_of_a_recursion_comes_once_for_each_way_to_it_or_once(sql, expected):
    assert rows(f"WITH RECURSIVE r AS ({sql}) SELECT n FROM r") == [(n,) for n in expected]


@pytest.mark.parametrize("union", ["ALL", "DISTINCT"])
def test_a_recursion_without_an_end_stops_and_goes_to_bigquery(union):
    with pytest.raises(BigPatoError, match="a long recursion"):
        rows(f"WITH RECURSIVE r AS (SELECT 1 AS n UNION {union} SELECT n + 1 FROM r) SELECT COUNT(*) AS c FROM r")
