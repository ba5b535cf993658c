"""Whether what a query reads is all in a copy: columns by name, partitions by what they can hold. Pure."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import date

from bigpato_magic.local.columns import why_not_stored
from bigpato_magic.sql.domains import Domain
from bigpato_magic.types import (
    Kind,
    PartitionFacts,
    Partitioning,
    PartitionUnit,
    Reason,
    TableCopy,
    TableId,
    TableRead,
)

NULL = "__NULL__"
UNPARTITIONED = "__UNPARTITIONED__"
DAY = 86_400_000_000
_EPOCH = date(1970, 1, 1).toordinal()


def needed(
    domain: Domain | None, partitioning: Partitioning, present: Iterable[PartitionFacts | str]
) -> frozenset[str]:
    """The partitions, of those that a table has, which can hold a row whose partitioning column is in the domain.

    Args:
        domain: None for every row.
        partitioning: of the table.
        present: all its partitions, or their ids.
    """
    ids = [p if isinstance(p, str) else p.id for p in present]
    return frozenset(i for i in ids if domain is None or _can_hold(i, domain, partitioning))


def _can_hold(partition: str, domain: Domain, partitioning: Partitioning) -> bool:
    if partition == NULL:
        return domain.nulls
    bounds = span(partition, partitioning, domain.kind)
    # __UNPARTITIONED__ has rows still in the streaming buffer, and values outside a range: it can hold any.
    return bounds is None or domain.meets(*bounds)


def span(partition: str, partitioning: Partitioning, kind: Kind) -> tuple[int, int] | None:
    """The first and the last value of a partition, both included; None where the id does not say.

    Partitions of time begin and end by UTC: https://cloud.google.com/bigquery/docs/partitioned-tables#partition_decorators
    """
    try:
        if partitioning.unit is PartitionUnit.RANGE:
            start = int(partition)
            return start, min(start + partitioning.interval, partitioning.end) - 1
        first, last = _micros(partition, partitioning.unit)
    except (ValueError, OverflowError):
        return None
    return (first // DAY, last // DAY) if kind is Kind.DATE else (first, last)


def _micros(partition: str, unit: PartitionUnit) -> tuple[int, int]:
    """First and last microsecond of `2024`, `202401`, `20240131` or `2024013123`."""
    if len(partition) != _DIGITS[unit] or not (partition.isascii() and partition.isdigit()):
        raise ValueError(partition)
    year, month, day = int(partition[:4]), int(partition[4:6] or 1), int(partition[6:8] or 1)
    start = (date(year, month, day).toordinal() - _EPOCH) * DAY
    if unit is PartitionUnit.HOUR:
        hour = int(partition[8:])
        if hour > 23:
            raise ValueError(partition)
        return start + hour * (DAY // 24), start + (hour + 1) * (DAY // 24) - 1
    days = {
        PartitionUnit.DAY: 1,
        PartitionUnit.MONTH: monthrange(year, month)[1],
        PartitionUnit.YEAR: date(year, 12, 31).timetuple().tm_yday,
    }[unit]
    return start, start + days * DAY - 1


_DIGITS = {PartitionUnit.HOUR: 10, PartitionUnit.DAY: 8, PartitionUnit.MONTH: 6, PartitionUnit.YEAR: 4}


def missing(copy: TableCopy, read: TableRead) -> Reason | None:
    """Why a copy does not hold all that a query reads of its table; None where it does."""
    columns = sorted(read.columns - copy.holding.columns)
    if columns:
        names = ", ".join(columns[:3]) + (f" and {len(columns) - 3} more" if len(columns) > 3 else "")
        found = copy.facts.column(columns[0]) if copy.facts else None
        why = (found and why_not_stored(found)) or ""
        return Reason(
            "not-held", f"the copy of {copy.table.table} does not hold {names}{why and f': {why}'}", copy.table
        )
    held = copy.holding.partitions
    if held is None:
        return None
    partitioning = copy.facts.partitioning if copy.facts else None
    if partitioning is None or not copy.partitions:
        return Reason("not-held", f"it is not known which partitions of {copy.table.table} the query needs", copy.table)
    absent = needed(read.partitions, partitioning, copy.partitions) - held
    if not absent:
        return None
    which = f"partition {min(absent)}" if len(absent) == 1 else f"{len(absent)} partitions ({min(absent)} …)"
    why = "" if read.partitions is not None else ", all of which the query reads"
    return Reason("not-held", f"the copy of {copy.table.table} does not hold {which}{why}", copy.table)


def not_held(reads: Mapping[TableId, TableRead], copies: Mapping[TableId, TableCopy]) -> tuple[Reason, ...]:
    """What of a query's reads the copies do not hold; nothing where the query can be local."""
    found = (missing(copies[table], read) for table, read in reads.items() if table in copies)
    return tuple(reason for reason in found if reason is not None)
