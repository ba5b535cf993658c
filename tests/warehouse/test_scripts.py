"""The statements of a script, as BigQuery's API tells them: each its rows and its price; what cannot be had costs no answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bigpato_magic.warehouse.bigquery import BigQueryWarehouse
from tests.doubles import resources as r
from tests.doubles.rest import RestServer, error, serving

SCRIPT = "DECLARE n INT64; SELECT 1 AS x; UPDATE t SET a = 1 WHERE TRUE; SELECT 3 AS x"


@pytest.fixture
def server() -> Iterator[RestServer]:
    with serving() as running:
        running.on("POST", r.QUERIES, r.rows(3, jobReference=r.REFERENCE))
        running.on("GET", r.JOB, r.job(statementType="SCRIPT", totalBytesBilled="30"))
        running.on("GET", r.JOBS, {"kind": "bigquery#jobList", "jobs": CHILDREN})
        running.on("GET", f"{r.QUERIES}/c1", r.rows(1, jobReference=reference("c1")))
        running.on("GET", f"{r.QUERIES}/c3", r.rows(3, jobReference=reference("c3")))
        yield running


@pytest.fixture
def warehouse(server: RestServer) -> BigQueryWarehouse:
    from google.oauth2.credentials import Credentials

    return BigQueryWarehouse("p", credentials=Credentials("token"), endpoint=server.url, emulated=False)  # type: ignore[no-untyped-call]


def reference(name: str) -> dict[str, str]:
    return {"projectId": "p", "jobId": name, "location": "EU"}


def child(name: str, kind: str, evaluation: str = "STATEMENT", **query: Any) -> dict[str, Any]:
    told = {
        "startTime": "1700000000000",
        "endTime": "1700000001500",
        "totalSlotMs": "40",
        "scriptStatistics": {"evaluationKind": evaluation},
        "query": {"statementType": kind, "totalBytesBilled": "10", **query},
    }
    return {"jobReference": reference(name), "status": {"state": "DONE"}, "statistics": told}


# As BigQuery lists them: the newest first, and also what the script evaluated for itself.
CHILDREN = [
    child("c3", "SELECT"),
    child("c2", "UPDATE", numDmlAffectedRows="4"),
    child("c1", "SELECT"),
    child("c0", "SELECT", "EXPRESSION"),
]


def test_each_statement_has_its_rows_and_its_price(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    result = warehouse.query(SCRIPT)
    assert (result.statement, result.arrow.to_pylist()) == ("SCRIPT", [{"x": 3}])
    told = [(one.statement, one.arrow.to_pylist(), one.affected_rows) for one in result.statements]
    assert told == [("SELECT", [{"x": 1}], None), ("UPDATE", [], 4), ("SELECT", [{"x": 3}], None)]
    assert {(one.bytes_billed, one.seconds, one.slot_ms) for one in result.statements} == {(10, 1.5, 40)}
    (asked,) = server.asked("GET", r.JOBS)
    assert asked.query["parentJobId"] == "j"


@pytest.mark.parametrize("path", [r.JOBS, f"{r.QUERIES}/c1"])
def test_what_cannot_be_had_costs_no_answer(warehouse: BigQueryWarehouse, server: RestServer, path: str) -> None:
    server.on("GET", path, error(403, "accessDenied", "Access Denied: bigquery.jobs.list"))
    result = warehouse.query(SCRIPT)
    assert (result.arrow.to_pylist(), result.statements) == ([{"x": 3}], ())


def test_one_statement_asks_for_no_children(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    server.on("GET", r.JOB, r.job(statementType="SELECT"))
    assert warehouse.query("SELECT 3 AS x").statements == ()
    assert server.asked("GET", r.JOBS) == []
