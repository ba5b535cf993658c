"""A small warehouse in process, and a tier on it, both in a temporary directory."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bigpato_magic.demo import DemoWarehouse
from bigpato_magic.local.duck import LocalEngine
from bigpato_magic.tier.tier import Tier
from bigpato_magic.types import Compiled, Kind, OutputColumn, SqlType, TableId

ORDERS = TableId("demo", "shop", "orders")
DAYS = TableId("demo", "shop", "days")
ITEMS = TableId("demo", "shop", "items")


@dataclass
class House:
    """A tier and its warehouse."""

    warehouse: DemoWarehouse
    tier: Tier
    engine: LocalEngine

    def rows(self, table):
        """What the copy of a table has, sorted by its first column."""
        copy = self.tier.copies([table])[table]
        with self.tier.queries.lease([copy]):
            found = self.engine.rows(copy)
        return sorted(found.to_pylist(), key=lambda row: repr(list(row.values())))

    def truth(self, table):
        """What the warehouse has."""
        found = self.warehouse.execute(f"SELECT * FROM `{table}`")
        return sorted(found.to_pylist(), key=lambda row: repr(list(row.values())))

    def count(self, copy):
        """Rows that DuckDB counts in a copy."""
        compiled = Compiled(f"SELECT count(*) FROM {copy.relation}", (OutputColumn("n", SqlType(Kind.INT64)),))
        return self.engine.execute(compiled, [copy]).column(0)[0].as_py()


def make_warehouse(directory, **more):
    warehouse = DemoWarehouse(directory, project="demo", dataset="shop", threads=2, memory_limit="1GB", **more)
    warehouse.execute("CREATE SCHEMA IF NOT EXISTS shop")
    warehouse.execute(
        "CREATE TABLE shop.orders AS SELECT n AS id, CONCAT('order ', CAST(n AS STRING)) AS name, "
        "CAST(n AS NUMERIC) / 4 AS price FROM UNNEST(GENERATE_ARRAY(1, 1000)) AS n"
    )
    warehouse.execute(
        "CREATE TABLE shop.days PARTITION BY day AS "
        "SELECT DATE_ADD(DATE '2024-01-01', INTERVAL MOD(n, 10) DAY) AS day, n AS id "
        "FROM UNNEST(GENERATE_ARRAY(1, 1000)) AS n"
    )
    warehouse.execute("CREATE TABLE shop.items AS SELECT 1 AS id, 'x' AS name")
    return warehouse


def make_tier(warehouse, directory, **more):
    engine = LocalEngine(threads=2, memory_limit="1 GiB")
    plain = {"min_free_disk": "0 B", "list_partitions_above": "0 B", "hold_superseded": "0 s"}
    settings = {"directory": str(directory)} | plain | more
    return House(warehouse, Tier(warehouse=lambda: warehouse, engine=engine, **settings), engine)


@pytest.fixture
def warehouse(tmp_path):
    warehouse = make_warehouse(tmp_path / "warehouse")
    yield warehouse
    warehouse.close()


@pytest.fixture
def house(warehouse, tmp_path):
    house = make_tier(warehouse, tmp_path / "tier")
    yield house
    house.tier.close()


@pytest.fixture
def another(house):
    """Makes more tiers on the same directory, as other kernels have them."""
    made = []

    def make(**more):
        made.append(make_tier(house.warehouse, house.tier.directory, **more))
        return made[-1]

    yield make
    for kernel in made:
        kernel.tier.close()


@pytest.fixture
def large(warehouse):
    """A table of a few megabytes that does not compress."""
    warehouse.execute(
        "CREATE TABLE shop.large AS SELECT n, TO_HEX(SHA256(CAST(n AS STRING))) AS s "
        "FROM UNNEST(GENERATE_ARRAY(1, 60000)) AS n"
    )
    return TableId("demo", "shop", "large")
