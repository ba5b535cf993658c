"""Named points on a table's way at which a test can kill the process, to prove that no moment is a bad one."""

from __future__ import annotations

import os

from bigpato_magic import system

STEPS: tuple[str, ...] = (
    "clean:begin",
    "clean:manifest-gone",
    "clean:part-gone",
    "clean:staging-gone",
    "demote:begin",
    "demote:done",
    "demote:lock-gone",
    "demote:manifest-gone",
    "demote:part-gone",
    "format:renamed",
    "format:written",
    "keep:begin",
    "keep:done",
    "keep:forgotten",
    "keep:locked",
    "keep:old-gone",
    "keep:proven",
    "keep:published",
    "keep:room-made",
    "keep:written",
    "part:hashed",
    "part:synced",
    "promote:begin",
    "promote:before-write",
    "promote:checked",
    "promote:done",
    "promote:fetched",
    "promote:locked",
    "promote:old-gone",
    "promote:verified",
    "promote:writing",
    "promote:written",
    "publish:begin",
    "publish:done",
    "publish:manifest-renamed",
    "publish:manifest-synced",
    "publish:manifest-written",
    "publish:part-moved",
    "publish:parts-synced",
    "purge:begin",
    "purge:manifests-gone",
    "refresh:begin",
    "refresh:brought",
    "refresh:kept",
    "refresh:merged",
    "staging:locked",
    "staging:made",
    "staging:removed",
    "views:renamed",
    "views:written",
)
"""Every name that `at` is called with."""

VARIABLE = "BIGPATO_STOP_AT"


def at(step: str) -> None:
    """Die here, as by `kill -9`, if the environment variable names this step (`step#3`: at its third time)."""
    wanted = os.environ.get(VARIABLE)
    if wanted is not None and wanted.split("#")[0] == step and _is_the_one(wanted):
        system.die()


_seen: dict[str, int] = {}


def _is_the_one(wanted: str) -> bool:
    _seen[wanted] = _seen.get(wanted, 0) + 1
    return _seen[wanted] == int(wanted.partition("#")[2] or 1)
