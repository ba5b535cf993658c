"""A lower bound of what any policy must pay, even one that knows the future: a linear programme, solved by HiGHS.

The rules are those of `policy_bound`, the bound is tighter. Offline caching of files of different sizes with bypassing is
an integer programme over what is kept between two uses (Albers, Arora, Khanna: Page replacement for general caching
problems, SODA 1999). For each query `local`, for each use of a table but its first `fetched` (since the use before) and
`kept` (since the use before, and brought up to date):

    local ≤ fetched + kept     of each table that the query reads
    kept ≤ fetched + kept      the second of the use before
    fetched ≤ 1 - local        the second of the use before: only after a query that BigQuery answered
    bytes of what is kept over a query, and of what it finds here ≤ budget

Whatever a policy does in the simulator is a point of ones and noughts that fulfils these rows, and costs at least the
programme's objective there. Without integrality the minimum is over more points, so it can only be smaller: a bound.
What is kept unused may be behind, so it weighs as much as at the use before, not as it would weigh up to date.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.policy_world import Change, Costs, Query, Table, Trace


@dataclass(slots=True)
class Programme:
    """Minimize costs · x where 0 ≤ x ≤ 1 and every row's sum is at most (or exactly) its limit."""

    costs: list[float] = field(default_factory=list)
    rows: list[tuple[Mapping[int, float], float, bool]] = field(default_factory=list)

    def variable(self, cost: float = 0.0) -> int:
        """A new one."""
        self.costs.append(cost)
        return len(self.costs) - 1

    def at_most(self, terms: Mapping[int, float], limit: float) -> None:
        """A row that is not above its limit."""
        self.rows.append((terms, limit, False))

    def exactly(self, terms: Mapping[int, float], value: float) -> None:
        """A row that has this value."""
        self.rows.append((terms, value, True))

    def minimum(self) -> float:
        """Solve it.

        Raises:
            ArithmeticError: HiGHS found no optimum.
        """
        from scipy.optimize import linprog

        largest = max(map(abs, self.costs), default=0.0)
        if not largest:
            return 0.0
        found = linprog(
            [cost / largest for cost in self.costs], *self._matrix(exact=False), *self._matrix(exact=True),
            bounds=(0, 1), method="highs",
        )  # fmt: skip
        if found.status:
            raise ArithmeticError(found.message)
        return float(found.fun) * largest

    def _matrix(self, *, exact: bool) -> tuple[Any, list[float]]:
        from scipy.sparse import csr_array

        rows = [(terms, limit) for terms, limit, kind in self.rows if kind is exact]
        ends, columns, values = [0], [], []
        for terms, _ in rows:
            columns += terms.keys()
            values += terms.values()
            ends.append(len(columns))
        return csr_array((values, columns, ends), shape=(len(rows), len(self.costs))), [limit for _, limit in rows]


@dataclass(frozen=True, slots=True)
class _Use:
    """The last use of a table: which query, in what state and size it was, and what stands for its being here."""

    query: int
    local: int
    state: tuple[int, int]
    size: float
    here: tuple[int, ...]


@dataclass(slots=True)
class _Room:
    """Which variables take room, in shares of the budget: at a query, and from one query on until before another."""

    at: dict[int, dict[int, float]] = field(default_factory=dict)
    over: dict[int, dict[int, float]] = field(default_factory=dict)

    def keep(self, kept: int, share: float, after: int, until: int) -> None:
        """What is kept takes room at every query between two uses."""
        if until > after + 1:
            self.over.setdefault(after + 1, {})[kept] = -share
            self.over.setdefault(until, {})[kept] = share


def bound_of_user(trace: Trace, user: str, budget: float, costs: Costs) -> float:
    """The least that one user must pay. Needs SciPy."""
    programme, room, last, paid, count = Programme(), _Room(), dict[str, _Use](), 0.0, 0
    for event, tables in _queries(trace, user):
        cloud = costs.cloud(event.reads)
        paid += cloud
        local = programme.variable(costs.local(event.reads) - cloud)
        for name in event.reads:
            here = _here(programme, room, tables[name], last.get(name), count, budget, costs)
            programme.at_most({local: 1.0, **dict.fromkeys(here, -1.0)}, 0.0)
            last[name] = _Use(count, local, tables[name].state, tables[name].bytes, here)
        count += 1
    _limit_room(programme, room, count)
    return paid + programme.minimum()


def _queries(trace: Trace, user: str) -> Iterator[tuple[Query, Mapping[str, Table]]]:
    """One user's queries, with the tables as they are then."""
    tables = {name: Table(size) for name, size in trace.tables.items()}
    for event in trace.events:
        if isinstance(event, Change):
            for name, appended in event.tables.items():
                tables[name].change(appended)
        elif event.user == user:
            yield event, tables


def _here(
    programme: Programme, room: _Room, table: Table, before: _Use | None, query: int, budget: float, costs: Costs
) -> tuple[int, ...]:
    """The rows of one use of a table. What was never asked for, or is larger than the budget, cannot be here."""
    if before is None or table.bytes > budget:
        return ()
    here = [programme.variable(costs.transfer(table.bytes))]
    programme.at_most({here[0]: 1.0, before.local: 1.0}, 1.0)
    if before.here:
        kept = programme.variable(costs.transfer(min(table.behind(before.state), table.bytes)))
        programme.at_most({kept: 1.0, **dict.fromkeys(before.here, -1.0)}, 0.0)
        room.keep(kept, before.size / max(1.0, budget), before.query, query)
        here.append(kept)
    room.at.setdefault(query, {}).update(dict.fromkeys(here, table.bytes / max(1.0, budget)))
    return tuple(here)


def _limit_room(programme: Programme, room: _Room, queries: int) -> None:
    """A variable for the room that is taken over each query, made from the one before, keeps the rows short."""
    before: int | None = None
    for query in range(queries):
        taken = programme.variable()
        change = {taken: 1.0} if before is None else {taken: 1.0, before: -1.0}
        programme.exactly(change | room.over.get(query, {}), 0.0)
        programme.at_most({taken: 1.0} | room.at.get(query, {}), 1.0)
        before = taken
