"""`read`: a table by the Storage Read API, as Arrow batches from several streams at once, with bounded memory.

https://cloud.google.com/bigquery/docs/reference/storage
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from bigpato_magic.errors import (
    BigPatoError,
    Cancelled,
    CredentialsError,
    PermissionDenied,
    TransferError,
    WarehouseUnavailable,
)
from bigpato_magic.status import Cancel
from bigpato_magic.types import STORED, TableFacts, TransferEvent, TransferRequest
from bigpato_magic.warehouse import failures
from bigpato_magic.warehouse.background import interruptible
from bigpato_magic.warehouse.base import Fetched
from bigpato_magic.warehouse.connection import Connection
from bigpato_magic.warehouse.partitions import row_restriction
from bigpato_magic.warehouse.streams import Streams, Wanted, open_session


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

    def probe(self, facts: TableFacts) -> None:
        """Open a session and read nothing from it: only what is read is billed. See `Transfer.probe`.

        https://cloud.google.com/bigquery/docs/reference/storage

        Raises:
            TransferError: it could not be opened.
        """
        request = TransferRequest(facts, facts.columns[:1])
        check_readable(facts)
        try:
            open_session(self._connection, self._wanted(request))
        except Exception as error:
            raise as_transfer_error(request, error) from error

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
        wanted = self._wanted(request)
        session = self._session(request, wanted, cancel)
        stopped = partial(bool, cancel)
        with closing(Streams(self._connection.reader, session, wanted.columns, stopped)) as streams:
            batches = _counted(streams, request, progress)
            scanned = int(session.estimated_total_bytes_scanned) or None
            yield Fetched(batches=batches, snapshot=_snapshot(session), rows=_expected_rows(request), scanned=scanned)

    def _wanted(self, request: TransferRequest) -> Wanted:
        table, partitions = request.facts.id, request.partitions
        return Wanted(
            table=f"projects/{table.project}/datasets/{table.dataset}/tables/{table.table}",
            columns=[column.name for column in request.columns],
            # Of several streams, more than the first rows would be on their way when there are enough.
            streams=self._max_streams if request.limit is None else 1,
            restriction=_both(
                "" if partitions is None else row_restriction(request.facts, partitions), request.restriction
            ),
            # No emulator reads as of an instant: asking would make a promise that nobody keeps.
            snapshot=None if self._connection.emulated else request.snapshot,
        )

    def _session(self, request: TransferRequest, wanted: Wanted, cancel: Cancel) -> Any:
        try:
            return interruptible(lambda: open_session(self._connection, wanted), cancel=cancel)
        except Exception as error:
            raise as_transfer_error(request, error) from error


def check_readable(facts: TableFacts) -> None:
    """Raise where the table has no rows of its own to be brought.

    Raises:
        TransferError: it is a view, a materialized view or an external table.
    """
    if facts.version.kind not in STORED:
        raise TransferError(f"{facts.id} is a {facts.version.kind}: only tables can be brought here.")


def as_transfer_error(request: TransferRequest, error: BaseException) -> BigPatoError:
    """A `TransferError` that names the table; `Cancelled` stays what it is."""
    failure = failures.translate(error)
    if isinstance(failure, Cancelled | TransferError):
        return failure
    lasting = isinstance(failure, PermissionDenied | CredentialsError | WarehouseUnavailable)
    message = f"{request.facts.id} could not be brought here: {failure.message}"
    return TransferError(message, lasting=lasting, hint=failure.hint)


def _both(*predicates: str) -> str:
    """One predicate of those that are not empty."""
    said = [predicate for predicate in predicates if predicate]
    return " AND ".join(f"({predicate})" for predicate in said) if said[1:] else "".join(said)


def _snapshot(session: Any) -> datetime | None:
    """The instant that the server says it reads as of."""
    at = session.table_modifiers.snapshot_time
    return None if at is None else datetime.fromtimestamp(at.timestamp(), at.tzinfo)


def _expected_rows(request: TransferRequest) -> int | None:
    """The table's row count, where it is that of the instant that is read."""
    asked = request.partitions is None and not request.restriction
    whole = asked and request.snapshot is None and not request.facts.streaming
    return request.facts.version.rows if whole else None


def _counted(streams: Streams, request: TransferRequest, progress: Callable[[TransferEvent], None]) -> Iterator[Any]:
    """Tells of each batch: its bytes, and how many there will be by the rows that are still to come."""
    expected, done, rows = _expected_rows(request), 0, 0
    try:
        for batch in streams:
            done, rows = done + batch.nbytes, rows + batch.num_rows
            total = int(done * max(1.0, expected / rows)) if expected and rows else None
            progress(TransferEvent(request.facts.id, "read", done, total))
            yield batch
    except Exception as error:
        raise as_transfer_error(request, error) from error
