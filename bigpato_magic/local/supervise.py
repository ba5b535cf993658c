"""Run a DuckDB statement so that it can be stopped within a second: on a thread of its own, interrupted from ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from bigpato_magic.status import Cancel
from bigpato_magic.threads import begin, ended

if TYPE_CHECKING:
    import duckdb

NO_BAR = "SET enable_progress_bar_print = false"
"""In a notebook DuckDB shows a bar of its own after two seconds, and leaves it behind."""

T = TypeVar("T")

_EVERY = 0.1
"""Seconds between two looks at a statement: each costs a short one a percent, when it wakes this thread beside it."""
_INSISTING = 0.02
_PATIENCE = 1.0


def is_ctrl_c(error: BaseException) -> bool:
    """Whether an error is how DuckDB tells of a Ctrl-C that it met on the main thread, in place of KeyboardInterrupt."""
    return type(error) is RuntimeError and str(error) == "Query interrupted"


@contextmanager
def heeding_ctrl_c() -> Iterator[None]:
    """Let a Ctrl-C that DuckDB meets in the block be one; it decorates functions, too."""
    try:
        yield
    except RuntimeError as error:
        if is_ctrl_c(error):
            raise KeyboardInterrupt from error
        raise


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
    try:
        begin(future, work, "bigpato-duckdb")
        while not ended(future, _EVERY):
            cancel.check()
            if watch is not None:
                watch()
    except BaseException:
        _stop(future, interrupt)
        raise
    return future.result()


def _stop(future: Future[T], interrupt: Callable[[], None]) -> None:
    """Interrupt until it stops, but not for ever: a few DuckDB functions never look up."""
    deadline = time.monotonic() + _PATIENCE
    while not future.done() and time.monotonic() < deadline:
        interrupt()
        ended(future, _INSISTING)


def closed(cursor: duckdb.DuckDBPyConnection) -> bool:
    """Close a connection or cursor; False where it still works, because its statement would not stop. It ends with its thread."""
    import duckdb

    try:
        cursor.close()
    except duckdb.ResourceInUseException:
        return False
    return True


def first_line(error: BaseException) -> str:
    """What DuckDB says; the other lines are the statement."""
    return str(error).split("\n", 1)[0]
