"""Which copies exist now: the manifests on the disk, read again only when their directory has changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from bigpato_magic.tier.store import Store
from bigpato_magic.types import TableCopy, TableId

_GRAIN = 0.05
"""Seconds within which two changes of a directory may have the same modified time: some ticks of its clock."""


class Catalog:
    """The copies of one principal, as all processes of the tier publish them. Safe to use from several threads.

    Args:
        store: whose manifests.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._seen = -1
        self._read: dict[Path, TableCopy | None] = {}
        self._newest: dict[TableId, TableCopy] = {}

    def copies(self, tables: Iterable[TableId] | None = None) -> Mapping[TableId, TableCopy]:
        """The newest copy of each of these tables that has one; of all tables for None. Takes microseconds.

        Raises:
            TierError: never; an unreadable manifest is a copy that does not exist.
        """
        self._look()
        newest = self._newest
        return newest if tables is None else {table: newest[table] for table in tables if table in newest}

    def all(self) -> tuple[TableCopy, ...]:
        """Every published copy, older ones of the same table too."""
        self._look()
        return tuple(copy for copy in self._read.values() if copy is not None)

    def _look(self) -> None:
        try:
            changed = self._store.manifests.stat().st_mtime_ns
        except FileNotFoundError:
            changed = -1
        if changed == self._seen and changed != -1:
            return
        with self._lock:
            young = time.time_ns() - changed < _GRAIN * 1e9
            self._read_all()
            # What changes within the same tick would not be seen: then look again next time.
            self._seen = -1 if young else changed

    def _read_all(self) -> None:
        try:
            names = list(self._store.manifests.glob("*.json"))
        except FileNotFoundError:
            names = []
        # A manifest never changes, so what was read once is known.
        found = {path: self._read[path] if self._read.get(path) else self._one(path) for path in names}
        newest: dict[TableId, TableCopy] = {}
        for copy in sorted((c for c in found.values() if c is not None), key=lambda c: (c.as_of, c.id)):
            newest[copy.table] = copy
        self._read, self._newest = found, newest

    def _one(self, path: Path) -> TableCopy | None:
        try:
            return self._store.read(path)
        except (OSError, ValueError):
            return None
