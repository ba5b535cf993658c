"""Carry out a plan: promote, refresh, demote. Nothing half-done is ever visible, and what goes, goes last.

What to do is `policy.plan`'s business; how rows come and how files are published, `load`'s and `store`'s.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from bigpato_magic.errors import BigPatoError, Cancelled, TransferError
from bigpato_magic.local.columns import storable, view_columns
from bigpato_magic.status import Cancel
from bigpato_magic.tier.files.crashpoints import at
from bigpato_magic.tier.files.quota import Quota
from bigpato_magic.tier.freshness import verdict
from bigpato_magic.tier.journal import accounting
from bigpato_magic.tier.open_tier import OpenTier
from bigpato_magic.tier.policy import extent
from bigpato_magic.tier.policy.inputs import DISK_RATIO
from bigpato_magic.tier.rebalance import parts
from bigpato_magic.tier.rebalance.appends import Appends
from bigpato_magic.tier.rebalance.load import LoadedPart, Loader, partition_column
from bigpato_magic.types import (
    Column,
    Demotion,
    Holding,
    Kind,
    PartitionFacts,
    Plan,
    Promotion,
    Reason,
    Refresh,
    RefreshKind,
    Refusal,
    SqlType,
    TableCopy,
    TableFacts,
    TableId,
    TransferEvent,
    TransferRequest,
)

log = logging.getLogger(__name__)

_STILL_READ = "still being read, by this notebook or another: ask again when that has ended (a lazy result reads on)"


@dataclass(slots=True)
class Enactor:
    """Carries out plans.

    Args:
        tier: its parts.
        loader: with the quota, the token that stops it, and who hears of progress.
        snapshot: bring all tables as of this instant, None for the newest state of each.
        most_bytes: logical bytes that may be brought in all; 0 for no limit.
    """

    tier: OpenTier
    loader: Loader
    snapshot: datetime | None = None
    most_bytes: int = 0
    _enacted: Plan = field(default_factory=Plan, init=False)
    _loaded_bytes: int = field(default=0, init=False)

    @property
    def cancel(self) -> Cancel:
        """The token that stops it within a second."""
        return self.loader.cancel

    @property
    def quota(self) -> Quota:
        """How much copies may take, asked before, while and after files are written."""
        return self.loader.quota

    def enact(self, plan: Plan) -> Plan:
        """Carry it out; one table's failure does not keep the others.

        Returns:
            What was carried out; what failed stands in `refused` with its reason.

        Raises:
            Cancelled: it was stopped; what was published by then stays.
        """
        self._enacted, self._loaded_bytes = Plan(refused=plan.refused), 0
        waiting = list(plan.demote)
        actions: tuple[Promotion | Refresh, ...] = (*plan.promote, *plan.refresh)
        for action in actions:
            self.cancel.check()
            self._carry_out(action, waiting)
        for demotion in waiting:
            self._demote(demotion)
        return self._enacted

    # ------------------------------------------------------------------------------------- one table

    def _carry_out(self, action: Promotion | Refresh, waiting: list[Demotion]) -> None:
        table, started = action.facts.id, time.monotonic()
        try:
            self._check_limit(action)
            wait = f"waiting for another notebook, which is bringing {table.table}"
            with self.tier.store.table_lock(table, self.cancel, lambda: self._report(table, "wait", wait)):
                at("promote:locked")
                self._make_room(action, waiting)
                copy, loaded = self._promote(action) if isinstance(action, Promotion) else self._refresh(action)
                self._replace_older(copy)
        except Cancelled:
            self._report(table, "failed", f"Stopped: nothing of {table.table} was changed")
            raise
        except (BigPatoError, OSError) as error:
            self._failed(table, error if isinstance(error, BigPatoError) else _disk_error(error))
            return
        at("promote:done")
        kind = "promote" if isinstance(action, Promotion) else "refresh"
        self._enacted = replace(self._enacted, **{kind: (*getattr(self._enacted, kind), action)})
        if loaded is not None:
            self._loaded_bytes += loaded.moved
            self._note(copy, loaded, time.monotonic() - started)
        self._report(table, "done", f"Table {table.table} is local: {copy.rows:,} rows")

    def _note(self, copy: TableCopy, loaded: LoadedPart, seconds: float) -> None:
        """A transfer in the journal and the ledger."""
        prices, now = self.tier.prices(), self.tier.warehouse().now()
        self.tier.usage.note_transfer(copy.table, loaded.moved, copy.version.bytes, prices)
        self.tier.ledger.note(accounting.transfer_entry(copy, loaded.method, loaded.moved, seconds, prices, now))

    def _check_limit(self, action: Promotion | Refresh) -> None:
        if self.most_bytes and self._loaded_bytes + action.bytes > self.most_bytes:
            raise TransferError(
                f"{action.facts.id.table} would exceed the bytes that one rebalance may bring",
                hint="raise Tier.max_bytes_per_rebalance",
            )

    def _failed(self, table: TableId, error: BigPatoError) -> None:
        log.warning("%s was not brought: %s", table, error)
        refusal = Refusal(table, Reason("failed", str(error), table))
        self._enacted = replace(self._enacted, refused=(*self._enacted.refused, refusal))
        self._report(table, "failed", f"{table.table}: {error.message}")

    def _report(self, table: TableId, stage: str, message: str) -> None:
        self.loader.report(TransferEvent(table, stage, message=message))

    # --------------------------------------------------------------------------------------- promote

    def _promote(self, promotion: Promotion) -> tuple[TableCopy, LoadedPart | None]:
        at("promote:begin")
        facts = promotion.facts
        there = self.tier.catalog.copies([facts.id]).get(facts.id)
        if there is not None and _serves(there, promotion) and self.snapshot is None:
            # Another process has just brought it.
            return there, None
        columns = _with_partition_column(facts, tuple(c for c in promotion.columns if storable(c)))
        if not columns:
            raise TransferError(f"{facts.id.table} has no column that a copy may hold")
        return self._whole(facts, columns, promotion.partitions)

    def _whole(
        self, facts: TableFacts, columns: tuple[Column, ...], partitions: frozenset[str] | None
    ) -> tuple[TableCopy, LoadedPart]:
        """Everything that is wanted of a table, as one new part."""
        # Listed before the rows are read: what changes in between will look changed, never unchanged.
        present = self.tier.partitions.of(facts)
        request = TransferRequest(facts, columns, partitions, self.snapshot)
        with self.tier.store.staging() as staging:
            loaded = self.loader.load(request, staging, rows=parts.rows_of(present, partitions))
            copy = self._copy(loaded, columns, partitions, present)
            copy = replace(copy, parts=(loaded.part,), stats=loaded.stats)
            return self._publish(copy, [loaded.part.path]), loaded

    def _copy(
        self,
        loaded: LoadedPart,
        columns: tuple[Column, ...],
        partitions: frozenset[str] | None,
        present: tuple[PartitionFacts, ...],
    ) -> TableCopy:
        facts = loaded.facts
        return TableCopy(
            id=uuid.uuid4().hex[:16],
            table=facts.id,
            version=facts.version,
            columns=columns,
            holding=Holding(frozenset(name.lower() for name in view_columns(columns)), partitions),
            parts=(),
            as_of=loaded.as_of,
            principal=self.tier.store.principal,
            location=facts.location,
            facts=facts,
            partitions=present,
        )

    def _publish(self, copy: TableCopy, drafts: Sequence[Path]) -> TableCopy:
        self._report(copy.table, "publish", f"Publishing {copy.table.table}")
        self.cancel.check()
        self.quota.make()
        published = self.tier.store.publish(copy, drafts, self.quota.check)
        names = {path.name for path in drafts}
        self.tier.digests.trust([part for part in published.parts if part.path.name in names])
        return published

    def _replace_older(self, copy: TableCopy) -> None:
        for older in self.tier.catalog.all():
            replaced = older.table == copy.table and older.id != copy.id and older.as_of <= copy.as_of
            if replaced and not self.tier.superseded.holds(older):
                self._take_away(older)
        at("promote:old-gone")

    # --------------------------------------------------------------------------------------- refresh

    def _refresh(self, refresh: Refresh) -> tuple[TableCopy, LoadedPart | None]:
        at("refresh:begin")
        there = self.tier.catalog.copies([refresh.facts.id]).get(refresh.facts.id)
        if there is not None and there.id != refresh.copy.id and _same(there, refresh.facts):
            return there, None
        ways = {RefreshKind.APPENDED: self._with_appended}
        ways |= dict.fromkeys((RefreshKind.PARTITIONS, RefreshKind.NOTHING), self._by_parts)
        if refresh.kind in ways and there is not None and not self.snapshot:
            try:
                with self.tier.leases.lease([refresh.copy]):
                    self.tier.digests.begin([refresh.copy], all_of_it=True).outcome(self.cancel)
                    return ways[refresh.kind](refresh)
            except Cancelled:
                raise
            except BigPatoError as error:
                log.warning("%s is brought whole: %s", refresh.facts.id, error)
        return self._whole_again(refresh)

    def _whole_again(self, refresh: Refresh) -> tuple[TableCopy, LoadedPart]:
        facts, old = refresh.facts, refresh.copy
        held_all = old.facts is not None and all(
            c.name.lower() in old.holding.columns for c in old.facts.columns if storable(c)
        )
        columns = tuple(c for c in facts.columns if storable(c) and (held_all or c.name.lower() in old.holding.columns))
        partitions = old.holding.partitions
        if partitions is not None and refresh.present:
            partitions = extent.still_wanted(old, refresh.present)
        if not columns:
            raise TransferError(f"{facts.id.table} has none of the columns any more that its copy holds")
        return self._whole(facts, _with_partition_column(facts, columns), partitions)

    def _by_parts(self, refresh: Refresh) -> tuple[TableCopy, LoadedPart | None]:
        """The changed partitions anew, beside those parts of the old copy that still hold."""
        old, facts = refresh.copy, refresh.facts
        with self.tier.store.staging() as staging:
            loaded: LoadedPart | None = None
            if refresh.changed:
                request = TransferRequest(facts, old.columns, refresh.changed)
                expected = parts.rows_of(refresh.present, refresh.changed)
                loaded = self.loader.load(request, staging, rows=expected)
                if loaded.facts is not facts or not loaded.certain:
                    raise TransferError(f"{facts.id.table} changed while its partitions were brought")
            at("refresh:brought")
            keeper = parts.Keeper(self.loader.engine, old, refresh, staging, self.cancel, self.quota.watch)
            kept = keeper.keep(loaded.part if loaded else None)
            at("refresh:merged")
            state = loaded or LoadedPart(old.parts[0], {}, facts, facts.checked_at)
            copy = replace(
                self._copy(state, old.columns, keeper.partitions, refresh.present),
                parts=kept,
                stats=parts.stats_of(old, loaded),
            )
            if copy.rows != (expected_rows := parts.rows_of(refresh.present, keeper.partitions)):
                raise TransferError(f"{copy.rows:,} rows where BigQuery counts {expected_rows:,}")
            drafts = [part.path for part in kept if part.path.parent == staging]
            return self._publish(copy, drafts), loaded

    def _with_appended(self, refresh: Refresh) -> tuple[TableCopy, LoadedPart | None]:
        """The appended rows beside all parts of the old copy."""
        old, facts = refresh.copy, refresh.facts
        with self.tier.store.staging() as staging:
            request, grown = TransferRequest(facts, old.columns), facts.version.rows - old.rows
            way = Appends(self.loader.warehouse, old.as_of)
            loaded = self.loader.load(request, staging, rows=grown, way=way)
            if not loaded.certain:
                raise TransferError(f"{facts.id.table} changed while its rows were brought")
            keeper = parts.Keeper(self.loader.engine, old, refresh, staging, self.cancel, self.quota.watch)
            kept = keeper.compact([*old.parts, loaded.part])
            copy = self._copy(loaded, old.columns, old.holding.partitions, refresh.present)
            copy = replace(copy, parts=kept, stats=parts.stats_of(old, loaded))
            return self._publish(copy, [part.path for part in kept if part.path.parent == staging]), loaded

    # ---------------------------------------------------------------------------------------- demote

    def _make_room(self, action: Promotion | Refresh, waiting: list[Demotion]) -> None:
        """Demote what the plan takes away anyway, as much as this needs, then see whether it fits."""
        needed = _disk_bytes(action)
        while needed > self.quota.left() and waiting:
            self._demote(waiting.pop(0))
        self.quota.ease(needed)
        if needed > self.quota.left() and isinstance(action, Refresh) and action.kind is RefreshKind.WHOLE:
            # It answers nothing any more, and there is no room for the old one beside the new one.
            self._take_away(action.copy)
        # `needed` is a guess, and `plan` has judged it; what is really written is watched.
        self.quota.make()

    def _demote(self, demotion: Demotion) -> None:
        copy = demotion.copy
        if any(refused.table == copy.table and refused.reason.code == "leased" for refused in self._enacted.refused):
            return  # an older version stays, and must not be the newest
        if self._take_away(copy):
            self._enacted = replace(self._enacted, demote=(*self._enacted.demote, demotion))
            self._report(copy.table, "demote", f"Table {copy.table.table} is no longer local: {demotion.reason}")
            return
        reason = Reason("leased", f"{copy.table.table} is {_STILL_READ}", copy.table)
        self._enacted = replace(self._enacted, refused=(*self._enacted.refused, Refusal(copy.table, reason)))

    def _take_away(self, copy: TableCopy) -> bool:
        self.tier.leases.release_idle([copy.id])
        return self.tier.store.remove(copy.id)


def _with_partition_column(facts: TableFacts, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """The columns, and the one that tells a row's partition: without it no partition could be brought alone."""
    if facts.partitioning is None or not columns:
        return columns
    name = partition_column(facts.partitioning)
    if name.lower() in {c.name.lower() for c in columns}:
        return columns
    column = facts.column(name) if facts.partitioning.column else Column(name, SqlType(Kind.TIMESTAMP))
    if column is None or not storable(column):
        return columns
    wanted = {c.name.lower() for c in (*columns, column)}
    return (*(c for c in facts.columns if c.name.lower() in wanted), *(() if facts.column(name) else (column,)))


def _serves(copy: TableCopy, promotion: Promotion) -> bool:
    """Whether a copy that is there already is what the promotion would bring."""
    wanted = {c.name.lower() for c in promotion.columns if storable(c)}
    held = copy.holding.partitions
    enough = held is None or (promotion.partitions is not None and promotion.partitions <= held)
    return _same(copy, promotion.facts) and wanted <= copy.holding.columns and enough


def _same(copy: TableCopy, facts: TableFacts) -> bool:
    return verdict.difference(copy.version, facts.version) is None and not facts.streaming


def _disk_bytes(action: Promotion | Refresh) -> int:
    """Bytes on disk that it will take, as its copy tells, or as the policy guesses where there is none."""
    if isinstance(action, Promotion):
        return int(action.bytes * DISK_RATIO)
    logical = max(1, action.copy.version.bytes)
    share = action.bytes / logical if action.kind is not RefreshKind.WHOLE else action.facts.version.bytes / logical
    return int(action.copy.bytes * min(share, 10.0))


def _disk_error(error: OSError) -> TransferError:
    return TransferError(f"the disk refuses: {error.strerror or error}", hint="is it full or read-only?")
