"""Random typed queries over random rows, each answer compared with Google's reference implementation.

    python -m tests.faithfulness.fuzz --queries 100000          other queries each run; prints what differs, shrunk
    python -m tests.faithfulness.fuzz --seed 7 --queries 500    the same queries again

A query is a tree: a production of the grammar for each type, columns and constants at the leaves. Its tables are
published copies, so that what is known of their columns counts; some worlds have their rows in the query's own text,
where DuckDB folds constants. One whose answers differ is shrunk by putting leaves for its branches and leaving clauses
and rows out, as long as the answers still differ; what remains belongs among the cases of `bigpato_magic/suite/cases`.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from bigpato_magic.types import Parameter
from tests.faithfulness.fuzz_grammar import COLUMNS, GIVEN
from tests.faithfulness.fuzz_query import Generator
from tests.faithfulness.fuzz_tree import Query, Rows, fewer, smaller
from tests.faithfulness.judge import Verdict, judge
from tests.faithfulness.world import World, table_of

# So many queries in a row are asked of one world; one world in so many is written into the text.
SHARED, WRITTEN = 200, 12
KEYED = {"k": "INT64", **COLUMNS}


@dataclass(frozen=True)
class Place:
    """Where queries are asked: a world, and what is written before each."""

    rows: Rows
    world: World
    written: bool

    @classmethod
    def of(cls, rows: Rows, *, written: bool) -> Place:
        """Published tables, or none."""
        described, values = table_of(
            "given", {f"p_{kind.lower()}": kind for kind in GIVEN}, [f"({', '.join(rows.given)})"]
        )
        row = values.to_pylist()[0]
        given = [Parameter(column.name, column.type, row[column.name]) for column in described.columns]
        tables = (
            {} if written else {name: table_of(name, KEYED, values) for name, values in (("t", rows.t), ("r", rows.r))}
        )
        return cls(rows, World(tables, given), written)

    def judge(self, query: Query) -> Verdict:
        """Ask it here."""
        sql = str(query)
        if self.written:
            sql = f"WITH {self._written('t', self.rows.t)}, {self._written('r', self.rows.r)} SELECT * FROM ({sql})"
        either_zero = query.distinct or bool(query.other and query.other[0] != "UNION ALL")
        return judge(sql, self.world, ordered=bool(query.total) and not self.written, either_zero=either_zero)

    @staticmethod
    def _written(name: str, values: tuple[str, ...]) -> str:
        columns = ", ".join(f"{column} {kind}" for column, kind in KEYED.items())
        return f"{name} AS (SELECT * FROM UNNEST(ARRAY<STRUCT<{columns}>>[{', '.join(values)}]))"


def places(first: int, last: int) -> Iterator[tuple[int, Place]]:
    """The queries' numbers with their places; a world's rows depend on the number only."""
    at, place = -1, None
    for number in range(first, last):
        if place is None or number // SHARED != at:
            if place:
                place.world.close()
            at = number // SHARED
            place = Place.of(Generator(at ^ 0x5EED).rows(), written=at % WRITTEN == 0)
        yield number, place
    if place:
        place.world.close()


def shrunk(query: Query, place: Place, steps: int = 400) -> tuple[Query, Place]:
    """The smallest query found, over the fewest rows, whose answers still differ."""
    while steps > 0:
        for less in smaller(query):
            steps -= 1
            verdict = place.judge(less)
            if verdict.kind == "WRONG" and not left_out(verdict, less, place):
                query = less
                break
            if steps <= 0:
                break
        else:
            break
    return query, _with_fewer(query, place)


def _with_fewer(query: Query, place: Place) -> Place:
    for rows in fewer(place.rows):
        less = Place.of(rows, written=place.written)
        if less.judge(query).kind == "WRONG":
            return _with_fewer(query, less)
        less.world.close()
    return place


def left_out(verdict: Verdict, query: Query, place: Place) -> bool:
    """Does the evaluator raise only for a row that a LIMIT, another part of a WHERE, a HAVING or an INTERSECT leaves out?

    No page of BigQuery's says that such rows are computed, and DuckDB may not compute them: both are right.
    """
    conjunction = query.where and " AND " in query.where.text
    if not verdict.answered and "(SELECT" in str(query):
        return True  # which rows a subquery and a join look at is nobody's promise either
    drops = conjunction or query.limit or query.other or query.having or query.qualify or query.inner
    if verdict.answered or not drops:
        return False
    outside = None if query.inner else query.where
    whole = replace(query, limit="", where=outside, other=None, having=None, qualify=None)
    parts = [whole, query.other[1]] if query.other else [whole]
    if query.inner:
        parts.append(query.inner)  # a column of it may not be needed: NULL + c0
    if conjunction:
        parts.append(replace(whole, outputs=(query.where,), keys=(), where=None, having=None, qualify=None, total=""))
    return any(place.judge(part).kind == "both fail" for part in parts)


@dataclass
class Report:
    """What came of a run: how many queries ended how, how many rested on which rule, and those that differ."""

    kinds: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    examples: dict[str, int] = field(default_factory=dict)
    wrong: list[tuple[int, Rows, Verdict]] = field(default_factory=list)

    def add(self, number: int, query: Query, place: Place) -> None:
        """Judge a query; one that differs comes shrunk."""
        verdict = place.judge(query)
        if verdict.kind == "WRONG" and left_out(verdict, query, place):
            verdict = replace(verdict, kind="left out")
        self.kinds[verdict.kind] += 1
        if verdict.kind == "same":
            self.rules.update(verdict.rules)
        elif verdict.kind in ("refused", "guarded", "unknown"):
            why = f"{verdict.kind}: {(verdict.local or verdict.reference)[:90]}"
            self.refused[why] += 1
            self.examples.setdefault(why, number)
        elif verdict.kind == "WRONG":
            query, place = shrunk(query, place)
            self.wrong.append((number, place.rows, place.judge(query)))
            tell(*self.wrong[-1])


def tell(number: int, rows: Rows, verdict: Verdict) -> None:
    """Print a difference at once: a run takes hours."""
    tables = "" if verdict.sql.startswith("WITH t AS") else f"  t: {rows.t}\n  r: {rows.r}\n"
    print(
        f"\nseed {number}\n  {verdict.sql}\n{tables}  given: {rows.given}\n"
        f"  here:      {verdict.local}\n  reference: {verdict.reference}",
        flush=True,
    )


def run(seed: int, queries: int, *, seconds: float = float("inf")) -> Report:
    """Judge queries of seeds `seed`, `seed + 1`, …; those that differ come shrunk."""
    report, stop = Report(), time.monotonic() + seconds
    for number, place in places(seed, seed + queries):
        report.add(number, Generator(number).query(), place)
        if report.kinds.total() % 500 == 0:
            print(f"{number}: {dict(report.kinds)}", flush=True)
        if time.monotonic() > stop:
            break
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 40))
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--rules", action="store_true", help="print how many queries rested on each rule, and refusals")
    asked = parser.parse_args()
    started = time.monotonic()
    report = run(asked.seed, asked.queries, seconds=asked.seconds)
    spent = time.monotonic() - started
    print(
        f"seed {asked.seed}: {report.kinds.total()} queries in {spent:.0f} s, {len(report.rules)} rules: {dict(report.kinds)}"
    )
    for counter in (report.rules, report.refused) if asked.rules else ():
        print("\n".join(f"{n:7d} {name} {report.examples.get(name, '')}" for name, n in counter.most_common(400)))
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
