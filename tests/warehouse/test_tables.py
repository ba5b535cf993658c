"""What the warehouse knows of tables: facts, lists, row policies, the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bigpato_magic.errors import PermissionDenied, TableNotFound, WarehouseError
from bigpato_magic.types import TableFacts, TableId, TableKind
from bigpato_magic.warehouse.bigquery import BigQueryWarehouse

pytestmark = pytest.mark.emulator


def test_facts_tell_schema_version_and_size(warehouse: BigQueryWarehouse, numbers: TableId) -> None:
    facts = warehouse.facts([numbers])[numbers]

    assert isinstance(facts, TableFacts)
    assert [(c.name, str(c.type)) for c in facts.columns] == [("n", "INT64"), ("text", "STRING"), ("day", "DATE")]
    assert facts.version.rows == 30_000
    assert facts.version.kind is TableKind.TABLE
    assert facts.version.modified.tzinfo is not None
    assert not facts.row_policies
    assert not facts.streaming
    assert facts.location == "US"


def test_a_reload_is_another_version(warehouse: BigQueryWarehouse, google: Any, numbers: TableId) -> None:
    table = TableId("demo", "shop", "reloaded")
    warehouse.query("CREATE OR REPLACE TABLE shop.reloaded AS SELECT 1 AS x")
    before = warehouse.facts([table])[table]
    warehouse.query("CREATE OR REPLACE TABLE shop.reloaded AS SELECT 2 AS x, 'a' AS y")
    after = warehouse.facts([table])[table]

    assert isinstance(before, TableFacts)
    assert isinstance(after, TableFacts)
    assert before.version != after.version
    assert before.version.schema_digest != after.version.schema_digest


@pytest.mark.usefixtures("wide_server")
def test_many_tables_are_asked_at_once_and_an_error_stands_for_its_own_table_only(
    warehouse: BigQueryWarehouse, numbers: TableId
) -> None:
    missing, elsewhere = TableId("demo", "shop", "missing"), TableId("demo", "no_such_dataset", "t")
    found = warehouse.facts([numbers, missing, elsewhere, numbers])

    assert isinstance(found[numbers], TableFacts)
    assert isinstance(found[missing], TableNotFound)
    assert "demo.shop.missing" in str(found[missing])
    assert isinstance(found[elsewhere], TableNotFound | PermissionDenied)


@pytest.mark.usefixtures("wide_server")
def test_a_view_has_its_definition_and_is_no_table(warehouse: BigQueryWarehouse, numbers: TableId) -> None:
    warehouse.query("CREATE OR REPLACE VIEW shop.few AS SELECT n FROM shop.numbers WHERE n < 10")
    view = TableId("demo", "shop", "few")
    facts = warehouse.facts([view])[view]

    assert isinstance(facts, TableFacts)
    assert facts.version.kind is TableKind.VIEW
    assert facts.definition is not None
    assert "shop.numbers" in facts.definition


def test_row_policies_are_seen(warehouse: BigQueryWarehouse, numbers: TableId) -> None:
    warehouse.query("CREATE OR REPLACE TABLE shop.secret AS SELECT 1 AS x")
    warehouse.query("CREATE ROW ACCESS POLICY own ON shop.secret GRANT TO ('user:a@example.com') FILTER USING (x = 1)")
    table = TableId("demo", "shop", "secret")
    facts = warehouse.facts([table])[table]

    assert isinstance(facts, TableFacts)
    assert facts.row_policies


@pytest.mark.usefixtures("wide_server")
def test_datasets_and_tables_are_listed(warehouse: BigQueryWarehouse, numbers: TableId) -> None:
    assert "shop" in warehouse.datasets()
    assert numbers in warehouse.tables("demo", "shop")
    listed = {table.id: table for table in warehouse.listed("demo", "shop")}
    assert listed[numbers].kind is TableKind.TABLE
    facts = warehouse.facts([numbers])[numbers]
    assert isinstance(facts, TableFacts)
    assert listed[numbers].created in (facts.version.created, None)
    with pytest.raises(WarehouseError, match="no_such_dataset"):
        warehouse.tables("demo", "no_such_dataset")


def test_the_clock_is_the_servers(warehouse: BigQueryWarehouse) -> None:
    # The server runs on this machine, so both clocks are one; a header tells whole seconds.
    assert abs(warehouse.now() - datetime.now(UTC)) < timedelta(seconds=30)


def test_an_emulator_knows_nobody(warehouse: BigQueryWarehouse) -> None:
    assert warehouse.principal == "anonymous"
    assert warehouse.project == "demo"
