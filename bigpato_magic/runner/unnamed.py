"""Answers of BigQuery whose tables nobody could name yet, because Google's analyzer was not ready: they count later."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from bigpato_magic import googlesql
from bigpato_magic.googlesql import State
from bigpato_magic.runner.request import Request
from bigpato_magic.status import Cancel
from bigpato_magic.types import QueryResult

MOST = 500
"""Queries that wait; of more, the oldest are forgotten."""

_STEP = 0.1

log = logging.getLogger("bigpato_magic")


@dataclass(frozen=True, slots=True)
class Unnamed:
    """One of them: what was asked, the answer without its rows, and when it came, by the server's clock."""

    request: Request
    result: QueryResult
    at: datetime


Name = Callable[[Unnamed], None]
"""Finds out which tables one reads, and notes its uses."""


@dataclass(slots=True)
class Waiting:
    """Keeps them until the analyzer is ready. Safe to use from several threads."""

    _waiting: deque[Unnamed] = field(default_factory=lambda: deque(maxlen=MOST))
    _naming: threading.Lock = field(default_factory=threading.Lock)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, unnamed: Unnamed, name: Name) -> None:
        """Keep one; it may be that the analyzer has just become ready."""
        self._waiting.append(unnamed)
        if googlesql.ready():
            self.name_all(name)

    def name_all(self, name: Name) -> None:
        """Name all that wait, in their order."""
        with self._naming:
            while self._waiting:
                try:
                    name(self._waiting.popleft())
                except Exception:  # on the analyzer's thread: whoever else waits for it must not miss it
                    log.warning("a query's uses of tables could not be noted", exc_info=True)

    def wait(self, cancel: Cancel, say: Callable[[str], None], name: Name) -> None:
        """Wait until they have names, and say for what; at once where none waits, or the analyzer cannot come.

        Args:
            cancel: stops the waiting.
            say: hears why one waits.
            name: what to do with each.

        Raises:
            Cancelled: `cancel` was set.
        """
        if not self._waiting:
            return
        googlesql.warm()
        told: State | None = None
        while not googlesql.wait(_STEP) and googlesql.state() is not State.FAILED:
            cancel.check()
            if (state := googlesql.state()) is not told:
                say(_sentence(state, len(self)))
                told = state
        if googlesql.ready():
            self.name_all(name)
        else:
            say(f"{googlesql.failure()}: which tables the last {_queries(len(self))} read is not known")


def _sentence(state: State, count: int) -> str:
    doing = "being compiled, once on this machine, about 40 s" if state is State.COMPILING else "being loaded"
    return f"waiting for Google's analyzer ({doing}): it tells which tables the last {_queries(count)} read"


def _queries(count: int) -> str:
    return "query" if count == 1 else f"{count} queries"
