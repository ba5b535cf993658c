"""A file that was just written becomes a part: private, digested, and on the disk itself before anybody sees it."""

from __future__ import annotations

from pathlib import Path

from bigpato_magic import system
from bigpato_magic.status import Cancel
from bigpato_magic.tier.files import disk
from bigpato_magic.tier.files.crashpoints import at
from bigpato_magic.types import Part


def finished(path: Path, rows: int, partitions: frozenset[str] | None, cancel: Cancel) -> Part:
    """A written file as a part: private, checksummed, and on the disk itself.

    Args:
        path: of the file.
        rows: that it holds.
        partitions: ids of the partitions that it holds, None where it does not tell.
        cancel: stops the reading.
    """
    path.chmod(0o600)
    digest = disk.checksum(path, cancel.check)
    at("part:hashed")
    system.sync(path)
    at("part:synced")
    return Part(path, rows, path.stat().st_size, digest, partitions)
