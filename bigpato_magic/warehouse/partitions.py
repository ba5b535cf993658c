"""Partition ids as predicates of the Storage Read API. Pure.

https://cloud.google.com/bigquery/docs/partitioned-tables and
https://cloud.google.com/bigquery/docs/querying-partitioned-tables#query_an_ingestion-time_partitioned_table
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from bigpato_magic.errors import TransferError
from bigpato_magic.types import Kind, Partitioning, PartitionUnit, TableFacts

NULLS = "__NULL__"
UNPARTITIONED = "__UNPARTITIONED__"

_FORMATS = {
    PartitionUnit.HOUR: "%Y%m%d%H",
    PartitionUnit.DAY: "%Y%m%d",
    PartitionUnit.MONTH: "%Y%m",
    PartitionUnit.YEAR: "%Y",
}

# Half-open: [first, end) as SQL literals would sort, by datetime or int.
Span = tuple[datetime, datetime] | tuple[int, int]


def row_restriction(facts: TableFacts, partitions: Iterable[str]) -> str:
    """A predicate in GoogleSQL that is true for exactly the rows of these partitions.

    Raises:
        TransferError: the table is not partitioned, or a partition has no predicate (rows of a streaming buffer).
    """
    by = facts.partitioning
    wanted = sorted(partitions)
    if by is None:
        raise TransferError(f"{facts.id} is not partitioned.")
    if not wanted:
        return "FALSE"
    column = f"`{by.column}`" if by.column else "_PARTITIONTIME"
    predicates = [_literal_span(column, span, _kind(facts, by)) for span in _merged(_spans(by, wanted, facts))]
    if NULLS in wanted:
        predicates.append(f"{column} IS NULL")
    if UNPARTITIONED in wanted:
        predicates.append(_outside(column, by, facts))
    return " OR ".join(f"({p})" for p in predicates)


def _kind(facts: TableFacts, by: Partitioning) -> Kind:
    if by.column is None:
        return Kind.TIMESTAMP
    column = facts.column(by.column)
    if column is None:
        raise TransferError(f"{facts.id} has no column {by.column} that it is partitioned by.")
    return column.type.kind


def _spans(by: Partitioning, ids: Iterable[str], facts: TableFacts) -> list[Span]:
    plain = [p for p in ids if p not in (NULLS, UNPARTITIONED)]
    try:
        if by.unit is PartitionUnit.RANGE:
            return [(int(p), min(int(p) + by.interval, by.end)) for p in plain]
        return [_time_span(by.unit, p) for p in plain]
    except ValueError:
        raise TransferError(f"{facts.id} cannot have all of the partitions {', '.join(plain[:5])}…") from None


def _time_span(unit: PartitionUnit, partition: str) -> tuple[datetime, datetime]:
    start = datetime.strptime(partition, _FORMATS[unit])
    if unit is PartitionUnit.HOUR:
        return start, start + timedelta(hours=1)
    if unit is PartitionUnit.DAY:
        return start, start + timedelta(days=1)
    if unit is PartitionUnit.MONTH:
        return start, start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return start, start.replace(year=start.year + 1)


def _merged(spans: list[Span]) -> list[Span]:
    """Neighbours become one, so that a year of days is one short predicate."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and merged[-1][1] == span[0]:
            merged[-1] = (merged[-1][0], span[1])  # type: ignore[assignment]
        else:
            merged.append(span)
    return merged


def _literal_span(column: str, span: Span, kind: Kind) -> str:
    first, end = (_literal(bound, kind) for bound in span)
    return f"{column} >= {first} AND {column} < {end}"


def _literal(bound: datetime | int, kind: Kind) -> str:
    if isinstance(bound, int):
        return str(bound)
    if kind is Kind.DATE:
        return f"DATE '{bound:%Y-%m-%d}'"
    if kind is Kind.DATETIME:
        return f"DATETIME '{bound:%Y-%m-%d %H:%M:%S}'"
    return f"TIMESTAMP '{bound:%Y-%m-%d %H:%M:%S}+00'"


def _outside(column: str, by: Partitioning, facts: TableFacts) -> str:
    if by.unit is PartitionUnit.RANGE:
        return f"{column} < {by.start} OR {column} >= {by.end}"
    raise TransferError(f"The rows of {facts.id} in its streaming buffer cannot be read by partition.")
