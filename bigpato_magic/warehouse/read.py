"""`read`: a table by the Storage Read API, as Arrow batches from several streams at once, with bounded memory.

https://cloud.google.com/bigquery/docs/reference/storage
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from bigpato_magic.errors import BigPatoError, Cancelled, TransferError
from bigpato_magic.status import Cancel
from bigpato_magic.types import TableFacts, TableKind, TransferEvent, TransferRequest
from bigpato_magic.warehouse import failures
from bigpato_magic.warehouse.background import interruptible
from bigpato_magic.warehouse.base import Fetched
from bigpato_magic.warehouse.connection import REQUEST_SECONDS, Connection
from bigpato_magic.warehouse.partitions import row_restriction

READABLE = frozenset([TableKind.TABLE, TableKind.SNAPSHOT, TableKind.CLONE])

# A batch is at most 10 MiB on the wire, so this bounds what waits for the receiver.
# https://cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1#readrowsresponse
_BATCHES_WAITING_PER_STREAM = 2
_LOOK_SECONDS = 0.1
_RESUMES_WITHOUT_PROGRESS = 5


class ReadTransfer:
    """Brings a table by the Storage Read API.

    Args:
        connection: to BigQuery.
        max_streams: read at once.
    """

    method = "read"

    def __init__(self, connection: Connection, *, max_streams: int = 4) -> None:
        self._connection = connection
        self._max_streams = max_streams

    @contextmanager
    def fetch(
        self,
        request: TransferRequest,
        *,
        scratch: Path,  # noqa: ARG002 - nothing is written: the receiver takes batches
        progress: Callable[[TransferEvent], None],
        cancel: Cancel,
    ) -> Iterator[Fetched]:
        """Open a session, and hand over its batches as they come. See `Transfer.fetch`.

        Raises:
            TransferError: it could not be read.
            Cancelled: `cancel` was set.
        """
        check_readable(request.facts)
        session = self._session(request, cancel)
        names = [column.name for column in request.columns]
        with closing(_Streams(self._connection.reader, session, names, cancel)) as streams:
            batches = _counted(streams, request, progress)
            yield Fetched(batches=batches, snapshot=_snapshot(session), rows=_expected_rows(request))

    def _session(self, request: TransferRequest, cancel: Cancel) -> Any:
        try:
            return interruptible(lambda: self._create(request), cancel=cancel)
        except Exception as error:
            raise as_transfer_error(request, error) from error

    def _create(self, request: TransferRequest) -> Any:
        from google.cloud.bigquery_storage_v1 import types

        table = request.facts.id
        wanted = types.ReadSession(
            table=f"projects/{table.project}/datasets/{table.dataset}/tables/{table.table}",
            data_format=types.DataFormat.ARROW,
            read_options=types.ReadSession.TableReadOptions(
                selected_fields=[column.name for column in request.columns],
                row_restriction=(
                    "" if request.partitions is None else row_restriction(request.facts, request.partitions)
                ),
                arrow_serialization_options=types.ArrowSerializationOptions(
                    buffer_compression=types.ArrowSerializationOptions.CompressionCodec.ZSTD
                ),
            ),
        )
        # No emulator reads as of an instant: asking would make a promise that nobody keeps.
        if request.snapshot is not None and not self._connection.emulated:
            wanted.table_modifiers = types.ReadSession.TableModifiers(snapshot_time=request.snapshot)
        return self._connection.reader.create_read_session(
            parent=f"projects/{self._connection.project}",
            read_session=wanted,
            # Left out, the server was seen to give one stream only.
            max_stream_count=self._max_streams,
            retry=failures.retry(),
            timeout=REQUEST_SECONDS,
        )


def check_readable(facts: TableFacts) -> None:
    """Raise where the table has no rows of its own to be brought.

    Raises:
        TransferError: it is a view, a materialized view or an external table.
    """
    if facts.version.kind not in READABLE:
        raise TransferError(f"{facts.id} is a {facts.version.kind}: only tables can be brought here.")


def as_transfer_error(request: TransferRequest, error: BaseException) -> BigPatoError:
    """A `TransferError` that names the table; `Cancelled` stays what it is."""
    found = failures.translate(error)
    if isinstance(found, Cancelled | TransferError):
        return found
    return TransferError(f"{request.facts.id} could not be brought here: {found.message}", hint=found.hint)


def _snapshot(session: Any) -> datetime | None:
    """The instant that the server says it reads as of."""
    at = session.table_modifiers.snapshot_time
    return None if at is None else datetime.fromtimestamp(at.timestamp(), at.tzinfo)


def _expected_rows(request: TransferRequest) -> int | None:
    """The table's row count, where it is that of the instant that is read."""
    whole = request.partitions is None and request.snapshot is None and not request.facts.streaming
    return request.facts.version.rows if whole else None


def _counted(streams: _Streams, request: TransferRequest, progress: Callable[[TransferEvent], None]) -> Iterator[Any]:
    total = request.facts.version.bytes if request.partitions is None else None
    done = 0
    try:
        for batch in streams:
            done += batch.nbytes
            progress(TransferEvent(request.facts.id, "read", done, None if total is None else max(total, done)))
            yield batch
    except Exception as error:
        raise as_transfer_error(request, error) from error


class _Streams:
    """Batches of all streams of a session, in no order; readers wait when the receiver is slow."""

    def __init__(self, reader: Any, session: Any, names: list[str], cancel: Cancel) -> None:
        import pyarrow as pa

        self._reader = reader
        self._names = names
        self._cancel = cancel
        self._stop = threading.Event()
        self._open = len(session.streams)
        self._queue: queue.Queue[Any] = queue.Queue(max(1, self._open) * _BATCHES_WAITING_PER_STREAM)
        if self._open:
            self._schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
        for stream in session.streams:
            threading.Thread(target=self._read, args=(stream.name,), name="bigpato-read", daemon=True).start()

    def close(self) -> None:
        """Stop the readers; what they still hold is dropped."""
        self._stop.set()

    # ---------------------------------------------------------------------------- the receiver's thread

    def __iter__(self) -> Iterator[Any]:
        while self._open:
            self._cancel.check()
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
        while not self._stop.is_set() and not self._cancel:
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
        while True:
            try:
                for message in self._reader.read_rows(stream, offset=offset, retry=None):
                    yield message
                    offset += message.row_count
                    failures_in_a_row = 0
                return  # noqa: TRY300 - the stream is at its end
            except Exception as error:
                failures_in_a_row += 1
                if failures_in_a_row > _RESUMES_WITHOUT_PROGRESS or not failures.transient(error):
                    raise
                self._stop.wait(min(8.0, 0.2 * 2**failures_in_a_row))
                if self._stop.is_set() or self._cancel:
                    return
