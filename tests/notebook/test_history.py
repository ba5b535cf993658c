"""`%bp_history`: what was asked in all notebooks, where it was answered, and back into a cell."""

from __future__ import annotations

import pytest

from bigpato_magic.client import BigPato


@pytest.fixture
def listed(cell):
    """The lines of `%bp_history …`."""

    def run(rest=""):
        ran = cell(f"%bp_history {rest}")
        assert ran.error is None, ran.error
        return str(ran.result).splitlines()

    return run


def test_the_last_queries_come_first_with_where_and_price(listed, cell, client):
    cell("%%bpsql\nSELECT COUNT(country)\n  AS n FROM orders")
    client.promote("items")
    cell("%%bpsql\nSELECT label FROM items")
    _, header, second, first, _ = listed()
    assert header.split() == ["N", "When", "Where", "Billed", "Price", "Time", "Query"]
    assert " local " in second
    assert second.endswith("SELECT label FROM items")
    assert " bigquery  10.0 MiB " in first
    assert first.endswith("SELECT COUNT(country) AS n FROM orders")


def test_a_part_of_the_text_finds_it_whatever_its_case(listed, cell):
    cell("%%bpsql\nSELECT COUNT(*) AS n FROM orders")
    cell("%%bpsql\nSELECT label FROM items")
    assert [line.split()[-1] for line in listed("FROM ITEMS")[2:-1]] == ["items"]
    assert listed("nowhere") == ["No query with 'nowhere' is remembered."]


def test_one_goes_into_a_cell_as_it_was_written(cell, shell, listed, monkeypatch):
    inserted = []
    monkeypatch.setattr(shell, "set_next_input", lambda text, **_: inserted.append(text))
    cell("%%bpsql\nSELECT label -- all\nFROM items")
    number = listed()[2].split()[0]
    assert cell(f"%bp_history --insert {number}").error is None
    assert inserted == ["%%bpsql\nSELECT label -- all\nFROM items"]
    assert "no query 99" in str(cell("%bp_history --insert 99").error)


def test_it_is_that_of_all_notebooks_and_outlives_them(client, tmp_path):
    client.run("SELECT 1 AS mine")
    client.close()
    how = {"project": client.project, "dataset": "shop", "directory": str(tmp_path / "tier")}
    other = BigPato(warehouse=client.warehouse, **how)
    assert [query.sql for query in other.tier.open().history.queries()] == ["SELECT 1 AS mine"]
    other.close()


def test_so_many_are_remembered_and_none_where_nobody_wants_it(client):
    client.tier.history = 2
    for n in range(4):
        client.run(f"SELECT {n} AS n")
    history = client.tier.open().history
    assert [query.sql for query in history.queries()] == ["SELECT 3 AS n", "SELECT 2 AS n"]
    client.tier.history = 0
    client.run("SELECT 5 AS n")
    assert history.queries() == []


def test_no_value_of_a_parameter_is_remembered(client):
    client.run("SELECT @secret AS s", params={"secret": "hunter2"})
    (query,) = client.tier.open().history.queries()
    assert (query.sql, "hunter2" in str(query)) == ("SELECT @secret AS s", False)


def test_what_is_too_long_to_be_remembered_whole_is_not_inserted_cut(cell):
    assert cell(f"%%bpsql\nSELECT 1 AS n -- {'x' * 20_000}").error is None
    assert "only the beginning is remembered" in str(cell("%bp_history --insert 1").error)
