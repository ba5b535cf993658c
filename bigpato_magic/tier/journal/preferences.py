"""What a person, or a failed verification, has settled for good: pinned and excluded tables, quarantined rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bigpato_magic.tier.journal.database import Database
from bigpato_magic.types import TableId

# The table has the name that it had in the first version: a journal outlives the package that made it.
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS wishes (
        principal TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
        PRIMARY KEY (principal, kind, name)) WITHOUT ROWID
"""


class Preferences:
    """The preferences of one principal: those of the settings, and those that all kernels of the tier share.

    Methods raise TierError where the tier is unusable.

    Args:
        database: of the tier.
        principal: whose.
        configured: gives the tables that the settings name as `pinned`, `excluded` or `append_only`.
        changed: called after each change.
    """

    def __init__(
        self,
        database: Database,
        principal: str,
        *,
        configured: Callable[[str], frozenset[TableId]] = lambda _: frozenset(),
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._database, self._principal, self._configured, self._changed = database, principal, configured, changed
        database.ensure(_SCHEMA)

    def pinned(self) -> frozenset[TableId]:
        """Tables that are held whatever they are worth."""
        return self._tables("pinned")

    def excluded(self) -> frozenset[TableId]:
        """Tables that are never held."""
        return self._tables("excluded")

    def append_only(self) -> frozenset[TableId]:
        """Tables whose rows never change and never go, by the settings."""
        return self._configured("append_only")

    def quarantined(self) -> frozenset[str]:
        """Names of rules that have given another answer than BigQuery."""
        return self._names("quarantined")

    def pin(self, tables: Iterable[TableId]) -> None:
        """Hold them; what was excluded is so no longer."""
        self._move(map(str, tables), {"pinned"}, {"excluded"})

    def unpin(self, tables: Iterable[TableId]) -> None:
        """Leave them to the policy, also if they were excluded."""
        self._move(map(str, tables), set(), {"pinned", "excluded"})

    def exclude(self, tables: Iterable[TableId]) -> None:
        """Never hold them; what was pinned is so no longer."""
        self._move(map(str, tables), {"excluded"}, {"pinned"})

    def quarantine(self, rules: Iterable[str]) -> None:
        """Use these rules no more."""
        self._move(rules, {"quarantined"}, set())

    def pardon(self, rules: Iterable[str]) -> None:
        """Use these rules again."""
        self._move(rules, set(), {"quarantined"})

    def _tables(self, kind: str) -> frozenset[TableId]:
        return self._configured(kind).union(map(TableId.parse, self._names(kind)))

    def _names(self, kind: str) -> frozenset[str]:
        with self._database.reading() as db:
            rows = db.execute("SELECT name FROM wishes WHERE principal = ? AND kind = ?", (self._principal, kind))
            return frozenset(name for (name,) in rows)

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
        self._changed()
