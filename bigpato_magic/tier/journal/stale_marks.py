"""Which statements of this machine may have changed which tables, as all kernels of a tier tell each other."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from bigpato_magic.tier.freshness.verdict import StaleMark
from bigpato_magic.tier.journal.database import Database
from bigpato_magic.types import TableId


class StaleMarks:
    """Statements that may have changed tables, as all kernels of the tier tell each other.

    One row per table, or for everything: a new mark replaces the one before. '' stands for any.
    """

    _SCHEMA = """
        CREATE TABLE IF NOT EXISTS marks (
            number INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL, dataset TEXT NOT NULL, name TEXT NOT NULL,
            statement TEXT NOT NULL, at REAL NOT NULL, open INTEGER NOT NULL, UNIQUE (project, dataset, name))
    """
    KEPT = timedelta(days=30)
    LONGEST_JOB = timedelta(hours=6)  # https://cloud.google.com/bigquery/quotas#query_jobs

    def __init__(self, database: Database) -> None:
        self._database = database
        database.ensure(self._SCHEMA)

    @property
    def generation(self) -> int:
        """Another number, another file: all that was known by its marks is void."""
        return self._database.generation

    def add(
        self,
        tables: Iterable[TableId] | None,
        *,
        statement: str = "statement",
        at: datetime,
        running: bool = False,
    ) -> None:
        """Mark copies as stale: of these tables, or of all.

        Args:
            tables: that the statement may change, None where that may be any.
            statement: its kind, for the reason that a person reads.
            at: now, by the server's clock.
            running: it is about to run; call again without when it has ended, however it ended.

        Raises:
            TierError: the mark could not be written.
        """
        scopes = [("", "", "")] if tables is None else [(t.project, t.dataset, t.table) for t in tables]
        with self._database.transaction() as db:
            for scope in scopes:
                db.execute(
                    "INSERT OR REPLACE INTO marks (project, dataset, name, statement, at, open) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (*scope, statement, at.timestamp(), running),
                )
            db.execute("DELETE FROM marks WHERE at < ?", ((at - self.KEPT).timestamp(),))

    def latest(self) -> int:
        """The highest number so far."""
        with self._database.reading() as db:
            row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'marks'").fetchone()
        return int(row[0]) if row else 0

    def all(self) -> tuple[StaleMark, ...]:
        """Every mark, in order."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT number, project, dataset, name, statement, at, open FROM marks ORDER BY number"
            ).fetchall()
        return tuple(
            StaleMark(number, project, dataset, name or None, statement, datetime.fromtimestamp(at, UTC), bool(running))
            for number, project, dataset, name, statement, at, running in rows
        )
