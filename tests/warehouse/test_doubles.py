"""What no emulator does: costs, retries, failed jobs, row policies, streaming buffers, partitions, wrong clocks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bigpato_magic.errors import (
    Cancelled,
    ConfigurationError,
    CredentialsError,
    PermissionDenied,
    QueryError,
    TableNotFound,
    WarehouseError,
    WarehouseUnavailable,
)
from bigpato_magic.local.columns import why_not_stored
from bigpato_magic.status import Cancel
from bigpato_magic.types import Partitioning, PartitionUnit, TableFacts, TableId, TableKind
from bigpato_magic.warehouse.base import QueryOptions, QueryProgress
from bigpato_magic.warehouse.bigquery import BigQueryWarehouse
from tests.doubles import resources as r
from tests.doubles.rest import Answer, Request, RestServer, error, serving

T = TableId("p", "d", "t")
SECRET = "ya29.a-very-secret-token"


@pytest.fixture
def server() -> Iterator[RestServer]:
    with serving() as running:
        running.on("GET", r.TABLE, r.table())
        running.on("GET", r.POLICIES, {})
        running.on("GET", r.JOB, r.job())
        yield running


@pytest.fixture
def warehouse(server: RestServer) -> BigQueryWarehouse:
    from google.oauth2.credentials import Credentials

    return BigQueryWarehouse("p", credentials=Credentials(SECRET), endpoint=server.url, emulated=False)  # type: ignore[no-untyped-call]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's retry sleeps between attempts; the attempts are what is looked at here."""
    import google.api_core.retry.retry_unary as unary

    monkeypatch.setattr(unary.time, "sleep", lambda _: None)


def facts_of(warehouse: BigQueryWarehouse) -> TableFacts:
    found = warehouse.facts([T])[T]
    assert isinstance(found, TableFacts), found
    return found


# -------------------------------------------------------------------------------------------- facts


def test_the_version_is_made_of_all_evidence(warehouse: BigQueryWarehouse) -> None:
    version = facts_of(warehouse).version

    assert version.etag == "e1"
    assert version.modified == datetime(2023, 11, 14, 22, 15, 23, 456000, UTC)
    assert version.created == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert (version.rows, version.bytes) == (10, 80)


def test_a_server_without_an_etag_gives_none(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    server.on("GET", r.TABLE, r.table(etag=None))

    assert facts_of(warehouse).version.etag is None


@pytest.mark.parametrize(
    "resource",
    [
        r.table(streamingBuffer={"estimatedRows": "1", "oldestEntryTime": "1700000000000"}),
        r.table(maxStaleness="0-0 0 0:15:0"),
    ],
    ids=["a streaming buffer", "change data capture"],
)
def test_a_table_that_may_change_at_any_moment_says_so(
    warehouse: BigQueryWarehouse, server: RestServer, resource: Any
) -> None:
    server.on("GET", r.TABLE, resource)

    assert facts_of(warehouse).streaming


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        (r.table(type="VIEW", view={"query": "SELECT 1"}), TableKind.VIEW),
        (r.table(type="MATERIALIZED_VIEW"), TableKind.MATERIALIZED_VIEW),
        (r.table(type="EXTERNAL"), TableKind.EXTERNAL),
        (r.table(type="SNAPSHOT"), TableKind.SNAPSHOT),
        (r.table(cloneDefinition={"baseTableReference": {}}), TableKind.CLONE),
        (r.table(biglakeConfiguration={"storageUri": "gs://b/t"}), TableKind.EXTERNAL),
        (r.table(type="SOMETHING_NEW"), TableKind.EXTERNAL),
    ],
    ids=lambda value: value.value if isinstance(value, TableKind) else "",
)
def test_what_kind_of_table_it_is(
    warehouse: BigQueryWarehouse, server: RestServer, resource: Any, kind: TableKind
) -> None:
    server.on("GET", r.TABLE, resource)

    assert facts_of(warehouse).version.kind is kind


@pytest.mark.parametrize(
    ("more", "partitioning"),
    [
        ({"timePartitioning": {"type": "DAY", "field": "a"}}, Partitioning(PartitionUnit.DAY, "a")),
        ({"timePartitioning": {"type": "HOUR"}}, Partitioning(PartitionUnit.HOUR, None)),
        (
            {"timePartitioning": {"type": "DAY"}, "requirePartitionFilter": True},
            Partitioning(PartitionUnit.DAY, None, filter_required=True),
        ),
        (
            {"rangePartitioning": {"field": "a", "range": {"start": "0", "end": "100", "interval": "10"}}},
            Partitioning(PartitionUnit.RANGE, "a", 0, 100, 10),
        ),
        ({}, None),
    ],
)
def test_how_a_table_is_partitioned(
    warehouse: BigQueryWarehouse, server: RestServer, more: Any, partitioning: Partitioning | None
) -> None:
    server.on("GET", r.TABLE, r.table(clustering={"fields": ["a"]}, **more))

    assert facts_of(warehouse).partitioning == partitioning
    assert facts_of(warehouse).clustering == ("a",)


@pytest.mark.parametrize(
    "field",
    [
        {"name": "a", "type": "STRING", "policyTags": {"names": ["projects/p/taxonomies/1/policyTags/2"]}},
        {"name": "a", "type": "STRING", "dataPolicies": [{"name": "mask"}]},
        {
            "name": "a",
            "type": "RECORD",
            "fields": [{"name": "b", "type": "STRING", "policyTags": {"names": ["x"]}}],
        },
    ],
    ids=["tagged", "masked", "a tagged field inside"],
)
def test_a_secured_column_is_marked(warehouse: BigQueryWarehouse, server: RestServer, field: Any) -> None:
    server.on("GET", r.TABLE, r.table(schema={"fields": [field, {"name": "free", "type": "STRING"}]}))

    assert [c.policy_tagged for c in facts_of(warehouse).columns] == [True, False]


def test_every_type_of_a_schema_is_read(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    fields = [
        {"name": "n", "type": "NUMERIC", "precision": "10", "scale": "2"},
        {"name": "s", "type": "STRING", "maxLength": "5", "mode": "REPEATED"},
        {"name": "r", "type": "RANGE", "rangeElementType": {"type": "DATE"}},
        {"name": "o", "type": "RECORD", "mode": "REPEATED", "fields": [{"name": "f", "type": "FLOAT"}]},
        {"name": "p", "type": "TIMESTAMP", "timestampPrecision": "12"},
        {"name": "g", "type": "GEOGRAPHY"},
    ]
    server.on("GET", r.TABLE, r.table(schema={"fields": fields}))
    columns = facts_of(warehouse).columns

    assert [str(c.type) for c in columns] == [
        "NUMERIC",
        "ARRAY<STRING>",
        "RANGE<DATE>",
        "ARRAY<STRUCT<f FLOAT64>>",
        "TIMESTAMP",
        "GEOGRAPHY",
    ]
    assert columns[0].parameters == (("precision", 10), ("scale", 2))
    assert columns[1].parameters == (("max_length", 5),)
    assert columns[4].parameters == (("timestamp_precision", 12),)


def test_a_collation_is_told_and_makes_another_schema(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    plain = {"name": "a", "type": "STRING"}
    digests = set()
    for field, collation in (
        (plain, ""),
        ({**plain, "collation": "und:ci"}, "und:ci"),
        ({"name": "a", "type": "RECORD", "fields": [{**plain, "collation": "und:ci"}]}, "und:ci"),
    ):
        server.on("GET", r.TABLE, r.table(schema={"fields": [field]}))
        facts = facts_of(warehouse)
        assert facts.columns[0].collation == collation
        digests.add(facts.version.schema_digest)
    assert len(digests) == 3


def test_picoseconds_are_told_also_of_a_field_inside(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    fine = {"name": "a", "type": "TIMESTAMP", "timestampPrecision": "12"}
    for field in (fine, {"name": "a", "type": "RECORD", "fields": [{"name": "b", "type": "INTEGER"}, fine]}):
        server.on("GET", r.TABLE, r.table(schema={"fields": [field]}))
        column = facts_of(warehouse).columns[0]
        assert column.parameters == (("timestamp_precision", 12),)
        assert "picoseconds" in (why_not_stored(column) or "")


def test_listed_row_policies_apply(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    server.on("GET", r.POLICIES, {"rowAccessPolicies": [{"filterPredicate": "a = 1"}]})

    assert facts_of(warehouse).row_policies


def test_who_may_not_list_row_policies_learns_of_them_from_the_rows(
    warehouse: BigQueryWarehouse, server: RestServer
) -> None:
    server.on("GET", r.POLICIES, error(403, "accessDenied", "Permission bigquery.rowAccessPolicies.list denied"))
    server.on("GET", r.DATA, error(403, "accessDenied", "Access Denied: requires full access"), {"totalRows": "10"})

    assert facts_of(warehouse).row_policies
    assert not facts_of(warehouse).row_policies
    assert len(server.asked("GET", r.POLICIES)) == 1


def test_a_missing_table_does_not_keep_the_policies_of_others_from_being_asked(
    warehouse: BigQueryWarehouse, server: RestServer
) -> None:
    missing = TableId("p", "d", "missing")
    assert isinstance(warehouse.facts([missing])[missing], WarehouseError | TableNotFound)
    server.on("GET", r.POLICIES, {"rowAccessPolicies": [{"filterPredicate": "a = 1"}]})

    assert facts_of(warehouse).row_policies


def test_where_policies_cannot_be_told_there_are_no_facts(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    server.on("GET", r.POLICIES, error(500, "surprise", "nobody knows"))

    assert isinstance(warehouse.facts([T])[T], WarehouseError)


# -------------------------------------------------------------------------------------------- clock


@pytest.mark.parametrize("wrong", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=400)])
def test_the_time_is_the_servers_also_when_the_local_clock_is_wrong(
    warehouse: BigQueryWarehouse, server: RestServer, wrong: timedelta
) -> None:
    server.date = datetime.now(UTC) + wrong
    facts = facts_of(warehouse)

    assert abs(facts.checked_at - server.date) < timedelta(minutes=2)
    assert abs(warehouse.now() - server.date) < timedelta(minutes=2)


def test_a_check_is_dated_before_its_answer(warehouse: BigQueryWarehouse) -> None:
    checked = facts_of(warehouse).checked_at

    assert checked <= warehouse.now()


# ------------------------------------------------------------------------------------------ queries


def test_a_short_query_needs_no_job_and_one_request(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    server.on("POST", r.QUERIES, r.rows("7", totalBytesBilled="10485760", totalSlotMs="40", queryId="q"))
    answer = warehouse.query("-- short\nSELECT 7 AS x")

    assert answer.arrow.to_pylist() == [{"x": 7}]
    assert answer.job_id is None
    assert (answer.bytes_processed, answer.bytes_billed, answer.slot_ms) == (5, 10485760, 40)
    assert answer.location == "EU"
    (sent,) = server.requests
    assert sent.body["jobCreationMode"] == "JOB_CREATION_OPTIONAL"
    assert sent.body["labels"] == {"tool": "bigpato-magic"}


def test_a_statement_that_changes_something_always_has_a_job(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    dml = {"jobComplete": True, "jobReference": r.REFERENCE, "numDmlAffectedRows": "3"}
    server.on("POST", r.QUERIES, dml)
    server.on("GET", r.JOB, r.job(statementType="DELETE", numDmlAffectedRows="3"))
    answer = warehouse.query("DELETE FROM d.t WHERE TRUE")

    assert "jobCreationMode" not in server.requests[0].body
    assert (answer.statement, answer.affected_rows, answer.job_id) == ("DELETE", 3, "j")
    assert answer.arrow.num_columns == 0


def test_options_are_sent_as_bigquery_names_them(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    server.on("POST", r.QUERIES, r.rows("1"))
    options = QueryOptions(
        maximum_bytes_billed=10**9, use_query_cache=False, location="EU", labels={"Team": "A b", "x": "ok"}
    )
    warehouse.query("SELECT 1", dataset=("q", "e"), options=options)
    body = server.requests[0].body

    assert body["maximumBytesBilled"] == "1000000000"
    assert body["useQueryCache"] is False
    assert body["useLegacySql"] is False
    assert body["location"] == "EU"
    assert body["defaultDataset"] == {"projectId": "q", "datasetId": "e"}
    assert body["labels"] == {"team": "a_b", "x": "ok", "tool": "bigpato-magic"}


def test_a_long_query_is_waited_for_with_its_progress(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    plan = [{"id": "0", "status": "COMPLETE"}, {"id": "1", "status": "RUNNING"}]
    told, seen = threading.Event(), []
    server.on("POST", r.QUERIES, r.running())
    server.on("GET", r.JOB, lambda _: r.job("DONE" if told.is_set() else "RUNNING", queryPlan=plan))
    server.on("GET", r.RESULTS, r.rows("1", "2"))

    def tell(progress: QueryProgress) -> None:
        seen.append(progress)
        if progress.job_id:
            told.set()

    answer = warehouse.query("SELECT x FROM d.t", progress=tell)

    assert answer.arrow.to_pylist() == [{"x": 1}, {"x": 2}]
    last = next(progress for progress in seen if progress.job_id)
    assert (last.job_id, last.state, last.stages_done, last.stages, last.slot_seconds) == ("j", "RUNNING", 1, 2, 2.5)
    assert (answer.bytes_billed, answer.slot_ms) == (10485760, 2500)


def test_a_job_that_fails_late_is_the_same_error_as_one_that_fails_at_once(
    warehouse: BigQueryWarehouse, server: RestServer
) -> None:
    message = "division by zero: 1 / 0 at [2:3]"
    server.on("POST", r.QUERIES, r.running(), error(400, "invalidQuery", message))
    server.on("GET", r.JOB, r.job(failed=("invalidQuery", message)))
    errors = []
    for _ in range(2):
        with pytest.raises(QueryError) as caught:
            warehouse.query("SELECT\n  1 / 0")
        errors.append(caught.value)

    assert [(e.message, e.line, e.column) for e in errors] == [("division by zero: 1 / 0", 2, 3)] * 2
    assert [e.job_id for e in errors] == ["j", None]


def test_a_job_that_bigquery_lost_is_run_again_where_that_changes_nothing(
    warehouse: BigQueryWarehouse, server: RestServer
) -> None:
    server.on("POST", r.QUERIES, r.running(), r.rows("1"))
    server.on(
        "GET", r.JOB, r.job(failed=("backendError", "Error encountered during execution. Retrying may solve it."))
    )

    assert warehouse.query("SELECT 1 AS x").arrow.to_pylist() == [{"x": 1}]

    server.on("POST", r.QUERIES, r.running(), r.rows("1"))
    with pytest.raises(WarehouseUnavailable):
        warehouse.query("INSERT INTO d.t VALUES (1)")


@pytest.mark.parametrize(
    "passing",
    [
        error(429, "rateLimitExceeded", "slow down"),
        error(403, "rateLimitExceeded", "slow down"),
        error(503, "backendError", "later"),
        error(500, "internalError", "oops"),
        Answer(b"<html>bad gateway</html>", 502),
    ],
    ids=["429", "403 rate limit", "503", "500", "502 of a proxy"],
)
def test_passing_errors_are_retried_with_the_same_request_id(
    warehouse: BigQueryWarehouse, server: RestServer, passing: Answer
) -> None:
    server.on("POST", r.QUERIES, passing, passing, r.rows("1"))

    assert warehouse.query("SELECT 1 AS x").arrow.to_pylist() == [{"x": 1}]
    assert len({request.body["requestId"] for request in server.requests}) == 1
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (
            error(403, "accessDenied", "Access Denied: Table p:d.t: User does not have it"),
            PermissionDenied,
            "Table p:d.t",
        ),
        (error(403, "quotaExceeded", "Quota exceeded: too many"), WarehouseError, "quota of the project"),
        (
            error(404, "notFound", "Not found: Table p:d.nope was not found in location EU"),
            TableNotFound,
            r"p\.d\.nope",
        ),
        (error(404, "notFound", "Not found: Dataset p:nods"), TableNotFound, r"Dataset p\.nods"),
        (
            error(400, "bytesBilledLimitExceeded", "Query exceeded limit for bytes billed: 1"),
            QueryError,
            "raise maximum_bytes",
        ),
        (error(400, "invalidQuery", "Syntax error: Unexpected end of script at [1:7]"), QueryError, "line 1, column 7"),
        (error(401, "authError", "Request had invalid authentication credentials"), CredentialsError, "not accepted"),
    ],
    ids=["403", "quota", "no table", "no dataset", "bytes limit", "syntax", "401"],
)
def test_each_error_is_one_clear_sentence_without_a_secret(
    warehouse: BigQueryWarehouse, server: RestServer, answer: Answer, kind: type[Exception], says: str
) -> None:
    from google.oauth2.credentials import Credentials

    server.on("POST", r.QUERIES, answer)
    # 401 makes Google's transport refresh the token, which these credentials cannot.
    warehouse = BigQueryWarehouse("p", credentials=_NoRefresh(SECRET), endpoint=server.url, emulated=False)
    assert issubclass(_NoRefresh, Credentials)
    with pytest.raises(kind, match=says) as caught:
        warehouse.query("SELECT")

    text = str(caught.value) + "".join(caught.value._render_traceback_()) + repr(warehouse)
    assert SECRET not in text
    assert "http" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_network_that_is_away_is_told_at_once(server: RestServer) -> None:
    from google.oauth2.credentials import Credentials

    from tests.emulators.servers import free_port

    nowhere = f"http://127.0.0.1:{free_port()}"
    warehouse = BigQueryWarehouse("p", credentials=Credentials(SECRET), endpoint=nowhere)  # type: ignore[no-untyped-call]

    with pytest.raises(WarehouseUnavailable, match="cannot be reached"):
        warehouse.query("SELECT 1")
    assert isinstance(warehouse.facts([T])[T], WarehouseUnavailable)


def test_a_stopped_query_does_not_wait_for_its_server(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    """The server holds its first answer back until the test has seen the call return."""
    came, release, cancelled = threading.Event(), threading.Event(), threading.Event()

    def hold(_: Request) -> Any:
        came.set()
        release.wait(60)
        return r.running()

    def cancel_job(_: Request) -> Any:
        cancelled.set()
        return {"job": r.job()}

    server.on("POST", r.QUERIES, hold)
    server.on("POST", f"{r.JOB}/cancel", cancel_job)
    cancel = Cancel()
    threading.Thread(target=lambda: (came.wait(60), cancel.set())).start()

    with pytest.raises(Cancelled):
        warehouse.query("SELECT 1", cancel=cancel)
    assert not cancelled.is_set()
    release.set()
    assert cancelled.wait(60), "the job that became known later is cancelled too"


def test_ctrl_c_cancels_the_job(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    server.on("POST", r.QUERIES, r.running())
    server.on("GET", r.JOB, r.job("RUNNING"))
    server.on("POST", f"{r.JOB}/cancel", {"job": r.job()})

    def interrupt(progress: QueryProgress) -> None:
        if progress.job_id:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        warehouse.query("SELECT 1", progress=interrupt)
    assert len(server.asked("POST", f"{r.JOB}/cancel")) == 1
    assert server.asked("POST", f"{r.JOB}/cancel")[0].query["location"] == "EU"


def test_json_stays_as_bigquery_wrote_it(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    text = '{"b":1.0,"a":12345678901234567890.5,"c":[ ]}'
    server.on("POST", r.QUERIES, r.rows(text, None, "null", field="JSON"))

    assert warehouse.query("SELECT x").arrow["x"].to_pylist() == [text, None, "null"]


def test_intervals_and_bignumerics_come_whole(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    wide = "-12345678901234567890123456789012345678.12345678901234567890123456789012345678"
    server.on("POST", r.QUERIES, r.rows(wide, field="BIGNUMERIC"), r.rows("1-2 3 4:5:6.789", None, field="INTERVAL"))

    assert warehouse.query("SELECT x").arrow["x"].to_pylist() == [Decimal(wide)]
    interval, null = warehouse.query("SELECT x").arrow["x"].to_pylist()
    assert (interval.months, interval.days, interval.nanoseconds) == (14, 3, 14_706_789_000_000)
    assert null is None


def test_a_dry_run_tells_the_bytes(warehouse: BigQueryWarehouse, server: RestServer) -> None:
    schema = {"fields": [{"name": "x", "type": "INTEGER"}]}
    tables = [{"projectId": "p", "datasetId": "d", "tableId": "t"}]
    server.on("POST", r.JOBS, r.job(totalBytesProcessed="123456789", schema=schema, referencedTables=tables))
    dry = warehouse.dry_run("SELECT x FROM d.t", dataset=("p", "d"), options=QueryOptions(maximum_bytes_billed=5))
    sent = server.requests[0].body["configuration"]

    assert dry.bytes_processed == 123456789
    assert dry.tables == (T,)
    assert sent["dryRun"] is True
    assert sent["query"]["maximumBytesBilled"] == "5"
    assert sent["labels"]["tool"] == "bigpato-magic"


def test_partitions_are_asked_in_the_tables_own_dataset_and_location(
    warehouse: BigQueryWarehouse, server: RestServer
) -> None:
    fields = [
        {"name": "partition_id", "type": "STRING"},
        {"name": "total_rows", "type": "INTEGER"},
        {"name": "total_logical_bytes", "type": "INTEGER"},
        {"name": "last_modified_time", "type": "TIMESTAMP"},
    ]
    values = [("20240101", "3", "24", "1700000000000000"), ("__NULL__", "1", None, None)]
    found = {**r.rows(), "schema": {"fields": fields}, "totalRows": "2"}
    found["rows"] = [{"f": [{"v": v} for v in row]} for row in values]
    server.on("POST", r.QUERIES, found)
    partitions = warehouse.partitions(T)
    sent = server.asked("POST", r.QUERIES)[0].body

    assert [(p.id, p.rows, p.bytes) for p in partitions] == [("20240101", 3, 24), ("__NULL__", 1, 0)]
    assert partitions[0].modified == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert "`p.d.INFORMATION_SCHEMA.PARTITIONS`" in sent["query"]
    assert sent["location"] == "EU"
    assert sent["queryParameters"][0]["parameterValue"] == {"value": "t"}
    assert "'t'" not in sent["query"]


def test_an_instant_for_a_whole_query_is_refused(warehouse: BigQueryWarehouse) -> None:
    with pytest.raises(ConfigurationError, match="one instant"):
        warehouse.query("SELECT 1", options=QueryOptions(snapshot=datetime.now(UTC)))


# -------------------------------------------------------------------------------------- credentials


def test_a_missing_key_file_is_told_when_the_warehouse_is_made(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match=r"key\.json does not exist"):
        BigQueryWarehouse("p", key=tmp_path / "key.json")


@pytest.mark.parametrize("content", ["not json", "[]", '{"type": "external"}'])
def test_what_is_no_key_is_told_without_its_content(tmp_path: Path, content: str) -> None:
    (tmp_path / "key.json").write_text(content)
    with pytest.raises(CredentialsError) as caught:
        BigQueryWarehouse("p", key=tmp_path / "key.json")
    assert content not in str(caught.value)


def test_a_malformed_private_key_is_never_shown(tmp_path: Path) -> None:
    private = "-----BEGIN PRIVATE KEY-----\nSECRETSECRET\n-----END PRIVATE KEY-----"
    key = {"type": "service_account", "private_key": private, "client_email": "a@b", "token_uri": "https://t"}
    (tmp_path / "key.json").write_text(json.dumps(key))
    warehouse = BigQueryWarehouse("p", key=tmp_path / "key.json")
    with pytest.raises(CredentialsError) as caught:
        warehouse.query("SELECT 1")

    assert "SECRETSECRET" not in str(caught.value) + repr(warehouse) + str(caught.value.__context__)


def test_a_service_account_is_known_by_its_email_and_its_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
    warehouse = BigQueryWarehouse(key=_service_account(tmp_path))

    assert warehouse.principal == "robot@acme.iam.gserviceaccount.com"
    assert warehouse.project == "acme"


def test_without_an_emulator_bigquery_itself_is_asked_and_by_whom_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    def none_here(**_: object) -> None:
        raise DefaultCredentialsError("none")  # type: ignore[no-untyped-call]

    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
    monkeypatch.setattr(google.auth, "default", none_here)
    warehouse = BigQueryWarehouse("p")
    assert not warehouse._connection.emulated
    with pytest.raises(CredentialsError, match="no credentials"):
        warehouse.principal  # noqa: B018 - asking is the test


def test_a_login_is_known_by_a_digest_that_outlives_its_tokens() -> None:
    from google.oauth2.credentials import Credentials

    def login(token: str, refresh: str) -> str:
        user = Credentials(token, refresh_token=refresh, client_id="c", client_secret="s", token_uri="https://t")  # type: ignore[no-untyped-call]
        return BigQueryWarehouse("p", credentials=user).principal

    assert login("token 1", "mine") == login("token 2", "mine") != login("token 1", "another's")
    assert "mine" not in login("token 1", "mine")


def _service_account(directory: Path) -> Path:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key = {
        "type": "service_account",
        "project_id": "acme",
        "private_key": private.decode(),
        "client_email": "robot@acme.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.example.com/token",
    }
    path = directory / "key.json"
    path.write_text(json.dumps(key))
    return path


def _no_refresh_class() -> type:
    from google.oauth2.credentials import Credentials

    class NoRefresh(Credentials):
        """A token that stays what it is."""

        def refresh(self, request: Any) -> None:
            pass

    return NoRefresh


_NoRefresh = _no_refresh_class()
