"""What today is, is settled once for each run: which partitions a query needs, and what it takes for today, agree."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from bigpato_magic.demo import open_warehouse
from bigpato_magic.types import Plan, RunLocal, RunOnBigQuery, TableId

TODAY = datetime.now(UTC).date()
NEWEST = "SELECT COUNT(*) AS n FROM days WHERE day = CURRENT_DATE()"
WEEK = "SELECT COUNT(*) AS n FROM days WHERE day >= CURRENT_DATE() - 7"


@pytest.fixture
def warehouse(tmp_path):
    warehouse = open_warehouse(tmp_path / "demo", datasets=("samples",))
    warehouse.execute(
        f"CREATE TABLE samples.days PARTITION BY day AS SELECT DATE_ADD(DATE '{TODAY}', INTERVAL d DAY) AS day, d AS id "
        "FROM UNNEST(GENERATE_ARRAY(-20, 2)) AS d, UNNEST(GENERATE_ARRAY(1, 20 + d + 1)) AS i"
    )
    return warehouse


def hold(client, days):
    """Make a copy of these days alone, counted from today."""
    table = TableId(client.warehouse.project, "samples", "days")
    client.tier.list_partitions_above = 0
    plan = client.tier.plan([table])
    ids = frozenset((TODAY + timedelta(days=d)).strftime("%Y%m%d") for d in days)
    part = Plan(promote=tuple(p.__class__(**{**fields(p), "partitions": ids}) for p in plan.promote))
    assert client.tier.rebalance(part).refused == ()
    assert client.tier.copies()[table].holding.partitions == ids


def fields(promotion):
    return {name: getattr(promotion, name) for name in promotion.__dataclass_fields__}


def truth(warehouse, since, until=date(9999, 12, 31)):
    sql = f"SELECT COUNT(*) AS n FROM samples.days WHERE day BETWEEN DATE '{since}' AND DATE '{until}'"
    return warehouse.execute(sql).to_pylist()


def test_the_last_week_is_answered_by_a_copy_of_it(client, warehouse):
    hold(client, range(-7, 3))
    result = client.run(WEEK)
    assert isinstance(result.decision, RunLocal)
    assert result.arrow.to_pylist() == truth(warehouse, TODAY - timedelta(days=7))


def test_a_week_of_which_a_day_is_missing_is_bigquerys(client, warehouse):
    hold(client, range(-6, 3))
    result = client.run(WEEK)
    assert isinstance(result.decision, RunOnBigQuery)
    assert {reason.code for reason in result.decision.reasons} == {"not-held"}
    assert result.arrow.to_pylist() == truth(warehouse, TODAY - timedelta(days=7))


def test_what_was_decided_today_does_not_outlive_the_day(client, warehouse):
    hold(client, [0])
    assert isinstance(client.run(NEWEST).decision, RunLocal)
    warehouse.clock_offset = timedelta(days=1)
    tomorrow = client.run(NEWEST)
    assert isinstance(tomorrow.decision, RunOnBigQuery)
    warehouse.clock_offset = timedelta(0)
    assert isinstance(client.run(NEWEST).decision, RunLocal)


def test_one_moment_is_asked_for_and_used_for_both(client, warehouse, monkeypatch):
    """The clock jumps a day each time that it is asked: whatever it says first holds for all of a run."""
    hold(client, [0])
    asked = []

    def now():
        asked.append(None)
        return datetime.now(UTC) + timedelta(days=len(asked) - 1)

    assert isinstance(client.run(NEWEST).decision, RunLocal)
    runner = client.runner
    monkeypatch.setattr(runner.warehouse, "now", now)
    runner._here.now = now
    result = client.run(NEWEST)
    assert isinstance(result.decision, RunLocal)
    assert result.arrow.to_pylist() == truth(warehouse, TODAY, TODAY)


def test_a_lazy_relation_never_asks_for_the_time(client):
    client.rebalance(["days"])
    result = client.run("SELECT CURRENT_DATE() AS today, COUNT(*) AS n FROM days", lazy=True)
    assert isinstance(result.decision, RunLocal)
    assert result.relation is None
