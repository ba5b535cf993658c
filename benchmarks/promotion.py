"""How fast a table becomes local, and in how much memory: ours against the ways that people take by hand.

    python -m benchmarks.promotion [--rows N] [--gib SIZE] [--ways a,b] [--repeat N] [--json OUT]

Ways, all from the same demo table, each in a process of its own, one after the other:

    read      ours: Storage Read batches → one immutable, verified, checksummed, synced DuckDB file
    extract   ours: extract → download → the same
    original  extract → download → `CREATE TABLE … AS SELECT * FROM read_parquet(…)` in a shared DuckDB file
    pyarrow   Storage Read → `pyarrow.Table` → `CREATE TABLE … AS SELECT * FROM table`

Seconds are from the request to the table that can be queried. Memory is the peak of the resident set over what the
process had before it began; the demo warehouse runs in the same process and its share (256 MB at most) counts too.
`--gib 5` is the demonstration that a table larger than the memory limit comes in less than 1 GiB.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WAYS = ("read", "extract", "original", "pyarrow")
COLUMNS = (
    *("id", "part", "supplier", "line", "quantity", "price", "discount", "score", "flag", "mode", "shipped", "seen"),
    "comment",
)
BYTES_PER_ROW = 166
"""Logical bytes, as BigQuery counts them, of a row of `generate`'s table (about)."""


def generate(home: Path, rows: int) -> None:
    """A table as an order book has it: keys, money, dates, flags and a comment."""
    import duckdb

    from bigpato_magic.types import Column, Kind, SqlType

    source = home / "source"
    source.mkdir(parents=True)
    step = 2_000_000
    with duckdb.connect(config={"memory_limit": "1GB"}) as con:
        for start in range(0, rows, step):
            con.execute(
                "COPY (SELECT i AS id, (hash(i) % 200000)::BIGINT AS part, (hash(i * 3) % 10000)::BIGINT AS supplier, "
                "(i % 7)::BIGINT AS line, ((hash(i * 5) % 5000) / 100)::DECIMAL(38,9) AS quantity, "
                "((hash(i * 7) % 10000000) / 100)::DECIMAL(38,9) AS price, "
                "((hash(i) % 11) / 100)::DECIMAL(38,9) AS discount, "
                "random() AS score, ['A', 'N', 'R'][(i % 3 + 1)::INT] AS flag, 'mode ' || (hash(i) % 7) AS mode, "
                "DATE '1992-01-01' + (hash(i * 11) % 2500)::INT AS shipped, "
                "make_timestamp(1600000000000000 + i * 1000000) AS seen, "
                "'comment ' || hash(i) || ' ' || hash(i + 1) AS comment "
                f"FROM range({start}, {min(start + step, rows)}) t(i)) "
                f"TO '{source / f'{start:012d}.parquet'}'"
            )
    kinds = [Kind.INT64] * 4 + [Kind.NUMERIC] * 3 + [Kind.FLOAT64] + [Kind.STRING] * 2
    kinds += [Kind.DATE, Kind.TIMESTAMP, Kind.STRING]
    columns = [Column(n, SqlType(k)) for n, k in zip(COLUMNS, kinds, strict=True)]
    warehouse = _warehouse(home)
    warehouse.execute("CREATE SCHEMA IF NOT EXISTS shop")
    warehouse.load_parquet("demo.shop.lines", sorted(source.iterdir()), columns)
    shutil.rmtree(source)


def _warehouse(home: Path) -> Any:
    from bigpato_magic.demo import DemoWarehouse

    return DemoWarehouse(home / "warehouse", project="demo", dataset="shop", memory_limit="256MB")


# --------------------------------------------------------------------------------------------- the ways


def ours(home: Path, method: str) -> Callable[[], int]:
    """The tier's own way."""
    from bigpato_magic.local.duck import LocalEngine
    from bigpato_magic.tier.tier import Tier
    from bigpato_magic.types import TableId

    warehouse, table = _warehouse(home), TableId("demo", "shop", "lines")
    transfers = {method: warehouse.transfers()[method]}
    warehouse.transfers = lambda: transfers
    tier = Tier(warehouse=lambda: warehouse, engine=LocalEngine(), directory=str(home / "tier"), budget="200 GiB")
    plan = tier.plan([table])

    def go() -> int:
        done = tier.rebalance(plan)
        if done.refused:
            raise SystemExit(done.refused[0].reason.message)
        return tier.copies()[table].rows

    return go


def _request(home: Path) -> tuple[Any, Any]:
    from bigpato_magic.types import TableId, TransferRequest

    warehouse, table = _warehouse(home), TableId("demo", "shop", "lines")
    facts = warehouse.facts([table])[table]
    return warehouse, TransferRequest(facts, facts.columns)


def original(home: Path) -> Callable[[], int]:
    """Extract, download, `read_parquet`: as the original did, less its gsutil."""
    import duckdb

    from bigpato_magic.status import Cancel

    warehouse, request = _request(home)
    scratch = home / "scratch"
    scratch.mkdir()
    fetch = warehouse.transfers()["extract"].fetch

    def go() -> int:
        fetching = fetch(request, scratch=scratch, progress=lambda _: None, cancel=Cancel())
        with fetching as fetched, duckdb.connect(str(home / "original.duckdb")) as con:
            files = [str(path) for path in fetched.files]
            con.execute("CREATE OR REPLACE TABLE lines AS SELECT * FROM read_parquet($files)", {"files": files})
            return con.execute("SELECT count(*) FROM lines").fetchone()[0]

    return go


def pyarrow(home: Path) -> Callable[[], int]:
    """All of it into memory, then into DuckDB."""
    import duckdb
    import pyarrow as pa

    from bigpato_magic.status import Cancel

    warehouse, request = _request(home)
    fetch = warehouse.transfers()["read"].fetch

    def go() -> int:
        with fetch(request, scratch=home, progress=lambda _: None, cancel=Cancel()) as fetched:
            table = pa.Table.from_batches(fetched.batches)
            with duckdb.connect(str(home / "pyarrow.duckdb")) as con:
                con.register("arrived", table)
                con.execute("CREATE OR REPLACE TABLE lines AS SELECT * FROM arrived")
                return con.execute("SELECT count(*) FROM lines").fetchone()[0]

    return go


# ------------------------------------------------------------------------------------------- measuring


def measure(way: str, home: Path) -> dict[str, float]:
    """Seconds and peak memory of one way, in this process."""
    go = {"original": original, "pyarrow": pyarrow}.get(way, lambda h: ours(h, way))(home)
    before, peak, stop = _resident(), [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.01):
            peak[0] = max(peak[0], _resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    started, worked = time.perf_counter(), time.process_time()
    rows = go()
    seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    stop.set()
    watcher.join()
    return {"seconds": seconds, "cpu": cpu, "rows": rows, "memory": peak[0] - before, "disk": _disk(home, way)}


def _resident() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)


def _disk(home: Path, way: str) -> int:
    found = home / f"{way}.duckdb" if way in ("original", "pyarrow") else None
    paths = [found] if found else list((home / "tier").rglob("*.duckdb"))
    return sum(path.stat().st_size for path in paths)


def _in_a_process(way: str, home: Path) -> dict[str, float]:
    for name in ("tier", "scratch"):
        shutil.rmtree(home / name, ignore_errors=True)
    for name in ("original", "pyarrow"):
        (home / f"{name}.duckdb").unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.promotion", "--measure", way, "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{way}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def table(results: dict[str, dict[str, float]], size: float) -> str:
    """The results, with the original's seconds as one; processor seconds are what a busy machine cannot spoil."""
    base = results.get("original", next(iter(results.values())))
    head = ("seconds", 9), ("ratio", 8), ("CPU s", 8), ("ratio", 8), ("MB/s", 8), ("peak RSS growth", 18), ("disk", 12)
    lines = [f"{'way':<10}" + "".join(f"{name:>{width}}" for name, width in head)]
    lines += [
        f"{way:<10}{r['seconds']:>9.1f}{r['seconds'] / base['seconds']:>8.2f}"
        f"{r['cpu']:>8.1f}{r['cpu'] / base['cpu']:>8.2f}{size / 1e6 / r['seconds']:>8.0f}"
        f"{r['memory'] / 2**20:>14.0f} MiB{r['disk'] / 2**20:>8.0f} MiB"
        for way, r in results.items()
    ]
    return "\n".join(lines)


def main() -> None:
    """Generate the table, take each way, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--gib", type=float, help="logical size of the table, in place of --rows")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--repeat", type=int, default=1, help="take the fastest of so many runs")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        print(json.dumps(measure(chosen.measure, chosen.home)))
        return
    rows = int(chosen.gib * 2**30 / BYTES_PER_ROW) if chosen.gib else chosen.rows
    with tempfile.TemporaryDirectory(prefix="bigpato-promotion-") as temporary:
        home = Path(temporary)
        generate(home, rows)
        size = _warehouse(home).facts([_id()])[_id()].version.bytes
        print(f"{rows:,} rows, {size / 2**30:.2f} GiB in BigQuery's count")
        results = {}
        for way in chosen.ways.split(","):
            runs = [_in_a_process(way, home) for _ in range(chosen.repeat)]
            results[way] = min(runs, key=lambda r: r["seconds"]) | {"memory": max(r["memory"] for r in runs)}
        print(table(results, size))
    if chosen.json:
        chosen.json.write_text(json.dumps({"rows": rows, "bytes": size, "ways": results}, indent=1))


def _id() -> Any:
    from bigpato_magic.types import TableId

    return TableId("demo", "shop", "lines")


if __name__ == "__main__":
    main()
