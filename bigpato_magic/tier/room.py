"""How much room there is: the budget for copies, and the disk that must stay free. Asked before, while and after."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from bigpato_magic.errors import TransferError
from bigpato_magic.tier import disk
from bigpato_magic.tier.steps import at
from bigpato_magic.tier.store import Store
from bigpato_magic.traits import format_size

_EVERY = 0.1


@dataclass(slots=True)
class Room:
    """The limits of a tier.

    Args:
        store: whose files count.
        budget: bytes that copies and drafts may take.
        min_free: bytes that must stay free on the disk.
    """

    store: Store
    budget: int
    min_free: int
    _looked: float = field(default=0.0, init=False)

    def left(self) -> int:
        """Bytes that may still be written; negative if there are too many already."""
        free = disk.free_bytes(self.store.directory) - self.min_free
        return min(self.budget - self.store.used_bytes(), free)

    def check(self, more: int = 0) -> None:
        """See that `more` bytes fit.

        Raises:
            TransferError: they do not.
        """
        left = self.left()
        if more > left or left < 0:
            used, free = self.store.used_bytes(), disk.free_bytes(self.store.directory)
            raise TransferError(
                f"no room: {format_size(used)} of {format_size(self.budget)} are used, {format_size(free)} are free",
                hint="raise Tier.budget, or lower Tier.min_free_disk, or demote a table",
            )

    def watch(self) -> None:
        """`check`, but only a few times a second: for calling often while files grow."""
        at("promote:writing")
        if time.monotonic() - self._looked >= _EVERY:
            self._looked = time.monotonic()
            self.check()
