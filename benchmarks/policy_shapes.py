"""More shapes of work, for the policy's robustness: extremes that no team plans for, each made from a seed.

`python -m benchmarks.policy --shapes --seeds 5` plays them beside the six ordinary months of `policy_workloads`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

from benchmarks.policy_workloads import DAY, GB, _read, _sizes, _times, _zipf
from benchmarks.policy_world import Change, Event, Query, Trace

MB = 1e6


def _trace(name: str, tables: dict[str, float], events: Iterable[Event]) -> Trace:
    return Trace(name, tables, tuple(sorted(events, key=lambda e: e.t)))


def hammer(rng: random.Random) -> Trace:
    """One table gets nearly all queries, the others one now and then."""
    tables = _sizes(rng, 12, 0.5 * GB, 30 * GB)
    hot, *rest = rng.sample(sorted(tables), len(tables))
    events = []
    for i, t in enumerate(_times(rng, 500, 10)):
        name = hot if rng.random() < 0.95 else rng.choice(rest)
        events.append(Query(t, "ann", f"q{i}", {name: _read(rng, tables[name])}))
    return _trace("hammer", tables, events)


def giants(rng: random.Random) -> Trace:
    """Big tables that hardly ever change, a few queries each, over a quarter."""
    tables = _sizes(rng, 15, 20 * GB, 200 * GB)
    pick = _zipf(rng, rng.sample(sorted(tables), len(tables)), 0.8)
    events: list[Event] = [Change(rng.uniform(0, 60 * DAY), {rng.choice(sorted(tables)): None}) for _ in range(5)]
    for i, t in enumerate(_times(rng, 250, 60)):
        name = pick()
        events.append(Query(t, "ann", f"q{i}", {name: tables[name] * rng.uniform(0.01, 0.2)}))
    return _trace("giants", tables, events)


def stream(rng: random.Random) -> Trace:
    """Tables grow every ten minutes, day and night; a few are asked for now and then."""
    tables = _sizes(rng, 10, 0.5 * GB, 10 * GB)
    pick = _zipf(rng, rng.sample(sorted(tables), len(tables)), 1.0)
    events: list[Event] = [
        Change(i * 600.0, {n: tables[n] * 0.001 for n in sorted(tables)}) for i in range(int(7 * DAY / 600))
    ]
    for i, t in enumerate(_times(rng, 350, 7)):
        name = pick()
        events.append(Query(t + 1, "ann", f"q{i}", {name: _read(rng, tables[name])}))
    return _trace("stream", tables, events)


def nightly(rng: random.Random) -> Trace:
    """Everything is rebuilt every night; each table is asked for a few times a day, or not at all."""
    tables = _sizes(rng, 14, 0.2 * GB, 15 * GB)
    events: list[Event] = [Change(d * DAY - 5 * 3600.0, dict.fromkeys(tables)) for d in range(20)]
    for name in sorted(tables):
        times = _times(rng, int(20 * rng.uniform(0.2, 6)), 20)
        events += [Query(t, "ann", f"{name}-{t:.0f}", {name: _read(rng, tables[name])}) for t in times]
    return _trace("nightly", tables, events)


def crowd(rng: random.Random) -> Trace:
    """Thirty people with a few queries each."""
    tables = _sizes(rng, 25, 0.05 * GB, 12 * GB)
    pick = _zipf(rng, rng.sample(sorted(tables), len(tables)), 1.0)
    events = []
    for user in range(30):
        mine = [pick() for _ in range(2)]
        for i, t in enumerate(_times(rng, rng.randrange(3, 12), 10)):
            name = rng.choice([*mine, pick()])
            events.append(Query(t, f"u{user:02}", f"u{user}q{i}", {name: _read(rng, tables[name])}))
    return _trace("crowd", tables, events)


def tiny(rng: random.Random) -> Trace:
    """A hundred tables below BigQuery's least billing of 10 MiB; some change by the hour."""
    tables = _sizes(rng, 100, 0.05 * MB, 9 * MB)
    names = sorted(tables)
    pick = _zipf(rng, rng.sample(names, len(names)), 0.9)
    events: list[Event] = [
        Change(d * DAY + h * 3600.0, dict.fromkeys(rng.sample(names, 20))) for d in range(10) for h in range(9)
    ]
    for i, t in enumerate(_times(rng, 900, 10)):
        reads = {n: _read(rng, tables[n]) for n in sorted({pick() for _ in range(rng.choice([1, 1, 2, 4]))})}
        events.append(Query(t + 1, "ann", f"q{i}", reads))
    return _trace("tiny", tables, events)


def once(rng: random.Random) -> Trace:
    """Nothing ever comes up again."""
    tables = _sizes(rng, 150, 0.1 * GB, 40 * GB)
    events = [
        Query(t, "ann", f"q{i}", {n: _read(rng, tables[n])})
        for i, (n, t) in enumerate(zip(sorted(tables), _times(rng, 150, 10), strict=True))
    ]
    return _trace("once", tables, events)


def loop(rng: random.Random) -> Trace:
    """The same tables in turn, more than there is room for: what LRU never learns."""
    tables = _sizes(rng, 14, 1 * GB, 8 * GB)
    names = rng.sample(sorted(tables), len(tables))
    events = [
        Query(i * 400.0 + i // 70 * DAY / 2, "ann", f"q{i}", {names[i % 14]: _read(rng, tables[names[i % 14]])})
        for i in range(700)
    ]
    return _trace("loop", tables, events)


def uniform(rng: random.Random) -> Trace:
    """No habit at all: every table as likely as any other."""
    tables = _sizes(rng, 30, 0.1 * GB, 15 * GB)
    names = sorted(tables)
    events = []
    for i, t in enumerate(_times(rng, 900, 20)):
        name = rng.choice(names)
        events.append(Query(t, "ann", f"q{i}", {name: _read(rng, tables[name])}))
    return _trace("uniform", tables, events)


def spite(rng: random.Random) -> Trace:
    """Each table is rewritten just after so many queries as pay for its transfer: the adversary of ski rental."""
    tables = _sizes(rng, 8, 1 * GB, 20 * GB)
    events: list[Event] = []
    for name in sorted(tables):
        t = rng.uniform(0, DAY)
        for i in range(40):
            for k in range(rng.randrange(1, 4)):
                share = rng.uniform(0.03, 0.25)
                events.append(Query(t + k * 60.0, "ann", f"{name}-{i}-{k}", {name: tables[name] * share}))
            events.append(Change(t + 400.0, {name: None}))
            t += rng.uniform(0.2, 1.5) * DAY / 4
    return _trace("spite", tables, events)


def thin(rng: random.Random) -> Trace:
    """Wide tables of which every query reads a hundredth: renting is cheap, buying is dear."""
    tables = _sizes(rng, 20, 1 * GB, 60 * GB)
    pick = _zipf(rng, rng.sample(sorted(tables), len(tables)), 1.0)
    events = []
    for i, t in enumerate(_times(rng, 900, 20)):
        name = pick()
        events.append(Query(t, "ann", f"q{i}", {name: tables[name] * rng.uniform(0.002, 0.03)}))
    return _trace("thin", tables, events)


def joins(rng: random.Random) -> Trace:
    """A large fact table with two or three of many small dimensions, always together."""
    tables = _sizes(rng, 20, 0.01 * GB, 0.5 * GB) | {"fact1": 20 * GB, "fact2": 9 * GB}
    small = _zipf(rng, rng.sample([n for n in sorted(tables) if n[0] == "t"], 20), 0.7)
    events: list[Event] = [Change(d * DAY - 3600.0, {"fact1": 0.2 * GB, "fact2": None}) for d in range(15)]
    for i, t in enumerate(_times(rng, 600, 15)):
        names = {rng.choice(["fact1", "fact1", "fact2"]), *(small() for _ in range(rng.randrange(1, 4)))}
        events.append(Query(t, "ann", f"q{i}", {n: _read(rng, tables[n]) for n in sorted(names)}))
    return _trace("joins", tables, events)


def allowance(rng: random.Random) -> Trace:
    """A month that would bill just about the TiB that an account has free: a few cents decide."""
    tables = _sizes(rng, 25, 0.2 * GB, 20 * GB)
    pick = _zipf(rng, rng.sample(sorted(tables), len(tables)), 1.0)
    events: list[Event] = []
    free = 2.0**40
    for i, t in enumerate(_times(rng, 2000, 30)):
        name = pick()
        reads = {name: min(free, _read(rng, tables[name]))}
        free -= sum(reads.values())
        events += [Query(t, "ann", f"q{i}", reads)] if reads[name] else []
    return _trace("allowance", tables, events)


def cramped(rng: random.Random) -> Trace:
    """A laptop with less room than the smallest table takes: nothing can come."""
    ordinary = uniform(rng)
    return replace(ordinary, name="cramped", budget=0.9 * min(ordinary.tables.values()))


SHAPES = {
    f.__name__: f
    for f in (
        hammer, giants, stream, nightly, crowd, tiny, once, loop, uniform, spite, thin, joins, allowance, cramped
    )
}  # fmt: skip


def shapes(seed: int = 5) -> list[Trace]:
    """All of them."""
    return [make(random.Random(f"{name}{seed}")) for name, make in SHAPES.items()]
