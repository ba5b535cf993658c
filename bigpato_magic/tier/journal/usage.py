"""Which tables are used, and how much: a bounded journal that all kernels of a tier write, and the last used tables.

What the numbers mean for a plan is `tier.policy.score`'s and `tier.policy.plan`'s.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from sqlite3 import Connection
from typing import Any

from bigpato_magic.tier.journal.database import Database
from bigpato_magic.tier.policy import score
from bigpato_magic.tier.policy.score import HALF_LIFE, Prices, Use
from bigpato_magic.types import TableId, TableUsage

MEMORY = 42 * 86400.0
"""Seconds after which a column or a partition that nobody reads any more is no longer held for its use."""

MOST_TABLES = 2_000
MOST_PARTITIONS = 5_000
"""Beyond these the journal forgets: the least recently used tables, or which partitions of a table were read (all)."""

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS habits (
        principal TEXT, project TEXT, dataset TEXT, name TEXT, turn INTEGER, uses INTEGER, last_used REAL, score REAL,
        weight REAL, recent REAL, recent_weight REAL, seconds REAL, paid REAL, paid_uses INTEGER, saved REAL,
        saved_uses INTEGER, all_columns REAL, all_partitions REAL, bursts INTEGER DEFAULT 0,
        not_billed REAL DEFAULT 0, credit REAL DEFAULT 0,
        PRIMARY KEY (principal, project, dataset, name));
    CREATE TABLE IF NOT EXISTS habit_parts (
        principal TEXT, project TEXT, dataset TEXT, name TEXT, kind TEXT, part TEXT, last_used REAL,
        PRIMARY KEY (principal, project, dataset, name, kind, part)) WITHOUT ROWID
"""
_KEY = "principal = ? AND project = ? AND dataset = ? AND name = ?"
_FIELDS = (
    "uses", "last_used", "score", "weight", "recent", "recent_weight", "seconds_per_query", "paid", "paid_uses", "saved",
    "saved_uses", "bursts", "not_billed", "credit",
)  # fmt: skip
"""Of `TableUsage`, as the journal keeps them: one column for each."""
_NUMBERS = ", ".join(_FIELDS).replace("seconds_per_query", "seconds")
_NEWER = {
    "bursts": "INTEGER DEFAULT 0",
    "not_billed": "REAL DEFAULT 0",
    "credit": "REAL DEFAULT 0",
}
"""Columns that a journal of an older version of this package has not."""

Key = tuple[str, str, str, str]


class UsageJournal:
    """The uses of tables by one principal, kept over kernels and restarts.

    Args:
        database: of the tier.
        principal: whose habits; those of others are not seen.
        half_life: seconds after which a use counts half.
    """

    def __init__(self, database: Database, principal: str = "", *, half_life: float = HALF_LIFE) -> None:
        self.principal = principal
        self.half_life = half_life
        self._database = database
        database.ensure(_SCHEMA)
        with database.transaction() as db:
            there = {row[1] for row in db.execute("PRAGMA table_info(habits)")}
            for name in _NEWER.keys() - there:
                db.execute(f"ALTER TABLE habits ADD COLUMN {name} {_NEWER[name]}")
            if "bursts" not in there:  # nothing is known of the times between them
                db.execute("UPDATE habits SET bursts = uses")

    def record(self, uses: Iterable[Use], *, at: datetime) -> None:
        """Note one query's uses of tables, at an instant by the server's clock, soon. A failure is only logged."""
        noted = tuple(uses)

        def change(db: Connection) -> None:
            for use in noted:
                self._note(db, use, at)
            self._forget(db)

        self._database.later(change, "this query is not in the usage journal")

    def totals(self, now: datetime | None = None) -> dict[TableId, TableUsage]:
        """How much each table is used, as it weighs at `now`.

        Raises:
            TierError: the journal cannot be read.
        """
        now = now or datetime.now(UTC)
        with self._database.reading() as db:
            rows = db.execute(
                f"SELECT project, dataset, name, all_columns, all_partitions, {_NUMBERS} FROM habits "
                "WHERE principal = ?",
                (self.principal,),
            ).fetchall()
            parts = self._parts(db, now)
        totals = {}
        for project, dataset, name, all_columns, all_partitions, *numbers in rows:
            table = TableId(project, dataset, name)
            since = now.timestamp() - MEMORY
            columns = frozenset() if _recent(all_columns, since) else frozenset(parts.get((table, "column"), ()))
            ids = None if _recent(all_partitions, since) else frozenset(parts.get((table, "partition"), ()))
            usage = replace(_usage(table, numbers), columns=columns, partitions=ids)
            totals[table] = score.decayed(usage, now, self.half_life)
        return totals

    def lru(self, capacity: int = 10) -> OrderedDict[TableId, int]:
        """The last used tables with their uses, the least recently used first, at most `capacity`.

        Raises:
            TierError: the journal cannot be read.
        """
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT project, dataset, name, uses FROM habits WHERE principal = ? ORDER BY turn DESC LIMIT ?",
                (self.principal, capacity),
            ).fetchall()
        return OrderedDict((TableId(p, d, n), uses) for p, d, n, uses in reversed(rows))

    def note_transfer(
        self, table: TableId, moved: float = math.inf, whole: float = 0.0, prices: Prices | None = None
    ) -> None:
        """A transfer of the table has just been published: its price is taken from what was paid and saved.

        Args:
            table: whose copy is new.
            moved: logical bytes that came.
            whole: logical bytes of all that the copy holds.
            prices: of transfers.

        Raises:
            TierError: the journal cannot be written.
        """
        key = self._key(table)
        with self._database.transaction() as db:
            row = db.execute(f"SELECT {_NUMBERS} FROM habits WHERE {_KEY}", key).fetchone()
            if row is None:
                return
            after = score.after_transfer(_usage(table, row), moved, whole, prices or Prices())
            values = (after.paid, after.paid_uses, after.saved, after.saved_uses, after.credit)
            db.execute(
                f"UPDATE habits SET paid = ?, paid_uses = ?, saved = ?, saved_uses = ?, credit = ? WHERE {_KEY}",
                (*values, *key),
            )

    def forget(self, tables: Iterable[TableId]) -> None:
        """Forget how these tables were used, soon. A failure is only logged."""
        keys = [self._key(table) for table in tables]

        def change(db: Connection) -> None:
            for kind in ("habits", "habit_parts"):
                db.executemany(f"DELETE FROM {kind} WHERE {_KEY}", keys)

        self._database.later(change, "what is no more is still in the usage journal")

    # --------------------------------------------------------------------------------------- one use

    def _key(self, table: TableId) -> Key:
        return self.principal, table.project, table.dataset, table.table

    def _note(self, db: Connection, use: Use, at: datetime) -> None:
        key = self._key(use.table)
        row = db.execute(f"SELECT {_NUMBERS} FROM habits WHERE {_KEY}", key).fetchone()
        usage = score.used(_usage(use.table, row) if row else None, use, at, self.half_life)
        db.execute(
            f"INSERT OR REPLACE INTO habits (principal, project, dataset, name, {_NUMBERS}, turn, all_columns, "
            f"all_partitions) SELECT {', '.join('?' * (4 + len(_FIELDS)))}, (SELECT coalesce(max(turn), 0) + 1 FROM habits), "
            f"(SELECT all_columns FROM habits WHERE {_KEY}), (SELECT all_partitions FROM habits WHERE {_KEY})",
            (*key, *_numbers(usage), *key, *key),
        )
        self._note_parts(db, key, "column", "all_columns", use.columns, at)
        self._note_parts(db, key, "partition", "all_partitions", use.partitions, at)

    def _note_parts(
        self, db: Connection, key: Key, kind: str, mark: str, parts: frozenset[str] | None, at: datetime
    ) -> None:
        if parts is None or len(parts) > MOST_PARTITIONS:
            db.execute(f"UPDATE habits SET {mark} = ? WHERE {_KEY}", (at.timestamp(), *key))
            return
        db.executemany(
            "INSERT OR REPLACE INTO habit_parts VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(*key, kind, part, at.timestamp()) for part in parts],
        )

    def _parts(self, db: Connection, now: datetime) -> dict[tuple[TableId, str], list[str]]:
        rows = db.execute(
            "SELECT project, dataset, name, kind, part FROM habit_parts WHERE principal = ? AND last_used >= ?",
            (self.principal, now.timestamp() - MEMORY),
        ).fetchall()
        parts: dict[tuple[TableId, str], list[str]] = {}
        for project, dataset, name, kind, part in rows:
            parts.setdefault((TableId(project, dataset, name), kind), []).append(part)
        return parts

    def _forget(self, db: Connection) -> None:
        """Keep the journal bounded; in about one of fifty writes."""
        turn, tables = db.execute("SELECT max(turn), count(*) FROM habits").fetchone()
        if tables <= MOST_TABLES and (turn is None or turn % 50):
            return
        db.execute(
            "DELETE FROM habits WHERE turn NOT IN (SELECT turn FROM habits ORDER BY turn DESC LIMIT ?)", (MOST_TABLES,)
        )
        db.execute(
            "DELETE FROM habit_parts WHERE last_used < (SELECT max(last_used) FROM habits) - ? OR NOT EXISTS (SELECT 1 "
            "FROM habits h WHERE (h.principal, h.project, h.dataset, h.name) = (habit_parts.principal, "
            "habit_parts.project, habit_parts.dataset, habit_parts.name))",
            (MEMORY,),
        )
        crowded = db.execute(
            "SELECT principal, project, dataset, name FROM habit_parts WHERE kind = 'partition' "
            "GROUP BY 1, 2, 3, 4 HAVING count(*) > ?",
            (MOST_PARTITIONS,),
        ).fetchall()
        for key in crowded:
            db.execute(f"UPDATE habits SET all_partitions = last_used WHERE {_KEY}", key)
            db.execute(f"DELETE FROM habit_parts WHERE kind = 'partition' AND {_KEY}", key)


def _recent(mark: float | None, since: float) -> bool:
    return mark is not None and mark >= since


def _usage(table: TableId, numbers: Sequence[Any]) -> TableUsage:
    values = dict(zip(_FIELDS, numbers, strict=True))
    return TableUsage(table, **values | {"last_used": datetime.fromtimestamp(values["last_used"], UTC)})


def _numbers(usage: TableUsage) -> tuple[float, ...]:
    return tuple(usage.last_used.timestamp() if f == "last_used" else getattr(usage, f) for f in _FIELDS)
