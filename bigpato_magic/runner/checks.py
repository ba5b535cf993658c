"""Whether the copies are fresh, asked beside the run: it costs a local query nothing."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bigpato_magic.decide import Situation
from bigpato_magic.errors import BigPatoError
from bigpato_magic.status import Cancel
from bigpato_magic.types import Freshness, Reason, TableCopy

if TYPE_CHECKING:
    from bigpato_magic.runner.request import Request
    from bigpato_magic.tier.tier import Tier

Check = Future[tuple[Reason, ...]]
"""Reasons against the copies; none where all are fresh."""


@dataclass(slots=True)
class Checks:
    """Begins checks in a pool of threads."""

    tier: Tier
    pool: ThreadPoolExecutor

    def begin(self, request: Request, situation: Situation) -> Check | None:
        """Begin to check the copies; None where the last checks are young enough, or nothing runs here anyway."""
        copies = tuple(situation.copies.values())
        runs_here = situation.query is not None and not situation.not_held and not situation.blockers
        if not copies or not runs_here or self.tier.checked(copies, request.max_staleness):
            return None
        return self.pool.submit(self._stale, copies, request.max_staleness)

    def _stale(self, copies: Sequence[TableCopy], max_staleness: float | None) -> tuple[Reason, ...]:
        found = self.tier.check(copies, max_staleness)
        return tuple(
            reason or Reason("unchecked", "it is not known whether the table has changed", copy.table)
            for copy in copies
            for freshness, reason in (found[copy.table],)
            if freshness is not Freshness.FRESH
        )


def stops(check: Check | None, stop: Cancel) -> None:
    """Let a check that finds something, or fails, stop the run."""
    if check is not None:
        check.add_done_callback(lambda done: stop.set() if done.exception() or done.result() else None)


def outcome(check: Check | None, cancel: Cancel) -> tuple[Reason, ...]:
    """What the check has found, once it has ended.

    Raises:
        Cancelled: `cancel` was set meanwhile.
    """
    while check is not None:
        cancel.check()
        try:
            return check.result(timeout=0.1)
        except TimeoutError:
            continue
        except BigPatoError as error:
            return (Reason("unchecked", f"the tables could not be checked: {error.message}"),)
    return ()
