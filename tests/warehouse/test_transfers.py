"""Both ways to bring a table here, on an emulator and a real fake-gcs-server: all rows, bounded, and nothing left."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bigpato_magic.errors import Cancelled, TransferError
from bigpato_magic.status import Cancel
from bigpato_magic.types import TableFacts, TableId, TransferEvent, TransferRequest
from bigpato_magic.warehouse.bigquery import BigQueryWarehouse
from tests.emulators.servers import BigQueryServer
from tests.warehouse.conftest import BUCKET

pytestmark = pytest.mark.emulator


@pytest.fixture
def facts(warehouse: BigQueryWarehouse, numbers: TableId) -> TableFacts:
    found = warehouse.facts([numbers])[numbers]
    assert isinstance(found, TableFacts)
    return found


@pytest.fixture
def can_extract(bigquery_server: BigQueryServer, gcs: Any) -> None:
    if bigquery_server.gcs is None:
        pytest.skip(f"{bigquery_server.name} does not write to Cloud Storage")


def test_read_brings_the_columns_that_were_asked_for_in_their_order(
    warehouse: BigQueryWarehouse, facts: TableFacts, scratch: Path
) -> None:
    events: list[TransferEvent] = []
    wanted = TransferRequest(facts, (facts.columns[2], facts.columns[0]))
    with warehouse.transfers()["read"].fetch(wanted, scratch=scratch, progress=events.append, cancel=Cancel()) as got:
        assert got.batches is not None
        table = pa.Table.from_batches(list(got.batches))

    assert table.schema.names == ["day", "n"]
    assert sorted(table["n"].to_pylist()) == list(range(30_000))
    assert got.rows == 30_000
    assert {e.stage for e in events} == {"read"}
    assert [e.done for e in events] == sorted(e.done for e in events)


def test_read_promises_no_instant_where_the_server_names_none(
    warehouse: BigQueryWarehouse, facts: TableFacts, scratch: Path
) -> None:
    wanted = TransferRequest(facts, facts.columns, snapshot=warehouse.now())
    with warehouse.transfers()["read"].fetch(wanted, scratch=scratch, progress=lambda _: None, cancel=Cancel()) as got:
        assert got.snapshot is None


def test_a_stopped_read_ends(warehouse: BigQueryWarehouse, facts: TableFacts, scratch: Path) -> None:
    cancel = Cancel()
    wanted = TransferRequest(facts, facts.columns)
    with (
        pytest.raises(Cancelled),
        warehouse.transfers()["read"].fetch(
            wanted, scratch=scratch, progress=lambda _: cancel.set(), cancel=cancel
        ) as got,
    ):
        for _ in got.batches or ():
            pass


def test_extract_brings_files_of_ours_alone_and_leaves_none_in_the_bucket(
    warehouse: BigQueryWarehouse, facts: TableFacts, scratch: Path, gcs: Any, can_extract: None
) -> None:
    events: list[TransferEvent] = []
    wanted = TransferRequest(facts, facts.columns)
    with warehouse.transfers()["extract"].fetch(
        wanted, scratch=scratch, progress=events.append, cancel=Cancel()
    ) as got:
        assert got.files
        assert sum(pq.read_metadata(path).num_rows for path in got.files) == 30_000 == got.rows
        assert {stat.S_IMODE(path.stat().st_mode) for path in got.files} == {0o600}
        assert {path.parent for path in got.files} == {scratch}

    assert list(gcs.list_blobs(BUCKET)) == []
    assert events[-1].stage == "download"
    assert events[-1].done == events[-1].total > 0


def test_files_are_deleted_from_the_bucket_also_when_the_receiver_fails(
    warehouse: BigQueryWarehouse, facts: TableFacts, scratch: Path, gcs: Any, can_extract: None
) -> None:
    wanted = TransferRequest(facts, facts.columns)
    extract = warehouse.transfers()["extract"]
    with pytest.raises(ZeroDivisionError):
        _receive_and_fail(extract.fetch(wanted, scratch=scratch, progress=lambda _: None, cancel=Cancel()), gcs)

    assert list(gcs.list_blobs(BUCKET)) == []


def _receive_and_fail(fetching: Any, gcs: Any) -> None:
    with fetching:
        assert list(gcs.list_blobs(BUCKET))
        raise ZeroDivisionError


def test_a_stopped_extract_ends_and_leaves_nothing(
    warehouse: BigQueryWarehouse, facts: TableFacts, scratch: Path, gcs: Any, can_extract: None
) -> None:
    cancel = Cancel()
    wanted = TransferRequest(facts, facts.columns)
    extract = warehouse.transfers()["extract"]
    with (
        pytest.raises(Cancelled),
        extract.fetch(wanted, scratch=scratch, progress=lambda _: cancel.set(), cancel=cancel),
    ):
        pytest.fail("a stopped transfer hands over nothing")

    _sweepers_done()
    assert list(gcs.list_blobs(BUCKET)) == []


def _sweepers_done() -> None:
    """What is deleted after a stop may be deleted in the background."""
    import threading

    for thread in threading.enumerate():
        if thread.name in ("bigpato-sweep", "bigpato-call"):
            thread.join(60)


@pytest.mark.usefixtures("wide_server")
def test_no_bucket_is_one_clear_sentence(
    bigquery_server: BigQueryServer, facts: TableFacts, scratch: Path, gcs_server: str
) -> None:
    here = {"endpoint": bigquery_server.rest, "storage_endpoint": gcs_server}
    wanted = TransferRequest(facts, facts.columns)
    for bucket, sentence in ((None, "No bucket is set"), ("no-such-bucket-here", "no-such-bucket-here")):
        extract = BigQueryWarehouse("demo", bucket=bucket, **here).transfers()["extract"]
        with (
            pytest.raises(TransferError, match=sentence),
            extract.fetch(wanted, scratch=scratch, progress=lambda _: None, cancel=Cancel()),
        ):
            pytest.fail("there is no bucket")
    assert list(scratch.iterdir()) == []


def test_single_partitions_are_not_extracted_from_an_emulator(
    warehouse: BigQueryWarehouse, facts: TableFacts, scratch: Path
) -> None:
    wanted = TransferRequest(facts, facts.columns, partitions=frozenset(["20240101"]))
    with (
        pytest.raises(TransferError, match="single partitions"),
        warehouse.transfers()["extract"].fetch(wanted, scratch=scratch, progress=lambda _: None, cancel=Cancel()),
    ):
        pytest.fail("it would make a stray table")


def test_a_view_is_not_brought(warehouse: BigQueryWarehouse, numbers: TableId, scratch: Path) -> None:
    warehouse.query("CREATE OR REPLACE VIEW shop.seen AS SELECT n FROM shop.numbers")
    view = TableId("demo", "shop", "seen")
    facts = warehouse.facts([view])[view]
    assert isinstance(facts, TableFacts)
    for transfer in warehouse.transfers().values():
        with (
            pytest.raises(TransferError, match="VIEW"),
            transfer.fetch(
                TransferRequest(facts, facts.columns), scratch=scratch, progress=lambda _: None, cancel=Cancel()
            ),
        ):
            pytest.fail("a view has no rows of its own")


def test_without_a_grpc_address_an_emulator_has_no_read(bigquery_server: BigQueryServer, gcs_server: str) -> None:
    warehouse = BigQueryWarehouse("demo", endpoint=bigquery_server.rest, storage_endpoint=gcs_server, bucket="b")

    assert list(warehouse.transfers()) == ["extract"]
