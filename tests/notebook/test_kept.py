"""Kept answers as a person meets them: the footnote, what is told of them, and how they are forgotten."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from bigpato_magic.errors import ConfigurationError
from bigpato_magic.notebook import view
from bigpato_magic.notebook.footnote import clock
from bigpato_magic.traits import format_size

PER_COUNTRY = "SELECT country, COUNT(*) AS n FROM orders GROUP BY country ORDER BY country"
JOINED = "SELECT COUNT(*) AS n FROM orders JOIN items ON item_id = order_id"
INSTANT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+"


@pytest.fixture
def asked(cell, client):
    """Runs a query in a cell, and waits until its answer is kept."""

    def run(sql, options=""):
        ran = cell(f"%%bpsql {options}\n{sql}")
        assert ran.error is None
        client.settle()
        return ran

    return run


def words(ran):
    """What a card says, with single spaces."""
    return " ".join(str(ran.result).split())


def line(ran):
    """The footnote."""
    return ran.text.splitlines()[-1]


# ---------------------------------------------------------------------------------------- footnotes


def test_an_answer_that_is_given_again_says_of_when_it_is_and_how_fresh(asked):
    asked(PER_COUNTRY)
    again = asked(PER_COUNTRY.lower())
    told = (
        rf"kept answer · [\d.]+ m?s · BigQuery's of {INSTANT} · fresh as of {INSTANT} · 10.0 MiB not billed \(≈ \$\S+\)"
    )
    assert re.fullmatch(told, line(again))


def test_what_bigquerys_own_cache_would_have_had_is_not_said_to_be_saved(asked):
    asked(PER_COUNTRY)
    assert line(asked(PER_COUNTRY)).endswith("· BigQuery's cache would have had it too")


def test_a_kept_part_beside_copies_is_told_as_such(asked, client):
    asked(PER_COUNTRY)
    client.promote("items")
    joined = asked(f"SELECT label, n FROM ({PER_COUNTRY}) JOIN items ON n = item_id + 48 ORDER BY 1")
    assert re.match(rf"local, with a kept answer · [\d.]+ m?s · BigQuery's of {INSTANT} · fresh as of", line(joined))


def test_two_kept_parts_are_two(asked):
    asked(PER_COUNTRY)
    asked("SELECT COUNT(*) AS items FROM items")
    both = asked(f"SELECT country, n, items FROM ({PER_COUNTRY}) CROSS JOIN (SELECT COUNT(*) AS items FROM items)")
    assert line(both).startswith("kept answers · ")


def test_without_bigquery_it_says_since_when_nobody_could_look(asked, client, monkeypatch):
    from bigpato_magic.errors import WarehouseUnavailable

    asked(PER_COUNTRY)

    def away(*_args, **_how):
        raise WarehouseUnavailable("BigQuery cannot be reached")

    monkeypatch.setattr(client.warehouse, "facts", away)
    offline = asked(PER_COUNTRY, "--offline --max_staleness 0s")
    assert re.match(
        rf"kept answer · [\d.]+ m?s · BigQuery's of {INSTANT} · not verified since {INSTANT}", line(offline)
    )
    assert "cache" not in line(offline)


# ------------------------------------------------------------------------------- status, savings, why


def test_the_status_tells_how_many_there_are_and_what_they_did_not_bill(cell, asked):
    assert "kept answers: none" in words(cell("%bp_status"))
    asked(PER_COUNTRY)
    asked(PER_COUNTRY.lower())
    told = words(cell("%bp_status"))
    assert re.search(r"kept answers: 1, \S+ KiB of 5\.0 GiB, 10\.0 MiB not billed \(\$\S+\)", told)


def test_keeping_that_is_off_says_so(cell, client):
    client.tier.keep.on = False
    assert "kept answers: off" in words(cell("%bp_status"))


def test_savings_tell_kept_answers_from_copies(cell, asked):
    asked(PER_COUNTRY)
    asked(PER_COUNTRY.lower())
    cell("%bp_rebalance items")
    asked("SELECT MAX(label) AS m FROM items")
    told = words(cell("%bp_savings"))
    assert "answered here 2 20.0 MiB" in told
    assert "… of these kept answers of BigQuery 1 10.0 MiB" in told


def test_an_explanation_says_which_answer_stands_in_for_it(cell, asked):
    asked(JOINED)
    told = words(cell(f"%%bp_explain\n{JOINED}"))
    assert re.search(
        rf"It would be read from a kept answer of BigQuery: of {INSTANT}, over (orders, items|items, orders)\.", told
    )
    assert "local: nothing is billed" in told
    assert "%bp_rebalance" not in told


def test_an_explanation_of_a_part_names_both(cell, asked, client):
    asked(PER_COUNTRY)
    client.promote("items")
    told = words(cell(f"%%bp_explain\nSELECT label FROM ({PER_COUNTRY}) JOIN items ON n = item_id"))
    assert "It would run locally, in DuckDB, with a kept answer of BigQuery: of" in told
    assert re.search(r"shop\.orders kept", told)
    assert re.search(r"shop\.items local", told)


def test_an_explanation_does_not_promise_an_answer_that_has_been_overtaken(cell, asked, client):
    asked(PER_COUNTRY)
    client.warehouse.execute("INSERT INTO shop.orders (order_id) VALUES (1000)")
    told = words(cell(f"%%bpsql --explain --max_staleness 0s\n{PER_COUNTRY}"))
    assert "It would run on BigQuery." in told
    assert "kept_" not in told


# ------------------------------------------------------------------------------------------ forgetting


def test_without_an_argument_nothing_goes(cell, asked, client):
    assert words(cell("%bp_forget")) == "No answer of BigQuery is kept here."
    asked(PER_COUNTRY)
    told = words(cell("%bp_forget"))
    assert told.startswith("1 kept answer, ")
    assert "%bp_forget --all takes it away, %bp_forget dataset.table those over a table." in told
    assert "SELECT country, COUNT(*) AS n FROM orders GROUP BY country" in told
    assert len(client.kept()) == 1


def test_those_over_a_table_go_and_no_others(cell, asked, client):
    asked(PER_COUNTRY)
    asked(JOINED)
    asked("SELECT COUNT(*) AS n FROM items")
    told = words(cell("%bp_forget items"))
    assert re.fullmatch(r"2 kept answers forgotten, [\d.]+ KiB freed\.", told)
    assert [row.query for row in client.kept()] == [PER_COUNTRY]
    assert words(cell("%bp_forget items")).startswith("Nothing to forget")


def test_all_go_and_are_asked_anew(cell, asked, client):
    asked(PER_COUNTRY)
    asked(JOINED)
    assert words(cell("%bp_forget --all")).startswith("2 kept answers forgotten")
    assert client.kept() == []
    assert line(asked(PER_COUNTRY.lower())).startswith("BigQuery · ")


def test_copies_stay_when_answers_are_forgotten(cell, asked, client):
    asked(PER_COUNTRY)
    client.promote("orders")
    cell("%bp_forget --all")
    assert list(client.tier.copies()) == [client.table_id("orders")]


def test_both_at_once_is_an_error(cell):
    assert isinstance(cell("%bp_forget orders --all").error, ConfigurationError)


# ------------------------------------------------------------------------------------------- in scripts


def test_a_row_of_kept_has_all_that_a_screen_shows(asked, client):
    began = datetime.now(UTC)
    asked(JOINED)
    asked(JOINED.lower())
    (row,) = client.kept()
    assert (row.query, row.rows, row.uses) == (JOINED, 1, 1)
    assert {table.table for table in row.tables} == {"orders", "items"}
    assert row.local_bytes > 0
    assert (row.not_billed_bytes, row.not_billed_dollars > 0) == (20 << 20, True)
    assert (str(row.freshness), row.reason) == ("fresh", "")
    assert clock(row.answered) >= clock(began) or row.answered >= began


def test_what_has_changed_is_told_without_asking(asked, client):
    asked(PER_COUNTRY)
    client.warehouse.execute("INSERT INTO shop.orders (order_id) VALUES (1000)")
    assert str(client.kept()[0].freshness) == "fresh"  # as far as anybody here knows
    client.tier.facts.fetch([client.table_id("orders")])
    assert str(client.kept()[0].freshness) == "stale"
    client.tier.facts.forget()
    assert str(client.kept()[0].freshness) == "unknown"


def test_one_row_is_forgotten_alone(asked, client):
    asked(PER_COUNTRY)
    asked(JOINED)
    joined = next(row for row in client.kept() if row.query == JOINED)
    assert client.forget(joined) == [joined]
    assert [row.query for row in client.kept()] == [PER_COUNTRY]


def test_a_long_query_is_shown_by_its_first_words(asked, client):
    asked("SELECT " + ",\n ".join(f"COUNT(*) + {n} AS c{n}" for n in range(100)) + " FROM items")
    (row,) = client.kept()
    assert len(row.query) == 200
    assert row.query.startswith("SELECT COUNT(*) + 0 AS c0, COUNT(*) + 1 AS c1")
    assert row.query.endswith("…")


# ------------------------------------------------------------------------------------------ budget


def test_copies_and_kept_answers_are_counted_in_one_budget_and_shown_so(asked, cell, client):
    asked(PER_COUNTRY)
    cell("%bp_rebalance items")
    everything = client.tier.open().catalog.all()
    (answer,), (copy,) = ([c for c in everything if bool(c.source) is kept] for kept in (True, False))
    used = client.tier.used_bytes()
    assert used == answer.bytes + copy.bytes
    status = words(cell("%bp_status"))
    assert f"disk: {format_size(used)} of {format_size(client.tier.budget)}" in status
    share = format_size(client.tier.keep.share * client.tier.budget)
    assert f"kept answers: 1, {format_size(answer.bytes)} of {share}" in status
    assert view.budget(client)["used"] == used


def test_a_kept_answer_gives_way_where_the_budget_of_both_is_too_small_for_a_copy(asked, cell, client):
    cell("%bp_rebalance items")
    alone = client.tier.used_bytes()
    cell("%bp_demote items")
    asked(PER_COUNTRY)
    client.tier.budget = client.tier.used_bytes() + alone - 1
    cell("%bp_rebalance items")
    assert client.kept() == []
    assert [copy.table.table for copy in client.tier.copies().values()] == ["items"]
    assert client.tier.used_bytes() <= client.tier.budget


# ------------------------------------------------------------------------------------------- slots


def test_who_pays_for_slots_is_told_of_slots_and_waiting_and_of_no_dollar(asked, cell):
    cell('%config Pricing.objective = "time"')
    assert re.search(r" s · 0\.02 slot-seconds · orders is not local yet", line(asked(PER_COUNTRY)))
    again = line(asked(PER_COUNTRY.lower()))
    assert again.startswith("kept answer")
    assert again.endswith(" · 0.02 slot-seconds not used")
    card = words(cell("%bp_savings"))
    assert "What How many Slots Answers took" in card
    assert "answered here 1 0.02 slot-seconds not used" in card
    assert "on BigQuery 1 0.02 slot-seconds used" in card
    assert "$" not in card
    assert "not billed" not in words(cell("%bp_status"))
