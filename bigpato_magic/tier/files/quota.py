"""How much room there is: the budget for copies, and the disk that must stay free. Asked before, while and after."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bigpato_magic.errors import TransferError
from bigpato_magic.tier.files import disk
from bigpato_magic.tier.files.crashpoints import at
from bigpato_magic.tier.files.store import Store
from bigpato_magic.traits import format_size

_EVERY = 0.1


@dataclass(slots=True)
class Quota:
    """The limits of a tier.

    Args:
        store: whose files count.
        budget: bytes that copies and drafts may take.
        min_free: bytes that must stay free on the disk.
        yielding: called with the bytes that are missing: takes away what is worth less than what needs them.
    """

    store: Store
    budget: int
    min_free: int
    yielding: Callable[[int], object] = lambda _: None
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

    def make(self, more: int = 0) -> None:
        """As `check`, but what is worth less gives way first; not where the store is locked.

        Raises:
            TransferError: there is no room even so.
        """
        self.ease(more)
        self.check(more)

    def ease(self, more: int) -> None:
        """Let what is worth less give way to `more` bytes, as far as it goes; not where the store is locked."""
        missing = more - self.left()
        if missing > 0:
            self.yielding(missing)

    def watch(self) -> None:
        """`make`, but only a few times a second: for calling often while files grow."""
        at("promote:writing")
        if time.monotonic() - self._looked >= _EVERY:
            self._looked = time.monotonic()
            self.make()
