"""Gather what a plan is made from: usage, copies, facts, partitions, limits, wishes. The judgement is `plan`'s."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from bigpato_magic.errors import BigPatoError
from bigpato_magic.tier import disk
from bigpato_magic.tier.freshness import difference
from bigpato_magic.tier.opened import Opened
from bigpato_magic.tier.plan import Limits, make_plan
from bigpato_magic.types import PartitionFacts, Plan, TableCopy, TableFacts, TableId

if TYPE_CHECKING:
    from bigpato_magic.tier.tier import Tier


def make(tier: Tier, opened: Opened, tables: Sequence[TableId] | None) -> Plan:
    """The plan for these tables, or for what the policy says.

    Args:
        tier: with the settings.
        opened: its parts.
        tables: wanted by name, None for the policy's choice.

    Raises:
        TierError: the journal cannot be read.
    """
    now = opened.warehouse().now()
    usage = opened.usage.totals(now)
    pinned, excluded = tier.pinned_tables(), tier.excluded_tables()
    copies = opened.catalog.all()
    facts = opened.facts.fetch([*usage, *(c.table for c in copies), *pinned] if tables is None else tables)
    return make_plan(
        usage=usage,
        copies=copies,
        facts=facts,
        partitions=_partitions(tier, facts, opened.catalog.copies(), excluded),
        leased=_leased(opened, copies),
        limits=_limits(tier, opened, copies),
        prices=tier.prices(),
        policy=tier.policy,
        pinned=pinned,
        excluded=excluded,
        now=now,
        wanted=tables,
        streaming_ok=opened.facts.policy.max_staleness > 0,
        append_only=tier.append_only_tables(),
    )


def _partitions(
    tier: Tier,
    facts: Mapping[TableId, TableFacts | BigPatoError],
    held: Mapping[TableId, TableCopy],
    excluded: Iterable[TableId],
) -> dict[TableId, Sequence[PartitionFacts]]:
    """The partitions of large tables that may be brought, or brought again."""
    wanted = [f for f in facts.values() if isinstance(f, TableFacts) and f.id not in excluded and f.partitioning]
    changed = [f for f in wanted if f.id not in held or difference(held[f.id].version, f.version) is not None]
    return {f.id: found for f in changed if (found := tier.partitions(f))}


def _leased(opened: Opened, copies: Iterable[TableCopy]) -> frozenset[str]:
    """Copies that a query reads now, here or in another kernel."""
    opened.leases.release_idle()
    return frozenset(copy.id for copy in copies if opened.store.leased(copy.id))


def _limits(tier: Tier, opened: Opened, copies: Sequence[TableCopy]) -> Limits:
    logical = sum(copy.version.bytes for copy in copies if copy.holding.partitions is None)
    held = sum(copy.bytes for copy in copies if copy.holding.partitions is None)
    ratio = {"disk_ratio": min(2.0, max(0.1, held / logical))} if logical else {}
    return Limits(
        budget=tier.budget,
        min_free_disk=tier.min_free_disk,
        free_disk=disk.free_bytes(opened.store.directory),
        capacity=tier.capacity,
        **ratio,
    )
