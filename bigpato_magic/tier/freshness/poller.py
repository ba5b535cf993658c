"""A thread that keeps the checks of the tables in use young, and ends when the kernel is idle."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable

from bigpato_magic.tier.freshness.settings import FreshnessPolicy
from bigpato_magic.types import TableId


class Poller:
    """Keeps the checks of the tables in use young, in a daemon thread that ends when the kernel is idle.

    Args:
        policy: how young, and for how long.
        age: seconds since the last check of a table.
        check: checks tables now.
    """

    def __init__(
        self, policy: FreshnessPolicy, age: Callable[[TableId], float], check: Callable[[Iterable[TableId]], object]
    ) -> None:
        self._policy, self._age, self._check = policy, age, check
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._hot: dict[TableId, None] = {}
        self._used = 0.0
        self._limit = 0.0

    @property
    def running(self) -> bool:
        """Whether the thread is there."""
        return self._thread is not None and self._thread.is_alive()

    def touch(self, tables: Iterable[TableId], max_staleness: float) -> None:
        """A query used these tables. With 0 or infinity there is nothing to keep warm."""
        policy = self._policy
        if not policy.poll or max_staleness <= 0 or math.isinf(max_staleness):
            return
        with self._lock:
            for table in tables:
                self._hot.pop(table, None)
                self._hot[table] = None
            for table in list(self._hot)[: -policy.hot_tables]:
                del self._hot[table]
            self._used, self._limit = time.monotonic(), max_staleness
            if not self.running:
                self._wake.clear()
                self._thread = threading.Thread(target=self._run, name="bigpato-poller", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End the thread; it may be started again by the next query."""
        self._wake.set()

    def _run(self) -> None:
        while not self._wake.wait(self._pause()):
            with self._lock:
                if time.monotonic() - self._used > self._policy.idle_after:
                    self._thread = None
                    return
                due = [table for table in self._hot if self._age(table) >= self._pause() / 2]
            try:
                self._check(due)
            except Exception:
                logging.getLogger(__name__).debug("a background check failed", exc_info=True)

    def _pause(self) -> float:
        return max(0.05, min(float(self._policy.poll_every), self._limit / 2))
