"""A day in the life: `python -m benchmarks.day [--queries 2100] [--kernels 3] [--json OUT]`.

Three kernels (processes) on one tier ask the demo warehouse, while someone inserts, deletes, updates, streams, changes
schemas and replaces tables underneath. Each local answer is compared with the warehouse's own at the instant that the
answer claims; the check is made between the question and that instant, so the content of either counts as right.
Printed: stale answers (0 is the only right number), what ran where and why, bytes billed with a tier and without.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

FIRST = date(2026, 1, 1)
SETUP = [
    "CREATE TABLE shop.orders (id INT64, day DATE, customer INT64, amount NUMERIC, note STRING) PARTITION BY day",
    "CREATE TABLE shop.customers (id INT64, country STRING)",
    "CREATE TABLE shop.clicks (id INT64, customer INT64)",
]
TEMPLATES = [
    "SELECT COUNT(*) AS n, SUM(amount) AS total FROM shop.orders",
    "SELECT day, COUNT(*) AS n FROM shop.orders WHERE day >= DATE '{day}' GROUP BY day",
    "SELECT SUM(amount) AS total FROM shop.orders WHERE day = DATE '{day}'",
    "SELECT id, amount FROM shop.orders WHERE customer = {k} AND day BETWEEN DATE '{day}' AND DATE '2026-01-31'",
    "SELECT c.country, SUM(o.amount) AS total FROM shop.orders o JOIN shop.customers c ON c.id = o.customer GROUP BY 1",
    "SELECT c.id, COUNT(o.id) AS n FROM shop.customers c LEFT JOIN shop.orders o "
    "ON o.customer = c.id AND o.day = DATE '{day}' GROUP BY c.id",
    "SELECT COUNT(*) AS n, MAX(id) AS last FROM shop.clicks",
    "SELECT country, COUNT(*) AS n FROM shop.customers GROUP BY country",
]


def open_here(home: Path) -> Any:
    """The demo warehouse of this run."""
    from bigpato_magic.demo import open_warehouse

    return open_warehouse(home / "demo", datasets=("samples",))


def prepare(home: Path) -> None:
    """Three tables with a month of orders."""
    warehouse = open_here(home)
    warehouse.execute("CREATE SCHEMA shop")
    for statement in SETUP:
        warehouse.execute(statement)
    for i in range(30):
        rows = ", ".join(orders(random.Random(i), FIRST + timedelta(days=i), 60))
        warehouse.execute(f"INSERT INTO shop.orders (id, day, customer, amount, note) VALUES {rows}")
    people = ", ".join(f"({i}, '{('DE', 'FR', 'JP', 'US')[i % 4]}')" for i in range(50))
    warehouse.execute(f"INSERT INTO shop.customers (id, country) VALUES {people}")
    warehouse.execute("INSERT INTO shop.clicks (id, customer) VALUES (1, 1), (2, 7)")


def orders(rng: random.Random, day: date, count: int) -> list[str]:
    """Rows of orders as SQL."""
    return [
        f"({rng.randrange(10**6)}, DATE '{day}', {rng.randrange(50)}, NUMERIC '{rng.randrange(10**5) / 100}', 'x')"
        for _ in range(count)
    ]


# ----------------------------------------------------------------------------------------------- changes


def change(warehouse: Any, rng: random.Random, number: int) -> str:
    """One change underneath; its name."""
    day = FIRST + timedelta(days=rng.randrange(30))
    kind = rng.choice(["insert", "insert", "insert", "delete", "update", "stream", "flush", "schema", "replace"])
    if kind == "stream":
        warehouse.stream_rows("shop.clicks", [{"id": number, "customer": rng.randrange(50)}])
    elif kind == "flush":
        warehouse.flush_buffer("shop.clicks")
    else:
        rows = ", ".join(orders(rng, day, 3))
        warehouse.execute(
            {
                "insert": f"INSERT INTO shop.orders (id, day, customer, amount, note) VALUES {rows}",
                "delete": f"DELETE FROM shop.orders WHERE day = DATE '{day}' AND customer = {rng.randrange(50)}",
                "update": f"UPDATE shop.customers SET country = 'IT' WHERE id = {rng.randrange(50)}",
                "schema": f"ALTER TABLE shop.customers ADD COLUMN extra{number} INT64",
                "replace": "CREATE OR REPLACE TABLE shop.customers AS SELECT id, country FROM shop.customers",
            }[kind]
        )
    return kind


def changes(home: Path, stop: Path, seed: int, every: float) -> Counter[str]:
    """Change something now and then until the kernels are done."""
    from bigpato_magic.errors import BigPatoError

    warehouse, rng, done, number = open_here(home), random.Random(seed), Counter[str](), 0
    while not stop.exists():
        number += 1
        try:
            done[change(warehouse, rng, number)] += 1
        except BigPatoError as error:
            done[f"failed: {type(error).__name__}"] += 1
        time.sleep(rng.expovariate(1 / every))
    return done


# ----------------------------------------------------------------------------------------------- kernels


def kernel(home: Path, seed: int, queries: int) -> dict[str, Any]:
    """One kernel's day: ask, compare, rebalance now and then."""
    from bigpato_magic import googlesql
    from bigpato_magic.client import BigPato
    from bigpato_magic.types import RunOnBigQuery

    googlesql.warm(background=False)
    warehouse, rng = open_here(home), random.Random(seed)
    client = BigPato(warehouse=warehouse, project=warehouse.project, dataset="shop", directory=str(home / "tier"))
    found: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for number in range(queries):
        sql = rng.choice(TEMPLATES).format(day=FIRST + timedelta(days=rng.randrange(30)), k=rng.randrange(50))
        asked = warehouse.now()
        result = client.run(sql)
        found["billed"] += result.bytes_billed
        if isinstance(result.decision, RunOnBigQuery):
            found["cloud"] += 1
            found["without"] += result.bytes_billed
            reasons.update(reason.code for reason in result.decision.reasons)
        else:
            found["local"] += 1
            found["without"] += compare(warehouse, sql, result, asked, found)
        if number % 10 == 9:
            found["rebalances"] += bool(client.rebalance())
    client.close()
    return {"found": found, "reasons": reasons}


def compare(warehouse: Any, sql: str, result: Any, asked: Any, found: Counter[str]) -> int:
    """Count a stale answer; bytes that BigQuery would have billed."""
    from bigpato_magic.warehouse.base import QueryOptions

    mine, billed = content(result.arrow), 0
    for instant in (result.fresh_as_of, asked):
        options = QueryOptions(snapshot=instant, use_query_cache=False)
        answer = warehouse.query(sql, dataset=(warehouse.project, "shop"), options=options)
        billed = answer.bytes_billed
        if content(answer.arrow) == mine:
            return int(billed)
    found["stale"] += 1
    print("stale:", sql, result.fresh_as_of, file=sys.stderr)
    return int(billed)


def content(table: Any) -> list[str]:
    """Rows in some order of their own."""
    return sorted(repr(row) for row in table.to_pylist())


# --------------------------------------------------------------------------------------------------- all


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the day, print what happened; exit with 1 if an answer was stale."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.day", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--queries", type=int, default=2100, help="of all kernels together")
    parser.add_argument("--kernels", type=int, default=3)
    parser.add_argument("--every", type=float, default=4.0, help="mean seconds between two changes")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--as-kernel", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.as_kernel is not None:
        print(json.dumps(kernel(args.home, args.as_kernel, args.queries)))
        return
    with tempfile.TemporaryDirectory() as folder:
        report = whole_day(Path(folder), args.kernels, args.queries, args.every)
    print(json.dumps(report, indent=1))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1))
    sys.exit(bool(report["stale"]))


def whole_day(home: Path, kernels: int, queries: int, every: float) -> dict[str, Any]:
    """All kernels at once, changes underneath, sums."""
    from concurrent.futures import ThreadPoolExecutor

    prepare(home)
    stop = home / "stop"
    command = [sys.executable, "-m", "benchmarks.day", "--home", str(home), "--queries", str(-(-queries // kernels))]
    with ThreadPoolExecutor(1) as pool:
        underneath = pool.submit(changes, home, stop, 7, every)
        running = [
            subprocess.Popen([*command, "--as-kernel", str(i)], stdout=subprocess.PIPE, text=True)
            for i in range(kernels)
        ]
        try:
            parts = [json.loads(process.communicate()[0].splitlines()[-1]) for process in running]
        finally:
            stop.touch()
    found: Counter[str] = sum((Counter(part["found"]) for part in parts), Counter())
    reasons: Counter[str] = sum((Counter(part["reasons"]) for part in parts), Counter())
    return {
        "queries": found["local"] + found["cloud"],
        "local": found["local"],
        "bigquery": found["cloud"],
        "stale": found["stale"],
        "rebalances": found["rebalances"],
        "bytes_billed": found["billed"],
        "bytes_billed_without_tier": found["without"],
        "why_on_bigquery": dict(reasons),
        "changes": dict(underneath.result()),
    }


if __name__ == "__main__":
    main()
