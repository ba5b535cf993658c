"""Calls into the module that can be stopped: each instance works on a thread of its own, and who waits for it looks up.

A call is stopped by the token of `stopped_by`, by Ctrl-C, or because it has taken too long. The module is compiled with
checks of an epoch (wasmtime's word for a counter that all instances watch): who stops one instance marks it and raises the
epoch; each instance then asks whether it is the one, and only that one traps.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.threads import ended, settle

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds that one call may take."""
EVERY = 0.1
"""Seconds between two looks at the token."""
_ENDING = 2.0
"""Seconds that a stopped call may take to end."""


class Stops(Protocol):
    """What stops a call; `status.Cancel` is one."""

    def check(self) -> None:
        """Raise if a stop was asked for."""


_token: ContextVar[Stops | None] = ContextVar("bigpato_stops", default=None)


@contextmanager
def stopped_by(token: Stops) -> Iterator[None]:
    """Calls of the analyzer and the evaluator in this block, on this thread, end with what `token.check()` raises."""
    before = _token.set(token)
    try:
        yield
    finally:
        _token.reset(before)


def check() -> None:
    """Raise what the token of this thread raises, if it has one that was set."""
    token = _token.get()
    if token is not None:
        token.check()


class TooLong(AnalyzerUnavailable):
    """A call took longer than `PATIENCE`."""


class Worker:
    """A thread that does one thing after another, for one caller at a time. It ends with `close`."""

    def __init__(self) -> None:
        self._todo: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        threading.Thread(target=_work, args=(self._todo,), name="bigpato-googlesql", daemon=True).start()

    def do(self, work: Callable[[], T], stop: Callable[[], None]) -> T:
        """The result of `work()`.

        Args:
            work: what to do.
            stop: makes it end soon.

        Raises:
            TooLong: it took longer than `PATIENCE`.
        """
        future: Future[T] = Future()
        try:
            self._todo.put((future, work))
            _wait(future)
        except BaseException:
            stop()
            ended(future, _ENDING)
            raise
        return future.result()

    def close(self, last: Callable[[], object]) -> None:
        """Let the thread end, when what it does has ended, with `last()`; that is waited for, but not for long."""
        future: Future[object] = Future()
        self._todo.put((future, last))
        self._todo.put(None)
        ended(future, _ENDING)


def _work(todo: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]) -> None:
    while (task := todo.get()) is not None:
        future, work = task
        settle(future, work)
        del future, work, task  # an idle thread keeps no answer


def _wait(future: Future[Any]) -> None:
    begun = time.monotonic()
    while not ended(future, EVERY):
        check()
        if time.monotonic() - begun > PATIENCE:
            raise TooLong(f"Google's analyzer takes longer than {PATIENCE:.0f} s over this query")
