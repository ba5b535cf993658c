"""An answer that is not whole is never data: it is asked for again a few times, and then told in one sentence."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bigpato_magic.errors import TransferError, WarehouseError, WarehouseUnavailable
from bigpato_magic.status import Cancel
from bigpato_magic.types import TableFacts, TableId, TransferRequest
from bigpato_magic.warehouse import answers, pages
from bigpato_magic.warehouse.base import QueryOptions
from bigpato_magic.warehouse.bigquery import BigQueryWarehouse
from tests.doubles import resources as r
from tests.doubles.rest import Answer, Request, RestServer, serving

RECORDED = Path(__file__).parents[3] / "shared/recorded_api/bigquery_2026_10"
T = TableId("p", "d", "t")
PAGES = QueryOptions(use_storage_api=False)
NOT_WHOLE = [
    Answer(b""),
    Answer(b"<html><body>Please log in</body></html>", headers={"Content-Type": "text/html"}),
    Answer(b'{"kind": "bigquery#queryResponse", "jobCom'),
    Answer(b"[]"),
    Answer(b"null"),
    {},
    {"kind": "bigquery#queryResponse"},
    {"kind": "bigquery#job"},
    {"kind": "bigquery#table"},
]
NAMES = ["empty", "page", "cut", "list", "null", "{}", "query kind", "job kind", "table kind"]


@pytest.fixture
def server() -> Iterator[RestServer]:
    with serving() as running:
        running.on("GET", r.TABLE, r.table())
        running.on("GET", r.POLICIES, {})
        running.on("GET", r.JOB, r.job())
        running.on("POST", r.QUERIES, r.rows("1", "2", "3"))
        yield running


@pytest.fixture
def warehouse(server: RestServer) -> BigQueryWarehouse:
    from google.auth.credentials import AnonymousCredentials

    anonymous = AnonymousCredentials()  # type: ignore[no-untyped-call]
    return BigQueryWarehouse(
        "p", credentials=anonymous, endpoint=server.url, storage_endpoint=server.url, emulated=False, bucket="b"
    )


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    import google.api_core.retry.retry_unary as unary

    monkeypatch.setattr(unary.time, "sleep", lambda _: None)


def rows_of(warehouse: BigQueryWarehouse, sql: str = "SELECT x FROM d.t") -> list[int]:
    found: list[int] = warehouse.query(sql, options=PAGES).arrow["x"].to_pylist()
    return found


def first_of_six(**more: Any) -> Any:
    return {**r.rows(1, 2, 3, jobReference=r.REFERENCE, pageToken="t"), "totalRows": "6", **more}


def second(*values: int, **more: Any) -> Any:
    return {**r.rows(*values), "totalRows": "6", **more}


# -------------------------------------------------------------------------------------------- queries


@pytest.mark.parametrize("answer", NOT_WHOLE, ids=NAMES)
@pytest.mark.parametrize(
    "path", [("POST", r.QUERIES), ("GET", r.RESULTS), ("GET", r.JOB)], ids=["query", "page", "job"]
)
def test_no_part_of_a_query_may_be_missing(
    warehouse: BigQueryWarehouse, server: RestServer, path: tuple[str, str], answer: Any
) -> None:
    server.on("POST", r.QUERIES, first_of_six())
    server.on("GET", r.RESULTS, second(4, 5, 6))
    server.on(*path, answer)
    with pytest.raises(WarehouseUnavailable) as caught:
        rows_of(warehouse)

    assert "not whole" in caught.value.message
    assert "<" not in str(caught.value)
    assert 2 <= len(server.asked(*path)) <= 5


@pytest.mark.parametrize("answer", NOT_WHOLE, ids=NAMES)
def test_a_whole_answer_after_one_that_is_not_is_the_answer(
    warehouse: BigQueryWarehouse, server: RestServer, answer: Any
) -> None:
    server.on("POST", r.QUERIES, answer, first_of_six())
    server.on("GET", r.RESULTS, answer, second(4, 5, 6))
    server.on("GET", r.JOB, answer, r.job())

    assert rows_of(warehouse) == [1, 2, 3, 4, 5, 6]
    assert len({request.body["requestId"] for request in server.asked("POST", r.QUERIES)}) == 1


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (second(4, 5), "5 rows came where 6 were to come"),
        (second(4, 5, 6, 7), "7 rows came where 6 were to come"),
        (second(4, 5, 6, totalRows="9"), "totalRows is another than before"),
        (second(4, 5, 6, totalRows="six"), "totalRows is missing"),
        (second(4, pageToken="t"), "its pageToken came before"),
        (second(pageToken="u"), "rows are missing"),
        (second(4, 5, 6, jobComplete=False, jobReference=r.REFERENCE), "jobComplete is false"),
        (second(4, 5, 6, schema={"fields": [{"name": "y", "type": "INTEGER"}]}), "schema is another"),
        (second(4, 5, 6, rows=[{"f": [{"v": "4"}, {"v": "5"}]}]), "not the cells of its schema"),
        (second(4, 5, 6, rows=[{"f": []}, {}, {}]), "not the cells of its schema"),
        (second(4, 5, 6, rows={"f": []}), "rows are no list"),
    ],
)
def test_pages_are_counted_together(warehouse: BigQueryWarehouse, server: RestServer, page: Any, says: str) -> None:
    server.on("POST", r.QUERIES, first_of_six())
    server.on("GET", r.RESULTS, page)

    with pytest.raises(WarehouseUnavailable, match=says):
        rows_of(warehouse)


@pytest.mark.parametrize(
    "answer",
    [
        r.rows(1, 2) | {"totalRows": "3"},
        r.rows(1, 2) | {"totalRows": "1"},
        r.rows(1, 2, pageToken="t") | {"totalRows": "3"},
        {k: v for k, v in r.rows(1).items() if k != "totalRows"},
        {k: v for k, v in r.rows(1).items() if k != "schema"},
        {k: v for k, v in r.rows().items() if k not in ("schema", "totalRows")},
        r.rows(1, schema={"fields": [{"name": "x"}]}),
        r.rows(1, schema={"fields": [{"name": "x", "type": "RECORD"}]}),
        r.rows(1) | {"jobComplete": "yes"},
        {"jobComplete": False},
    ],
)
def test_a_query_without_a_job_has_all_of_its_rows(
    warehouse: BigQueryWarehouse, server: RestServer, answer: Any
) -> None:
    server.on("POST", r.QUERIES, answer)

    with pytest.raises(WarehouseUnavailable, match="not whole"):
        rows_of(warehouse)


def test_no_rows_are_an_answer_where_none_were_to_come(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    server.on("POST", r.QUERIES, r.rows())

    assert rows_of(warehouse) == []


def test_what_changes_data_has_no_rows_to_be_counted(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    done = {"jobComplete": True, "jobReference": r.REFERENCE, "numDmlAffectedRows": "3"}
    server.on("POST", r.QUERIES, {**done, "schema": {"fields": [{"name": "a", "type": "INTEGER"}]}})
    server.on("GET", r.JOB, r.job(statementType="UPDATE", numDmlAffectedRows="3"))

    answer = warehouse.query("UPDATE d.t SET a = 1 WHERE TRUE")

    assert (answer.affected_rows, answer.arrow.num_rows) == (3, 0)


def test_a_query_with_functions_of_its_own_has_rows_too(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    server.on("POST", r.QUERIES, {"jobComplete": True, "jobReference": r.REFERENCE})

    with pytest.raises(WarehouseUnavailable, match="schema is missing"):
        rows_of(warehouse, "CREATE TEMP FUNCTION f() AS (1); SELECT f() AS x")


@pytest.mark.parametrize("missing", ["status", "statistics", "configuration", "jobReference"])
def test_a_job_says_how_it_is_and_what_it_did(warehouse: BigQueryWarehouse, server: RestServer, missing: str) -> None:
    server.on("POST", r.QUERIES, r.running())
    server.on("GET", r.JOB, {k: v for k, v in r.job().items() if k != missing})
    server.on("GET", r.RESULTS, r.rows(1))

    with pytest.raises(WarehouseUnavailable, match=f"not whole: {missing}"):
        rows_of(warehouse)


def test_a_dry_run_tells_its_bytes(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    for broken in ({}, r.job(totalBytesProcessed=None), r.job(totalBytesProcessed="many")):
        broken.setdefault("configuration", {})["dryRun"] = True
        server.on("POST", r.JOBS, broken)
        with pytest.raises(WarehouseUnavailable, match="not whole"):
            warehouse.dry_run("SELECT 1")


# --------------------------------------------------------------------------------------------- tables


@pytest.mark.parametrize(
    "answer",
    [
        *NOT_WHOLE,
        *({k: v for k, v in r.table().items() if k != lost} for lost in ("numRows", "numBytes", "type", "schema")),
        {k: v for k, v in r.table().items() if k != "lastModifiedTime"},
        r.table(numRows="ten"),
        r.table(schema={"fields": {}}),
        r.table(schema={"fields": [{"type": "INTEGER"}]}),
        r.table(tableReference={"projectId": "p", "datasetId": "d", "tableId": "u"}),
        r.table(tableReference={}),
    ],
)
def test_what_is_not_said_of_a_table_is_no_fact(warehouse: BigQueryWarehouse, server: RestServer, answer: Any) -> None:
    server.on("GET", r.TABLE, answer)
    found = warehouse.facts([T])[T]

    assert isinstance(found, WarehouseUnavailable)
    assert "not whole" in found.message


@pytest.mark.parametrize(
    "resource",
    [
        r.table(schema=None, numRows="0"),
        {k: v for k, v in r.table(numRows="0").items() if k != "schema"},
        {k: v for k, v in r.table(type="VIEW", view={"query": "SELECT 1 AS a"}).items() if not k.startswith("num")},
        {k: v for k, v in r.table(type="EXTERNAL").items() if not k.startswith("num")},
        r.table(numRows=10, numBytes=80),
    ],
    ids=["null", "no schema yet", "view", "external", "numbers"],
)
def test_a_table_need_not_have_what_its_kind_has_not(
    warehouse: BigQueryWarehouse, server: RestServer, resource: Any
) -> None:
    server.on("GET", r.TABLE, {k: v for k, v in resource.items() if v is not None})

    assert isinstance(warehouse.facts([T])[T], TableFacts)


def test_no_row_policies_are_told_by_json_alone(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    for answer in NOT_WHOLE[:5]:
        server.on("GET", r.POLICIES, answer)
        assert isinstance(warehouse.facts([T])[T], WarehouseUnavailable)
    server.on("GET", r.POLICIES, Answer({"error": {"code": 403, "message": "no", "errors": []}}, 403))
    server.on("GET", r.DATA, {})
    assert isinstance(warehouse.facts([T])[T], WarehouseUnavailable)


@pytest.mark.parametrize("answer", NOT_WHOLE[:6], ids=NAMES[:6])
def test_a_list_is_not_empty_because_nothing_came(
    warehouse: BigQueryWarehouse, server: RestServer, answer: Any
) -> None:
    server.on("GET", "/bigquery/v2/projects/p/datasets", answer)
    server.on("GET", "/bigquery/v2/projects/p/datasets/d/tables", answer)
    for ask in (warehouse.datasets, lambda: warehouse.tables(dataset="d")):
        with pytest.raises(WarehouseError, match="not whole"):
            ask()

    server.on("GET", "/bigquery/v2/projects/p/datasets", {"kind": "bigquery#datasetList", "etag": "e"})
    assert warehouse.datasets() == []


# -------------------------------------------------------------------------------------------- extracts


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {k: v for k, v in r.extract_job().items() if k != "statistics"},
        {**r.extract_job(), "statistics": {"extract": {}}},
        {**r.extract_job(), "status": {}},
    ],
)
def test_an_extract_job_tells_how_many_files_it_wrote(
    warehouse: BigQueryWarehouse, server: RestServer, broken: Any, tmp_path: Path
) -> None:
    facts = warehouse.facts([T])[T]
    assert isinstance(facts, TableFacts)
    server.on("POST", r.JOBS, broken)
    server.on("GET", "/storage/v1/b/b/o", {"kind": "storage#objects"})
    way = warehouse.transfers()["extract"]
    request = TransferRequest(facts, facts.columns)
    with (
        pytest.raises(TransferError, match="not whole"),
        way.fetch(request, scratch=tmp_path, progress=lambda _: None, cancel=Cancel()),
    ):
        pass


# ------------------------------------------------------------------------------------ what BigQuery says


def recorded() -> list[Path]:
    """Real exchanges, where they are at hand."""
    return sorted(RECORDED.glob("*.json"))


@pytest.mark.parametrize("path", recorded(), ids=lambda path: path.stem)
def test_nothing_that_bigquery_says_is_refused(path: Path) -> None:
    exchange = json.loads(path.read_text())
    asked = exchange["request"]
    response: Any = SimpleNamespace(
        request=SimpleNamespace(method=asked["method"], url="https://x/bigquery/v2" + asked["path"]),
        ok=exchange["status"] < 400,
        status_code=exchange["status"],
        content=b"{}",
        json=lambda: json.loads(json.dumps(exchange["body"]).replace('"<time>"', '"1700000000000"')),
    )
    # A server of the recording's own would answer every path: what is looked at is the whole body, as it came.
    answers.check(response)


@pytest.mark.skipif(not recorded(), reason="the recordings are not here")
def test_recorded_pages_are_whole_together() -> None:
    bodies = {path.stem: json.loads(path.read_text())["body"] for path in recorded()}
    one, two = bodies["07_get_query_results_page_1"], bodies["08_get_query_results_page_2"]
    last = {k: v for k, v in bodies["09_get_query_results_start_index"].items() if k != "pageToken"}

    pages.check_next((), one, is_query=True)
    pages.check_next([one], two, is_query=True)
    pages.check_next([one, two], last, is_query=True)
    pages.check_first(bodies["11_jobs_query"], is_query=True)
    pages.check_first(bodies["12_jobs_query_job_creation_optional"], is_query=True)
    assert pages.arrow([bodies["06_get_query_results_int64_timestamp"]])[1].num_rows == 3
    with pytest.raises(answers.IncompleteAnswer, match="2 rows came"):
        pages.check_next([one], {k: v for k, v in two.items() if k != "pageToken"}, is_query=True)


# --------------------------------------------------------------------------- what is sent again, and what not


LOST = r.job(failed=("backendError", "Error encountered during execution. Retrying may solve it."))


@pytest.mark.parametrize(
    "sql",
    [
        "/* load the day */ INSERT INTO d.t /* from staging */ SELECT * FROM d.s",
        "/* a */ DELETE FROM d.t WHERE TRUE; /* b */ SELECT 1",
        "/* a */ CREATE TABLE d.x AS /* b */ SELECT 1",
        "SELECT 1; DELETE FROM d.t WHERE TRUE",
        "SELECT 1 -- one\r; DELETE FROM d.t WHERE TRUE",
        "SELECT 'it''s' # \r; INSERT INTO d.t VALUES (1)",
        "FROM d.s |> WHERE TRUE |> INSERT INTO d.t",
        "FROM d.s |> /* now */ EXPORT DATA OPTIONS (uri = 'gs://b/*')",
        "CALL d.load()",
        "MERGE d.t USING (SELECT 1) ON FALSE WHEN NOT MATCHED THEN INSERT VALUES (1)",
        "BEGIN SELECT 1; END",
        "EXECUTE IMMEDIATE 'SELECT 1'",
    ],
)
def test_what_may_change_data_is_sent_once_when_its_job_is_lost(
    warehouse: BigQueryWarehouse, server: RestServer, sql: str
) -> None:
    server.on("POST", r.QUERIES, r.running())
    server.on("GET", r.JOB, LOST, r.job())
    server.on("GET", r.RESULTS, r.rows())
    with pytest.raises(WarehouseUnavailable):
        warehouse.query(sql)

    assert len(server.asked("POST", r.QUERIES)) == 1


@pytest.mark.parametrize("sql", ["-- why\nSELECT 1 AS x", "(SELECT 1 AS x)", "WITH a AS (SELECT 1 AS x) FROM a"])
def test_a_query_is_sent_again_when_its_job_is_lost(warehouse: BigQueryWarehouse, server: RestServer, sql: str) -> None:
    server.on("POST", r.QUERIES, r.running())
    server.on("GET", r.JOB, LOST, r.job())
    server.on("GET", r.RESULTS, r.rows(1))

    assert rows_of(warehouse, sql) == [1]
    assert len(server.asked("POST", r.QUERIES)) == 2


def test_a_change_whose_answer_is_cut_is_asked_for_by_the_same_id(
    warehouse: BigQueryWarehouse, server: RestServer
) -> None:
    """BigQuery runs a repeated request of one id once.

    https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query#QueryRequest.FIELDS.request_id
    """
    ran: set[str] = set()
    lock = threading.Lock()

    def insert(request: Request) -> Any:
        with lock:
            first = request.body["requestId"] not in ran
            ran.add(request.body["requestId"])
        return Answer(b"") if first else {"jobComplete": True, "jobReference": r.REFERENCE, "numDmlAffectedRows": "1"}

    server.on("POST", r.QUERIES, insert)
    server.on("GET", r.JOB, r.job(statementType="INSERT", numDmlAffectedRows="1"))

    assert warehouse.query("INSERT INTO d.t VALUES (1)").affected_rows == 1
    assert len(ran) == 1
    assert re.fullmatch("[0-9a-f-]{36}", ran.pop())
