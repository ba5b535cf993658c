"""What policies cost: `python -m benchmarks.policy [--trace FILE.jsonl] [--budget BYTES] [--json OUT]`.

Drives the product's own `make_plan` (`cost` and `lru`) over six synthetic workloads or a trace, beside everything on BigQuery
(`never`) and a lower bound for all that hold tables only (`optimum`). `cost + kept` also keeps answers of BigQuery and gives them
again (`benchmarks.policy_kept`). `--seeds N` prints how far `cost` is from the bound at most, and what kept answers add.

A trace has a first line `{"tables": {name: bytes or {column: bytes}}}`, then events in order:
`{"t": seconds, "user": "u", "query": "id", "reads": {table: bytes of all its columns or [column, …]}}` or
`{"t": seconds, "change": {table: {"appended_bytes": n} | {"rewritten": true}}}`. Each user is a laptop of their own. A query may
have `"answer_bytes": n`, the size of its answer; without, that is estimated, and the printout says so.
Queries of one user with the same `query` have the same text: within a day, over tables that have not changed, BigQuery's own
cache has the answer of one that it has answered, whatever the policy; `never` is that cache alone.
`--json` writes `{policy: {"money": dollars, "seconds": s}}`, the sums over all workloads.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path

from benchmarks import policy_world as world
from benchmarks.policy_bound import lower_bound
from benchmarks.policy_kept import ESTIMATE, LARGEST_ESTIMATE, SMALLEST_ESTIMATE, KeptAnswers
from benchmarks.policy_workloads import workloads
from benchmarks.policy_world import (
    MONEY,
    PRICES,
    SECONDS,
    TOTAL,
    Bill,
    Change,
    CloudCache,
    Query,
    Table,
    Tally,
    Trace,
    instant,
)
from bigpato_magic.tier.policy import score
from bigpato_magic.tier.policy.plan import Limits, make_plan
from bigpato_magic.tier.policy.score import HALF_LIFE
from bigpato_magic.traits import format_duration, format_money, format_size, parse_size
from bigpato_magic.types import (
    Column,
    Holding,
    Kind,
    Part,
    PartitionFacts,
    Partitioning,
    PartitionUnit,
    Plan,
    SqlType,
    StructField,
    TableCopy,
    TableFacts,
    TableId,
    TableUsage,
    TableVersion,
    schema_digest,
)

KEPT = "cost + kept"
POLICIES = ("cost", KEPT, "lru", "never", "optimum")
SHARE = 0.5
"""Of all tables' bytes: the budget where none is given."""

_BY_DAY = Partitioning(PartitionUnit.DAY)


@dataclass(slots=True)
class Laptop:
    """One user's copies, which are what `make_plan` says. After each event that it can act upon, a rebalance.

    Args:
        tables: as they are now; shared by all laptops.
        budget: bytes.
        policy: of the product, `cost + kept`, or `never`.

    Which copies there are is the same with and without kept answers: a table is reckoned as if none had been given, and gets
    all the room that it would have. So whatever is paid with them is paid without them too (docs/costs.md has the proof).
    """

    tables: Mapping[str, Table]
    budget: float
    policy: str
    bill: Bill = field(default_factory=Bill)
    usage: dict[TableId, TableUsage] = field(default_factory=dict)
    copies: dict[TableId, TableCopy] = field(default_factory=dict)
    states: dict[TableId, tuple[int, int]] = field(default_factory=dict)
    cloud: CloudCache = field(init=False)
    unkept: CloudCache = field(init=False)
    reckoned: CloudCache = field(init=False)
    kept: KeptAnswers | None = field(init=False)

    def __post_init__(self) -> None:
        # What BigQuery's cache has; what it would have without kept answers; and if BigQuery had answered everything.
        self.cloud, self.unkept, self.reckoned = (CloudCache(self.tables) for _ in range(3))
        self.kept = KeptAnswers(self.tables, self.budget, self.bill.tally) if self.policy == KEPT else None

    def query(self, event: Query) -> None:
        """Answer, note the use, rebalance."""
        local = all(self._holds(name, read.columns) for name, read in event.reads.items())
        self._pay(event, local)
        cached = not local and self.unkept.asks(event)
        asked_before = self.reckoned.asks(event)
        free = asked_before if local else cached
        seconds = None if local else world.cloud_seconds({} if cached else event.reads) / len(event.reads)
        for name, read in event.reads.items():
            size = 0 if free else score.billed(read.bytes, PRICES)
            use = score.Use(table_id(name), size, seconds, columns=read.columns)
            self.usage[use.table] = score.used(self.usage.get(use.table), use, instant(event.t), HALF_LIFE)
        if not local:
            self.rebalance(event.t)

    def _pay(self, event: Query, local: bool) -> None:
        """By copies, by a kept answer, or by BigQuery, whose answer is kept."""
        if not local and self.kept and self.kept.answers(event):
            self.bill.kept(cached=self.cloud.has(event))
            return
        self.bill.query(event.reads, local=local, cached=not local and self.cloud.asks(event))
        if not local and self.kept:
            self.kept.keep(event)

    def _holds(self, name: str, columns: frozenset[str]) -> bool:
        table = table_id(name)
        fresh = self.states.get(table) == self.tables[name].state
        return fresh and columns <= self.copies[table].holding.columns

    def changed(self, names: Iterable[str], t: float) -> None:
        """The poller sees that copies are behind."""
        if any(table_id(name) in self.copies for name in names):
            self.rebalance(t)

    def rebalance(self, t: float) -> None:
        """Plan with what is known now, and do it."""
        if self.policy == "never":
            return
        plan = self._plan(t)
        for demotion in plan.demote:
            del self.copies[demotion.copy.table], self.states[demotion.copy.table]
        for promotion in plan.promote:
            self._bring(promotion.facts, promotion.columns, promotion.bytes)
        for refresh in plan.refresh:
            self._bring(refresh.facts, refresh.copy.columns, refresh.bytes)
        if self.kept:
            self.kept.fit(self.budget - sum(copy.bytes for copy in self.copies.values()), t)

    def _plan(self, t: float) -> Plan:
        now = instant(t)
        usage = {table: score.decayed(u, now, HALF_LIFE) for table, u in self.usage.items()}
        behind = [table for table, state in self.states.items() if state != self.tables[table.table].state]
        return make_plan(
            usage=usage,
            copies=tuple(self.copies.values()),
            facts={table: facts(table, self.tables[table.table]) for table in usage},
            partitions={table: partitions(self.tables[table.table]) for table in behind},
            limits=Limits(budget=self.budget, disk_ratio=1.0),
            prices=PRICES,
            policy="cost" if self.policy == KEPT else self.policy,
            now=now,
        )

    def _bring(self, of: TableFacts, columns: tuple[Column, ...], size: float) -> None:
        self.bill.transfer(size)
        table = self.tables[of.id.table]
        self.copies[of.id] = copy = _copy(of, columns, table)
        self.states[of.id] = table.state
        self.usage[of.id] = score.after_transfer(self.usage[of.id], size, copy.bytes, PRICES)


# ------------------------------------------------------------------------------- the world in the product's types


def table_id(name: str) -> TableId:
    """A trace's table."""
    return TableId("p", "d", name)


@cache
def _columns(parts: tuple[tuple[str, int], ...]) -> tuple[Column, ...]:
    """Columns of so many integers each: eight bytes a row for each part of the table."""
    one = SqlType(Kind.INT64)
    several = {n: SqlType(Kind.STRUCT, fields=tuple(StructField(f"f{i}", one) for i in range(n))) for _, n in parts}
    return tuple(Column(name, one if n == 1 else several[n]) for name, n in parts)


def facts(table: TableId, now: Table) -> TableFacts:
    """What BigQuery says of a table."""
    columns = _columns(tuple(now.parts.items()))
    rows = int(now.bytes / 8 / sum(now.parts.values()))
    etag = f"{now.rewrites}.{len(now.appends)}"
    version = TableVersion(etag, world.START, world.START, rows, int(now.bytes), schema_digest(columns))
    return TableFacts(table, version, columns, world.START, partitioning=_BY_DAY)


def partitions(table: Table) -> tuple[PartitionFacts, ...]:
    """What was there at first, and each append: so that only what is new is brought."""
    sizes = [int(table.bytes - sum(table.appends)), *map(int, table.appends)]
    changed, width = instant(table.rewrites * 1e6), 8 * sum(table.parts.values())
    return tuple(
        PartitionFacts(f"{i}", size // width, size, changed + timedelta(seconds=i)) for i, size in enumerate(sizes)
    )


def _copy(of: TableFacts, columns: tuple[Column, ...], table: Table) -> TableCopy:
    names = frozenset(column.name for column in columns)
    part = Part(Path("x"), of.version.rows, int(of.version.bytes * table.share(names)), "")
    return TableCopy(
        of.id.table, of.id, of.version, columns, Holding(names), (part,), world.START, "", facts=of,
        partitions=partitions(table),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------- simulation


def simulate(trace: Trace, policy: str, budget: float) -> Bill:
    """What a policy costs all users of a trace together."""
    tables = trace.opening()
    laptops = {user: Laptop(tables, budget, policy) for user in trace.users}
    for event in trace.events:
        if isinstance(event, Change):
            for name, appended in event.tables.items():
                tables[name].change(appended)
            for laptop in laptops.values():
                laptop.changed(event.tables, event.t)
        else:
            laptops[event.user].query(event)
    return sum((laptop.bill for laptop in laptops.values()), Bill())


@dataclass(frozen=True, slots=True)
class Row:
    """What one policy costs on one workload: dollars, seconds waited, and both in dollars; and what it kept."""

    money: float
    seconds: float
    total: float
    tally: Tally = field(default_factory=Tally)

    def __add__(self, other: Row) -> Row:
        return Row(*(getattr(self, name) + getattr(other, name) for name in Row.__slots__))

    def over(self, best: Row) -> tuple[float, ...]:
        """How many times as much as another, each for itself."""
        pairs = ((self.money, best.money), (self.seconds, best.seconds), (self.total, best.total))
        return tuple(mine / other if other else 1.0 for mine, other in pairs)


def compare(trace: Trace, budget: float, policies: Sequence[str] = POLICIES) -> dict[str, Row]:
    """Every policy on one workload; the optimum's three numbers are lower bounds, each for itself."""
    rows = {}
    for policy in policies:
        if policy == "optimum":
            rows[policy] = Row(*(lower_bound(trace, budget, costs) for costs in (MONEY, SECONDS, TOTAL)))
        else:
            bill = simulate(trace, policy, budget)
            rows[policy] = Row(bill.money, bill.seconds, bill.total, bill.tally)
    return rows


def budget_of(trace: Trace, budget: float | None) -> float:
    """The budget given, or a share of all tables."""
    return SHARE * trace.bytes if budget is None else budget


def table(name: str, rows: Mapping[str, Row]) -> str:
    """A workload's rows as text."""
    lines = [f"{name:13} {'money':>10} {'×':>6} {'waited':>9} {'×':>6} {'together':>10} {'× optimum':>10}"]
    for policy, row in rows.items():
        money, seconds, total = row.over(rows["optimum"])
        lines.append(
            f"  {policy:11} {format_money(row.money):>10} {money:6.2f} {format_duration(row.seconds):>9} "
            f"{seconds:6.2f} {format_money(row.total):>10} {total:10.2f}"
        )
    if KEPT in rows:
        lines.append(kept_line(rows[KEPT].tally))
    return "\n".join(lines)


def kept_line(tally: Tally) -> str:
    """What kept answers gave, how much room they took, and how much of that is an estimate."""
    line = (
        f"  kept answers: {tally.gave:,} given for {tally.asked:,} queries that copies left, BigQuery's own cache had "
        f"{tally.cached:,} of these too; {tally.kept:,} kept, {format_size(tally.most)} at most on one laptop, "
        f"{tally.evicted:,} made room"
    )
    if not tally.estimated:
        return line
    bounds = f"{format_size(SMALLEST_ESTIMATE)} to {format_size(LARGEST_ESTIMATE)}"
    return f"{line}; sizes of {tally.estimated:,} are estimates: {ESTIMATE:.1%} of what is read, {bounds}"


Ratios = dict[str, list[tuple[float, ...]]]
"""Money, waiting and both, of one over those of another, of each run of a workload."""


def over_seeds(traces: Iterable[Trace], budget: float | None) -> str:
    """How far `cost` is from the bound, and `cost + kept` from `cost`: for each workload and all."""
    bound: Ratios = {}
    kept: Ratios = {}
    for trace in traces:
        rows = compare(trace, budget_of(trace, budget), ("cost", KEPT, "optimum"))
        bound.setdefault(trace.name, []).append(rows["cost"].over(rows["optimum"]))
        kept.setdefault(trace.name, []).append(rows[KEPT].over(rows["cost"]))
    return f"{ratio_table('cost/bound', bound)}\n\n{ratio_table('kept/cost', kept)}"


def ratio_table(title: str, ratios: Ratios) -> str:
    """The worst and the mean of each workload and of all."""
    ratios = ratios | {"all": [each for several in ratios.values() for each in several]}
    lines = [
        f"{title:10} {'runs':>5} {'money: max':>11} {'mean':>6} {'waited':>8} {'mean':>6} {'together':>9} {'mean':>6}"
    ]
    for name, several in ratios.items():
        cells = (f"{max(each):9.2f} {sum(each) / len(each):7.2f}" for each in zip(*several, strict=True))
        lines.append(f"{name:10} {len(several):5} " + " ".join(cells))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policy", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--trace", type=Path, help="a trace in place of the synthetic workloads")
    parser.add_argument(
        "--budget", type=parse_size, help="bytes of each laptop ('20 GiB'); default: half of all tables"
    )
    parser.add_argument("--json", type=Path, help="where to write the sums")
    parser.add_argument("--seeds", type=int, default=0, help="of so many seeds, each workload's worst and mean ratios")
    args = parser.parse_args(arguments)
    if args.seeds:
        print(over_seeds((trace for seed in range(1, args.seeds + 1) for trace in workloads(seed=seed)), args.budget))
        return
    sums: dict[str, Row] = {}
    for trace in [world.read_trace(args.trace)] if args.trace else workloads():
        rows = compare(trace, budget_of(trace, args.budget))
        print(table(trace.name, rows), end="\n\n")
        sums = {policy: row + sums.get(policy, Row(0, 0, 0)) for policy, row in rows.items()}
    print(table("all", sums))
    if args.json:
        out = {policy: {"money": row.money, "seconds": row.seconds} for policy, row in sums.items()}
        args.json.write_text(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
