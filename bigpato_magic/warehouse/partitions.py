"""Partition ids as predicates of the Storage Read API. Pure.

https://cloud.google.com/bigquery/docs/partitioned-tables and
https://cloud.google.com/bigquery/docs/querying-partitioned-tables#query_an_ingestion-time_partitioned_table
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from bigpato_magic.errors import TransferError
from bigpato_magic.pruning.partition_ids import NULL, UNPARTITIONED, span
from bigpato_magic.types import Kind, Partitioning, PartitionUnit, TableFacts

_EPOCH = datetime(1970, 1, 1)
_LAST = (datetime.max - _EPOCH) // timedelta(microseconds=1)

# Half-open: [first, end) as SQL literals would sort: microseconds since 1970, or values of a range.
Span = tuple[int, int]


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
    try:
        spans = _merged(_spans(by, wanted))
        predicates = [_literal_span(column, bounds, by, _kind(facts, by)) for bounds in spans]
    except (ValueError, OverflowError):
        raise TransferError(f"{facts.id} cannot have all of the partitions {', '.join(wanted[:5])}…") from None
    if NULL in wanted:
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


def _spans(by: Partitioning, ids: Iterable[str]) -> Iterator[Span]:
    for each in ids:
        if each not in (NULL, UNPARTITIONED):
            bounds = span(each, by, Kind.TIMESTAMP)
            if bounds is None:
                raise ValueError(each)
            yield bounds[0], bounds[1] + 1


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Neighbours become one, so that a year of days is one short predicate."""
    merged: list[Span] = []
    for first, end in sorted(spans):
        if merged and merged[-1][1] == first:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((first, end))
    return merged


def _literal_span(column: str, bounds: Span, by: Partitioning, kind: Kind) -> str:
    first, end = bounds
    begins = f"{column} >= {_literal(first, by, kind)}"
    if by.unit is not PartitionUnit.RANGE and end > _LAST:
        return begins  # the last day, month or year that there is: many tables have it for "not ended yet"
    return f"{begins} AND {column} < {_literal(end, by, kind)}"


def _literal(bound: int, by: Partitioning, kind: Kind) -> str:
    if by.unit is PartitionUnit.RANGE:
        return str(bound)
    moment = _EPOCH + timedelta(microseconds=bound)
    if kind is Kind.DATE:
        return f"DATE '{moment:%Y-%m-%d}'"
    if kind is Kind.DATETIME:
        return f"DATETIME '{moment:%Y-%m-%d %H:%M:%S}'"
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}+00'"


def _outside(column: str, by: Partitioning, facts: TableFacts) -> str:
    if by.unit is PartitionUnit.RANGE:
        return f"{column} < {by.start} OR {column} >= {by.end}"
    raise TransferError(f"The rows of {facts.id} in its streaming buffer cannot be read by partition.")
