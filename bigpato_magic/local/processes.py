"""Whether another process of this machine still runs: what it left may be removed if it does not."""

from __future__ import annotations

import os


def runs(pid: int) -> bool:
    """Whether there is a process of this id, anybody's."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
