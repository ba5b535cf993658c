"""Run work so that Ctrl-C and ■ stop it: on a thread of its own, while the main thread waits and shows how far it is.

Signals reach Python's main thread only, and not while it is inside DuckDB or gRPC.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from bigpato_magic.errors import Cancelled
from bigpato_magic.notebook.progress import ProgressLine
from bigpato_magic.status import Cancel
from bigpato_magic.traits import format_duration

T = TypeVar("T")
Work = Callable[[Cancel, Callable[[Any], None]], T]

_PATIENCE = 5.0
"""Seconds that a stopped job may take to end before the cell is given back without it."""


class _Job(Generic[T]):
    """Work on a thread, with its outcome."""

    def __init__(self, work: Work[T], cancel: Cancel, progress: Callable[[Any], None]) -> None:
        self._outcome: list[T] = []
        self._error: BaseException | None = None
        self.thread = threading.Thread(
            target=self._run, args=(work, cancel, progress), daemon=True, name="bigpato-query"
        )
        self.thread.start()

    def _run(self, work: Work[T], cancel: Cancel, progress: Callable[[Any], None]) -> None:
        try:
            self._outcome.append(work(cancel, progress))
        except BaseException as error:
            self._error = error

    def result(self) -> T:
        """What the work gave, or its error."""
        if self._error is not None:
            raise self._error
        return self._outcome[0]


def run(work: Work[T], line: ProgressLine | None = None) -> T:
    """Do `work(cancel, progress)` on a thread, show its progress, and stop it when the person asks.

    Raises:
        Cancelled: the person interrupted.
    """
    line = line or ProgressLine(None)
    cancel = Cancel()
    started = time.perf_counter()
    job = _Job(work, cancel, line.note)
    try:
        _wait(job.thread, line)
    except KeyboardInterrupt:
        cancel.set()
        raise _stopped(job.thread, time.perf_counter() - started) from None
    finally:
        line.close()
    return job.result()


def _wait(thread: threading.Thread, line: ProgressLine) -> None:
    pause = 0.02
    while thread.is_alive():
        thread.join(pause)
        line.show()
        pause = 0.1


def _stopped(thread: threading.Thread, seconds: float) -> Cancelled:
    """The error of an interrupted cell, once the work has ended or has had its time."""
    try:
        thread.join(_PATIENCE)
    except KeyboardInterrupt:
        return Cancelled("Left; the query is still being stopped.")
    if thread.is_alive():
        return Cancelled(f"Stopped waiting after {format_duration(seconds)}; the query is still being stopped.")
    return Cancelled(f"Stopped after {format_duration(seconds)}.")
