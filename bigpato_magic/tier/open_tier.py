"""The parts of a tier that is in use, wired together for one principal."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bigpato_magic import system
from bigpato_magic.errors import TierError
from bigpato_magic.local.duck import LocalEngine
from bigpato_magic.status import Status
from bigpato_magic.tier.files import disk
from bigpato_magic.tier.files.catalog import Catalog
from bigpato_magic.tier.files.digests import Digests
from bigpato_magic.tier.files.leases import Leases
from bigpato_magic.tier.files.store import Store
from bigpato_magic.tier.freshness.facts import FactsCache
from bigpato_magic.tier.freshness.partitions import PartitionLists
from bigpato_magic.tier.freshness.settings import FreshnessPolicy
from bigpato_magic.tier.journal.database import Database
from bigpato_magic.tier.journal.history import QueryHistory
from bigpato_magic.tier.journal.kept_uses import KeptUses
from bigpato_magic.tier.journal.ledger import Ledger, Pricing
from bigpato_magic.tier.journal.preferences import Preferences
from bigpato_magic.tier.journal.result_cache import ResultCache
from bigpato_magic.tier.journal.sightings import Sightings
from bigpato_magic.tier.journal.stale_marks import StaleMarks
from bigpato_magic.tier.journal.usage import UsageJournal
from bigpato_magic.tier.keeping.eviction import Eviction
from bigpato_magic.tier.keeping.keeper import BackgroundKeeper
from bigpato_magic.tier.keeping.making import RelationMaker
from bigpato_magic.tier.keeping.settings import Keep
from bigpato_magic.tier.policy.inputs import Limits
from bigpato_magic.tier.policy.score import Prices
from bigpato_magic.tier.superseded import SupersededCopies
from bigpato_magic.tier.upkeep import Upkeep
from bigpato_magic.types import TableId
from bigpato_magic.warehouse.base import Warehouse

log = logging.getLogger("bigpato_magic")

_CLEANING_PATIENCE = 0.5
"""Seconds that opening waits for another kernel which is at work in the store."""


class OpenTier:
    """The parts, by name; see each one's own module. The directory is made if it is missing.

    Args:
        directory: of the tier's own.
        principal: whose copies, habits and accounts these are.
        warehouse: gives the warehouse.
        engine: DuckDB; may read the directory from now on.
        status: hears of the network and of damage.
        freshness: how fresh answers must be.
        pricing: what things cost.
        keep: which answers are kept.
        limits: gives the room that there is.
        compared_first: gives the bytes up to which copies are compared with their digests before they answer.
        listed_above: gives the bytes of the smallest table whose partitions are listed.
        remembered: gives how many queries' texts are remembered.
        superseded_for: gives the seconds that a copy stays after a newer one has come.
        configured: gives the tables that the settings name as `pinned`, `excluded` or `append_only`.

    Raises:
        OSError: the directory cannot be used.
        TierError: what is in it cannot be used.
    """

    def __init__(
        self,
        directory: Path,
        principal: str,
        warehouse: Callable[[], Warehouse],
        engine: LocalEngine,
        status: Status,
        *,
        freshness: FreshnessPolicy,
        pricing: Pricing,
        keep: Keep,
        limits: Callable[[], Limits],
        compared_first: Callable[[], int],
        listed_above: Callable[[], float],
        remembered: Callable[[], int],
        superseded_for: Callable[[], float],
        configured: Callable[[str], frozenset[TableId]],
    ) -> None:
        self.warehouse, self.engine, self.pricing = warehouse, engine, pricing
        self.store = Store(directory, principal)
        engine.allow(self.store.parts)
        _prepare_spill(engine, self.store.directory / "spill")
        self.catalog, self.leases = Catalog(self.store), Leases(self.store, engine.detach)
        self.superseded = SupersededCopies(
            self.store, self.catalog, self.leases, superseded_for, lambda: warehouse().now()
        )
        self.upkeep = Upkeep(self.store, self.catalog, self.leases, status, self.superseded)
        self.database = Database(self.store.directory)
        self.digests = Digests(self.database, compared_first, self.upkeep.take_away)
        self.usage, self.ledger = UsageJournal(self.database, principal), Ledger(self.database, principal)
        self.history = QueryHistory(self.database, principal, remembered)
        self.result_cache, self.marks = ResultCache(self.database, principal), StaleMarks(self.database)
        self.preferences = Preferences(self.database, principal, configured=configured, changed=status.changed)
        self.facts = FactsCache(warehouse, status, self.marks, freshness, Sightings(self.database, principal))
        self.partitions = PartitionLists(warehouse, self.ledger, pricing, listed_above)
        self.kept_uses, self.keep = KeptUses(self.database, principal), keep
        self.eviction = self._make_eviction(limits)
        self.keeper = BackgroundKeeper(self._make_maker(), keep)
        self._identity = disk.identity(self.store.home)[:2]
        self._unclosed = ["keeper", "digests", "facts", "leases", "engine", "database"]
        engine.on_damage = self.upkeep.inspect
        # What crashed kernels left can wait, where another is at work just now.
        with contextlib.suppress(TierError):
            self.store.clean(patience=_CLEANING_PATIENCE)

    def _make_eviction(self, limits: Callable[[], Limits]) -> Eviction:
        parts = (self.store, self.catalog, self.leases, self.facts, self.kept_uses, self.keep)
        return Eviction(
            *parts,
            limits=limits,
            prices=lambda: self.pricing.prices(),
            now=lambda: self.warehouse().now(),
            superseded=self.superseded,
        )

    def _make_maker(self) -> RelationMaker:
        parts = (self.store, self.catalog, self.digests, self.facts, self.kept_uses, self.engine, self.eviction)
        return RelationMaker(*parts, now=lambda: self.warehouse().now())

    @property
    def is_there(self) -> bool:
        """Whether its directory is still the one that was opened: not moved, replaced or purged by another kernel."""
        try:
            return disk.identity(self.store.home)[:2] == self._identity
        except OSError:
            return False

    def prices(self) -> Prices:
        """What things cost, with what is left of this month's free allowance."""
        return self.pricing.prices(self.ledger.read_this_month(self.warehouse().now()))

    def close(self) -> None:
        """Close the parts that are still open, all of them also where a Ctrl-C comes meanwhile; it is raised at the end.

        Where this itself is interrupted, the next call does the rest.
        """
        self.engine.on_damage = None
        interrupt: BaseException | None = None
        for name in tuple(self._unclosed):
            interrupt = _close(getattr(self, name)) or interrupt
            self._unclosed.remove(name)
        if interrupt is not None:
            raise interrupt


def _close(part: Any) -> BaseException | None:
    """Close a part, once more where that is interrupted (but not for ever), and give the interrupt."""
    interrupt: BaseException | None = None
    for _ in range(2):
        try:
            part.close()
        except Exception:  # it must not keep the others
            log.warning("a part of the local store could not be closed", exc_info=True)
        except BaseException as error:
            interrupt = error
            continue
        break
    return interrupt


def _prepare_spill(engine: LocalEngine, spill: Path) -> None:
    """A place for DuckDB to spill to, unless the person has named one; what dead processes left there goes."""
    if engine.temp_directory and Path(engine.temp_directory).parent != spill:
        return
    disk.private_directory(spill)
    for path in spill.iterdir():
        if path.name.isdigit() and not system.runs(int(path.name)):
            disk.remove_tree(path)
    engine.temp_directory = str(spill / str(os.getpid()))
