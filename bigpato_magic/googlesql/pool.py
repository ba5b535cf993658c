"""The instances of one role: one is kept warm, others are made while it is busy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from weakref import WeakSet

from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.googlesql import calls

if TYPE_CHECKING:
    from wasmtime import Module

    from bigpato_magic.googlesql.instance import Instance

MOST = 4
"""Instances at a time; each takes about 20 MB."""
LARGEST = 512 * 1024**2
"""Bytes of memory of an instance that is kept: it would hold them as long as it lives."""


class _Seat:
    """The place of one caller, and the instance that is lent to it."""

    instance: Instance | None = None


class Pool:
    """Lends instances. Safe to use from several threads.

    How many there are is counted by the callers that have one. A caller that is interrupted, wherever, is none any more:
    a count that it had to take back would be lost with it, and after `MOST` of them everybody would wait for ever.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._idle: Instance | None = None
        self._seats: WeakSet[_Seat] = WeakSet()

    @contextmanager
    def lend(self, module: Module) -> Iterator[Instance]:
        """An instance for one caller; after a trap the next caller gets another.

        Raises:
            AnalyzerUnavailable: there is no memory for one.
        """
        calls.check()
        seat = _Seat()
        try:
            self._take(seat)
            if seat.instance is None:
                seat.instance = self._made(module)
            yield seat.instance
        finally:
            self._leave(seat)

    def close(self) -> None:
        """Close the instance that is idle, with its memory and thread."""
        with self._changed:
            idle, self._idle = self._idle, None
        if idle is not None:
            idle.close()

    def _take(self, seat: _Seat) -> None:
        """A seat with the idle instance, worth a short wait; without one where another may be made, once there is room."""
        with self._changed:
            if self._seats:
                self._changed.wait_for(lambda: self._idle is not None, calls.EVERY)
            while self._idle is None and len(self._seats) >= MOST:
                calls.check()
                self._changed.wait(calls.EVERY)
            self._seats.add(seat)
            seat.instance, self._idle = self._idle, None

    def _made(self, module: Module) -> Instance:
        from wasmtime import Trap, WasmtimeError

        from bigpato_magic.googlesql.instance import Instance

        try:
            return Instance(module)
        except (Trap, WasmtimeError, MemoryError, OSError) as error:
            raise AnalyzerUnavailable(f"Google's analyzer cannot be started here: {_line(error)}") from error

    def _leave(self, seat: _Seat) -> None:
        """Give the instance back: it is kept for the next caller, or closed."""
        instance, seat.instance = seat.instance, None
        with self._changed:
            self._seats.discard(seat)
            kept = instance is not None and self._idle is None and not instance.dead and instance.size <= LARGEST
            if kept:
                self._idle = instance
            self._changed.notify()
        if instance is not None and not kept:
            instance.close()


def _line(error: BaseException) -> str:
    with suppress(IndexError):
        return str(error).strip().splitlines()[0]
    return type(error).__name__
