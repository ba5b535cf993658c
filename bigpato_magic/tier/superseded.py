"""Copies whose table has changed since: they answer for the past only, and are the first to go where room is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bigpato_magic.tier.files.catalog import Catalog
from bigpato_magic.tier.files.leases import Leases
from bigpato_magic.tier.files.store import Store
from bigpato_magic.tier.freshness.past import is_sighting
from bigpato_magic.types import TableCopy

MOST = 20
"""Older copies of one table that stay, however often it changes: the oldest go."""


@dataclass(frozen=True, slots=True)
class SupersededCopies:
    """The copies of tables in whose place newer ones are. Safe to use from several threads and processes.

    Args:
        store: whose files count.
        catalog: of what is there.
        leases: of this process.
        hold_for: gives the seconds that one stays.
        now: the server's time.
    """

    store: Store
    catalog: Catalog
    leases: Leases
    hold_for: Callable[[], float]
    now: Callable[[], datetime]

    def there(self) -> tuple[TableCopy, ...]:
        """All of them, the oldest first."""
        newest = {copy.id for copy in self.catalog.copies().values()}
        older = (copy for copy in self.catalog.all() if copy.source is None and copy.id not in newest)
        return tuple(sorted(older, key=lambda copy: (copy.as_of, copy.id)))

    @property
    def bytes(self) -> int:
        """On the disk, of files that no newest copy has."""
        shared = {part.path for copy in self.catalog.copies().values() for part in copy.parts}
        return sum({p.path: p.bytes for copy in self.there() for p in copy.parts if p.path not in shared}.values())

    def holds(self, copy: TableCopy) -> bool:
        """Whether an older copy stays: it may answer for a past that the next one does not know, and not for too long."""
        hold, newer = self.hold_for(), self._newer(copy)
        if hold <= 0 or not 0 < len(newer) <= MOST or newer[-1].version == copy.version:
            return False
        sure = copy.facts is not None and is_sighting(copy.facts)
        return sure and (self.now() - newer[-1].as_of).total_seconds() < hold

    def give_way(self, missing: int) -> int:
        """They go, the oldest first, for so many bytes that something else needs; the bytes that this has freed."""
        before = self.store.used_bytes() if missing > 0 else 0
        freed = 0
        for copy in self.there() if missing > 0 else ():
            if freed >= missing:
                break
            if self.take_away(copy):  # files that another version has too stay
                freed = before - self.store.used_bytes()
        return freed

    def take_away(self, copy: TableCopy) -> bool:
        """Take one away, unless a kernel reads it; whether it is gone."""
        self.leases.release_idle([copy.id])
        return self.store.remove(copy.id)

    def _newer(self, copy: TableCopy) -> tuple[TableCopy, ...]:
        """The copies that came after it, the newest first; the last of them came in its place."""
        mine = (copy.as_of, copy.id)
        return tuple(other for other in self.catalog.versions(copy.table) if (other.as_of, other.id) > mine)
