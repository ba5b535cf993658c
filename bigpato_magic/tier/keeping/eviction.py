"""Eviction for kept relations: their share of the budget, and which of them go. A table's copy never goes for one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bigpato_magic.errors import TierError, TransferError
from bigpato_magic.tier.files.catalog import Catalog
from bigpato_magic.tier.files.crashpoints import at
from bigpato_magic.tier.files.leases import Leases
from bigpato_magic.tier.files.quota import Quota
from bigpato_magic.tier.files.store import Store
from bigpato_magic.tier.freshness.facts import FactsCache
from bigpato_magic.tier.journal.kept_uses import KeptUses
from bigpato_magic.tier.keeping.settings import Keep
from bigpato_magic.tier.policy import kept
from bigpato_magic.tier.policy.inputs import Limits
from bigpato_magic.tier.policy.kept import Kept, KeptUse
from bigpato_magic.tier.policy.score import Prices
from bigpato_magic.tier.superseded import SupersededCopies
from bigpato_magic.traits import format_size
from bigpato_magic.types import Freshness, TableCopy

log = logging.getLogger("bigpato_magic")


class AnswerNotKept(TransferError):
    """An answer is not kept, for a reason that is nobody's fault; it is the query's all the same."""


@dataclass(frozen=True, slots=True)
class Eviction:
    """Weighs kept relations, and takes them away. Safe to use from several threads and processes.

    Args:
        store: whose files count.
        catalog: of what is there.
        leases: of this process.
        facts: what is known of tables already; nobody is asked.
        uses: of kept relations.
        settings: their share of the budget, and how long they are held.
        limits: gives the budget and the disk that must stay free.
        prices: gives what things cost.
        now: the server's time.
        superseded: copies of states that have ended: they go before anything else.
    """

    store: Store
    catalog: Catalog
    leases: Leases
    facts: FactsCache
    uses: KeptUses
    settings: Keep
    limits: Callable[[], Limits]
    prices: Callable[[], Prices]
    now: Callable[[], datetime]
    superseded: SupersededCopies

    @property
    def bytes(self) -> int:
        """On the disk, of all kept relations."""
        return sum(copy.bytes for copy in self._there())

    def weighed(self) -> tuple[Kept, ...]:
        """All kept relations, older ones of the same meaning too, the least worth per byte first."""
        there = self._there()
        return kept.weigh(there, self._totals(), self.now(), self.prices(), self._lost(there)) if there else ()

    def quota(self, newcomer: TableCopy) -> Quota:
        """The limits of the tier for a relation that is about to be kept: what is worth less gives way to it."""
        limits, density = self.limits(), self._density(newcomer)
        return Quota(
            self.store, int(limits.budget), int(limits.min_free_disk), lambda missing: self._ease(missing, density)
        )

    def give_way(self, missing: int) -> None:
        """Room for so many bytes that a table's copy needs: superseded copies go, then kept relations, the least worth first."""
        self._ease(missing, float("inf"))

    def make(self, newcomer: TableCopy) -> None:
        """See that a relation fits into the share of the budget that is theirs.

        Raises:
            AnswerNotKept: what is kept is worth more.
        """
        missing = self._beyond(newcomer)
        if missing > 0:
            self._free(missing, self._density(newcomer), besides=newcomer)
        self._see(newcomer)

    def check(self, newcomer: TableCopy, quota: Quota) -> None:
        """See, where nothing can come between any more, that it fits into their share and into the budget.

        Raises:
            TransferError: it does not.
        """
        quota.check()
        self._see(newcomer)

    def take_away(self, copy: TableCopy) -> bool:
        """Take one away, unless a kernel reads it; whether it is gone."""
        self.leases.release_idle([copy.id])
        return self.store.remove(copy.id)

    def forget(self, wanted: Iterable[TableCopy] | None = None) -> tuple[TableCopy, ...]:
        """Take kept relations away (None: all), but those that a kernel reads just now; which have gone.

        Raises:
            TierError: the directory cannot be used.
        """
        ids = None if wanted is None else {copy.id for copy in wanted}
        gone = tuple(c for c in self._there() if (ids is None or c.id in ids) and self.take_away(c))
        at("keep:forgotten")
        return gone

    def clean(self) -> int:
        """Take away those that nobody has asked for so long, and what is beyond their share, or beyond all room; how many.

        Raises:
            TierError: the directory cannot be used.
        """
        limits = self.limits()
        quota = Quota(self.store, int(limits.budget), int(limits.min_free_disk))
        self.superseded.give_way(-quota.left())
        there = self._there()
        if not there:
            return 0
        since = self.now() - timedelta(seconds=min(self.settings.hold_for, _EVER))
        gone = self.forget(kept.idle(there, self._totals(), since))
        return len(gone) + self._free(max(self._beyond(), -quota.left()), float("inf"))

    # ------------------------------------------------------------------------------------------------

    def _ease(self, missing: int, density: float) -> int:
        return self._free(missing - self.superseded.give_way(missing), density)

    def _there(self) -> tuple[TableCopy, ...]:
        return tuple(copy for copy in self.catalog.all() if copy.source is not None)

    def _totals(self) -> dict[str, KeptUse]:
        try:
            return self.uses.totals()
        except TierError as error:
            log.warning("how often kept answers are used is not known: %s", error)
            return {}

    def _lost(self, there: Iterable[TableCopy]) -> list[str]:
        """Those in whose place a newer one is, and those of which it is known that a table has changed."""
        newest = {copy.id for copy in self.catalog.kept()}
        return [c.id for c in there if c.id not in newest or self.facts.judge(c)[0] is Freshness.STALE]

    def _density(self, newcomer: TableCopy) -> float:
        """Dollars a byte of one that is about to be kept: as if it had just been asked for once more."""
        now, before = self.now(), self._totals().get(newcomer.table.table)
        use = before.again(now, 0.0) if before else KeptUse(now)
        return kept.worth(newcomer, use, now, self.prices()) / max(1, newcomer.bytes or newcomer.version.bytes)

    def _beyond(self, newcomer: TableCopy | None = None) -> int:
        """Bytes by which kept relations are beyond their share; those that a newcomer replaces do not count."""
        table = newcomer.table if newcomer else None
        size = newcomer.bytes if newcomer else 0
        held = sum(copy.bytes for copy in self._there() if copy.table != table)
        return int(held + size - self.settings.share * self.limits().budget)

    def _see(self, newcomer: TableCopy) -> None:
        if (beyond := self._beyond(newcomer)) > 0:
            raise AnswerNotKept(f"it takes {format_size(beyond)} more than what is worth less")

    def _free(self, missing: int, density: float, besides: TableCopy | None = None) -> int:
        """Take away what is worth less per byte, until so many bytes are free; how many have gone.

        One that a kernel reads stays, and the next one goes for it. Those that `besides` replaces go by themselves.
        """
        count, table = 0, besides.table if besides else None
        rest = [one for one in self.weighed() if one.copy.table != table] if missing > 0 else []
        for one in rest:
            if missing <= 0 or one.density >= density:
                break
            if self.take_away(one.copy):
                count, missing = count + 1, missing - one.bytes
        return count


_EVER = 36_500 * 86_400.0
"""Seconds that no kept relation is held for: beyond what dates can be reckoned with."""
