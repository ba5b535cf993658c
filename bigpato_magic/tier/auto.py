"""Rebalance in the background while the kernel is idle, if the person wants it (`Tier.auto`)."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from bigpato_magic.errors import BigPatoError
from bigpato_magic.status import Cancel

if TYPE_CHECKING:
    from bigpato_magic.tier.tier import Tier

log = logging.getLogger(__name__)

IDLE = 30.0
"""Seconds without a query after which the kernel counts as idle."""


class Auto:
    """Waits for the kernel to be idle after a query, then rebalances once; the next query stops it.

    Args:
        tier: to rebalance; its trait `auto` is asked each time.
        idle: seconds.
    """

    def __init__(self, tier: Tier, *, idle: float = IDLE) -> None:
        self._tier, self._idle = tier, idle
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._cancel = Cancel()

    def touch(self) -> None:
        """A query has run."""
        self.stop()
        if self._tier.auto:
            with self._lock:
                self._cancel = Cancel()
                self._timer = threading.Timer(self._idle, self._run, [self._cancel])
                self._timer.daemon = True
                self._timer.start()

    def stop(self) -> None:
        """Do not rebalance; one that runs is stopped."""
        with self._lock:
            self._cancel.set()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _run(self, cancel: Cancel) -> None:
        if self._tier.status.busy:
            return
        try:
            self._tier.rebalance(cancel=cancel)
        except BigPatoError as error:
            log.info("the background rebalance ended: %s", error)
