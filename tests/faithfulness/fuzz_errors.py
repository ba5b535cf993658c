"""Random queries whose expressions raise for some rows, in every place of a query, judged by Google's reference.

    python -m tests.faithfulness.fuzz_errors --queries 30000 --processes 2     other queries each run
    python -m tests.faithfulness.fuzz_errors --seed 7 --queries 500            the same queries again

The tables have tight facts, which exclude some of the errors; parameters are NULL. Where the evaluator raises, a local
answer is wrong, unless another order that Google's pages leave open gives that very answer (`errors_grammar.FORMS`).
With `--seconds` it stops in time and says which seed comes next. What differs is shrunk.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, replace
from itertools import count, permutations
from typing import Any, TypeVar

from bigpato_magic import googlesql
from bigpato_magic.types import Parameter
from tests.faithfulness.errors_grammar import (
    AGGREGATES,
    ANY,
    CONSTANTS,
    FORMS,
    GIVEN,
    POOLS,
    RAISING,
    SETTLING,
    TYPES,
    WINDOWS,
)
from tests.faithfulness.fuzz_tree import Tree
from tests.faithfulness.judge import Verdict, judge, reference, same
from tests.faithfulness.world import World, table_of

T = TypeVar("T")
# So many queries in a row are asked of one world.
SHARED = 250
COLUMNS = {"k": "INT64", **{name: kind for name, (kind, _) in POOLS.items()}}
FILTERED = re.compile(r"(?:WHERE|ON) (?:[\w.]+ = [\w.]+ AND |IF\()?\{(\d)\}")
PLACE = re.compile(r"\{(\d)\}")
# A LIMIT may leave a row out before what the row gives is computed, or after it.
LIMITED = "FROM r ORDER BY k LIMIT 1)", "FROM (SELECT * FROM r ORDER BY k LIMIT 1) AS r)"
JUNCTION = re.compile(r"^\((?!.*(BETWEEN|SELECT|OR)).* AND .*\)$")
OF_TYPE = {kind: [name for name, each in COLUMNS.items() if each == kind] for kind in CONSTANTS}


@dataclass(frozen=True)
class Query:
    """A query, and the same as other orders of evaluation have it.

    Args:
        texts: of these, with places for the branches.
        branches: expressions.
    """

    texts: tuple[str, ...]
    branches: tuple[Tree, ...]

    def __str__(self) -> str:
        return self.texts[0].format(*self.branches)

    @property
    def others(self) -> Iterator[str]:
        """The other orders' texts."""
        for text in self.texts:
            for order in range(6):
                branches = [_in_order(branch, order) for branch in self.branches]
                for place in map(int, FILTERED.findall(text)):
                    branches[place] = _chained(branches[place], order)
                yield text.format(*branches)
                yield text.format(*branches).replace(*LIMITED)


def _in_order(tree: Tree, order: int) -> Tree:
    """The tree with the parts of every WHERE looked at one after the other, in one of six orders."""
    filtered = [int(place) for place in FILTERED.findall(tree.text)]
    branches = [_in_order(branch, order) for branch in tree.branches]
    for place in filtered:
        branches[place] = _chained(branches[place], order)
    return replace(tree, branches=tuple(branches))


def _chained(tree: Tree, order: int) -> Tree:
    """The parts that AND joins, at any depth, one after the other: of more than three, each comes first once."""
    parts = _conjuncts(tree)
    if not parts[1:]:
        return tree
    turns = [(*parts[place:], *parts[:place]) for place in range(len(parts))]
    orders = list(permutations(parts)) if len(parts) <= 3 else turns
    *before, last = orders[order % len(orders)]
    text = str(last)
    for part in reversed(before):
        text = f"IF({part}, {text}, FALSE)"
    return Tree(text, tree.type)


def _conjuncts(tree: Tree) -> list[Tree]:
    if not JUNCTION.search(tree.text):
        return [tree]
    parts: list[Tree] = []
    for piece in tree.text[1:-1].split(" AND "):
        place = PLACE.fullmatch(piece)
        parts += _conjuncts(tree.branches[int(place[1])]) if place else [replace(tree, text=piece)]
    return parts


class Generator:
    """Makes queries, and rows."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def query(self) -> Query:
        """One query."""
        texts, kinds = self._any(FORMS)
        return Query(texts, tuple(self._branch(kind) for kind in kinds))

    def _branch(self, kind: str) -> Tree:
        if kind in ("agg", "win"):
            text, inner = self._any(AGGREGATES if kind == "agg" else WINDOWS)
            return Tree(text, "", (self._branch(inner),))
        return self.tree(self._any(TYPES) if kind == ANY else kind, self._any((1, 2, 2, 3)))

    def tree(self, kind: str, depth: int) -> Tree:
        """An expression of a type, at most so deep."""
        if depth == 0:
            return self.leaf(kind)
        text, kinds = self._any((RAISING if self._odds(0.5) else SETTLING)[kind])
        return Tree(text, kind, tuple(self.tree(inner, depth - self._any((1, 1, 2, depth))) for inner in kinds))

    def leaf(self, kind: str) -> Tree:
        """A column or a constant."""
        return Tree(self._any(OF_TYPE[kind] if self._odds(0.75) else CONSTANTS[kind]), kind)

    def rows(self) -> tuple[list[str], list[str]]:
        """Rows of `t` and of `r`."""
        pools = [[self._any(pool) for _, pool in POOLS.values()] for _ in "tr"]
        sizes = self._any((3, 4, 5)), self._any((0, 1, 2, 3))
        return tuple([self._row(k, each) for k in range(1, n + 1)] for n, each in zip(sizes, pools, strict=True))  # type: ignore[return-value]

    def _row(self, k: int, pools: Sequence[Sequence[str]]) -> str:
        return f"({k}, {', '.join(self._any(pool) for pool in pools)})"

    def _odds(self, share: float) -> bool:
        return self.chance.random() < share

    def _any(self, choices: Sequence[T]) -> T:
        return self.chance.choice(choices)


def world_of(number: int) -> World:
    """The tables of the queries from `number` on."""
    t, r = Generator(number ^ 0x5EED).rows()
    described, values = table_of("given", GIVEN, [f"({', '.join('NULL' for _ in GIVEN)})"])
    row = values.to_pylist()[0]
    given = [Parameter(column.name, column.type, row[column.name]) for column in described.columns]
    return World({"t": table_of("t", COLUMNS, t), "r": table_of("r", COLUMNS, r)}, given)


def judged(query: Query, world: World) -> Verdict:
    """The verdict; `left open` where another order than the evaluator's gives the local answer."""
    verdict = judge(str(query), world)
    if verdict.kind != "WRONG" or verdict.answered:
        return verdict
    if any(_gives(text, world, verdict.table) for text in dict.fromkeys(query.others)):
        return replace(verdict, kind="left open")
    return verdict


def _gives(sql: str, world: World, table: Any) -> bool:
    found = reference(googlesql.analyze(sql, world.paths, world.given), world)
    return not isinstance(found, Exception) and same(table, found)


def shrunk(query: Query, world: World) -> Query:
    """The smallest query found whose answers still differ."""
    for less in _smaller(query):
        if judged(less, world).kind == "WRONG":
            return shrunk(less, world)
    return query


def _smaller(query: Query) -> Iterator[Query]:
    for i, tree in enumerate(query.branches):
        for less in _simpler(tree):
            yield replace(query, branches=(*query.branches[:i], less, *query.branches[i + 1 :]))


def _simpler(tree: Tree) -> Iterator[Tree]:
    yield from (branch for branch in tree.branches if branch.type == tree.type)
    for i, branch in enumerate(tree.branches):
        leaf = Tree(OF_TYPE[branch.type][0], branch.type) if branch.type else branch
        for less in (*([leaf] if branch.branches else []), *_simpler(branch)):
            yield replace(tree, branches=(*tree.branches[:i], less, *tree.branches[i + 1 :]))


@dataclass
class Report:
    """How many queries ended how, and those that differ."""

    kinds: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Report) -> None:
        """Count another report's too."""
        self.kinds += other.kinds
        self.wrong += other.wrong


def run(first: int, queries: int) -> Report:
    """Judge the queries of seeds `first`, `first + 1`, …"""
    report, world, at = Report(), None, -1
    for number in range(first, first + queries):
        if world is None or number // SHARED != at:
            if world:
                world.close()
            at = number // SHARED
            world = world_of(at)
        query = Generator(number).query()
        verdict = judged(query, world)
        report.kinds[verdict.kind] += 1
        if verdict.kind == "WRONG":
            report.wrong.append(told(number, judged(shrunk(query, world), world), world))
    if world:
        world.close()
    return report


def told(number: int, verdict: Verdict, world: World) -> str:
    """A difference for a person."""
    tables = "".join(f"  {name}: {rows.to_pylist()}\n" for name, (_, rows) in world.tables.items())
    return f"seed {number}\n  {verdict.sql}\n{tables}  here:      {verdict.local}\n  reference: {verdict.reference}"


def run_parallel(first: int, queries: int, *, processes: int, seconds: float) -> tuple[Report, int]:
    """The same in several processes, one world at a time; also the seed that comes next."""
    report, stop, next_seed = Report(), time.monotonic() + seconds, first
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = set()
        for begin in count(first - first % SHARED, SHARED):
            start, end = max(begin, first), min(begin + SHARED, first + queries)
            if start >= end or time.monotonic() > stop:
                break
            waiting.add(pool.submit(run, start, end - start))
            next_seed = end
            if len(waiting) > processes:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                _collect(report, done)
        _collect(report, waiting)
    return report, next_seed


def _collect(report: Report, done: set[object]) -> None:
    for each in done:
        found = each.result()  # type: ignore[attr-defined]
        report.add(found)
        print(*found.wrong, f"{report.kinds.total()}: {dict(report.kinds)}", sep="\n", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 40))
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    asked = parser.parse_args()
    started = time.monotonic()
    report, next_seed = run_parallel(asked.seed, asked.queries, processes=asked.processes, seconds=asked.seconds)
    print(
        f"seeds {asked.seed} to {next_seed - 1}: {report.kinds.total()} queries in {time.monotonic() - started:.0f} s: "
        f"{dict(report.kinds)}, {len(report.wrong)} differ"
    )
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
