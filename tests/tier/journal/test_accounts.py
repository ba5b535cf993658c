"""The journal of uses and the ledger: shared, bounded, and right to the byte."""

from __future__ import annotations

import csv
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from bigpato_magic.tier.journal import usage
from bigpato_magic.tier.journal.database import Database
from bigpato_magic.tier.journal.ledger import Ledger, LedgerEntry, Pricing
from bigpato_magic.tier.journal.usage import HALF_LIFE, UsageJournal
from bigpato_magic.tier.policy import score
from bigpato_magic.tier.policy.score import Prices, Use
from bigpato_magic.types import TableId

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
T, U = TableId("p", "d", "t"), TableId("p", "d", "u")
GB = 1e9


@pytest.fixture
def journal(tmp_path):
    return UsageJournal(Database(tmp_path), "me")


def test_uses_fade_with_their_half_life_and_are_counted_for_ever(journal):
    journal.record([Use(T, GB, 2.0)], at=NOW)
    later = journal.totals(NOW + timedelta(seconds=HALF_LIFE))[T]
    assert later.score == pytest.approx(GB / 2)
    assert later.weight == pytest.approx(0.5)
    assert (later.uses, later.paid, later.seconds_per_query) == (1, GB, 2.0)


def test_columns_and_partitions_are_gathered_and_unknown_means_all(journal):
    journal.record([Use(T, GB, 1.0, frozenset({"a"}), frozenset({"1"}))], at=NOW)
    journal.record([Use(T, GB, 1.0, frozenset({"b"}), frozenset({"2"}))], at=NOW)
    found = journal.totals(NOW)[T]
    assert (found.columns, found.partitions) == ({"a", "b"}, {"1", "2"})
    journal.record([Use(T, GB, 1.0)], at=NOW)
    found = journal.totals(NOW)[T]
    assert (found.columns, found.partitions) == (frozenset(), None)


def test_what_nobody_reads_any_more_is_forgotten(journal):
    journal.record([Use(T, GB, 1.0, frozenset({"old"}), frozenset({"1"}))], at=NOW)
    journal.record([Use(T, GB, 1.0, frozenset({"new"}), frozenset({"2"}))], at=NOW + timedelta(days=50))
    found = journal.totals(NOW + timedelta(days=50))[T]
    assert (found.columns, found.partitions) == ({"new"}, {"2"})


def test_local_answers_save_and_bigquery_is_paid(journal):
    journal.record([Use(T, GB, 2.0)], at=NOW)
    journal.record([Use(T, 3 * GB, None)], at=NOW)
    found = journal.totals(NOW)[T]
    assert (found.paid, found.paid_uses, found.saved, found.saved_uses) == (GB, 1, 3 * GB, 1)


def test_a_transfer_is_paid_from_the_account_and_the_rest_pays_for_refreshes(journal):
    prices = Prices(read_free=0)
    journal.record([Use(T, 100 * GB, 0.1)], at=NOW)
    before = score.regret(journal.totals(NOW)[T], prices)
    journal.note_transfer(T, 10 * GB, 500 * GB, prices)
    after = journal.totals(NOW)[T]
    assert after.paid == 0
    assert score.earned(after, prices) == pytest.approx(before - score.transfer_cost(10 * GB, prices))
    journal.note_transfer(T)
    assert score.earned(journal.totals(NOW)[T], prices) == 0


def test_what_was_not_billed_stays_whatever_transfers_cost(journal):
    for size in (GB, 2 * GB):
        journal.record([Use(T, size, None)], at=NOW)
        journal.note_transfer(T)
    found = journal.totals(NOW)[T]
    assert (found.saved, found.not_billed) == (0, 3 * GB)


def test_the_last_used_tables_are_remembered_over_restarts_in_order(tmp_path):
    database = Database(tmp_path)
    first = UsageJournal(database, "me")
    for i in range(12):
        first.record([Use(TableId("p", "d", f"t{i}"), 1, 1.0)], at=NOW)
    first.record([Use(TableId("p", "d", "t3"), 1, 1.0)], at=NOW)
    database.close()
    again = UsageJournal(Database(tmp_path), "me").lru(10)
    assert [t.table for t in again] == ["t2", *[f"t{i}" for i in range(4, 12)], "t3"]
    assert again[TableId("p", "d", "t3")] == 2


def test_another_principal_sees_nothing_of_it(tmp_path, journal):
    journal.record([Use(T, GB, 1.0)], at=NOW)
    other = UsageJournal(Database(tmp_path), "you")
    assert other.totals(NOW) == {}
    assert not other.lru()


def test_a_time_of_work_with_a_table_is_one_burst(journal):
    for minutes in (0, 10, 30, 85, 200, 230, 1440):
        journal.record([Use(T, GB, 1.0)], at=NOW + timedelta(minutes=minutes))
    found = journal.totals(NOW + timedelta(days=1))[T]
    assert (found.uses, found.bursts) == (7, 3)


def test_a_journal_of_an_older_version_is_read_and_goes_on(tmp_path):
    database = Database(tmp_path)
    UsageJournal(database, "me").record([Use(T, GB, 1.0)], at=NOW)
    with database.transaction() as db:
        db.execute("ALTER TABLE habits DROP COLUMN bursts")
    journal = UsageJournal(database, "me")
    assert (journal.totals(NOW)[T].uses, journal.totals(NOW)[T].bursts) == (1, 1)
    journal.record([Use(T, GB, 1.0)], at=NOW + timedelta(days=1))
    assert (journal.totals(NOW)[T].uses, journal.totals(NOW)[T].bursts) == (2, 2)


def test_the_journal_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(usage, "MOST_TABLES", 20)
    monkeypatch.setattr(usage, "MOST_PARTITIONS", 10)
    journal = UsageJournal(Database(tmp_path), "me")
    for i in range(100):
        uses = [Use(TableId("p", "d", f"t{i}"), 1, 1.0), Use(T, 1, 1.0, frozenset({"a"}), frozenset({str(i)}))]
        journal.record(uses, at=NOW + timedelta(minutes=i))
    found = journal.totals(NOW + timedelta(minutes=100))
    assert len(found) <= 22
    assert found[T].partitions is None


def test_kernels_write_at_the_same_time_and_lose_nothing(tmp_path):
    code = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from bigpato_magic.tier.journal.database import Database
from bigpato_magic.tier.policy.score import Use
from bigpato_magic.tier.journal.usage import UsageJournal
from bigpato_magic.types import TableId
journal = UsageJournal(Database(Path(sys.argv[1])), "me")
for i in range(100):
    journal.record([Use(TableId("p", "d", "t"), 1.0, 1.0)], at=datetime(2026, 3, 15, tzinfo=UTC))
"""
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    assert UsageJournal(Database(tmp_path), "me").totals(NOW)[T].uses == 300


# ------------------------------------------------------------------------------------------------ ledger


@pytest.fixture
def ledger(tmp_path):
    return Ledger(Database(tmp_path), "me", most=150)


def query(at, **more):
    return LedgerEntry(at, "query", **{"route": "local", "bytes_saved": 100, "dollars_saved": 1.0, **more})


def test_savings_are_sums_since_an_instant(ledger):
    ledger.note(query(NOW - timedelta(days=2)))
    ledger.note(
        query(NOW, route="bigquery", bytes_billed=7, dollars=3.0, bytes_saved=0, dollars_saved=0.0, seconds=2.0)
    )
    ledger.note(query(NOW))
    ledger.note(LedgerEntry(NOW, "transfer", "read", bytes_moved=5, dollars=0.25))
    found = ledger.savings(NOW - timedelta(days=1))
    assert (found.local, found.bigquery, found.transfers) == (1, 1, 1)
    assert (found.bytes_billed, found.bytes_saved, found.bytes_moved) == (7, 100, 5)
    assert (found.dollars_billed, found.dollars_saved, found.net) == (3.0, 1.0, 0.75)
    assert ledger.savings().local == 2
    assert "1 of 2 queries" in str(found)


def test_old_lines_become_sums_and_no_byte_is_lost(ledger):
    for i in range(400):
        ledger.note(query(NOW - timedelta(days=400 - i)))
    assert len(list(ledger.entries())) <= 250
    assert (ledger.savings().local, ledger.savings().bytes_saved) == (400, 40_000)


def test_kept_answers_are_told_apart_also_among_old_lines(ledger):
    for i in range(400):
        ledger.note(query(NOW - timedelta(days=400 - i), route="kept" if i % 4 else "local", seconds=0.5))
    assert len(list(ledger.entries())) <= 250
    found = ledger.savings()
    assert (found.local, found.bytes_saved, found.dollars_saved) == (400, 40_000, 400.0)
    assert (found.kept, found.kept_bytes_saved) == (300, 30_000)
    assert (found.kept_dollars_saved, found.kept_seconds) == (300.0, 150.0)


def test_slots_are_summed_and_those_not_used_are_estimated_only_where_they_are_not_known(ledger):
    there = {"route": "bigquery", "bytes_saved": 0, "dollars_saved": 0.0}
    for i in range(300):
        ledger.note(query(NOW - timedelta(days=300 - i), **there, bytes_billed=50, slot_ms=200, seconds=3.0))
    ledger.note(query(NOW, **there, bytes_billed=7))  # nobody said what it used
    ledger.note(query(NOW, route="kept", slot_ms_saved=900, seconds=1.0))
    assert ledger.savings().slot_ms_spared == 900
    ledger.note(query(NOW, seconds=1.0))
    found = ledger.savings()
    assert (found.slot_ms, found.slot_bytes, found.slot_ms_saved, found.slot_bytes_saved) == (60_000, 15_000, 900, 100)
    assert found.slot_ms_spared == 900 + 100 * 4
    assert found.seconds_spared == pytest.approx(2 * (900 / 301 - 1))


def test_without_a_query_on_bigquery_nothing_is_said_of_slots_or_waiting(ledger):
    assert (ledger.savings().slot_ms_spared, ledger.savings().seconds_spared) == (None, None)
    ledger.note(query(NOW))
    assert (ledger.savings().slot_ms_spared, ledger.savings().seconds_spared) == (None, None)


def test_a_ledger_of_an_older_version_goes_on_and_knows_no_slots_of_its_lines(tmp_path, ledger):
    database = Database(tmp_path)
    ledger.note(query(NOW, route="bigquery", bytes_billed=7, bytes_saved=0))
    list(ledger.entries())
    with database.transaction() as db:
        for name in ("slot_ms", "slot_ms_saved"):
            db.execute(f"ALTER TABLE ledger DROP COLUMN {name}")
        for name in ("slot_ms", "slot_bytes", "slot_ms_saved", "slot_bytes_saved"):
            db.execute(f"ALTER TABLE ledger_months DROP COLUMN {name}")
    newer = Ledger(database, "me")
    newer.note(query(NOW, route="bigquery", bytes_billed=10, slot_ms=5, bytes_saved=0))
    assert [entry.slot_ms for entry in newer.entries()] == [None, 5]
    found = newer.savings()
    assert (found.bytes_billed, found.slot_ms, found.slot_bytes) == (17, 5, 10)


def test_months_of_an_older_version_have_no_kept_answers(tmp_path, ledger):
    database = Database(tmp_path)
    newer = ("kept", "kept_bytes_saved", "kept_dollars_saved", "kept_seconds")
    with database.transaction() as db:
        for name in newer:
            db.execute(f"ALTER TABLE ledger_months DROP COLUMN {name}")
        db.execute("INSERT INTO ledger_months (principal, month, local, bytes_saved) VALUES ('me', '2020-01', 3, 30)")
    found = Ledger(database, "me").savings()
    assert (found.local, found.bytes_saved, found.kept, found.kept_dollars_saved) == (3, 30, 0, 0)


def test_the_csv_has_job_ids_and_is_for_its_owner_alone(ledger, tmp_path):
    ledger.note(query(NOW, route="bigquery", job_id="job_1", location="EU", tables="p.d.t"))
    path = tmp_path / "ledger.csv"
    assert ledger.export(path) == 1
    assert path.stat().st_mode & 0o077 == 0
    with path.open(newline="") as lines:
        (row,) = csv.DictReader(lines)
    assert (row["job_id"], row["location"], row["at"]) == ("job_1", "EU", NOW.isoformat())


def test_the_free_allowance_of_the_month_is_used_up_by_reads_alone(ledger):
    ledger.note(LedgerEntry(NOW - timedelta(days=30), "transfer", "read", bytes_moved=1))
    ledger.note(LedgerEntry(NOW, "transfer", "read", bytes_moved=10))
    ledger.note(LedgerEntry(NOW, "transfer", "extract", bytes_moved=100))
    assert ledger.read_this_month(NOW) == 10
    prices = Pricing(read_free="1 TiB").prices(2**40 - 2**30)
    assert score.transfer_price(2**30, prices) == 0
    assert score.transfer_price(2**31, prices) == pytest.approx(1.10 / 1024)


@pytest.mark.parametrize(("size", "billed"), [(0, 0), (1, 10), (10, 10), (10.2, 11), (500, 500)])
def test_bigquery_bills_whole_mebibytes_and_at_least_ten(size, billed):
    assert score.billed(size * 2**20, Prices()) == billed * 2**20
