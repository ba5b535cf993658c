"""What policies cost: `python -m benchmarks.policy [--trace FILE.jsonl] [--budget BYTES] [--json OUT]`.

`--shapes` plays extremes in place of ordinary months; `--seeds N` prints how far `cost` is from the bound at most.

Drives the product's own `make_plan` (`cost` and `lru`), and other policies, over six synthetic workloads or a trace.
A trace has a first line `{"tables": {name: bytes}}`, then events in order:
`{"t": seconds, "user": "u", "query": "id", "reads": {table: bytes}}` or
`{"t": seconds, "change": {table: {"appended_bytes": n} | {"rewritten": true}}}`. Each user is a laptop of their own.
`--json` writes `{policy: {"money": dollars, "seconds": s}}`, the sums over all workloads; `optimum` is a lower bound.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from benchmarks import policy_world as world
from benchmarks.policy_bound import lower_bound
from benchmarks.policy_rivals import RIVALS
from benchmarks.policy_shapes import shapes
from benchmarks.policy_workloads import workloads
from benchmarks.policy_world import PRICES, Bill, Change, Costs, Query, Table, Trace, instant
from bigpato_magic.tier import score
from bigpato_magic.tier.plan import Limits, make_plan
from bigpato_magic.tier.score import HALF_LIFE
from bigpato_magic.traits import format_duration, format_money, parse_size
from bigpato_magic.types import (
    Column,
    Holding,
    Kind,
    Part,
    PartitionFacts,
    Partitioning,
    PartitionUnit,
    SqlType,
    TableCopy,
    TableFacts,
    TableId,
    TableUsage,
    TableVersion,
    schema_digest,
)

POLICIES = ("cost", "lru", *RIVALS, "optimum")
SHARE = 0.5
"""Of all tables' bytes: the budget where none is given."""

_COLUMNS = (Column("v", SqlType(Kind.INT64)),)
_DIGEST = schema_digest(_COLUMNS)
_BY_PART = Partitioning(PartitionUnit.RANGE, "v", 0, 2**40, 1)


@dataclass(slots=True)
class Planned:
    """A laptop whose copies are what `make_plan` says. After each event that it can act upon, a rebalance.

    Args:
        tables: as they are now; shared by all laptops.
        budget: bytes.
        policy: of the product.
    """

    tables: Mapping[str, Table]
    budget: float
    policy: str
    bill: Bill = field(default_factory=Bill)
    usage: dict[TableId, TableUsage] = field(default_factory=dict)
    copies: dict[TableId, TableCopy] = field(default_factory=dict)
    states: dict[TableId, tuple[int, int]] = field(default_factory=dict)

    def query(self, event: Query) -> None:
        """Answer, note the use, rebalance."""
        local = all(self.states.get(table_id(name)) == self.tables[name].state for name in event.reads)
        self.bill.query(event.reads, local=local)
        seconds = None if local else world.cloud_seconds(event.reads) / len(event.reads)
        for name, size in event.reads.items():
            use = score.Use(table_id(name), score.billed(size, PRICES), seconds)
            self.usage[use.table] = score.used(self.usage.get(use.table), use, instant(event.t), HALF_LIFE)
        if not local:
            self.rebalance(event.t)

    def changed(self, names: Mapping[str, float | None], t: float) -> None:
        """The poller sees that copies are behind."""
        if any(table_id(name) in self.copies for name in names):
            self.rebalance(t)

    def rebalance(self, t: float) -> None:
        """Plan with what is known now, and do it."""
        now = instant(t)
        usage = {table: score.decayed(u, now, HALF_LIFE) for table, u in self.usage.items()}
        facts = {table: self._facts(table) for table in usage}
        behind = [table for table, state in self.states.items() if state != self.tables[table.table].state]
        plan = make_plan(
            usage=usage,
            copies=tuple(self.copies.values()),
            facts=facts,
            partitions={table: partitions(self.tables[table.table]) for table in behind},
            limits=Limits(budget=self.budget, disk_ratio=1.0),
            prices=PRICES,
            policy=self.policy,
            now=now,
        )
        for demotion in plan.demote:
            del self.copies[demotion.copy.table], self.states[demotion.copy.table]
        for action in (*plan.promote, *plan.refresh):
            self._bring(action.facts, action.bytes)

    def _bring(self, facts: TableFacts, size: float) -> None:
        self.bill.transfer(size)
        table = self.tables[facts.id.table]
        self.copies[facts.id] = _copy(facts, table)
        self.states[facts.id] = table.state
        self.usage[facts.id] = score.brought(self.usage[facts.id], size, facts.version.bytes, PRICES)

    def _facts(self, table: TableId) -> TableFacts:
        now = self.tables[table.table]
        etag = f"{now.rewrites}.{len(now.appends)}"
        version = TableVersion(etag, world.START, world.START, int(now.bytes / 8), int(now.bytes), _DIGEST)
        return TableFacts(table, version, _COLUMNS, world.START, partitioning=_BY_PART)


def table_id(name: str) -> TableId:
    """A trace's table."""
    return TableId("p", "d", name)


def partitions(table: Table) -> tuple[PartitionFacts, ...]:
    """What was there at first, and each append: so that only what is new is brought."""
    sizes = [int(table.bytes - sum(table.appends)), *map(int, table.appends)]
    changed = instant(table.rewrites * 1e6)
    return tuple(
        PartitionFacts(f"{i}", size // 8, size, changed + timedelta(seconds=i)) for i, size in enumerate(sizes)
    )


def _copy(facts: TableFacts, table: Table) -> TableCopy:
    part = Part(Path("x"), facts.version.rows, facts.version.bytes, "")
    everything = Holding(frozenset({"v"}))
    return TableCopy(
        facts.id.table, facts.id, facts.version, _COLUMNS, everything, (part,), world.START, "", facts=facts,
        partitions=partitions(table),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------- simulation


def simulate(trace: Trace, policy: str, budget: float) -> Bill:
    """What a policy costs all users of a trace together."""
    tables = {name: Table(size) for name, size in trace.tables.items()}
    rival = RIVALS.get(policy)
    laptops = {u: rival(tables, budget) if rival else Planned(tables, budget, policy) for u in trace.users}
    for event in trace.events:
        if isinstance(event, Change):
            for name, appended in event.tables.items():
                tables[name].change(appended)
            for laptop in laptops.values():
                laptop.changed(event.tables, event.t)
        else:
            laptops[event.user].query(event)
    return world.totals(laptop.bill for laptop in laptops.values())


MONEY = Costs(world.cloud_money, lambda _: 0.0, world.transfer_money)
SECONDS = Costs(world.cloud_seconds, world.local_seconds, lambda _: 0.0)
TOTAL = Costs(
    lambda reads: world.cloud_money(reads) + world.WAIT * world.cloud_seconds(reads),
    lambda reads: world.WAIT * world.local_seconds(reads),
    lambda size: world.transfer_money(size) + world.WAIT * PRICES.background * world.transfer_seconds(size),
)


@dataclass(frozen=True, slots=True)
class Row:
    """What one policy costs on one workload: dollars, seconds waited, and both in dollars."""

    money: float
    seconds: float
    total: float

    def __add__(self, other: Row) -> Row:
        return Row(self.money + other.money, self.seconds + other.seconds, self.total + other.total)


def compare(trace: Trace, budget: float, policies: Sequence[str] = POLICIES) -> dict[str, Row]:
    """Every policy on one workload; the optimum's three numbers are lower bounds, each for itself."""
    rows = {}
    for policy in policies:
        if policy == "optimum":
            bounds = [lower_bound(trace, budget, costs) for costs in (MONEY, SECONDS, TOTAL)]
            rows[policy] = Row(*bounds)
        else:
            bill = simulate(trace, policy, budget)
            rows[policy] = Row(bill.money, bill.seconds, bill.total)
    return rows


def budget_of(trace: Trace, budget: float | None) -> float:
    """The budget given, or the trace's own, or a share of all tables."""
    given = trace.budget if budget is None else budget
    return SHARE * sum(trace.tables.values()) if given is None else given


def table(name: str, rows: Mapping[str, Row]) -> str:
    """A workload's rows as text."""
    best = rows["optimum"]
    lines = [f"{name:10} {'money':>10} {'×':>6} {'waited':>9} {'×':>6} {'together':>10} {'× optimum':>10}"]
    for policy, row in rows.items():
        ratios = [
            a / b if b else 1.0
            for a, b in ((row.money, best.money), (row.seconds, best.seconds), (row.total, best.total))
        ]
        lines.append(
            f"  {policy:8} {format_money(row.money):>10} {ratios[0]:6.2f} {format_duration(row.seconds):>9} "
            f"{ratios[1]:6.2f} {format_money(row.total):>10} {ratios[2]:10.2f}"
        )
    return "\n".join(lines)


def over_seeds(seeds: Sequence[Sequence[Trace]], budget: float | None) -> str:
    """How far `cost` is from the bound: the worst and the mean over seeds, for each workload and all."""
    found: dict[str, list[tuple[float, ...]]] = {}
    for trace in (trace for traces in seeds for trace in traces):
        rows = compare(trace, budget_of(trace, budget), ("cost", "optimum"))
        mine, best = rows["cost"], rows["optimum"]
        found.setdefault(trace.name, []).append(
            (mine.money / best.money, mine.seconds / best.seconds, mine.total / best.total)
        )
    found["all"] = [ratios for several in found.values() for ratios in several]
    lines = [
        f"{'× bound':10} {'runs':>5} {'money: max':>11} {'mean':>6} {'waited':>8} {'mean':>6} {'together':>9} {'mean':>6}"
    ]
    for name, several in found.items():
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
    parser.add_argument("--scale", type=float, default=1.0, help="times as many queries")
    parser.add_argument("--shapes", action="store_true", help="extreme shapes of work in place of ordinary months")
    parser.add_argument("--seeds", type=int, default=0, help="of so many seeds, each workload's worst and mean ratios")
    args = parser.parse_args(arguments)
    make: Callable[[int], Sequence[Trace]] = shapes if args.shapes else partial(workloads, args.scale)
    if args.seeds:
        print(over_seeds([make(seed) for seed in range(1, args.seeds + 1)], args.budget))
        return
    traces = [world.read_trace(args.trace)] if args.trace else make(5)
    sums: dict[str, Row] = {}
    for trace in traces:
        rows = compare(trace, budget_of(trace, args.budget))
        print(table(trace.name, rows), end="\n\n")
        sums = {policy: row + sums.get(policy, Row(0, 0, 0)) for policy, row in rows.items()}
    print(table("all", sums))
    if args.json:
        out = {policy: {"money": row.money, "seconds": row.seconds} for policy, row in sums.items()}
        args.json.write_text(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
