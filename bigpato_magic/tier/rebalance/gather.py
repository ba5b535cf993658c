"""Gather what a plan is made from: usage, copies, facts, partitions, limits, preferences. The judgement is `policy`'s."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from bigpato_magic.errors import BigPatoError, TableNotFound
from bigpato_magic.tier.files import disk
from bigpato_magic.tier.freshness.verdict import difference
from bigpato_magic.tier.open_tier import OpenTier
from bigpato_magic.tier.policy.plan import Limits, make_plan
from bigpato_magic.types import PartitionFacts, Plan, TableCopy, TableFacts, TableId, TableUsage


def plan_now(opened: OpenTier, tables: Sequence[TableId] | None, *, policy: str, limits: Limits) -> Plan:
    """The plan for these tables, or for what the policy says.

    Args:
        opened: the parts of the tier.
        tables: wanted by name, None for the policy's choice.
        policy: its name.
        limits: as the settings say; what the disk and the copies tell is added.

    Raises:
        TierError: the journal cannot be read.
    """
    now = opened.warehouse().now()
    usage = opened.usage.totals(now)
    pinned, excluded = opened.preferences.pinned(), opened.preferences.excluded()
    copies = [copy for copy in opened.catalog.all() if copy.source is None]
    facts = opened.facts.fetch([*usage, *(c.table for c in copies), *pinned] if tables is None else tables)
    usage = _without_lost(opened, usage, facts, pinned)
    return make_plan(
        usage=usage,
        copies=copies,
        facts=facts,
        partitions=_partitions(opened, facts, excluded),
        leased=_leased(opened, copies),
        limits=_measured(limits, opened, copies),
        prices=opened.prices(),
        policy=policy,
        pinned=pinned,
        excluded=excluded,
        now=now,
        wanted=tables,
        streaming_ok=opened.facts.policy.max_staleness > 0,
        append_only=opened.preferences.append_only(),
        kept=opened.eviction.bytes,
    )


def forget_lost(opened: OpenTier, tables: Sequence[TableId]) -> None:
    """Forget how those of these tables were used that, says BigQuery, are no more."""
    _without_lost(opened, {}, opened.facts.fetch(tables), opened.preferences.pinned())


def _without_lost(
    opened: OpenTier,
    usage: Mapping[TableId, TableUsage],
    facts: Mapping[TableId, TableFacts | BigPatoError],
    pinned: Collection[TableId],
) -> dict[TableId, TableUsage]:
    """The habits without those of tables that are no more: nobody wants to read of a dropped table for ever."""
    lost = {table for table, answer in facts.items() if isinstance(answer, TableNotFound)}.difference(pinned)
    if lost:
        opened.usage.forget(lost)
    return {table: habit for table, habit in usage.items() if table not in lost}


def _partitions(
    opened: OpenTier, facts: Mapping[TableId, TableFacts | BigPatoError], excluded: Iterable[TableId]
) -> dict[TableId, Sequence[PartitionFacts]]:
    """The partitions of large tables that may be brought, or brought again."""
    held = opened.catalog.copies()
    wanted = [f for f in facts.values() if isinstance(f, TableFacts) and f.id not in excluded and f.partitioning]
    changed = [f for f in wanted if f.id not in held or difference(held[f.id].version, f.version) is not None]
    return {f.id: partitions for f in changed if (partitions := opened.partitions.of(f))}


def _leased(opened: OpenTier, copies: Iterable[TableCopy]) -> frozenset[str]:
    """Copies that a query reads now, here or in another kernel."""
    opened.leases.release_idle()
    return frozenset(copy.id for copy in copies if opened.store.leased(copy.id))


def _measured(limits: Limits, opened: OpenTier, copies: Sequence[TableCopy]) -> Limits:
    """The limits with what is free on the disk, and how much of it a logical byte takes, where whole copies tell."""
    whole = [copy for copy in copies if copy.holding.partitions is None]
    logical, held = sum(copy.version.bytes for copy in whole), sum(copy.bytes for copy in whole)
    ratio = min(2.0, max(0.1, held / logical)) if logical else limits.disk_ratio
    return replace(limits, free_disk=disk.free_bytes(opened.store.directory), disk_ratio=ratio)
