"""The texts of the last queries of one principal, of all notebooks of the tier: to be looked for, and asked again.

Texts only, as they were written: no values of parameters, and nothing of the answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from sqlite3 import Connection

from bigpato_magic.tier.journal.database import Database
from bigpato_magic.tier.journal.ledger import LedgerEntry

LONGEST = 20_000
"""Characters of a text that is remembered whole; of a longer one, one more is, which tells."""

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS history (
        number INTEGER PRIMARY KEY AUTOINCREMENT, principal TEXT, at REAL, route TEXT, bytes_billed INTEGER,
        bytes_saved INTEGER, dollars REAL, seconds REAL, sql TEXT);
    CREATE INDEX IF NOT EXISTS history_of ON history (principal, number)
"""
_COLUMNS = "number, at, route, bytes_billed, bytes_saved, dollars, seconds, sql"


@dataclass(frozen=True, slots=True)
class RememberedQuery:
    """One query that was answered.

    Args:
        number: by which it is named; a later one has a larger one.
        at: when, UTC.
        route: where, as the ledger has it.
        bytes_billed: by BigQuery.
        bytes_saved: that an answer without BigQuery did not bill.
        dollars: that it cost.
        seconds: that it took.
        sql: its text.
    """

    number: int
    at: datetime
    route: str
    bytes_billed: int
    bytes_saved: int
    dollars: float
    seconds: float
    sql: str

    @property
    def is_cut(self) -> bool:
        """Of a text of more than `LONGEST` characters only the beginning is remembered."""
        return len(self.sql) > LONGEST


class QueryHistory:
    """The last queries of one principal, shared by all kernels of the tier.

    Args:
        database: of the tier.
        principal: whose.
        most: gives how many are remembered; 0 remembers none, and forgets those that are there.
    """

    def __init__(self, database: Database, principal: str, most: Callable[[], int]) -> None:
        self.principal = principal
        self._database, self._most = database, most
        database.ensure(_SCHEMA)

    def note(self, sql: str, entry: LedgerEntry) -> None:
        """Remember a query, soon. A failure is logged and costs no answer."""
        most, text = self._most(), sql.strip()
        row = (entry.route, entry.bytes_billed, entry.bytes_saved, entry.dollars, entry.seconds, text[: LONGEST + 1])

        def change(db: Connection) -> None:
            if most and text:
                db.execute(
                    "INSERT INTO history (principal, at, route, bytes_billed, bytes_saved, dollars, seconds, sql) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (self.principal, entry.at.timestamp(), *row),
                )
            db.execute(
                "DELETE FROM history WHERE principal = ? AND number NOT IN "
                "(SELECT number FROM history WHERE principal = ? ORDER BY number DESC LIMIT ?)",
                (self.principal, self.principal, most),
            )

        self._database.later(change, "this query is not in the history")

    def queries(self, part: str = "", most: int = 20) -> list[RememberedQuery]:
        """The last queries whose text has this part, whatever its case, the newest first.

        Raises:
            TierError: the journal cannot be read.
        """
        with self._database.reading() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM history WHERE principal = ? AND instr(lower(sql), lower(?)) "
                "ORDER BY number DESC LIMIT ?",
                (self.principal, part, most),
            ).fetchall()
        return [_query(*row) for row in rows]

    def query(self, number: int) -> RememberedQuery | None:
        """The query of that number, None where there is none (any more).

        Raises:
            TierError: the journal cannot be read.
        """
        with self._database.reading() as db:
            row = db.execute(
                f"SELECT {_COLUMNS} FROM history WHERE principal = ? AND number = ?", (self.principal, number)
            ).fetchone()
        return _query(*row) if row else None


def _query(number: int, at: float, *values: object) -> RememberedQuery:
    return RememberedQuery(number, datetime.fromtimestamp(at, UTC), *values)  # type: ignore[arg-type]
