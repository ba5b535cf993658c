"""Files that survive a power cut, directories that only their owner may enter. Nothing here knows what is in them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from bigpato_magic.errors import TierError
from bigpato_magic.tier.steps import at

_CHUNK = 1 << 20


def private_directory(path: Path) -> Path:
    """Make `path` if it is missing, and see that nobody else may look into it (mode 0700).

    Raises:
        TierError: it cannot be made or written, or it belongs to somebody else.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
        if found.st_uid != os.getuid():
            raise TierError(f"{path} belongs to another user", hint="choose a directory of your own: Tier.directory")
        if found.st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise TierError(f"{path} cannot be used: {error.strerror}", hint="choose another Tier.directory") from error
    return path


def sync(path: Path) -> None:
    """Bring a file, or a directory's list of names, onto the disk itself."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_private(path: Path, text: str) -> None:
    """Write a new file with mode 0600, and sync it."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def checksum(path: Path, each: Callable[[], None] = lambda: None) -> str:
    """SHA-256 of a file, hexadecimal; `each` is called about every 64 MiB and may raise to stop it."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        for number in range(1 << 62):
            chunk = file.read(_CHUNK)
            if not chunk:
                break
            digest.update(chunk)
            if number % 64 == 0:
                each()
    return digest.hexdigest()


def size_of(directory: Path) -> int:
    """Bytes of all files below a directory; those that vanish meanwhile count nothing."""
    total = 0
    with contextlib.suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                if entry.is_dir(follow_symlinks=False):
                    total += size_of(Path(entry.path))
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def free_bytes(directory: Path) -> int:
    """Bytes that this user may still write there."""
    return shutil.disk_usage(directory).free


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    path.unlink(missing_ok=True)


def remove_tree(path: Path) -> None:
    """Remove a directory with all that is in it, if it is there."""
    shutil.rmtree(path, ignore_errors=True)


OURS = ("principals", "cases", "spill", "format.json", "tier.sqlite*", ".format-*")
"""Everything that a tier makes in its directory."""


def purge(directory: Path) -> list[Path]:
    """Remove everything that a tier made in `directory`, and the directory itself if it is empty then.

    Returns:
        What is left.
    """
    at("purge:begin")
    if not directory.exists():
        return []
    # Manifests first: whoever looks in between finds no copy rather than a torn one.
    for path in directory.glob("principals/*/manifests"):
        remove_tree(path)
    at("purge:manifests-gone")
    for path in [found for pattern in OURS for found in directory.glob(pattern)]:
        remove_tree(path) if path.is_dir() else remove(path)
    left = sorted(directory.iterdir())
    if not left:
        directory.rmdir()
    return left
