"""A session of the Storage Read API: several streams at once, resumed where they are cut, with bounded memory.

https://cloud.google.com/bigquery/docs/reference/storage
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bigpato_magic.errors import Cancelled
from bigpato_magic.system import elapsed
from bigpato_magic.warehouse import failures
from bigpato_magic.warehouse.answers import require
from bigpato_magic.warehouse.connection import REQUEST_SECONDS, Connection

# A batch is at most 10 MiB on the wire, so this bounds what waits for the receiver.
# https://cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1#readrowsresponse
_BATCHES_WAITING_PER_STREAM = 2
_LOOK_SECONDS = 0.1
_RESUMES_WITHOUT_PROGRESS = 5
# Seconds that a stream may bring nothing while it is waited for; then it is asked anew, from where it stands. As many
# times in a row, and it is given up: a minute and a half, as long as a request and its retries may take.
STALL_SECONDS = 30.0
STALLS = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a session is to read.

    Args:
        table: `projects/p/datasets/d/tables/t`.
        columns: names, in the order in which batches shall have them.
        streams: at most so many at once.
        restriction: a predicate in GoogleSQL, '' for all rows.
        snapshot: the instant to read the table as of, None for now.
    """

    table: str
    columns: Sequence[str]
    streams: int
    restriction: str = ""
    snapshot: datetime | None = None


def open_session(connection: Connection, wanted: Wanted) -> Any:
    """A `ReadSession`; it lives for hours, and shows the table as it was at one instant.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: the server refuses, or cannot be reached.
        answers.IncompleteAnswer: it opened a session that nothing can be read from.
    """
    from google.cloud.bigquery_storage_v1 import types

    session = types.ReadSession(
        table=wanted.table,
        data_format=types.DataFormat.ARROW,
        read_options=types.ReadSession.TableReadOptions(
            selected_fields=list(wanted.columns),
            row_restriction=wanted.restriction,
            arrow_serialization_options=types.ArrowSerializationOptions(
                buffer_compression=types.ArrowSerializationOptions.CompressionCodec.ZSTD
            ),
        ),
    )
    if wanted.snapshot is not None:
        session.table_modifiers = types.ReadSession.TableModifiers(snapshot_time=wanted.snapshot)
    opened = connection.reader.create_read_session(
        parent=f"projects/{connection.project}",
        read_session=session,
        # Left out, the server was seen to give one stream only.
        max_stream_count=wanted.streams,
        retry=failures.retry(),
        timeout=REQUEST_SECONDS,
    )
    require(not opened.streams or opened.arrow_schema.serialized_schema, "the session has no schema")
    require(opened.streams or wanted.restriction or not opened.estimated_row_count, "the session has no streams")
    return opened


class Streams:
    """Batches of all streams of a session, in no order; readers wait when the receiver is slow.

    A stream that breaks, or brings nothing for `STALL_SECONDS`, is resumed at its offset.

    Args:
        reader: a `BigQueryReadClient`.
        session: from `open_session`.
        names: of the columns, in the order in which batches shall have them.
        stopped: whether nobody wants more; looked at all the time.
    """

    def __init__(self, reader: Any, session: Any, names: Sequence[str], stopped: Callable[[], bool]) -> None:
        import pyarrow as pa

        self._reader = reader
        self._names = list(names)
        self._stopped = stopped
        self._closed = threading.Event()
        self._calls: dict[str, _Call] = {}
        self._open = len(session.streams)
        self._queue: queue.Queue[Any] = queue.Queue(max(1, self._open) * _BATCHES_WAITING_PER_STREAM)
        if self._open:
            self._schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
        for stream in session.streams:
            threading.Thread(target=self._read, args=(stream.name,), name="bigpato-read", daemon=True).start()

    def close(self) -> None:
        """Stop the readers; what they still hold is dropped."""
        self._closed.set()
        for call in list(self._calls.values()):
            call.cancel()

    def _done(self) -> bool:
        return self._closed.is_set() or self._stopped()

    # ---------------------------------------------------------------------------- the receiver's thread

    def __iter__(self) -> Iterator[Any]:
        while self._open:
            if self._done():
                raise Cancelled
            self._end_stalled()
            try:
                item = self._queue.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            if isinstance(item, BaseException):
                raise item
            if item is None:
                self._open -= 1
            else:
                yield item

    def _end_stalled(self) -> None:
        for call in list(self._calls.values()):
            if call.waits > STALL_SECONDS:
                call.stall()

    # ---------------------------------------------------------------------------- the readers' threads

    def _read(self, stream: str) -> None:
        try:
            for message in self._messages(stream):
                if not self._put(self._batch(message)):
                    return
            self._put(None)
        except Exception as error:
            self._put(error)

    def _put(self, item: Any) -> bool:
        """Hand over, waiting for room; False when nobody wants more."""
        while not self._done():
            try:
                self._queue.put(item, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    def _batch(self, message: Any) -> Any:
        """One batch with the columns in the order that was asked for: the server's is the table's."""
        import pyarrow as pa

        payload = pa.py_buffer(message.arrow_record_batch.serialized_record_batch)
        return pa.ipc.read_record_batch(payload, self._schema).select(self._names)

    def _messages(self, stream: str) -> Iterator[Any]:
        """All messages of a stream. A cut one goes on where it was cut, also where Google's client would give up."""
        offset = failures_in_a_row = 0
        while not self._done():
            call = self._calls[stream] = _Call(self._reader, stream, offset)
            try:
                for message in call:
                    yield message
                    offset += message.row_count
                    failures_in_a_row = 0
                return  # noqa: TRY300 - the stream is at its end
            except Exception as error:
                failures_in_a_row += 1
                most = STALLS - 1 if call.stalled else _RESUMES_WITHOUT_PROGRESS
                passing = failures.transient(error) or failures.never_connected(error)
                if failures_in_a_row > most or not passing:
                    raise
                self._closed.wait(min(8.0, 0.2 * 2**failures_in_a_row))


class _Call:
    """One call of ReadRows, that tells how long it has been waited for.

    Google's client would wait for the first message where no other thread can end it, so its stub is called.
    """

    def __init__(self, reader: Any, stream: str, offset: int) -> None:
        from google.api_core.gapic_v1 import routing_header
        from google.cloud.bigquery_storage_v1 import types

        request = types.ReadRowsRequest(read_stream=stream, offset=offset)
        header = routing_header.to_grpc_metadata((("read_stream", stream),))
        self.stalled = False
        self._since: float | None = None
        self._call = reader.transport.read_rows(request, metadata=(header,))

    @property
    def waits(self) -> float:
        """Seconds since a message is waited for; 0 while none is."""
        since = self._since
        return 0.0 if since is None else elapsed() - since

    def stall(self) -> None:
        """End it, because it brings nothing."""
        self.stalled = True
        self._call.cancel()

    def cancel(self) -> None:
        """End it, because nobody wants it."""
        self._call.cancel()

    def __iter__(self) -> Iterator[Any]:
        import grpc
        from google.api_core.exceptions import DeadlineExceeded, from_grpc_error

        messages = iter(self._call)
        while True:
            self._since = elapsed()
            try:
                message = next(messages, None)
            except grpc.RpcError as error:
                if self.stalled:
                    raise DeadlineExceeded(f"BigQuery sent no rows for {STALL_SECONDS:.0f} s.") from error
                raise from_grpc_error(error) from error
            finally:
                self._since = None
            if message is None:
                return
            yield message
