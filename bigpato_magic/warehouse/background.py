"""Wait for a blocking call in a way that a person can stop: the call runs in a thread, the wait ends at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from bigpato_magic.errors import Cancelled
from bigpato_magic.status import Cancel

T = TypeVar("T")

_TICK_SECONDS = 0.2


class _Call(Generic[T]):
    """One call in a thread of its own, and what became of it."""

    def __init__(self, work: Callable[[], T], wake: threading.Event) -> None:
        self._work = work
        self._wake = wake
        self._value: T
        self._error: BaseException | None = None
        self.done = False

    def run(self) -> None:
        try:
            self._value = self._work()
        except BaseException as error:
            self._error = error
        self.done = True
        self._wake.set()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value


def interruptible(
    work: Callable[[], T],
    *,
    cancel: Cancel | None = None,
    tick: Callable[[], None] | None = None,
    abandon: Callable[[], None] | None = None,
) -> T:
    """The result of `work()`, run in a thread, or `Cancelled` as soon as `cancel` is set.

    Args:
        work: a blocking call. When it is abandoned it goes on in its thread until it looks itself.
        cancel: checked all the time.
        tick: called in this thread about five times a second while waiting.
        abandon: called once, in this thread, when the wait ends without a result (also at Ctrl-C); it should be quick.

    Raises:
        Cancelled: `cancel` was set.
    """
    wake = threading.Event()
    call = _Call(work, wake)
    if cancel is not None:
        cancel.check()
        cancel.on_set(wake.set)
    threading.Thread(target=call.run, name="bigpato-call", daemon=True).start()
    try:
        _wait(call, wake, cancel, tick)
    except BaseException:
        if abandon is not None:
            abandon()
        raise
    return call.result()


def _wait(call: _Call[T], wake: threading.Event, cancel: Cancel | None, tick: Callable[[], None] | None) -> None:
    while not call.done:
        wake.wait(_TICK_SECONDS)
        if call.done:
            return
        if cancel:
            raise Cancelled
        if tick is not None:
            tick()
