"""The tables as screens show them: what is here, what is used, what it saves. Cheap: never asks BigQuery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from bigpato_magic.tier import score
from bigpato_magic.types import Freshness, TableCopy, TableId, TableUsage, TransferEvent

if TYPE_CHECKING:
    from bigpato_magic.status import Status
    from bigpato_magic.tier.tier import Tier


LRU_CAPACITY = 10
"""How many of the last used tables have a position, as in the original."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """What a screen shows of a table.

    Args:
        id: the table.
        where: `local` or `bigquery`.
        uses: queries that read it.
        lru: position among the last used (1 is the newest), None if not among them.
        last_used: UTC, None if never.
        bytes: in BigQuery, None where not known yet.
        local_bytes: of the copy on disk, 0 without one.
        freshness: of the copy at its last check.
        fresh_as_of: the instant up to which the copy is known to be the table's content.
        not_billed_bytes: of its local answers, ever.
        not_billed_dollars: for them.
        score: what holding it is worth a month, dollars.
        score_parts: by name.
        pinned: the person wants it held.
        excluded: the person wants it never held.
        held: what of the table is here: `all`, `3 of 10 columns, 12 partitions`, or nothing.
        stage: of a running transfer, or nothing.
        progress: of it, 0 to 1, None where not known.
        reason: why it is not here or not fresh, one sentence.
    """

    id: TableId
    where: str
    uses: int = 0
    lru: int | None = None
    last_used: datetime | None = None
    bytes: int | None = None
    local_bytes: int = 0
    freshness: Freshness = Freshness.UNKNOWN
    fresh_as_of: datetime | None = None
    not_billed_bytes: int = 0
    not_billed_dollars: float = 0.0
    score: float = 0.0
    score_parts: Mapping[str, float] = field(default_factory=dict)
    pinned: bool = False
    excluded: bool = False
    held: str = ""
    stage: str = ""
    progress: float | None = None
    reason: str = ""


def table_rows(tier: Tier, status: Status) -> list[TableRow]:
    """A row for each table that was used, is here, or is on its way; the last used first."""
    usage, copies = tier.usage.totals(), tier.copies()
    lru = list(reversed(tier.usage.lru(LRU_CAPACITY)))
    moving = {event.table: event for event in status.transfers if event.stage not in ("done", "failed")}
    pinned = tier.pinned_tables()
    names = dict.fromkeys((*lru, *usage, *copies, *moving, *pinned))
    positions = {table: i for i, table in enumerate(lru, 1)}
    views = _Views(tier, usage, copies, positions, moving, pinned, tier.excluded_tables(), tier.prices())
    return [views.row(table) for table in names]


@dataclass(frozen=True, slots=True)
class _Views:
    """All that rows are made from, asked once."""

    tier: Tier
    usage: Mapping[TableId, TableUsage]
    copies: Mapping[TableId, TableCopy]
    lru: Mapping[TableId, int]
    moving: Mapping[TableId, TransferEvent]
    pinned: frozenset[TableId]
    excluded: frozenset[TableId]
    prices: score.Prices

    def row(self, table: TableId) -> TableRow:
        usage, copy, event = self.usage.get(table), self.copies.get(table), self.moving.get(table)
        facts = self.tier.facts.known(table) or (copy.facts if copy else None)
        freshness, reason = self.tier.facts.judge(copy) if copy else (Freshness.UNKNOWN, None)
        not_billed = usage.not_billed if usage else 0.0
        return TableRow(
            id=table,
            where="local" if copy else "bigquery",
            uses=usage.uses if usage else 0,
            lru=self.lru.get(table),
            last_used=usage.last_used if usage else None,
            bytes=facts.version.bytes if facts else None,
            local_bytes=copy.bytes if copy else 0,
            freshness=freshness,
            fresh_as_of=self.tier.facts.fresh_as_of([copy])[0] if copy else None,
            not_billed_bytes=int(not_billed),
            not_billed_dollars=score.query_price(not_billed, self.prices),
            score=score.gain(usage, self.prices) if usage else 0.0,
            score_parts=_score_parts(usage, self.prices) if usage else {},
            pinned=table in self.pinned,
            excluded=table in self.excluded,
            held=_held(copy) if copy else "",
            stage=event.stage if event else "",
            progress=event.done / event.total if event and event.total else None,
            reason=str(reason) if reason else "",
        )


def _score_parts(usage: TableUsage, prices: score.Prices) -> dict[str, float]:
    billed = score.query_price(usage.score, prices)
    return {"bytes not billed": billed, "time": score.gain(usage, prices) - billed}


def _held(copy: TableCopy) -> str:
    columns = len(copy.facts.columns) if copy.facts else len(copy.columns)
    parts = [] if len(copy.columns) == columns else [f"{len(copy.columns)} of {columns} columns"]
    if copy.holding.partitions is not None:
        parts.append(f"{len(copy.holding.partitions)} partitions")
    return ", ".join(parts) or "all"
