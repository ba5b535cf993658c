"""Locks between processes, as locks on files: the kernel lets go of them when their process ends, also by `kill -9`.

A file's lock is that of its inode, so whoever locks a file that was removed meanwhile tries again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bigpato_magic.status import Cancel

_EVERY = 0.05


@dataclass(slots=True)
class FileLock:
    """A held lock."""

    path: Path
    fd: int

    def release(self) -> None:
        """Let go."""
        os.close(self.fd)


def try_lock(path: Path, *, shared: bool = False, create: bool = True) -> FileLock | None:
    """The lock on `path`, or None if another process (or another lock of this one) holds it.

    Args:
        path: of a file, made with mode 0600 if it is missing and `create`.
        shared: several may hold it together; a read-only file will do.
        create: whether the file may be made.

    Raises:
        FileNotFoundError: it is missing and not to be made.
        OSError: it cannot be opened.
    """
    flags = os.O_CLOEXEC | (os.O_RDONLY if shared and not create else os.O_RDWR) | (os.O_CREAT if create else 0)
    while True:
        fd = os.open(path, flags, 0o600)
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        if _is_still(path, fd):
            return FileLock(path, fd)
        os.close(fd)


@contextlib.contextmanager
def locked(path: Path, *, cancel: Cancel | None = None) -> Iterator[None]:
    """Hold the lock on `path`, waiting for it as long as it takes.

    Raises:
        Cancelled: `cancel` was set while waiting.
        OSError: the file cannot be opened.
    """
    cancel = Cancel() if cancel is None else cancel
    while (lock := try_lock(path)) is None:
        cancel.wait(_EVERY)
        cancel.check()
    try:
        yield
    finally:
        lock.release()


def _is_still(path: Path, fd: int) -> bool:
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    held = os.fstat(fd)
    return (found.st_dev, found.st_ino) == (held.st_dev, held.st_ino)
