"""What a person, or a failed verification, has settled for good: pinned and excluded tables, quarantined rules."""

from __future__ import annotations

from collections.abc import Iterable

from bigpato_magic.tier.database import Database
from bigpato_magic.types import TableId

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS wishes (
        principal TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
        PRIMARY KEY (principal, kind, name)) WITHOUT ROWID
"""


class Wishes:
    """The wishes of one principal, shared by all kernels of the tier. Methods raise TierError where it is unusable.

    Args:
        database: of the tier.
        principal: whose.
    """

    def __init__(self, database: Database, principal: str) -> None:
        self._database, self._principal = database, principal
        database.ensure(_SCHEMA)

    def pinned(self) -> frozenset[TableId]:
        """Tables that are held whatever they are worth."""
        return frozenset(map(_table, self._names("pinned")))

    def excluded(self) -> frozenset[TableId]:
        """Tables that are never held."""
        return frozenset(map(_table, self._names("excluded")))

    def quarantined(self) -> frozenset[str]:
        """Names of rules that have given another answer than BigQuery."""
        return self._names("quarantined")

    def pin(self, tables: Iterable[TableId]) -> None:
        """Hold them; what was excluded is so no longer."""
        self._move(map(str, tables), {"pinned"}, {"excluded"})

    def exclude(self, tables: Iterable[TableId]) -> None:
        """Never hold them; what was pinned is so no longer."""
        self._move(map(str, tables), {"excluded"}, {"pinned"})

    def leave(self, tables: Iterable[TableId]) -> None:
        """Leave them to the policy."""
        self._move(map(str, tables), set(), {"pinned", "excluded"})

    def quarantine(self, rules: Iterable[str]) -> None:
        """Use these rules no more."""
        self._move(rules, {"quarantined"}, set())

    def pardon(self, rules: Iterable[str]) -> None:
        """Use these rules again."""
        self._move(rules, set(), {"quarantined"})

    def _names(self, kind: str) -> frozenset[str]:
        with self._database.reading() as db:
            found = db.execute("SELECT name FROM wishes WHERE principal = ? AND kind = ?", (self._principal, kind))
            return frozenset(name for (name,) in found)

    def _move(self, names: Iterable[str], into: set[str], out_of: set[str]) -> None:
        wanted = list(names)
        with self._database.transaction() as db:
            for kind in out_of:
                rows = [(self._principal, kind, name) for name in wanted]
                db.executemany("DELETE FROM wishes WHERE principal = ? AND kind = ? AND name = ?", rows)
            for kind in into:
                db.executemany(
                    "INSERT OR REPLACE INTO wishes VALUES (?, ?, ?)", [(self._principal, kind, n) for n in wanted]
                )


def _table(name: str) -> TableId:
    return TableId.parse(name)
