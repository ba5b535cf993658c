"""Work on a thread of its own: what becomes of it is told to who waits, who looks up meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


def begin(future: Future[T], work: Callable[[], T], name: str) -> None:
    """Do `work` on a thread called `name`, which a process that ends does not wait for."""
    threading.Thread(target=settle, args=(future, work), name=name, daemon=True).start()


def settle(future: Future[T], work: Callable[[], T]) -> None:
    """Do `work` on this thread, and tell the future what it gives or raises."""
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)


def ended(future: Future[Any], seconds: float) -> bool:
    """Whether it has ended, waiting so long; at a fraction of the cost of `concurrent.futures.wait`."""
    with suppress(TimeoutError):
        future.exception(seconds)
    return future.done()
