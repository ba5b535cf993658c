"""A frozen notebook as a person meets it: what is said when it begins, under each answer, and when something cannot be."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bigpato_magic.notebook.footnote import clock

COUNT = "SELECT COUNT(*) AS n FROM orders"


@pytest.fixture(autouse=True)
def frozen(client, cell):
    """The notebook, frozen a day ago; the table has changed since."""
    client.promote("orders")
    client.warehouse.clock_offset += timedelta(minutes=5)
    said = cell("%bp_freeze now")
    client.warehouse.clock_offset += timedelta(minutes=5)
    client.run(COUNT)
    client.warehouse.execute("DELETE FROM shop.orders WHERE amount > 50")
    client.warehouse.clock_offset += timedelta(days=1)
    return said


def test_it_says_the_line_that_holds_another_day_too(cell, client, frozen):
    at = client.frozen
    text = str(frozen.result)
    assert text.startswith(f"Every cell answers as of {clock(at)}.")
    again = text[text.index("%bp_freeze") :]
    cell("%bp_freeze off")
    cell(again)
    assert client.frozen == at
    assert str(cell("%bp_freeze").result) == text


def test_the_footnote_and_its_metadata_say_the_instant(cell, client):
    ran = cell(f"%%bpsql df <<\n{COUNT}")
    assert f" · as of {clock(client.frozen)} · " in ran.plain.splitlines()[-1]
    metadata = [output.metadata["bigpato"] for output in ran.outputs if "bigpato" in (output.metadata or {})]
    assert [datetime.fromisoformat(m["as_of"]) for m in metadata] == [client.frozen]


def test_an_answer_of_bigquery_says_it_too(cell, client):
    ran = cell(f"%%bpsql --route bigquery\n{COUNT}")
    last = ran.text.splitlines()[-1]
    assert last.startswith("BigQuery · ")
    assert f" · as of {clock(client.frozen)} · " in last


def test_status_and_explain_say_it(cell, client):
    assert f"frozen: as of {clock(client.frozen)}" in str(cell("%bp_status").result)
    explained = str(cell(f"%%bp_explain\n{COUNT}").result)
    assert explained.startswith(f"It would run locally, in DuckDB, as of {clock(client.frozen)}.")


def test_a_change_is_refused_in_one_sentence(cell, client):
    ran = cell("%%bpsql\nDELETE FROM orders WHERE true")
    assert "nothing is changed: this is a DELETE statement" in str(ran.error)
    cell("%bp_freeze off")
    assert cell("%%bpsql\nDELETE FROM orders WHERE true").error is None


def test_no_instant_is_complained_of(cell, client):
    at = client.frozen
    assert "is no instant" in str(cell("%bp_freeze yesterday").error)
    assert client.frozen == at
