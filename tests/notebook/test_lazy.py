"""`--to duckdb`: a local answer stays in DuckDB, closed to everything but its copies, and is the same answer."""

from __future__ import annotations

import contextlib
import gc

import duckdb
import pytest

from bigpato_magic.errors import BigPatoError, ConfigurationError, RouteRefused
from bigpato_magic.frames import conform
from bigpato_magic.local.relation import can_be_lazy, lazy_sql
from bigpato_magic.types import Compiled, Kind, OutputColumn, SqlType

BY_COUNTRY = "SELECT country, SUM(amount) AS total, MAX(day) AS last FROM orders GROUP BY country ORDER BY country"
KINDS = """SELECT order_id, CAST(order_id AS FLOAT64) AS share, amount, country, day, day > '2024-02-01' AS late,
           TIMESTAMP '2024-05-06 07:08:09.123456+00' AS instant, DATETIME(day) AS moment, TIME '01:02:03' AS clock, b'x' AS raw,
           IF(order_id = 1, NULL, order_id + 1) AS next FROM orders ORDER BY order_id"""


@pytest.fixture
def here(cell, client):
    """The tables are local."""
    client.promote(["orders", "items"])
    return cell


def test_nothing_runs_before_rows_are_wanted(here, shell, client):
    done = here(f"%%bpsql out << --to duckdb\n{BY_COUNTRY}")
    assert done.error is None
    assert done.plain.startswith("out ← local, lazy · ")
    out = shell.user_ns["out"]
    assert client.last.relation is not None
    assert client.last.arrow.num_rows == 0
    assert "part_" in out.explain()
    assert [row[0] for row in out.fetchall()] == ["EE", "FI"]
    assert out.filter("total >= 2500").aggregate("count(*)").fetchall() == [(2,)]


@pytest.mark.parametrize("query", [BY_COUNTRY, KINDS])
def test_a_lazy_answer_is_the_same_answer(here, shell, client, query):
    lazy = client.run(query, lazy=True)
    assert lazy.relation is not None
    now = client.run(query)
    assert duckdb.from_arrow(now.arrow).types == lazy.relation.types
    assert lazy.relation.columns == now.arrow.column_names
    assert conform(lazy.relation.to_arrow_table(), lazy.outputs).equals(now.arrow)


def test_parameters_stay_bound(here, shell):
    shell.push({"least": 98})
    here("%%bpsql out << --to duckdb\nSELECT order_id FROM orders WHERE order_id >= @least")
    del shell.user_ns["least"]
    assert sorted(shell.user_ns["out"].fetchall()) == [(98,), (99,), (100,)]


def test_instants_come_with_their_zone(here, shell):
    here("%%bpsql out << --to duckdb\nSELECT TIMESTAMP '2024-01-02 03:04:05+00' AS t")
    assert [t.isoformat() for (t,) in shell.user_ns["out"].fetchall()] == ["2024-01-02T03:04:05+00:00"]


def test_max_results_limits_the_relation(here, shell):
    here("%%bpsql out << --to duckdb --max_results 3\nSELECT order_id FROM orders ORDER BY order_id DESC")
    assert shell.user_ns["out"].fetchall() == [(100,), (99,), (98,)]


def test_nobody_keeps_it_but_the_person_and_the_last_result(here, client):
    here("%%bpsql out << --to duckdb\nSELECT COUNT(*) AS n FROM orders")
    assert client.last.relation is not None
    assert [result.relation for result in client.status.queries] == [None]


def test_it_outlives_its_copy_and_shows_the_instant_that_it_was_made(here, shell, client):
    here("%%bpsql out << --to duckdb\nSELECT COUNT(*) AS n FROM orders")
    client.warehouse.execute("DELETE FROM shop.orders WHERE order_id > 10")
    client.demote(["orders"])
    client.tier.clean()
    gc.collect()
    assert shell.user_ns["out"].fetchall() == [(100,)]


def test_its_duckdb_reads_nothing_else_and_writes_no_copy(here, shell, tmp_path):
    here("%%bpsql out << --to duckdb\nSELECT order_id FROM orders")
    out = shell.user_ns["out"]
    (tmp_path / "secret.csv").write_text("a\n1\n")
    for statement in (
        f"SELECT * FROM '{tmp_path / 'secret.csv'}'",
        f"ATTACH '{tmp_path / 'new.duckdb'}'",
        "SET enable_external_access = true",
    ):
        with pytest.raises(duckdb.Error):
            out.query("answer", statement).fetchall()
    with pytest.raises(duckdb.Error):
        out.write_parquet(str(tmp_path / "out.parquet"))
    database = out.query("answer", "SELECT database_name FROM duckdb_databases() WHERE readonly").fetchall()[0][0]
    with pytest.raises(duckdb.Error, match="read-only"):
        out.query("answer", f'DELETE FROM "{database}".rows')


def test_what_a_person_does_to_it_leaves_other_queries_alone(here, shell, client):
    here("%%bpsql out << --to duckdb\nSELECT order_id FROM orders")
    out = shell.user_ns["out"]
    database = out.query("answer", "SELECT database_name FROM duckdb_databases() WHERE readonly").fetchall()[0][0]
    out.query("answer", f'DETACH "{database}"')
    result = client.run("SELECT SUM(order_id) AS s FROM orders", route="local")
    assert result.arrow["s"].to_pylist() == [5050]


def test_on_bigquery_it_is_a_relation_over_the_result(cell, shell, client):
    done = cell(f"%%bpsql out << --to duckdb\n{BY_COUNTRY}")
    assert len(shell.user_ns["out"].fetchall()) == 2
    assert client.last.relation is None
    assert "%bp_rebalance shop.orders" in done.html
    assert "here at most (≈ $" in done.html


def test_what_is_held_otherwise_than_it_is_shown_runs_at_once():
    def lazy(kind):
        return can_be_lazy(Compiled("SELECT 1", (OutputColumn("n", SqlType(kind)),), total=True))

    assert lazy(Kind.INT64)
    assert not any(map(lazy, (Kind.BIGNUMERIC, Kind.GEOGRAPHY, Kind.INTERVAL)))
    assert not can_be_lazy(Compiled("SELECT 1", (OutputColumn("n", SqlType(Kind.INT64)),)))


@pytest.mark.parametrize(
    "select",
    [
        "order_id + 9223372036854775807",
        "order_id * order_id * order_id * order_id * order_id * order_id * order_id * order_id * order_id * order_id",
        "CAST(country AS INT64)",
        "SAFE_DIVIDE(order_id, 0) + DIV(order_id, order_id - 1)",
        "1 / (order_id - 1)",
        "(SELECT item_id FROM items)",
        "ERROR(country)",
        "SUM(order_id + 4611686018427387904)",
        "SUM(CAST(order_id AS FLOAT64))",
        "SUM(order_id) OVER (ORDER BY order_id RANGE BETWEEN 9223372036854775807 PRECEDING AND CURRENT ROW)",
        "ARRAY_AGG(country)",
        "DATE_ADD(day, INTERVAL 9999 YEAR)",
        "SUBSTR(country, 1, order_id - 2)",
        "CURRENT_TIMESTAMP()",
        "[country, NULL]",
    ],
)
def test_what_may_raise_or_need_bigquery_runs_at_once(here, client, select):
    sql = f"SELECT {select} AS x FROM orders"
    with contextlib.suppress(RouteRefused):  # BigQuery answers
        assert client.run(sql, lazy=True, route="local").relation is None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT order_id + 1 AS n, UPPER(country) AS c FROM orders WHERE country LIKE 'E%' AND order_id >= 5",
        "SELECT country, COUNT(*) AS n, MIN(day) AS first, SUM(amount) AS s FROM orders GROUP BY country",
        "SELECT country, ROW_NUMBER() OVER (PARTITION BY country ORDER BY order_id) AS r FROM orders",
        "SELECT o.order_id, i.label FROM orders AS o LEFT JOIN items AS i ON o.order_id = i.item_id",
        "WITH c AS (SELECT DISTINCT country FROM orders) SELECT * FROM c UNION ALL SELECT label FROM items",
        "SELECT order_id FROM orders WHERE order_id IN (SELECT item_id FROM items) LIMIT 1",
    ],
)
def test_what_certainly_gives_an_answer_stays_lazy(here, client, sql):
    lazy = client.run(sql, lazy=True)
    assert lazy.relation is not None
    assert lazy.relation.aggregate("count(*)").fetchall() == [(client.run(sql).arrow.num_rows,)]


def test_an_error_is_bigquerys_and_comes_at_once(here, client):
    with pytest.raises(BigPatoError):
        client.run("SELECT order_id + 9223372036854775807 AS x FROM orders", lazy=True)


def test_a_name_with_quotes_is_a_name():
    compiled = Compiled("SELECT 1", (OutputColumn('a"b', SqlType(Kind.INT64)),))
    assert duckdb.sql(lazy_sql(compiled)).columns == ['a"b']


def test_there_is_nothing_to_verify_yet(here, client):
    here("%%bpsql out << --to duckdb\nSELECT order_id FROM orders")
    with pytest.raises(ConfigurationError, match="no rows yet"):
        client.verify_last()
