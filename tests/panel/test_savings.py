"""The panel's chart: what each day saved, from the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bigpato_magic.tier.journal.database import Database
from bigpato_magic.tier.journal.ledger import Ledger, LedgerEntry

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(Database(tmp_path), "me")


def note(ledger, at, size, dollars):
    ledger.note(LedgerEntry(at=at, kind="query", route="local", bytes_saved=size, dollars_saved=dollars))


def test_each_day_that_saved_something_is_one_bar_oldest_first(ledger):
    note(ledger, NOON, 100, 1.0)
    note(ledger, NOON - timedelta(days=1), 10, 0.5)
    note(ledger, NOON + timedelta(hours=1), 50, 2.0)
    note(ledger, NOON + timedelta(days=3), 0, 0.0)
    assert ledger.days(NOON - timedelta(days=30)) == [("2026-03-09", 10, 0.5), ("2026-03-10", 150, 3.0)]


def test_what_was_before_is_left_out_and_another_persons_ledger_too(ledger, tmp_path):
    note(ledger, NOON, 100, 1.0)
    assert ledger.days(NOON + timedelta(days=1)) == []
    other = Ledger(Database(tmp_path), "you")
    assert other.days(NOON - timedelta(days=1)) == []
