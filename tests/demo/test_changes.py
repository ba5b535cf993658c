"""A change in the demo warehouse is one new version of one table; nothing else is."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from bigpato_magic.demo.warehouse import DemoWarehouse
from bigpato_magic.errors import PermissionDenied, QueryError, TableNotFound
from bigpato_magic.types import PartitionUnit, TableKind

from .conftest import facts_of, table

CHANGES = [
    "INSERT INTO orders (id) VALUES (9)",
    "INSERT INTO orders SELECT * FROM orders",
    "UPDATE orders SET orders.amount = 1 WHERE id = 1",
    "DELETE FROM orders WHERE id = 1",
    "DELETE orders WHERE id = 1",
    "MERGE INTO orders t USING (SELECT 1 AS id) s ON t.id = s.id WHEN MATCHED THEN DELETE",
    "TRUNCATE TABLE orders",
    "CREATE OR REPLACE TABLE orders AS SELECT 1 AS id",
    "CREATE OR REPLACE VIEW orders AS SELECT 1 AS id",
    "ALTER TABLE orders ADD COLUMN note STRING",
    "ALTER TABLE orders DROP COLUMN country",
    "ALTER TABLE orders RENAME COLUMN country TO land",
    "DROP TABLE orders; CREATE TABLE orders (id INT64, amount NUMERIC, country STRING, day DATE)",
]


def test_rows_that_no_version_has_any_more_leave_the_disk_when_it_is_opened_again(warehouse):
    warehouse.execute("UPDATE orders SET amount = 1 WHERE id = 1")
    warehouse.clock_offset = timedelta(days=8)  # time travel reaches back for seven
    warehouse.execute("UPDATE orders SET amount = 2 WHERE id = 1")
    files = list((warehouse.directory / "data").glob("*.parquet"))
    for path in files:
        os.utime(path, (0, 0))  # what is young may belong to a change that is not finished
    DemoWarehouse(warehouse.directory)
    left = {path.name for path in (warehouse.directory / "data").glob("*.parquet")}
    assert left == warehouse._history.files()
    assert len(left) < len(files)


@pytest.mark.parametrize("sql", CHANGES)
def test_every_change_changes_the_version(warehouse, sql):
    before = facts_of(warehouse, "orders").version
    others = facts_of(warehouse, "visits").version
    warehouse.execute(sql)
    after = facts_of(warehouse, "orders").version
    assert after.etag != before.etag
    assert after.modified > before.modified
    assert facts_of(warehouse, "visits").version == others


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM orders", "DELETE FROM orders WHERE id = 77", "UPDATE orders SET id = 1 WHERE id = 77"]
)
def test_what_changes_no_row_changes_no_version(warehouse, sql):
    before = facts_of(warehouse, "orders").version
    warehouse.execute(sql)
    assert facts_of(warehouse, "orders").version == before


def test_dml_does_what_it_says(warehouse):
    assert warehouse.query("UPDATE orders SET amount = amount * 2 WHERE country = 'CH'").affected_rows == 1
    merged = warehouse.query(
        "MERGE INTO shop.orders AS t USING (SELECT 2 AS id UNION ALL SELECT 7) AS s ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET country = 'AT' WHEN NOT MATCHED THEN INSERT (id, country) VALUES (s.id, 'FR')"
    )
    assert (merged.statement, merged.affected_rows) == ("MERGE", 2)
    rows = warehouse.execute("SELECT id, CAST(amount AS STRING) AS a, country FROM orders ORDER BY id").to_pylist()
    assert [r["country"] for r in rows] == ["CH", "AT", None, "FR"]
    assert float(rows[0]["a"]) == 21.0


def test_dropped_and_made_again_is_another_table(warehouse):
    before = facts_of(warehouse, "orders").version
    warehouse.execute("DROP TABLE orders")
    assert isinstance(warehouse.facts([table("orders")])[table("orders")], TableNotFound)
    warehouse.execute("CREATE TABLE orders (id INT64, amount NUMERIC, country STRING, day DATE)")
    after = facts_of(warehouse, "orders").version
    assert after.created > before.created
    assert after.schema_digest == before.schema_digest


def test_only_the_partitions_that_changed_are_newer(warehouse):
    before = {p.id: p for p in warehouse.partitions(table("visits"))}
    assert {p: f.rows for p, f in before.items()} == {"20240101": 24, "20240102": 24, "20240103": 24}
    warehouse.execute(
        "UPDATE visits SET page = 'x' WHERE seen >= TIMESTAMP '2024-01-02' AND seen < TIMESTAMP '2024-01-03'"
    )
    warehouse.execute("DELETE FROM visits WHERE seen < TIMESTAMP '2024-01-02'")
    after = {p.id: p for p in warehouse.partitions(table("visits"))}
    assert set(after) == {"20240102", "20240103"}
    assert after["20240103"] == before["20240103"]
    assert after["20240102"].modified > before["20240102"].modified
    version = facts_of(warehouse, "visits").version
    assert (version.rows, version.bytes) == (48, sum(p.bytes for p in after.values()))


def test_ranges_and_nulls_have_their_partitions(warehouse):
    warehouse.execute(
        "CREATE TABLE r (id INT64) PARTITION BY RANGE_BUCKET(id, GENERATE_ARRAY(0, 20, 10)) AS "
        "SELECT id FROM UNNEST([-1, 0, 9, 10, 20, NULL]) AS id"
    )
    found = {p.id: p.rows for p in warehouse.partitions(table("r"))}
    assert found == {"0": 2, "10": 1, "__NULL__": 1, "__UNPARTITIONED__": 2}
    assert facts_of(warehouse, "r").partitioning.unit is PartitionUnit.RANGE


def test_streamed_rows_are_seen_while_the_version_stays(warehouse):
    before = facts_of(warehouse, "orders")
    warehouse.stream_rows("orders", [{"id": 10, "country": "IT"}])
    during = facts_of(warehouse, "orders")
    assert (during.streaming, during.version) == (True, before.version)
    assert warehouse.execute("SELECT COUNT(*) AS n FROM orders").to_pylist() == [{"n": 4}]
    with pytest.raises(QueryError, match="streaming buffer"):
        warehouse.execute("DELETE FROM orders WHERE true")
    warehouse.flush_buffer("orders")
    after = facts_of(warehouse, "orders")
    assert (after.streaming, after.version.rows) == (False, 4)
    assert after.version.modified > before.version.modified
    assert warehouse.execute("SELECT COUNT(*) AS n FROM orders").to_pylist() == [{"n": 4}]


def test_no_two_instants_are_the_same_and_the_clock_never_goes_back(warehouse):
    seen = []
    for n in range(5):
        seen.append(warehouse.now())
        warehouse.execute(f"INSERT INTO orders (id) VALUES ({n})")
        seen.append(facts_of(warehouse, "orders").version.modified)
    assert seen == sorted(seen)
    assert len(set(seen[1::2])) == 5
    warehouse.clock_offset = timedelta(hours=-1)
    assert warehouse.now() >= seen[-1]
    warehouse.clock_offset = timedelta(hours=1)
    assert warehouse.now() >= seen[-1] + timedelta(minutes=59)


def test_concurrent_changes_are_all_done(warehouse):
    def work(n: int) -> None:
        warehouse.execute(f"INSERT INTO orders (id) VALUES ({100 + n})")
        warehouse.execute("UPDATE orders SET amount = COALESCE(amount, 0) + 1 WHERE id = 1")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    row = warehouse.execute("SELECT COUNT(*) AS n, MAX(IF(id = 1, amount, NULL)) AS a FROM orders").to_pylist()[0]
    assert (row["n"], float(row["a"])) == (7, 14.5)


def test_a_change_that_fails_changes_nothing(warehouse):
    before = facts_of(warehouse, "orders").version
    for wrong in (
        "INSERT INTO orders (id) VALUES ('x')",
        "UPDATE orders SET nope = 1 WHERE true",
        "DROP TABLE nowhere",
    ):
        with pytest.raises(QueryError):
            warehouse.execute(wrong)
    assert facts_of(warehouse, "orders").version == before


def test_a_tagged_column_is_for_its_readers(warehouse):
    warehouse.tag_column("orders", "country", readers=["boss@example.com"])
    assert facts_of(warehouse, "orders").column("country").policy_tagged
    assert warehouse.query("SELECT id FROM orders").arrow.num_rows == 3
    for sql in ("SELECT country FROM orders", "SELECT * FROM orders"):
        with pytest.raises(PermissionDenied, match="policy tag"):
            warehouse.query(sql)
    warehouse.principal = "boss@example.com"
    assert warehouse.query("SELECT country FROM orders").arrow.num_rows == 3


def test_facts_tell_kinds_policies_and_definitions(warehouse):
    warehouse.execute("CREATE VIEW v AS SELECT id FROM orders; CREATE TABLE c CLONE orders; CREATE TABLE k COPY orders")
    kinds = {name: facts_of(warehouse, name).version.kind for name in ("orders", "v", "c", "k")}
    assert kinds == {"orders": TableKind.TABLE, "v": TableKind.VIEW, "c": TableKind.CLONE, "k": TableKind.TABLE}
    assert "orders" in facts_of(warehouse, "v").definition
    assert facts_of(warehouse, "k").version.rows == 3
    before = facts_of(warehouse, "orders")
    warehouse.add_row_policy("orders", "true", ["x@example.com"])
    after = facts_of(warehouse, "orders")
    assert replace(after, row_policies=False, checked_at=before.checked_at) == before
    assert after.row_policies


def test_the_same_directory_has_the_same_tables(warehouse):
    other = DemoWarehouse(warehouse.directory, dataset="shop", threads=1)
    assert facts_of(other, "orders").version == facts_of(warehouse, "orders").version
    other.execute("DELETE FROM orders WHERE id = 1")
    assert warehouse.execute("SELECT COUNT(*) AS n FROM orders").to_pylist() == [{"n": 2}]
    other.close()


def test_a_reader_between_changes_sees_whole_versions(warehouse):
    stop = threading.Event()
    seen = set()

    def look() -> None:
        while not stop.is_set():
            seen.update(r["n"] for r in warehouse.execute("SELECT COUNT(*) AS n FROM orders").to_pylist())

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(5):
        warehouse.execute("INSERT INTO orders SELECT * FROM UNNEST([STRUCT(1, NUMERIC '1', 'x', DATE '2024-01-01')])")
        warehouse.execute("INSERT INTO orders SELECT id, amount, country, day FROM orders")
        warehouse.execute("CREATE OR REPLACE TABLE orders AS SELECT * FROM orders WHERE id < 0")
    stop.set()
    reader.join()
    assert seen <= {3, 4, 8, 0, 1, 2}
