"""Until when each state of a table was seen, as all kernels of a tier tell each other. Evidence of versions, no rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from sqlite3 import Connection

from bigpato_magic.tier.journal.database import Database
from bigpato_magic.types import TableId, TableVersion

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS sightings (
        principal TEXT, name TEXT, state TEXT, seen REAL, PRIMARY KEY (principal, name, state)) WITHOUT ROWID
"""
_KEPT = timedelta(days=60)
_LOSS = "until when a table was unchanged is not in the journal"


class Sightings:
    """When states of tables were last seen by one principal.

    Args:
        database: of the tier.
        principal: whose.
    """

    def __init__(self, database: Database, principal: str = "") -> None:
        self._database, self._principal = database, principal
        database.ensure(_SCHEMA)

    def note(self, seen: Mapping[TableId, tuple[TableVersion, datetime]]) -> None:
        """Note soon that each table was in this state at this instant, by the server's clock. A failure is only logged."""
        if not seen:
            return

        def change(db: Connection) -> None:
            for table, (version, at) in seen.items():
                values = (self._principal, str(table), _state(version), at.timestamp())
                db.execute(
                    "INSERT INTO sightings VALUES (?, ?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET seen = max(seen, excluded.seen)",
                    values,
                )
            newest = max(at for _, at in seen.values())
            db.execute("DELETE FROM sightings WHERE seen < ?", ((newest - _KEPT).timestamp(),))

        self._database.later(change, _LOSS)

    def last(self, table: TableId, version: TableVersion) -> datetime | None:
        """When the table was last seen in this state; None if never.

        Raises:
            TierError: the journal cannot be read.
        """
        with self._database.reading() as db:
            row = db.execute(
                "SELECT seen FROM sightings WHERE principal = ? AND name = ? AND state = ?",
                (self._principal, str(table), _state(version)),
            ).fetchone()
        return datetime.fromtimestamp(row[0], UTC) if row else None


def _state(version: TableVersion) -> str:
    """A digest of all evidence: equal for the same state alone."""
    return hashlib.sha256(repr(version).encode()).hexdigest()[:32]
