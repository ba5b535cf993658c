"""Rebalance in the background while the kernel is idle, if the person wants it (`Tier.auto`).

Once after each time of work, not again and again: what the plan rests on changes by queries. One kernel at a time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bigpato_magic import forks
from bigpato_magic.errors import BigPatoError, Cancelled
from bigpato_magic.status import Cancel
from bigpato_magic.tier.files.locks import FileLock

log = logging.getLogger("bigpato_magic")

IDLE = 30.0
"""Seconds without work after which the kernel counts as idle."""

ENDING = 5.0
"""Seconds that closing waits for a rebalance that was stopped; stopping takes one."""


class IdleRebalance:
    """Waits for the kernel to be idle, then rebalances once; whatever begins next stops it. Safe in several threads.

    Args:
        wanted: tells whether the person wants that; asked each time.
        busy: tells whether a rebalance runs already.
        turn: takes this kernel's turn among those of the tier; None while it is another's.
        rebalance: does it, until the token stops it.
        idle: seconds.
    """

    def __init__(
        self,
        wanted: Callable[[], bool],
        busy: Callable[[], bool],
        turn: Callable[[], FileLock | None],
        rebalance: Callable[[Cancel], object],
        *,
        idle: float = IDLE,
    ) -> None:
        self.idle = idle
        self._wanted, self._busy, self._turn, self._rebalance = wanted, busy, turn, rebalance
        self._reset()
        forks.register(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._running: threading.Thread | None = None
        self._cancel = Cancel()
        self._at_work = 0

    def begin_anew(self) -> None:
        """In a forked child: nothing runs there, and nobody waits."""
        forks.abandon(self._lock, self._timer, self._running, self._cancel)
        self._reset()

    @contextmanager
    def working(self) -> Iterator[None]:
        """A cell or a query: none begins meanwhile, and one that runs is stopped; afterwards it may begin again."""
        self.begin()
        try:
            yield
        finally:
            self.end()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """As `working`, and one that runs has closed everything before the block begins."""
        with self.working():
            self.stop()
            yield

    def begin(self) -> None:
        """Work begins in a cell or a query: no rebalance begins, and one that runs is stopped."""
        with self._lock:
            self._at_work += 1
            self._stop()

    def end(self) -> None:
        """Work has ended; when no more is under way, the kernel is idle soon."""
        with self._lock:
            self._at_work = max(0, self._at_work - 1)
        self.touch()

    def touch(self) -> None:
        """Wait for the kernel to be idle, from now on, where the person wants that."""
        with self._lock:
            self._stop()
            if self._wanted() and not self._at_work:
                self._cancel = Cancel()
                self._timer = threading.Timer(self.idle, self._run, [self._cancel])
                self._timer.name, self._timer.daemon = "bigpato-auto", True
                self._timer.start()

    def stop(self) -> None:
        """Do not rebalance; one that runs is stopped, and has closed everything when this returns."""
        with self._lock:
            self._stop()
            running = self._running
        if running is not None and running is not threading.current_thread():
            running.join(ENDING)

    def _stop(self) -> None:
        self._cancel.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self, cancel: Cancel) -> None:
        with self._lock:
            if cancel or self._running is not None:
                return
            self._running = threading.current_thread()
        try:
            self._take_turn(cancel)
        except Cancelled:
            log.info("the background rebalance was stopped: the kernel has other work")
        except BigPatoError as error:
            log.warning("the background rebalance failed: %s", error)
        except Exception:  # a thread of its own: nobody else would hear of it
            log.warning("the background rebalance failed", exc_info=True)
        finally:
            with self._lock:
                self._running = None

    def _take_turn(self, cancel: Cancel) -> None:
        if self._busy():
            return
        turn = self._turn()
        if turn is None:
            log.info("another notebook rebalances in the background")
            return
        try:
            self._rebalance(cancel)
        finally:
            turn.release()
