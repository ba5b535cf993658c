"""Which partitions can hold a row whose partitioning column is in a set of values. Pure."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import date

from bigpato_magic.pruning.intervals import IntervalSet
from bigpato_magic.types import Kind, PartitionFacts, Partitioning, PartitionUnit
from bigpato_magic.types.date_parts import DAY_MICROS, MICROS

NULL = "__NULL__"
UNPARTITIONED = "__UNPARTITIONED__"
FORMATS = {
    PartitionUnit.HOUR: "%Y%m%d%H",
    PartitionUnit.DAY: "%Y%m%d",
    PartitionUnit.MONTH: "%Y%m",
    PartitionUnit.YEAR: "%Y",
}
"""The id of a partition of time, as `strftime` writes it."""
_DIGITS = {unit: len(date(2024, 1, 31).strftime(form)) for unit, form in FORMATS.items()}
_EPOCH = date(1970, 1, 1).toordinal()


def needed(
    domain: IntervalSet | None, partitioning: Partitioning, present: Iterable[PartitionFacts | str]
) -> frozenset[str]:
    """The partitions, of those that a table has, which can hold a row whose partitioning column is in the domain.

    Args:
        domain: None for every row.
        partitioning: of the table.
        present: all its partitions, or their ids.
    """
    ids = [p if isinstance(p, str) else p.id for p in present]
    return frozenset(i for i in ids if domain is None or _can_hold(i, domain, partitioning))


def _can_hold(partition: str, domain: IntervalSet, partitioning: Partitioning) -> bool:
    if partition == NULL:
        return domain.nulls
    bounds = span(partition, partitioning, domain.kind)
    # __UNPARTITIONED__ has rows still in the streaming buffer, and values outside a range: it can hold any.
    return bounds is None or domain.meets(*bounds)


def span(partition: str, partitioning: Partitioning, kind: Kind) -> tuple[int, int] | None:
    """The first and the last value of a partition, both included; None where the id does not say.

    Partitions of time begin and end by UTC: https://cloud.google.com/bigquery/docs/partitioned-tables#partition_decorators

    Args:
        partition: its id: `20240131`, or the first value of a range.
        partitioning: of the table.
        kind: of the partitioning column: the bounds are days of a DATE, and microseconds since 1970 of an instant.
    """
    try:
        if partitioning.unit is PartitionUnit.RANGE:
            start = int(partition)
            return start, min(start + partitioning.interval, partitioning.end) - 1
        first, last = _micros(partition, partitioning.unit)
    except (ValueError, OverflowError):
        return None
    return (first // DAY_MICROS, last // DAY_MICROS) if kind is Kind.DATE else (first, last)


def _micros(partition: str, unit: PartitionUnit) -> tuple[int, int]:
    """First and last microsecond of `2024`, `202401`, `20240131` or `2024013123`."""
    if len(partition) != _DIGITS[unit] or not (partition.isascii() and partition.isdigit()):
        raise ValueError(partition)
    year, month, day = int(partition[:4]), int(partition[4:6] or 1), int(partition[6:8] or 1)
    start = (date(year, month, day).toordinal() - _EPOCH) * DAY_MICROS
    if unit is PartitionUnit.HOUR:
        hour = int(partition[8:])
        if hour > 23:
            raise ValueError(partition)
        return start + hour * MICROS["HOUR"], start + (hour + 1) * MICROS["HOUR"] - 1
    days = {
        PartitionUnit.DAY: 1,
        PartitionUnit.MONTH: monthrange(year, month)[1],
        PartitionUnit.YEAR: date(year, 12, 31).timetuple().tm_yday,
    }[unit]
    return start, start + days * DAY_MICROS - 1
