"""The tables of a dataset, as `tables.list` tells of them, and what `tables.get` says that wildcards depend on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bigpato_magic.errors import WarehouseError
from bigpato_magic.types import ListedTable, TableFacts, TableId, TableKind
from bigpato_magic.warehouse.bigquery import BigQueryWarehouse
from tests.doubles import resources as r
from tests.doubles.rest import Request, RestServer, error, serving

TABLES = "/bigquery/v2/projects/p/datasets/d/tables"
MADE = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def item(name: str, kind: str = "TABLE", **more: Any) -> dict[str, Any]:
    return {
        "kind": "bigquery#table",
        "id": f"p:d.{name}",
        "tableReference": {"projectId": "p", "datasetId": "d", "tableId": name},
        "type": kind,
        "creationTime": "1700000000000",
        **more,
    }


@pytest.fixture
def server() -> Iterator[RestServer]:
    with serving() as running:
        yield running


@pytest.fixture
def warehouse(server: RestServer) -> BigQueryWarehouse:
    from google.auth.credentials import AnonymousCredentials

    anonymous = AnonymousCredentials()  # type: ignore[no-untyped-call]
    return BigQueryWarehouse("p", credentials=anonymous, endpoint=server.url, emulated=False)


def test_all_pages_are_read(server: RestServer, warehouse: BigQueryWarehouse) -> None:
    def page(request: Request) -> dict[str, Any]:
        number = int(request.query.get("pageToken", "0"))
        names = [f"events_{number}{i}" for i in range(3)]
        after = {"nextPageToken": str(number + 1)} if number < 2 else {}
        return {"kind": "bigquery#tableList", "tables": [item(name) for name in names], "totalItems": 9, **after}

    server.on("GET", TABLES, page)
    listed = warehouse.listed("p", "d")
    assert [table.id.table for table in listed] == [f"events_{page}{i}" for page in range(3) for i in range(3)]
    assert [request.query["maxResults"] for request in server.asked("GET", TABLES)] == ["1000"] * 3


def test_each_table_has_its_kind_and_when_it_was_made(server: RestServer, warehouse: BigQueryWarehouse) -> None:
    kinds = {
        "TABLE": "t",
        "VIEW": "v",
        "EXTERNAL": "e",
        "MATERIALIZED_VIEW": "m",
        "SNAPSHOT": "s",
        "SOMETHING_NEW": "n",
    }
    server.on("GET", TABLES, {"kind": "bigquery#tableList", "tables": [item(n, kind) for kind, n in kinds.items()]})
    kinds_told = {table.id.table: table.kind for table in warehouse.listed("p", "d")}
    assert kinds_told == {
        "t": TableKind.TABLE,
        "v": TableKind.VIEW,
        "e": TableKind.EXTERNAL,
        "m": TableKind.MATERIALIZED_VIEW,
        "s": TableKind.SNAPSHOT,
        "n": TableKind.EXTERNAL,
    }
    assert warehouse.listed("p", "d")[0] == ListedTable(TableId("p", "d", "t"), TableKind.TABLE, MADE)


def test_a_server_that_does_not_say_when_a_table_was_made(server: RestServer, warehouse: BigQueryWarehouse) -> None:
    server.on("GET", TABLES, {"kind": "bigquery#tableList", "tables": [item("t", creationTime=None)]})
    assert warehouse.listed("p", "d")[0].created is None


def test_what_is_no_list_is_an_error_and_not_an_empty_one(server: RestServer, warehouse: BigQueryWarehouse) -> None:
    server.on("GET", TABLES, {})
    with pytest.raises(WarehouseError, match="tables are missing"):
        warehouse.listed("p", "d")
    server.on("GET", TABLES, error(403, "accessDenied", "Access Denied: Dataset p:d"))
    with pytest.raises(WarehouseError, match="Access Denied"):
        warehouse.listed("p", "d")


def test_keys_and_tags_are_told(server: RestServer, warehouse: BigQueryWarehouse) -> None:
    more = {"encryptionConfiguration": {"kmsKeyName": "projects/p/k"}, "resourceTags": {"p/env": "test", "p/a": "b"}}
    server.on("GET", r.POLICIES, {})
    server.on("GET", r.TABLE, r.table(**more), r.table())
    secured, plain = (warehouse.facts([TableId("p", "d", "t")])[TableId("p", "d", "t")] for _ in range(2))
    assert isinstance(secured, TableFacts)
    assert isinstance(plain, TableFacts)
    assert (secured.own_key, secured.tags) == (True, (("p/a", "b"), ("p/env", "test")))
    assert (plain.own_key, plain.tags) == (False, ())
