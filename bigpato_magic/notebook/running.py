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
        self.done = threading.Event()
        self._work = (work, cancel, progress)
        self._outcome: list[T] = []
        self._error: BaseException | None = None

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, daemon=True, name="bigpato-query").start()

    def _run(self) -> None:
        work, cancel, progress = self._work
        try:
            self._outcome.append(work(cancel, progress))
        except BaseException as error:
            self._error = error  # raised again where the person waits
        finally:
            self.done.set()

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
        job.start()
        _wait(job.done, line)
    except KeyboardInterrupt:
        cancel.set()
        raise _stopped(job.done, time.perf_counter() - started) from None
    finally:
        line.close()
    return job.result()


def _wait(done: threading.Event, line: ProgressLine) -> None:
    pause = 0.02
    while not done.wait(pause):
        line.show()
        pause = 0.1


def _stopped(done: threading.Event, seconds: float) -> Cancelled:
    """The error of an interrupted cell, once the work has ended or has had its time."""
    try:
        ended = done.wait(_PATIENCE)
    except KeyboardInterrupt:
        ended = False
    end = "." if ended else "; the query is still being stopped."
    return Cancelled(f"Stopped after {format_duration(seconds)}{end}")
