"""The server's clock, from the `Date` header of its answers: the local clock may be wrong by an hour."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from bigpato_magic.system import elapsed

# An answer may be this much behind the best estimate and still agree with it: headers are cut to whole seconds,
# and come late by the time of their way.
_TOLERANCE = timedelta(seconds=2)


class ServerClock:
    """Never ahead of the server's clock by more than the two clocks' drift; up to a second or two behind it.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._zero: datetime | None = None

    @property
    def seen(self) -> bool:
        """Whether the server has told its time."""
        return self._zero is not None

    def note(self, response: Any, *_: Any, **__: Any) -> None:
        """Learn from an answer; a hook for `requests`."""
        date = response.headers.get("Date")
        try:
            told = parsedate_to_datetime(date) if date else None
        except ValueError:
            return
        if told is not None and told.tzinfo is not None:
            self._learn(told.astimezone(UTC) - timedelta(seconds=elapsed()))

    def _learn(self, zero: datetime) -> None:
        with self._lock:
            # The latest of the estimates is the best: each is at or behind the truth. A jump back is a correction.
            if self._zero is None or not timedelta(0) <= self._zero - zero <= _TOLERANCE:
                self._zero = zero

    def at(self, instant: float) -> datetime:
        """What the server's clock showed at `instant` of `elapsed()`; the local clock's guess where it told nothing."""
        zero = self._zero or datetime.now(UTC) - timedelta(seconds=elapsed())
        return zero + timedelta(seconds=instant)

    def now(self) -> datetime:
        """What the server's clock shows now."""
        return self.at(elapsed())
