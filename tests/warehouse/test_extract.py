"""Extract jobs as BigQuery runs them and no emulator does; Cloud Storage is a real fake-gcs-server."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bigpato_magic.errors import Cancelled, TransferError
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
from bigpato_magic.warehouse.base import Transfer
from bigpato_magic.warehouse.bigquery import BigQueryWarehouse
from tests.doubles import resources as r
from tests.doubles.rest import Request, RestServer, error, serving
from tests.warehouse.conftest import BUCKET

pytestmark = pytest.mark.emulator

COLUMNS = (Column("n", SqlType(Kind.INT64)),)
FACTS = TableFacts(
    id=TableId("p", "d", "t"),
    version=TableVersion("e", datetime(2024, 1, 1, tzinfo=UTC), None, 30, 4000, "x"),
    columns=COLUMNS,
    checked_at=datetime(2024, 1, 1, tzinfo=UTC),
    location="EU",
)


class Jobs:
    """Extract jobs that write `files` Parquet files of ten rows each, and then count them as `counted`."""

    def __init__(self, gcs: Any) -> None:
        self.files = 3
        self.counted = 3
        self.failed: tuple[str, str] | None = None
        self.state = "DONE"
        self._gcs = gcs

    def insert(self, request: Request) -> Any:
        uri = request.body["configuration"]["extract"]["destinationUris"][0]
        for number in range(self.files):
            self._write(uri.replace("*", f"{number:012}"), range(number * 10, number * 10 + 10))
        return self.job()

    def get(self, _: Request) -> Any:
        return self.job()

    def cancel(self, _: Request) -> Any:
        """A cancelled job may still write its last file."""
        self.state, self.failed = "DONE", ("stopped", "Job execution was cancelled")
        return {"job": self.job()}

    def job(self) -> Any:
        return r.extract_job(self.state, files=self.counted, failed=self.failed)

    def _write(self, uri: str, rows: range) -> None:
        content = io.BytesIO()
        pq.write_table(pa.table({"n": pa.array(rows, pa.int64())}), content)
        self._gcs.bucket(BUCKET).blob(uri.removeprefix(f"gs://{BUCKET}/")).upload_from_string(content.getvalue())


@pytest.fixture
def jobs(gcs: Any) -> Jobs:
    return Jobs(gcs)


@pytest.fixture
def server(jobs: Jobs) -> Iterator[RestServer]:
    with serving() as running:
        running.on("POST", r.JOBS, jobs.insert)
        running.on("GET", r.JOB, jobs.get)
        running.on("POST", f"{r.JOB}/cancel", jobs.cancel)
        yield running


@pytest.fixture
def extract(server: RestServer, gcs_server: str) -> Transfer:
    from google.auth.credentials import AnonymousCredentials

    warehouse = BigQueryWarehouse(
        "p",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        endpoint=server.url,
        storage_endpoint=gcs_server,
        bucket=BUCKET,
        emulated=False,
    )
    return warehouse.transfers()["extract"]


def bring(
    extract: Transfer, scratch: Path, request: TransferRequest = TransferRequest(FACTS, COLUMNS), **more: Any
) -> list[int]:
    """The numbers in all files, while they are there."""
    asked: dict[str, Any] = {"progress": lambda _: None, "cancel": Cancel(), **more}
    with extract.fetch(request, scratch=scratch, **asked) as got:
        return sorted(n for path in got.files or () for n in pq.read_table(path)["n"].to_pylist())


def left_over(gcs: Any) -> list[str]:
    """What is in the bucket when everybody has cleaned up."""
    for thread in threading.enumerate():
        if thread.name in ("bigpato-sweep", "bigpato-call"):
            thread.join(60)
    return [blob.name for blob in gcs.list_blobs(BUCKET)]


def test_all_files_of_a_large_table_come(extract: Transfer, server: RestServer, scratch: Path, gcs: Any) -> None:
    events: list[TransferEvent] = []

    assert bring(extract, scratch, progress=events.append) == list(range(30))
    assert left_over(gcs) == []
    assert events[-1].done == events[-1].total == sum(p.stat().st_size for p in scratch.iterdir())
    (sent,) = server.asked("POST", r.JOBS)
    wanted = sent.body["configuration"]
    assert wanted["extract"]["destinationFormat"] == "PARQUET"
    assert wanted["extract"]["compression"] == "ZSTD"
    assert wanted["extract"]["sourceTable"] == {"projectId": "p", "datasetId": "d", "tableId": "t"}
    assert wanted["labels"] == {"tool": "bigpato-magic"}
    assert sent.body["jobReference"]["location"] == "EU"


def test_each_run_has_a_prefix_of_its_own(extract: Transfer, server: RestServer, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        bring(extract, tmp_path / name)
    uris = [s.body["configuration"]["extract"]["destinationUris"][0] for s in server.asked("POST", r.JOBS)]

    assert len({uri.rpartition("/")[0] for uri in uris}) == 2
    assert all(uri.startswith(f"gs://{BUCKET}/bigpato-magic/") and uri.endswith("-*.parquet") for uri in uris)


def test_files_of_others_in_the_bucket_stay(extract: Transfer, scratch: Path, gcs: Any) -> None:
    other = gcs.bucket(BUCKET).blob("bigpato-magic/another-run/file.parquet")
    other.upload_from_string(b"not ours")
    try:
        bring(extract, scratch)
        assert left_over(gcs) == [other.name]
    finally:
        other.delete()


def test_a_file_that_is_missing_is_an_error(extract: Transfer, jobs: Jobs, scratch: Path, gcs: Any) -> None:
    jobs.counted = 4

    with pytest.raises(TransferError, match="wrote 4 files, but 3 are in"):
        bring(extract, scratch)
    assert left_over(gcs) == []


def test_a_job_that_fails_gives_its_reason(extract: Transfer, jobs: Jobs, scratch: Path, gcs: Any) -> None:
    jobs.failed = ("accessDenied", "Access Denied: BigQuery BigQuery: Permission denied while writing data.")

    with pytest.raises(TransferError, match=r"p\.d\.t could not be brought here: .*while writing data"):
        bring(extract, scratch)
    assert left_over(gcs) == []


def test_a_job_that_is_refused_gives_its_reason(extract: Transfer, server: RestServer, scratch: Path) -> None:
    server.on("POST", r.JOBS, error(403, "accessDenied", "Access Denied: Project p: may not create jobs"))

    with pytest.raises(TransferError, match="may not create jobs"):
        bring(extract, scratch)


def test_a_stop_cancels_the_job_and_its_files_are_deleted(
    extract: Transfer, jobs: Jobs, server: RestServer, scratch: Path, gcs: Any
) -> None:
    jobs.state = "RUNNING"
    cancel = Cancel()

    def stop_when_it_runs(_: TransferEvent) -> None:
        if server.asked("GET", r.JOB):
            cancel.set()

    with pytest.raises(Cancelled):
        bring(extract, scratch, progress=stop_when_it_runs, cancel=cancel)
    assert left_over(gcs) == []
    assert server.asked("POST", f"{r.JOB}/cancel")
    assert list(scratch.iterdir()) == []


def test_partitions_are_extracted_by_their_decorators(
    extract: Transfer, server: RestServer, scratch: Path, gcs: Any
) -> None:
    facts = replace(FACTS, partitioning=Partitioning(PartitionUnit.DAY, None))
    request = TransferRequest(facts, COLUMNS, partitions=frozenset(["20240102", "20240101"]))

    assert bring(extract, scratch, request) == sorted([*range(30), *range(30)])
    sources = [s.body["configuration"]["extract"]["sourceTable"]["tableId"] for s in server.asked("POST", r.JOBS)]
    assert sources == ["t$20240101", "t$20240102"]
    assert left_over(gcs) == []
