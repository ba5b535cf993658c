"""Nobody pays by accident: what would bill more than `BigPato.ask_above` stops before it runs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from bigpato_magic.errors import BytesLimitExceeded, ConsentNeeded, QueryError

MIB = 1 << 20
WHOLE = "SELECT kind, SUM(amount) AS total FROM events GROUP BY kind"
BOTH = "SELECT b.name, COUNT(*) AS n FROM events AS e JOIN buckets AS b ON b.id = e.user_id GROUP BY 1 ORDER BY 1"


@pytest.fixture(autouse=True)
def asks(client):
    """The least that a table bills is ten times as much."""
    client.ask_above = MIB


def billed(client):
    return client.savings().bytes_billed


def test_what_bills_more_stops_before_it_runs(client):
    with pytest.raises(ConsentNeeded, match=r"would bill 10.0 MiB \(≈ \$0.0\d+\), more than .* \(1.0 MiB\)") as asked:
        client.run(WHOLE)
    assert (asked.value.bytes_billed, billed(client), client.last) == (10 * MIB, 0, None)


def test_yes_runs_it(client):
    assert client.run(WHOLE, yes=True).bytes_billed == 10 * MIB


def test_a_limit_that_is_given_for_this_query_is_a_yes_up_to_it(client):
    assert client.run(WHOLE, maximum_bytes_billed="20 MiB").bytes_billed == 10 * MIB
    with pytest.raises(BytesLimitExceeded):
        client.run("SELECT * FROM buckets ORDER BY 1", maximum_bytes_billed="2 MiB")


@pytest.mark.parametrize("limit", [10 * MIB, 0])
def test_what_bills_no_more_is_not_asked_about(client, limit):
    client.ask_above = limit
    assert client.run(WHOLE).bytes_billed == 10 * MIB


@pytest.fixture
def asked(warehouse, monkeypatch):
    """The texts that a dry run was asked for."""
    texts, dry_run = [], warehouse.dry_run
    monkeypatch.setattr(warehouse, "dry_run", lambda sql, *a, **k: (texts.append(sql), dry_run(sql, *a, **k))[1])
    return texts


@pytest.mark.parametrize(
    "sql",
    [
        WHOLE,
        "SELECT a.kind, COUNT(*) AS n FROM events a, events AS b JOIN UNNEST([1, 2]) GROUP BY 1 LIMIT 1",
        "WITH c AS (SELECT IF(kind = 'buy', 1, 2) AS k FROM events) SELECT k, STRUCT(MAX(k)) AS s FROM c GROUP BY k",
    ],
)
def test_a_small_query_waits_for_no_dry_run(client, asked, sql):
    client.ask_above = 100 * MIB
    client.tier.keep.fragments = False
    client.tier.facts.fetch([client.table_id("events")])  # a query waits two seconds for that, and then does without
    assert client.run(sql, route="bigquery").decision.where == "bigquery"
    assert asked == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT COUNT(*) AS n FROM events_view",
        "SELECT COUNT(*) AS n FROM events, tables_of('x')",
        "SELECT COUNT(*) AS n FROM reading('x')",
        "SELECT COUNT(*) AS n FROM events, other.reading('x')",
        "SELECT COUNT(*) AS n FROM events FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()",
        "SELECT COUNT(*) AS n FROM nowhere",
        "INSERT INTO buckets (id) SELECT 1",
    ],
)
def test_where_sizes_do_not_tell_a_dry_run_does(client, asked, sql):
    client.ask_above = 100 * MIB
    with suppress(QueryError):
        client.run(sql, route="bigquery")
    assert asked == [sql]


def test_the_projects_own_limit_stays_in_force(client, warehouse, monkeypatch):
    """One that is sent takes its place, so none is sent for a query that is merely not to be asked about."""
    options, query = [], warehouse.query
    monkeypatch.setattr(warehouse, "query", lambda *a, **k: (options.append(k["options"]), query(*a, **k))[1])
    client.ask_above = 100 * MIB
    client.run(WHOLE)
    assert [one.maximum_bytes_billed for one in options] == [None]


def test_where_bytes_cost_nothing_nobody_is_asked(client):
    client.tier.pricing.objective = "time"
    assert client.run(WHOLE).bytes_billed == 10 * MIB


def test_a_smaller_limit_of_the_person_is_still_an_error_of_theirs(client):
    client.maximum_bytes_billed = MIB // 2
    with pytest.raises(BytesLimitExceeded, match="exceeded limit"):
        client.run(WHOLE, yes=True)
    with pytest.raises(BytesLimitExceeded):
        client.run(WHOLE)


def test_what_is_here_or_kept_is_free(client):
    client.promote("events")
    assert client.run(WHOLE).decision.where == "local"
    kept = "SELECT COUNT(DISTINCT name) AS n FROM buckets"
    client.run(kept, yes=True)
    assert client.settle()
    assert client.run(kept).decision.where == "kept"


def test_a_look_bills_no_query(client):
    assert client.run("SELECT event_id FROM events WHERE kind = 'buy'").decision.where == "read"


def test_the_cheaper_ways_are_named(client):
    with pytest.raises(ConsentNeeded) as asked:
        client.run(WHOLE)
    partition, columns, here = asked.value.ways
    assert partition.startswith("events is partitioned by day: a filter on it")
    assert columns.startswith("2 of the 7 columns of events are read")
    assert here.startswith("%bp_rebalance events brings it here")
    with pytest.raises(ConsentNeeded) as filtered:
        client.run("SELECT SUM(amount) AS total FROM events WHERE day > DATE '2024-01-20'")
    assert not any("partitioned" in way for way in filtered.value.ways)


def test_bringing_one_of_several_tables_is_not_said_to_make_a_query_free(client):
    with pytest.raises(ConsentNeeded) as asked:
        client.run(BOTH)
    bringing = [way for way in asked.value.ways if "%bp_rebalance" in way]
    assert len(bringing) == 1
    assert bringing[0].startswith("%bp_rebalance events buckets brings them here")


def test_bringing_it_is_no_way_where_that_would_not_help(client):
    with pytest.raises(ConsentNeeded) as asked:
        client.run("SELECT APPROX_QUANTILES(amount, 4) AS q, kind FROM events GROUP BY kind")
    assert not any("%bp_rebalance" in way for way in asked.value.ways)


def test_parts_of_a_query_are_asked_about_by_what_they_bill(client):
    client.promote("buckets")
    with pytest.raises(ConsentNeeded) as asked:
        client.run(BOTH)
    assert (asked.value.bytes_billed, billed(client)) == (10 * MIB, 0)
    client.ask_above = 10 * MIB
    assert client.run(BOTH).decision.where == "hybrid"


def test_the_whole_after_parts_in_vain_bills_no_more_than_what_is_left(client, monkeypatch):
    client.promote("buckets")
    client.ask_above = 25 * MIB
    hybrid = type(client.runner._hybrid)
    monkeypatch.setattr(hybrid, "_rest", lambda *_: (_ for _ in ()).throw(ValueError("in vain")))
    with pytest.raises(ConsentNeeded) as asked:
        client.run(BOTH)
    assert asked.value.bytes_billed == 30 * MIB
    assert "10.0 MiB of it are billed already" in str(asked.value)


def test_a_frozen_client_asks_too(client, warehouse):
    warehouse.clock_offset += timedelta(minutes=5)
    client.freeze("now")
    with pytest.raises(ConsentNeeded):
        client.run(WHOLE)
    assert client.run(WHOLE, yes=True).bytes_billed == 10 * MIB


@pytest.mark.parametrize(("told", "runs"), [(30 * MIB, True), (30 * MIB + 1, False)])
def test_a_script_is_asked_about_before_its_first_statement(client, warehouse, monkeypatch, told, runs):
    script = "CREATE TABLE samples.made AS SELECT 1 AS x; SELECT MAX(amount) FROM events;"
    client.ask_above = 30 * MIB
    dry_run = warehouse.dry_run
    monkeypatch.setattr(warehouse, "dry_run", lambda *a, **k: replace(dry_run(*a, **k), bytes_processed=told))
    if runs:
        assert client.run(script).bytes_billed == 10 * MIB
        return
    with pytest.raises(ConsentNeeded):
        client.run(script)
    assert "made" not in [table.table for table in warehouse.tables(dataset="samples")]


def test_the_error_of_a_wrong_query_is_bigquerys(client):
    with pytest.raises(QueryError, match="nope"):
        client.run("SELECT nope FROM events")
    with pytest.raises(QueryError):
        client.run("SELECT 1; SELECT nope FROM events")


def test_verification_keeps_to_it(client):
    client.promote("events")
    client.verify = 1.0
    client.run(WHOLE, yes=True)
    client.verifier.last_thread.join()
    assert billed(client) == 0
    with pytest.raises(ConsentNeeded):
        client.verify_last()
    assert client.verify_last(yes=True).outcome == "equal"


def test_an_explanation_says_that_it_would_ask(client):
    assert client.explain(WHOLE).asks_first
    client.ask_above = 10 * MIB
    assert not client.explain(WHOLE).asks_first
    client.promote("events")
    client.ask_above = 1
    assert not client.explain(WHOLE).asks_first
