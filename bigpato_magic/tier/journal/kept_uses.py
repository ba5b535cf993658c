"""How often kept relations answer, by the names of their invented tables, for all kernels of a tier. No texts, no rows."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from sqlite3 import Connection

from bigpato_magic.tier.journal.database import Database
from bigpato_magic.tier.policy.kept import KeptUse

MOST = 5_000
"""Names that are remembered for each principal, also of relations that went: who comes again is known."""

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS kept_uses (
        principal TEXT, name TEXT, last_used REAL, weight REAL, uses INTEGER, not_billed REAL,
        PRIMARY KEY (principal, name)) WITHOUT ROWID
"""
_KEY = "principal = ? AND name = ?"
_LOSS = "a use of a kept answer is not in the journal"


class KeptUses:
    """The uses of kept relations by one principal.

    Args:
        database: of the tier.
        principal: whose.
    """

    def __init__(self, database: Database, principal: str = "") -> None:
        self.principal, self._database = principal, database
        database.ensure(_SCHEMA)

    def begun(self, name: str, at: datetime) -> None:
        """A relation of this name was kept; noted soon: it weighs as one use, and counts as none."""
        self._later({name: None}, at)

    def used(self, names: Collection[str], not_billed: float, at: datetime) -> None:
        """These gave an answer together, which did not bill so many bytes; noted soon. A failure is only logged."""
        self._later(dict.fromkeys(names, not_billed / max(1, len(names))), at)

    def totals(self) -> dict[str, KeptUse]:
        """The uses of each, by name, as they weighed when they were last used.

        Raises:
            TierError: the journal cannot be read.
        """
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT name, last_used, weight, uses, not_billed FROM kept_uses WHERE principal = ?",
                (self.principal,),
            ).fetchall()
        return {name: _use(*numbers) for name, *numbers in rows}

    def _later(self, noted: dict[str, float | None], at: datetime) -> None:
        def change(db: Connection) -> None:
            for name, not_billed in noted.items():
                self._note(db, name, not_billed, at)
            self._forget(db)

        self._database.later(change, _LOSS)

    def _note(self, db: Connection, name: str, not_billed: float | None, at: datetime) -> None:
        key = (self.principal, name)
        row = db.execute(f"SELECT last_used, weight, uses, not_billed FROM kept_uses WHERE {_KEY}", key).fetchone()
        before = _use(*row) if row else KeptUse(at, weight=0.0)
        after = before.again(at, not_billed or 0.0)
        uses = before.uses if not_billed is None else after.uses
        values = (after.last_used.timestamp(), after.weight, uses, after.not_billed)
        db.execute("INSERT OR REPLACE INTO kept_uses VALUES (?, ?, ?, ?, ?, ?)", (*key, *values))

    def _forget(self, db: Connection) -> None:
        """The longest unused of too many, a tenth at once."""
        (count,) = db.execute("SELECT count(*) FROM kept_uses WHERE principal = ?", (self.principal,)).fetchone()
        if count > MOST:
            db.execute(
                "DELETE FROM kept_uses WHERE (principal, name) IN (SELECT principal, name FROM kept_uses "
                "WHERE principal = ? ORDER BY last_used DESC LIMIT -1 OFFSET ?)",
                (self.principal, MOST * 9 // 10),
            )


def _use(last_used: float, weight: float, uses: int, not_billed: float) -> KeptUse:
    return KeptUse(datetime.fromtimestamp(last_used, UTC), weight, uses, not_billed)
