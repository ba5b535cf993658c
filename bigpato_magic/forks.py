"""After `os.fork()` the child has its parent's objects without their threads; locks, connections and files are the parent's.

Whoever holds such things registers here and begins anew in the child. What it held is abandoned, never closed: DuckDB
would wait for threads that are not there, and a file's lock would be taken from the parent.

SQLite keeps its locks in memory that a child inherits without owning them, so its files are closed before each fork:
https://sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_
"""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import Protocol


class Forked(Protocol):
    """What begins anew in a forked child."""

    def begin_anew(self) -> None:
        """Drop what is the parent's, and make new locks; called in the child, before anything else runs there."""


class Paused(Protocol):
    """What lets go of its file before a fork."""

    def before_fork(self) -> None:
        """Wait until no thread uses the file, keep all from it, and close it."""

    def after_fork(self) -> None:
        """Let threads go on, in the parent as in the child; the file is opened again when it is needed."""


_objects: weakref.WeakSet[Forked] = weakref.WeakSet()
_paused: weakref.WeakSet[Paused] = weakref.WeakSet()
_held: list[Paused] = []


def register(forked: Forked) -> None:
    """Let an object begin anew in children, as long as it lives."""
    _objects.add(forked)


def pause(paused: Paused) -> None:
    """Let an object close its file before each fork, as long as it lives."""
    _paused.add(paused)


def abandon(*things: object) -> None:
    """Keep things of the parent for ever, so that nothing finalizes them in the child."""
    for thing in things:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _before() -> None:
    for paused in tuple(_paused):
        paused.before_fork()
        _held.append(paused)


def _after() -> None:
    while _held:
        _held.pop().after_fork()


def _in_child() -> None:
    _after()
    for forked in tuple(_objects):
        forked.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_in_child)
