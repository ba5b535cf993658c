"""What it costs to understand a query: `python -m benchmarks.planning [DIRECTORY]`. Processor time, medians.

Three figures: a new text of TPC-DS's size to DuckDB SQL (the median of all 99), a simple new one, and a repeated one,
from its text to the decision. Of a new one: "module" is spent in the analyzer's WebAssembly, "decoding" around it
(catalogue, request, answer, reading the tree), "compiling" from the resolved tree to DuckDB SQL.

The tables are the demo warehouse's, local (DIRECTORY is made, at scale 0.1, if it is not there).
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bigpato_magic import decide, demo, googlesql
from bigpato_magic.client import BigPato
from bigpato_magic.googlesql.instance import Instance
from bigpato_magic.runner import QueryRunner, Request, planner
from tests.tpc.texts import QUERIES

ROUNDS = 100
SIMPLE = "SELECT d_year, COUNT(*) AS n FROM date_dim WHERE d_moy = 7 GROUP BY d_year ORDER BY n DESC LIMIT 10"


@dataclass(slots=True)
class Spent:
    """Milliseconds of a new query's way: all of it, in the module, and compiling."""

    whole: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def decoding(self) -> float:
        """What is neither."""
        return self.whole - sum(self.parts.values())


class Stopwatch:
    """Adds up what a function takes, on whatever thread it is called."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name, self.function, self.spent = name, function, Spent()

    def timed(self) -> Callable[..., Any]:
        """The function, which is timed from now on."""

        def call(*args: Any, **more: Any) -> Any:
            begun = time.process_time()
            try:
                return self.function(*args, **more)
            finally:
                taken = (time.process_time() - begun) * 1000
                self.spent.parts[self.name] = self.spent.parts.get(self.name, 0.0) + taken

        return call


def new(run: QueryRunner, request: Request, watches: list[Stopwatch]) -> Spent:
    """The way of a text that was never seen; the blank tells it apart from the last round's."""
    spent = Spent()
    for watch in watches:
        watch.spent = spent
    begun = time.process_time()
    run.inputs(request)
    spent.whole = (time.process_time() - begun) * 1000
    return spent


def repeated(run: QueryRunner, request: Request) -> float:
    """Milliseconds from a known text to the decision."""
    run.inputs(request)
    times = []
    for _ in range(ROUNDS):
        begun = time.thread_time()
        decide.decide(run.inputs(request))
        times.append(time.thread_time() - begun)
    return statistics.median(times) * 1000


def median(found: list[Spent], read: Callable[[Spent], float]) -> float:
    """Of all queries."""
    return statistics.median(map(read, found))


def line(title: str, found: list[Spent]) -> str:
    """One row of the table."""
    values = [median(found, lambda s: s.whole)]
    values += [median(found, lambda s, name=name: s.parts.get(name, 0.0)) for name in ("module", "compiling")]  # type: ignore[misc]
    return f"{title:16}" + "".join(f"{v:11.2f}" for v in (*values, median(found, lambda s: s.decoding)))


def prepare(directory: str) -> BigPato:
    """The demo with all tables of TPC-DS local."""
    client = demo.start(directory)
    client.promote(list(client.warehouse.tables(dataset="tpcds")))
    return client


def main() -> None:
    """Measure and print."""
    googlesql.warm(background=False)
    client = prepare(sys.argv[1]) if len(sys.argv) > 1 else prepare(tempfile.mkdtemp(prefix="bigpato-planning-"))
    run = client.runner
    module = Stopwatch("module", Instance._call)
    compiling = Stopwatch("compiling", planner.compile_query)
    Instance._call = module.timed()  # type: ignore[method-assign]
    planner.compile_query = compiling.timed()
    texts = [q.bigquery for q in QUERIES if q.family == "ds"]
    requests = [Request(sql, project=client.project, dataset="tpcds") for sql in texts]
    simple = [Request(SIMPLE + " " * i, project=client.project, dataset="tpcds") for i in range(20)]
    new(run, requests[0], [module, compiling])
    new(run, simple.pop(), [module, compiling])
    large_ones = [new(run, request, [module, compiling]) for request in requests[1:]]
    simple_ones = [new(run, request, [module, compiling]) for request in simple]
    print(f"{'ms of processor':16}{'all':>11}{'module':>11}{'compiling':>11}{'decoding':>11}")
    print(line("new, TPC-DS", large_ones))
    print(line("new, simple", simple_ones))
    print(f"{'repeated':16}{statistics.median(repeated(run, r) for r in requests[:20]):11.3f}")
    client.close()


if __name__ == "__main__":
    main()
