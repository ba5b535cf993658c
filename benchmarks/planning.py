"""What it costs to understand a query: `python -m benchmarks.planning`. Processor time of one thread, medians.

"module" is spent in the analyzer's WebAssembly, "ours" around it: catalogue, request, decoding, reading the tree.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bigpato_magic import googlesql
from bigpato_magic.googlesql.instance import Instance
from bigpato_magic.types import Column, Kind, Partitioning, SqlType, TableId

ROUNDS = 40
QUERIES = {
    "SELECT 42": "SELECT 42",
    "one table": "SELECT c1, SUM(c2) AS s FROM facts WHERE c3 > 7 GROUP BY c1 ORDER BY s DESC LIMIT 10",
    "three tables": """SELECT d.c1, e.c2, COUNT(*) FROM facts AS f JOIN ds.d AS d ON d.c0 = f.c1
                       JOIN ds.e AS e ON e.c0 = f.c2 WHERE d.c3 > 3 AND e.c4 = 5 GROUP BY 1, 2 ORDER BY 3 DESC""",
}


@dataclass(frozen=True)
class Table:
    """Thirty columns of numbers."""

    id: TableId
    columns: tuple[Column, ...] = tuple(Column(f"c{place}", SqlType(Kind.INT64)) for place in range(30))
    partitioning: Partitioning | None = None


def median(call: Callable[[], Any]) -> float:
    """Milliseconds of processor time of one call."""
    times = []
    for _ in range(ROUNDS):
        begun = time.thread_time()
        call()
        times.append(time.thread_time() - begun)
    return statistics.median(times) * 1000


def main() -> None:
    """Print a table: each query, its tables' names, its analysis, and the part of it that the module takes."""
    googlesql.warm(background=False)
    print(f"{'':14}{'names':>8}{'analyze':>9}{'module':>8}{'ours':>7}  ms of processor time")
    for title, sql in QUERIES.items():
        tables = {path: Table(TableId.parse(".".join(path), project="p", dataset="ds")) for path in names(sql)}
        whole, inside = medians(lambda sql=sql, tables=tables: googlesql.analyze(sql, tables))
        named = median(lambda sql=sql: names(sql))
        print(f"{title:14}{named:8.1f}{whole:9.1f}{inside:8.1f}{whole - inside:7.1f}")


def names(sql: str) -> tuple[tuple[str, ...], ...]:
    """The paths of its tables."""
    return googlesql.table_names(sql)


def medians(call: Callable[[], Any]) -> tuple[float, float]:
    """Milliseconds of a call, and those of them that are spent in the module, of the same rounds."""
    inside: list[float] = []
    original = Instance._call

    def timed(self: Instance, export: str, request: bytes) -> bytes:
        begun = time.thread_time()
        try:
            return original(self, export, request)
        finally:
            inside.append(time.thread_time() - begun)

    Instance._call = timed  # type: ignore[method-assign]
    try:
        call()
        inside.clear()
        whole = median(call)
    finally:
        Instance._call = original  # type: ignore[method-assign]
    return whole, statistics.median(inside) * 1000


if __name__ == "__main__":
    main()
