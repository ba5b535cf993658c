"""`--to duckdb`: a local answer stays in DuckDB, closed to everything but its copies, and is the same answer."""

from __future__ import annotations

import gc

import duckdb
import pytest

from bigpato_magic.errors import ConfigurationError
from bigpato_magic.frames import conform
from bigpato_magic.local.relation import can_be_lazy, lazy_sql
from bigpato_magic.types import Compiled, Kind, OutputColumn, SqlType

BY_COUNTRY = "SELECT country, SUM(amount) AS total, MAX(day) AS last FROM orders GROUP BY country ORDER BY country"
KINDS = """SELECT order_id, order_id / 3 AS share, amount, country, day, day > '2024-02-01' AS late,
           TIMESTAMP '2024-05-06 07:08:09.123456+00' AS instant, DATETIME(day) AS moment, TIME '01:02:03' AS clock, b'x' AS raw,
           IF(order_id = 1, NULL, [order_id, 2]) AS list FROM orders ORDER BY order_id"""


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


def test_what_may_need_bigquery_half_way_runs_at_once():
    number = (OutputColumn("n", SqlType(Kind.INT64)),)
    assert can_be_lazy(Compiled("SELECT 1", number))
    assert not can_be_lazy(Compiled("SELECT error('route: too far')", number))
    assert not can_be_lazy(Compiled("SELECT bp_reverse('a')", number))
    assert not can_be_lazy(Compiled("SELECT 1", (OutputColumn("n", SqlType(Kind.BIGNUMERIC)),)))
    assert not can_be_lazy(Compiled("SELECT 1", (OutputColumn("n", SqlType(Kind.GEOGRAPHY)),)))


def test_a_name_with_quotes_is_a_name():
    compiled = Compiled("SELECT 1", (OutputColumn('a"b', SqlType(Kind.INT64)),))
    assert duckdb.sql(lazy_sql(compiled)).columns == ['a"b']


def test_there_is_nothing_to_verify_yet(here, client):
    here("%%bpsql out << --to duckdb\nSELECT order_id FROM orders")
    with pytest.raises(ConfigurationError, match="no rows yet"):
        client.verify_last()
