"""A query whose analysis takes long can be stopped, and keeps no other waiting."""

from __future__ import annotations

import threading

import pytest

from bigpato_magic.errors import Cancelled
from bigpato_magic.googlesql import functions
from bigpato_magic.status import Cancel
from bigpato_magic.types import RunOnBigQuery


def doubling(count):
    """Functions each of which calls the one before twice."""
    bodies = ("x", *(f"f{i}(x) + f{i}(x)" for i in range(count - 1)))
    declared = (f"CREATE TEMP FUNCTION f{i}(x INT64) AS ({body});" for i, body in enumerate(bodies))
    return f"{' '.join(declared)} SELECT f{count - 1}(1) AS x"


def test_a_cancelled_analysis_ends_and_the_next_query_has_its_answer(client, monkeypatch):
    monkeypatch.setattr(functions, "MOST_CALLS", 10**9)
    cancel, ended, begun = Cancel(), [], threading.Event()
    declare = functions._declare
    monkeypatch.setattr(functions, "_declare", lambda *arguments: (begun.set(), declare(*arguments)))

    def work():
        try:
            client.run(doubling(20), route="local", cancel=cancel)
        except Cancelled:
            ended.append("cancelled")

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(60)
    assert client.run("SELECT 1 + 1 AS n").arrow["n"].to_pylist() == [2]
    assert not ended
    cancel.set()
    thread.join()
    assert ended == ["cancelled"]
    assert client.run("SELECT 2 + 2 AS n").arrow["n"].to_pylist() == [4]


@pytest.mark.parametrize("count", [12, 30])
def test_a_text_that_expands_too_far_goes_to_bigquery_with_a_reason(client, count):
    explained = client.explain(doubling(count))
    assert isinstance(explained.decision, RunOnBigQuery)
    assert "more than 300 calls" in str(explained.decision.reasons[0])


def test_who_waits_for_an_answer_that_is_being_kept_can_stop(client, warehouse, monkeypatch):
    """Another query's answer is being kept, which takes long, as BigQuery does not say whether its tables have changed."""
    sql, cancel, go_on, ended = "SELECT kind, COUNT(*) AS n FROM events GROUP BY kind", Cancel(), threading.Event(), []
    facts = warehouse.facts

    def slow(tables):
        if threading.current_thread().name == "bigpato-keep":
            assert go_on.wait(60)
        return facts(tables)

    def work():
        try:
            client.run(sql, cancel=cancel)
        except Cancelled:
            ended.append("cancelled")

    monkeypatch.setattr(warehouse, "facts", slow)
    monkeypatch.setattr("bigpato_magic.runner.runner.KEEPING", 600.0)
    client.run(sql)
    keeper, jobs, waits = client.tier.open().keeper, len(warehouse.jobs), threading.Event()
    settle = keeper.settle
    monkeypatch.setattr(keeper, "settle", lambda *given: (waits.set(), settle(*given))[1])
    thread = threading.Thread(target=work)
    thread.start()
    assert waits.wait(60)
    cancel.set()
    thread.join(30)
    assert (ended, len(warehouse.jobs)) == (["cancelled"], jobs)
    go_on.set()
    assert keeper.settle(60)
    assert client.run(sql).decision.where == "kept"
