"""Locks between processes, as locks on files: the system lets go of them when their process ends, also by `kill -9`.

A file's lock is that of its inode, so whoever locks a file that was removed meanwhile tries again.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from bigpato_magic import forks, system
from bigpato_magic.errors import TierError
from bigpato_magic.status import Cancel

_EVERY = 0.05

PATIENCE = 30.0
"""Seconds after which a lock that is held for moments counts as held by a process that is stopped."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class FileLock:
    """A held lock.

    Args:
        path: of the file.
        file: it, open: an object that closes in one step, whenever an interrupt comes.
    """

    path: Path
    file: FileIO

    def __post_init__(self) -> None:
        forks.register(self)

    def release(self) -> None:
        """End the lock; a second call does nothing."""
        if not self.file.closed:
            # Closing is not enough while a child that was just forked has the file open too.
            with contextlib.suppress(OSError):
                system.unlock(self.file.fileno())
        self.file.close()

    def __del__(self) -> None:
        """End the lock also where an interrupt came before its holder could."""
        self.release()

    def begin_anew(self) -> None:
        """In a forked child: the lock stays the parent's, and ends with it."""
        self.file.close()


def try_lock(path: Path, *, shared: bool = False, create: bool = True) -> FileLock | None:
    """The lock on `path`, or None if another process (or another lock of this one) holds it.

    Args:
        path: of a file, made with mode 0600 if it is missing and `create`.
        shared: several may hold it together; a read-only file will do.
        create: whether the file may be made.

    Raises:
        FileNotFoundError: it is missing and not to be made.
        OSError: it cannot be opened.
        TierError: the file system has no locks.
    """
    while True:
        file = FileIO(system.open_to_lock(path, write=create or not shared, create=create))
        lock: FileLock | None = FileLock(path, file)
        try:
            if not system.lock(file.fileno(), shared=shared):
                return None
            if _is_still(path, file.fileno()):
                held, lock = lock, None
                return held
        except OSError as error:
            raise TierError(
                f"files in {path.parent} cannot be locked: {error.strerror}", hint="Tier.directory on a local disk"
            ) from error
        finally:
            if lock is not None:
                lock.release()


@contextlib.contextmanager
def locked(
    path: Path,
    *,
    cancel: Cancel | None = None,
    patience: float | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Hold the lock on `path`, waiting for it as long as it takes.

    Args:
        path: of a file, made if it is missing.
        cancel: stops waiting.
        patience: seconds after which it is given up, None for never.
        waiting: called once if another holds it.

    Raises:
        Cancelled: `cancel` was set while waiting.
        OSError: the file cannot be opened.
        TierError: it was given up, or the file system has no locks.
    """
    cancel = Cancel() if cancel is None else cancel
    started = time.monotonic()
    lock = try_lock(path)
    if lock is None:
        waiting()
    while lock is None and (lock := try_lock(path)) is None:
        if patience is not None and time.monotonic() - started > patience:
            raise TierError(f"{path} is held by another process", hint="is another kernel stopped half-way?")
        cancel.wait(_EVERY)
        cancel.check()
    try:
        yield
    finally:
        lock.release()


def _is_still(path: Path, fd: int) -> bool:
    # Not the device, which Windows tells in several ways.
    try:
        return path.stat().st_ino == os.fstat(fd).st_ino
    except FileNotFoundError:
        return False
