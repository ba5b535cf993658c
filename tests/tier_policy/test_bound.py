"""The optimum that policies are compared with is a true bound: no plan is cheaper, found by trying all of them."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from benchmarks import policy
from benchmarks.policy_bound import lower_bound, relaxed_bound_of_user
from benchmarks.policy_world import Change, Query, Table, Trace

GB = 1e9
SEEDS = range(60)
COSTS = {"money": policy.MONEY, "seconds": policy.SECONDS, "total": policy.TOTAL}


def small_trace(seed: int) -> tuple[Trace, float]:
    """Three tables, some of them below 10 MiB, six queries with joins, appends and rewrites; and a budget."""
    rng = random.Random(seed)
    tables = {name: float(rng.choice([4e6, 1 * GB, 2 * GB, 5 * GB])) for name in "abc"}
    events = []
    for i in range(7):
        if rng.random() < 0.3:
            name = rng.choice("abc")
            events.append(Change(i * 50.0, {name: rng.choice([None, tables[name] * 0.3])}))
        chosen = rng.sample("abc", rng.choice([1, 1, 2]))
        events.append(Query(i * 50.0 + 1, "ann", f"q{i}", {n: tables[n] * rng.uniform(0.05, 0.9) for n in chosen}))
    return Trace(f"small{seed}", tables, tuple(events)), rng.choice([0.4, 0.7, 1.2]) * sum(tables.values())


def best_plan(trace: Trace, budget: float, costs) -> float:
    """What the cheapest of all plans costs: every choice before every query, by the rules of the simulator.

    A situation is, for each table, the state and size of its copy, and whether BigQuery answered its last query: only
    then may it be fetched. Fetching and refreshing just before the next query is never dearer than doing it sooner.
    """
    tables = {name: Table(size) for name, size in trace.tables.items()}
    names = sorted(tables)
    situations = {tuple((None, 0.0, False) for _ in names): 0.0}
    for event in trace.events:
        if isinstance(event, Change):
            for name, appended in event.tables.items():
                tables[name].change(appended)
            continue
        after: dict = {}
        for situation, paid in situations.items():
            for chosen, price in _choices(situation, [tables[n] for n in names], budget, costs):
                now = dict(zip(names, chosen, strict=True))
                local = all(now[n][0] == tables[n].state for n in event.reads)
                cost = paid + price + (costs.local if local else costs.cloud)(event.reads)
                key = tuple((*now[n][:2], not local if n in event.reads else now[n][2]) for n in names)
                after[key] = min(cost, after.get(key, math.inf))
        situations = after
    return min(situations.values())


def _choices(situation, tables, budget, costs):
    options = []
    for (state, size, missed), table in zip(situation, tables, strict=True):
        several = [((None, 0.0, missed), 0.0)]
        if state is not None:
            several.append(((state, size, missed), 0.0))
            several.append(((table.state, table.bytes, missed), costs.transfer(table.behind(state))))
        if missed:
            several.append(((table.state, table.bytes, missed), costs.transfer(table.bytes)))
        options.append(several)
    for choice in itertools.product(*options):
        if sum(copy[1] for copy, _ in choice) <= budget:
            yield tuple(copy for copy, _ in choice), sum(price for _, price in choice)


@pytest.mark.parametrize("kind", COSTS)
def test_no_plan_at_all_is_cheaper_than_the_bound(kind):
    costs, bounds, plans = COSTS[kind], 0.0, 0.0
    for seed in SEEDS:
        trace, budget = small_trace(seed)
        best = best_plan(trace, budget, costs)
        assert lower_bound(trace, budget, costs) <= best * (1 + 1e-6), seed
        assert relaxed_bound_of_user(trace, "ann", budget, costs) <= best * (1 + 1e-6), seed
        bounds, plans = bounds + lower_bound(trace, budget, costs), plans + best
    assert bounds > 0.97 * plans  # and it is not far below the best plan


def test_no_policy_is_cheaper_than_the_best_plan():
    for seed in SEEDS:
        trace, budget = small_trace(seed)
        best = best_plan(trace, budget, policy.TOTAL)
        for name in policy.POLICIES:
            if name != "optimum":
                assert policy.simulate(trace, name, budget).total >= best * (1 - 1e-6), (seed, name)


def test_a_very_long_trace_gets_the_bound_that_takes_little_time(monkeypatch):
    trace, budget = small_trace(3)
    monkeypatch.setattr("benchmarks.policy_bound.LONGEST", 3)
    assert lower_bound(trace, budget, policy.MONEY) == relaxed_bound_of_user(trace, "ann", budget, policy.MONEY)
