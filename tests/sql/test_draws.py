"""RAND(): whatever DuckDB's optimizer does, each row has one draw, wherever it is read, and all rows their own."""

from __future__ import annotations

import pyarrow as pa
import pytest

from bigpato_magic import googlesql
from bigpato_magic.resolved.determinism import repeatable
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.types import Compiled, Refused
from tests.faithfulness import engine

ROWS = 20_000
TABLES = {
    "ds.a": pa.table({"id": list(range(ROWS)), "g": [i % 7 for i in range(ROWS)]}),
    # Ten rows for each id of `a`.
    "ds.b": pa.table({"id": [i % ROWS for i in range(10 * ROWS)], "j": list(range(10 * ROWS))}),
}
SAMPLED = "(SELECT id FROM ds.a WHERE RAND() < 0.5)"
DRAWN = "(SELECT id, g, RAND() AS r FROM ds.a)"
# Each gives the rows for which a draw is not what one draw per row would be.
VIOLATIONS = {
    "an inner join": f"SELECT s.id FROM {SAMPLED} s JOIN ds.b ON s.id = b.id GROUP BY s.id HAVING COUNT(*) <> 10",
    "a comma": f"SELECT s.id FROM ds.b, {SAMPLED} s WHERE s.id = b.id AND b.j >= 0 GROUP BY s.id HAVING COUNT(*) <> 10",
    "a left join": f"SELECT s.id FROM {SAMPLED} s LEFT JOIN ds.b ON s.id = b.id GROUP BY s.id HAVING COUNT(*) <> 10",
    "a right join": f"SELECT s.id FROM ds.b RIGHT JOIN {SAMPLED} s ON s.id = b.id GROUP BY s.id HAVING COUNT(*) <> 10",
    "an outer side": f"SELECT b.id FROM ds.b LEFT JOIN {SAMPLED} s USING (id) GROUP BY id HAVING COUNT(s.id) NOT IN (0, 10)",
    "a full join": f"SELECT id FROM ds.b FULL JOIN {SAMPLED} s USING (id) GROUP BY id HAVING COUNT(s.id) NOT IN (0, 10)",
    "a cross join": f"SELECT s.id FROM {SAMPLED} s CROSS JOIN UNNEST([1, 2, 3]) GROUP BY s.id HAVING COUNT(*) <> 3",
    "IN": "WITH w AS (SELECT id, RAND() AS r FROM ds.a) "
    "SELECT id FROM ds.b WHERE id IN (SELECT id FROM w WHERE r < 0.5) GROUP BY id HAVING COUNT(*) <> 10",
    "a draw above a join": f"SELECT b.id FROM {DRAWN} t JOIN ds.b USING (id) GROUP BY id HAVING COUNT(DISTINCT r) <> 1",
    "a draw beside a left join": f"SELECT b.id FROM ds.b LEFT JOIN {DRAWN} t USING (id) GROUP BY id "
    "HAVING COUNT(DISTINCT r) <> 1",
    "a draw over UNNEST": f"SELECT id FROM {DRAWN} t, UNNEST([1, 2, 3]) GROUP BY id HAVING COUNT(DISTINCT r) <> 1",
    "a condition on a draw": f"SELECT id FROM (SELECT id, r FROM {DRAWN} WHERE r < 0.5) WHERE r >= 0.5",
    "a condition in a join": f"SELECT r FROM (SELECT t.r FROM {DRAWN} t JOIN ds.b ON t.id = b.id AND t.r < 0.1) WHERE r >= 0.1",
    "a draw read twice": f"SELECT id FROM (SELECT id, r AS x, r * 1 AS y, -r AS z FROM {DRAWN}) WHERE x <> y OR x <> -z",
    "a branch": f"SELECT id FROM (SELECT r, id, IF(r < 0.3, 'a', 'b') AS k FROM {DRAWN}) WHERE (k = 'a') <> (r < 0.3)",
    "an order": f"SELECT r FROM (SELECT r, LAG(r) OVER (ORDER BY r) AS before FROM {DRAWN}) WHERE r < before",
    "a group": f"SELECT k FROM (SELECT r < 0.5 AS k, MIN(r) AS low, MAX(r) AS high FROM {DRAWN} GROUP BY k) "
    "WHERE (k AND high >= 0.5) OR (NOT k AND low < 0.5)",
    "a subquery of each row": f"SELECT id FROM (SELECT id, r, (SELECT MAX(x) FROM UNNEST([0.0, r]) AS x) AS m FROM {DRAWN}) "
    "WHERE m <> r",
    "EXISTS": f"SELECT id FROM {DRAWN} t WHERE EXISTS (SELECT 1 FROM ds.b WHERE b.id = t.id AND t.r < 0.5) AND r >= 0.5",
    "a draw outside of its range": f"SELECT id FROM {DRAWN} WHERE r < 0 OR r >= 1 OR r IS NULL",
    "a draw above a LIMIT": f"SELECT id FROM (SELECT t.id, t.r FROM {DRAWN} t JOIN ds.b USING (id) ORDER BY b.id, b.j LIMIT 500) "
    "GROUP BY id HAVING COUNT(DISTINCT r) <> 1",
    "two drawn relations": f"SELECT x.id FROM {DRAWN} x JOIN {DRAWN} y USING (id) WHERE x.r = y.r",
    "draws that are alike": "SELECT x FROM (SELECT RAND() AS x, RAND() AS y FROM ds.a) WHERE x = y",
}


def rows(sql: str) -> list[dict[str, object]]:
    kind, table = engine.answer(sql, TABLES)
    assert kind == "local", table
    return table.to_pylist()


@pytest.mark.parametrize("where", VIOLATIONS)
def test_each_row_has_one_draw(where):
    assert rows(VIOLATIONS[where]) == []


def test_a_sample_is_as_large_as_it_should_be():
    [row] = rows("SELECT COUNT(*) AS n FROM ds.a WHERE RAND() < 0.5")
    assert 9_500 < row["n"] < 10_500  # seven standard deviations


def test_two_samples_have_draws_of_their_own():
    [row] = rows(
        f"SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS d FROM (SELECT * FROM {SAMPLED} UNION ALL SELECT * FROM {SAMPLED})"
    )
    assert row["n"] - row["d"] < 6_000  # 5,000 are in both; all of them, were it one sample


def test_the_next_run_is_another_sample():
    sql = "SELECT id FROM ds.a WHERE RAND() < 0.5 ORDER BY id"
    assert rows(sql) != rows(sql)


def test_rows_in_no_order():
    sql = "SELECT id FROM ds.a ORDER BY RAND() LIMIT 100"
    assert len({row["id"] for row in rows(sql)}) == 100
    assert rows(sql) != rows(sql)


def test_draws_without_a_table():
    [row] = rows("SELECT RAND() AS x, CAST(FLOOR(6 * RAND()) AS INT64) + 1 AS die")
    assert 0 <= row["x"] < 1
    assert 1 <= row["die"] <= 6


def test_an_answer_with_draws_is_neither_kept_nor_lazy():
    engine.ready()
    query = googlesql.analyze("SELECT x FROM UNNEST([1, 2]) AS x WHERE RAND() < 0.5")
    compiled = compile_query(query, {})
    assert isinstance(compiled, Compiled)
    assert not compiled.total
    assert not repeatable(query.tree)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT (SELECT RAND())",
        "SELECT SUM(RAND()) FROM UNNEST([1, 2])",
        "SELECT x FROM UNNEST([1, 2]) AS x JOIN UNNEST([1, 2]) AS y ON RAND() < 0.5",
        "SELECT x FROM UNNEST([1, 2]) AS x WHERE x IN (SELECT y FROM UNNEST([1, 2]) AS y WHERE RAND() < 0.5)",
        "WITH RECURSIVE w AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM w WHERE n < 3 AND RAND() < 0.5) SELECT * FROM w",
    ],
)
def test_where_it_is_left_open_what_has_a_draw_bigquery_answers(sql):
    engine.ready()
    assert isinstance(compile_query(googlesql.analyze(sql), {}), Refused)
