"""The instances of one role: one is kept warm, others are made while it is busy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.googlesql import calls

if TYPE_CHECKING:
    from wasmtime import Module

    from bigpato_magic.googlesql.instance import Instance

MOST = 4
"""Instances at a time; each takes about 20 MB."""
LARGEST = 512 * 1024**2
"""Bytes of memory of an instance that is kept: it would hold them as long as it lives."""


class Pool:
    """Lends instances. Safe to use from several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._idle: Instance | None = None
        self._count = 0

    @contextmanager
    def lend(self, module: Module) -> Iterator[Instance]:
        """An instance for one caller; after a trap the next caller gets another.

        Raises:
            AnalyzerUnavailable: there is no memory for one.
        """
        calls.check()
        instance = self._taken() or self._made(module)
        try:
            yield instance
        finally:
            self._give_back(instance)

    def close(self) -> None:
        """Close the instance that is idle, with its memory and thread."""
        with self._changed:
            idle, self._idle = self._idle, None
        if idle is not None:
            idle.close()

    def _taken(self) -> Instance | None:
        """The idle one, worth a short wait; None where another may be made, for which there is room now."""
        with self._changed:
            if self._count:
                self._changed.wait_for(lambda: self._idle is not None, calls.EVERY)
            while self._idle is None and self._count >= MOST:
                calls.check()
                self._changed.wait(calls.EVERY)
            instance, self._idle = self._idle, None
            if instance is None:
                self._count += 1
            return instance

    def _made(self, module: Module) -> Instance:
        from wasmtime import Trap, WasmtimeError

        from bigpato_magic.googlesql.instance import Instance

        try:
            return Instance(module)
        except BaseException as error:
            self._leave()
            if isinstance(error, Trap | WasmtimeError | MemoryError | OSError):
                raise AnalyzerUnavailable(f"Google's analyzer cannot be started here: {_line(error)}") from error
            raise

    def _give_back(self, instance: Instance) -> None:
        with self._changed:
            if self._idle is None and not instance.dead and instance.size <= LARGEST:
                self._idle = instance
                self._changed.notify()
                return
        self._leave()
        instance.close()

    def _leave(self) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify()


def _line(error: BaseException) -> str:
    with suppress(IndexError):
        return str(error).strip().splitlines()[0]
    return type(error).__name__
