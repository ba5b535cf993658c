"""What a new query waits for: `python -m benchmarks.first_answer [DIRECTORY]`. Wall clock, medians, in milliseconds.

BigQuery takes 100 ms to say whether a table has changed, and each query is asked with `max_staleness=0`, so that it is asked
each time. Three things are timed in one run, for queries of TPC-DS that no one has seen before: BigQuery's answer about
their tables (check), what it takes to understand them (plan), and the run in DuckDB of a query that is known and checked
(run). Then the whole way of the same texts, new again. It should be that of the longer of the first two, and the run.

The tables are the demo warehouse's, local (DIRECTORY is made, at scale 0.1, if it is not there).
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable

from benchmarks.planning import prepare
from bigpato_magic import googlesql
from bigpato_magic.client import BigPato
from bigpato_magic.runner import Request
from bigpato_magic.types import RunLocal
from tests.tpc.texts import QUERIES

LATENCY = 0.1
QUERIES_TIMED = 25


def milliseconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def timed(client: BigPato, sql: str) -> tuple[float, float, float, float]:
    """Check, plan and run of a query alone, and its whole way as a new one."""
    run = client.runner
    place = {"project": client.project, "dataset": "tpcds"}
    plan = milliseconds(lambda: run.inputs(Request(sql, **place)))
    tables = tuple(run.planner.tables_of(Request(sql, **place)).values())
    check = milliseconds(lambda: client.tier.facts.fetch(tables))
    client.run(sql, max_staleness="1 h")
    known = milliseconds(lambda: client.run(sql, max_staleness="1 h"))
    again = sql + "\n-- new"
    result = None

    def ask() -> None:
        nonlocal result
        result = client.run(again, max_staleness=0)

    whole = milliseconds(ask)
    if result is None or not isinstance(result.decision, RunLocal):
        raise SystemExit("the query was not local")
    return check, plan, known, whole


def main() -> None:
    """Measure and print."""
    googlesql.warm(background=False)
    client = prepare(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="bigpato-first-"))
    client.dataset = "tpcds"
    client.warehouse.pace.latency = LATENCY
    texts = [q.bigquery for q in QUERIES if q.family == "ds"][: QUERIES_TIMED + 1]
    _warm_up, *rows = [timed(client, sql) for sql in texts]
    ratios = [whole / (max(check, plan) + run) for check, plan, run, whole in rows]
    one_after_another = [whole / (check + plan + run) for check, plan, run, whole in rows]
    for name, values in zip(("check", "plan", "run", "whole way"), zip(*rows, strict=True), strict=True):
        print(f"{name:10} {statistics.median(values):8.1f} ms")
    print(f"of max(check, plan) + run: {statistics.median(ratios):.2f} (worst {max(ratios):.2f})")
    print(f"of check + plan + run:     {statistics.median(one_after_another):.2f}")


if __name__ == "__main__":
    main()
