"""What this process reads, it leases: no other process takes the copy away. A lease ends with its process.

A lease is a shared lock on the copy's manifest. It lasts a little longer than the query, as long as DuckDB keeps the
files open; then both are let go.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from weakref import WeakSet

from bigpato_magic.tier.files.locks import FileLock, try_lock
from bigpato_magic.tier.files.store import Store
from bigpato_magic.types import TableCopy

LINGER = 60.0
"""Seconds that a copy stays open, and leased, after its last query: the next query finds it warm."""

_PATIENCE = 2.0


class _Use:
    """One block that uses copies; it ends with its frame, also where an interrupt comes in between."""


@dataclass(slots=True)
class _Lease:
    lock: FileLock
    users: WeakSet[_Use] = field(default_factory=WeakSet)
    last_used: float = 0.0


class Leases:
    """The leases of this process. Safe to use from several threads.

    Args:
        store: whose copies.
        detach: closes the files of copies that are no longer read, and gives the ids that it could not close.
        linger: seconds that a lease lasts after its use.
    """

    def __init__(
        self, store: Store, detach: Callable[[Sequence[str]], frozenset[str]], *, linger: float = LINGER
    ) -> None:
        self._store, self._detach, self._linger = store, detach, linger
        self._lock = threading.RLock()
        self._leases: dict[str, _Lease] = {}
        self._timer: threading.Timer | None = None

    @contextlib.contextmanager
    def lease(self, copies: Sequence[TableCopy]) -> Iterator[None]:
        """Keep these copies where they are until the block ends.

        One that was taken away in this very moment is not leased: attaching its files says so, or still works.
        """
        use = _Use()
        try:
            for copy in copies:
                self._take(copy, use)
            yield
        finally:
            with self._lock:
                for lease in self._leases.values():
                    if use in lease.users:
                        lease.users.discard(use)
                        lease.last_used = time.monotonic()
                self._set_timer()

    @property
    def held(self) -> frozenset[str]:
        """Ids of the copies that this process leases, idle ones included."""
        return frozenset(self._leases)

    def release_idle(self, copies: Sequence[str] | None = None, *, idle: float = 0.0) -> None:
        """Let go of leases that no query uses (of these ids, None for all) and that are idle for so many seconds."""
        with self._lock:
            wanted = list(self._leases) if copies is None else [id_ for id_ in copies if id_ in self._leases]
            until = time.monotonic() - idle
            unused = [i for i in wanted if not self._leases[i].users and self._leases[i].last_used <= until]
            if unused:
                open_ = self._detach(unused)
                for id_ in unused:
                    if id_ not in open_:
                        self._leases.pop(id_).lock.release()

    def close(self) -> None:
        """Close the files of all copies, and end their leases."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            leases, self._leases = self._leases, {}
            try:
                self._detach(list(leases))
            finally:
                for lease in leases.values():
                    lease.lock.release()

    def _take(self, copy: TableCopy, use: _Use) -> None:
        with self._lock:
            lease = self._leases.get(copy.id)
            if lease is None and (lock := self._acquire(copy)) is not None:
                lease = self._leases[copy.id] = _Lease(lock)
            if lease is not None:
                lease.users.add(use)

    def _acquire(self, copy: TableCopy) -> FileLock | None:
        path = self._store.manifest_path(copy.id)
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                lock = try_lock(path, shared=True, create=False)
            except OSError:
                return None
            if lock is not None:
                return lock
            # Somebody looks whether it is leased, or takes it away: either is over in a moment.
            time.sleep(0.005)
        return None

    def _set_timer(self) -> None:
        if self._timer is None and self._leases:
            self._timer = threading.Timer(self._linger + 0.1, self._tick)
            self._timer.daemon = True
            self._timer.start()

    def _tick(self) -> None:
        with self._lock:
            self._timer = None
            self.release_idle(idle=self._linger)
            self._set_timer()
