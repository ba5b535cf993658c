"""Import what the first cells would wait for, on a thread, while no cell runs, no key is pressed and nothing is clicked.

Never beside other work: where two threads import one package from two ends (`import pandas` here,
`from pandas.core.frame import …` there), Python breaks the deadlock by handing out half-made modules, and the person's own
import fails. Cells tell of themselves; what runs beside them says so with `paused`.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_PAUSE = 0.2
"""Seconds without a cell before a step: "Run All" leaves no more than that between two."""

_running: WeakSet[Warming] = WeakSet()


@contextmanager
def paused() -> Iterator[None]:
    """No step runs until the block ends; it begins when the present one has ended."""
    held = [warming for warming in tuple(_running) if warming.hold()]
    try:
        yield
    finally:
        for warming in held:
            warming.let_go()


class Warming:
    """Does the steps one by one, in the pauses between cells. A cell waits at most for the step that runs.

    Args:
        shell: whose cells are heeded.
        steps: what to do; an error of one is left to the query that meets it again.
        held: hears how many seconds a cell had to wait for a step.
    """

    def __init__(
        self,
        shell: InteractiveShell,
        steps: Sequence[Callable[[], Any]],
        held: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._shell, self._steps, self._held = shell, steps, held
        self._changed = threading.Condition()
        self._cells = 1  # the one that loads the extension, or the kernel's start
        self._others = 0
        self._heard = self._working = self._over = False
        self._thread = threading.Thread(target=self._work, daemon=True, name="bigpato-warm")

    def start(self) -> None:
        """Begin, once the present cell has ended."""
        self._shell.events.register("pre_execute", self._begin)
        self._shell.events.register("post_execute", self._end)
        _running.add(self)
        self._thread.start()
        atexit.register(self.stop)

    def stop(self) -> None:
        """Leave out the other steps, and wait for the one that runs: Python must not end in the middle of an import."""
        if self._over:
            return
        with self._changed:
            self._over = True
            self._changed.notify_all()
        for name, callback in (("pre_execute", self._begin), ("post_execute", self._end)):
            with suppress(ValueError):
                self._shell.events.unregister(name, callback)
        self._thread.join()

    def join(self) -> None:
        """Wait until all is done."""
        self._thread.join()

    def hold(self) -> bool:
        """Begin no further step, and wait for the one that runs; False where it is that step itself who asks."""
        if threading.current_thread() is self._thread:
            return False
        with self._changed:
            self._others += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._working)
        return True

    def let_go(self) -> None:
        """Take one `hold` back."""
        with self._changed:
            self._others -= 1
            self._changed.notify_all()

    def _begin(self) -> None:
        called = time.perf_counter()
        with self._changed:
            self._cells = self._cells + 1 if self._heard else 1
            self._heard = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._working)
        self._held(time.perf_counter() - called)

    def _end(self) -> None:
        with self._changed:
            self._cells, self._heard = max(0, self._cells - 1), True
            self._changed.notify_all()

    @property
    def _quiet(self) -> bool:
        return not self._cells and not self._others

    def _work(self) -> None:
        for step in self._steps:
            if not self._may_work():
                break
            with suppress(Exception):
                step()
            with self._changed:
                self._working = False
                self._changed.notify_all()
        _running.discard(self)

    def _may_work(self) -> bool:
        """Wait for a pause and take it; False at the end of everything."""
        with self._changed:
            while not self._over:
                self._changed.wait_for(lambda: self._over or self._quiet)
                if not self._changed.wait_for(lambda: self._over or not self._quiet, _PAUSE):
                    self._working = True
                    return True
            return False
