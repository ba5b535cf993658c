"""Run a DuckDB statement so that it can be stopped within a second: on a thread of its own, interrupted from ours."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from bigpato_magic.status import Cancel

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")

_EVERY = 0.1
"""Seconds between two looks at a statement: each costs a short one a percent, when it wakes this thread beside it."""
_INSISTING = 0.02
_PATIENCE = 1.0


def supervised(
    work: Callable[[], T], interrupt: Callable[[], None], cancel: Cancel, watch: Callable[[], None] | None = None
) -> T:
    """The result of `work`, which runs on another thread.

    Args:
        work: what to do.
        interrupt: makes it stop; called until it does, since DuckDB forgets an interrupt that comes between statements.
        cancel: a set token stops it, as Ctrl-C does.
        watch: called about every 100 ms; an error that it raises stops the work, too.

    Raises:
        Cancelled: `cancel` was set.
    """
    future: Future[T] = Future()
    threading.Thread(target=_run, args=(future, work), name="bigpato-duckdb", daemon=True).start()
    try:
        while not _ended(future, _EVERY):
            cancel.check()
            if watch is not None:
                watch()
    except BaseException:
        _stop(future, interrupt)
        raise
    return future.result()


def _run(future: Future[T], work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)


def _stop(future: Future[T], interrupt: Callable[[], None]) -> None:
    """Interrupt until it stops, but not for ever: a few DuckDB functions never look up."""
    deadline = time.monotonic() + _PATIENCE
    while not future.done() and time.monotonic() < deadline:
        interrupt()
        _ended(future, _INSISTING)


def _ended(future: Future[T], seconds: float) -> bool:
    """Whether it has ended, waiting so long; at a fraction of the cost of `concurrent.futures.wait`."""
    with suppress(TimeoutError):
        future.exception(seconds)
    return future.done()


def closed(cursor: duckdb.DuckDBPyConnection) -> bool:
    """Close a cursor; False where it still works, because its statement would not stop. It ends with its thread."""
    import duckdb

    try:
        cursor.close()
    except duckdb.ResourceInUseException:
        return False
    return True
