"""A month of work leaves no more behind than a day of it: files, journal, ledger, drafts, logs."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from bigpato_magic.errors import Cancelled
from bigpato_magic.status import Cancel
from bigpato_magic.tier.journal.ledger import LedgerEntry
from bigpato_magic.tier.policy.score import Use
from bigpato_magic.types import TableId

ORDERS = TableId("demo", "shop", "orders")
DAYS = TableId("demo", "shop", "days")
ITEMS = TableId("demo", "shop", "items")


def files(house):
    """How many files there are of each kind."""
    return Counter(path.suffix for path in house.tier.path.rglob("*") if path.is_file())


def a_day(house, number):
    """Changes, a rebalance that brings and takes away, one that is stopped, one that fails, queries in the journal."""
    house.warehouse.execute(f"INSERT INTO shop.orders VALUES ({number + 5000}, 'x', 1)")
    house.warehouse.execute(f"INSERT INTO shop.days VALUES (DATE '2024-01-0{number % 9 + 1}', {number})")
    house.tier.rebalance([ORDERS, DAYS, ITEMS])
    house.tier.demote([ITEMS])
    stop = Cancel()
    with pytest.raises(Cancelled):
        house.tier.rebalance([ITEMS], cancel=stop, progress=lambda _: stop.set())
    with house.warehouse.faults.during("read:403"):
        house.tier.rebalance([ITEMS])
    house.tier.demote([ITEMS])
    house.tier.queries.mark_stale([ORDERS], statement="INSERT")
    for _ in range(20):
        house.tier.usage.record([Use(ORDERS, 1e6, 1.0), Use(DAYS, 1e6, 1.0)], at=datetime.now(UTC))


def test_days_leave_as_many_files_as_one_day(house, caplog):
    caplog.set_level(logging.INFO)
    a_day(house, 0)
    first = files(house)
    for number in range(1, 13):
        a_day(house, number)
    assert files(house)[".json"] == first[".json"]
    # A table by partitions has a few parts more than at first, and never many.
    assert files(house)[".duckdb"] <= 16 + 1
    assert files(house)[".lock"] <= first[".lock"]
    assert set(files(house)) <= {".json", ".duckdb", ".lock", ".sqlite", ".sqlite-wal", ".sqlite-shm", ""}
    assert list(house.tier.open().store.drafts.iterdir()) == []
    assert {copy.table for copy in house.tier.open().catalog.all()} == {ORDERS, DAYS}


def test_tables_that_come_and_go_leave_nothing(house):
    names = [f"t{i}" for i in range(12)]
    for name in names:
        house.warehouse.execute(f"CREATE TABLE shop.{name} AS SELECT 1 AS id")
    tables = [TableId("demo", "shop", name) for name in names]
    house.tier.promote([ITEMS])
    house.tier.demote([ITEMS])
    before = files(house)
    house.tier.promote(tables)
    house.tier.demote(tables)
    house.tier.clean()
    assert files(house) == before


def test_the_journal_stops_growing(house, monkeypatch):
    """Ten thousand queries over as many tables: the file is as large after the last thousand as after the first ones."""
    monkeypatch.setattr("bigpato_magic.tier.journal.usage.MOST_TABLES", 100)
    ledger, usage, now = house.tier.ledger, house.tier.usage, datetime.now(UTC)
    ledger._most = 200
    sizes = []
    for thousand in range(6):
        for number in range(300):
            at = now + timedelta(seconds=thousand * 300 + number)
            use = Use(
                TableId("demo", "shop", f"t{thousand}_{number}"), 1e6, 1.0, frozenset({"a"}), frozenset({"20240101"})
            )
            usage.record([use], at=at)
            ledger.note(LedgerEntry(at=at, kind="query", route="bigquery", bytes_billed=10))
        house.tier.open().database.settle()
        with house.tier.open().database.transaction() as db:
            sizes.append(db.execute("PRAGMA page_count").fetchone()[0])
            lines = db.execute("SELECT count(*) FROM ledger").fetchone()[0]
            habits = db.execute("SELECT count(*) FROM habits").fetchone()[0]
            parts = db.execute("SELECT count(*) FROM habit_parts").fetchone()[0]
    assert sizes[-1] <= sizes[1] * 1.2
    assert lines <= 400
    assert habits <= 151
    assert parts <= 2 * 151
    wal = house.tier.path / "tier.sqlite-wal"
    assert not wal.exists() or wal.stat().st_size < 8 << 20
    # Nothing is lost of the sums.
    assert ledger.savings().bytes_billed == 6 * 300 * 10


def test_nothing_is_logged_to_a_file(house):
    house.tier.promote([ORDERS])
    handlers = [h for name in ("bigpato_magic", "") for h in logging.getLogger(name).handlers]
    assert not any(isinstance(h, logging.FileHandler) and str(house.tier.path) in h.baseFilename for h in handlers)
    assert not list(house.tier.path.rglob("*.log"))
