"""When a tier's parts are opened and closed: not before they are needed, and anew where their directory has gone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from bigpato_magic import forks
from bigpato_magic.errors import TierError
from bigpato_magic.status import Status

if TYPE_CHECKING:
    from bigpato_magic.tier.open_tier import OpenTier

log = logging.getLogger("bigpato_magic")


class Lifecycle:
    """Opens and closes the parts. Safe to use from several threads; a forked child opens parts of its own.

    Args:
        make: opens the parts; raises TierError where the directory cannot be used.
        status: hears why the tier is unusable.
    """

    def __init__(self, make: Callable[[], OpenTier], status: Status) -> None:
        self._make, self._status = make, status
        self.trouble = ""
        self._reset()
        forks.register(self)

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._opened: OpenTier | None = None
        self._closing: list[OpenTier] = []

    def begin_anew(self) -> None:
        """In a forked child: parts of its own, when they are needed."""
        forks.abandon(self._opened, *self._closing)
        self._reset()

    def open(self) -> OpenTier:
        """The parts, made when first needed.

        Raises:
            TierError: the directory cannot be used.
            CredentialsError: it is not known whose copies to look for.
        """
        with self._lock:
            if self._closing or (self._opened is not None and not self._opened.is_there):
                self.close()
            if self._opened is None:
                self._opened = self._make()
            return self._opened

    def usable(self) -> OpenTier | None:
        """The parts, or None with a message to the person: a query then runs on BigQuery."""
        try:
            return self.open()
        except TierError as error:
            self.report(error)
            return None

    def report(self, error: TierError) -> None:
        """Tell the person why the tier is unusable, once."""
        if str(error) != self.trouble:
            self.trouble = self._status.message = str(error)
            log.warning("no local copies: %s", error)

    def close(self) -> None:
        """Close the parts; where that is interrupted, the next use does the rest of it and opens new ones."""
        with self._lock:
            if self._opened is not None:
                self._closing.append(self._opened)
                self._opened = None
            while self._closing:
                self._closing[-1].close()
                self._closing.pop()
