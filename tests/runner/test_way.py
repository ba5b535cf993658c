"""A query's way is straight: each stop is asked once, and what decides is asked with all that the run has shown."""

from __future__ import annotations

import threading

import pytest

from bigpato_magic.decide import QueryPlan
from bigpato_magic.errors import QueryError, TierError
from bigpato_magic.types import Freshness, RunLocal, RunOnBigQuery

SQL = "SELECT kind, COUNT(*) AS n FROM events GROUP BY kind ORDER BY kind"


@pytest.fixture
def held(client, analyzer):
    """A client whose only table is here."""
    client.rebalance(["events"])
    return client


@pytest.fixture
def calls(monkeypatch):
    """Counts the calls of a method."""

    def watch(thing, name):
        noted, method = [], getattr(thing, name)
        monkeypatch.setattr(thing, name, lambda *given: noted.append(given) or method(*given))
        return noted

    return watch


@pytest.fixture
def decided(monkeypatch):
    """What `decide` is asked with, and what it says."""
    from bigpato_magic.runner import runner

    noted, decide = [], runner.decide

    def watch(inputs):
        decision = decide(inputs)
        noted.append((inputs, decision))
        return decision

    monkeypatch.setattr(runner, "decide", watch)
    return noted


def test_the_catalog_is_asked_once_for_what_a_query_reads(held, calls):
    asked = calls(held.tier.open().catalog, "copies")
    plan = held.runner.inputs(held._request(SQL)).plan
    assert isinstance(plan, QueryPlan)
    assert len(asked) == 1


def test_bigquery_is_asked_for_a_table_once_before_its_query_and_once_to_keep_the_answer(held, warehouse, calls):
    held.run("SELECT MAX(id) AS most FROM buckets")
    held.settle()
    held.tier.keep.largest = 1000  # no part is certain to be so small
    asked = calls(warehouse, "facts")
    result = held.run("SELECT name, COUNT(*) AS n FROM events JOIN buckets ON id = user_id GROUP BY name LIMIT 3")
    assert isinstance(result.decision, RunOnBigQuery)
    held.settle()
    assert len(held.kept()) == 2
    assert sum(table.table == "buckets" for (tables,) in asked for table in tables) == 2


def test_a_query_that_no_kept_answer_can_be_of_waits_for_none(held, calls):
    waited = calls(held.tier.open().keeper, "settle_over")
    held.run("SELECT COUNT(*) AS n FROM buckets FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()")
    assert waited == []
    held.run("SELECT COUNT(*) AS n FROM buckets")
    assert len(waited) == 1


def test_an_answer_is_shown_only_after_a_second_decision_with_the_verdicts(held, decided):
    result = held.run(SQL)
    (before, presumed), (after, decision) = decided
    assert (before.verdicts, after.verdicts) == (None, {held.table_id("events"): (Freshness.FRESH, None)})
    assert presumed == decision == result.decision
    assert isinstance(decision, RunLocal)


def test_what_the_check_finds_is_decided_on_and_not_shown(held, warehouse, decided):
    held.run("SELECT COUNT(*) AS n FROM events")
    warehouse.execute("INSERT INTO samples.events (event_id) VALUES (-1)")
    result = held.run(SQL)
    _, decision = decided[-1]
    assert isinstance(decision, RunOnBigQuery)
    assert result.decision == decision
    assert {reason.code for reason in decision.reasons} == {"stale"}


def test_a_store_that_goes_while_a_query_runs_leaves_it_to_bigquery(held, monkeypatch):
    def gone(copies):
        raise TierError("the directory is not there any more")

    monkeypatch.setattr(held.tier.open().facts, "fresh_as_of", gone)
    result = held.run(SQL)
    assert [reason.code for reason in result.decision.reasons] == ["store"]
    assert result.arrow.num_rows > 0


def test_what_the_run_finds_is_decided_on_too(held, decided):
    with pytest.raises(QueryError, match="division by zero"):
        held.run("SELECT kind, SUM(1 / (event_id - event_id)) AS n FROM events GROUP BY kind")
    inputs, decision = decided[-1]
    assert [reason.code for reason in inputs.failures] == ["local-run"]
    assert decision == RunOnBigQuery(inputs.sql, inputs.failures)


@pytest.fixture
def asked_first(client, monkeypatch):
    """Google's analyzer begins only once BigQuery was asked of these tables; its answer waits for the analyzer."""
    from bigpato_magic import googlesql

    asked, analyzed = threading.Event(), threading.Event()
    asking, analyze = client.warehouse.facts, googlesql.analyze
    tables = []

    def facts(wanted):
        tables.extend(wanted)
        asked.set()
        assert analyzed.wait(30)
        return asking(wanted)

    def understand(*given, **how):
        assert asked.wait(30), "the analysis has begun, and nobody has asked for the tables"
        analyzed.set()
        return analyze(*given, **how)

    monkeypatch.setattr(client.warehouse, "facts", facts)
    monkeypatch.setattr(googlesql, "analyze", understand)
    return tables


def test_copies_are_checked_while_a_new_query_is_analyzed(held, asked_first):
    assert isinstance(held.run(SQL, max_staleness=0).decision, RunLocal)
    assert asked_first == [held.table_id("events")]


def test_tables_that_are_not_here_are_asked_for_before_bigquery_runs(client, analyzer, monkeypatch):
    order, warehouse = [], client.warehouse

    def noted(name, method):
        return lambda *given, **how: order.append(name) or method(*given, **how)

    for name in ("facts", "query"):
        monkeypatch.setattr(warehouse, name, noted(name, getattr(warehouse, name)))
    client.run(SQL)
    assert order[0] == "facts"
    assert "query" in order
