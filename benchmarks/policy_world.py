"""What the simulator's world is made of: traces, tables that grow, users with laptops, and what everything costs.

Time is compressed to events: what a rebalance brings after one event is there at the next.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bigpato_magic.tier import score
from bigpato_magic.tier.score import Prices

PRICES = Prices(read_free=0.0)
"""List prices, with the free allowance used up: what the next byte costs an organization that has many."""

START = datetime(2026, 1, 5, 8, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Query:
    """One query of one user: bytes that it reads, by table."""

    t: float
    user: str
    name: str
    reads: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Change:
    """Tables change for everybody: bytes appended, or None for a rewrite."""

    t: float
    tables: Mapping[str, float | None]


Event = Query | Change


@dataclass(frozen=True, slots=True)
class Trace:
    """What happens: the tables' bytes at the start, then events in order; the budget where it belongs to the tale."""

    name: str
    tables: Mapping[str, float]
    events: tuple[Event, ...]
    budget: float | None = None

    @property
    def users(self) -> list[str]:
        """Everybody who asks something."""
        return sorted({e.user for e in self.events if isinstance(e, Query)})


def read_trace(path: Path) -> Trace:
    """A trace from a JSON-lines file: `{"tables": …}`, then events; see the module `benchmarks.policy`.

    A table that the first line does not name is taken to be as large as the most that a query reads of it.

    Raises:
        ValueError: the file has no such first line, or an event that is neither a query nor a change.
    """
    with path.open(encoding="utf-8") as file:
        records = [json.loads(line) for line in file if line.strip()]
    if not records or "tables" not in records[0]:
        raise ValueError(f'{path}: the first line must be {{"tables": {{name: bytes}}}}')
    events = tuple(sorted(map(_event, records[1:]), key=lambda event: event.t))
    named = {name: float(size) for name, size in records[0]["tables"].items()}
    return Trace(path.stem, _unnamed(events) | named, events)


def _unnamed(events: Iterable[Event]) -> dict[str, float]:
    """Every table of the events, with the most that a query reads of it."""
    sizes: dict[str, float] = {}
    for event in events:
        reads = event.reads if isinstance(event, Query) else dict.fromkeys(event.tables, 0.0)
        sizes |= {name: max(size, sizes.get(name, 0.0)) for name, size in reads.items()}
    return sizes


def _event(record: Mapping[str, Any]) -> Event:
    if "change" in record:
        return Change(float(record["t"]), {name: _appended(how) for name, how in record["change"].items()})
    if "reads" not in record:
        raise ValueError(f"neither a query nor a change: {record}")
    reads = {table: float(size) for table, size in record["reads"].items()}
    return Query(float(record["t"]), str(record.get("user", "")), str(record.get("query", "")), reads)


def _appended(how: Mapping[str, Any]) -> float | None:
    return None if how.get("rewritten") else float(how.get("appended_bytes", 0))


# ----------------------------------------------------------------------------------------------- costs


def cloud_money(reads: Mapping[str, float]) -> float:
    """Dollars that BigQuery bills for a query."""
    return sum(score.query_price(score.billed(size, PRICES), PRICES) for size in reads.values())


def cloud_seconds(reads: Mapping[str, float]) -> float:
    """Seconds that a person waits for BigQuery: about a second, and half a second for each GB."""
    return 1.0 + sum(reads.values()) / 2e9


def local_seconds(reads: Mapping[str, float]) -> float:
    """Seconds that a person waits for a local answer: DuckDB scans about 2 GB of columns a second."""
    return 0.05 + sum(reads.values()) / 2e9 * 0.2


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
    """What a bound is of: the cost of an answer by BigQuery, of a local one (both by what is read), of a transfer."""

    cloud: Callable[[Mapping[str, float]], float]
    local: Callable[[Mapping[str, float]], float]
    transfer: Callable[[float], float]


@dataclass(slots=True)
class Bill:
    """What a policy has cost so far: dollars, seconds that people waited, seconds of transfers, queries by place."""

    money: float = 0.0
    seconds: float = 0.0
    background: float = 0.0
    local: int = 0
    cloud: int = 0
    moved: float = 0.0

    @property
    def total(self) -> float:
        """Everything in dollars: time at what it is worth."""
        return self.money + WAIT * (self.seconds + PRICES.background * self.background)

    def query(self, reads: Mapping[str, float], *, local: bool) -> None:
        """Account for an answer."""
        self.local += local
        self.cloud += not local
        self.money += 0.0 if local else cloud_money(reads)
        self.seconds += local_seconds(reads) if local else cloud_seconds(reads)

    def transfer(self, size: float) -> None:
        """Account for a transfer."""
        self.money += transfer_money(size)
        self.background += transfer_seconds(size)
        self.moved += size

    def __add__(self, other: Bill) -> Bill:
        return Bill(*(getattr(self, name) + getattr(other, name) for name in Bill.__slots__))


# ----------------------------------------------------------------------------------------------- tables


@dataclass(slots=True)
class Table:
    """A table now: its bytes, and its history as the sizes of what was appended since the last rewrite.

    Rows have eight bytes, so sizes are multiples of eight.

    Args:
        bytes: now.
        rewrites: how often all of it was replaced.
        appends: sizes of appended partitions since, in order.
    """

    bytes: float
    rewrites: int = 0
    appends: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bytes -= self.bytes % 8

    @property
    def state(self) -> tuple[int, int]:
        """Equal states, equal content."""
        return self.rewrites, len(self.appends)

    def change(self, appended: float | None) -> None:
        """Append bytes, or rewrite."""
        if appended is None:
            self.rewrites, self.appends = self.rewrites + 1, []
        else:
            self.appends.append(appended - appended % 8)
            self.bytes += self.appends[-1]

    def behind(self, state: tuple[int, int]) -> float:
        """Bytes that bring a copy of an earlier state up to this one."""
        return sum(self.appends[state[1] :]) if state[0] == self.rewrites else self.bytes


def instant(t: float) -> datetime:
    """A trace's seconds as an instant."""
    return START + timedelta(seconds=t)


def totals(bills: Iterable[Bill]) -> Bill:
    """The sum of bills."""
    total = Bill()
    for bill in bills:
        total = total + bill
    return total
