"""The first key press has its names, if they come within a moment; it waits for nothing that takes longer."""

from __future__ import annotations

import threading

import pytest

from bigpato_magic.notebook.names import NotebookNames


@pytest.fixture
def names(client):
    """Names that nobody has asked for yet, at a key press."""
    names = NotebookNames(lambda: client)
    names.key_pressed()
    return names


def test_the_first_key_press_finds_columns_tables_and_datasets(names):
    assert [column.name for column in names.columns(("orders",))] == ["order_id", "country", "amount", "day"]
    names.key_pressed()
    assert names.tables() == ("items", "orders")
    names.key_pressed()
    assert names.datasets() == ("shop",)


def test_what_takes_longer_is_there_for_a_later_one(names, client, monkeypatch):
    arrived, fetch = threading.Event(), client.tier.facts.fetch
    monkeypatch.setattr(client.tier.facts, "fetch", lambda tables: (arrived.wait(), fetch(tables)))
    assert names.columns(("orders",)) == ()
    arrived.set()
    names.wait()
    assert len(names.columns(("orders",))) == 4


def test_another_client_has_other_names(names, client):
    names.columns(("orders",))
    client.dataset = "elsewhere"
    names.key_pressed()
    assert names.columns(("orders",)) == ()
