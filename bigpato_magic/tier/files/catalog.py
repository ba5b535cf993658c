"""Which copies exist now: the manifests on the disk, read again only when their directory has changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bigpato_magic.tier.files import disk
from bigpato_magic.tier.files.store import Store
from bigpato_magic.types import TableCopy, TableId

_GRAIN = 0.05
"""Seconds within which two changes of a directory may have the same modified time: some ticks of its clock."""


class Catalog:
    """The copies and kept relations of one principal, as all processes of the tier publish them. Safe to use from several threads.

    Args:
        store: whose manifests.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._seen = -1
        self._read: dict[Path, TableCopy | None] = {}
        self._newest: dict[TableId, TableCopy] = {}
        self._kept: dict[TableId, TableCopy] = {}
        self._kept_over: dict[TableId, list[TableCopy]] = {}
        self._out_of_reach = False

    def copies(self, tables: Iterable[TableId] | None = None) -> Mapping[TableId, TableCopy]:
        """The newest copy of each of these tables that has one; of all tables for None. Takes microseconds.

        Kept relations are none of them: they are no table's.

        Raises:
            TierError: never; an unreadable manifest is a copy that does not exist.
        """
        self._look()
        newest = self._newest
        return newest if tables is None else {table: newest[table] for table in tables if table in newest}

    def versions(self, table: TableId) -> tuple[TableCopy, ...]:
        """All copies of a table that are published, the newest first: of states that it had before, too."""
        mine = (copy for copy in self.all() if copy.table == table and copy.source is None)
        return tuple(sorted(mine, key=lambda copy: (copy.as_of, copy.id), reverse=True))

    def kept(self, tables: Iterable[TableId] | None = None) -> tuple[TableCopy, ...]:
        """The newest kept relation of each meaning, columns and order: of these tables alone; all for None. Cheap."""
        self._look()
        if tables is None:
            return tuple(self._kept.values())
        over, among = self._kept_over, frozenset(tables)
        relations = (copy for table in among for copy in over.get(table, ()))
        return tuple(copy for copy in relations if all(basis.table in among for basis in copy.bases))

    def all(self) -> tuple[TableCopy, ...]:
        """Every published copy and kept relation, older ones too."""
        self._look()
        return tuple(copy for copy in self._read.values() if copy is not None)

    def _look(self) -> None:
        try:
            changed = self._store.manifests.stat().st_mtime_ns
        except OSError:
            changed = -1
        if changed == self._seen and changed != -1:
            return
        with self._lock:
            young = time.time_ns() - changed < _GRAIN * 1e9
            whole = self._read_all()
            # What changes within the same tick would not be seen: then look again next time.
            self._seen = changed if whole and not young else -1

    def _read_all(self) -> bool:
        """Read the manifests that are new; whether all of them could be reached."""
        self._out_of_reach = False
        try:
            names = list(self._store.manifests.glob("*.json"))
        except OSError as error:
            self._out_of_reach = not disk.is_lost(error)
            names = list(self._read) if self._out_of_reach else []
        # A manifest never changes, so what was read once is known.
        copies = {path: self._read[path] if self._read.get(path) else self._one(path) for path in names}
        self._read = copies
        self._sort(sorted((c for c in copies.values() if c is not None), key=lambda c: (c.as_of, c.id)))
        return not self._out_of_reach

    def _sort(self, copies: Sequence[TableCopy]) -> None:
        """What is asked for, from all copies, the oldest first."""
        self._newest = {copy.table: copy for copy in copies if copy.source is None}
        self._kept = {copy.table: copy for copy in copies if copy.source is not None}
        over: dict[TableId, list[TableCopy]] = {}
        for copy in self._kept.values():
            for basis in copy.bases[:1]:  # under one of its tables: each is found once
                over.setdefault(basis.table, []).append(copy)
        self._kept_over = over

    def _one(self, path: Path) -> TableCopy | None:
        try:
            return self._store.read(path)
        except OSError as error:
            self._out_of_reach |= not disk.is_lost(error)
        except ValueError:
            pass
        return None
