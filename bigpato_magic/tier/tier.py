"""`Tier`: the whole local store as one object. It owns the settings and wires the parts together; they do the work.

`open` finds the parts when they are first needed: nothing is made on the disk, and nobody is asked, before that.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets import Bool, CaselessStrEnum, Int, List, Unicode, observe
from traitlets.config import LoggingConfigurable

from bigpato_magic.errors import BigPatoError, TierError
from bigpato_magic.status import Cancel, Status
from bigpato_magic.tier.auto import Auto
from bigpato_magic.tier.facade import ForQueries, WithWishes
from bigpato_magic.tier.facts import FreshnessPolicy
from bigpato_magic.tier.ledger import Entry, Pricing
from bigpato_magic.tier.score import Prices, query_price, transfer_price
from bigpato_magic.traits import Size
from bigpato_magic.types import (
    Demotion,
    PartitionFacts,
    Plan,
    TableFacts,
    TableId,
    TransferEvent,
)
from bigpato_magic.warehouse.base import Warehouse

if TYPE_CHECKING:
    from bigpato_magic.local.duck import LocalEngine
    from bigpato_magic.tier.enact import Deed
    from bigpato_magic.tier.ledger import Ledger
    from bigpato_magic.tier.opened import Opened
    from bigpato_magic.tier.store import Cleaned, Finding
    from bigpato_magic.tier.usage import UsageJournal

log = logging.getLogger("bigpato_magic")

Report = Callable[[TransferEvent], None]


class Tier(ForQueries, WithWishes, LoggingConfigurable):
    """The local store: which copies there are, what they cost and save, and how they come and go.

    Args:
        warehouse: gives the warehouse; called when it is first needed.
        engine: reads and writes copies.
        status: hears of progress.
        **traits: any setting by name.
    """

    directory = Unicode("", help="Where copies live (made with mode 0700); empty for the user's data directory.").tag(
        config=True
    )
    budget = Size(20 << 30, help="Bytes that all copies together may take on the disk.").tag(config=True)
    min_free_disk = Size(2 << 30, help="Bytes of the disk that always stay free.").tag(config=True)
    policy = CaselessStrEnum(
        ["cost", "lru"], default_value="cost", help="What to hold: what saves most money, or the last used tables."
    ).tag(config=True)
    capacity = Int(10, min=1, help="How many of the last used tables the policy lru holds.").tag(config=True)
    pinned = List(Unicode(), help="Tables that are held whatever they are worth ('dataset.table').").tag(config=True)
    excluded = List(Unicode(), help="Tables that are never held.").tag(config=True)
    append_only = List(Unicode(), help="Tables whose rows never change and never go: only new ones are brought.").tag(
        config=True
    )
    auto = Bool(False, help="Rebalance in the background while the kernel is idle.").tag(config=True)
    method = CaselessStrEnum(
        ["auto", "read", "extract"],
        default_value="auto",
        help="How tables come: by the Storage Read API, or as Parquet by way of the bucket; auto takes what works.",
    ).tag(config=True)
    max_bytes_per_rebalance = Size(0, help="Logical bytes that one rebalance may bring; 0 for no limit.").tag(
        config=True
    )
    list_partitions_above = Size(
        64 << 20, help="Partitions of tables at least this large are listed (10 MB billed) to bring only what changed."
    ).tag(config=True)

    def __init__(
        self, *, warehouse: Callable[[], Warehouse], engine: LocalEngine, status: Status | None = None, **traits: Any
    ) -> None:
        super().__init__(**traits)
        # Made at once: `%config` knows only what there is.
        self.freshness, self.pricing = FreshnessPolicy(parent=self), Pricing(parent=self)
        self._warehouse, self._engine = warehouse, engine
        self.status = Status() if status is None else status
        self._lock = threading.RLock()
        self._opened: Opened | None = None
        self._trouble = ""
        self.automatic = Auto(self)

    @observe("auto")
    def _switched(self, change: Any) -> None:
        """On: wait for the kernel to be idle. Off: stop at once."""
        if hasattr(self, "automatic"):
            self.automatic.touch() if change.new else self.automatic.stop()

    # ----------------------------------------------------------------------------------------- parts

    @property
    def path(self) -> Path:
        """The directory."""
        if self.directory:
            return Path(self.directory).expanduser()
        import platformdirs

        return Path(platformdirs.user_data_dir("bigpato-magic", appauthor=False)) / "tier"

    def open(self) -> Opened:
        """The parts, made when first needed.

        Raises:
            TierError: the directory cannot be used.
            CredentialsError: it is not known whose copies to look for.
        """
        with self._lock:
            if self._opened is None:
                from bigpato_magic.tier.opened import open_tier

                self._opened = open_tier(self, self._warehouse, self._engine, self.status)
            return self._opened

    def _tried(self) -> Opened | None:
        """The parts, or None with a message to the person: a query then runs on BigQuery."""
        try:
            return self.open()
        except TierError as error:
            if str(error) != self._trouble:
                self._trouble = self.status.message = str(error)
                log.warning("no local copies: %s", error)
            return None

    @property
    def usage(self) -> UsageJournal:
        """Which tables are used."""
        return self.open().usage

    @property
    def ledger(self) -> Ledger:
        """What was billed, and what was not."""
        return self.open().ledger

    # ----------------------------------------------------------------------------------- rebalance

    def plan(self, tables: Sequence[TableId] | None = None) -> Plan:
        """What a rebalance would do now: of these tables, or of what the policy says.

        Raises:
            TierError: the directory cannot be used.
        """
        from bigpato_magic.tier.planning import make

        return make(self, self.open(), tables)

    def rebalance(
        self,
        tables: Plan | Sequence[TableId] | None = None,
        *,
        consistent: bool = False,
        cancel: Cancel | None = None,
        progress: Report | None = None,
        background: bool = False,
    ) -> Plan:
        """Carry a plan out.

        Args:
            tables: a plan, or tables to bring or refresh, or None for what the policy says.
            consistent: all that is brought is of one instant.
            cancel: stops it within a second; nothing half-done stays.
            progress: hears of each step, as `status` does.
            background: nobody asked for it: it is no work that keeps `automatic` from its own.

        Returns:
            What was carried out; what failed stands in `refused`.

        Raises:
            TierError: the directory cannot be used.
            Cancelled: `cancel` was set.
        """
        with nullcontext() if background else self.automatic.stopped():
            opened = self.open()
            plan = tables if isinstance(tables, Plan) else self.plan(tables)
            enactor = opened.enactor(
                cancel=Cancel() if cancel is None else cancel,
                report=lambda event: self._hear(event, progress),
                done=lambda deed: self._brought(opened, deed),
                snapshot=self._warehouse().now() if consistent else None,
            )
            with self._busy():
                self.clean()
                return enactor.enact(plan)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """What screens see of a running rebalance."""
        self.status.busy, self.status.transfers = True, ()
        try:
            yield
        finally:
            self.status.busy = False
            self.status.changed()

    def promote(self, tables: Sequence[TableId], **how: Any) -> Plan:
        """Bring these tables here now."""
        return self.rebalance(list(tables), **how)

    def refresh(self, tables: Sequence[TableId] | None = None, **how: Any) -> Plan:
        """Bring the copies of these tables (None: all) up to them."""
        return self.rebalance(list(self.copies()) if tables is None else list(tables), **how)

    def demote(self, tables: Sequence[TableId], reason: str = "you asked for it") -> Plan:
        """Take the copies of these tables away; what another kernel reads just now stays, and is said so."""
        wanted = frozenset(tables)
        found = [copy for copy in self.open().catalog.all() if copy.table in wanted]
        return self.rebalance(Plan(demote=tuple(Demotion(copy, reason) for copy in found)))

    def _hear(self, event: TransferEvent, progress: Report | None) -> None:
        self.status.note_event(event)
        if event.message:
            log.info("%s", event.message)
        if event.stage in ("done", "demote"):
            self.status.changed()
        if progress is not None:
            progress(event)

    def _brought(self, opened: Opened, deed: Deed) -> None:
        price = transfer_price(deed.moved, self.prices()) if deed.method == "read" else 0.0
        opened.usage.brought(deed.copy.table, deed.moved, deed.copy.version.bytes, self.prices())
        opened.ledger.note(
            Entry(
                at=self._warehouse().now(),
                kind="transfer",
                route=deed.method,
                bytes_moved=deed.moved,
                dollars=price,
                seconds=deed.seconds,
                location=deed.copy.location,
                tables=str(deed.copy.table),
            )
        )

    def partitions(self, facts: TableFacts) -> tuple[PartitionFacts, ...]:
        """The partitions of a table as of these facts, asked once for each version; () for small ones, or in doubt."""
        if facts.partitioning is None or facts.version.bytes < self.list_partitions_above:
            return ()
        try:
            return self.open().partitions(facts)
        except BigPatoError as error:
            log.warning("the partitions of %s could not be listed: %s", facts.id, error)
            return ()

    def prices(self) -> Prices:
        """What things cost now."""
        return self.open().prices()

    def price_of_query(self, size: float) -> float:
        """Dollars for so many bytes billed."""
        return query_price(size, self.prices())

    def price_of_transfer(self, size: float) -> float:
        """Dollars for bringing so many logical bytes here."""
        return transfer_price(size, self.prices())

    # ------------------------------------------------------------------------------------- the disk

    def used_bytes(self) -> int:
        """Bytes on the disk of all copies and drafts; 0 where the tier is unusable."""
        opened = self._tried()
        return 0 if opened is None else opened.store.used_bytes()

    def clean(self) -> Cleaned:
        """Remove what crashed kernels left, and older versions of copies that nobody reads any more; what it was."""
        log.info("Removing orphaned files")
        opened = self.open()
        for copy in opened.catalog.all():
            newest = opened.catalog.copies([copy.table])[copy.table]
            if newest.id != copy.id:
                opened.leases.release_idle([copy.id])
                opened.store.remove(copy.id)
        return opened.store.clean()

    def verify_files(self, cancel: Cancel | None = None) -> list[Finding]:
        """Read every file of every copy and compare it with its checksum; damaged copies are taken away.

        Raises:
            Cancelled: `cancel` was set.
        """
        opened = self.open()
        token = Cancel() if cancel is None else cancel
        findings = opened.store.verify(opened.catalog.all(), token.check)
        for id_ in {finding.copy.id for finding in findings if finding.copy is not None}:
            opened.leases.release_idle([id_])
            opened.store.remove(id_)
        if findings:
            self.status.changed()
        return findings

    def write_views(self, path: Path) -> None:
        """Write the DuckDB file in which plain DuckDB finds the local tables.

        Raises:
            ConfigurationError: there is another file at `path`, or it cannot be written.
        """
        from bigpato_magic.local.views import write_views
        from bigpato_magic.tier.steps import at

        log.info("Populating metadata from duckDB")
        write_views(path, list(self.copies().values()), at)

    def purge(self) -> list[Path]:
        """Remove every copy, journal, case and setting of this tier, of every principal.

        Returns:
            What could not be removed, or is not ours: nothing, where all went well.
        """
        self.automatic.stop()
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None
        from bigpato_magic.tier import disk

        found = disk.purge(self.path)
        self.status.changed()
        return found

    def close(self) -> None:
        """Let go of files, leases and threads; the tier opens again when it is needed."""
        self.automatic.stop()
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None
