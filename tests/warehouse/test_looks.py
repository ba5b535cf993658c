"""A look by Google's own clients: on an emulator its rows are a query's, and a server that breaks costs no row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import grpc
import pandas as pd
import pyarrow as pa
import pytest

from bigpato_magic import frames
from bigpato_magic.client import BigPato
from bigpato_magic.types import TableId
from bigpato_magic.warehouse.bigquery import BigQueryWarehouse
from tests.doubles import resources as r
from tests.doubles import rest, storage_read
from tests.doubles.rest import RestServer
from tests.doubles.storage_read import StorageRead

ROWS = 200
FIELDS = [{"name": "n", "type": "INTEGER"}, {"name": "s", "type": "STRING"}]


@pytest.fixture(autouse=True)
def ready(analyzer: Any) -> None:
    """The analyzer is."""


@pytest.fixture
def client(warehouse: BigQueryWarehouse, tmp_path: Path) -> Iterator[BigPato]:
    client = BigPato(warehouse=warehouse, project="demo", dataset="shop", directory=str(tmp_path / "tier"))
    yield client
    client.close()


@pytest.mark.emulator
@pytest.mark.parametrize(
    ("sql", "params"),
    [
        ("SELECT * FROM numbers", ()),
        ("SELECT day AS d, n FROM numbers WHERE n BETWEEN 10 AND 20 OR text = 'row 7'", ()),
        ("SELECT text FROM numbers WHERE day = @day AND n != 3 AND text IS NOT NULL", {"day": date(1970, 1, 4)}),
        ("SELECT text FROM numbers WHERE text IN ('it\\'s', 'row 1', '\\\\')", ()),
        ("SELECT text FROM numbers WHERE NOT n >= 3", ()),
        ("SELECT text FROM numbers WHERE n < 0", ()),
    ],
)
def test_its_answer_is_that_of_a_query(client: BigPato, numbers: TableId, sql: str, params: Any) -> None:
    found, asked = client.run(sql, params=params), client.run(sql, params=params, route="bigquery")
    assert (found.decision.where, asked.decision.where) == ("read", "bigquery")
    assert found.outputs == asked.outputs
    assert found.arrow.schema.equals(asked.arrow.schema, check_metadata=True)
    assert sorted(map(repr, found.arrow.to_pylist())) == sorted(map(repr, asked.arrow.to_pylist()))
    pd.testing.assert_series_equal(frames.to_pandas(found.arrow).dtypes, frames.to_pandas(asked.arrow).dtypes)


@pytest.mark.emulator
def test_a_limit_brings_so_many_rows(client: BigPato, numbers: TableId) -> None:
    found = client.run("SELECT n, text FROM numbers LIMIT 25")
    assert found.decision.where == "read"
    assert found.arrow.num_rows == 25
    assert all(row["text"] == f"row {row['n']}" for row in found.arrow.to_pylist())


# ------------------------------------------------------------------------------- servers that break


@pytest.fixture
def server() -> Iterator[StorageRead]:
    table = pa.table({"n": pa.array(range(ROWS), pa.int64()), "s": [f"row {i}" for i in range(ROWS)]})
    with storage_read.serving(StorageRead(table)) as running:
        yield running


@pytest.fixture
def api() -> Iterator[RestServer]:
    with rest.serving() as api:
        api.on("GET", r.TABLE, r.table(schema={"fields": FIELDS}, numRows=str(ROWS), numBytes="4000"))
        api.on("GET", r.POLICIES, {})
        answer = {"schema": {"fields": FIELDS}, "rows": [{"f": [{"v": "-1"}, {"v": "BigQuery's"}]}]}
        api.on("POST", r.QUERIES, {**r.rows(), **answer, "totalRows": "1"})
        yield api


@pytest.fixture
def over_doubles(api: RestServer, server: StorageRead, tmp_path: Path) -> Iterator[BigPato]:
    from google.auth.credentials import AnonymousCredentials

    warehouse = BigQueryWarehouse(
        "p",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        endpoint=api.url,
        read_endpoint=server.address,
        emulated=False,
    )
    client = BigPato(warehouse=warehouse, project="p", dataset="d", directory=str(tmp_path / "tier"))
    yield client
    client.close()


def options_of(server: StorageRead) -> Any:
    return server.sessions[-1].read_session.read_options


def test_only_what_is_needed_is_asked_for(over_doubles: BigPato, server: StorageRead, api: RestServer) -> None:
    over_doubles.run("SELECT s AS x FROM t WHERE n = 3")
    assert list(options_of(server).selected_fields) == ["s", "n"]
    assert options_of(server).row_restriction == "(`n` = 3)"
    over_doubles.run("SELECT n FROM t LIMIT 15")
    assert server.sessions[-1].max_stream_count == 1
    assert api.asked("POST", r.QUERIES) == []


def test_the_columns_come_in_the_order_of_the_query(over_doubles: BigPato, server: StorageRead) -> None:
    rows = over_doubles.run("SELECT s, n AS m, s AS z FROM t").arrow.to_pylist()
    assert sorted(row["m"] for row in rows) == list(range(ROWS))
    assert all(row == {"s": f"row {row['m']}", "m": row["m"], "z": f"row {row['m']}"} for row in rows)


def test_a_limit_ends_the_stream(over_doubles: BigPato, server: StorageRead) -> None:
    found = over_doubles.run("SELECT n FROM t LIMIT 15")
    assert found.arrow.num_rows == 15
    assert server.sent < ROWS // server.batch_rows


def test_a_stream_that_is_cut_half_way_gives_the_whole_answer(over_doubles: BigPato, server: StorageRead) -> None:
    server.cut_after, server.cuts = 3, 2
    found = over_doubles.run("SELECT * FROM t")
    assert server.cuts == 0
    assert found.decision.where == "read"
    assert sorted(found.arrow["n"].to_pylist()) == list(range(ROWS))


@pytest.mark.parametrize(
    ("status", "again"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, False),
        (grpc.StatusCode.INVALID_ARGUMENT, True),
        (grpc.StatusCode.NOT_FOUND, True),
    ],
)
def test_a_session_that_is_refused_is_a_query(
    over_doubles: BigPato, server: StorageRead, status: grpc.StatusCode, again: bool
) -> None:
    server.refuse_with, over_doubles.tier.keep.on = status, False
    found = over_doubles.run("SELECT * FROM t")
    assert found.decision.where == "bigquery"
    assert found.arrow["s"].to_pylist() == ["BigQuery's"]
    assert "refused on purpose" in found.decision.reasons[-1].message
    over_doubles.run("SELECT * FROM t")
    assert len(server.sessions) == 1 + again


def test_a_refused_filter_tells_no_value_of_a_parameter(over_doubles: BigPato, server: StorageRead) -> None:
    server.refuse_with = grpc.StatusCode.INVALID_ARGUMENT
    server.refuse_saying = lambda asked: f"Row filter is invalid. Filter is '{asked.read_options.row_restriction}'"
    found = over_doubles.run("SELECT n FROM t WHERE s = @secret", params={"secret": "hunter2"})
    assert found.decision.where == "bigquery"
    assert "did not take the filter" in found.decision.reasons[-1].message
    assert "hunter2" not in repr(found.decision)
    server.refuse_saying = lambda asked: f"Invalid value {asked.read_options.row_restriction[-12:]}"
    found = over_doubles.run("SELECT n FROM t WHERE s = @secret", params={"secret": "hunter3"})
    assert "hunter3" not in repr(found.decision)
    told = over_doubles.run("SELECT n FROM t WHERE s = 'mine'").decision.reasons[-1].message
    assert "mine" in told


def test_a_filter_that_was_refused_is_not_tried_again(over_doubles: BigPato, server: StorageRead) -> None:
    server.refuse_with = grpc.StatusCode.INVALID_ARGUMENT
    for _ in range(2):
        assert over_doubles.run("SELECT n FROM t WHERE s = 'a'").decision.where == "bigquery"
    assert len(server.sessions) == 1
    over_doubles.run("SELECT n FROM t WHERE s = 'b'")
    assert len(server.sessions) == 2


def test_a_stream_that_ends_in_an_error_is_a_query(over_doubles: BigPato, server: StorageRead) -> None:
    server.cut_after, server.cuts, server.cut_with = 3, 1, grpc.StatusCode.NOT_FOUND
    found = over_doubles.run("SELECT * FROM t")
    assert found.arrow["s"].to_pylist() == ["BigQuery's"]
    assert [reason.code for reason in found.decision.reasons] == ["not-local", "look"]


def test_columns_of_other_types_than_they_had_are_a_query(over_doubles: BigPato, server: StorageRead) -> None:
    server.table = server.table.set_column(0, "n", pa.array(map(float, range(ROWS))))
    found = over_doubles.run("SELECT * FROM t")
    assert found.arrow["s"].to_pylist() == ["BigQuery's"]
    assert "the table has changed" in found.decision.reasons[-1].message


def test_fewer_rows_than_the_table_has_are_a_query(over_doubles: BigPato, server: StorageRead) -> None:
    server.table = server.table.slice(1)
    found = over_doubles.run("SELECT * FROM t")
    assert "199 rows came where 200 were expected" in found.decision.reasons[-1].message


def test_what_the_server_scans_is_what_was_read(over_doubles: BigPato, server: StorageRead) -> None:
    def told(session: Any) -> Any:
        session.estimated_total_bytes_scanned = 123_456
        return session

    server.spoil = told
    assert over_doubles.run("SELECT * FROM t WHERE n = 3").bytes_read == 123_456
    assert 0 < over_doubles.run("SELECT * FROM t LIMIT 5").bytes_read < 123_456
