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
from traitlets.config import LoggingConfigurable

from bigpato_magic.errors import TierError
from bigpato_magic.tier.journal.database import Database
from bigpato_magic.tier.policy import score
from bigpato_magic.tier.policy.score import TIB, Objective, Prices
from bigpato_magic.traits import Size, format_money, format_size

MOST_ENTRIES = 100_000
"""Lines that are kept (about 20 MB); older ones are summed up by month."""


class Pricing(LoggingConfigurable):
    """What things cost. Defaults: Google's list prices in US dollars, https://cloud.google.com/bigquery/pricing."""

    objective = CaselessStrEnum(
        [str(o) for o in Objective],
        default_value="money",
        help="What to save, and to be told of: money (on demand), or time (editions, reservations: bytes cost nothing).",
    ).tag(config=True)
    query_per_tib = Float(6.25, min=0, help="Dollars for a TiB that queries bill, on demand.").tag(config=True)
    query_minimum = Size(10 * score.MIB, help="Bytes that a query bills at least for each table that it reads.").tag(
        config=True
    )
    read_per_tib = Float(1.10, min=0, help="Dollars for a TiB that the Storage Read API brings.").tag(config=True)
    read_free = Size(
        300 * TIB, help="Bytes that the Storage Read API brings free in a month; it is the billing account's."
    ).tag(config=True)
    dollars_per_hour = Float(
        2.0, min=0, help="What an hour of waiting for answers is worth to you; it weighs in what to hold."
    ).tag(config=True)
    transfer_speed = Size(50_000_000, help="Bytes a second that a transfer brings, for estimates.").tag(config=True)

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
        route: `local`, `kept`, `split`, `evaluator`, `read` or `bigquery` (a decision's `where`); a transfer's method (`read`,
            `extract`, `appends`); `partitions`.
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


@dataclass(frozen=True, slots=True)
class Savings:
    """Sums of the ledger since an instant.

    Args:
        since: from then on, None for ever.
        local: queries answered here, or read without a query job.
        bigquery: queries answered by BigQuery.
        bytes_billed: by BigQuery for queries.
        bytes_saved: not billed.
        dollars_billed: for queries.
        dollars_saved: not paid.
        transfers: how many.
        bytes_moved: by them, and by Storage Read in place of queries.
        dollars_moved: paid for these, and for listing partitions.
        seconds_local: that local answers took together.
        seconds_bigquery: that BigQuery's took.
        local_cached: of the local answers, those that BigQuery's cache would have had: nothing was saved by them.
        bigquery_cached: of BigQuery's answers, those from its cache.
        kept: of the answers here, those that were kept answers of BigQuery.
        kept_bytes_saved: not billed, of `bytes_saved`, by these.
        kept_dollars_saved: not paid, of `dollars_saved`, by these.
        kept_seconds: of `seconds_local`, that these took.
        read: of the local answers, those that were read from BigQuery's storage without a query job.
    """

    since: datetime | None
    local: int = 0
    bigquery: int = 0
    bytes_billed: int = 0
    bytes_saved: int = 0
    dollars_billed: float = 0.0
    dollars_saved: float = 0.0
    transfers: int = 0
    bytes_moved: int = 0
    dollars_moved: float = 0.0
    seconds_local: float = 0.0
    seconds_bigquery: float = 0.0
    local_cached: int = 0
    bigquery_cached: int = 0
    kept: int = 0
    kept_bytes_saved: int = 0
    kept_dollars_saved: float = 0.0
    kept_seconds: float = 0.0
    read: int = 0

    @property
    def net(self) -> float:
        """Dollars saved, less what transfers cost."""
        return self.dollars_saved - self.dollars_moved

    def __str__(self) -> str:
        return (
            f"{self.local} of {self.local + self.bigquery} queries answered here, {self.local_cached} of which BigQuery's "
            f"cache would have had too: {format_size(self.bytes_saved)} not billed "
            f"(≈ {format_money(self.dollars_saved)}), {format_size(self.bytes_billed)} billed "
            f"(≈ {format_money(self.dollars_billed)}); {self.transfers} transfers of {format_size(self.bytes_moved)} "
            f"(≈ {format_money(self.dollars_moved)})"
        )


_COLUMNS = tuple(f.name for f in fields(LedgerEntry))
_SUMS = """
    sum(kind = 'query' AND route <> 'bigquery'), sum(kind = 'query' AND route = 'bigquery'), sum(bytes_billed),
    sum(bytes_saved), sum((kind = 'query' AND route <> 'read') * dollars), sum(dollars_saved), sum(kind = 'transfer'),
    sum(bytes_moved), sum((kind <> 'query' OR route = 'read') * dollars),
    sum((kind = 'query' AND route <> 'bigquery') * seconds),
    sum((kind = 'query' AND route = 'bigquery') * seconds),
    sum(kind = 'query' AND route <> 'bigquery' AND cache_hit), sum(kind = 'query' AND route = 'bigquery' AND cache_hit),
    sum(kind = 'query' AND route = 'kept'), sum((route = 'kept') * bytes_saved), sum((route = 'kept') * dollars_saved),
    sum((route = 'kept') * seconds),
    sum(kind = 'query' AND route = 'read')
"""
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS ledger (
        number INTEGER PRIMARY KEY, principal TEXT, at REAL, kind TEXT, route TEXT, bytes_billed INTEGER,
        bytes_saved INTEGER, bytes_moved INTEGER, dollars REAL, dollars_saved REAL, seconds REAL, job_id TEXT,
        location TEXT, cache_hit INTEGER, statement TEXT, tables TEXT);
    CREATE INDEX IF NOT EXISTS ledger_at ON ledger (principal, at);
    CREATE TABLE IF NOT EXISTS ledger_months (
        principal TEXT, month TEXT, local INTEGER, bigquery INTEGER, bytes_billed INTEGER, bytes_saved INTEGER,
        dollars_billed REAL, dollars_saved REAL, transfers INTEGER, bytes_moved INTEGER, dollars_moved REAL,
        seconds_local REAL, seconds_bigquery REAL, local_cached INTEGER, bigquery_cached INTEGER,
        kept INTEGER, kept_bytes_saved INTEGER, kept_dollars_saved REAL, kept_seconds REAL, read INTEGER)
"""
_NEWER = {
    "local_cached": "INTEGER",
    "bigquery_cached": "INTEGER",
    "kept": "INTEGER",
    "kept_bytes_saved": "INTEGER",
    "kept_dollars_saved": "REAL",
    "kept_seconds": "REAL",
    "read": "INTEGER",
}
"""Columns that the months of an older version of this package have not."""
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
            there = {row[1] for row in db.execute("PRAGMA table_info(ledger_months)")}
            for name, kind in _NEWER.items():
                if name not in there:
                    db.execute(f"ALTER TABLE ledger_months ADD COLUMN {name} {kind}")

    def note(self, entry: LedgerEntry) -> None:
        """Write a line, soon. A failure is logged and costs no answer."""

        def change(db: Connection) -> None:
            values = (self.principal, entry.at.timestamp(), *astuple(entry)[1:])
            columns = f"principal, {', '.join(_COLUMNS)}"
            cursor = db.execute(f"INSERT INTO ledger ({columns}) VALUES ({', '.join('?' * 15)})", values)
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
                "SELECT * FROM ledger_months WHERE principal = ? AND month > ?",
                (self.principal, since.strftime("%Y-%m") if since else ""),
            ).fetchall()
        columns = zip(*([row] + [m[2:] for m in months]), strict=True)
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
            f"INSERT INTO ledger_months SELECT principal, {_MONTH}, {_SUMS} FROM ledger WHERE {old} GROUP BY 1, 2"
        )
        db.execute(f"DELETE FROM ledger WHERE {old}")
