"""TPC-H and TPC-DS: the product's local route against DuckDB's own texts, on the same copy files, in the same run.

    python -m benchmarks.tpc --scale 1 --directory /tmp/bigpato-tpc

Each query runs in turn on either side, `--repeat` times after runs that warm both; a side's time is its least.
Times are of the processor, of all threads of this process, so that a busy machine cannot spoil them (`--wall`: of the
clock). The product's is `client.run`'s: the freshness check, the decision (cached by then), DuckDB, Arrow; what it
writes into its journal behind the answer is waited for outside. The native one is DuckDB's to Arrow.

The product is measured twice: "anew" it plans the query each time, as DuckDB does where it is given a text (and as the
product does when a text comes for the first time); "again" it runs the plan that it has kept of a text that came
before. Answers are compared too. It prints a line for each query, then the geometric means of the ratios, the worst
ones, and what did not run here or was not the same.
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

KEPT = 32
"""Plans that DuckDB keeps, by default."""


@dataclass(frozen=True)
class Measure:
    """One query's times in seconds, and what was wrong with it, if anything."""

    query: Query
    anew: float = math.nan
    again: float = math.nan
    native: float = math.nan
    rows: int = 0
    wrong: str = ""

    def ratio(self, way: str) -> float:
        """The product's time over DuckDB's own; `way` is "anew" or "again"."""
        return float(getattr(self, way) / self.native)

    def line(self) -> str:
        """For the table."""
        times = "".join(f"{seconds:9.3f}" for seconds in (self.anew, self.again, self.native))
        return f"{self.query.name:5}{times}{self.ratio('anew'):7.2f}{self.ratio('again'):7.2f}{self.rows:7}"


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
    """Both sides in turn, the product in both ways."""
    asked, native_text = query.bigquery, query.native
    times: dict[str, list[float]] = {}
    answers: dict[str, list[tuple[Any, ...]]] = {}
    sides: dict[str, Callable[[], Any]] = {
        "product": lambda: client.run(asked, route="local", dataset=query.dataset).arrow,
        "native": lambda: native.sql(native_text).to_arrow_table(),
    }

    def turn(product: str) -> None:
        for side, run in sides.items():
            started = clock()
            answer = run()
            times.setdefault(product if side == "product" else side, []).append(clock() - started)
            client.tier.open().database.settle()
            answers[product if side == "product" else side] = rows_of(answer)

    try:
        for way, plans, warming in (("anew", 0, 1), ("again", KEPT, 2)):
            client.engine.kept_plans = plans
            for number in range(repeat + warming):
                turn(way if number >= warming else "warming")
    except (BigPatoError, duckdb.Error) as error:
        return Measure(query, wrong=f"{type(error).__name__}: {str(error).splitlines()[0]}")
    found = [d for way in ("anew", "again") for d in differences(answers[way], answers["native"], query.name)]
    best = {side: min(seconds) for side, seconds in times.items()}
    wrong = found[0] if found else ""
    return Measure(query, best["anew"], best["again"], best["native"], len(answers["native"]), wrong)


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
    print(f"empty answers: {sum(m.rows == 0 for m in right)}")
    for family in dict.fromkeys(m.query.family for m in right):
        summary(f"TPC-{family.upper()}", [m for m in right if m.query.family == family])
    summary("together", right)
    for m in measures:
        if m.wrong:
            print(f"{m.query.name}: {m.wrong}")


def summary(title: str, measures: list[Measure]) -> None:
    """Both ways over some queries."""
    for way in ("anew", "again"):
        ratios = {m.query.name: m.ratio(way) for m in measures}
        worst = max(ratios, key=lambda name: ratios[name])
        above = [name for name, ratio in ratios.items() if ratio > 1.5]
        print(
            f"{title}, {way}: geometric mean {statistics.geometric_mean(ratios.values()):.2f}, worst "
            f"{ratios[worst]:.2f} ({worst}), above 1.5: {', '.join(above) or 'none'}; all "
            f"{sum(getattr(m, way) for m in measures):.1f} s against {sum(m.native for m in measures):.1f} s"
        )


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
    print("query   anew s  again s native s   anew  again   rows")
    natives = {name: native_connection(found, given.threads) for name, found in copies.items()}
    measures = []
    for query in QUERIES:
        if given.only is None or query.name in given.only:
            m = measure(client, natives[query.dataset], query, given.repeat, clock)
            print(m.line(), flush=True)
            measures.append(m)
    report(measures)
    client.close()


if __name__ == "__main__":
    main()
