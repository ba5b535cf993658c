"""Bring a demo table here: `read` streams Arrow batches, `extract` writes Parquet shards to a bucket and downloads.

Both behave as BigQuery's: `read` is a snapshot with the streaming buffer and refuses row policies; `extract` takes all
columns, no snapshot, nothing of the streaming buffer, and of a table with row policies only the caller's rows.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bigpato_magic.demo.context import Context
from bigpato_magic.demo.engine import Engine, bytes_read, is_table
from bigpato_magic.demo.faults import Faults, Pace
from bigpato_magic.demo.history import PartFile, TableState
from bigpato_magic.demo.storage import relation_sql
from bigpato_magic.errors import PermissionDenied, QueryError, TransferError
from bigpato_magic.frames import arrow_schema, conform
from bigpato_magic.status import Cancel
from bigpato_magic.types import Column, OutputColumn, TableFacts, TableId, TransferEvent, TransferRequest
from bigpato_magic.warehouse.base import Fetched

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
        held = columns.get(column.name.lower())
        if column.name.startswith("_PARTITION") and state.by_ingestion:
            continue
        if held is None:
            raise TransferError(f"{state.id} has no column {column.name}")
        if held.policy_tagged:
            raise PermissionDenied(f"Access Denied: column {state.id}.{column.name} is protected by a policy tag.")


def _chosen(parts: tuple[PartFile, ...], partitions: frozenset[str] | None) -> list[PartFile]:
    return [p for p in parts if partitions is None or p.partition in partitions]


@dataclass(frozen=True)
class Read:
    """A stream of Arrow batches from one snapshot, as the Storage Read API gives."""

    service: Service
    method = "read"

    def probe(self, facts: TableFacts) -> None:
        """See that it could be read. Raises as `fetch` does."""
        self.service.faults.strike("read", facts.id)
        self.service.state(TransferRequest(facts, facts.columns[:1]))

    @contextmanager
    def fetch(self, request: TransferRequest, *, scratch: Path, progress: Report, cancel: Cancel) -> Iterator[Fetched]:
        """Batches of the columns asked for, typed by `frames.arrow_schema`, with bounded memory.

        Raises:
            TransferError: it could not be brought.
            Cancelled: `cancel` was set.
        """
        del scratch  # batches need no files
        service, table = self.service, request.facts.id
        service.faults.strike("read", table)
        service.pace.answer(cancel)
        instant, state = service.state(request)
        if state.policies:
            raise PermissionDenied(f"Access Denied: {table} has row access policies; it cannot be read directly.")
        parts = _chosen((*state.parts, *state.buffered), request.partitions)
        source = [service.engine.storage.path(p) for p in parts]
        rows = (
            self._filtered(request, instant, cancel) if request.restriction else self._stored(request, source, cancel)
        )
        batches = self._batches(request, rows, sum(p.bytes for p in parts), progress, cancel)
        count = None if request.restriction else sum(p.rows for p in parts)
        scanned = bytes_read(replace(state, parts=tuple(parts), buffered=()), {c.name.lower() for c in request.columns})
        try:
            yield Fetched(batches=batches, snapshot=instant, rows=count, scanned=scanned)
        finally:
            batches.close()

    def _stored(self, request: TransferRequest, paths: list[Path], cancel: Cancel) -> Generator[pa.RecordBatch]:
        with self.service.engine.session(cancel) as con:
            yield from con.sql(relation_sql(request.columns, paths)).to_arrow_reader(BATCH_ROWS)

    def _filtered(self, request: TransferRequest, instant: datetime, cancel: Cancel) -> Generator[pa.RecordBatch]:
        """The rows of a restriction, which means what it would in a WHERE."""
        engine = self.service.engine
        names = ", ".join(f"`{column.name}`" for column in request.columns)
        text = f"SELECT {names} FROM `{request.facts.id}` WHERE {request.restriction}"
        try:
            rows, _ = engine.run(engine.prepare(text, replace(self.service.context(), snapshot=instant)), cancel)
        except QueryError as error:
            raise TransferError(f"Row filter for {request.facts.id} is invalid: {error.message}") from None
        yield from rows.to_batches(BATCH_ROWS)

    def _batches(
        self,
        request: TransferRequest,
        rows: Generator[pa.RecordBatch],
        total: int,
        progress: Report,
        cancel: Cancel,
    ) -> Generator[pa.RecordBatch]:
        table, passed = request.facts.id, 0
        outputs = tuple(OutputColumn(c.name, c.type) for c in request.columns)
        with closing(rows):
            for batch in rows:
                cancel.check()
                self.service.faults.strike("read", table, passed=passed)
                typed = _typed(batch, outputs)
                self.service.pace.carry(typed.nbytes, cancel)
                passed += typed.nbytes
                progress(TransferEvent(table, "read", passed, max(total, passed)))
                yield typed
            self.service.faults.strike("read", table, passed=passed)


def _typed(batch: pa.RecordBatch, outputs: tuple[OutputColumn, ...]) -> pa.RecordBatch:
    table = conform(pa.Table.from_batches([batch]), outputs)
    return pa.RecordBatch.from_arrays([c.combine_chunks() for c in table.columns], schema=arrow_schema(outputs))


@dataclass(frozen=True)
class Extract:
    """An extract job to Parquet shards, and their download."""

    service: Service
    method = "extract"

    def probe(self, facts: TableFacts) -> None:
        """See that it could be extracted. Raises as `fetch` does."""
        self.service.faults.strike("extract", facts.id)
        self.service.state(TransferRequest(facts, facts.columns[:1]))

    @contextmanager
    def fetch(self, request: TransferRequest, *, scratch: Path, progress: Report, cancel: Cancel) -> Iterator[Fetched]:
        """Parquet files in `scratch`; the objects in the bucket are deleted when the context ends.

        Raises:
            TransferError: it could not be brought.
            Cancelled: `cancel` was set.
        """
        service, table = self.service, request.facts.id
        service.faults.strike("extract", table)
        service.pace.answer(cancel)
        if request.snapshot is not None or request.restriction:
            raise TransferError(
                f"An extract of {table} cannot be of an earlier instant, or of some rows", hint="use read"
            )
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
        visible = self.service.engine.visible(replace(state, parts=chosen, buffered=()), self.service.context())
        outputs = tuple(OutputColumn(c.name, c.type) for c in state.columns)
        number, written, rows = 0, SHARD_ROWS, 0
        with self.service.engine.session(cancel) as con:
            batches = iter(con.sql(visible).to_arrow_reader(BATCH_ROWS))
            while written >= SHARD_ROWS:
                written = _write_shard(prefix / f"{number:012d}.parquet", batches, outputs, cancel)
                number, rows = number + 1, rows + written
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
                    self.service.faults.strike("download", table, passed=passed)
                    self.service.pace.carry(len(chunk), cancel)
                    sink.write(chunk)
                    passed += len(chunk)
                    progress(TransferEvent(table, "download", passed, total))
            yield target
        self.service.faults.strike("download", table, passed=passed)
        progress(TransferEvent(table, "download", passed, total, f"Table {table.table} downloaded"))


def _write_shard(
    path: Path, batches: Iterator[pa.RecordBatch], outputs: tuple[OutputColumn, ...], cancel: Cancel
) -> int:
    """Write the next rows, in BigQuery's Parquet types, until they are `SHARD_ROWS` or all; how many they are."""
    schema, rows = _exported(arrow_schema(outputs)), 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while rows < SHARD_ROWS and (batch := next(batches, None)) is not None:
            cancel.check()
            table = pa.Table.from_batches([_typed(batch, outputs)])
            writer.write_table(pa.Table.from_arrays(_cast(table, schema), schema=schema))
            rows += batch.num_rows
    return rows


def _exported(schema: pa.Schema) -> pa.Schema:
    """BigQuery writes DATETIME and TIMESTAMP alike, and INTERVAL as text.

    https://cloud.google.com/bigquery/docs/exporting-data#parquet_export_details
    """

    def exported(arrow: pa.DataType) -> pa.DataType:
        if pa.types.is_timestamp(arrow):
            return pa.timestamp("us")
        return pa.string() if pa.types.is_interval(arrow) else arrow

    return pa.schema([pa.field(f.name, exported(f.type)) for f in schema])


def _cast(table: pa.Table, schema: pa.Schema) -> list[Any]:
    def cast(column: pa.ChunkedArray, to: pa.DataType) -> pa.ChunkedArray:
        if pa.types.is_interval(column.type):
            texts = [None if v is None else f"{v.months} months {v.days} days" for v in column.to_pylist()]
            return pa.chunked_array([pa.array(texts, to)])
        return column.cast(to)

    return [cast(c, f.type) for c, f in zip(table.columns, schema, strict=True)]
