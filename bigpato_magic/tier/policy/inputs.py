"""What a plan is made from and what it is made in: limits, inputs, candidates, the builder. Pure data."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

from bigpato_magic.errors import BigPatoError
from bigpato_magic.tier.policy.score import Prices
from bigpato_magic.types import (
    Demotion,
    PartitionFacts,
    Promotion,
    Reason,
    Refresh,
    Refusal,
    TableCopy,
    TableFacts,
    TableId,
    TableUsage,
)

DISK_RATIO = 0.6
"""Bytes on disk for a logical byte, where no copy tells yet."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much room there is.

    Args:
        budget: bytes that all copies may take on disk.
        min_free_disk: bytes that must stay free on the disk.
        free_disk: bytes that are free now.
        capacity: tables that `lru` holds.
        disk_ratio: bytes on disk for a logical byte, where a copy does not tell yet.
    """

    budget: float = math.inf
    min_free_disk: float = 0
    free_disk: float = math.inf
    capacity: int = 10
    disk_ratio: float = DISK_RATIO

    def room(self, used: float) -> float:
        """Bytes that all copies together may take, where they take `used` now."""
        return min(self.budget, used + self.free_disk - self.min_free_disk)


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """All that a plan is made from; see `make_plan`."""

    usage: Mapping[TableId, TableUsage]
    copies: Mapping[TableId, TableCopy]
    facts: Mapping[TableId, TableFacts | BigPatoError]
    partitions: Mapping[TableId, Sequence[PartitionFacts]]
    leased: Collection[str]
    limits: Limits
    prices: Prices
    pinned: Collection[TableId]
    excluded: Collection[TableId]
    now: datetime
    wanted: tuple[TableId, ...] | None
    streaming_ok: bool
    append_only: Collection[TableId]

    @property
    def usual_burst(self) -> float:
        """Queries of one table in one time of work with it, as this person's habits were so far.

        The median over tables: a newcomer is like most of them, not like the one that gets all the queries.
        """
        seen = [usage.uses / usage.bursts for usage in self.usage.values() if usage.bursts]
        return median(seen) if seen else 1.0

    def asked_for(self, table: TableId) -> bool:
        """Pinned, or asked for by name: no arithmetic needed."""
        return table in self.pinned or (self.wanted is not None and table in self.wanted)

    def considered(self, table: TableId) -> bool:
        """Whether this plan may bring it: where tables were named, only those."""
        return self.wanted is None or table in self.wanted


@dataclass(slots=True)
class PlanBuilder:
    """A plan in the making.

    Args:
        room: bytes that copies may take.
        taken: bytes that they will take, as far as the draft goes.
    """

    room: float
    taken: float
    promote: list[Promotion] = field(default_factory=list)
    refresh: list[Refresh] = field(default_factory=list)
    demote: list[Demotion] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def refuse(self, table: TableId, code: str, message: str) -> None:
        """Say why a table is not brought."""
        self.refused.append(Refusal(table, Reason(code, message, table)))

    def drop(self, copy: TableCopy, reason: str) -> None:
        """Take a copy away."""
        self.demote.append(Demotion(copy, reason))
        self.taken -= copy.bytes


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that could be done for a table.

    Args:
        action: what.
        disk: more bytes on disk than now.
        size: bytes on disk in all.
        value: dollars that it is expected to save, infinite where it was asked for.
        pays: ski-rental says that it has paid for itself.
        cost: dollars that it takes.
    """

    action: Promotion | Refresh
    disk: float
    size: float
    value: float
    pays: bool
    cost: float

    @property
    def table(self) -> TableId:
        """Whose."""
        return self.action.facts.id

    @property
    def density(self) -> float:
        """Dollars a byte."""
        return self.value / max(1.0, self.size)
