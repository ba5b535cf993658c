"""A copy of only those partitions that a query is said to need gives the answer of the whole table.

Both answers are those of Google's reference implementation; the queries are random.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from random import Random

import pyarrow as pa
import pytest

from bigpato_magic import frames
from bigpato_magic.errors import AnalyzerUnavailable, QueryError
from bigpato_magic.googlesql.evaluation import WorkLimits
from bigpato_magic.pruning.partition_ids import needed
from bigpato_magic.pruning.pushdown import partition_domains
from bigpato_magic.types import Kind, OutputColumn, Partitioning, PartitionUnit, SqlType

from .random_queries import Queries
from .test_predicates import facts

AMPLE = WorkLimits(measured=False)
FORMATS = {
    PartitionUnit.HOUR: "%Y%m%d%H",
    PartitionUnit.DAY: "%Y%m%d",
    PartitionUnit.MONTH: "%Y%m",
    PartitionUnit.YEAR: "%Y",
}


@dataclass(frozen=True)
class World:
    """Tables p and q, partitioned by d, and x, which is not; all with the same columns."""

    partitioning: Partitioning
    kind: Kind
    values: tuple
    functions: tuple[str, ...] = ()

    @property
    def columns(self):
        if self.partitioning.column:
            return [(self.partitioning.column, self.kind), ("n", Kind.INT64)]
        return [("n", Kind.INT64)]

    def table(self, name):
        return facts(name, self.columns if name != "x" else [("d", self.kind), ("n", Kind.INT64)], self.by(name))

    def by(self, name):
        return None if name == "x" else self.partitioning

    def selected(self, name):
        if name == "x" or self.partitioning.column == "d":
            return name
        return f"(SELECT {self.partitioning.column or '_PARTITIONTIME'} AS d, n FROM {name})"

    def arrow(self, name, rows):
        by = self.by(name)
        d = "d" if by is None else (by.column or "_PARTITIONTIME")
        outputs = (OutputColumn(d, SqlType(self.kind)), OutputColumn("n", SqlType(Kind.INT64)))
        held = pa.Table.from_pylist([{d: r[0], "n": r[1]} for r in rows], frames.arrow_schema(outputs))
        if d == "_PARTITIONTIME":
            days = pa.array([None if r[0] is None else r[0].date() for r in rows], pa.date32())
            held = held.append_column("_PARTITIONDATE", days)
        return held

    def partition(self, value):
        """The id of the partition that a value is in."""
        if value is None:
            return "__NULL__" if self.partitioning.column else "__UNPARTITIONED__"
        if self.partitioning.unit is not PartitionUnit.RANGE:
            return value.strftime(FORMATS[self.partitioning.unit])
        start, end, step = self.partitioning.start, self.partitioning.end, self.partitioning.interval
        return str(value - (value - start) % step) if start <= value < end else "__UNPARTITIONED__"

    def literal(self, value):
        if self.kind is Kind.INT64:
            return str(value)
        text = value.isoformat(" ") if isinstance(value, datetime) else str(value)
        return f"{self.kind.value} '{text}'"


def moments(*texts, zone=None):
    return tuple(datetime.fromisoformat(text).replace(tzinfo=zone) for text in texts)


HOURS = (
    "2024-01-01 00:00",
    "2024-01-01 00:59:59.999999",
    "2024-01-01 01:00",
    "2024-01-01 23:59:59",
    "2024-01-02 08:00",
)
MONTHS = ("2023-12-31 23:59:59.999999", "2024-01-01 00:00", "2024-01-31 12:00", "2024-02-01 00:00", "2024-03-01 07:30")
YEARS = ("2022-12-31 23:59:59.999999", "2023-01-01 00:00", "2023-12-31 23:00", "2024-01-01 00:00", "2025-06-01 00:00")
OF_DATES = (
    "DATE_TRUNC({d}, MONTH) = DATE_TRUNC({c}, MONTH)",
    "EXTRACT(YEAR FROM {d}) = 2024",
    "CAST({d} AS TIMESTAMP) >= CAST({c} AS TIMESTAMP)",
)
OF_INSTANTS = (
    "EXTRACT(YEAR FROM {d}) = 2024",
    "CAST({d} AS DATE) = CAST({c} AS DATE)",
    "EXTRACT(DATE FROM {d}) > '2024-01-01'",
)
ZONED = (
    *OF_INSTANTS,
    "DATE({d}, 'America/Los_Angeles') = DATE '2024-01-01'",
    "DATE({d}, 'Pacific/Kiritimati') = DATE '2024-01-02'",
    "TIMESTAMP_TRUNC({d}, DAY) = TIMESTAMP_TRUNC({c}, DAY)",
    "{d} >= TIMESTAMP '2024-01-01 00:00:00+09:00'",
    "DATETIME({d}) < DATETIME '2024-01-01 12:00:00'",
    "UNIX_SECONDS({d}) > 1704067200",
    "{d} > TIMESTAMP_SUB({c}, INTERVAL 1 HOUR)",
)
DAYS = tuple(date(2024, 1, day) for day in (1, 2, 3, 4))


def world(unit, kind, values, functions, column="d", **more):
    return World(Partitioning(unit, column, **more), kind, values, functions)


HOUR, DAY, MONTH, YEAR, RANGE = (
    PartitionUnit.HOUR,
    PartitionUnit.DAY,
    PartitionUnit.MONTH,
    PartitionUnit.YEAR,
    PartitionUnit.RANGE,
)
BY_MONTH = (date(2023, 12, 31), date(2024, 1, 1), date(2024, 1, 31), date(2024, 2, 1))
BY_YEAR = (date(2023, 12, 31), date(2024, 1, 1), date(2024, 12, 31), date(2025, 1, 1))
ARRIVALS = ("2024-01-01 00:00", "2024-01-01 01:00", "2024-01-02 23:00")
OF_INTEGERS = ("{d} + 0 = {c}", "{d} < 9.5")

WORLDS = {
    "date by day": world(DAY, Kind.DATE, DAYS, OF_DATES),
    "date by month": world(MONTH, Kind.DATE, BY_MONTH, OF_DATES),
    "date by year": world(YEAR, Kind.DATE, BY_YEAR, OF_DATES),
    "timestamp by hour": world(HOUR, Kind.TIMESTAMP, moments(*HOURS, zone=UTC), ZONED),
    "timestamp by day": world(DAY, Kind.TIMESTAMP, moments(*HOURS, *MONTHS[:2], zone=UTC), ZONED, "stamp"),
    "timestamp by month": world(MONTH, Kind.TIMESTAMP, moments(*MONTHS, zone=UTC), ZONED),
    "timestamp by year": world(YEAR, Kind.TIMESTAMP, moments(*YEARS, zone=UTC), ZONED),
    "datetime by hour": world(HOUR, Kind.DATETIME, moments(*HOURS), OF_INSTANTS),
    "datetime by day": world(DAY, Kind.DATETIME, moments(*HOURS), OF_INSTANTS),
    "datetime by month": world(MONTH, Kind.DATETIME, moments(*MONTHS), OF_INSTANTS),
    "datetime by year": world(YEAR, Kind.DATETIME, moments(*YEARS), OF_INSTANTS),
    "integers": world(RANGE, Kind.INT64, (-1, 0, 9, 10, 29, 34, 35), OF_INTEGERS, start=0, end=35, interval=10),
    "ingestion by day": world(
        DAY, Kind.TIMESTAMP, moments("2024-01-01", "2024-01-02", "2024-01-03", zone=UTC), ZONED, None
    ),
    "ingestion by hour": world(HOUR, Kind.TIMESTAMP, moments(*ARRIVALS, zone=UTC), ZONED, None),
}


class Judge:
    """Asks the evaluator for both answers; counts the queries for which a part was said to suffice."""

    def __init__(self, analyzer, world, seed):
        self.analyzer, self.world, self.random = analyzer, world, Random(seed)
        self.tables = {(name,): world.table(name) for name in ("p", "q", "x")}
        self.told = 0
        constants = [world.literal(value) for value in world.values]
        selected = {name: world.selected(name) for name in ("p", "q", "x")}
        self.queries = Queries(
            self.random, constants, list(world.functions), selected, deep=self.random.choice((1, 2, 3))
        )

    def judge(self, sql):
        query = self.analyzer.analyze(sql, self.tables)
        rows = {name: self._rows(name) for name in ("p", "q", "x")}
        kept = self._kept(query, rows)
        if kept == rows:
            return
        whole = self._answer(sql, query, rows)
        if whole is None:
            return
        self.told += 1
        assert self._answer(sql, query, kept) == whole, f"{sql}\n{rows}\n{kept}"

    def _rows(self, name):
        values = self.random.choices([*self.world.values, None], k=self.random.randint(1, 7))
        return [(value, self.random.choice((None, 1, 1, 2))) for value in values]

    def _kept(self, query, rows):
        """Rows of the partitions that are said to be needed."""
        by_id = {table.id: table.partitioning for table in self.tables.values()}
        found = partition_domains(query, (), by_id)
        kept = {}
        for (name,), table in self.tables.items():
            present = {self.world.partition(d) for d, _ in rows[name]}
            wanted = present
            if table.partitioning and table.id in found:
                wanted = needed(found[table.id].partitions, table.partitioning, present)
            kept[name] = [(d, n) for d, n in rows[name] if self.world.partition(d) in wanted]
        return kept

    def _answer(self, sql, query, rows):
        """Sorted rows; None where the evaluator stops, which BigQuery might do or not."""
        paths = self.analyzer.table_names(sql)
        contents = {path: (self.tables[path], self.world.arrow(path[0], rows[path[0]])) for path in paths}
        try:
            answer = self.analyzer.evaluate(sql, contents, limits=AMPLE)
        except (QueryError, AnalyzerUnavailable):
            return None
        return sorted((tuple(row.values()) for row in answer.to_pylist()), key=repr)


def run(analyzer, name, seed, count):
    judge = Judge(analyzer, WORLDS[name], seed)
    for _ in range(count):
        sql = judge.queries.query()
        judge.queries.deep = judge.random.choice((1, 2, 3))
        judge.judge(sql)
    return judge.told


@pytest.mark.parametrize("name", WORLDS)
def test_the_needed_partitions_give_the_whole_answer(analyzer, name):
    assert run(analyzer, name, seed=1, count=20) > 1


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(100, 120))
@pytest.mark.parametrize("name", WORLDS)
def test_many_queries_need_no_more_than_they_say(analyzer, name, seed):
    assert run(analyzer, name, seed, count=200) > 20
