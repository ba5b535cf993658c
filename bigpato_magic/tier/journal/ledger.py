"""What BigQuery billed, what local answers did not, and what transfers cost: one line each, kept for later questions.

What BigQuery billed can be checked against its own account by the job ids:
`SELECT job_id, total_bytes_billed FROM `region-us`.INFORMATION_SCHEMA.JOBS WHERE job_id IN (…)`.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection

from traitlets import CaselessStrEnum, Float

from bigpato_magic.errors import TierError
from bigpato_magic.tier.journal.database import Database
from bigpato_magic.tier.journal.savings import Savings
from bigpato_magic.tier.policy.score import Objective, Prices
from bigpato_magic.traits import Configured, Size

MOST_ENTRIES = 100_000
"""Lines that are kept (about 20 MB); older ones are summed up by month."""


_LIST = Prices()
"""Google's list prices, which `score` holds."""


class Pricing(Configured):
    """What things cost. Defaults: Google's list prices in US dollars, https://cloud.google.com/bigquery/pricing."""

    objective = CaselessStrEnum(
        [str(o) for o in Objective],
        default_value=str(_LIST.objective),
        help="What to save, and to be told of: money (on demand), or time (editions, reservations: bytes cost nothing).",
    ).tag(config=True)
    query_per_tib = Float(_LIST.query_per_tib, min=0, help="Dollars for a TiB that queries bill, on demand.").tag(
        config=True
    )
    query_minimum = Size(
        _LIST.query_minimum, help="Bytes that a query bills at least for each table that it reads."
    ).tag(config=True)
    read_per_tib = Float(_LIST.read_per_tib, min=0, help="Dollars for a TiB that the Storage Read API brings.").tag(
        config=True
    )
    read_free = Size(
        int(_LIST.read_free),
        help="Bytes that the Storage Read API brings free in a month; it is the billing account's.",
    ).tag(config=True)
    dollars_per_hour = Float(
        _LIST.dollars_per_hour,
        min=0,
        help="What an hour of waiting for answers is worth to you; it weighs in what to hold.",
    ).tag(config=True)
    transfer_speed = Size(int(_LIST.transfer_speed), help="Bytes a second that a transfer brings, for estimates.").tag(
        config=True
    )

    def prices(self, read_this_month: float = 0.0) -> Prices:
        """As frozen values, where `read_this_month` bytes of the free allowance are used."""
        return Prices(
            query_per_tib=self.query_per_tib,
            query_minimum=self.query_minimum,
            read_per_tib=self.read_per_tib,
            read_free=max(0.0, self.read_free - read_this_month),
            dollars_per_hour=self.dollars_per_hour,
            transfer_speed=float(self.transfer_speed),
            objective=Objective(self.objective),
        )


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One line of the ledger.

    Args:
        at: when, UTC.
        kind: `query`, `transfer`, or `listing` of a table's partitions.
        route: `local`, `kept`, `hybrid`, `split`, `evaluator`, `read` or `bigquery` (a decision's `where`); a transfer's method
            (`read`, `extract`, `appends`); `partitions`.
        bytes_billed: by BigQuery for a query; of `appends` and `partitions` by estimate.
        bytes_saved: that an answer without BigQuery did not bill, estimated by the columns and partitions that it read;
            nothing where BigQuery's own result cache would have had it.
        bytes_moved: by a transfer, or by Storage Read in place of a query.
        dollars: that this cost, at the prices of then.
        dollars_saved: that a local answer did not cost.
        seconds: that it took.
        job_id: BigQuery's, if it made a job.
        location: of the job.
        cache_hit: BigQuery answered from its result cache; of a local answer: it would have.
        statement: `SELECT`, …
        tables: full names, separated by blanks.
        slot_ms: milliseconds of BigQuery's slots that it used; None where it used none, or that is not known.
        slot_ms_saved: that a kept answer's own job had used; None of all others: what they would have used is not known.
    """

    at: datetime
    kind: str
    route: str
    bytes_billed: int = 0
    bytes_saved: int = 0
    bytes_moved: int = 0
    dollars: float = 0.0
    dollars_saved: float = 0.0
    seconds: float = 0.0
    job_id: str | None = None
    location: str | None = None
    cache_hit: bool = False
    statement: str = ""
    tables: str = ""
    slot_ms: int | None = None
    slot_ms_saved: int | None = None


_COLUMNS = tuple(f.name for f in fields(LedgerEntry))
_TOTALS = tuple(f.name for f in fields(Savings) if f.name != "since")
_SUMS = """
    sum(kind = 'query' AND route <> 'bigquery'), sum(kind = 'query' AND route = 'bigquery'), sum(bytes_billed),
    sum(bytes_saved), sum((kind = 'query' AND route <> 'read') * dollars), sum(dollars_saved), sum(kind = 'transfer'),
    sum(bytes_moved), sum((kind <> 'query' OR route = 'read') * dollars),
    sum((kind = 'query' AND route <> 'bigquery') * seconds),
    sum((kind = 'query' AND route = 'bigquery') * seconds),
    sum(kind = 'query' AND route <> 'bigquery' AND cache_hit), sum(kind = 'query' AND route = 'bigquery' AND cache_hit),
    sum(kind = 'query' AND route = 'kept'), sum((route = 'kept') * bytes_saved), sum((route = 'kept') * dollars_saved),
    sum((route = 'kept') * seconds),
    sum(kind = 'query' AND route = 'read'),
    sum((kind = 'query') * slot_ms), sum((kind = 'query' AND slot_ms > 0) * bytes_billed),
    sum(slot_ms_saved), sum((slot_ms_saved IS NOT NULL) * bytes_saved),
    sum((route = 'read') * bytes_saved), sum((route = 'read') * dollars_saved)
"""
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS ledger (
        number INTEGER PRIMARY KEY, principal TEXT, at REAL, kind TEXT, route TEXT, bytes_billed INTEGER,
        bytes_saved INTEGER, bytes_moved INTEGER, dollars REAL, dollars_saved REAL, seconds REAL, job_id TEXT,
        location TEXT, cache_hit INTEGER, statement TEXT, tables TEXT, slot_ms INTEGER, slot_ms_saved INTEGER);
    CREATE INDEX IF NOT EXISTS ledger_at ON ledger (principal, at);
    CREATE TABLE IF NOT EXISTS ledger_months (
        principal TEXT, month TEXT, local INTEGER, bigquery INTEGER, bytes_billed INTEGER, bytes_saved INTEGER,
        dollars_billed REAL, dollars_saved REAL, transfers INTEGER, bytes_moved INTEGER, dollars_moved REAL,
        seconds_local REAL, seconds_bigquery REAL, local_cached INTEGER, bigquery_cached INTEGER,
        kept INTEGER, kept_bytes_saved INTEGER, kept_dollars_saved REAL, kept_seconds REAL, read INTEGER,
        slot_ms INTEGER, slot_bytes INTEGER, slot_ms_saved INTEGER, slot_bytes_saved INTEGER,
        read_bytes_saved INTEGER, read_dollars_saved REAL)
"""
_NEWER = {
    "ledger": {"slot_ms": "INTEGER", "slot_ms_saved": "INTEGER"},
    "ledger_months": {
        "local_cached": "INTEGER",
        "bigquery_cached": "INTEGER",
        "kept": "INTEGER",
        "kept_bytes_saved": "INTEGER",
        "kept_dollars_saved": "REAL",
        "kept_seconds": "REAL",
        "read": "INTEGER",
        "slot_ms": "INTEGER",
        "slot_bytes": "INTEGER",
        "slot_ms_saved": "INTEGER",
        "slot_bytes_saved": "INTEGER",
        "read_bytes_saved": "INTEGER",
        "read_dollars_saved": "REAL",
    },
}
"""Columns that the tables of an older version of this package have not."""
_MONTH = "strftime('%Y-%m', at, 'unixepoch')"


class Ledger:
    """The lines of one principal, shared by all kernels of the tier.

    Args:
        database: of the tier.
        principal: whose.
        most: lines that are kept, for all principals together.
    """

    def __init__(self, database: Database, principal: str = "", *, most: int = MOST_ENTRIES) -> None:
        self.principal = principal
        self._database = database
        self._most = most
        database.ensure(_SCHEMA)
        with database.transaction() as db:
            for table, columns in _NEWER.items():
                there = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
                for name, kind in columns.items():
                    if name not in there:
                        db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")

    def note(self, entry: LedgerEntry) -> None:
        """Write a line, soon. A failure is logged and costs no answer."""

        def change(db: Connection) -> None:
            values = (self.principal, entry.at.timestamp(), *astuple(entry)[1:])
            columns = f"principal, {', '.join(_COLUMNS)}"
            places = ", ".join("?" * len(values))
            cursor = db.execute(f"INSERT INTO ledger ({columns}) VALUES ({places})", values)
            number = cursor.lastrowid or 0
            if number % 100 == 0:
                self._sum_up(db, number)

        self._database.later(change, "this is not in the ledger")

    def savings(self, since: datetime | None = None) -> Savings:
        """What was billed, what was not, and what transfers cost, since an instant (None: ever).

        Raises:
            TierError: the ledger cannot be read.
        """
        start = since.timestamp() if since else 0.0
        with self._database.reading() as db:
            row = db.execute(
                f"SELECT {_SUMS} FROM ledger WHERE principal = ? AND at >= ?", (self.principal, start)
            ).fetchone()
            months = db.execute(
                f"SELECT {', '.join(_TOTALS)} FROM ledger_months WHERE principal = ? AND month > ?",
                (self.principal, since.strftime("%Y-%m") if since else ""),
            ).fetchall()
        columns = zip(row, *months, strict=True)
        return Savings(since, *(sum(value or 0 for value in column) for column in columns))

    def days(self, since: datetime) -> list[tuple[str, int, float]]:
        """(day, bytes, dollars) not billed on each UTC day since an instant that saved something, oldest first.

        Raises:
            TierError: the ledger cannot be read.
        """
        with self._database.reading() as db:
            return db.execute(
                "SELECT date(at, 'unixepoch'), sum(bytes_saved), sum(dollars_saved) FROM ledger "
                "WHERE principal = ? AND at >= ? AND bytes_saved > 0 GROUP BY 1 ORDER BY 1",
                (self.principal, since.timestamp()),
            ).fetchall()

    def read_this_month(self, now: datetime) -> int:
        """Bytes that the Storage Read API has brought this month, for the free allowance.

        Raises:
            TierError: the ledger cannot be read.
        """
        start = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        with self._database.reading() as db:
            (moved,) = db.execute(
                "SELECT sum(bytes_moved) FROM ledger WHERE kind IN ('query', 'transfer') AND route = 'read' AND at >= ?",
                (start.timestamp(),),
            ).fetchone()
        return int(moved or 0)

    def entries(self, since: datetime | None = None) -> Iterator[LedgerEntry]:
        """The lines, oldest first.

        Raises:
            TierError: the ledger cannot be read.
        """
        with self._database.reading() as db:
            rows = db.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM ledger WHERE principal = ? AND at >= ? ORDER BY number",
                (self.principal, since.timestamp() if since else 0.0),
            ).fetchall()
        for at, *values in rows:
            yield LedgerEntry(datetime.fromtimestamp(at, UTC), *values)

    def export(self, path: Path, since: datetime | None = None) -> int:
        """Write the lines to a CSV file that only you can read; how many.

        Raises:
            TierError: the ledger cannot be read, or the file cannot be written.
        """
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise TierError(f"{path} cannot be written: {error.strerror}") from error
        with os.fdopen(file, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(_COLUMNS)
            count = 0
            for entry in self.entries(since):
                writer.writerow([entry.at.isoformat(), *astuple(entry)[1:]])
                count += 1
        return count

    def _sum_up(self, db: Connection, newest: int) -> None:
        """Add the oldest lines to their months and delete them."""
        old = f"number <= {newest - self._most}"
        db.execute(
            f"INSERT INTO ledger_months (principal, month, {', '.join(_TOTALS)}) "
            f"SELECT principal, {_MONTH}, {_SUMS} FROM ledger WHERE {old} GROUP BY 1, 2"
        )
        db.execute(f"DELETE FROM ledger WHERE {old}")
