"""What the simulator's world is made of: traces, tables of columns that grow, BigQuery's own cache, and what everything costs.

Time is compressed to events: what a rebalance brings after one event is there at the next.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bigpato_magic.tier.journal.result_cache import Answer, CacheKey
from bigpato_magic.tier.policy import score
from bigpato_magic.tier.policy.score import Prices

PRICES = Prices(read_free=0.0)
"""List prices, with the free allowance used up: what the next byte costs an organization that has many."""

START = datetime(2026, 1, 5, 8, tzinfo=UTC)

WHOLE = "rows"
"""The one column of a table of which a trace tells none."""

PARTS = 64
"""Of a table's bytes: a column is so many of them, one at least."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a query reads of a table: these columns, and so many bytes of them."""

    columns: frozenset[str]
    bytes: float


@dataclass(frozen=True, slots=True)
class Query:
    """One query of one user.

    Args:
        t: when, in seconds.
        user: who.
        name: of its text; equal names, equal to the byte. Empty: like no other.
        reads: what it reads of each table.
        answer: bytes of its answer, None where nobody knows.
    """

    t: float
    user: str
    name: str
    reads: Mapping[str, Read]
    answer: float | None = None

    @property
    def bytes(self) -> float:
        """That it reads, of all tables."""
        return sum(read.bytes for read in self.reads.values())


@dataclass(frozen=True, slots=True)
class Change:
    """Tables change for everybody: bytes appended, or None for a rewrite."""

    t: float
    tables: Mapping[str, float | None]


Event = Query | Change


@dataclass(frozen=True, slots=True)
class Trace:
    """What happens: the bytes of the tables' columns at the start, then events in order."""

    name: str
    tables: Mapping[str, Mapping[str, float]]
    events: tuple[Event, ...]

    @property
    def users(self) -> list[str]:
        """Everybody who asks something."""
        return sorted({e.user for e in self.events if isinstance(e, Query)})

    @property
    def bytes(self) -> float:
        """Of all tables at the start."""
        return sum(sum(columns.values()) for columns in self.tables.values())

    def opening(self) -> dict[str, Table]:
        """The tables as they are at the start."""
        return {name: Table(columns) for name, columns in self.tables.items()}


# ---------------------------------------------------------------------------------------- traces from files


def read_trace(path: Path) -> Trace:
    """A trace from a JSON-lines file: `{"tables": …}`, then events; see the module `benchmarks.policy`.

    A table that the first line does not name is taken to be as large as the most that a query reads of it.

    Raises:
        ValueError: the file has no such first line, an event that is neither a query nor a change, or an unknown column.
    """
    with path.open(encoding="utf-8") as file:
        records = [json.loads(line) for line in file if line.strip()]
    if not records or "tables" not in records[0]:
        raise ValueError(f'{path}: the first line must be {{"tables": {{name: bytes or {{column: bytes}}}}}}')
    tables = {name: _columns(size) for name, size in records[0]["tables"].items()}
    for name, size in _unnamed(records[1:]).items():
        tables.setdefault(name, {WHOLE: size})
    events = (_event(record, tables) for record in records[1:])
    return Trace(path.stem, tables, tuple(sorted(events, key=lambda event: event.t)))


def _columns(size: Any) -> dict[str, float]:
    if isinstance(size, Mapping):
        return {str(name): float(part) for name, part in size.items()}
    return {WHOLE: float(size)}


def _unnamed(records: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Every table of the events, with the most bytes that a query reads of it."""
    sizes: dict[str, float] = {}
    for record in records:
        for name, what in (record.get("reads") or record.get("change") or {}).items():
            size = float(what) if isinstance(what, int | float) else 0.0
            sizes[name] = max(size, sizes.get(name, 0.0))
    return sizes


def _event(record: Mapping[str, Any], tables: Mapping[str, Mapping[str, float]]) -> Event:
    if "change" in record:
        return Change(float(record["t"]), {name: _appended(how) for name, how in record["change"].items()})
    if "reads" not in record:
        raise ValueError(f"neither a query nor a change: {record}")
    reads = {name: _read(name, what, tables[name]) for name, what in record["reads"].items()}
    answer = record.get("answer_bytes")
    size = None if answer is None else float(answer)
    return Query(float(record["t"]), str(record.get("user", "")), str(record.get("query", "")), reads, size)


def _read(table: str, what: Any, columns: Mapping[str, float]) -> Read:
    if isinstance(what, int | float):
        return Read(frozenset(columns), float(what))
    if unknown := set(what) - set(columns):
        raise ValueError(f"{table} has no column {', '.join(sorted(unknown))}")
    return Read(frozenset(what), sum(columns[name] for name in what))


def _appended(how: Mapping[str, Any]) -> float | None:
    return None if how.get("rewritten") else float(how.get("appended_bytes", 0))


# ----------------------------------------------------------------------------------------------- costs

Reads = Mapping[str, Read]


def _sum(reads: Reads) -> float:
    return sum(read.bytes for read in reads.values())


def cloud_money(reads: Reads) -> float:
    """Dollars that BigQuery bills for a query."""
    return sum(score.query_price(score.billed(read.bytes, PRICES), PRICES) for read in reads.values())


def cloud_seconds(reads: Reads) -> float:
    """Seconds that a person waits for BigQuery: about a second, and half a second for each GB."""
    return 1.0 + _sum(reads) / 2e9


def local_seconds(reads: Reads) -> float:
    """Seconds that a person waits for a local answer: DuckDB scans about 10 GB of columns a second."""
    return 0.05 + _sum(reads) / 2e9 * 0.2


def transfer_money(size: float) -> float:
    """Dollars for bringing so many bytes."""
    return score.transfer_price(size, PRICES)


def transfer_seconds(size: float) -> float:
    """Seconds of a transfer, which nobody waits for."""
    return size / PRICES.transfer_speed


WAIT = PRICES.dollars_per_hour / 3600
"""Dollars for a second of waiting."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What a bound is of: the cost of an answer by BigQuery, of a local one, and of a transfer of so many bytes."""

    cloud: Callable[[Reads], float]
    local: Callable[[Reads], float]
    transfer: Callable[[float], float]


MONEY = Costs(cloud_money, lambda _: 0.0, transfer_money)
SECONDS = Costs(cloud_seconds, local_seconds, lambda _: 0.0)
TOTAL = Costs(
    lambda reads: cloud_money(reads) + WAIT * cloud_seconds(reads),
    lambda reads: WAIT * local_seconds(reads),
    lambda size: transfer_money(size) + WAIT * PRICES.background * transfer_seconds(size),
)


@dataclass(slots=True)
class Tally:
    """Kept answers in numbers.

    Args:
        asked: queries that copies did not answer.
        gave: answers that were given again.
        cached: of these, those that BigQuery's own cache would have had.
        kept: answers of BigQuery that were kept.
        estimated: of these, those whose size is an estimate.
        evicted: that made room while they could still have been given.
        most: bytes that one laptop held at once, at most.
    """

    asked: int = 0
    gave: int = 0
    cached: int = 0
    kept: int = 0
    estimated: int = 0
    evicted: int = 0
    most: float = 0.0

    def __add__(self, other: Tally) -> Tally:
        sums = {name: getattr(self, name) + getattr(other, name) for name in Tally.__slots__}
        return Tally(**sums | {"most": max(self.most, other.most)})


@dataclass(slots=True)
class Bill:
    """What a policy has cost so far: dollars, seconds that people waited, and seconds of transfers; and what was kept."""

    money: float = 0.0
    seconds: float = 0.0
    background: float = 0.0
    tally: Tally = field(default_factory=Tally)

    @property
    def total(self) -> float:
        """Everything in dollars: time at what it is worth."""
        return self.money + WAIT * (self.seconds + PRICES.background * self.background)

    def kept(self, *, cached: bool) -> None:
        """Account for a kept answer, a local one that reads next to nothing; `cached`: BigQuery's own cache had it too."""
        self.seconds += local_seconds({})
        self.tally.gave += 1
        self.tally.cached += cached

    def query(self, reads: Reads, *, local: bool, cached: bool) -> None:
        """Account for an answer; `cached`: it came from BigQuery's own cache, which reads nothing."""
        paid = {} if cached else reads
        self.money += 0.0 if local else cloud_money(paid)
        self.seconds += local_seconds(reads) if local else cloud_seconds(paid)

    def transfer(self, size: float) -> None:
        """Account for a transfer."""
        self.money += transfer_money(size)
        self.background += transfer_seconds(size)

    def __add__(self, other: Bill) -> Bill:
        return Bill(*(getattr(self, name) + getattr(other, name) for name in Bill.__slots__))


# ----------------------------------------------------------------------------------------------- tables


@dataclass(slots=True)
class Table:
    """A table now: its columns, its bytes, and its history as the sizes of what was appended since the last rewrite.

    Args:
        start: bytes of its columns at the start; what is appended has them in the same proportion.
        rewrites: how often all of it was replaced.
        appends: sizes of appended partitions since, in order.
    """

    start: Mapping[str, float]
    bytes: float = field(init=False)
    parts: dict[str, int] = field(init=False)
    rewrites: int = 0
    appends: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        whole = sum(self.start.values())
        self.parts = {name: max(1, round(PARTS * size / whole)) if whole else 1 for name, size in self.start.items()}
        self.bytes = self._rows(whole)

    def _rows(self, size: float) -> float:
        """Whole rows only, of eight bytes for each part."""
        return size - size % (8 * sum(self.parts.values()))

    def share(self, columns: Collection[str]) -> float:
        """Which share of its bytes these columns have."""
        return sum(self.parts[name] for name in columns) / sum(self.parts.values())

    @property
    def state(self) -> tuple[int, int]:
        """Equal states, equal content."""
        return self.rewrites, len(self.appends)

    def change(self, appended: float | None) -> None:
        """Append bytes, or rewrite."""
        if appended is None:
            self.rewrites, self.appends = self.rewrites + 1, []
        else:
            self.appends.append(self._rows(appended))
            self.bytes += self.appends[-1]

    def behind(self, state: tuple[int, int]) -> float:
        """Bytes that bring a copy of an earlier state, with all columns, up to this one."""
        return sum(self.appends[state[1] :]) if state[0] == self.rewrites else self.bytes


@dataclass(slots=True)
class CloudCache:
    """BigQuery's own result cache of one user, by the product's rule; what answers from it bills nothing.

    Args:
        tables: as they are now.
    """

    tables: Mapping[str, Table]
    answers: dict[str, Answer] = field(default_factory=dict)

    def has(self, query: Query) -> bool:
        """Whether it has the answer. A query without a name is like no other."""
        answer = self.answers.get(query.name)
        return answer is not None and answer.serves(self._asked(query), query.t)

    def fill(self, query: Query) -> None:
        """An answer was computed."""
        self.answers[query.name] = Answer(self._asked(query).tables, query.t)

    def asks(self, query: Query) -> bool:
        """Whether it has the answer; if not, it is computed, and it has it from now on."""
        had = self.has(query)
        if not had:
            self.fill(query)
        return had

    def _asked(self, query: Query) -> CacheKey:
        states = repr([(name, self.tables[name].state) for name in sorted(query.reads)])
        return CacheKey(query.name, states, reuse=bool(query.name))


def instant(t: float) -> datetime:
    """A trace's seconds as an instant."""
    return START + timedelta(seconds=t)
