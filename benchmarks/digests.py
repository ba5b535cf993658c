"""What the comparison of copies with their digests costs the first query after a start of the machine.

    python -m benchmarks.digests --mib 100 1024 5120 --directory DIR

A query over one of eight incompressible columns, on a new DuckDB: without the comparison, with it, and again once
it is known; the files in the page cache (warm) or not (cold). Prints seconds, and ratios to the query without.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bigpato_magic import googlesql
from bigpato_magic.client import BigPato
from bigpato_magic.demo import DemoWarehouse
from bigpato_magic.tier.query_access import QueryAccess
from bigpato_magic.types import Column, Kind, SqlType, TableId

COLUMNS = 8
SQL = "SELECT SUM(MOD(c0, 7)) AS total FROM numbers"
TABLE = TableId("demo", "shop", "numbers")


def make(directory: Path, mib: int) -> BigPato:
    """A client with one copy of about so many MiB."""
    warehouse = DemoWarehouse(directory / "warehouse", project="demo", dataset="shop")
    warehouse.execute("CREATE SCHEMA shop")
    files = [_file(directory / f"{n}.parquet", min(256, mib - at), n) for n, at in enumerate(range(0, mib, 256))]
    columns = [Column(f"c{i}", SqlType(Kind.INT64)) for i in range(COLUMNS)]
    warehouse.load_parquet(TABLE, files, columns)
    for file in files:
        file.unlink()
    client = BigPato(warehouse=warehouse, project="demo", dataset="shop", directory=str(directory), budget="100 GiB")
    client.tier.promote([TABLE])
    return client


def _file(path: Path, mib: int, seed: int) -> Path:
    # Values of 40 bits: DuckDB's bit packing leaves five of eight bytes.
    rows = mib * (1 << 20) // (5 * COLUMNS)
    generator = np.random.default_rng(seed)
    pq.write_table(pa.table({f"c{i}": generator.integers(0, 1 << 40, rows) for i in range(COLUMNS)}), path)
    return path


def forget(client: BigPato) -> None:
    """As after a start of the machine."""
    with client.tier.open().database.transaction() as db:
        db.execute("DELETE FROM verified")
    client.tier.close()


def drop(client: BigPato) -> None:
    """Take the files out of the page cache."""
    os.sync()
    for part in client.tier.copies()[TABLE].parts:
        fd = os.open(part.path, os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


@contextmanager
def without_comparison() -> Iterator[None]:
    """Queries that take files for what they were."""
    with patch.object(QueryAccess, "compare", lambda *_: None):
        yield


def first_query(client: BigPato, *, cold: bool) -> float:
    """Seconds of a query on a new DuckDB."""
    client.engine.close()
    client.tier.copies()
    if cold:
        drop(client)
    started = time.perf_counter()
    result = client.run(SQL, route="local")
    assert result.decision.where == "local"
    return time.perf_counter() - started


def measure(client: BigPato, *, cold: bool, times: int) -> dict[str, float]:
    """Medians, taken in turns."""
    found: dict[str, list[float]] = {"without": [], "with": [], "known": []}
    for _ in range(times):
        with without_comparison():
            found["without"].append(first_query(client, cold=cold))
        forget(client)
        found["with"].append(first_query(client, cold=cold))
        found["known"].append(first_query(client, cold=cold))
    return {name: statistics.median(seconds) for name, seconds in found.items()}


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, nargs="+", default=[100, 1024])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--directory", type=Path, default=None)
    asked = parser.parse_args()
    googlesql.warm(background=False)
    print("| MiB | files | without, s | with, s | ratio | known, s | ratio |\n|--:|---|--:|--:|--:|--:|--:|")
    for mib in asked.mib:
        with tempfile.TemporaryDirectory(dir=asked.directory) as place:
            client = make(Path(place), mib)
            client.run(SQL)
            held = client.tier.copies()[TABLE].bytes >> 20
            for cold in (False, True):
                m = measure(client, cold=cold, times=asked.times)
                ratios = [f"{m[name]:.3f} | {m[name] / m['without']:.2f}" for name in ("with", "known")]
                print(
                    f"| {held} | {'cold' if cold else 'warm'} | {m['without']:.3f} | {' | '.join(ratios)} |", flush=True
                )
            client.close()


if __name__ == "__main__":
    main()
