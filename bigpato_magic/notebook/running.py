"""Run work so that Ctrl-C and ■ stop it: on a thread of its own, while the main thread waits and shows how far it is.

Signals reach Python's main thread only, and not while it is inside DuckDB or gRPC.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from bigpato_magic.errors import Cancelled
from bigpato_magic.notebook.progress import ProgressLine
from bigpato_magic.status import Cancel
from bigpato_magic.threads import begin, ended
from bigpato_magic.traits import format_duration

T = TypeVar("T")
Work = Callable[[Cancel, Callable[[Any], None]], T]

_PATIENCE = 5.0
"""Seconds that a stopped job may take to end before the cell is given back without it."""


def run(work: Work[T], line: ProgressLine | None = None) -> T:
    """Do `work(cancel, progress)` on a thread, show its progress, and stop it when the person asks.

    Raises:
        Cancelled: the person interrupted.
    """
    line = line or ProgressLine(None)
    cancel = Cancel()
    started = time.perf_counter()
    outcome: Future[T] = Future()
    try:
        begin(outcome, lambda: work(cancel, line.note), "bigpato-query")
        _wait(outcome, line)
    except KeyboardInterrupt:
        cancel.set()
        raise _stopped(outcome, time.perf_counter() - started) from None
    finally:
        line.close()
    return outcome.result()


def _wait(outcome: Future[Any], line: ProgressLine) -> None:
    pause = 0.02
    while not ended(outcome, pause):
        line.show()
        pause = 0.1


def _stopped(outcome: Future[Any], seconds: float) -> Cancelled:
    """The error of an interrupted cell, once the work has ended or has had its time."""
    try:
        in_time = ended(outcome, _PATIENCE)
    except KeyboardInterrupt:
        in_time = False
    end = "." if in_time else "; the query is still being stopped."
    return Cancelled(f"Stopped after {format_duration(seconds)}{end}")
