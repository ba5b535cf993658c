"""A lower bound of what any policy must pay, even one that knows the future: a linear programme, solved by HiGHS (SciPy).

The rules are those of the simulator: a query is local only where all columns that it reads are here and fresh; columns are
fetched only after a query of their table that BigQuery answered (nobody fetches what nobody asked for), though a copy may be
brought up to date at any time; copies never take more than the budget.

Offline caching of files of different sizes with bypassing is an integer programme over what is kept between two uses
(Albers, Arora, Khanna: Page replacement for general caching problems, SODA 1999). For each query `local`, for each column
that it reads `fetched` (since the use before) and, but for the first use, `kept` (since then, and brought up to date):

    local ≤ fetched + kept                      of each column
    kept ≤ fetched + kept                       the second of the use before
    fetched ≤ sum of 1 - local                  of the queries of the table since then
    bytes of what is kept over a query, and of what it finds here ≤ budget

Whatever a policy does in the simulator is a point of ones and noughts that fulfils these rows, and costs at least the
programme's objective there. Without integrality the minimum is over more points, so it can only be smaller: a bound.
What is kept unused may be behind, so it weighs as much as at the use before, not as it would weigh up to date.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.policy_world import Change, CloudCache, Costs, Query, Table, Trace


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
        solution = linprog(
            [cost / largest for cost in self.costs], *self._matrix(exact=False), *self._matrix(exact=True),
            bounds=(0, 1), method="highs",
        )  # fmt: skip
        if solution.status:
            raise ArithmeticError(solution.message)
        return float(solution.fun) * largest

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
    """The last use of a column.

    Args:
        query: its number.
        of_table: how many queries of the table there were before it.
        state: of the table then.
        size: bytes of the column then.
        here: variables that stand for its being here.
    """

    query: int
    of_table: int
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


@dataclass(slots=True)
class _Bound:
    """The programme of one user in the making."""

    budget: float
    costs: Costs
    programme: Programme = field(default_factory=Programme)
    room: _Room = field(default_factory=_Room)
    last: dict[tuple[str, str], _Use] = field(default_factory=dict)
    local: dict[str, list[int]] = field(default_factory=dict)
    paid: float = 0.0
    queries: int = 0

    def add(self, event: Query, tables: Mapping[str, Table], cached: bool) -> None:
        """One more query, of tables as they are now."""
        cloud = self.costs.cloud({} if cached else event.reads)
        self.paid += cloud
        local = self.programme.variable(self.costs.local(event.reads) - cloud)
        for name, read in event.reads.items():
            for column in sorted(read.columns):
                here = self._here(name, column, tables[name])
                self.programme.at_most({local: 1.0, **dict.fromkeys(here, -1.0)}, 0.0)
        for name in event.reads:
            self.local.setdefault(name, []).append(local)
        self.queries += 1

    def _here(self, name: str, column: str, table: Table) -> tuple[int, ...]:
        """The rows of one use of a column. What was never asked for, or is larger than the budget, cannot be here."""
        before, asked, size = (
            self.last.get((name, column)),
            self.local.get(name, []),
            table.bytes * table.share([column]),
        )
        here: tuple[int, ...] = ()
        if asked and size <= self.budget:
            here = (self._fetched(size, asked[before.of_table if before else 0 :]), *self._kept(before, table, size))
            self.room.at.setdefault(self.queries, {}).update(dict.fromkeys(here, size / max(1.0, self.budget)))
        self.last[name, column] = _Use(self.queries, len(asked), table.state, size, here)
        return here

    def _fetched(self, size: float, since: list[int]) -> int:
        """Since the use before, in which the table was asked for too."""
        fetched = self.programme.variable(self.costs.transfer(size))
        self.programme.at_most({fetched: 1.0, **dict.fromkeys(since, 1.0)}, float(len(since)))
        return fetched

    def _kept(self, before: _Use | None, table: Table, size: float) -> Iterator[int]:
        if before is not None and before.here:
            refresh = min(table.behind(before.state) * size / max(1.0, table.bytes), size)
            kept = self.programme.variable(self.costs.transfer(refresh))
            self.programme.at_most({kept: 1.0, **dict.fromkeys(before.here, -1.0)}, 0.0)
            self.room.keep(kept, before.size / max(1.0, self.budget), before.query, self.queries)
            yield kept

    def minimum(self) -> float:
        """A variable for the room that is taken over each query, made from the one before, keeps the rows short."""
        before: int | None = None
        for query in range(self.queries):
            taken = self.programme.variable()
            change = {taken: 1.0} if before is None else {taken: 1.0, before: -1.0}
            self.programme.exactly(change | self.room.over.get(query, {}), 0.0)
            self.programme.at_most({taken: 1.0} | self.room.at.get(query, {}), 1.0)
            before = taken
        return self.paid + self.programme.minimum()


def lower_bound(trace: Trace, budget: float, costs: Costs) -> float:
    """The least that all users together must pay. Minutes, where a user has thousands of queries."""
    return sum(_bound_of_user(trace, user, budget, costs) for user in trace.users)


def _bound_of_user(trace: Trace, user: str, budget: float, costs: Costs) -> float:
    bound = _Bound(budget, costs)
    for event, tables, cached in _queries(trace, user):
        bound.add(event, tables, cached)
    return bound.minimum()


def _queries(trace: Trace, user: str) -> Iterator[tuple[Query, Mapping[str, Table], bool]]:
    """One user's queries, with the tables as they are then, and whether BigQuery's own cache may have the answer.

    It may where the same text was asked within a day: whichever of them BigQuery answered, nothing is cheaper than free.
    """
    tables = trace.opening()
    cache = CloudCache(tables)
    for event in trace.events:
        if isinstance(event, Change):
            for name, appended in event.tables.items():
                tables[name].change(appended)
        elif event.user == user:
            cached = cache.has(event)
            cache.fill(event)
            yield event, tables, cached
