"""Storage Read against a server that breaks: streams are resumed where they were cut, and memory stays bounded."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pytest

from bigpato_magic.errors import Cancelled, TransferError, WarehouseUnavailable
from bigpato_magic.status import Cancel
from bigpato_magic.types import (
    Column,
    Kind,
    Partitioning,
    PartitionUnit,
    SqlType,
    TableFacts,
    TableId,
    TableVersion,
    TransferEvent,
    TransferRequest,
)
from bigpato_magic.warehouse.bigquery import BigQueryWarehouse
from bigpato_magic.warehouse.read import ReadTransfer
from tests.doubles import resources as r
from tests.doubles import rest, storage_read
from tests.doubles.storage_read import StorageRead

ROWS = 200
COLUMNS = (Column("n", SqlType(Kind.INT64)), Column("s", SqlType(Kind.STRING)))
FACTS = TableFacts(
    id=TableId("p", "d", "t"),
    version=TableVersion("e", datetime(2024, 1, 1, tzinfo=UTC), None, ROWS, 4000, "x"),
    columns=COLUMNS,
    checked_at=datetime(2024, 1, 1, tzinfo=UTC),
)


@pytest.fixture
def server() -> Iterator[StorageRead]:
    table = pa.table({"n": pa.array(range(ROWS), pa.int64()), "s": [f"row {i}" for i in range(ROWS)]})
    with storage_read.serving(StorageRead(table)) as running:
        yield running


@pytest.fixture
def warehouse(server: StorageRead) -> Iterator[BigQueryWarehouse]:
    from google.auth.credentials import AnonymousCredentials

    with rest.serving() as api:
        yield BigQueryWarehouse(
            "p",
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            endpoint=api.url,
            read_endpoint=server.address,
            emulated=False,
        )


@pytest.fixture
def read(warehouse: BigQueryWarehouse) -> ReadTransfer:
    transfer = warehouse.transfers()["read"]
    assert isinstance(transfer, ReadTransfer)
    return transfer


def bring(
    read: ReadTransfer,
    request: TransferRequest = TransferRequest(FACTS, COLUMNS),
    progress: Callable[[TransferEvent], None] = lambda _: None,
    cancel: Cancel | None = None,
) -> list[Any]:
    with read.fetch(
        request, scratch=Path("/nowhere"), progress=progress, cancel=Cancel() if cancel is None else cancel
    ) as got:
        assert got.batches is not None
        return list(got.batches)


def numbers(batches: list[Any]) -> list[int]:
    return sorted(n for batch in batches for n in batch.column("n").to_pylist())


@pytest.mark.parametrize(
    "status",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    ],
)
def test_a_stream_that_is_cut_goes_on_where_it_was_cut(
    read: ReadTransfer, server: StorageRead, status: grpc.StatusCode
) -> None:
    server.cut_after, server.cuts, server.cut_with = 2, 4, status

    assert numbers(bring(read)) == list(range(ROWS))
    assert server.cuts == 0
    assert {offset for _, offset in server.reads} >= {0, 20, 40}


def test_a_stream_that_never_gets_on_is_given_up(
    read: ReadTransfer, server: StorageRead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bigpato_magic.warehouse.streams._RESUMES_WITHOUT_PROGRESS", 2)
    server.cut_after, server.cuts = 0, 10_000

    with pytest.raises(TransferError, match=r"p\.d\.t could not be brought here"):
        bring(read)
    assert server.cuts > 9_900


def test_an_error_that_will_not_pass_is_not_tried_again(read: ReadTransfer, server: StorageRead) -> None:
    server.streams, server.cut_after, server.cuts = 1, 1, 10
    server.cut_with = grpc.StatusCode.PERMISSION_DENIED

    with pytest.raises(TransferError, match="cut on purpose"):
        bring(read)
    assert len(server.reads) == 1


def test_a_session_that_is_refused_names_the_table_and_the_reason(read: ReadTransfer, server: StorageRead) -> None:
    server.refuse_with = grpc.StatusCode.PERMISSION_DENIED

    with pytest.raises(TransferError, match=r"p\.d\.t could not be brought here: .*refused on purpose"):
        bring(read)


def test_the_session_asks_for_streams_columns_compression_and_an_instant(
    read: ReadTransfer, server: StorageRead
) -> None:
    instant = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    request = TransferRequest(FACTS, COLUMNS[::-1], snapshot=instant)
    with read.fetch(request, scratch=Path("/nowhere"), progress=lambda _: None, cancel=Cancel()) as got:
        names = next(got.batches).schema.names if got.batches else []
    (session,) = server.sessions
    wanted = session.read_session

    assert got.snapshot == instant
    assert got.rows is None
    assert names == ["s", "n"]
    assert session.max_stream_count == 4
    assert session.parent == "projects/p"
    assert list(wanted.read_options.selected_fields) == ["s", "n"]
    assert wanted.read_options.arrow_serialization_options.buffer_compression.name == "ZSTD"
    assert wanted.table_modifiers.snapshot_time.rfc3339() == "2024-05-06T07:08:09.123456Z"


def test_partitions_are_a_predicate(read: ReadTransfer, server: StorageRead) -> None:
    from dataclasses import replace

    facts = replace(FACTS, partitioning=Partitioning(PartitionUnit.RANGE, "n", 0, 200, 10))
    bring(read, TransferRequest(facts, COLUMNS, partitions=frozenset(["0", "10", "50"])))

    restriction = server.sessions[0].read_session.read_options.row_restriction
    assert restriction == "(`n` >= 0 AND `n` < 20) OR (`n` >= 50 AND `n` < 60)"


def test_an_empty_table_has_no_streams_and_no_batches(read: ReadTransfer, server: StorageRead) -> None:
    server.table = server.table.slice(0, 0)

    assert bring(read) == []


def test_what_waits_for_a_slow_receiver_is_bounded(read: ReadTransfer, server: StorageRead) -> None:
    """A hundred megabytes are on the server; while the receiver stands still, most of them stay there."""
    noise = [random.randbytes(2**20) for _ in range(100)]
    server.table = pa.table({"n": pa.array(range(100), pa.int64()), "s": pa.array(noise, pa.binary())})
    server.batch_rows, server.streams = 1, 2
    quiet = _Quiet(server)
    with read.fetch(
        TransferRequest(FACTS, COLUMNS), scratch=Path("/nowhere"), progress=lambda _: None, cancel=Cancel()
    ) as got:
        assert got.batches is not None
        first = next(got.batches)
        quiet.wait()
        assert server.sent < 50
        rest_of_it = list(got.batches)

    assert numbers([first, *rest_of_it]) == list(range(100))


class _Quiet:
    """Waits until the server has sent nothing for a while."""

    def __init__(self, server: StorageRead) -> None:
        self._server = server

    def wait(self) -> None:
        before = -1
        while before != self._server.sent:
            before = self._server.sent
            threading.Event().wait(0.5)


def test_a_stop_ends_a_stream_that_hangs(read: ReadTransfer, server: StorageRead) -> None:
    hang, cancel = threading.Event(), Cancel()
    server.before_message = lambda: hang.wait(60) if server.sent > 4 else None
    try:
        with pytest.raises(Cancelled):
            bring(read, progress=lambda _: threading.Timer(0.2, cancel.set).start(), cancel=cancel)
    finally:
        hang.set()


# ------------------------------------------------------------------------------- streams that say nothing


class _Standstill:
    """A server that sends nothing from the `at`-th message on, `times` times; a message that is held back is lost."""

    def __init__(self, server: StorageRead, at: int, times: int) -> None:
        self.ended, self._server, self._at, self._left = threading.Event(), server, at, times
        self._lock = threading.Lock()
        server.before_message = self

    def __call__(self) -> None:
        with self._lock:
            stands = self._server.sent >= self._at and self._left > 0
            self._left -= stands
        if stands:
            self.ended.wait(60)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bigpato_magic.warehouse.streams.STALL_SECONDS", 0.5)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("at", [0, 3], ids=["at its first message", "in its midst"])
def test_a_stream_that_stands_still_is_asked_anew_from_where_it_stands(
    read: ReadTransfer, server: StorageRead, at: int
) -> None:
    standstill = _Standstill(server, at, 2)
    try:
        assert numbers(bring(read)) == list(range(ROWS))
    finally:
        standstill.ended.set()
    assert len(server.reads) == 4


@pytest.mark.usefixtures("impatient")
def test_a_stream_that_keeps_standing_still_is_one_error(read: ReadTransfer, server: StorageRead) -> None:
    server.streams = 1
    standstill = _Standstill(server, 2, 100)
    try:
        with pytest.raises(TransferError, match=r"p\.d\.t could not be brought here: BigQuery sent no rows for"):
            bring(read)
    finally:
        standstill.ended.set()
    assert [offset for _, offset in server.reads] == [0, 20, 20]


@pytest.mark.usefixtures("impatient")
def test_who_reads_slowly_is_not_taken_for_a_stream_that_stands_still(read: ReadTransfer, server: StorageRead) -> None:
    server.streams = 1
    with read.fetch(
        TransferRequest(FACTS, COLUMNS), scratch=Path("/nowhere"), progress=lambda _: None, cancel=Cancel()
    ) as got:
        assert got.batches is not None
        first = next(got.batches)
        threading.Event().wait(1.5)
        rest_of_it = list(got.batches)

    assert numbers([first, *rest_of_it]) == list(range(ROWS))
    assert len(server.reads) == 1


def test_the_end_of_a_transfer_ends_its_calls(read: ReadTransfer, server: StorageRead) -> None:
    server.streams = 1
    standstill, cancel = _Standstill(server, 2, 100), Cancel()
    try:
        with pytest.raises(Cancelled):
            bring(read, progress=lambda _: cancel.set(), cancel=cancel)
        for thread in [t for t in threading.enumerate() if t.name == "bigpato-read"]:
            thread.join(10)
            assert not thread.is_alive()
    finally:
        standstill.ended.set()


@pytest.mark.parametrize(
    ("lost", "says"), [("arrow_schema", "the session has no schema"), ("streams", "the session has no streams")]
)
def test_a_session_that_nothing_can_be_read_from_is_no_table_without_rows(
    read: ReadTransfer, server: StorageRead, lost: str, says: str
) -> None:
    def spoil(session: Any) -> Any:
        session.estimated_row_count = ROWS
        delattr(session, lost)
        return session

    server.spoil = spoil
    with pytest.raises(TransferError, match=says):
        bring(read)


# ----------------------------------------------------------------------------------- results of queries


@pytest.fixture
def api(server: StorageRead) -> Iterator[rest.RestServer]:
    destination = {"projectId": "p", "datasetId": "_anon", "tableId": "result"}
    job = r.job()
    job["configuration"]["query"]["destinationTable"] = destination
    fields = {"fields": [{"name": "n", "type": "INTEGER"}, {"name": "s", "type": "STRING"}]}

    def page(first: int, token: str | None) -> Any:
        values = [{"f": [{"v": str(n)}, {"v": f"row {n}"}]} for n in range(first, first + 100)]
        answer = {
            "jobComplete": True,
            "jobReference": r.REFERENCE,
            "schema": fields,
            "totalRows": "200",
            "rows": values,
        }
        return answer | ({"pageToken": token} if token else {})

    with rest.serving() as running:
        running.on("POST", r.QUERIES, page(0, "more"))
        running.on("GET", r.RESULTS, page(100, None))
        running.on("GET", r.JOB, job)
        yield running


def ask(api: rest.RestServer, server: StorageRead, sql: str) -> Any:
    from google.auth.credentials import AnonymousCredentials

    anonymous = AnonymousCredentials()  # type: ignore[no-untyped-call]
    return BigQueryWarehouse("p", credentials=anonymous, endpoint=api.url, read_endpoint=server.address).query(sql)


def test_a_result_of_several_pages_comes_by_storage_read(api: rest.RestServer, server: StorageRead) -> None:
    answer = ask(api, server, "SELECT n, s FROM d.t")

    assert sorted(answer.arrow["n"].to_pylist()) == list(range(ROWS))
    assert server.sessions[0].read_session.table == "projects/p/datasets/_anon/tables/result"
    assert api.asked("GET", r.RESULTS) == []


def test_an_ordered_result_is_read_from_one_stream(api: rest.RestServer, server: StorageRead) -> None:
    answer = ask(api, server, "SELECT n, s FROM d.t ORDER\n BY n")

    assert answer.arrow["n"].to_pylist() == list(range(ROWS))
    assert server.sessions[0].max_stream_count == 1


def test_without_the_permission_a_result_comes_page_by_page(api: rest.RestServer, server: StorageRead) -> None:
    server.refuse_with = grpc.StatusCode.PERMISSION_DENIED
    answer = ask(api, server, "SELECT n, s FROM d.t")

    assert answer.arrow["n"].to_pylist() == list(range(ROWS))
    assert [request.query["pageToken"] for request in api.asked("GET", r.RESULTS)] == ["more"]


@pytest.mark.usefixtures("impatient")
def test_a_result_whose_stream_stands_still_is_one_error(api: rest.RestServer, server: StorageRead) -> None:
    standstill = _Standstill(server, 2, 100)
    try:
        with pytest.raises(WarehouseUnavailable, match="sent no rows"):
            ask(api, server, "SELECT n, s FROM d.t")
    finally:
        standstill.ended.set()


def test_a_result_that_comes_short_of_rows_is_fetched_page_by_page(api: rest.RestServer, server: StorageRead) -> None:
    server.table = server.table.slice(0, ROWS - 1)
    answer = ask(api, server, "SELECT n, s FROM d.t")

    assert sorted(answer.arrow["n"].to_pylist()) == list(range(ROWS))
    assert len(api.asked("GET", r.RESULTS)) == 1


@pytest.mark.parametrize(
    ("sql", "streams"),
    [
        ("SELECT n, s FROM d.t ORDER /* by what? */ BY n", 1),
        ("SELECT n, s FROM d.t ORDER -- by\r BY n", 1),
        ("FROM d.t |> ORDER BY n", 1),
        ("CALL d.ordered()", 1),
        ("SELECT n, s FROM d.t -- ORDER BY n", 4),
        ("SELECT n, 'order by' AS s FROM d.t", 4),
    ],
)
def test_what_orders_is_told_by_the_words_of_the_text(
    api: rest.RestServer, server: StorageRead, sql: str, streams: int
) -> None:
    ask(api, server, sql)

    assert server.sessions[0].max_stream_count == streams
