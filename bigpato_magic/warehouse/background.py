"""Wait for a blocking call in a way that a person can stop: the call runs in a thread, the wait ends at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from bigpato_magic.errors import Cancelled
from bigpato_magic.status import Cancel
from bigpato_magic.threads import begin

T = TypeVar("T")

_TICK_SECONDS = 0.2


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
    call: Future[T] = Future()
    call.add_done_callback(lambda _: wake.set())
    if cancel is not None:
        cancel.check()
        cancel.on_set(wake.set)
    begin(call, work, "bigpato-call")
    try:
        _wait(call, wake, cancel, tick)
    except BaseException:
        if abandon is not None:
            abandon()
        raise
    return call.result()


def _wait(call: Future[Any], wake: threading.Event, cancel: Cancel | None, tick: Callable[[], None] | None) -> None:
    while not call.done():
        wake.wait(_TICK_SECONDS)
        if call.done():
            return
        if cancel:
            raise Cancelled
        if tick is not None:
            tick()
