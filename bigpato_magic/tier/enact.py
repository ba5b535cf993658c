"""Carry out a plan: promote, refresh, demote. Nothing half-done is ever visible, and what goes, goes last.

What to do is `plan`'s business; how rows come and how files are published, `bring`'s and `store`'s.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from bigpato_magic.errors import BigPatoError, Cancelled, TransferError
from bigpato_magic.local.columns import storable, view_columns
from bigpato_magic.status import Cancel
from bigpato_magic.tier import freshness, hold, parts
from bigpato_magic.tier.appends import Appends
from bigpato_magic.tier.bring import Bringer, Brought, partition_column
from bigpato_magic.tier.catalog import Catalog
from bigpato_magic.tier.leases import Leases
from bigpato_magic.tier.room import Room
from bigpato_magic.tier.steps import at
from bigpato_magic.tier.store import Store
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

Partitions = Callable[[TableFacts], Sequence[PartitionFacts]]


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was carried out, for the books.

    Args:
        copy: that is here now.
        method: of the transfer, empty where nothing moved.
        moved: logical bytes.
        seconds: that it took.
    """

    copy: TableCopy
    method: str
    moved: int
    seconds: float


@dataclass(slots=True)
class Enactor:
    """Carries out plans.

    Args:
        store: of the principal.
        catalog: of its copies.
        leases: of this process.
        bringer: with the token that stops it, and who hears of progress.
        partitions: of a table now, asked at most once for each of its versions.
        snapshot: bring all tables as of this instant, None for the newest state of each.
        most_bytes: logical bytes that may be brought in all; 0 for no limit.
        done: hears of each copy that was published.
    """

    store: Store
    catalog: Catalog
    leases: Leases
    bringer: Bringer
    partitions: Partitions
    snapshot: datetime | None = None
    most_bytes: int = 0
    done: Callable[[Deed], None] | None = None
    _enacted: Plan = field(default_factory=Plan, init=False)
    _brought_bytes: int = field(default=0, init=False)

    @property
    def cancel(self) -> Cancel:
        """Stops it."""
        return self.bringer.cancel

    @property
    def room(self) -> Room:
        """The limits."""
        return self.bringer.room

    def enact(self, plan: Plan) -> Plan:
        """Carry it out; one table's failure does not keep the others.

        Returns:
            What was carried out; what failed stands in `refused` with its reason.

        Raises:
            Cancelled: it was stopped; what was published by then stays.
        """
        self._enacted, self._brought_bytes = Plan(refused=plan.refused), 0
        waiting = list(plan.demote)
        actions: tuple[Promotion | Refresh, ...] = (*plan.promote, *plan.refresh)
        for action in actions:
            self.cancel.check()
            self._bring(action, waiting)
        for demotion in waiting:
            self._demote(demotion)
        return self._enacted

    # ------------------------------------------------------------------------------------- one table

    def _bring(self, action: Promotion | Refresh, waiting: list[Demotion]) -> None:
        table, started = action.facts.id, time.monotonic()
        try:
            self._see_to_limits(action)
            with self.store.table_lock(table, self.cancel):
                at("promote:locked")
                self._make_room(action, waiting)
                copy, brought = self._promoted(action) if isinstance(action, Promotion) else self._refreshed(action)
                self._replace_older(copy)
        except Cancelled:
            self._tell(table, "failed", f"Stopped: nothing of {table.table} was changed")
            raise
        except (BigPatoError, OSError) as error:
            self._failed(table, error if isinstance(error, BigPatoError) else _disk_error(error))
            return
        at("promote:done")
        kind = "promote" if isinstance(action, Promotion) else "refresh"
        self._enacted = replace(self._enacted, **{kind: (*getattr(self._enacted, kind), action)})
        if brought is not None:
            self._brought_bytes += brought.moved
            self._note(Deed(copy, brought.method, brought.moved, time.monotonic() - started))
        self._tell(table, "done", f"Table {table.table} is local: {copy.rows:,} rows")

    def _note(self, deed: Deed) -> None:
        if self.done is not None:
            self.done(deed)

    def _see_to_limits(self, action: Promotion | Refresh) -> None:
        if self.most_bytes and self._brought_bytes + action.bytes > self.most_bytes:
            raise TransferError(
                f"{action.facts.id.table} would exceed the bytes that one rebalance may bring",
                hint="raise Tier.max_bytes_per_rebalance",
            )

    def _failed(self, table: TableId, error: BigPatoError) -> None:
        log.warning("%s was not brought: %s", table, error)
        refusal = Refusal(table, Reason("failed", str(error), table))
        self._enacted = replace(self._enacted, refused=(*self._enacted.refused, refusal))
        self._tell(table, "failed", f"{table.table}: {error.message}")

    def _tell(self, table: TableId, stage: str, message: str) -> None:
        self.bringer.report(TransferEvent(table, stage, message=message))

    # --------------------------------------------------------------------------------------- promote

    def _promoted(self, promotion: Promotion) -> tuple[TableCopy, Brought | None]:
        at("promote:begin")
        facts = promotion.facts
        there = self.catalog.copies([facts.id]).get(facts.id)
        if there is not None and _serves(there, promotion) and self.snapshot is None:
            # Another process has just brought it.
            return there, None
        columns = _with_partition_column(facts, tuple(c for c in promotion.columns if storable(c)))
        if not columns:
            raise TransferError(f"{facts.id.table} has no column that a copy may hold")
        return self._whole(facts, columns, promotion.partitions)

    def _whole(
        self, facts: TableFacts, columns: tuple[Column, ...], partitions: frozenset[str] | None
    ) -> tuple[TableCopy, Brought]:
        """Everything that is wanted of a table, as one new part."""
        # Listed before the rows are read: what changes in between will look changed, never unchanged.
        present = tuple(self.partitions(facts)) if facts.partitioning else ()
        request = TransferRequest(facts, columns, partitions, self.snapshot)
        with self.store.staging() as staging:
            brought = self.bringer.bring(request, staging, rows=parts.rows_of(present, partitions))
            copy = self._copy(brought, columns, partitions, present)
            copy = replace(copy, parts=(brought.part,), stats=brought.stats)
            return self._publish(copy, [brought.part.path]), brought

    def _copy(
        self,
        brought: Brought,
        columns: tuple[Column, ...],
        partitions: frozenset[str] | None,
        present: tuple[PartitionFacts, ...],
    ) -> TableCopy:
        facts = brought.facts
        return TableCopy(
            id=uuid.uuid4().hex[:16],
            table=facts.id,
            version=facts.version,
            columns=columns,
            holding=Holding(frozenset(name.lower() for name in view_columns(columns)), partitions),
            parts=(),
            as_of=brought.as_of,
            principal=self.store.principal,
            location=facts.location,
            facts=facts,
            partitions=present,
        )

    def _publish(self, copy: TableCopy, drafts: Sequence[Path]) -> TableCopy:
        self._tell(copy.table, "publish", f"Publishing {copy.table.table}")
        self.cancel.check()
        return self.store.publish(copy, drafts, self.room.check)

    def _replace_older(self, copy: TableCopy) -> None:
        for older in self.catalog.all():
            if older.table == copy.table and older.id != copy.id and older.as_of <= copy.as_of:
                self._take_away(older)
        at("promote:old-gone")

    # --------------------------------------------------------------------------------------- refresh

    def _refreshed(self, refresh: Refresh) -> tuple[TableCopy, Brought | None]:
        at("refresh:begin")
        there = self.catalog.copies([refresh.facts.id]).get(refresh.facts.id)
        if there is not None and there.id != refresh.copy.id and _same(there, refresh.facts):
            return there, None
        ways = {RefreshKind.APPENDED: self._with_appended}
        ways |= dict.fromkeys((RefreshKind.PARTITIONS, RefreshKind.NOTHING), self._by_parts)
        if refresh.kind in ways and there is not None and not self.snapshot:
            try:
                with self.leases.lease([refresh.copy]):
                    return ways[refresh.kind](refresh)
            except Cancelled:
                raise
            except BigPatoError as error:
                log.warning("%s is brought whole: %s", refresh.facts.id, error)
        return self._whole_again(refresh)

    def _whole_again(self, refresh: Refresh) -> tuple[TableCopy, Brought]:
        facts, old = refresh.facts, refresh.copy
        held_all = old.facts is not None and all(
            c.name.lower() in old.holding.columns for c in old.facts.columns if storable(c)
        )
        columns = tuple(c for c in facts.columns if storable(c) and (held_all or c.name.lower() in old.holding.columns))
        partitions = old.holding.partitions
        if partitions is not None and refresh.present:
            partitions = hold.still_wanted(old, refresh.present)
        if not columns:
            raise TransferError(f"{facts.id.table} has none of the columns any more that its copy holds")
        return self._whole(facts, _with_partition_column(facts, columns), partitions)

    def _by_parts(self, refresh: Refresh) -> tuple[TableCopy, Brought | None]:
        """The changed partitions anew, beside those parts of the old copy that still hold."""
        old, facts = refresh.copy, refresh.facts
        with self.store.staging() as staging:
            brought: Brought | None = None
            if refresh.changed:
                request = TransferRequest(facts, old.columns, refresh.changed)
                expected = parts.rows_of(refresh.present, refresh.changed)
                brought = self.bringer.bring(request, staging, rows=expected)
                if brought.facts is not facts or not brought.certain:
                    raise TransferError(f"{facts.id.table} changed while its partitions were brought")
            at("refresh:brought")
            keeper = parts.Keeper(self.bringer.engine, old, refresh, staging, self.cancel, self.room.watch)
            kept = keeper.keep(brought.part if brought else None)
            at("refresh:merged")
            state = brought or Brought(old.parts[0], {}, facts, facts.checked_at)
            copy = replace(
                self._copy(state, old.columns, keeper.partitions, refresh.present),
                parts=kept,
                stats=parts.stats_of(old, brought),
            )
            if copy.rows != (expected_rows := parts.rows_of(refresh.present, keeper.partitions)):
                raise TransferError(f"{copy.rows:,} rows where BigQuery counts {expected_rows:,}")
            drafts = [part.path for part in kept if part.path.parent == staging]
            return self._publish(copy, drafts), brought

    def _with_appended(self, refresh: Refresh) -> tuple[TableCopy, Brought | None]:
        """The appended rows beside all parts of the old copy."""
        old, facts = refresh.copy, refresh.facts
        with self.store.staging() as staging:
            request, grown = TransferRequest(facts, old.columns), facts.version.rows - old.rows
            way = Appends(self.bringer.warehouse, old.as_of)
            brought = self.bringer.bring(request, staging, rows=grown, way=way)
            if not brought.certain:
                raise TransferError(f"{facts.id.table} changed while its rows were brought")
            keeper = parts.Keeper(self.bringer.engine, old, refresh, staging, self.cancel, self.room.watch)
            kept = keeper.compact([*old.parts, brought.part])
            copy = self._copy(brought, old.columns, old.holding.partitions, refresh.present)
            copy = replace(copy, parts=kept, stats=parts.stats_of(old, brought))
            return self._publish(copy, [part.path for part in kept if part.path.parent == staging]), brought

    # ---------------------------------------------------------------------------------------- demote

    def _make_room(self, action: Promotion | Refresh, waiting: list[Demotion]) -> None:
        """Demote what the plan takes away anyway, as much as this needs, then see whether it fits."""
        needed = _disk_bytes(action)
        while needed > self.room.left() and waiting:
            self._demote(waiting.pop(0))
        if needed > self.room.left() and isinstance(action, Refresh) and action.kind is RefreshKind.WHOLE:
            # It answers nothing any more, and there is no room for the old one beside the new one.
            self._take_away(action.copy)
        # `needed` is a guess, and `plan` has judged it; what is really written is watched.
        self.room.check()

    def _demote(self, demotion: Demotion) -> None:
        copy = demotion.copy
        if self._take_away(copy):
            self._enacted = replace(self._enacted, demote=(*self._enacted.demote, demotion))
            self._tell(copy.table, "demote", f"Table {copy.table.table} is no longer local: {demotion.reason}")
            return
        reason = Reason("leased", f"another notebook is reading {copy.table.table}", copy.table)
        self._enacted = replace(self._enacted, refused=(*self._enacted.refused, Refusal(copy.table, reason)))

    def _take_away(self, copy: TableCopy) -> bool:
        self.leases.release_idle([copy.id])
        return self.store.remove(copy.id)


def _with_partition_column(facts: TableFacts, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """The columns, and the one that tells a row's partition: without it no partition could be brought alone."""
    if facts.partitioning is None or not columns:
        return columns
    name = partition_column(facts.partitioning)
    if name.lower() in {c.name.lower() for c in columns}:
        return columns
    found = facts.column(name) if facts.partitioning.column else Column(name, SqlType(Kind.TIMESTAMP))
    if found is None or not storable(found):
        return columns
    wanted = {c.name.lower() for c in (*columns, found)}
    return (*(c for c in facts.columns if c.name.lower() in wanted), *(() if facts.column(name) else (found,)))


def _serves(copy: TableCopy, promotion: Promotion) -> bool:
    """Whether a copy that is there already is what the promotion would bring."""
    wanted = {c.name.lower() for c in promotion.columns if storable(c)}
    held = copy.holding.partitions
    enough = held is None or (promotion.partitions is not None and promotion.partitions <= held)
    return _same(copy, promotion.facts) and wanted <= copy.holding.columns and enough


def _same(copy: TableCopy, facts: TableFacts) -> bool:
    return freshness.difference(copy.version, facts.version) is None and not facts.streaming


def _disk_bytes(action: Promotion | Refresh) -> int:
    """Bytes on disk that it will take, as its copy tells, or (a guess of `plan`'s) 0.6 of the logical ones."""
    if isinstance(action, Promotion):
        return int(action.bytes * 0.6)
    logical = max(1, action.copy.version.bytes)
    share = action.bytes / logical if action.kind is not RefreshKind.WHOLE else action.facts.version.bytes / logical
    return int(action.copy.bytes * min(share, 10.0))


def _disk_error(error: OSError) -> TransferError:
    return TransferError(f"the disk refuses: {error.strerror or error}", hint="is it full or read-only?")
