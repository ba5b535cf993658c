"""Whatever happens to a table, or to a clock, an old copy never answers as the table that there is now."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bigpato_magic.errors import WarehouseUnavailable
from bigpato_magic.types import RunLocal, RunOnBigQuery, TableId

SUMS = "SELECT kind, COUNT(*) AS n, SUM(amount) AS total FROM events GROUP BY kind ORDER BY kind"


@pytest.fixture
def events(client):
    """The table, with a copy that answers."""
    client.rebalance(["events"])
    assert isinstance(client.run(SUMS).decision, RunLocal)
    return TableId(client.warehouse.project, "samples", "events")


def codes(result):
    assert isinstance(result.decision, RunOnBigQuery)
    return {reason.code for reason in result.decision.reasons}


def test_a_row_policy_that_appears_ends_the_copy(client, warehouse, events):
    warehouse.add_row_policy(events, "kind = 'view'", [warehouse.principal])
    result = client.run(SUMS)
    assert codes(result) == {"gone"}
    assert set(result.arrow["kind"].to_pylist()) <= {"view"}
    done = client.rebalance()
    assert [d.copy.table for d in done.demote] == [events]
    assert "events" not in {table.table for table in client.tier.copies()}


def test_a_column_that_is_tagged_leaves_the_copy(client, warehouse, events):
    warehouse.tag_column(events, "amount", readers=[warehouse.principal])
    assert codes(client.run(SUMS))
    client.rebalance(["events"])
    assert "amount" not in client.tier.copies()[events].holding.columns
    assert "not-held" in codes(client.run(SUMS))
    assert isinstance(client.run("SELECT COUNT(kind) AS n FROM events").decision, RunLocal)


def test_a_table_that_is_made_again_with_the_same_rows_is_another_one(client, warehouse, events):
    before = client.tier.copies()[events].version
    warehouse.execute("CREATE TABLE samples.aside AS SELECT * FROM samples.events")
    warehouse.execute("DROP TABLE samples.events")
    warehouse.execute("CREATE TABLE samples.events AS SELECT * FROM samples.aside")
    now = warehouse.facts([events])[events].version
    assert now.rows == before.rows
    assert now.created != before.created
    assert codes(client.run(SUMS)) == {"stale"}


@pytest.mark.parametrize("wrong", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_servers_clock_an_hour_from_this_machines_makes_nothing_old_look_fresh(client, warehouse, wrong):
    warehouse.clock_offset = wrong
    client.rebalance(["events"])
    assert isinstance(client.run(SUMS).decision, RunLocal)
    warehouse.execute("DELETE FROM samples.events WHERE event_id <= 10")
    result = client.run(SUMS)
    assert codes(result) == {"stale"}
    client.rebalance(["events"])
    again = client.run(SUMS)
    assert isinstance(again.decision, RunLocal)
    assert again.arrow.equals(result.arrow)


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_clock_that_jumps_by_an_hour_after_the_copy_does_not_either(client, warehouse, events, jump):
    warehouse.clock_offset = jump
    warehouse.execute("DELETE FROM samples.events WHERE event_id <= 10")
    assert codes(client.run(SUMS, max_staleness=0)) == {"stale"}


def test_offline_a_copy_answers_who_allowed_it_and_says_since_when_nobody_looked(client, warehouse, events):
    client.tier.freshness.offline = True
    checked = client.run(SUMS).fresh_as_of
    with warehouse.faults.during("network:away"):
        result = client.run(SUMS)
        assert isinstance(result.decision, RunLocal)
        assert result.unverified_since is not None
        assert result.unverified_since >= checked
        with pytest.raises(WarehouseUnavailable):
            client.run("SELECT COUNT(*) AS n FROM countries")
    assert client.run(SUMS).unverified_since is None


def test_what_was_seen_to_have_changed_does_not_answer_offline(client, warehouse, events):
    client.tier.freshness.offline = True
    warehouse.execute("DELETE FROM samples.events WHERE event_id <= 10")
    assert codes(client.run(SUMS)) == {"stale"}
    with warehouse.faults.during("network:away"), pytest.raises(WarehouseUnavailable):
        client.run(SUMS)
