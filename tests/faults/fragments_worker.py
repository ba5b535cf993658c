"""A query of which one table is here, in processes that are killed and in fresh ones after them."""

from __future__ import annotations

import os
from pathlib import Path

from bigpato_magic.demo import DemoWarehouse

SQL = "SELECT p.name, SUM(s.amount) AS total FROM sales AS s JOIN people AS p ON p.id = s.person GROUP BY 1 ORDER BY 1"


def warehouse(home: Path) -> DemoWarehouse:
    return DemoWarehouse(home / "warehouse", project="demo", dataset="shop", threads=1, memory_limit="500MB")


def client(home: Path):
    from bigpato_magic.client import BigPato

    place = {"project": "demo", "dataset": "shop", "directory": str(home / "tier"), "min_free_disk": 0, "look_below": 0}
    return BigPato(warehouse=warehouse(home), **place)


def prepare(home: Path) -> None:
    """Both tables, of which one has a copy."""
    house = warehouse(home)
    house.execute("CREATE SCHEMA shop")
    house.execute("CREATE TABLE shop.people AS SELECT n AS id, CONCAT('n', CAST(MOD(n, 7) AS STRING)) AS name "
                  "FROM UNNEST(GENERATE_ARRAY(1, 50)) AS n")  # fmt: skip
    house.execute(
        "CREATE TABLE shop.sales AS SELECT MOD(n, 60) AS person, n AS amount FROM UNNEST(GENERATE_ARRAY(1, 900)) AS n"
    )
    house.close()
    kernel = client(home)
    kernel.promote("people")
    kernel.close()


def ask(home: Path, stop_at: str | None) -> tuple[str, bool]:
    """Where the answer came from, and whether it is BigQuery's."""
    from bigpato_magic import googlesql

    googlesql.warm(background=False)
    if stop_at:
        os.environ["BIGPATO_STOP_AT"] = stop_at
    kernel = client(home)
    result = kernel.run(SQL)
    right = kernel.run(SQL, route="bigquery")
    kernel.close()
    return result.decision.where, result.arrow == right.arrow


def look(home: Path) -> list[str]:
    """What is wrong with what was left, in a process of its own."""
    kernel = client(home)
    opened = kernel.tier.open()
    kernel.tier.clean()
    named = {part.path for copy in opened.catalog.all() for part in copy.parts}
    wrong = [finding.message for finding in kernel.tier.verify_files()]
    wrong += [f"nobody's: {path.name}" for path in set(opened.store.parts.iterdir()) - named]
    wrong += [f"a draft: {path.name}" for path in opened.store.drafts.iterdir()]
    kernel.close()
    return wrong
