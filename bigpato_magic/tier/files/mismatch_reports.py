"""Records of answers that differed from BigQuery's, as small files; the newest hundred are kept."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from bigpato_magic import system
from bigpato_magic.tier.files import disk

MOST = 100


def keep(directory: Path, text: str) -> Path:
    """Write one, and forget the oldest beyond `MOST`.

    Raises:
        TierError: the directory cannot be made.
    """
    disk.private_directory(directory)
    name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
    disk.write_private(directory / name, text)
    for path in sorted(directory.glob("*.json"))[:-MOST]:
        system.remove(path)
    return directory / name
