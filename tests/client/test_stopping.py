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
