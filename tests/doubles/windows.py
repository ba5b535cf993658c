"""Windows, as far as this package asks it, over the files of a POSIX system; for a process that is started for it.

`become_windows` takes away what Windows has not (`fcntl`, `os.getuid`, `os.fork` and their kin), gives
`bigpato_magic.system` a kernel32, and keeps Windows' rule about open files: one that is open, and was not opened to be
removed meanwhile, cannot be removed or replaced. What Windows really does, only Windows can tell.
"""

from __future__ import annotations

import builtins
import ctypes
import errno
import fcntl
import os
import shutil
import signal
import sys
import time
import types
from pathlib import Path

POSIX_MODULES = ("fcntl", "grp", "pwd", "resource", "termios")
POSIX_NAMES = {
    os: ("fork", "register_at_fork", "getuid", "geteuid", "O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_DIRECTORY"),
    time: ("clock_gettime", "CLOCK_BOOTTIME", "CLOCK_MONOTONIC"),
    signal: ("SIGKILL",),
}
INVALID = ctypes.c_void_p(-1).value
SHARE_ALL = 0x7
FILE_NOT_FOUND, ACCESS_DENIED, SHARING_VIOLATION, LOCK_VIOLATION, INVALID_PARAMETER = 2, 5, 32, 33, 87


class Function:
    """A function of a library, which may be told its types."""

    def __init__(self, body):
        self.body = body

    def __call__(self, *arguments):
        return self.body(*arguments)


class Kernel32:
    """The functions that `system` calls. A handle is a descriptor, that of a process its id."""

    def __init__(self):
        self.last_error = 0
        self.removable = set()
        self.kill, self.open = os.kill, os.open
        for name in ("CreateFileW", "LockFileEx", "UnlockFileEx", "OpenProcess", "GetExitCodeProcess", "CloseHandle"):
            setattr(self, name, Function(getattr(self, f"_{name}")))

    def _fail(self, code, result=0):
        self.last_error = code
        return result

    def _CreateFileW(self, path, access, share, security, disposition, flags, template):  # noqa: N802
        assert (share, security, flags, template) == (SHARE_ALL, None, 0, None)
        writing = {0x80000000: os.O_RDONLY, 0xC0000000: os.O_RDWR}[access]
        creating = {3: 0, 4: os.O_CREAT}[disposition]
        try:
            handle = self.open(path, writing | creating, 0o600)
        except OSError as error:
            return self._fail(FILE_NOT_FOUND if error.errno == errno.ENOENT else ACCESS_DENIED, INVALID)
        self.removable.add((handle, os.fstat(handle).st_ino))
        return handle

    def _LockFileEx(self, handle, how, reserved, low, high, place):  # noqa: N802
        assert (reserved, low, high) == (0, 1, 0)
        assert how & 0x1, "a lock must not wait"
        assert place._obj.offset_high > 0x1000000, "no file may reach the byte that is locked"
        try:
            fcntl.flock(handle, (fcntl.LOCK_EX if how & 0x2 else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._fail(LOCK_VIOLATION)
        return 1

    def _UnlockFileEx(self, handle, reserved, low, high, place):  # noqa: N802
        fcntl.flock(handle, fcntl.LOCK_UN)
        return 1

    def _OpenProcess(self, access, inherit, pid):  # noqa: N802
        try:
            self.kill(pid, 0)
        except ProcessLookupError:
            return self._fail(INVALID_PARAMETER)
        except PermissionError:
            return self._fail(ACCESS_DENIED)
        return pid

    def _GetExitCodeProcess(self, process, code):  # noqa: N802
        code._obj.value = 259
        return 1

    def _CloseHandle(self, handle):  # noqa: N802
        return 1

    def is_held(self, path):
        """Whether this process has the file open by a descriptor that does not let it be removed."""
        try:
            wanted = Path(path).stat()
        except OSError:
            return False
        for name in (int(entry.name) for entry in Path("/proc/self/fd").iterdir()):
            try:
                found = os.fstat(name)
            except OSError:
                continue
            same = (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino)
            if same and (name, found.st_ino) not in self.removable:
                return True
        return False


def _error(code):
    kind = {FILE_NOT_FOUND: FileNotFoundError}.get(code, PermissionError)
    error = kind(errno.ENOENT if code == FILE_NOT_FOUND else errno.EACCES, f"Windows error {code}")
    error.winerror = code
    return error


def become_windows():
    """Let this process, which has not yet imported `bigpato_magic`, be Windows for it."""
    assert "bigpato_magic.system" not in sys.modules
    import platformdirs.unix  # noqa: F401 - it is still to find this system's directories

    kernel = Kernel32()
    _take_away_what_is_posix()
    _refuse_what_is_open(kernel)
    ctypes.WinDLL = lambda name, use_last_error: kernel
    ctypes.get_last_error = lambda: kernel.last_error
    ctypes.WinError = _error
    sys.modules["msvcrt"] = types.SimpleNamespace(
        get_osfhandle=lambda file: file, open_osfhandle=lambda handle, flags: handle
    )
    platform, sys.platform = sys.platform, "win32"
    try:
        import bigpato_magic.system
    finally:
        sys.platform = platform
        del sys.modules["msvcrt"]  # by which `subprocess` would know Windows
    return bigpato_magic.system


def _take_away_what_is_posix():
    import_ = builtins.__import__

    def guarded(name, globals=None, locals=None, fromlist=(), level=0):  # noqa: A002
        importer = (globals or {}).get("__name__", "")
        if name.split(".")[0] in POSIX_MODULES and importer.startswith("bigpato_magic"):
            raise ModuleNotFoundError(f"No module named {name!r}")
        return import_(name, globals, locals, fromlist, level)

    builtins.__import__ = guarded
    for module, names in POSIX_NAMES.items():
        for name in names:
            delattr(module, name)


def _refuse_what_is_open(kernel):
    unlink, replace, open_, fsync, kill = os.unlink, os.replace, os.open, os.fsync, os.kill

    def refuse_to_remove(path, *rest, **how):
        if kernel.is_held(path):
            raise _error(SHARING_VIOLATION)
        return unlink(path, *rest, **how)

    def refuse_to_replace(source, target, **how):
        if kernel.is_held(source) or kernel.is_held(target):
            raise _error(SHARING_VIOLATION)
        return replace(source, target, **how)

    def refuse_directories(path, flags, *rest, **how):
        if Path(path).is_dir():
            raise _error(ACCESS_DENIED)
        return open_(path, flags, *rest, **how)

    def refuse_to_flush_what_is_read(file):
        if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        return fsync(file)

    def refuse_to_ask_by_signal(pid, number):
        assert number != 0, "this would be Ctrl-C"
        return kill(pid, number)

    os.unlink = os.remove = refuse_to_remove
    os.replace = refuse_to_replace
    os.open = refuse_directories
    os.fsync = refuse_to_flush_what_is_read
    os.kill = refuse_to_ask_by_signal
    shutil._use_fd_functions = False  # as where there are no descriptors of directories
