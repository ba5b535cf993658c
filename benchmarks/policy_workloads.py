"""Six synthetic workloads, each what some team's month looks like; made from a seed, so always the same."""

from __future__ import annotations

import bisect
import itertools
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.policy_world import Change, Event, Query, Read, Trace

GB = 1e9
DAY = 86400.0


Tables = dict[str, dict[str, float]]

COLUMNS = (4, 12)
"""The fewest and the most columns of a table."""

MOST_READ = 4
"""Columns that a query reads at most; which ones, habits say: some are in nearly every query, others in none."""


def _sizes(rng: random.Random, count: int, low: float, high: float, name: str = "t") -> Tables:
    """Tables of sizes that are spread evenly over orders of magnitude."""
    return {f"{name}{i:02}": _table(rng, low * (high / low) ** rng.random()) for i in range(count)}


def _table(rng: random.Random, size: float) -> dict[str, float]:
    """Columns of different width, the most popular first."""
    widths = [rng.choice((1, 1, 1, 2, 4)) for _ in range(rng.randint(*COLUMNS))]
    return {f"c{i:02}": float(round(size * width / sum(widths))) for i, width in enumerate(widths)}


def _reads(rng: random.Random, tables: Tables, *names: str) -> dict[str, Read]:
    """A query reads some columns of each of these tables, whole."""
    return {name: _read(rng, tables[name]) for name in sorted(names)}


def _read(rng: random.Random, columns: dict[str, float]) -> Read:
    pick = _zipf(rng, sorted(columns), 1.0)
    chosen = frozenset(pick() for _ in range(rng.randint(1, MOST_READ)))
    return Read(chosen, sum(columns[name] for name in chosen))


def _zipf(rng: random.Random, items: Sequence[str], skew: float) -> Callable[[], str]:
    sums = list(itertools.accumulate(1 / (rank + 1) ** skew for rank in range(len(items))))
    return lambda: items[min(len(items) - 1, bisect.bisect(sums, rng.random() * sums[-1]))]


def _times(rng: random.Random, count: int, days: float) -> list[float]:
    """Instants in working hours."""
    return sorted(rng.randrange(int(days)) * DAY + rng.uniform(0, 9 * 3600) for _ in range(count))


def zipf(rng: random.Random, scale: float) -> Trace:
    """Forty tables, a few of which get most queries; joins now and then."""
    tables = _sizes(rng, 40, 0.05 * GB, 20 * GB)
    pick = _zipf(rng, rng.sample(sorted(tables), len(tables)), 1.3)
    events: list[Event] = []
    for i, t in enumerate(_times(rng, int(1500 * scale), 20)):
        names = {pick() for _ in range(2 if rng.random() < 0.1 else 1)}
        events.append(Query(t, "ann", f"q{i}", _reads(rng, tables, *names)))
    return Trace("zipf", tables, tuple(events))


def shift(rng: random.Random, scale: float) -> Trace:
    """A project lasts a week, then comes another one with other tables."""
    tables = _sizes(rng, 50, 0.1 * GB, 15 * GB)
    names, events = sorted(tables), []
    for week in range(5):
        mine = _zipf(rng, rng.sample(names, 8), 0.6)
        for i, t in enumerate(_times(rng, int(300 * scale), 5)):
            name = mine()
            events.append(Query(week * 7 * DAY + t, "ann", f"w{week}q{i}", _reads(rng, tables, name)))
    return Trace("shift", tables, tuple(events))


def scan(rng: random.Random, scale: float) -> Trace:
    """Daily work on ten tables, and in the middle someone looks once into each of sixty large ones."""
    work = _sizes(rng, 10, 0.2 * GB, 6 * GB)
    cold = _sizes(rng, 60, 3 * GB, 20 * GB, "cold")
    pick = _zipf(rng, sorted(work), 0.8)
    events: list[Event] = []
    for i, t in enumerate(_times(rng, int(1200 * scale), 20)):
        name = pick()
        events.append(Query(t, "ann", f"q{i}", _reads(rng, work, name)))
    events += [Query(10 * DAY + 60.0 * i, "ann", f"s{i}", _reads(rng, cold, n)) for i, n in enumerate(sorted(cold))]
    return Trace("scan", work | cold, tuple(sorted(events, key=lambda e: e.t)))


def sessions(rng: random.Random, scale: float) -> Trace:
    """Each session asks the same few tables again and again, changing a little; some tables come back another day."""
    tables = _sizes(rng, 40, 0.05 * GB, 10 * GB)
    pick = _zipf(rng, rng.sample(sorted(tables), len(tables)), 0.5)
    events: list[Event] = []
    for session in range(int(40 * scale)):
        start = session // 2 * DAY + session % 2 * 5 * 3600.0
        mine = sorted({pick() for _ in range(3)})
        for i in range(rng.randrange(40, 80)):
            chosen = rng.sample(mine, min(len(mine), 2 if rng.random() < 0.1 else 1))
            events.append(Query(start + i * 180.0, "ann", f"s{session}q{i}", _reads(rng, tables, *chosen)))
    return Trace("sessions", tables, tuple(events))


def appends(rng: random.Random, scale: float) -> Trace:
    """Dashboards over tables that grow every hour or are rebuilt at night, and others that rest."""
    tables = _sizes(rng, 16, 0.2 * GB, 12 * GB)
    names = sorted(tables)
    growing, rebuilt = names[:6], names[6:10]
    pick = _zipf(rng, rng.sample(names, len(names)), 0.7)
    days = max(3, int(20 * scale))
    events: list[Event] = []
    for day in range(days):
        events.append(Change(day * DAY - 6 * 3600.0, dict.fromkeys(rebuilt)))
        more = {name: 0.002 * sum(tables[name].values()) for name in growing}
        events += [Change(day * DAY + h * 3600.0, more) for h in range(9)]
    for i, t in enumerate(_times(rng, 75 * days, days)):
        name = pick()
        events.append(Query(t + 1, "ann", f"q{i}", _reads(rng, tables, name)))
    return Trace("appends", tables, tuple(sorted(events, key=lambda e: e.t)))


def users(rng: random.Random, scale: float) -> Trace:
    """Four people with laptops of their own, some tables in common."""
    tables = _sizes(rng, 40, 0.05 * GB, 12 * GB)
    common, events = rng.sample(sorted(tables), 6), []
    for user in ("ann", "bob", "eve", "kim"):
        pick = _zipf(rng, [*rng.sample(common, 4), *rng.sample(sorted(tables), 10)], rng.uniform(0.6, 1.2))
        for i, t in enumerate(_times(rng, int(400 * scale), 15)):
            name = pick()
            events.append(Query(t, user, f"{user}{i}", _reads(rng, tables, name)))
    nightly = [Change(d * DAY - 3600.0, {common[0]: None}) for d in range(15)]
    return Trace("users", tables, tuple(sorted([*events, *nightly], key=lambda e: e.t)))


AGAIN = 0.3
"""Share of queries that run a text again, byte for byte: a cell that is run anew, a notebook from its top."""

LAST = 10
"""Of so many of one's last texts."""


def again(rng: random.Random, trace: Trace) -> Trace:
    """The same month, in which people also run again what they have just run."""
    last: dict[str, deque[Query]] = {}
    events: list[Event] = []
    for event in trace.events:
        if isinstance(event, Query):
            mine = last.setdefault(event.user, deque(maxlen=LAST))
            if mine and rng.random() < AGAIN:
                old = rng.choice(mine)
                events.append(replace(event, name=old.name, reads=old.reads))
                continue
            mine.append(event)
        events.append(event)
    return replace(trace, events=tuple(events))


WORKLOADS = {f.__name__: f for f in (zipf, shift, scan, sessions, appends, users)}


def workloads(scale: float = 1.0, seed: int = 5) -> list[Trace]:
    """All six, with `scale` times as many queries."""
    plain = {name: make(random.Random(f"{name}{seed}"), scale) for name, make in WORKLOADS.items()}
    return [again(random.Random(f"{name}{seed}again"), trace) for name, trace in plain.items()]
