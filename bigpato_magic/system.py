"""What Linux, macOS and Windows do each in their own way: locks on files, what reaches the disk, owners, processes, clocks.

No other module asks which system it runs on. Windows is the odd one out:

- A lock keeps others from reading what it covers, so a byte far behind every file's end is locked.
- A file that is open cannot be removed or replaced, unless whoever opened it allows that: locks do, DuckDB does not.
- It knows no modes and no owners here: what is in a person's own directories is theirs by its access control lists, and a
  directory that is made with mode 0700 is for its owner alone (https://docs.python.org/3/library/os.html#os.mkdir).
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_LOWEST = 19
_AGAIN = 0.02

if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    # https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-createfilew, -lockfileex, -unlockfileex
    _READ, _READ_WRITE = 0x80000000, 0xC0000000
    _SHARE_ALL = 0x7  # reading, writing, removing
    _OPEN_EXISTING, _OPEN_ALWAYS = 3, 4
    _AT_ONCE, _EXCLUSIVE = 0x1, 0x2
    _HELD = 33  # ERROR_LOCK_VIOLATION
    _ASK, _DENIED, _STILL_ACTIVE = 0x1000, 5, 259  # PROCESS_QUERY_LIMITED_INFORMATION, ERROR_ACCESS_DENIED
    _INVALID = ctypes.c_void_p(-1).value

    class _Overlapped(ctypes.Structure):
        """Where a lock lies: at an offset in two halves."""

        _fields_ = (
            ("internal", ctypes.c_void_p),
            ("internal_high", ctypes.c_void_p),
            ("offset", wintypes.DWORD),
            ("offset_high", wintypes.DWORD),
            ("event", wintypes.HANDLE),
        )

    def _far() -> _Overlapped:
        return _Overlapped(offset_high=0x7FFFFFFF)

    _kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    _dword, _handle = wintypes.DWORD, wintypes.HANDLE
    _kernel.CreateFileW.argtypes = (
        wintypes.LPCWSTR, _dword, _dword, ctypes.c_void_p, _dword, _dword, _handle,
    )  # fmt: skip
    _kernel.CreateFileW.restype = _handle
    _kernel.LockFileEx.argtypes = (_handle, _dword, _dword, _dword, _dword, ctypes.POINTER(_Overlapped))
    _kernel.UnlockFileEx.argtypes = (_handle, _dword, _dword, _dword, ctypes.POINTER(_Overlapped))
    _kernel.OpenProcess.argtypes = (_dword, wintypes.BOOL, _dword)
    _kernel.OpenProcess.restype = _handle
    _kernel.GetExitCodeProcess.argtypes = (_handle, ctypes.POINTER(_dword))
    _kernel.CloseHandle.argtypes = (_handle,)

    def _open(path: Path, write: bool, create: bool) -> int:
        handle = _kernel.CreateFileW(
            str(path), _READ_WRITE if write else _READ, _SHARE_ALL, None, _OPEN_ALWAYS if create else _OPEN_EXISTING,
            0, None,
        )  # fmt: skip
        if handle == _INVALID:
            raise ctypes.WinError(ctypes.get_last_error())
        return msvcrt.open_osfhandle(handle, os.O_RDWR if write else os.O_RDONLY)

    def _lock(file: int, shared: bool) -> bool:
        how = _AT_ONCE if shared else _AT_ONCE | _EXCLUSIVE
        if _kernel.LockFileEx(msvcrt.get_osfhandle(file), how, 0, 1, 0, ctypes.byref(_far())):
            return True
        code = ctypes.get_last_error()
        if code != _HELD:
            raise ctypes.WinError(code)
        return False

    def _unlock(file: int) -> None:
        if not _kernel.UnlockFileEx(msvcrt.get_osfhandle(file), 0, 1, 0, ctypes.byref(_far())):
            raise ctypes.WinError(ctypes.get_last_error())

    def _runs(pid: int) -> bool:
        # os.kill(pid, 0) would send Ctrl-C here.
        process = _kernel.OpenProcess(_ASK, False, pid)
        if not process:
            return ctypes.get_last_error() == _DENIED
        code = wintypes.DWORD()
        try:
            return not _kernel.GetExitCodeProcess(process, ctypes.byref(code)) or code.value == _STILL_ACTIVE
        finally:
            _kernel.CloseHandle(process)

    def _is_mine(_status: os.stat_result) -> bool:
        return True

    def _others_may_write(_status: os.stat_result) -> bool:
        return False

    def _flush(file: int) -> None:
        os.fsync(file)

    def _sync(path: Path) -> None:
        if not path.is_dir():  # there is no way to a directory's list of names, which NTFS keeps in a journal
            _synced(path, os.O_RDWR)  # what is open for reading only is not flushed

    def _elapsed() -> float:
        return time.monotonic()

else:
    import fcntl

    def _open(path: Path, write: bool, create: bool) -> int:
        flags = (os.O_RDWR if write else os.O_RDONLY) | (os.O_CREAT if create else 0)
        return os.open(path, flags | _NO_LINK, 0o600)

    def _lock(file: int, shared: bool) -> bool:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)

    def _runs(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except PermissionError:
            return True
        return True

    def _is_mine(status: os.stat_result) -> bool:
        return status.st_uid == os.geteuid()

    def _others_may_write(status: os.stat_result) -> bool:
        return bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))

    def _flush(file: int) -> None:
        if sys.platform == "darwin":
            # fsync leaves it in the drive's own cache (man 2 fsync); not every file system can do more.
            with suppress(OSError):
                fcntl.fcntl(file, fcntl.F_FULLFSYNC)
                return
        os.fsync(file)

    def _sync(path: Path) -> None:
        _synced(path, os.O_RDONLY)

    def _elapsed() -> float:
        # Linux's CLOCK_MONOTONIC stands still while the machine sleeps, macOS's does not.
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


# --------------------------------------------------------------------------------------------------- locks


def open_to_lock(path: Path, *, write: bool, create: bool) -> int:
    """A descriptor of a file that can be locked, and removed meanwhile.

    Args:
        path: of the file; a link is not followed.
        write: a lock that is not shared needs this on some file systems.
        create: make it, with mode 0600, where it is missing.

    Raises:
        FileNotFoundError: it is missing and not to be made.
        OSError: it cannot be opened.
    """
    return _open(path, write, create)


def lock(file: int, *, shared: bool) -> bool:
    """Lock an open file, without waiting: whether that was possible. It ends with the descriptor, or its process.

    Raises:
        OSError: the file system has no locks.
    """
    return _lock(file, shared)


def unlock(file: int) -> None:
    """End the lock, also of a process that was forked meanwhile and has the file open too.

    Raises:
        OSError: there is none.
    """
    _unlock(file)


# --------------------------------------------------------------------------------------------------- files


def flush(file: int) -> None:
    """Bring what was written to an open file onto the disk itself."""
    _flush(file)


def sync(path: Path) -> None:
    """Bring a file, or a directory's list of names, onto the disk itself; on Windows the names are NTFS's to keep."""
    _sync(path)


def _synced(path: Path, flags: int) -> None:
    file = os.open(path, flags)
    try:
        _flush(file)
    finally:
        os.close(file)


def is_mine(status: os.stat_result) -> bool:
    """Whether a file or directory belongs to this user; on Windows its access control list says who may use it."""
    return _is_mine(status)


def is_only_mine(status: os.stat_result) -> bool:
    """Whether it belongs to this user, and nobody else may write to it."""
    return _is_mine(status) and not _others_may_write(status)


def remove(path: Path, *, patience: float = 0.5) -> bool:
    """Remove a file, if it is there; whether it is gone.

    Args:
        path: of the file.
        patience: seconds to wait for whoever has it open, where that keeps it (Windows).

    Raises:
        OSError: it cannot be removed, and not because it is open.
    """
    try:
        _patiently(lambda: path.unlink(missing_ok=True), patience)
    except OSError as error:
        if not _is_open(error):
            raise
        return False
    return True


def replace(draft: Path, path: Path, *, patience: float = 2.0) -> None:
    """Put a file in another's place with one rename.

    Args:
        draft: the new file.
        path: its place.
        patience: seconds to wait for whoever has one of them open, where that is in the way (Windows).

    Raises:
        OSError: that was not possible.
    """
    _patiently(lambda: draft.replace(path), patience)


def _patiently(action: Callable[[], object], patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            action()
        except OSError as error:
            if not _is_open(error) or time.monotonic() >= until:
                raise
            time.sleep(_AGAIN)
        else:
            return


def _is_open(error: OSError) -> bool:
    """Access denied, sharing violation, lock violation: what Windows says of files that somebody has open."""
    return getattr(error, "winerror", None) in (5, 32, 33)


# ----------------------------------------------------------------------------------------------- processes


def runs(pid: int) -> bool:
    """Whether there is a process of this id, anybody's: what a process left may be removed if it does not run."""
    return _runs(pid)


def die() -> None:
    """End this process at once, as by `kill -9`: nothing of it is cleaned up."""
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def step_back() -> None:
    """Everything else of the machine before this thread, for the processor as for the disk, where a thread can (Linux)."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST)


# ------------------------------------------------------------------------------------------------- machine


def boot() -> str | None:
    """What tells this start of the machine from others; None where nothing does (macOS, Windows)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


def elapsed() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine sleeps."""
    return _elapsed()
