"""One rebalance from its beginning to its end: the store is cleaned, the plan carried out, and screens see how far it is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from bigpato_magic.status import Cancel, Status
from bigpato_magic.tier.files.quota import Quota
from bigpato_magic.tier.open_tier import OpenTier
from bigpato_magic.tier.rebalance.enact import Enactor
from bigpato_magic.tier.rebalance.load import Loader, Report
from bigpato_magic.tier.rebalance.progress import JobProgress
from bigpato_magic.types import Plan, TransferEvent

log = logging.getLogger("bigpato_magic")


@dataclass(frozen=True, slots=True)
class RebalanceJob:
    """Carries one plan out, and shows how far it is.

    Args:
        tier: its parts.
        status: what screens watch.
        quota: room for copies.
        methods: names of the transfers to try, in this order; all of the warehouse's if empty.
        most_bytes: logical bytes that may be brought in all; 0 for no limit.
        cancel: stops it within a second; nothing half-done stays.
        snapshot: bring all tables as of this instant, None for the newest state of each.
        progress: hears of each step, as `status` does.
    """

    tier: OpenTier
    status: Status
    quota: Quota
    methods: tuple[str, ...]
    most_bytes: int
    cancel: Cancel
    snapshot: datetime | None = None
    progress: Report | None = None

    def carry_out(self, plan: Plan) -> Plan:
        """Carry it out.

        Returns:
            What was carried out; what failed stands in `refused`.

        Raises:
            TierError: the directory cannot be used.
            Cancelled: `cancel` was set.
        """
        how_far = JobProgress.of(plan)
        warehouse, engine = self.tier.warehouse(), self.tier.engine
        loader = Loader(
            warehouse, engine, self.quota, lambda event: self._show(event, how_far), self.cancel, self.methods
        )
        enactor = Enactor(self.tier, loader, self.snapshot, self.most_bytes)
        with self._busy():
            self.tier.eviction.clean()
            self.tier.upkeep.clean()
            return enactor.enact(plan)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """What screens see of a running rebalance."""
        self.status.busy, self.status.transfers = True, ()
        try:
            yield
        finally:
            self.status.busy, self.status.job, self.status.fraction = False, "", None
            self.status.changed()

    def _show(self, event: TransferEvent, how_far: JobProgress) -> None:
        how_far.note(event)
        self.status.job, self.status.fraction = str(how_far), how_far.fraction
        self.status.note_event(event)
        if event.message:
            log.info("%s", event.message)
        if event.stage in ("done", "demote"):
            self.status.changed()
        if self.progress is not None:
            self.progress(event)
