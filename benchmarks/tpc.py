"""TPC-H and TPC-DS: the product's local route against DuckDB's own texts, on the same copy files, in the same run.

    python -m benchmarks.tpc --scale 1 --directory /tmp/bigpato-tpc

Each query runs in turn on either side, `--repeat` times after one run that warms both; a side's time is its least.
Times are of the processor, of all threads of this process, so that a busy machine cannot spoil them (`--wall`: of the
clock). The product's is `client.run`'s: the freshness check, the decision (cached by then), DuckDB, Arrow; what it
writes into its books behind the answer is waited for outside. The native one is DuckDB's to Arrow. Answers are compared
too. It prints a line for each query, then the geometric
mean of the ratios, the worst one, and what did not run here or was not the same.
"""

from __future__ import annotations

import argparse
import math
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import duckdb

from bigpato_magic import demo, googlesql
from bigpato_magic.client import BigPato
from bigpato_magic.errors import BigPatoError
from bigpato_magic.types import RunLocal, TableCopy
from tests.tpc.texts import DATASETS, QUERIES, Query, differences


@dataclass(frozen=True)
class Measure:
    """One query's times in seconds, and what was wrong with it, if anything."""

    query: Query
    product: float = math.nan
    native: float = math.nan
    rows: int = 0
    wrong: str = ""

    @property
    def ratio(self) -> float:
        """The product's time over DuckDB's own."""
        return self.product / self.native


def native_connection(copies: list[TableCopy], threads: int) -> duckdb.DuckDBPyConnection:
    """Plain DuckDB with a view for each copy, over its files."""
    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}")
    for number, copy in enumerate(copies):
        for part, file in enumerate(copy.parts):
            connection.execute(f"ATTACH '{file.path}' AS f{number}_{part} (READ_ONLY)")
        rows = " UNION ALL ".join(f"SELECT * FROM f{number}_{part}.rows" for part in range(len(copy.parts)))
        connection.execute(f'CREATE VIEW "{copy.table.table}" AS {rows}')
    return connection


def measure(
    client: BigPato, native: duckdb.DuckDBPyConnection, query: Query, repeat: int, clock: Callable[[], float]
) -> Measure:
    """Both sides in turn; the first run of each is not counted."""
    books = client.tier.open().database
    sides: dict[str, Callable[[], Any]] = {
        "product": lambda: client.run(query.bigquery, route="local", dataset=query.dataset).arrow,
        "native": lambda: native.sql(query.native).to_arrow_table(),
    }
    times: dict[str, list[float]] = {side: [] for side in sides}
    answers: dict[str, Any] = {}
    try:
        for _ in range(repeat + 1):
            for side, run in sides.items():
                started = clock()
                answers[side] = run()
                times[side].append(clock() - started)
                books.settle()
    except (BigPatoError, duckdb.Error) as error:
        return Measure(query, wrong=f"{type(error).__name__}: {str(error).splitlines()[0]}")
    found = differences(rows_of(answers["product"]), rows_of(answers["native"]), query.name)
    best = {side: min(seconds[1:]) for side, seconds in times.items()}
    return Measure(query, best["product"], best["native"], answers["product"].num_rows, found[0] if found else "")


def rows_of(arrow: Any) -> list[tuple[Any, ...]]:
    """Rows as tuples, in order."""
    return list(zip(*(column.to_pylist() for column in arrow.columns), strict=True))


def prepare(client: BigPato) -> dict[str, list[TableCopy]]:
    """Promote every table of both benchmarks; their copies, by dataset."""
    tables = {name: client.warehouse.tables(dataset=name) for name in DATASETS.values()}
    client.promote([t for found in tables.values() for t in found])
    copies: dict[str, list[TableCopy]] = {}
    for name, found in tables.items():
        results = (client.run(f"SELECT * FROM `{t}` LIMIT 0", route="local") for t in found)
        copies[name] = [copy for r in results if isinstance(r.decision, RunLocal) for copy in r.decision.copies]
    return copies


def report(measures: list[Measure]) -> None:
    """The figures of all of them."""
    right = [m for m in measures if not m.wrong]
    print(f"\n{len(right)} of {len(measures)} ran here and are the same as DuckDB's own")
    if right:
        worst = max(right, key=lambda m: m.ratio)
        print(f"empty answers: {sum(m.rows == 0 for m in right)}")
        print(f"geometric mean of product/native: {statistics.geometric_mean(m.ratio for m in right):.2f}")
        print(f"above 1.5: {', '.join(m.query.name for m in right if m.ratio > 1.5) or 'none'}")
        print(f"worst: {worst.query.name} {worst.ratio:.2f} ({worst.product:.3f} s against {worst.native:.3f} s)")
        print(f"all: {sum(m.product for m in right):.1f} s against {sum(m.native for m in right):.1f} s")
    for m in measures:
        if m.wrong:
            print(f"{m.query.name}: {m.wrong}")


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--directory", default=None, help="where the data are kept; default: a temporary one")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--wall", action="store_true", help="time by the clock")
    parser.add_argument("--only", nargs="*", default=None, help="names as h01, ds78")
    given = parser.parse_args()
    googlesql.warm(background=False)
    client = demo.start(given.directory or tempfile.mkdtemp(prefix="bigpato-tpc-"), scale=given.scale)
    client.engine.threads = given.threads
    copies = prepare(client)
    clock = time.perf_counter if given.wall else time.process_time
    print(f"scale {given.scale:g}, {given.threads} threads, DuckDB {duckdb.__version__}, {platform.machine()}")
    print("query  product s  native s  ratio  rows")
    natives = {name: native_connection(found, given.threads) for name, found in copies.items()}
    measures = []
    for query in QUERIES:
        if given.only is None or query.name in given.only:
            m = measure(client, natives[query.dataset], query, given.repeat, clock)
            print(f"{query.name:5}  {m.product:9.3f}  {m.native:8.3f}  {m.ratio:5.2f}  {m.rows:4}", flush=True)
            measures.append(m)
    report(measures)
    client.close()


if __name__ == "__main__":
    main()
