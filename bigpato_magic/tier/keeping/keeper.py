"""Keeps answers in the background, one after the other: no query waits for it, and none hears of what fails."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Collection

from bigpato_magic import system
from bigpato_magic.errors import BigPatoError, Cancelled, TierError
from bigpato_magic.status import Cancel
from bigpato_magic.tier.keeping.eviction import AnswerNotKept
from bigpato_magic.tier.keeping.making import AnswerToKeep, RelationMaker, why_not
from bigpato_magic.tier.keeping.settings import Keep
from bigpato_magic.types import TableCopy, TableId

log = logging.getLogger("bigpato_magic")

FINISHING = 2.0
"""Seconds that closing waits for what is about to be kept; then it is dropped, whole."""

_ENDING = 5.0
_LOOKING = 0.1
"""Seconds between two looks at the token of who waits."""
_MOST_WAITING = 16


class BackgroundKeeper:
    """One thread that keeps answers; it is there while there is something to keep. Safe to use from several threads.

    Args:
        maker: makes kept relations.
        settings: whether, and how large.
    """

    def __init__(self, maker: RelationMaker, settings: Keep) -> None:
        self._maker, self._settings = maker, settings
        self._lock = threading.Lock()
        self._waiting: deque[AnswerToKeep] = deque()
        self._begun: tuple[AnswerToKeep, ...] = ()
        self._thread: threading.Thread | None = None
        self._cancel = Cancel()
        self._closed = False
        self._told: set[str] = set()

    def keep(self, answer: AnswerToKeep) -> bool:
        """Keep an answer soon, if it may be; whether that will be tried. Returns at once."""
        if not self._settings.on:
            return False
        if (obstacle := why_not(answer, self._settings.largest)) is not None:
            log.debug("an answer is not kept: %s", obstacle)
            return False
        with self._lock:
            # What waits is in memory twice as long as the person needs it.
            size = sum(waiting.rows.nbytes for waiting in self._waiting)
            full = len(self._waiting) >= _MOST_WAITING or size > self._settings.largest
            if self._closed or full:
                return False
            self._waiting.append(answer)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="bigpato-keep", daemon=True)
                self._thread.start()
        return True

    def keep_now(self, answer: AnswerToKeep, cancel: Cancel) -> TableCopy:
        """Keep an answer on the caller's thread; the kept relation, or the one as good that was there.

        Raises:
            AnswerNotKept: a table has changed meanwhile, or the answer may not be kept.
            BigPatoError: it could not be kept.
            Cancelled: it was stopped; nothing of it is left.
        """
        try:
            made = self._maker.make(answer, self._settings.largest, cancel)
        except OSError as error:
            raise TierError(f"an answer could not be kept: {error}") from error
        return made or self._maker.there(answer)

    def settle(self, seconds: float | None = None, cancel: Cancel | None = None) -> bool:
        """Wait until nothing is left to keep, for so long at most; whether that is so.

        Raises:
            Cancelled: `cancel` was set; what is being kept goes on.
        """
        deadline = float("inf") if seconds is None else time.monotonic() + seconds
        while (thread := self._thread) is not None and thread is not threading.current_thread():
            if cancel is not None:
                cancel.check()
            thread.join(min(_LOOKING, max(0.0, deadline - time.monotonic())))
            if thread.is_alive() and time.monotonic() >= deadline:
                return False
        return True

    def settle_over(self, tables: Collection[TableId], seconds: float, cancel: Cancel) -> bool:
        """Wait for what is being kept, where something of it rests on one of these tables; whether it has ended in time.

        Args:
            tables: of a query that is about to be asked.
            seconds: that it waits at most.
            cancel: ends the waiting.

        Raises:
            Cancelled: `cancel` was set; what is being kept goes on.
        """
        with self._lock:
            begun = (*self._waiting, *self._begun)
        if not any(basis.table in tables for answer in begun for basis in answer.source.bases):
            return False
        return self.settle(seconds, cancel)

    def close(self) -> None:
        """Finish what waits, if that is a matter of moments; drop the rest, whole."""
        with self._lock:
            self._closed = True
        if not self.settle(FINISHING):
            self._cancel.set()
            self.settle(_ENDING)

    def _run(self) -> None:
        system.step_back()
        try:
            while (answer := self._next()) is not None:
                self._try(answer)
        finally:
            with self._lock:
                if self._thread is threading.current_thread():
                    self._begun, self._thread = (), None

    def _next(self) -> AnswerToKeep | None:
        with self._lock:
            if self._waiting and not self._cancel:
                answer = self._waiting.popleft()
                self._begun = (answer,)
                return answer
            self._waiting.clear()
            self._begun, self._thread = (), None
            return None

    def _try(self, answer: AnswerToKeep) -> None:
        try:
            self._maker.make(answer, self._settings.largest, self._cancel)
        except (AnswerNotKept, Cancelled) as error:
            log.debug("an answer is not kept: %s", error)
        except (BigPatoError, OSError) as error:
            self._tell(str(error))
        except Exception as error:  # a thread of its own: nobody else would hear of it
            self._tell(f"{type(error).__name__}: {error}")

    def _tell(self, message: str) -> None:
        """Once: the next answer may fail for the same reason."""
        level = logging.DEBUG if message in self._told else logging.WARNING
        self._told.add(message)
        log.log(level, "an answer was not kept: %s", message)
