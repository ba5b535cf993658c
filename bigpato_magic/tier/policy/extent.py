"""Which columns and partitions of a table to hold, and how much of a changed table to bring again. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bigpato_magic.tier.freshness.verdict import difference
from bigpato_magic.tier.policy import score
from bigpato_magic.tier.policy.score import MIB, Prices
from bigpato_magic.traits import format_size
from bigpato_magic.types import (
    Column,
    Holding,
    PartitionFacts,
    Refresh,
    RefreshKind,
    TableCopy,
    TableFacts,
    TableUsage,
)

SMALL = 64 * MIB
"""A table of at most this many bytes is held whole: its transfer takes about a second, and a new column or an older
partition in the next query finds it here."""

MOST = 0.7
"""Where the used part is at least this share of the table, the rest is cheap: all of it is held (or brought again)."""

BEYOND = 8
"""Who reads beyond the columns of a copy will do so again, and each time all that it holds comes anew: so all columns come,
where they are not more than so many times the used ones."""

RECENT = 3
"""Who reads one of so many newest partitions will read the next one too: all from the oldest used one on are held."""


@dataclass(frozen=True, slots=True)
class Want:
    """What of a table ought to be here: columns in schema order, partitions (None for all), and their logical bytes."""

    columns: tuple[Column, ...]
    partitions: frozenset[str] | None
    bytes: float

    @property
    def names(self) -> frozenset[str]:
        """Lower-case names of the columns."""
        return frozenset(c.name.lower() for c in self.columns)


def choose_extent(
    usage: TableUsage | None,
    facts: TableFacts,
    present: Sequence[PartitionFacts] = (),
    held: Holding | None = None,
    most: float = math.inf,
) -> Want:
    """The part of a table that its queries use; all of it where it is small or nothing is known.

    Args:
        usage: None for a table that was asked for by name and never used.
        facts: of the table.
        present: its partitions, () where unknown or not partitioned.
        held: what is here already, and is not given up.
        most: logical bytes for which there is room.
    """
    able = score.copyable(facts.columns)
    whole = Want(able, None, score.read_bytes(facts, {c.name.lower() for c in able}))
    if usage is None or whole.bytes <= SMALL:
        return whole
    partitions = _partitions(usage, present, held)
    columns = _columns(usage, facts, able, held)
    size = _bytes(facts, columns, partitions, present)
    if held is not None and usage.columns & whole.names - held.columns:
        everything = Want(able, partitions, _bytes(facts, able, partitions, present))
        if everything.bytes <= min(most, BEYOND * size):
            return everything
    return Want(columns, partitions, size)


def _columns(
    usage: TableUsage, facts: TableFacts, able: tuple[Column, ...], held: Holding | None
) -> tuple[Column, ...]:
    if not usage.columns:
        return able
    names = usage.columns | (held.columns if held else frozenset())
    if facts.partitioning and facts.partitioning.column:
        names |= {facts.partitioning.column.lower()}
    chosen = tuple(c for c in able if c.name.lower() in names)
    most = MOST * score.read_bytes(facts, {c.name.lower() for c in able})
    return able if score.read_bytes(facts, {c.name.lower() for c in chosen}) >= most else chosen


def _partitions(usage: TableUsage, present: Sequence[PartitionFacts], held: Holding | None) -> frozenset[str] | None:
    if usage.partitions is None or not present or (held is not None and held.partitions is None):
        return None
    ids = sorted(p.id for p in present)
    names = (usage.partitions | (held.partitions or frozenset() if held else frozenset())) & set(ids)
    ordinary = [i for i in ids if not i.startswith("__")]
    if ordinary and names & set(ordinary[-RECENT:]):
        first = min(names & set(ordinary), key=ordinary.index)
        names |= set(ordinary[ordinary.index(first) :])
    return None if score.partition_share(names, present) >= MOST else frozenset(names)


def _bytes(
    facts: TableFacts, columns: Sequence[Column], partitions: Collection[str] | None, present: Sequence[PartitionFacts]
) -> float:
    return score.read_bytes(facts, {c.name.lower() for c in columns}, partitions, present)


# ----------------------------------------------------------------------------------------------- refresh


def choose_refresh(
    copy: TableCopy,
    facts: TableFacts,
    present: Sequence[PartitionFacts],
    prices: Prices,
    *,
    append_only: bool = False,
) -> Refresh:
    """How a copy that is behind its table comes up to it for the least money, and why.

    Args:
        copy: that is behind (or without proof that it is not).
        facts: of the table now.
        present: the table's partitions now, () where unknown or not partitioned.
        prices: of transfers.
        append_only: the person says that rows of this table never change and never go.
    """
    if copy.version.schema_digest != facts.version.schema_digest:
        return _whole(copy, facts, prices, present, "its schema has changed")
    if not copy.partitions or not present:
        return _unpartitioned(copy, facts, prices, append_only)
    distrust = _distrust(copy.partitions, present, facts)
    if distrust is not None:
        return _whole(copy, facts, prices, present, distrust)
    return _by_partitions(copy, facts, present, prices)


def _unpartitioned(copy: TableCopy, facts: TableFacts, prices: Prices, append_only: bool) -> Refresh:
    grown = facts.version.rows - copy.version.rows
    if append_only and grown > 0 and copy.version.created == facts.version.created:
        size = _held_bytes(copy, facts) * grown / max(1, facts.version.rows)
        return _refresh(copy, facts, prices, RefreshKind.APPENDED, f"{grown:,} rows were appended", size)
    why = difference(copy.version, facts.version) or "it cannot be proven that it has not changed"
    return _whole(copy, facts, prices, (), f"it {why}, and nothing tells which rows")


def _distrust(old: Sequence[PartitionFacts], new: Sequence[PartitionFacts], facts: TableFacts) -> str | None:
    """Why the partition list cannot be believed, if so.

    Deletions need not move a partition's modified time, so rows and bytes are compared too:
    https://cloud.google.com/bigquery/docs/information-schema-partitions
    """
    if facts.streaming:
        return "rows are being streamed into it"
    if sum(p.rows for p in new) != facts.version.rows:
        return "the rows of its partitions do not add up to the table's"
    before = {p.id: p for p in old}
    for p in new:
        o = before.get(p.id)
        if p.modified is None or (o is not None and o.modified is None):
            return "its partitions have no modified times"
        if o is None or o == p:
            continue
        if p.modified == o.modified:
            return f"partition {p.id} has changed without a new modified time"
    return None


def _by_partitions(copy: TableCopy, facts: TableFacts, present: Sequence[PartitionFacts], prices: Prices) -> Refresh:
    before = {p.id: p for p in copy.partitions}
    wanted = still_wanted(copy, present)
    changed = frozenset(p.id for p in present if p.id in wanted and (before.get(p.id) != p or not _holds(copy, p.id)))
    gone = set(before) - {p.id for p in present}
    size = _held_bytes(copy, facts) * score.partition_share(changed, present)
    if not changed and not gone:
        return _refresh(copy, facts, prices, RefreshKind.NOTHING, "no partition of it has changed", 0, present=present)
    if size >= MOST * _held_bytes(copy, facts) * score.partition_share(wanted, present):
        return _whole(copy, facts, prices, present, f"{len(changed)} of {len(wanted)} partitions have changed")
    reason = f"{len(changed)} of {len(wanted)} partitions have changed" + (f", {len(gone)} are gone" if gone else "")
    return _refresh(copy, facts, prices, RefreshKind.PARTITIONS, reason, size, changed, present)


def still_wanted(copy: TableCopy, present: Sequence[PartitionFacts]) -> frozenset[str]:
    """The partitions that the refreshed copy holds: those that it held, and new ones after its newest."""
    held = copy.holding.partitions
    ids = frozenset(p.id for p in present)
    if held is None:
        return ids
    newest = max((p.id for p in copy.partitions if not p.id.startswith("__")), default="")
    follows = newest in held
    return frozenset(i for i in ids if i in held or (follows and i > newest and not i.startswith("__")))


def _holds(copy: TableCopy, partition: str) -> bool:
    return copy.holding.partitions is None or partition in copy.holding.partitions


def _held_bytes(copy: TableCopy, facts: TableFacts) -> float:
    return score.read_bytes(facts, {c.name.lower() for c in copy.columns})


def _whole(
    copy: TableCopy, facts: TableFacts, prices: Prices, present: Sequence[PartitionFacts], reason: str
) -> Refresh:
    share = score.partition_share(copy.holding.partitions, present)
    return _refresh(copy, facts, prices, RefreshKind.WHOLE, reason, _held_bytes(copy, facts) * share, present=present)


def _refresh(
    copy: TableCopy,
    facts: TableFacts,
    prices: Prices,
    kind: RefreshKind,
    reason: str,
    size: float,
    changed: frozenset[str] = frozenset(),
    present: Sequence[PartitionFacts] = (),
) -> Refresh:
    amount = f" ({format_size(size)})" if size else ""
    return Refresh(
        copy, facts, kind, changed, tuple(present), reason + amount, int(size), score.transfer_price(size, prices)
    )
