"""`Tier`: the whole local store as one object. It owns the settings and wires the parts together; they do the work.

`open` gives the parts when they are first needed: nothing is made on the disk, and nobody is asked, before that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets import Bool, CaselessStrEnum, Int, List, Unicode, observe

from bigpato_magic.errors import ConfigurationError, TierError
from bigpato_magic.status import Cancel, Status
from bigpato_magic.tier.files import place
from bigpato_magic.tier.files.locks import FileLock, try_lock
from bigpato_magic.tier.freshness.settings import FreshnessPolicy
from bigpato_magic.tier.journal.ledger import Pricing
from bigpato_magic.tier.keeping.settings import Keep
from bigpato_magic.tier.lifecycle import Lifecycle
from bigpato_magic.tier.policy.inputs import Limits
from bigpato_magic.tier.policy.score import Prices, query_price, transfer_price
from bigpato_magic.tier.query_access import QueryAccess
from bigpato_magic.tier.rebalance.background import IdleRebalance
from bigpato_magic.traits import Configured, Duration, Size
from bigpato_magic.types import Demotion, Plan, Reason, TableCopy, TableId, TransferEvent
from bigpato_magic.warehouse.base import Warehouse

if TYPE_CHECKING:
    from bigpato_magic.local.duck import LocalEngine
    from bigpato_magic.tier.files.store import Cleaned, Finding
    from bigpato_magic.tier.freshness.facts import FactsCache
    from bigpato_magic.tier.journal.ledger import Ledger
    from bigpato_magic.tier.journal.preferences import Preferences
    from bigpato_magic.tier.journal.usage import UsageJournal
    from bigpato_magic.tier.open_tier import OpenTier

log = logging.getLogger("bigpato_magic")


class Tier(Configured):
    """The local store: which copies there are, what they cost and save, and how they come and go.

    Args:
        warehouse: gives the warehouse; called when it is first needed.
        engine: reads and writes copies.
        status: hears of progress.
        home: gives the (project, dataset) of names that leave them out; None for the warehouse's project alone.
        **traits: any setting by name.
    """

    directory = Unicode(
        "",
        help="Where copies live, in a subdirectory `bigpato-magic` made for them (mode 0700); "
        "empty for the user's data directory.",
    ).tag(config=True)
    budget = Size(20 << 30, help="Bytes that copies and kept answers together may take on the disk.").tag(config=True)
    min_free_disk = Size(2 << 30, help="Bytes of the disk that always stay free.").tag(config=True)
    policy = CaselessStrEnum(
        ["cost", "lru"],
        default_value="cost",
        help="What to hold: what saves most money and waiting, or the last used tables.",
    ).tag(config=True)
    capacity = Int(10, min=1, help="How many of the last used tables the policy lru holds.").tag(config=True)
    compared_first = Size(
        1 << 30,
        help="Copies up to this size, as a query reads them, are compared with their digests before its answer is given; "
        "larger ones in the background. Once after each start of the machine (on macOS and Windows: of the kernel).",
    ).tag(config=True)
    pinned = List(Unicode(), help="Tables that are held whatever they are worth, named as in a query.").tag(config=True)
    excluded = List(Unicode(), help="Tables that are never held.").tag(config=True)
    append_only = List(Unicode(), help="Tables whose rows never change and never go: only new ones are brought.").tag(
        config=True
    )
    hold_superseded = Duration(
        7 * 86400.0,
        help="A copy whose table has changed stays so long after a newer one has come, where nothing else needs its room: "
        "it answers FOR SYSTEM_TIME AS OF and %bp_freeze. 0 takes it away at once.",
    ).tag(config=True)
    history = Int(
        1000,
        min=0,
        help="Queries whose texts are remembered for %bp_history; 0 forgets those that are, with the next query.",
    ).tag(config=True)
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
        self,
        *,
        warehouse: Callable[[], Warehouse],
        engine: LocalEngine,
        status: Status | None = None,
        home: Callable[[], tuple[str | None, str | None]] | None = None,
        **traits: Any,
    ) -> None:
        super().__init__(**traits)
        self._home = home or (lambda: (warehouse().project, None))
        # Made at once: `%config` knows only what there is.
        self.freshness, self.pricing, self.keep = FreshnessPolicy(parent=self), Pricing(parent=self), Keep(parent=self)
        self._warehouse, self._engine = warehouse, engine
        self.status = Status() if status is None else status
        self._lifecycle = Lifecycle(self._make, self.status)
        self.automatic = IdleRebalance(
            wanted=lambda: self.auto,
            busy=lambda: self.status.busy,
            turn=self._turn,
            rebalance=lambda cancel: self.rebalance(cancel=cancel, background=True),
        )
        self.queries = QueryAccess(self._lifecycle, self._now, self.status, self.automatic.touch)

    @observe("auto")
    def _switched(self, change: Any) -> None:
        """On: wait for the kernel to be idle. Off: stop at once."""
        if hasattr(self, "automatic"):
            self.automatic.touch() if change.new else self.automatic.stop()

    # ----------------------------------------------------------------------------------------- parts

    @property
    def path(self) -> Path:
        """The directory of the tier's own, below `directory` where that is set."""
        return place.root_of(self.directory)

    def open(self) -> OpenTier:
        """The parts, made when first needed.

        Raises:
            TierError: the directory cannot be used.
            CredentialsError: it is not known whose copies to look for.
        """
        return self._lifecycle.open()

    def _make(self) -> OpenTier:
        from bigpato_magic.tier.open_tier import OpenTier

        principal = self._warehouse().principal  # whatever is wrong with it is not the directory's
        try:
            return OpenTier(
                self.path,
                principal,
                self._warehouse,
                self._engine,
                self.status,
                freshness=self.freshness,
                pricing=self.pricing,
                keep=self.keep,
                limits=self._limits,
                compared_first=lambda: self.compared_first,
                remembered=lambda: self.history,
                superseded_for=lambda: self.hold_superseded,
                listed_above=lambda: self.list_partitions_above,
                configured=self._configured,
            )
        except OSError as error:
            message = f"{self.path} cannot be used: {error.strerror}"
            raise TierError(message, hint="choose another Tier.directory") from error

    def _configured(self, setting: str) -> frozenset[TableId]:
        """The tables that a setting names, each as a query would."""
        names = getattr(self, setting)
        if not names:
            return frozenset()
        project, dataset = self._home()
        try:
            return frozenset(TableId.parse(name, project=project, dataset=dataset) for name in names)
        except ValueError as error:
            hint = "'dataset.table' or 'project.dataset.table'"
            raise ConfigurationError(f"Tier.{setting}: {error}", hint=hint) from None

    def _limits(self) -> Limits:
        return Limits(budget=self.budget, min_free_disk=self.min_free_disk, capacity=self.capacity)

    def _now(self) -> datetime:
        return self._warehouse().now()

    def _turn(self) -> FileLock | None:
        """This kernel's turn to rebalance in the background; None while it is another's."""
        return try_lock(self.open().store.home / "auto.lock")

    @property
    def facts(self) -> FactsCache:
        """What BigQuery last said of each table."""
        return self.open().facts

    @property
    def usage(self) -> UsageJournal:
        """Which tables are used."""
        return self.open().usage

    @property
    def ledger(self) -> Ledger:
        """What was billed, and what was not."""
        return self.open().ledger

    @property
    def preferences(self) -> Preferences:
        """What the person has settled: pinned and excluded tables, quarantined rules."""
        return self.open().preferences

    def copies(self, tables: Iterable[TableId] | None = None) -> Mapping[TableId, TableCopy]:
        """The newest copy of each of these tables that has one (None: of all). Cheap; none in an unusable tier."""
        return self.queries.copies(tables)

    # ----------------------------------------------------------------------------------- rebalance

    def plan(self, tables: Sequence[TableId] | None = None) -> Plan:
        """What a rebalance would do now: of these tables, or of what the policy says.

        Raises:
            TierError: the directory cannot be used.
        """
        from bigpato_magic.tier.rebalance.gather import plan_now

        return plan_now(self.open(), tables, policy=self.policy, limits=self._limits())

    def rebalance(
        self,
        tables: Plan | Sequence[TableId] | None = None,
        *,
        consistent: bool = False,
        cancel: Cancel | None = None,
        progress: Callable[[TransferEvent], None] | None = None,
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
        from bigpato_magic.tier.files.quota import Quota
        from bigpato_magic.tier.rebalance.job import RebalanceJob

        with nullcontext() if background else self.automatic.stopped():
            opened = self.open()
            # Its facts are older than the snapshot: what changes between the two is then seen to have changed.
            plan = tables if isinstance(tables, Plan) else self.plan(tables)
            job = RebalanceJob(
                opened,
                self.status,
                Quota(opened.store, self.budget, self.min_free_disk, opened.eviction.give_way),
                methods=() if self.method == "auto" else (self.method,),
                most_bytes=self.max_bytes_per_rebalance,
                cancel=Cancel() if cancel is None else cancel,
                snapshot=self._now() if consistent else None,
                progress=progress,
            )
            return job.carry_out(plan)

    def promote(self, tables: Sequence[TableId], **how: Any) -> Plan:
        """Bring these tables here now."""
        return self.rebalance(list(tables), **how)

    def refresh(self, tables: Sequence[TableId] | None = None, **how: Any) -> Plan:
        """Bring the copies of these tables (None: all) up to them."""
        return self.rebalance(list(self.copies()) if tables is None else list(tables), **how)

    def demote(self, tables: Sequence[TableId], reason: str = "you asked for it") -> Plan:
        """Take the copies of these tables away; what is read just now stays, and is said so.

        A table without a copy that BigQuery has no more is forgotten.
        """
        from bigpato_magic.tier.rebalance.gather import forget_lost

        unwanted, opened = frozenset(tables), self.open()
        copies = sorted(
            (c for c in opened.catalog.all() if c.table in unwanted), key=lambda copy: (copy.as_of, copy.id)
        )
        forget_lost(opened, sorted(unwanted.difference(copy.table for copy in copies)))
        return self.rebalance(Plan(demote=tuple(Demotion(copy, reason) for copy in copies)))

    def forget(self, tables: Iterable[TableId] | None = None) -> tuple[TableCopy, ...]:
        """Take the kept answers over any of these tables away (None: all), or those of these names.

        Returns:
            Those that have gone: what a kernel reads just now stays.

        Raises:
            TierError: the directory cannot be used.
        """
        if tables is None:
            return self.queries.forget()
        among = frozenset(tables)
        kept = (copy for copy in self.open().catalog.all() if copy.source is not None)
        return self.queries.forget([c for c in kept if among & {c.table, *(basis.table for basis in c.bases)}])

    # --------------------------------------------------------------------------------------- prices

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
        opened = self._lifecycle.usable()
        return 0 if opened is None else opened.store.used_bytes()

    def superseded(self) -> tuple[int, int]:
        """How many copies of earlier states of tables there are, and the bytes that go with them."""
        opened = self._lifecycle.usable()
        return (len(opened.superseded.there()), opened.superseded.bytes) if opened is not None else (0, 0)

    def clean(self) -> Cleaned:
        """Remove what crashed kernels left, older versions of copies that nobody reads, kept answers that nobody asks for.

        Returns:
            What crashed kernels left.
        """
        opened = self.open()
        opened.eviction.clean()
        return opened.upkeep.clean()

    def verify_files(self, cancel: Cancel | None = None) -> list[Finding]:
        """Read every file of every copy and compare it with its checksum; damaged copies are taken away.

        Raises:
            Cancelled: `cancel` was set.
        """
        return self.open().upkeep.verify(Cancel() if cancel is None else cancel)

    def archive(
        self, path: Path, as_of: datetime, *, project: str, dataset: str, cancel: Cancel | None = None
    ) -> tuple[tuple[TableCopy, ...], tuple[Reason, ...]]:
        """Write all that is known to be of an instant into a file that somebody else can open.

        Args:
            path: of the new file.
            as_of: the instant.
            project: of unqualified names.
            dataset: likewise.
            cancel: stops it; then there is no file.

        Returns:
            What is in it; and why something here is not.

        Raises:
            ConfigurationError: nothing here is known to be of that instant, or the file cannot be made.
            TierError: the directory cannot be used.
        """
        from bigpato_magic.tier.archiving import archive

        place = {"project": project, "dataset": dataset}
        return archive(self.open(), path, as_of, place, Cancel() if cancel is None else cancel)

    def write_views(self, path: Path) -> None:
        """Write the DuckDB file in which plain DuckDB finds the local tables.

        Raises:
            ConfigurationError: there is another file at `path`, or it cannot be written.
        """
        from bigpato_magic.local.views import write_views
        from bigpato_magic.tier.files.crashpoints import at

        log.info("Populating metadata from duckDB")
        write_views(path, list(self.copies().values()), at)

    def keep_mismatch_report(self, text: str) -> Path:
        """Keep the record of an answer that differed, as a file that only you can read; the last hundred are kept."""
        from bigpato_magic.tier.files import mismatch_reports

        return mismatch_reports.keep(self.open().store.directory / "cases", text)

    def purge(self) -> list[Path]:
        """Remove every copy, journal, mismatch report and setting of this tier, of every principal.

        Returns:
            What could not be removed, or is not ours: nothing, where all went well.

        Raises:
            TierError: what is there is no tier.
        """
        self.close()
        left = place.purge(self.path)
        self.status.changed()
        return left

    def close(self) -> None:
        """Close files, leases and threads; the tier opens again when it is needed."""
        self.automatic.stop()
        self._lifecycle.close()
