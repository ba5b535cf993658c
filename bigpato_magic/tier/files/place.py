"""The directory of a tier: of its own making, and marked so. What a person names is theirs, and nothing in it is touched.

What lies in it is `store`'s and `database`'s business.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from bigpato_magic import system
from bigpato_magic.errors import TierError
from bigpato_magic.tier.files import disk
from bigpato_magic.tier.files.crashpoints import at

NAME = "bigpato-magic"
"""Of the directory that a tier makes in one that a person names."""

MARKER = ".bigpato-magic"
_SIGNATURE = "A tier of bigpato-magic. Directories made for it:"

OURS = ("principals", "cases", "spill", "format.json", "tier.sqlite*", ".format-*")
"""Everything that a tier makes in its directory, beside the marker."""


def root_of(directory: str) -> Path:
    """Where the tier is: below a directory that a person names, or in the user's data directory for ''.

    Example:
        >>> root_of("/data/mine")
        PosixPath('/data/mine/bigpato-magic')
    """
    if not directory:
        return _default()
    named = Path(directory).expanduser()
    return named if _levels(named) is not None else named / NAME


def claim(root: Path) -> Path:
    """Make the directory, or see that it is a tier's already.

    Raises:
        TierError: it is something else, belongs to another user, or cannot be made or written.
    """
    try:
        missing = sum(not path.exists() for path in (root, *root.parents))
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not system.is_mine(root.stat()):
            raise TierError(f"{root} belongs to another user", hint="choose a directory of your own: Tier.directory")
        if _levels(root) is None:
            _mark(root, missing)
        if _levels(root):
            disk.private_directory(root)
    except OSError as error:
        raise TierError(f"{root} cannot be used: {error.strerror}", hint="choose another Tier.directory") from error
    return root


def purge(root: Path) -> list[Path]:
    """Remove everything that a tier made: the content of `root`, and the directories that were made for it.

    Returns:
        What is left in `root`, because it is not ours or could not be removed.

    Raises:
        TierError: `root` is not a tier's.
    """
    at("purge:begin")
    if not root.exists():
        return []
    levels = _levels(root)
    if levels is None and not _is_former(root):
        raise TierError(f"{root} is not a tier of bigpato-magic: nothing was removed")
    # Manifests first: whoever looks in between finds no copy rather than a torn one.
    for path in root.glob("principals/*/manifests"):
        disk.remove_tree(path)
    at("purge:manifests-gone")
    for path in [entry for pattern in OURS for entry in root.glob(pattern)]:
        disk.remove_tree(path) if path.is_dir() else system.remove(path)
    left = sorted(path for path in root.iterdir() if path.name != MARKER)
    if not left:
        system.remove(root / MARKER)
        _remove_empty((root, *root.parents)[: 1 if levels is None else levels])
    return left


def _default() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir(NAME, appauthor=False)) / "tier"


def _mark(root: Path, missing: int) -> None:
    if _is_former(root):
        missing = 1
    elif any(root.iterdir()) and _levels(root) is None:
        raise TierError(
            f"{root} is there already and is not a tier of bigpato-magic: nothing in it was touched",
            hint="choose another Tier.directory",
        )
    # Another kernel may have marked it in this moment: one mark is as good as the other.
    with contextlib.suppress(FileExistsError):
        fd = os.open(root / MARKER, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(f"{_SIGNATURE} {missing}\n")


def _levels(root: Path) -> int | None:
    """How many directories (this one and those above it) were made for the tier here; None where there is no tier."""
    try:
        text = (root / MARKER).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    if not text:  # a kernel died between making the marker and writing it
        return 0
    signature, _, number = text.strip().rpartition(" ")
    return int(number) if signature == _SIGNATURE and number.isdecimal() else None


def _is_former(root: Path) -> bool:
    """Whether it is the user's own tier from before tiers were marked; nobody else makes anything there."""
    try:
        content = json.loads((root / "format.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return root == _default() and isinstance(content, dict) and isinstance(content.get("format"), int)


def _remove_empty(directories: tuple[Path, ...]) -> None:
    for path in directories:
        try:
            path.rmdir()
        except OSError:
            return
