"""What the real BigQuery has answered, by Google's own client: the frames, facts and errors that it says.

The recordings are not part of the repository: without them there is nothing to replay.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bigpato_magic.errors import BigPatoError, QueryError, TableNotFound
from bigpato_magic.types import Kind, Partitioning, PartitionUnit, TableFacts, TableId
from bigpato_magic.warehouse.base import QueryOptions
from bigpato_magic.warehouse.bigquery import BigQueryWarehouse
from tests.doubles.recorded import Exchange, replay
from tests.doubles.rest import RestServer, serving

FOLDER = Path(__file__).parents[3] / "shared/recorded_api/bigquery_2026_10"
EXCHANGES = [Exchange.read(path) for path in sorted(FOLDER.glob("*.json"))]
BY_NAME = {exchange.name: exchange for exchange in EXCHANGES}
READ = [e for e in EXCHANGES if e.method in ("GET", "POST") and not e.path.endswith(("/jobs", "/datasets", "/data"))]
PAGES = QueryOptions(use_storage_api=False)

pytestmark = pytest.mark.skipif(not EXCHANGES, reason="the recordings are not here")


@pytest.fixture
def server() -> Iterator[RestServer]:
    with serving() as running:
        replay(running, EXCHANGES)
        yield running


@pytest.fixture
def warehouse(server: RestServer) -> BigQueryWarehouse:
    from google.auth.credentials import AnonymousCredentials

    anonymous = AnonymousCredentials()  # type: ignore[no-untyped-call]
    return BigQueryWarehouse(
        "project", credentials=anonymous, endpoint=server.url, storage_endpoint=server.url, emulated=False
    )


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    import google.api_core.retry.retry_unary as unary

    monkeypatch.setattr(unary.time, "sleep", lambda _: None)


def test_a_query_without_a_job_of_its_own(warehouse: BigQueryWarehouse) -> None:
    answer = warehouse.query("SELECT 1 AS a, 'x' AS b", options=PAGES)
    assert answer.arrow.to_pylist() == [{"a": 1, "b": "x"}]
    assert [(column.name, column.type.kind) for column in answer.outputs] == [("a", Kind.INT64), ("b", Kind.STRING)]
    assert (answer.bytes_billed, answer.cache_hit, answer.statement) == (0, False, "SELECT")


def test_rows_of_all_types(warehouse: BigQueryWarehouse) -> None:
    sql = BY_NAME["03_jobs_insert_select"].sql
    answer = warehouse.query(sql, options=PAGES)
    first, nulls, edges = answer.arrow.to_pylist()

    first.pop("iv")
    assert first == {
        "id": 1,
        "i": 42,
        "f": 1.5,
        "n": Decimal("123.456000001"),
        "b": True,
        "s": "x",
        "bt": b"\x01\xff",
        "d": date(2024, 2, 29),
        "dt": datetime(2024, 1, 2, 3, 4, 5, 123456),
        "t": time(4, 5, 6, 500000),
        "ts": datetime(2024, 1, 2, 3, 4, 5, 123456, tzinfo=UTC),
        "j": '{"a":[1,null]}',
        "arr": [1, 2],
        "st": {"x": 1, "y": ["a", "b"]},
        "arr_st": [{"k": 1, "w": "v"}],
    }
    assert {name: value for name, value in nulls.items() if value is not None} == {"id": 2, "arr": [], "arr_st": []}
    assert math.isnan(edges["f"])
    assert (edges["i"], edges["n"], edges["s"], edges["bt"]) == (-(2**63), Decimal("-0.000000001"), "", b"")
    assert (edges["d"], edges["dt"]) == (date(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999))
    assert (edges["j"], edges["arr"], edges["st"]) == ("null", [-1], {"x": None, "y": []})
    assert answer.job_id == "job-2"


def test_a_statement_tells_how_many_rows_it_changed(server: RestServer, warehouse: BigQueryWarehouse) -> None:
    job = BY_NAME["26_jobs_get_dml"].answer.body
    assert isinstance(job, dict)
    # The job was recorded, the request for its rows, of which there are none, was not.
    none = {"kind": "bigquery#getQueryResultsResponse", "jobComplete": True, "jobReference": job["jobReference"]}
    server.on("GET", "/bigquery/v2/projects/project/queries/job-4", none)
    answer = warehouse.query(BY_NAME["25_jobs_insert_dml"].sql, options=PAGES)
    assert (answer.statement, answer.affected_rows, answer.arrow.num_rows) == ("INSERT", 2, 0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("163_jobs_insert_runtime_error", "division by zero: 1 / 0"),
        ("166_jobs_query_syntax_error", "Syntax error"),
    ],
)
def test_an_error_is_bigquerys(warehouse: BigQueryWarehouse, name: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        warehouse.query(BY_NAME[name].sql, options=PAGES)


def facts_of(warehouse: BigQueryWarehouse, table: str) -> TableFacts | BigPatoError:
    name = TableId("project", "dataset", table)
    return warehouse.facts([name])[name]


@pytest.mark.parametrize(
    ("table", "partitioning", "clustering"),
    [
        ("all_types", None, ()),
        ("partitioned_day", Partitioning(PartitionUnit.DAY, "d"), ("s", "n")),
        ("partitioned_hour", Partitioning(PartitionUnit.HOUR, "ts"), ()),
        ("partitioned_month", Partitioning(PartitionUnit.MONTH, "d"), ()),
        ("partitioned_range", Partitioning(PartitionUnit.RANGE, "n", 0, 100, 10), ()),
    ],
)
def test_facts_of_a_table(
    warehouse: BigQueryWarehouse, table: str, partitioning: Partitioning | None, clustering: tuple[str, ...]
) -> None:
    facts = facts_of(warehouse, table)
    assert isinstance(facts, TableFacts), facts
    assert (facts.partitioning, facts.clustering, facts.location) == (partitioning, clustering, "EU")
    body: Any = next(e for e in EXCHANGES if e.method == "GET" and e.path.endswith(f"/tables/{table}")).answer.body
    assert [column.name for column in facts.columns] == [field["name"] for field in body["schema"]["fields"]]
    assert (facts.version.rows, facts.version.bytes) == (int(body["numRows"]), int(body["numBytes"]))


def test_a_table_that_is_not_there(warehouse: BigQueryWarehouse) -> None:
    assert isinstance(facts_of(warehouse, "no_such_table"), TableNotFound)


@pytest.mark.parametrize("exchange", READ, ids=lambda exchange: exchange.name)
def test_what_a_body_lacks_is_no_exception_of_ours(
    server: RestServer, warehouse: BigQueryWarehouse, exchange: Exchange
) -> None:
    """Each field of each answer is left out in turn: what comes is an answer or an error of the package's."""
    body: Any = exchange.answer.body
    for left_out in body:
        less = replace(exchange.answer, body={name: value for name, value in body.items() if name != left_out})
        replay(server, [replace(exchange, answer=less), *(e for e in EXCHANGES if e is not exchange)])
        _asked(warehouse, exchange)


def _asked(warehouse: BigQueryWarehouse, exchange: Exchange) -> None:
    """Ask what the exchange is a part of; only an error of the package's own may be raised."""
    try:
        if exchange.sql:
            warehouse.query(exchange.sql, options=PAGES)
        elif "job-2" in exchange.path:
            warehouse.query(BY_NAME["03_jobs_insert_select"].sql, options=PAGES)
        elif "job-4" in exchange.path:
            warehouse.query(BY_NAME["25_jobs_insert_dml"].sql, options=PAGES)
        elif "job-61" in exchange.path:
            warehouse.query(BY_NAME["163_jobs_insert_runtime_error"].sql, options=PAGES)
        elif "/tables/" in exchange.path:
            facts_of(warehouse, exchange.path.rsplit("/tables/")[1].split("/")[0])
        elif exchange.path.endswith("/tables"):
            warehouse.tables("project", "dataset")
    except BigPatoError:
        pass
