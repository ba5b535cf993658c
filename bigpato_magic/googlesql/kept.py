"""Native code on disk: it is loaded only if no one else can have put it there, and if it is whole.

Owner and mode guard against others; a digest beside the code against damage, which would crash the kernel or answer
wrongly. Who can write as this person can write the digest too.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
import tempfile
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

from bigpato_magic import system

_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
DRAFT = "draft-"


def why_not(directory: Path) -> str | None:
    """Why code cannot be kept in a directory, None where it can: only this person may put files there."""
    try:
        status = directory.stat()
    except OSError as error:
        return f"{directory} cannot be used: {error.strerror}"
    if not stat.S_ISDIR(status.st_mode):
        return f"{directory} is no directory"
    if not system.is_only_mine(status):
        return f"others than you may write in {directory} (chmod go-w, or another BIGPATO_CACHE)"
    return None if os.access(directory, os.W_OK | os.X_OK) else f"nothing can be written in {directory}"


def is_sound(path: Path) -> bool:
    """Whether a file is this person's own, not a link, and what was written: its digest is the one beside it."""
    try:
        with _opened(path) as file, _opened(_beside(path)) as digest:
            written = digest.read(100).decode("ascii").strip()
            return hmac.compare_digest(hashlib.file_digest(file, "sha256").hexdigest(), written)
    except (OSError, ValueError):
        return False


def write(path: Path, content: bytes) -> None:
    """Write code and its digest, each aside and renamed; a reader between the two finds that they do not fit.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    _write(_beside(path), hashlib.sha256(content).hexdigest().encode())
    _write(path, content)


def take_away(path: Path) -> None:
    """Take code and its digest away, as far as that can be done."""
    for each in (path, _beside(path)):
        with suppress(OSError):
            each.unlink()


def _beside(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _opened(path: Path) -> BufferedReader:
    handle = os.open(path, os.O_RDONLY | _NO_LINK)
    file = os.fdopen(handle, "rb")
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or not system.is_only_mine(status):
        file.close()
        raise PermissionError(f"{path} is not this person's own")
    return file


def _write(path: Path, content: bytes) -> None:
    handle, draft = tempfile.mkstemp(prefix=DRAFT, suffix=path.suffix, dir=path.parent)  # mkstemp: mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            system.flush(file.fileno())
        system.replace(Path(draft), path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
