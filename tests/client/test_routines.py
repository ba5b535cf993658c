"""A query that calls persistent SQL functions runs here, by what they are when it is asked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bigpato_magic.errors import QueryError, RouteRefused
from bigpato_magic.types import RoutineFacts, RunLocal, RunOnBigQuery

SHOUTED = "SELECT event_id, samples.shout(kind) AS k FROM events WHERE kind IS NOT NULL ORDER BY event_id"


@pytest.fixture(autouse=True)
def functions(client, warehouse):
    warehouse.execute("CREATE FUNCTION samples.mark(x ANY TYPE) AS (CONCAT(CAST(x AS STRING), '!'))")
    warehouse.execute("CREATE FUNCTION samples.shout(word STRING) RETURNS STRING AS (samples.mark(UPPER(word)))")
    warehouse.execute("CREATE FUNCTION samples.half(x FLOAT64) RETURNS FLOAT64 AS (x / 2)")
    client.rebalance(["events"])


def rows_of(result):
    return [tuple(row.values()) for row in result.arrow.to_pylist()]


@pytest.mark.parametrize(
    "sql",
    [
        SHOUTED,
        "SELECT samples.shout(kind) AS k, COUNT(*) AS n FROM events GROUP BY k ORDER BY k",
        "SELECT event_id FROM events WHERE `samples.half`(event_id) > 100 ORDER BY event_id",
        "SELECT `bigpato-demo`.samples.shout(kind) AS k, `bigpato-demo.samples.mark`(event_id) AS m FROM events ORDER BY m, k",
        "CREATE TEMP FUNCTION twice(x INT64) AS (samples.half(x) * 4); SELECT twice(event_id) AS t FROM events ORDER BY t",
        "WITH e AS (SELECT samples.mark(kind) AS k FROM events) SELECT k, COUNT(*) AS n FROM e GROUP BY k ORDER BY k",
    ],
)
def test_its_answer_is_bigquerys(client, sql):
    here, there = client.run(sql), client.run(sql, route="bigquery")
    assert isinstance(here.decision, RunLocal)
    assert here.arrow == there.arrow
    assert here.outputs == there.outputs


def test_arguments_are_coerced_as_declared(client):
    found = client.run("SELECT samples.half(3) AS h, samples.mark(DATE '2024-01-31') AS d, samples.mark(TRUE) AS b")
    assert rows_of(found) == [(1.5, "2024-01-31!", "true!")]
    assert found.decision.where == "local"
    with pytest.raises(QueryError, match="No matching signature"):
        client.run("SELECT samples.half('3') AS h")


def test_a_function_that_changes_is_what_it_has_become(client, warehouse):
    before = rows_of(client.run(SHOUTED))
    warehouse.execute("CREATE OR REPLACE FUNCTION samples.mark(x ANY TYPE) AS (CONCAT(CAST(x AS STRING), '?'))")
    after = client.run(SHOUTED)
    assert isinstance(after.decision, RunLocal)
    assert rows_of(after) == [(number, word.replace("!", "?")) for number, word in before]
    client.run("CREATE OR REPLACE FUNCTION samples.mark(x ANY TYPE) AS (CONCAT(CAST(x AS STRING), '.'))")
    assert rows_of(client.run(SHOUTED, max_staleness=3600)) == [(n, word.replace("!", ".")) for n, word in before]


def test_what_was_told_before_a_statement_has_ended_is_not_remembered(client, warehouse, monkeypatch):
    ask = warehouse.routines

    def meanwhile(ids):
        told = ask(ids)
        monkeypatch.setattr(warehouse, "routines", ask)
        client.run("CREATE OR REPLACE FUNCTION samples.mark(x ANY TYPE) AS (CONCAT(CAST(x AS STRING), '.'))")
        return told

    monkeypatch.setattr(warehouse, "routines", meanwhile)
    client.run(SHOUTED)
    assert {word[-1] for _, word in rows_of(client.run(SHOUTED, max_staleness=3600))} == {"."}


def test_what_a_function_was_then_nobody_tells(client, warehouse):
    client.freeze(warehouse.now() - timedelta(minutes=5))
    with pytest.raises(RouteRefused, match="calls a function of a dataset"):
        client.run(SHOUTED)


def test_one_that_is_gone_is_bigquerys_to_say(client, warehouse):
    warehouse.execute("DROP FUNCTION samples.mark")
    with pytest.raises(QueryError, match=r"Function not found: samples\.mark"):
        client.run(SHOUTED)


def test_an_answer_with_functions_is_not_kept(client):
    for _ in range(2):
        assert isinstance(client.run("SELECT samples.shout(name) AS k FROM buckets").decision, RunOnBigQuery)
        client.settle()
    assert client.kept() == []


def reason_of(client, monkeypatch, warehouse, **change):
    from dataclasses import replace

    ask = warehouse.routines

    def otherwise(ids):
        return {id_: replace(r, **change) if isinstance(r, RoutineFacts) else r for id_, r in ask(ids).items()}

    monkeypatch.setattr(warehouse, "routines", otherwise)
    return client.run(SHOUTED).decision.reasons[0].message


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"language": "JAVASCRIPT", "body": "return word"}, "is not written in SQL"),
        ({"language": "PYTHON", "body": "def shout(word): return word"}, "is not written in SQL"),
        ({"remote": True}, "is not written in SQL"),
        ({"kind": "AGGREGATE_FUNCTION"}, "is a aggregate function"),
        ({"body": "CAST(CURRENT_DATE() AS STRING)"}, "asks what time it is"),
    ],
)
def test_what_cannot_be_written_out_is_bigquerys(client, warehouse, monkeypatch, change, why):
    assert why in reason_of(client, monkeypatch, warehouse, **change)


def test_a_function_that_reads_a_table_is_bigquerys(client, warehouse, monkeypatch):
    reason = reason_of(client, monkeypatch, warehouse, body="(SELECT MAX(kind) FROM samples.events)")
    assert "samples.events" in reason


def test_without_the_network_it_is_as_it_was_if_that_is_allowed(client, warehouse):
    told = client.run(SHOUTED)
    with warehouse.faults.during("network:away"):
        again = client.run(SHOUTED, offline=True, max_staleness=0)
    assert isinstance(again.decision, RunLocal)
    assert again.arrow == told.arrow


def test_two_functions_of_one_name_are_bigquerys(client, warehouse):
    """A name without a project is in another one where a function's body says it."""
    warehouse.execute("CREATE SCHEMA `other`.samples")
    warehouse.execute("CREATE FUNCTION `other`.samples.mark(x ANY TYPE) AS ('other')")
    warehouse.execute("CREATE FUNCTION `other`.samples.say(x STRING) RETURNS STRING AS (samples.mark(x))")
    told = client.explain("SELECT `other`.samples.say('a') AS a, samples.mark('a') AS b")
    assert "two functions" in told.decision.reasons[0].message
    alone = client.run("SELECT `other`.samples.say('a') AS a")
    assert rows_of(alone) == [("other",)]


def test_a_table_in_a_function_is_not_the_one_of_that_name_in_the_query(client, warehouse, monkeypatch):
    """`samples.events` in a function of another project may be that project's."""
    reason_of(client, monkeypatch, warehouse, body="(SELECT MAX(kind) FROM samples.events)")
    told = client.explain("SELECT samples.shout(kind) AS k FROM samples.events")
    assert "reads samples.events" in told.decision.reasons[0].message


@pytest.mark.parametrize("other", ["samples.SHOUT(kind)", "SAMPLES.shout(kind)", "`bigpato-demo.samples.Shout`(kind)"])
def test_names_that_differ_in_case_are_not_one(client, other):
    """BigQuery would not find the second one; the analyzer takes the first one for it."""
    told = client.explain(f"SELECT samples.shout(kind) AS a, {other} AS b FROM events")
    assert isinstance(told.decision, RunOnBigQuery)
    assert any(word in told.decision.reasons[0].message for word in ("two functions", "not found"))
