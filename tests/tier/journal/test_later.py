"""What is written behind an answer: in order, before anything is read, and not lost when the database is closed."""

from __future__ import annotations

import logging
import sqlite3
import threading
from pathlib import Path

import pytest

from bigpato_magic.tier.journal.database import FILE, Database


def _add(number: int) -> object:
    return lambda db: db.execute("INSERT INTO numbers VALUES (?)", (number,))


def _numbers(path: Path) -> list[int]:
    with sqlite3.connect(path) as db:
        return [n for (n,) in db.execute("SELECT n FROM numbers ORDER BY rowid")]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(tmp_path)
    made.ensure("CREATE TABLE IF NOT EXISTS numbers (n INTEGER)")
    return made


def test_what_was_asked_for_later_is_there_when_somebody_reads(database: Database) -> None:
    gate = threading.Event()
    database.later(lambda _: gate.wait(5) and None, "lost")
    for number in range(20):
        database.later(_add(number), "lost")  # type: ignore[arg-type]
    gate.set()
    with database.reading() as db:
        assert [n for (n,) in db.execute("SELECT n FROM numbers ORDER BY rowid")] == list(range(20))


def test_a_transaction_comes_after_it(database: Database) -> None:
    database.later(_add(1), "lost")  # type: ignore[arg-type]
    with database.transaction() as db:
        db.execute("INSERT INTO numbers VALUES (2)")
    assert _numbers(database.path) == [1, 2]


def test_closing_does_what_is_left(database: Database, tmp_path: Path) -> None:
    for number in range(5):
        database.later(_add(number), "lost")  # type: ignore[arg-type]
    database.close()
    assert _numbers(tmp_path / FILE) == list(range(5))


def test_what_is_asked_for_after_closing_is_done_and_leaves_the_file_closed(database: Database, tmp_path: Path) -> None:
    database.later(_add(1), "lost")  # type: ignore[arg-type]
    database.close()
    database.later(_add(2), "lost")  # type: ignore[arg-type]
    assert not (tmp_path / f"{FILE}-wal").exists()  # SQLite removes it with the last connection
    assert _numbers(tmp_path / FILE) == [1, 2]


def test_a_failure_is_logged_and_the_next_change_is_made(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    def fails(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO nowhere VALUES (1)")

    with caplog.at_level(logging.WARNING):
        database.later(fails, "this is lost")
        database.later(_add(7), "lost")  # type: ignore[arg-type]
        database.settle()
    assert "this is lost" in caplog.text
    assert _numbers(database.path) == [7]
