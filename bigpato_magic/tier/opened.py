"""The parts of a tier that is in use, wired together for one principal."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bigpato_magic.local.duck import LocalEngine
from bigpato_magic.local.processes import runs
from bigpato_magic.status import Cancel, Status
from bigpato_magic.tier import disk
from bigpato_magic.tier.bring import Bringer, Report
from bigpato_magic.tier.catalog import Catalog
from bigpato_magic.tier.database import Database
from bigpato_magic.tier.enact import Deed, Enactor
from bigpato_magic.tier.facts import FactsCache
from bigpato_magic.tier.leases import Leases
from bigpato_magic.tier.ledger import Ledger, Pricing
from bigpato_magic.tier.marks import StaleMarks
from bigpato_magic.tier.room import Room
from bigpato_magic.tier.score import Prices
from bigpato_magic.tier.store import Store
from bigpato_magic.tier.usage import UsageJournal
from bigpato_magic.tier.wishes import Wishes
from bigpato_magic.types import PartitionFacts, TableFacts, TableId, TableVersion
from bigpato_magic.warehouse.base import Warehouse

if TYPE_CHECKING:
    from bigpato_magic.tier.tier import Tier

log = logging.getLogger("bigpato_magic")


@dataclass(slots=True)
class Opened:
    """The parts, by name; see each one's own module."""

    tier: Tier
    warehouse: Callable[[], Warehouse]
    engine: LocalEngine
    store: Store
    catalog: Catalog
    leases: Leases
    database: Database
    usage: UsageJournal
    ledger: Ledger
    marks: StaleMarks
    facts: FactsCache
    wishes: Wishes
    pricing: Pricing
    _partitions: dict[TableId, tuple[TableVersion, tuple[PartitionFacts, ...]]] = field(default_factory=dict)

    @property
    def room(self) -> Room:
        """The limits as they are set now."""
        return Room(self.store, self.tier.budget, self.tier.min_free_disk)

    def prices(self) -> Prices:
        """What things cost, with what is left of this month's free allowance."""
        return self.pricing.prices(self.ledger.read_this_month(self.warehouse().now()))

    def partitions(self, facts: TableFacts) -> tuple[PartitionFacts, ...]:
        """The partitions of a table, asked once for each of its versions."""
        known = self._partitions.get(facts.id)
        if known is None or known[0] != facts.version:
            known = self._partitions[facts.id] = (facts.version, self.warehouse().partitions(facts.id))
        return known[1]

    def enactor(
        self, *, cancel: Cancel, report: Report, done: Callable[[Deed], None], snapshot: datetime | None = None
    ) -> Enactor:
        """What carries a plan out."""
        ways = () if self.tier.method == "auto" else (self.tier.method,)
        bringer = Bringer(self.warehouse(), self.engine, self.room, report, cancel, transfers=ways)
        return Enactor(
            self.store,
            self.catalog,
            self.leases,
            bringer,
            self.tier.partitions,
            snapshot,
            self.tier.max_bytes_per_rebalance,
            done,
        )

    def damaged(self, copies: tuple[str, ...]) -> None:
        """A local file could not be read: look, aside, whether it is damaged, and take its copy away if so."""
        threading.Thread(target=self._inspect, args=(copies,), name="bigpato-verify", daemon=True).start()

    def _inspect(self, ids: tuple[str, ...]) -> None:
        found = self.store.verify([copy for copy in self.catalog.all() if copy.id in ids])
        for copy in {finding.copy.id: finding.copy for finding in found if finding.copy}.values():
            log.warning("the copy of %s is damaged", copy.table)
            self.tier.status.message = f"The local copy of {copy.table.table} is damaged and will be taken away."
            self._take_away(copy.id)

    def _take_away(self, copy_id: str) -> None:
        """As soon as the query that met it, here or in another kernel, has let go of it."""
        for _ in range(600):
            self.leases.release_idle([copy_id])
            if self.store.remove(copy_id):
                return
            time.sleep(0.1)

    def close(self) -> None:
        """Let go of everything."""
        self.facts.close()
        self.leases.close()
        self.engine.on_damage = None
        self.engine.close()
        self.database.close()


def _prepare_spill(engine: LocalEngine, spill: Path) -> None:
    """A place for DuckDB to spill to, unless the person has named one; what dead processes left there goes."""
    if engine.temp_directory and Path(engine.temp_directory).parent != spill:
        return
    disk.private_directory(spill)
    for path in spill.iterdir():
        if path.name.isdigit() and not runs(int(path.name)):
            disk.remove_tree(path)
    engine.temp_directory = str(spill / str(os.getpid()))


def open_tier(tier: Tier, warehouse: Callable[[], Warehouse], engine: LocalEngine, status: Status) -> Opened:
    """Make the directory if it is missing, and the parts.

    Raises:
        TierError: the directory cannot be used.
        CredentialsError: the principal is not known.
    """
    principal = warehouse().principal
    store = Store(tier.path, principal)
    engine.allow(store.parts)
    _prepare_spill(engine, store.directory / "spill")
    database = Database(store.directory)
    marks = StaleMarks(database)
    opened = Opened(
        tier=tier,
        warehouse=warehouse,
        engine=engine,
        store=store,
        catalog=Catalog(store),
        leases=Leases(store, engine.detach),
        database=database,
        usage=UsageJournal(database, principal),
        ledger=Ledger(database, principal),
        marks=marks,
        facts=FactsCache(warehouse, status, marks, tier.freshness),
        wishes=Wishes(database, principal),
        pricing=tier.pricing,
    )
    engine.on_damage = opened.damaged
    store.clean()
    return opened
