"""Partition ids as predicates: true for exactly the rows of the partitions, as an engine evaluates them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bigpato_magic.errors import TransferError
from bigpato_magic.types import Column, Kind, Partitioning, PartitionUnit, SqlType, TableFacts, TableId, TableVersion
from bigpato_magic.warehouse.partitions import row_restriction

FORMATS = {
    PartitionUnit.HOUR: "%Y%m%d%H",
    PartitionUnit.DAY: "%Y%m%d",
    PartitionUnit.MONTH: "%Y%m",
    PartitionUnit.YEAR: "%Y",
}
START = datetime(2023, 12, 30, 22)
MOMENTS = [START + timedelta(minutes=61 * i) for i in range(40)] + [START + timedelta(days=9 * i) for i in range(90)]
MOMENTS += [datetime(9999, 11, 30), datetime(9999, 12, 30, 23), datetime(9999, 12, 31, 23, 59)]


def facts(by: Partitioning | None, kind: Kind = Kind.INT64) -> TableFacts:
    version = TableVersion("e", datetime(2024, 1, 1, tzinfo=UTC), None, 1, 1, "x")
    return TableFacts(TableId("p", "d", "t"), version, (Column("c", SqlType(kind)),), version.modified, partitioning=by)


def rows_where(predicate: str, sql_type: str, values: list[object]) -> set[object]:
    """The values for which DuckDB finds the predicate true; its quotes are others than BigQuery's."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TABLE t (c {sql_type})")
        connection.executemany("INSERT INTO t VALUES (?)", [[v] for v in values])
        found = connection.execute(f"SELECT c FROM t WHERE {predicate.replace('`', '')}").fetchall()
    return {row[0] for row in found}


@settings(max_examples=50, deadline=None)
@given(
    unit=st.sampled_from(sorted(FORMATS)),
    picked=st.sets(st.integers(0, len(MOMENTS) - 1), max_size=6),
    nulls=st.booleans(),
)
def test_time_partitions_are_the_rows_whose_id_it_is(unit: PartitionUnit, picked: set[int], nulls: bool) -> None:
    ids = {MOMENTS[i].strftime(FORMATS[unit]) for i in picked}
    expected = {m for m in MOMENTS if m.strftime(FORMATS[unit]) in ids} | ({None} if nulls else set())
    wanted = ids | ({"__NULL__"} if nulls else set())
    predicate = row_restriction(facts(Partitioning(unit, "c"), Kind.DATETIME), wanted)

    readable = predicate.replace("DATETIME '", "TIMESTAMP '")
    assert rows_where(readable, "TIMESTAMP", [*MOMENTS, None]) == expected


@settings(max_examples=25, deadline=None)
@given(picked=st.sets(st.sampled_from([0, 10, 20, 30, 40]), max_size=5), outside=st.booleans())
def test_range_partitions_are_their_intervals_and_the_rest_is_unpartitioned(picked: set[int], outside: bool) -> None:
    by = Partitioning(PartitionUnit.RANGE, "c", 0, 45, 10)
    values = list(range(-5, 60))
    expected = {v for v in values if 0 <= v < 45 and v // 10 * 10 in picked}
    expected |= {v for v in values if v < 0 or v >= 45} if outside else set()
    wanted = {str(p) for p in picked} | ({"__UNPARTITIONED__"} if outside else set())

    assert rows_where(row_restriction(facts(by), wanted), "BIGINT", values) == expected


def test_neighbours_are_one_interval() -> None:
    days = {f"2024{month:02}{day:02}" for month in (1, 2) for day in range(1, 30)} | {"20240130", "20240131"}
    predicate = row_restriction(facts(Partitioning(PartitionUnit.DAY, "c"), Kind.DATE), days)

    assert predicate == "(`c` >= DATE '2024-01-01' AND `c` < DATE '2024-03-01')"
    assert date(2024, 2, 29) in rows_where(predicate, "DATE", [date(2024, 2, 29)])


def test_ingestion_time_is_a_pseudo_column() -> None:
    predicate = row_restriction(facts(Partitioning(PartitionUnit.DAY)), {"20240131"})

    assert predicate == (
        "(_PARTITIONTIME >= TIMESTAMP '2024-01-31 00:00:00+00' AND _PARTITIONTIME < TIMESTAMP '2024-02-01 00:00:00+00')"
    )


@pytest.mark.parametrize(
    ("by", "ids", "says"),
    [
        (None, {"20240101"}, "not partitioned"),
        (Partitioning(PartitionUnit.DAY, "c"), {"x'; DROP"}, "cannot have all of the partitions"),
        (Partitioning(PartitionUnit.DAY, "gone"), {"20240101"}, "no column gone"),
        (Partitioning(PartitionUnit.DAY, "c"), {"__UNPARTITIONED__"}, "streaming buffer"),
    ],
)
def test_what_has_no_predicate_is_refused(by: Partitioning | None, ids: set[str], says: str) -> None:
    with pytest.raises(TransferError, match=says):
        row_restriction(facts(by, Kind.DATE), ids)
