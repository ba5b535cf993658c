"""What was used, and what a rebalance means to do about it. Sizes are bytes, times seconds, prices US dollars."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bigpato_magic.types.copies import TableCopy
from bigpato_magic.types.queries import Reason
from bigpato_magic.types.tables import Column, PartitionFacts, TableFacts, TableId


@dataclass(frozen=True, slots=True)
class TableUsage:
    """How much a table is used by this principal, over all kernels of the tier.

    Args:
        table: which.
        uses: queries that read it, ever.
        last_used: instant of the last one.
        score: decayed bytes that its queries would bill (or did), see `tier.policy.score`.
        columns: lower-case names of the columns that queries read, all together.
        partitions: partition ids that queries read, None where some query read all.
        seconds_per_query: that a typical query takes on BigQuery.
        weight: decayed number of queries.
        recent: as `score`, with a half-life of hours.
        recent_weight: as `weight`, with a half-life of hours.
        paid: bytes billed for it by BigQuery since it was last brought here (ever, if it never was).
        paid_uses: queries behind `paid`.
        saved: bytes that local answers have saved since it was last brought here.
        saved_uses: queries behind `saved`.
        credit: dollars, time included, that were left after its price when it was last brought here.
        not_billed: bytes that its local answers did not bill, ever.
        bursts: how often it was taken up, first or again after an hour or more without it.
    """

    table: TableId
    uses: int
    last_used: datetime
    score: float = 0.0
    columns: frozenset[str] = frozenset()
    partitions: frozenset[str] | None = None
    seconds_per_query: float = 0.0
    weight: float = 0.0
    recent: float = 0.0
    recent_weight: float = 0.0
    paid: float = 0.0
    paid_uses: int = 0
    saved: float = 0.0
    saved_uses: int = 0
    not_billed: float = 0.0
    bursts: int = 0
    credit: float = 0.0


@dataclass(frozen=True, slots=True)
class Promotion:
    """Bring (a part of) a table here.

    Args:
        facts: of the table, just checked.
        columns: to hold, in schema order.
        partitions: to hold, None for all.
        reason: one sentence.
        bytes: logical bytes to transfer, estimated.
        price: dollars of the transfer, estimated.
        gain: dollars that are expected not to be billed (see `tier.policy.score`).
        gain_seconds: that nobody is expected to wait.
    """

    facts: TableFacts
    columns: tuple[Column, ...]
    partitions: frozenset[str] | None
    reason: str
    bytes: int = 0
    price: float = 0.0
    gain: float = 0.0
    gain_seconds: float = 0.0


class RefreshKind(StrEnum):
    """How much of a changed table is brought again."""

    NOTHING = "nothing"
    PARTITIONS = "partitions"
    APPENDED = "appended"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Refresh:
    """Bring a copy up to its table's version.

    Args:
        copy: the one that is behind.
        facts: of the table, just checked.
        kind: how much is brought again.
        changed: partition ids to bring again, for PARTITIONS; those that are gone are simply dropped.
        present: all partition ids that the table has now, for PARTITIONS, as facts.
        reason: one sentence.
        bytes: logical bytes to transfer, estimated.
        price: dollars, estimated.
        gain: dollars that are expected not to be billed.
        gain_seconds: that nobody is expected to wait.
    """

    copy: TableCopy
    facts: TableFacts
    kind: RefreshKind
    changed: frozenset[str] = frozenset()
    present: tuple[PartitionFacts, ...] = ()
    reason: str = ""
    bytes: int = 0
    price: float = 0.0
    gain: float = 0.0
    gain_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Demotion:
    """Take a copy away, once no kernel leases it."""

    copy: TableCopy
    reason: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A table that was asked for, or is used much, and is not brought here."""

    table: TableId
    reason: Reason


@dataclass(frozen=True, slots=True)
class Plan:
    """What a rebalance would do. Enacted in this order: promote, refresh, demote.

    A demotion that must make room comes with the promotion it is for; the tier sees that the disk never overflows.
    """

    promote: tuple[Promotion, ...] = ()
    refresh: tuple[Refresh, ...] = ()
    demote: tuple[Demotion, ...] = ()
    refused: tuple[Refusal, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.promote or self.refresh or self.demote)
