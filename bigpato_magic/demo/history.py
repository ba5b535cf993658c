"""Which tables the demo warehouse has, now and at each instant before: a SQLite file that processes share.

A table's state is immutable: a change closes one version and opens the next, at an instant that no clock of this
warehouse has told before. What the states consist of (Parquet files) is `storage`'s.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from bigpato_magic import forks
from bigpato_magic.demo.sqltypes import column_from_json, column_json, routine_from_json, routine_json
from bigpato_magic.types import Column, Partitioning, PartitionUnit, RoutineFacts, RoutineId, TableId, TableKind

_SCHEMA = """
CREATE TABLE IF NOT EXISTS clock(last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS datasets(project TEXT, dataset TEXT, location TEXT, PRIMARY KEY (project, dataset));
CREATE TABLE IF NOT EXISTS versions(
    id INTEGER PRIMARY KEY, project TEXT, dataset TEXT, name TEXT, since INTEGER, until INTEGER, state TEXT);
CREATE INDEX IF NOT EXISTS versions_by_name ON versions(project, dataset, name, until);
CREATE TABLE IF NOT EXISTS buffers(
    project TEXT, dataset TEXT, name TEXT, since INTEGER, until INTEGER, part TEXT);
CREATE TABLE IF NOT EXISTS routines(
    project TEXT, dataset TEXT, name TEXT, facts TEXT, PRIMARY KEY (project, dataset, name));
CREATE TABLE IF NOT EXISTS policies(project TEXT, dataset TEXT, name TEXT, predicate TEXT, grantees TEXT);
"""
_KEY = "project = ? AND dataset = ? AND name = ?"
_AT = "since <= ? AND (until IS NULL OR until > ?)"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Conflict(Exception):
    """Another change came in between."""


@dataclass(frozen=True, slots=True)
class PartFile:
    """One immutable Parquet file.

    Args:
        file: its name in the data directory.
        partition: whose rows it has, None where the table is not partitioned.
        rows: in it.
        sizes: logical bytes by column name.
        modified: instant of the change that made it, microseconds since 1970.
    """

    file: str
    partition: str | None
    rows: int
    sizes: dict[str, int]
    modified: int = 0

    @property
    def bytes(self) -> int:
        """Logical bytes of all columns."""
        return sum(self.sizes.values())


@dataclass(frozen=True, slots=True)
class RowPolicy:
    """Rows that `grantees` may see; who is in no policy of the table sees none."""

    predicate: str
    grantees: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableState:
    """A table between two changes.

    Args:
        id: its full name.
        kind: what it is.
        columns: its schema.
        parts: its files.
        partitioning: None if not partitioned.
        clustering: column names.
        definition: a view's SQL, with full names.
        since: instant of the change that made this state (µs since 1970).
        created: instant of the table's creation (µs since 1970).
        etag: another one with each change.
        buffered: rows that were streamed and are in no version yet.
        policies: row-level security.
        readers: who may read policy-tagged columns.
    """

    id: TableId
    kind: TableKind
    columns: tuple[Column, ...]
    parts: tuple[PartFile, ...] = ()
    partitioning: Partitioning | None = None
    clustering: tuple[str, ...] = ()
    definition: str | None = None
    since: int = 0
    created: int = 0
    etag: str = ""
    buffered: tuple[PartFile, ...] = ()
    policies: tuple[RowPolicy, ...] = ()
    readers: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[PartFile, ...]:
        """All of its files, those of streamed rows too."""
        return (*self.parts, *self.buffered)

    @property
    def rows(self) -> int:
        """Of its version."""
        return sum(p.rows for p in self.parts)

    @property
    def bytes(self) -> int:
        """Logical bytes of its version."""
        return sum(p.bytes for p in self.parts)

    @property
    def by_ingestion(self) -> bool:
        """Whether rows are partitioned by the instant of their arrival."""
        return self.partitioning is not None and self.partitioning.column is None


def to_instant(micros: int) -> datetime:
    """UTC, of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)


def to_micros(instant: datetime) -> int:
    """Microseconds since 1970."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


@dataclass
class Change:
    """One atomic change of the tables, at one instant."""

    _db: sqlite3.Connection
    instant: int

    def put(self, state: TableState, *, after: TableState | None) -> TableState:
        """Make `state` the table's next one; `after` is the one it was made from, None for a new table.

        Raises:
            Conflict: the table is not in the state `after` any more.
        """
        current = _current(self._db, state.id)
        if (current and current.etag) != (after and after.etag):
            raise Conflict(str(state.id))
        parts = tuple(p if p.modified else replace(p, modified=self.instant) for p in state.parts)
        created = state.created or self.instant
        new = replace(
            state, parts=parts, created=created, since=self.instant, etag=secrets.token_urlsafe(12), buffered=()
        )
        self._close(state.id)
        self._db.execute(
            "INSERT INTO versions(project, dataset, name, since, state) VALUES (?, ?, ?, ?, ?)",
            (*_key(state.id), self.instant, _dump(new)),
        )
        return new

    def drop(self, table: TableId) -> None:
        """Take the table away, with its buffer and its policies."""
        self._close(table)
        self.end_buffer(table)
        self._db.execute(f"DELETE FROM policies WHERE {_KEY}", _key(table))

    def stream(self, table: TableId, part: PartFile) -> None:
        """Add rows that are seen at once, while the version stays."""
        values = (*_key(table), self.instant, json.dumps(asdict(replace(part, modified=self.instant))))
        self._db.execute("INSERT INTO buffers(project, dataset, name, since, part) VALUES (?, ?, ?, ?, ?)", values)

    def end_buffer(self, table: TableId) -> None:
        """Close the streaming buffer; the state that is put now should have its rows."""
        where = f"UPDATE buffers SET until = ? WHERE {_KEY} AND until IS NULL"
        self._db.execute(where, (self.instant, *_key(table)))

    def add_policy(self, table: TableId, policy: RowPolicy) -> None:
        """Add row-level security: no new version, as the rows are what they were."""
        values = (*_key(table), policy.predicate, json.dumps(policy.grantees))
        self._db.execute("INSERT INTO policies VALUES (?, ?, ?, ?, ?)", values)

    def drop_policies(self, table: TableId) -> None:
        """Take all row-level security of the table away."""
        self._db.execute(f"DELETE FROM policies WHERE {_KEY}", _key(table))

    def routine(self, routine: RoutineId) -> RoutineFacts | None:
        """The function of that name, None where there is none."""
        return _routine(self._db, routine)

    def put_routine(self, routine: RoutineFacts) -> None:
        """Make a function, or put it in an older one's place."""
        values = (routine.id.project, routine.id.dataset, routine.id.routine, json.dumps(routine_json(routine)))
        self._db.execute("INSERT OR REPLACE INTO routines VALUES (?, ?, ?, ?)", values)

    def drop_routine(self, routine: RoutineId) -> None:
        """Take a function away."""
        self._db.execute(f"DELETE FROM routines WHERE {_KEY}", astuple(routine))

    def add_dataset(self, project: str, dataset: str, location: str) -> None:
        """Make a dataset, unless it is there."""
        self._db.execute("INSERT OR IGNORE INTO datasets VALUES (?, ?, ?)", (project, dataset, location))

    def drop_dataset(self, project: str, dataset: str) -> None:
        """Take an (empty) dataset away."""
        self._db.execute("DELETE FROM datasets WHERE project = ? AND dataset = ?", (project, dataset))

    def datasets(self, project: str) -> set[str]:
        """Names of the datasets of a project."""
        return {n for (n,) in self._db.execute("SELECT dataset FROM datasets WHERE project = ?", (project,))}

    def forget(self, before: int) -> None:
        """Forget versions that ended before this instant: time travel reaches no further."""
        for table in ("versions", "buffers"):
            self._db.execute(f"DELETE FROM {table} WHERE until < ?", (before,))

    def _close(self, table: TableId) -> None:
        where = f"UPDATE versions SET until = ? WHERE {_KEY} AND until IS NULL"
        self._db.execute(where, (self.instant, *_key(table)))


class TableHistory:
    """The tables whose states are in `path`, for any thread and any process."""

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        forks.pause(self)
        path.touch(mode=0o600)
        with self._locked() as db:
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute("INSERT INTO clock SELECT 0 WHERE NOT EXISTS (SELECT * FROM clock)")

    def now(self) -> datetime:
        """The server's clock: the injected one, never before the last change."""
        with self._locked() as db:
            return to_instant(self._now(db))

    @contextmanager
    def change(self) -> Iterator[Change]:
        """One atomic change; nothing of it happens when the block raises."""
        with self._locked() as db:
            # Milliseconds, as BigQuery's lastModifiedTime, and after every instant that `now` has told.
            instant = (self._now(db) // 1000 + 1) * 1000
            db.execute("UPDATE clock SET last = ?", (instant,))
            yield Change(db, instant)

    def states(self, tables: set[TableId], at: datetime | None = None) -> tuple[datetime, dict[TableId, TableState]]:
        """The states of those that exist, all of one instant (default: now), and that instant."""
        with self._locked() as db:
            instant = self._now(db) if at is None else to_micros(at)
            states = {table: _at(db, table, instant) for table in tables}
        return to_instant(instant), {table: state for table, state in states.items() if state}

    def routines(self, routines: Sequence[RoutineId]) -> dict[RoutineId, RoutineFacts]:
        """The functions of these names, as they are now; those that are not there are left out."""
        with self._locked() as db:
            there = {routine: _routine(db, routine) for routine in routines}
        return {routine: facts for routine, facts in there.items() if facts is not None}

    def tables(self, project: str, dataset: str) -> list[TableId]:
        """Names of the tables and views of a dataset, sorted."""
        where = "SELECT name FROM versions WHERE project = ? AND dataset = ? AND until IS NULL ORDER BY name"
        with self._locked() as db:
            return [TableId(project, dataset, name) for (name,) in db.execute(where, (project, dataset))]

    def states_of(self, project: str, dataset: str, at: datetime | None = None) -> list[TableState]:
        """The tables and views that a dataset has (default: now), by name."""
        where = f"SELECT name FROM versions WHERE project = ? AND dataset = ? AND {_AT} ORDER BY name"
        with self._locked() as db:
            instant = self._now(db) if at is None else to_micros(at)
            names = db.execute(where, (project, dataset, instant, instant)).fetchall()
            states = [_at(db, TableId(project, dataset, name), instant) for (name,) in names]
        return [state for state in states if state is not None]

    def datasets(self, project: str) -> list[str]:
        """Names of the datasets of a project, sorted."""
        where = "SELECT dataset FROM datasets WHERE project = ? ORDER BY dataset"
        with self._locked() as db:
            return [name for (name,) in db.execute(where, (project,))]

    def files(self) -> set[str]:
        """All data files that some version still has."""
        with self._locked() as db:
            states = [json.loads(s) for (s,) in db.execute("SELECT state FROM versions")]
            buffers = [json.loads(p) for (p,) in db.execute("SELECT part FROM buffers")]
        return {part["file"] for state in states for part in state["parts"]} | {part["file"] for part in buffers}

    def _now(self, db: sqlite3.Connection) -> int:
        (last,) = db.execute("SELECT last FROM clock").fetchone()
        return max(to_micros(self._clock()), int(last))

    @contextmanager
    def _locked(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other overlaps, also for reading.

        So what is read is all that happened up to the instant that the clock tells inside: a change that is not
        seen here gets a later instant.
        """
        with self._lock:
            db = self._open()
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    def _open(self) -> sqlite3.Connection:
        """The connection; another to a file that is not the one that was opened."""
        inode = self._path.stat().st_ino
        if self._db is None or self._inode != inode:
            db = sqlite3.connect(self._path, timeout=60, isolation_level=None, check_same_thread=False)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            self._db, self._inode = db, inode
        return self._db

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def before_fork(self) -> None:
        """Close the file, and keep it closed until the fork is done."""
        self._lock.acquire()
        self.close()

    def after_fork(self) -> None:
        """Go on."""
        self._lock.release()


def _key(table: TableId) -> tuple[str, str, str]:
    return table.project, table.dataset, table.table


def _routine(db: sqlite3.Connection, routine: RoutineId) -> RoutineFacts | None:
    row = db.execute(f"SELECT facts FROM routines WHERE {_KEY}", astuple(routine)).fetchone()
    return routine_from_json(routine, json.loads(row[0])) if row else None


def _current(db: sqlite3.Connection, table: TableId) -> TableState | None:
    where = f"SELECT state FROM versions WHERE {_KEY} AND until IS NULL"
    row = db.execute(where, _key(table)).fetchone()
    return _load(table, row[0]) if row else None


def _at(db: sqlite3.Connection, table: TableId, instant: int) -> TableState | None:
    row = db.execute(f"SELECT state FROM versions WHERE {_KEY} AND {_AT}", (*_key(table), instant, instant)).fetchone()
    if row is None:
        return None
    parts = db.execute(f"SELECT part FROM buffers WHERE {_KEY} AND {_AT}", (*_key(table), instant, instant))
    policies = db.execute(f"SELECT predicate, grantees FROM policies WHERE {_KEY}", _key(table))
    return replace(
        _load(table, row[0]),
        buffered=tuple(PartFile(**json.loads(p)) for (p,) in parts),
        policies=tuple(RowPolicy(predicate, tuple(json.loads(g))) for predicate, g in policies),
    )


def _dump(state: TableState) -> str:
    """All but what has tables of its own."""
    plain = asdict(replace(state, buffered=(), policies=()))
    return json.dumps(plain | {"columns": [column_json(c) for c in state.columns]})


@lru_cache(maxsize=1000)
def _load(table: TableId, text: str) -> TableState:
    data = json.loads(text)
    by = data["partitioning"]
    typed = {
        "id": table,
        "kind": TableKind(data["kind"]),
        "columns": tuple(column_from_json(c) for c in data["columns"]),
        "parts": tuple(PartFile(**p) for p in data["parts"]),
        "partitioning": by and Partitioning(**by | {"unit": PartitionUnit(by["unit"])}),
    }
    lists = {name: tuple(value) for name, value in data.items() if isinstance(value, list)}
    return TableState(**data | lists | typed)
