"""Tables and kept answers as screens show them: what is here, what is used, what it saves. Cheap: never asks BigQuery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bigpato_magic.tier.policy import score
from bigpato_magic.types import Freshness, TableCopy, TableId, TableUsage, TransferEvent

if TYPE_CHECKING:
    from bigpato_magic.status import Status
    from bigpato_magic.tier.freshness.facts import FactsCache
    from bigpato_magic.tier.policy.kept import KeptUse
    from bigpato_magic.tier.tier import Tier


LRU_CAPACITY = 10
"""How many of the last used tables have a position, as in the original."""

FIRST_WORDS = 200
"""Characters of a query that a screen shows."""


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
        score: what holding it is worth over the next three days by your habits, dollars, time at its price.
        score_dollars: of it: not billed.
        score_seconds: of it: not waited.
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
    score_dollars: float = 0.0
    score_seconds: float = 0.0
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
    moving = {event.table: event for event in status.transfers if not event.over}
    pinned = tier.preferences.pinned()
    names = dict.fromkeys((*lru, *usage, *copies, *moving, *pinned))
    positions = {table: i for i, table in enumerate(lru, 1)}
    views = _Views(tier, usage, copies, positions, moving, pinned, tier.preferences.excluded(), tier.prices())
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
        expected = score.expected(usage, self.prices) if usage else score.Account(0.0, 0.0)
        return TableRow(
            id=table,
            where="local" if copy else "bigquery",
            uses=usage.uses if usage else 0,
            lru=self.lru.get(table),
            last_used=usage.last_used if usage else None,
            bytes=facts.version.bytes if facts else None,
            local_bytes=copy.bytes if copy else 0,
            freshness=freshness,
            fresh_as_of=self.tier.facts.equal_until(copy, freshness) if copy else None,
            not_billed_bytes=int(not_billed),
            not_billed_dollars=score.query_price(not_billed, self.prices),
            score=expected.worth(self.prices),
            score_dollars=expected.dollars,
            score_seconds=expected.seconds,
            pinned=table in self.pinned,
            excluded=table in self.excluded,
            held=_held(copy) if copy else "",
            stage=event.stage if event else "",
            progress=event.done / event.total if event and event.total else None,
            reason=str(reason) if reason else "",
        )


def _held(copy: TableCopy) -> str:
    columns = len(copy.facts.columns) if copy.facts else len(copy.columns)
    parts = [] if len(copy.columns) == columns else [f"{len(copy.columns)} of {columns} columns"]
    if copy.holding.partitions is not None:
        parts.append(f"{len(copy.holding.partitions)} partitions")
    return ", ".join(parts) or "all"


# ------------------------------------------------------------------------------------ kept answers


@dataclass(frozen=True, slots=True)
class KeptRow:
    """What a screen shows of a kept answer.

    Args:
        id: its invented table, which names it.
        query: the first words of what was asked, on one line.
        tables: that it rests on.
        rows: it has.
        local_bytes: on the disk.
        answered: when BigQuery answered: its tables are known to have been then what the answer says.
        uses: answers that it gave.
        last_used: when it gave the last one, or was kept, UTC; None where that is not known.
        not_billed_bytes: of these answers, ever.
        not_billed_dollars: for them.
        freshness: by what is known of its tables; UNKNOWN where BigQuery has not been asked about one yet.
        fresh_as_of: the instant up to which it is known to be what BigQuery would answer.
        reason: why it is not fresh, one sentence.
    """

    id: TableId
    query: str
    tables: tuple[TableId, ...]
    rows: int
    local_bytes: int
    answered: datetime
    uses: int = 0
    last_used: datetime | None = None
    not_billed_bytes: int = 0
    not_billed_dollars: float = 0.0
    freshness: Freshness = Freshness.UNKNOWN
    fresh_as_of: datetime | None = None
    reason: str = ""


def kept_rows(tier: Tier) -> list[KeptRow]:
    """A row for each kept answer, the last used first.

    Raises:
        TierError: the directory cannot be used.
    """
    opened = tier.open()
    kept, prices = opened.catalog.kept(), tier.prices()
    uses = opened.kept_uses.totals() if kept else {}
    rows = [_kept_row(copy, tier.facts, uses.get(copy.table.table), prices) for copy in kept]
    return sorted(rows, key=lambda row: row.last_used or row.answered, reverse=True)


def _kept_row(copy: TableCopy, facts: FactsCache, use: KeptUse | None, prices: score.Prices) -> KeptRow:
    freshness, reason = facts.judge(copy)
    not_billed = use.not_billed if use else 0.0
    return KeptRow(
        id=copy.table,
        query=_first_words(copy.source.sql) if copy.source else "",
        tables=tuple(basis.table for basis in copy.bases),
        rows=copy.rows,
        local_bytes=copy.bytes,
        answered=copy.came,
        uses=use.uses if use else 0,
        last_used=use.last_used if use else None,
        not_billed_bytes=int(not_billed),
        not_billed_dollars=score.query_price(not_billed, prices),
        freshness=freshness,
        fresh_as_of=facts.equal_until(copy, freshness),
        reason=str(reason) if reason else "",
    )


def _first_words(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= FIRST_WORDS else f"{line[: FIRST_WORDS - 1]}…"
