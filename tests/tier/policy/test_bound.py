"""The optimum that policies are compared with is a true bound: no plan is cheaper, found by trying all of them."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from benchmarks import policy
from benchmarks.policy_bound import lower_bound
from benchmarks.policy_world import MONEY, SECONDS, TOTAL, Change, Query, Read, Trace

GB = 1e9
SEEDS = range(40)
COSTS = {"money": MONEY, "seconds": SECONDS, "total": TOTAL}
COLUMNS = {"a": ("x", "y"), "b": ("x",), "c": ("x",)}


def small_trace(seed: int) -> tuple[Trace, float]:
    """Three tables, one of two columns, some below 10 MiB; six queries with joins, appends and rewrites; and a budget."""
    rng = random.Random(seed)
    tables = {n: {c: float(rng.choice([4e6, 1 * GB, 2 * GB, 5 * GB])) for c in COLUMNS[n]} for n in COLUMNS}
    events = []
    for i in range(6):
        if rng.random() < 0.3:
            name = rng.choice("abc")
            events.append(Change(i * 50.0, {name: rng.choice([None, sum(tables[name].values()) * 0.3])}))
        reads = {}
        for name in rng.sample("abc", rng.choice([1, 1, 2])):
            columns = rng.sample(COLUMNS[name], rng.randint(1, len(COLUMNS[name])))
            reads[name] = Read(frozenset(columns), sum(tables[name][c] for c in columns) * rng.uniform(0.05, 0.9))
        events.append(Query(i * 50.0 + 1, "ann", f"q{i}", reads))
    trace = Trace(f"small{seed}", tables, tuple(events))
    return trace, rng.choice([0.4, 0.7, 1.2]) * trace.bytes


def best_plan(trace: Trace, budget: float, costs) -> float:
    """What the cheapest of all plans costs: every choice before every query, by the rules of the simulator.

    A situation is, for each table, the columns, state and size of its copy, and whether BigQuery answered its last query:
    only then may columns be fetched. Doing that just before the next query is never dearer than doing it sooner.
    """
    tables = trace.opening()
    names = sorted(tables)
    situations = {tuple((frozenset(), None, 0.0, False) for _ in names): 0.0}
    for event in trace.events:
        if isinstance(event, Change):
            for name, appended in event.tables.items():
                tables[name].change(appended)
            continue
        after: dict = {}
        for situation, paid in situations.items():
            for chosen, price in _choices(situation, [tables[n] for n in names], budget, costs):
                now = dict(zip(names, chosen, strict=True))
                local = all(
                    now[n][1] == tables[n].state and read.columns <= now[n][0] for n, read in event.reads.items()
                )
                cost = paid + price + (costs.local if local else costs.cloud)(event.reads)
                key = tuple((*now[n][:3], not local if n in event.reads else now[n][3]) for n in names)
                after[key] = min(cost, after.get(key, math.inf))
        situations = after
    return min(situations.values())


def _choices(situation, tables, budget, costs):
    options = [list(_of_table(*copy, table, costs)) for copy, table in zip(situation, tables, strict=True)]
    for choice in itertools.product(*options):
        if sum(copy[2] for copy, _ in choice) <= budget:
            yield tuple(copy for copy, _ in choice), sum(price for _, price in choice)


def _of_table(held, state, size, missed, table, costs):
    """What may become of one copy, and what that costs: it goes, stays as it is, or holds some columns as they are now."""
    yield (frozenset(), None, 0.0, missed), 0.0
    if state is not None:
        yield (held, state, size, missed), 0.0
    for count in range(1, len(table.parts) + 1):
        for columns in map(frozenset, itertools.combinations(table.parts, count)):
            if missed or columns <= held:
                behind = table.behind(state) if state is not None else 0.0
                moved = table.share(columns & held) * behind + table.share(columns - held) * table.bytes
                yield (columns, table.state, table.bytes * table.share(columns), missed), costs.transfer(moved)


@pytest.mark.parametrize("kind", COSTS)
def test_no_plan_at_all_is_cheaper_than_the_bound(kind):
    costs, bounds, plans = COSTS[kind], 0.0, 0.0
    for seed in SEEDS:
        trace, budget = small_trace(seed)
        bound, best = lower_bound(trace, budget, costs), best_plan(trace, budget, costs)
        assert bound <= best * (1 + 1e-6), seed
        bounds, plans = bounds + bound, plans + best
    assert bounds > 0.9 * plans  # and it is not far below the best plan


def test_no_policy_is_cheaper_than_the_best_plan():
    for seed in SEEDS:
        trace, budget = small_trace(seed)
        best = best_plan(trace, budget, TOTAL)
        for name in policy.POLICIES:
            if name != "optimum":
                assert policy.simulate(trace, name, budget).total >= best * (1 - 1e-6), (seed, name)
