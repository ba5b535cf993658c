"""What hybrid queries save: `python -m benchmarks.fragments [--scale 0.01] [--draws 10] [--directory DIR] [--json OUT]`.

TPC-DS over the demo's warehouse, with a third of its tables here, drawn anew for each of the draws (their seeds are fixed). In
each, the 99 queries (`--each`: so many of them, at random) are asked once, in an order of the draw's own. Bytes are the demo
warehouse's, counted as BigQuery counts. All or nothing is to bill a query whole unless all its tables are here. Answers are
compared with BigQuery's alone. It exits with 1 if one differs, or if a query bills more than 1.05 times what it would have alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.tpc import rows_of
from bigpato_magic import demo, googlesql
from bigpato_magic.client import BigPato
from bigpato_magic.errors import QueryError
from bigpato_magic.traits import format_size
from tests.tpc.texts import QUERIES, Query, differences

DATASET = "tpcds"
QUERIES_OF_DS = [query for query in QUERIES if query.dataset == DATASET]
MOST = 1.05
"""Times what a query bills alone."""


@dataclass(frozen=True, slots=True)
class Alone:
    """A query as BigQuery alone answers it: its bytes billed, its tables, and its rows."""

    billed: int
    tables: frozenset[str]
    rows: Sequence[tuple[Any, ...]]


@dataclass(slots=True)
class Base:
    """BigQuery's own answers, each asked for once.

    Args:
        warehouse: another one than the clients', so that these find nothing in its result cache.
    """

    warehouse: Any
    answers: dict[Query, Alone | None] = field(default_factory=dict)

    def of(self, query: Query) -> Alone | None:
        """The answer to a query; None where it has none."""
        if query not in self.answers:
            self.answers[query] = alone(self.warehouse, query)
        return self.answers[query]


@dataclass(slots=True)
class Draw:
    """What a draw has given.

    Args:
        seed: of the draw.
        here: the tables with a copy.
        all_or_nothing: bytes billed without fragments.
        billed: bytes billed with them.
        ways: how often an answer came which way.
        wrong: what differs.
        dearer: queries that billed more than `MOST` times what they would have.
    """

    seed: int
    here: Sequence[str]
    all_or_nothing: int = 0
    billed: int = 0
    ways: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    dearer: list[str] = field(default_factory=list)

    def line(self) -> str:
        """For the table."""
        ratio = self.all_or_nothing / max(1, self.billed)
        ways = ", ".join(f"{way} {count}" for way, count in sorted(self.ways.items()))
        sizes = f"{format_size(self.all_or_nothing):>10} {format_size(self.billed):>10}"
        return f"{self.seed:4} {sizes} {ratio:6.2f}x  {ways}; wrong {len(self.wrong)}, dearer {len(self.dearer)}"


def alone(warehouse: Any, query: Query) -> Alone | None:
    """BigQuery's own answer to a query; None where it has none, as small tables make it divide by zero."""
    try:
        answer = warehouse.query(query.bigquery, dataset=(warehouse.project, DATASET))
    except QueryError as error:
        print(f"{query.name} is left out: {error.message}")
        return None
    return Alone(answer.bytes_billed, frozenset(table.table for table in answer.tables), rows_of(answer.arrow))


def play(warehouse: Any, base: Base, seed: int, directory: Path, each: int) -> Draw:
    """Ask so many of the queries with a third of the tables here; none of them is in the warehouse's result cache."""
    random = Random(seed)
    tables = sorted(table.table for table in warehouse.tables(dataset=DATASET))
    draw = Draw(seed, sorted(random.sample(tables, len(tables) // 3)))
    place = {"project": warehouse.project, "dataset": DATASET, "directory": str(directory)}
    client = BigPato(warehouse=warehouse, look_below=0, **place)
    client.promote(list(draw.here))
    for query in random.sample(QUERIES_OF_DS, min(each, len(QUERIES_OF_DS))):
        if (whole := base.of(query)) is not None:
            ask(client, query, whole, draw)
    client.close()
    return draw


def opened(home: Path, scale: float) -> Any:
    """The demo warehouse there, with nothing in its result cache."""
    return demo.open_warehouse(home, datasets=(DATASET,), scale=scale)


def ask(client: BigPato, query: Query, whole: Alone, draw: Draw) -> None:
    """Ask one query; the draw has what it gave."""
    result = client.run(query.bigquery)
    client.tier.open().keeper.settle(60)
    reasons = () if result.decision.where in ("local", "kept", "hybrid") else result.decision.reasons
    back = [reason.message for reason in reasons if reason.code == "fragment"]
    draw.ways[result.decision.where + (" in the end" if back else "")] += 1
    print(*(f"     {query.name}: {message}" for message in back), sep="\n", end="\n" if back else "")
    draw.all_or_nothing += 0 if whole.tables <= frozenset(draw.here) else whole.billed
    draw.billed += result.bytes_billed
    draw.wrong += [f"{query.name}: {text}" for text in differences(rows_of(result.arrow), whole.rows, query.name)[:1]]
    if result.bytes_billed > MOST * whole.billed:
        draw.dearer.append(query.name)


def main() -> int:
    """Play it and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.01)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--each", type=int, default=99, help="queries of each draw, at random")
    parser.add_argument("--directory", type=Path, help="of the warehouse; made where it is not there")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    googlesql.warm(background=False)
    with tempfile.TemporaryDirectory() as scratch:
        home = options.directory or Path(scratch, "demo")
        warehouse = opened(home, options.scale)
        base = Base(warehouse)
        print("seed  all or nothing  hybrid  ratio", flush=True)
        draws = []
        for seed in range(options.draws):
            fresh = opened(home, options.scale)
            draws.append(play(fresh, base, seed, Path(scratch, f"tier{seed}"), options.each))
            fresh.close()
            print(draws[-1].line(), flush=True)
    return report(draws, options.json)


def report(draws: Sequence[Draw], out: Path | None) -> int:
    """Print the sums; 1 where something is wrong."""
    nothing, billed = sum(draw.all_or_nothing for draw in draws), sum(draw.billed for draw in draws)
    print(f"together {format_size(nothing)}, {format_size(billed)}: {nothing / max(1, billed):.2f} times less")
    wrong = [text for draw in draws for text in (*draw.wrong, *draw.dearer)]
    print("\n".join(wrong) or "every answer is BigQuery's, and no query was dearer")
    if out is not None:
        out.write_text(json.dumps([asdict(draw) | {"ways": dict(draw.ways)} for draw in draws], indent=1))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
