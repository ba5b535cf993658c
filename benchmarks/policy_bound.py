"""A proven lower bound of what any policy must pay, even one that knows the future.

The rules are those of the simulator, and hold for every policy in it: a query is local only where all its tables are
here and fresh; a table is fetched only after a query of it that BigQuery answered (nobody fetches what nobody asked for),
though a copy may be brought up to date at any time; copies never take more than the budget.

`policy_programme` has the tight bound. A very long trace, or a machine without SciPy, gets this one: a query's cost is
divided among its tables (it costs at least each table's share where that table is missing), and the budget is relaxed with
prices for room (Lagrange): then the tables are independent, and the best plan of each is a short dynamic programme.
Whatever the prices, the sum is at most the true optimum; the ascent below only makes it larger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

from benchmarks import policy_programme
from benchmarks.policy_world import Change, Costs, Query, Table, Trace

LONGEST = 10_000
"""Uses of tables by one user up to which HiGHS needs less than a minute."""

STEPS = 80
SLOTS = 100
"""The room's price is constant within each of so many stretches of a trace."""

AIM = 1.3
SHORTER = 0.6
PATIENCE = 3
"""Of the ascent; whatever they are, what it finds is a bound."""


@dataclass(slots=True)
class Use:
    """A use of a table by one user, as the bound sees it.

    Args:
        slot: stretch of the trace.
        saved: cost that is saved if the table is here.
        size: bytes of the table.
        refresh: bytes that bring a copy from the use before up to this one.
        joined: BigQuery may have answered the use before for want of another table.
        room: bytes × queries in each slot that keeping it since the use before takes.
    """

    slot: int
    saved: float
    size: float
    refresh: float
    joined: bool = False
    room: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Last:
    """The last use of a table. What is kept unused may be behind, so it takes the room that it took then."""

    query: int
    state: tuple[int, int]
    size: float
    joined: bool


def lower_bound(trace: Trace, budget: float, costs: Costs) -> float:
    """The least that all users together must pay."""
    return sum(_bound_of_user(trace, user, budget, costs) for user in trace.users)


def _bound_of_user(trace: Trace, user: str, budget: float, costs: Costs) -> float:
    uses = sum(len(e.reads) for e in trace.events if isinstance(e, Query) and e.user == user)
    if uses <= LONGEST and find_spec("scipy"):
        return policy_programme.bound_of_user(trace, user, budget, costs)
    return relaxed_bound_of_user(trace, user, budget, costs)


def relaxed_bound_of_user(trace: Trace, user: str, budget: float, costs: Costs) -> float:
    """The weaker bound, which needs no library and little time."""
    base, uses, counts = _gather(trace, user, costs)
    return base + max(_ascend(uses, counts, costs, budget), 0.0)


def _ascend(uses: Mapping[str, list[Use]], counts: list[int], costs: Costs, budget: float) -> float:
    """The largest value that prices for room give, by subgradient steps.

    A step is as long as would reach a value a little above the best one, if the slope lasted (Polyak 1969); where a few
    steps in a row find nothing better, it goes back to the best prices and takes shorter ones.
    """
    prices = kept = [0.0] * SLOTS
    best, length, vain = 0.0, 1.0, 0
    for _ in range(STEPS):
        value, taken = _relaxed(uses, prices, costs, budget)
        value -= sum(p * budget * n for p, n in zip(prices, counts, strict=True))
        if value > best:
            best, kept, vain = value, prices, 0
        elif (vain := vain + 1) == PATIENCE:
            prices, length, vain = kept, length * SHORTER, 0
            continue
        slope = [t - budget * n for t, n in zip(taken, counts, strict=True)]
        # A price is not below nothing.
        slope = [0.0 if p == 0 and g < 0 else g for p, g in zip(prices, slope, strict=True)]
        steepness = sum(g * g / n for g, n in zip(slope, counts, strict=True) if n)
        if not steepness:
            break
        step = length * (AIM * max(best, value) - value) / steepness
        prices = [max(0.0, p + step * g / max(1, n)) for p, g, n in zip(prices, slope, counts, strict=True)]
    return best


def _gather(trace: Trace, user: str, costs: Costs) -> tuple[float, dict[str, list[Use]], list[int]]:
    """What is paid in any case, each table's uses, and the number of queries in each slot."""
    tables = {name: Table(size) for name, size in trace.tables.items()}
    mine = sum(isinstance(e, Query) and e.user == user for e in trace.events)
    uses: dict[str, list[Use]] = {}
    last: dict[str, _Last] = {}
    counts, base, number = [0] * SLOTS, 0.0, 0
    for event in trace.events:
        if isinstance(event, Change):
            for name, appended in event.tables.items():
                tables[name].change(appended)
        elif event.user == user:
            slot = number * SLOTS // mine
            counts[slot] += 1
            local = costs.local(event.reads)
            cloud = costs.cloud(event.reads)
            base += local
            worth = {name: costs.cloud({name: size}) for name, size in event.reads.items()}
            for name in event.reads:
                table, before = tables[name], last.get(name) or _Last(number, (-1, 0), 0.0, joined=False)
                share = (cloud - local) * worth[name] / (sum(worth.values()) or 1.0)
                use = Use(slot, max(0.0, share), table.bytes, table.behind(before.state), before.joined)
                spent = Counter((i * SLOTS // mine) for i in range(before.query + 1, number))
                use.room = {s: n * before.size for s, n in spent.items()}
                uses.setdefault(name, []).append(use)
                last[name] = _Last(number, table.state, table.bytes, joined=len(event.reads) > 1)
            number += 1
    return base, uses, counts


def _relaxed(
    uses: Mapping[str, list[Use]], prices: list[float], costs: Costs, budget: float
) -> tuple[float, list[float]]:
    """The least cost with these prices for room, and how much room that takes in each slot."""
    taken, total = [0.0] * SLOTS, 0.0
    for several in uses.values():
        value, chosen = _best_of_table(several, prices, costs, budget)
        total += value
        for slot, room in chosen.items():
            taken[slot] += room
    return total, taken


def _best_of_table(uses: list[Use], prices: list[float], costs: Costs, budget: float) -> tuple[float, dict[int, float]]:
    """One table: at each use it is here or not. Being here takes room, and a transfer after a use that missed it."""
    out = (0.0 if not uses else uses[0].saved, None)
    here: tuple[float, object] = (float("inf"), None)
    for k, use in enumerate(uses[1:], 1):
        fetch, refresh = costs.transfer(use.size), costs.transfer(min(use.refresh, use.size))
        room = prices[use.slot] * use.size
        keep = sum(prices[slot] * amount for slot, amount in use.room.items())
        source = here if use.joined and here[0] < out[0] else out
        arrive_new = source[0] + fetch + room
        arrive_kept = here[0] + refresh + keep + room
        stay_out = min((out[0], 0, out), (here[0], 1, here), key=lambda option: option[:2])
        new_out = (stay_out[0] + use.saved, ("out", stay_out[2]))
        if use.size > budget:
            here = (float("inf"), None)
        elif arrive_kept <= arrive_new:
            here = (arrive_kept, ("kept", k, here))
        else:
            here = (arrive_new, ("new", k, source))
        out = new_out
    best = min(out, here, key=lambda option: option[0])
    return best[0], _room(uses, best)


def _room(uses: list[Use], state: tuple[float, object]) -> dict[int, float]:
    """Walk back through the choices and add up the room that they take."""
    found: dict[int, float] = {}
    while state is not None and state[1] is not None:
        kind, *rest = state[1]  # type: ignore[misc]
        if kind != "out":
            use = uses[rest[0]]
            found[use.slot] = found.get(use.slot, 0.0) + use.size
            for slot, amount in use.room.items() if kind == "kept" else ():
                found[slot] = found.get(slot, 0.0) + amount
        state = rest[-1]
    return found
