"""Bring a demo table here: `read` streams Arrow batches, `extract` writes Parquet shards to a bucket and downloads.

Both behave as BigQuery's: `read` is a snapshot with the streaming buffer and refuses row policies; `extract` takes all
columns, no snapshot, nothing of the streaming buffer, and of a table with row policies only the caller's rows.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bigpato_magic.demo.catalogue import PartFile, TableState
from bigpato_magic.demo.engine import Context, Engine, is_table
from bigpato_magic.demo.faults import Faults, Pace
from bigpato_magic.demo.storage import relation_sql
from bigpato_magic.errors import PermissionDenied, QueryError, TransferError
from bigpato_magic.frames import arrow_schema, conform
from bigpato_magic.status import Cancel
from bigpato_magic.types import Column, OutputColumn, TableId, TransferEvent, TransferRequest
from bigpato_magic.warehouse.base import Fetched

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 65_536
SHARD_ROWS = 500_000
_CHUNK = 1 << 20

Report = Callable[[TransferEvent], None]


@dataclass(frozen=True)
class Service:
    """What both transfers work with.

    Args:
        engine: of the warehouse.
        context: under which they read, made anew for each transfer.
        faults: switched on.
        pace: of the service.
        bucket: directory that stands for Cloud Storage.
    """

    engine: Engine
    context: Callable[[], Context]
    faults: Faults
    pace: Pace
    bucket: Path

    def state(self, request: TransferRequest) -> tuple[Any, TableState]:
        """The table to be transferred, at the instant that was asked for, and that instant.

        Raises:
            TransferError: it is not there, or no table, or not with these columns.
            PermissionDenied: a policy-tagged column was asked for.
        """
        table = request.facts.id
        try:
            context = replace(self.context(), snapshot=request.snapshot)
            instant, states = self.engine.lookup({table}, context)
        except QueryError as error:
            raise TransferError(error.message) from None
        state = states[table]
        if not is_table(state):
            raise TransferError(f"{table} is a {state.kind.lower().replace('_', ' ')}: only tables can be transferred")
        _check_columns(state, request.columns)
        return instant, state


def _check_columns(state: TableState, wanted: tuple[Column, ...]) -> None:
    columns = {c.name.lower(): c for c in state.columns}
    for column in wanted:
        found = columns.get(column.name.lower())
        if column.name.startswith("_PARTITION") and state.by_ingestion:
            continue
        if found is None:
            raise TransferError(f"{state.id} has no column {column.name}")
        if found.policy_tagged:
            raise PermissionDenied(f"Access Denied: column {state.id}.{column.name} is protected by a policy tag.")


def _chosen(parts: tuple[PartFile, ...], partitions: frozenset[str] | None) -> list[PartFile]:
    return [p for p in parts if partitions is None or p.partition in partitions]


class Read:
    """A stream of Arrow batches from one snapshot, as the Storage Read API gives."""

    method = "read"

    def __init__(self, service: Service) -> None:
        self._service = service

    @contextmanager
    def fetch(self, request: TransferRequest, *, scratch: Path, progress: Report, cancel: Cancel) -> Iterator[Fetched]:
        """Batches of the columns asked for, typed by `frames.arrow_schema`, with bounded memory.

        Raises:
            TransferError: it could not be brought.
            Cancelled: `cancel` was set.
        """
        del scratch  # batches need no files
        service, table = self._service, request.facts.id
        service.faults.strike("read", table)
        service.pace.answer(cancel)
        instant, state = service.state(request)
        if state.policies:
            raise PermissionDenied(f"Access Denied: {table} has row access policies; it cannot be read directly.")
        parts = _chosen((*state.parts, *state.buffered), request.partitions)
        source = [service.engine.storage.path(p) for p in parts]
        batches = self._batches(request, source, sum(p.bytes for p in parts), progress, cancel)
        try:
            yield Fetched(batches=batches, snapshot=instant, rows=sum(p.rows for p in parts))
        finally:
            batches.close()

    def _batches(
        self, request: TransferRequest, paths: list[Path], total: int, progress: Report, cancel: Cancel
    ) -> Generator[pa.RecordBatch]:
        table, passed = request.facts.id, 0
        outputs = tuple(OutputColumn(c.name, c.type) for c in request.columns)
        with self._service.engine.session(cancel) as con:
            reader = con.sql(relation_sql(request.columns, paths)).to_arrow_reader(BATCH_ROWS)
            for batch in reader:
                cancel.check()
                self._service.faults.strike("read", table, passed=passed)
                typed = _typed(batch, outputs)
                self._service.pace.carry(typed.nbytes, cancel)
                passed += typed.nbytes
                progress(TransferEvent(table, "read", passed, max(total, passed)))
                yield typed
            self._service.faults.strike("read", table, passed=passed)


def _typed(batch: pa.RecordBatch, outputs: tuple[OutputColumn, ...]) -> pa.RecordBatch:
    import pyarrow as pa

    table = conform(pa.Table.from_batches([batch]), outputs)
    return pa.RecordBatch.from_arrays([_one(c) for c in table.columns], schema=arrow_schema(outputs))


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


class Extract:
    """An extract job to Parquet shards, and their download."""

    method = "extract"

    def __init__(self, service: Service) -> None:
        self._service = service

    @contextmanager
    def fetch(self, request: TransferRequest, *, scratch: Path, progress: Report, cancel: Cancel) -> Iterator[Fetched]:
        """Parquet files in `scratch`; the objects in the bucket are deleted when the context ends.

        Raises:
            TransferError: it could not be brought.
            Cancelled: `cancel` was set.
        """
        service, table = self._service, request.facts.id
        service.faults.strike("extract", table)
        service.pace.answer(cancel)
        if request.snapshot is not None:
            raise TransferError(f"An extract of {table} cannot be of an earlier instant", hint="use read")
        _, state = service.state(request)
        prefix = service.bucket / f"bigpato-{uuid.uuid4().hex}"
        prefix.mkdir(parents=True, mode=0o700)
        try:
            progress(TransferEvent(table, "extract", 0, None, f"Extracting table {table.table}"))
            rows = self._job(state, request, prefix, cancel)
            progress(TransferEvent(table, "extract", 1, 1, f"Table {table.table} extracted"))
            yield Fetched(files=tuple(self._download(table, prefix, scratch, progress, cancel)), rows=rows)
        finally:
            shutil.rmtree(prefix, ignore_errors=True)

    def _job(self, state: TableState, request: TransferRequest, prefix: Path, cancel: Cancel) -> int:
        """Write the shards; the number of rows in them. All columns, and none of the streaming buffer."""
        chosen = tuple(_chosen(state.parts, request.partitions))
        visible = self._service.engine.visible(replace(state, parts=chosen, buffered=()), self._service.context())
        outputs = tuple(OutputColumn(c.name, c.type) for c in state.columns)
        rows = 0
        with self._service.engine.session(cancel) as con:
            reader = con.sql(visible).to_arrow_reader(BATCH_ROWS)
            shards = _Shards(prefix, outputs)
            try:
                for batch in reader:
                    cancel.check()
                    shards.write(_typed(batch, outputs))
                    rows += batch.num_rows
            finally:
                shards.close()
        return rows

    def _download(
        self, table: TableId, prefix: Path, scratch: Path, progress: Report, cancel: Cancel
    ) -> Iterator[Path]:
        shards = sorted(prefix.glob("*.parquet"))
        total, passed = sum(s.stat().st_size for s in shards), 0
        for shard in shards:
            target = scratch / shard.name
            with shard.open("rb") as source, target.open("wb") as sink:
                while chunk := source.read(_CHUNK):
                    cancel.check()
                    self._service.faults.strike("download", table, passed=passed)
                    self._service.pace.carry(len(chunk), cancel)
                    sink.write(chunk)
                    passed += len(chunk)
                    progress(TransferEvent(table, "download", passed, total))
            yield target
        self._service.faults.strike("download", table, passed=passed)
        progress(TransferEvent(table, "download", passed, total, f"Table {table.table} downloaded"))


class _Shards:
    """Parquet files of at most `SHARD_ROWS` rows, in BigQuery's Parquet types; at least one, also of no rows."""

    def __init__(self, prefix: Path, outputs: tuple[OutputColumn, ...]) -> None:
        self._prefix = prefix
        self._schema = _exported(arrow_schema(outputs))
        self._count = self._rows = 0
        self._writer: Any = None
        self._open()

    def _open(self) -> None:
        import pyarrow.parquet as pq

        self.close()
        path = self._prefix / f"{self._count:012d}.parquet"
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._count += 1
        self._rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows, to a new file when this one is full."""
        import pyarrow as pa

        if self._rows >= SHARD_ROWS:
            self._open()
        table = pa.Table.from_batches([batch])
        self._writer.write_table(pa.Table.from_arrays(_cast(table, self._schema), schema=self._schema))
        self._rows += batch.num_rows

    def close(self) -> None:
        """End the last file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _exported(schema: pa.Schema) -> pa.Schema:
    """BigQuery writes DATETIME and TIMESTAMP alike, and INTERVAL as text.

    https://cloud.google.com/bigquery/docs/exporting-data#parquet_export_details
    """
    import pyarrow as pa

    def exported(arrow: pa.DataType) -> pa.DataType:
        if pa.types.is_timestamp(arrow):
            return pa.timestamp("us")
        return pa.string() if pa.types.is_interval(arrow) else arrow

    return pa.schema([pa.field(f.name, exported(f.type)) for f in schema])


def _cast(table: pa.Table, schema: pa.Schema) -> list[Any]:
    import pyarrow as pa

    def cast(column: pa.ChunkedArray, to: pa.DataType) -> pa.ChunkedArray:
        if pa.types.is_interval(column.type):
            texts = [None if v is None else f"{v.months} months {v.days} days" for v in column.to_pylist()]
            return pa.chunked_array([pa.array(texts, to)])
        return column.cast(to)

    return [cast(c, f.type) for c, f in zip(table.columns, schema, strict=True)]
