"""A Storage Read server over gRPC that can be told to break: a few rows a message, streams that are cut, instants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types

_SERVICE = "google.cloud.bigquery.storage.v1.BigQueryRead"
_CODECS = {0: None, 1: "lz4", 2: "zstd"}


@dataclass
class StorageRead:
    """One table, served in streams.

    Args:
        table: its rows.
        batch_rows: in one message.
        streams: at most so many.
        cut_after: messages that a connection lives for, before it ends with `cut_with`; None for all of them.
        cuts: how often that happens, over all streams.
        cut_with: status of the cut.
        refuse_with: status that a session is refused with.
        refuse_saying: what is said then, of the session that was asked for.
        spoil: changes a session on its way out.
    """

    table: pa.Table
    batch_rows: int = 10
    streams: int = 2
    cut_after: int | None = None
    cuts: int = 0
    cut_with: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE
    refuse_with: grpc.StatusCode | None = None
    refuse_saying: Callable[[Any], str] = lambda _: "refused on purpose"
    spoil: Callable[[Any], Any] = lambda session: session
    before_message: Callable[[], None] = lambda: None
    sessions: list[Any] = field(default_factory=list)
    reads: list[tuple[str, int]] = field(default_factory=list)
    sent: int = 0
    address: str = ""

    def create(self, request: Any, context: grpc.ServicerContext) -> Any:
        """CreateReadSession."""
        self.sessions.append(request)
        if self.refuse_with is not None:
            context.abort(self.refuse_with, self.refuse_saying(request.read_session))
        wanted = request.read_session
        names = list(wanted.read_options.selected_fields) or self.table.column_names
        # BigQuery keeps the table's order, whatever order was asked for.
        self._served = self.table.select([n for n in self.table.column_names if n in names])
        codec = _CODECS[int(wanted.read_options.arrow_serialization_options.buffer_compression)]
        self._options = pa.ipc.IpcWriteOptions(compression=codec)
        count = min(self.streams, request.max_stream_count or 1) if self.table.num_rows else 0
        self._count = count
        session = types.ReadSession(
            name="projects/p/locations/eu/sessions/s",
            table=wanted.table,
            table_modifiers=wanted.table_modifiers,
            data_format=types.DataFormat.ARROW,
            arrow_schema=types.ArrowSchema(serialized_schema=self._served.schema.serialize().to_pybytes()),
            streams=[types.ReadStream(name=f"streams/{i}") for i in range(count)],
        )
        return self.spoil(session)

    def read(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """ReadRows."""
        self.reads.append((request.read_stream, request.offset))
        number = int(request.read_stream.rpartition("/")[2])
        mine = self._served.take(list(range(number, self._served.num_rows, self._count)))
        for messages, batch in enumerate(mine.slice(request.offset).combine_chunks().to_batches(self.batch_rows)):
            if self.cuts > 0 and messages == self.cut_after:
                self.cuts -= 1
                context.abort(self.cut_with, "cut on purpose")
            self.before_message()
            self.sent += 1
            payload = (
                batch.serialize().to_pybytes()
                if self._options.compression is None
                else _compressed(batch, self._options)
            )
            yield types.ReadRowsResponse(
                row_count=batch.num_rows, arrow_record_batch=types.ArrowRecordBatch(serialized_record_batch=payload)
            )


def _compressed(batch: pa.RecordBatch, options: Any) -> bytes:
    """One encapsulated message, without the stream's schema in front."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    _, message = pa.ipc.MessageReader.open_stream(sink.getvalue())
    return message.serialize().to_pybytes()


@contextmanager
def serving(server: StorageRead) -> Iterator[StorageRead]:
    """On a free loopback port."""
    handlers = {
        "CreateReadSession": grpc.unary_unary_rpc_method_handler(
            server.create,
            request_deserializer=types.CreateReadSessionRequest.deserialize,
            response_serializer=types.ReadSession.serialize,
        ),
        "ReadRows": grpc.unary_stream_rpc_method_handler(
            server.read,
            request_deserializer=types.ReadRowsRequest.deserialize,
            response_serializer=types.ReadRowsResponse.serialize,
        ),
    }
    listener = grpc.server(futures.ThreadPoolExecutor(8))
    listener.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    server.address = f"127.0.0.1:{listener.add_insecure_port('127.0.0.1:0')}"
    listener.start()
    try:
        yield server
    finally:
        listener.stop(None)
