"""A copy holds what a query reads if every partition that could have such a row is in it: against brute force."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bigpato_magic.pruning.intervals import IntervalSet
from bigpato_magic.pruning.partition_ids import NULL, UNPARTITIONED, needed, span
from bigpato_magic.tier.containment import missing
from bigpato_magic.types import (
    Column,
    Holding,
    Kind,
    Part,
    PartitionFacts,
    Partitioning,
    PartitionUnit,
    SqlType,
    TableCopy,
    TableFacts,
    TableId,
    TableRead,
    TableVersion,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FORMATS = {
    PartitionUnit.HOUR: "%Y%m%d%H",
    PartitionUnit.DAY: "%Y%m%d",
    PartitionUnit.MONTH: "%Y%m",
    PartitionUnit.YEAR: "%Y",
}
RANGE = Partitioning(PartitionUnit.RANGE, "n", start=0, end=95, interval=10)

# Around the hours that New York skips (2024-03-10) and repeats (2024-11-03), the leap day, and year ends.
EDGES = [
    datetime(2024, 3, 10, 6, 59, 59, 999999, UTC),
    datetime(2024, 3, 10, 7, tzinfo=UTC),
    datetime(2024, 11, 3, 5, 30, tzinfo=UTC),
    datetime(2024, 11, 3, 6, 30, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, 59, 999999, UTC),
    datetime(2023, 12, 31, 23, 59, 59, 999999, UTC),
    datetime(1969, 12, 31, 23, 0, tzinfo=UTC),
]
instants = st.one_of(
    st.sampled_from(EDGES),
    st.datetimes(datetime(1965, 1, 1), datetime(2030, 1, 1)).map(lambda d: d.replace(tzinfo=UTC)),
)


def micros(instant):
    return (instant - EPOCH) // timedelta(microseconds=1)


def partition_of(instant, unit):
    """How BigQuery names the partition of a row."""
    return NULL if instant is None else instant.strftime(FORMATS[unit])


@settings(max_examples=300)
@given(
    rows=st.lists(st.one_of(instants, st.none()), min_size=1, max_size=8),
    unit=st.sampled_from(list(FORMATS)),
    bounds=st.tuples(instants, instants),
    nulls=st.booleans(),
)
def test_rows_in_the_domain_are_in_needed_partitions_of_instants(rows, unit, bounds, nulls):
    domain = IntervalSet.between(Kind.TIMESTAMP, *sorted(map(micros, bounds))) | IntervalSet(
        Kind.TIMESTAMP, nulls=nulls
    )
    present = {partition_of(row, unit) for row in rows}
    wanted = needed(domain, Partitioning(unit, "ts"), present)
    for row in rows:
        if (None if row is None else micros(row)) in domain:
            assert partition_of(row, unit) in wanted
    # And nothing more: a needed partition's span meets the domain.
    for name in wanted - {NULL}:
        assert domain.meets(*span(name, Partitioning(unit, "ts"), Kind.TIMESTAMP))
    assert (NULL in wanted) == (nulls and NULL in present)


@given(
    rows=st.lists(st.dates(date(1965, 1, 1), date(2030, 1, 1)), min_size=1, max_size=8),
    unit=st.sampled_from([PartitionUnit.DAY, PartitionUnit.MONTH, PartitionUnit.YEAR]),
    low=st.dates(date(1965, 1, 1), date(2030, 1, 1)),
    days=st.integers(0, 800),
)
def test_rows_in_the_domain_are_in_needed_partitions_of_dates(rows, unit, low, days):
    start = (low - EPOCH.date()).days
    domain = IntervalSet.between(Kind.DATE, start, start + days)
    wanted = needed(domain, Partitioning(unit, "day"), {row.strftime(FORMATS[unit]) for row in rows})
    for row in rows:
        if (row - EPOCH.date()).days in domain:
            assert row.strftime(FORMATS[unit]) in wanted


@given(
    rows=st.lists(st.one_of(st.integers(-20, 120), st.none()), min_size=1),
    low=st.integers(-30, 130),
    n=st.integers(0, 60),
)
def test_numbers_outside_of_a_range_are_in_no_partition_of_their_own(rows, low, n):
    def partition(row):
        if row is None:
            return NULL
        return str(row // 10 * 10) if 0 <= row < 95 else UNPARTITIONED

    domain = IntervalSet.between(Kind.INT64, low, low + n)
    wanted = needed(domain, RANGE, {partition(row) for row in rows})
    assert all(partition(row) in wanted for row in rows if row in domain)
    assert NULL not in wanted


def test_without_a_domain_every_partition_is_needed():
    ids = {"20240101", NULL, UNPARTITIONED}
    assert needed(None, Partitioning(PartitionUnit.DAY, "d"), ids) == ids


@pytest.mark.parametrize("name", ["2024", "20241301", "20240230", "2024010124", "x", "", "２０２４０１０１"])
def test_a_name_that_is_no_partition_of_the_table_can_hold_anything(name):
    assert needed(IntervalSet(Kind.DATE), Partitioning(PartitionUnit.DAY, "d"), {name}) == {name}


# -------------------------------------------------------------------------------------------- copies

TABLE = TableId("p", "d", "t")
COLUMNS = tuple(Column(n, SqlType(k)) for n, k in (("Day", Kind.DATE), ("a", Kind.INT64), ("b", Kind.INT64)))
DAYS = ("20240101", "20240102", "20240103", NULL)


def copy(columns=("day", "a"), partitions=("20240102", "20240103"), known=DAYS):
    version = TableVersion("e", EPOCH, EPOCH, 4, 4, "x")
    facts = TableFacts(TABLE, version, COLUMNS, EPOCH, partitioning=Partitioning(PartitionUnit.DAY, "Day"))
    held = Holding(frozenset(columns), None if partitions is None else frozenset(partitions))
    listed = tuple(PartitionFacts(i, 1, 1) for i in known)
    part = Part(Path("x"), 1, 1, "")
    return TableCopy("c", TABLE, version, COLUMNS, held, (part,), EPOCH, "me", facts=facts, partitions=listed)


def days(first, last, nulls=False):
    low, high = ((date(2024, 1, d) - EPOCH.date()).days for d in (first, last))
    return IntervalSet.between(Kind.DATE, low, high) | IntervalSet(Kind.DATE, nulls=nulls)


@pytest.mark.parametrize(
    ("columns", "domain", "holds"),
    [
        ({"day", "a"}, days(2, 3), True),
        ({"day", "a"}, days(2, 30), True),
        ({"day"}, days(3, 3), True),
        (set(), days(3, 3), True),
        ({"day", "b"}, days(2, 3), False),
        ({"day", "a"}, days(1, 2), False),
        ({"day", "a"}, days(2, 3, nulls=True), False),
        ({"day", "a"}, None, False),
        (set(), None, False),
    ],
)
def test_a_part_of_a_table_answers_what_lies_in_it(columns, domain, holds):
    reason = missing(copy(), TableRead(TABLE, frozenset(columns), domain))
    assert (reason is None) == holds
    assert reason is None or reason.code == "not-held"


def test_a_whole_copy_answers_without_any_predicate():
    assert missing(copy(partitions=None), TableRead(TABLE, frozenset({"a"}))) is None


def test_partitions_that_are_not_known_are_not_trusted():
    read = TableRead(TABLE, frozenset({"a"}), days(2, 3))
    assert missing(copy(known=()), read).code == "not-held"
