"""Whether what a query reads is all in a copy: columns by name, partitions by what they can hold. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from bigpato_magic.local.columns import why_not_stored
from bigpato_magic.pruning.partition_ids import needed
from bigpato_magic.types import Reason, TableCopy, TableId, TableRead


def missing(copy: TableCopy, read: TableRead) -> Reason | None:
    """Why a copy does not hold all that a query reads of its table; None where it does."""
    columns = sorted(read.columns - copy.holding.columns)
    if columns:
        names = ", ".join(columns[:3]) + (f" and {len(columns) - 3} more" if len(columns) > 3 else "")
        column = copy.facts.column(columns[0]) if copy.facts else None
        why = (column and why_not_stored(column)) or ""
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
    reasons = (missing(copies[table], read) for table, read in reads.items() if table in copies)
    return tuple(reason for reason in reasons if reason is not None)
