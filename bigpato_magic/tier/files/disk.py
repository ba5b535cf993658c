"""Files that survive a power cut, directories that only their owner may enter. Nothing here knows what is in them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import xxhash

from bigpato_magic import system
from bigpato_magic.errors import TierError

_CHUNK = 8 << 20
_FAST = "xxh3:"


def private_directory(path: Path) -> Path:
    """Make `path`, which is ours, if it is missing, and see that nobody else may look into it (mode 0700; see `system`).

    Raises:
        TierError: it cannot be made or written, or it belongs to somebody else.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
        if not system.is_mine(status):
            raise TierError(f"{path} belongs to another user", hint="choose a directory of your own: Tier.directory")
        if status.st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise TierError(f"{path} cannot be used: {error.strerror}", hint="choose another Tier.directory") from error
    return path


Identity = tuple[int, int, int, int, int]


def identity(path: Path) -> Identity:
    """Device, inode, size, and when content and inode last changed (ns; on Windows: when it was made)."""
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _at_once(path: str, flags: int) -> int:
    """Open it; of a pipe, without waiting for who writes to it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def write_private(path: Path, text: str) -> None:
    """Write a new file with mode 0600, and sync it."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        system.flush(file.fileno())


def checksum(path: Path, each: Callable[[], None] = lambda: None, *, like: str = _FAST) -> str:
    """Digest of a file, as `xxh3:` and hexadecimal (128 bits: for damage, not against a forger).

    Args:
        path: of the file.
        each: called about every 8 MiB; may raise to stop it.
        like: a digest of the same kind; those of earlier versions are SHA-256 without a name.
    """
    fast = like.startswith(_FAST)
    digest = xxhash.xxh3_128() if fast else hashlib.sha256()
    buffer = bytearray(_CHUNK)
    with open(path, "rb", buffering=0, opener=_at_once) as file:
        while count := file.readinto(buffer):
            digest.update(memoryview(buffer)[:count])
            each()
    return (_FAST if fast else "") + digest.hexdigest()


def is_lost(error: OSError) -> bool:
    """Whether a file's content is lost, and not only out of reach (rights, descriptors, locks)."""
    return error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EIO)


def size_of(directory: Path, names: str = "*") -> int:
    """Bytes of all files below a directory; those that vanish meanwhile, with their directory or without, count nothing.

    Args:
        directory: where.
        names: a pattern of the names of those that are meant.
    """
    total = 0
    with contextlib.suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                if entry.is_dir(follow_symlinks=False):
                    total += size_of(Path(entry.path), names)
                elif fnmatchcase(entry.name, names):
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def free_bytes(directory: Path) -> int:
    """Bytes that this user may still write there."""
    return shutil.disk_usage(directory).free


def remove_tree(path: Path) -> None:
    """Remove a directory with all that is in it, if it is there, as far as that can be done."""
    shutil.rmtree(path, ignore_errors=True)
