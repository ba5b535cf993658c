"""Whatever becomes of the tables behind a wildcard, a query over them gives BigQuery's answer, or BigQuery's error."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bigpato_magic.errors import BigPatoError
from bigpato_magic.types import RunLocal

DAYS = ("20240101", "20240102", "20240103", "20240201", "fresh_20240102")
FILTERS = (
    "TRUE",
    "_TABLE_SUFFIX BETWEEN '20240101' AND '20240131'",
    "_TABLE_SUFFIX LIKE '202401%'",
    "_TABLE_SUFFIX IN ('20240102', '20240201')",
    "NOT (_TABLE_SUFFIX = '20240102')",
    "_TABLE_SUFFIX > '20240102' OR id = 1",
    "STARTS_WITH(_TABLE_SUFFIX, 'fresh') AND id > 0",
)
QUERIES = (
    "SELECT _TABLE_SUFFIX AS s, id FROM `ev_*` WHERE {} ORDER BY s, id",
    "SELECT * FROM `ev_*` WHERE {} ORDER BY id",
    "SELECT COUNT(*) AS n, SUM(id) AS total FROM `ev_*` WHERE {}",
    "SELECT a.id, b._TABLE_SUFFIX AS s FROM `ev_*` a LEFT JOIN (SELECT *, _TABLE_SUFFIX FROM `ev_*` WHERE {}) b"
    " ON a.id = b.id ORDER BY a.id, s",
)
SHAPES = {
    "plain": "SELECT {n} AS id, 'e' AS event",
    "wider": "SELECT {n} AS id, 'e' AS event, {n} / 2 AS price",
    "turned": "SELECT 'e' AS event, {n} AS id",
    "empty": "SELECT 1 AS id, 'e' AS event FROM (SELECT 1) WHERE FALSE",
    "clashing": "SELECT 'text' AS id, 'e' AS event",
}

number = st.integers(0, 9)
day = st.sampled_from(DAYS)
made = st.builds(
    lambda d, shape, n: f"CREATE OR REPLACE TABLE samples.ev_{d} AS {SHAPES[shape].format(n=n)}",
    day, st.sampled_from(["plain", "plain", "wider", "turned", "empty", "wider", "plain", "clashing"]), number,
)  # fmt: skip
changes = st.one_of(
    made,
    st.builds(lambda d: f"DROP TABLE IF EXISTS samples.ev_{d}", day),
    st.builds(lambda d, n: f"INSERT INTO samples.ev_{d} (id, event) VALUES ({n}, 'late')", day, number),
    st.builds(lambda d: f"ALTER TABLE samples.ev_{d} ADD COLUMN IF NOT EXISTS extra STRING", day),
    st.just("CREATE VIEW IF NOT EXISTS samples.ev_view AS SELECT 1 AS id, 'e' AS event"),
    st.just("DROP VIEW IF EXISTS samples.ev_view"),
    *[st.just("rebalance")] * 3,
)
questions = st.builds(lambda text, filter_: text.format(filter_), st.sampled_from(QUERIES), st.sampled_from(FILTERS))


@pytest.fixture
def beginning(analyzer, warehouse, client):
    for n, d in enumerate(DAYS[:3]):
        warehouse.execute(f"CREATE OR REPLACE TABLE samples.ev_{d} AS {SHAPES['plain'].format(n=n)}")
    return client


def answer(client, sql, route):
    try:
        found = client.run(sql, route=route)
    except BigPatoError as error:
        return type(error), None
    # Rows that the query does not put in order may come in any.
    rows = sorted(map(repr, (tuple(row.values()) for row in found.arrow.to_pylist())))
    return (found.arrow.schema, rows), found.decision


def change(client, warehouse, statement):
    try:
        if statement == "rebalance":
            client.rebalance(["ev_*"])
        else:
            warehouse.execute(statement)
    except BigPatoError:
        pass


def clear(client, warehouse):
    warehouse.execute("DROP VIEW IF EXISTS samples.ev_view")
    for n, d in enumerate(DAYS):
        warehouse.execute(f"DROP TABLE IF EXISTS samples.ev_{d}")
        if n < 3:
            warehouse.execute(f"CREATE TABLE samples.ev_{d} AS {SHAPES['plain'].format(n=n)}")
    client.rebalance(["ev_*"])


LOCAL = []


@settings(max_examples=20, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.lists(changes, max_size=2), questions), min_size=3, max_size=5))
def test_drifting_tables(beginning, warehouse, steps):
    clear(beginning, warehouse)
    for statements, sql in steps:
        for statement in statements:
            change(beginning, warehouse, statement)
        here, decision = answer(beginning, sql, "auto")
        there, _ = answer(beginning, sql, "bigquery")
        assert here == there, sql
        LOCAL.append(isinstance(decision, RunLocal))


def test_many_of_them_were_answered_here():
    assert sum(LOCAL) > 10
