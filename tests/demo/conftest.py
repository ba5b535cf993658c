from __future__ import annotations

from pathlib import Path

import pytest

from bigpato_magic.demo.warehouse import PROJECT, DemoWarehouse
from bigpato_magic.types import TableFacts, TableId


def table(name: str, dataset: str = "shop") -> TableId:
    return TableId(PROJECT, dataset, name)


def facts_of(warehouse: DemoWarehouse, name: str) -> TableFacts:
    found = warehouse.facts([table(name)])[table(name)]
    assert isinstance(found, TableFacts), found
    return found


@pytest.fixture
def warehouse(tmp_path: Path, analyzer):
    made = DemoWarehouse(tmp_path / "warehouse", dataset="shop", threads=2)
    made.execute(
        """
        CREATE SCHEMA shop;
        CREATE TABLE orders (id INT64, amount NUMERIC, country STRING, day DATE);
        INSERT INTO orders VALUES (1, 10.5, 'CH', DATE '2024-01-01'), (2, 20, 'DE', DATE '2024-01-02'),
          (3, NULL, NULL, DATE '2024-01-02');
        CREATE TABLE visits (seen TIMESTAMP, page STRING) PARTITION BY TIMESTAMP_TRUNC(seen, DAY);
        INSERT INTO visits SELECT TIMESTAMP_ADD(TIMESTAMP '2024-01-01', INTERVAL h HOUR), CONCAT('p', CAST(h AS STRING))
          FROM UNNEST(GENERATE_ARRAY(0, 71)) AS h;
        """
    )
    yield made
    made.close()
