"""`extract`: an extract job writes Parquet to Cloud Storage, and its files are downloaded in parallel.

Everything that was written there is deleted again, also after a failure or a stop.
https://cloud.google.com/bigquery/docs/exporting-data
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

from bigpato_magic.errors import Cancelled, TransferError
from bigpato_magic.status import Cancel
from bigpato_magic.types import TableFacts, TransferEvent, TransferRequest
from bigpato_magic.warehouse import failures, jobs
from bigpato_magic.warehouse.background import interruptible
from bigpato_magic.warehouse.base import Fetched
from bigpato_magic.warehouse.connection import REQUEST_SECONDS, Connection
from bigpato_magic.warehouse.read import as_transfer_error, check_readable

log = logging.getLogger(__name__)

_PREFIX = "bigpato-magic"
_BUCKET_HINT = '%config BigPato.bucket = "…"'
_READ_HINT = ", or the method `read`, which needs none"
_NO_READ_HINT = "; the method `read`, which needs none, is not to be had here: "
_POLL_SECONDS = 0.5
# After a stop, files that the dying job still writes are waited for in the background.
_LAST_WORDS_SECONDS = 60.0
_STOP_SECONDS = 0.7


class ExtractTransfer:
    """Brings a table by an extract job and Cloud Storage.

    Args:
        connection: to BigQuery and Cloud Storage.
        bucket: where files may be written for a while; `gs://` may be left out.
        max_workers: downloads at once.
    """

    method = "extract"

    def __init__(self, connection: Connection, *, bucket: str | None = None, max_workers: int = 4) -> None:
        self._connection = connection
        self._bucket = (bucket or "").removeprefix("gs://").strip("/")
        self._max_workers = max_workers

    def probe(self, facts: TableFacts) -> None:
        """See that there is a bucket for it: no job is started. See `Transfer.probe`.

        Raises:
            TransferError: there is none, or the table is none that can be extracted.
        """
        self._check(TransferRequest(facts, facts.columns[:1]))

    @contextmanager
    def fetch(
        self,
        request: TransferRequest,
        *,
        scratch: Path,
        progress: Callable[[TransferEvent], None],
        cancel: Cancel,
    ) -> Iterator[Fetched]:
        """Extract, download, and hand over the files. See `Transfer.fetch`; `request.snapshot` is not looked at.

        Raises:
            TransferError: there is no bucket, or it could not be brought.
            Cancelled: `cancel` was set.
        """
        self._check(request)
        run = _Run(self._connection, self._bucket, request, scratch, progress, cancel, self._max_workers)
        try:
            files = run.files()
            rows = request.facts.version.rows if request.partitions is None else None
            yield Fetched(files=files, rows=rows)
        finally:
            run.clean()

    def _check(self, request: TransferRequest) -> None:
        check_readable(request.facts)
        if request.restriction:
            raise TransferError("An extract brings all rows, and takes no filter.", hint="use the method `read`")
        if not self._bucket:
            why = self._connection.why_no_read
            raise TransferError(
                "No bucket is set for extract jobs.", hint=_BUCKET_HINT + (_NO_READ_HINT + why if why else _READ_HINT)
            )
        if request.partitions is not None and self._connection.emulated:
            # Emulators take `table$20240131` for the name of another table, and may make it.
            raise TransferError("An emulator cannot extract single partitions.", hint="use the method `read`")


class _Run:
    """One extract of one table, with a prefix of its own in the bucket."""

    def __init__(
        self,
        connection: Connection,
        bucket: str,
        request: TransferRequest,
        scratch: Path,
        progress: Callable[[TransferEvent], None],
        cancel: Cancel,
        max_workers: int,
    ) -> None:
        self._connection = connection
        self._bucket = bucket
        self._request = request
        self._scratch = scratch
        self._progress = progress
        self._cancel = cancel
        self._max_workers = max_workers
        self._prefix = f"{_PREFIX}/{uuid.uuid4().hex}/"
        self._jobs: list[Any] = []
        self._stop = threading.Event()
        self._stage = "extract"
        self._done = 0
        self._total: int | None = None
        self._lock = threading.Lock()

    def files(self) -> tuple[Path, ...]:
        """Extract and download."""
        try:
            files = interruptible(self._work, cancel=self._cancel, tick=self._tell, abandon=self._stop.set)
        except Exception as error:
            raise as_transfer_error(self._request, error) from error
        self._tell(f"Table {self._request.facts.id.table} downloaded")
        self._cancel.check()
        return files

    def _tell(self, message: str = "") -> None:
        self._progress(TransferEvent(self._request.facts.id, self._stage, self._done, self._total, message))

    # ------------------------------------------------------------------------------ the working thread

    def _work(self) -> tuple[Path, ...]:
        try:
            return self._bring()
        finally:
            # A job that was just being started when the person stopped is known only here.
            if self._stop.is_set():
                self._sweep()

    def _bring(self) -> tuple[Path, ...]:
        written = self._extract()
        self._tell(f"Table {self._request.facts.id.table} extracted")
        blobs = self._blobs()
        if len(blobs) != written:
            raise TransferError(f"The extract job wrote {written} files, but {len(blobs)} are in gs://{self._bucket}.")
        return self._download(blobs)

    def _extract(self) -> int:
        """Run the jobs, one a partition, or one for the whole table; how many files they wrote."""
        facts, partitions = self._request.facts, self._request.partitions
        sources = [facts.id.table] if partitions is None else [f"{facts.id.table}${p}" for p in sorted(partitions)]
        for number, source in enumerate(sources):
            self._jobs.append(self._start(source, number))
        return sum(self._finished(job) for job in self._jobs)

    def _start(self, source: str, number: int) -> Any:
        from google.cloud import bigquery

        if self._stop.is_set():
            raise Cancelled
        facts = self._request.facts
        config = bigquery.ExtractJobConfig(
            destination_format=bigquery.DestinationFormat.PARQUET,
            compression="ZSTD",
            labels=jobs.labels({}),
        )
        return self._connection.bigquery.extract_table(
            bigquery.DatasetReference(facts.id.project, facts.id.dataset).table(source),
            f"gs://{self._bucket}/{self._prefix}{number:05d}-*.parquet",
            location=facts.location,
            job_config=config,
            retry=failures.retry(),
            timeout=REQUEST_SECONDS,
        )

    def _finished(self, job: Any) -> int:
        while job.state != "DONE":
            if self._stop.wait(_POLL_SECONDS):
                raise Cancelled
            job.reload(retry=failures.retry(), timeout=REQUEST_SECONDS)
        if job.error_result:
            raise failures.by_reason(job.error_result.get("reason", ""), job.error_result.get("message", ""))
        return sum(int(count) for count in job.destination_uri_file_counts or ())

    def _blobs(self) -> list[Any]:
        listing = self._connection.storage.list_blobs(self._bucket, prefix=self._prefix, timeout=REQUEST_SECONDS)
        return sorted(listing, key=lambda blob: str(blob.name))

    def _download(self, blobs: list[Any]) -> tuple[Path, ...]:
        from google.cloud.storage import transfer_manager

        self._stage, self._done = "download", 0
        self._total = sum(int(blob.size or 0) for blob in blobs)
        paths = tuple(self._scratch / f"{number:05d}.parquet" for number in range(len(blobs)))
        targets = [_Download(path, self._count) for path in paths]
        try:
            transfer_manager.download_many(
                list(zip(blobs, targets, strict=True)),
                # The client compares the checksum that Cloud Storage keeps with what came.
                download_kwargs={"checksum": "crc32c", "timeout": REQUEST_SECONDS},
                worker_type=transfer_manager.THREAD,
                max_workers=self._max_workers,
                raise_exception=True,
            )
        finally:
            for target in targets:
                target.close()
        for blob, path in zip(blobs, paths, strict=True):
            if blob.size is not None and path.stat().st_size != int(blob.size):
                raise TransferError(f"{blob.name} came with {path.stat().st_size:,} bytes of {int(blob.size):,}.")
        return paths

    def _count(self, size: int) -> None:
        if self._stop.is_set():
            raise Cancelled
        with self._lock:
            self._done += size

    # ---------------------------------------------------------------------------------------- the end

    def clean(self) -> None:
        """Stop what still runs, and delete what was written; after a stop the last of it in the background."""
        self._stop.set()
        broom = threading.Thread(target=self._sweep, name="bigpato-sweep")
        broom.start()
        broom.join(_STOP_SECONDS if self._cancel else None)

    def _sweep(self) -> None:
        from google.api_core.exceptions import NotFound

        try:
            self._delete()
            if self._end_jobs():
                self._delete()
        except NotFound:
            # There is no such bucket, so nothing was written.
            return
        except Exception as error:
            failure = failures.translate(error)
            log.warning("Files under gs://%s/%s could not be deleted: %s", self._bucket, self._prefix, failure.message)

    def _delete(self) -> None:
        blobs = self._blobs()
        if blobs:
            self._connection.storage.bucket(self._bucket).delete_blobs(blobs, on_error=lambda _: None)

    def _end_jobs(self) -> bool:
        """Cancel jobs that still run, and wait for their end: they may write until then. Whether there were any."""
        running = [job for job in self._jobs if job.state != "DONE"]
        for job in running:
            job.cancel(retry=failures.retry(5), timeout=5)
        until = time.monotonic() + _LAST_WORDS_SECONDS
        for job in running:
            while job.state != "DONE" and time.monotonic() < until:
                time.sleep(_POLL_SECONDS)
                job.reload(retry=failures.retry(5), timeout=5)
        return bool(running)


class _Download(FileIO):
    """A new file of ours alone that counts what is written, and stops a download by raising."""

    def __init__(self, path: Path, count: Callable[[int], None]) -> None:
        super().__init__(path, "wb", opener=lambda name, _: os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self._count = count

    def write(self, data: Any) -> int:
        """Write, and count; what `count` raises ends the download."""
        self._count(len(data))
        return super().write(data)
