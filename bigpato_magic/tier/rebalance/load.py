"""Bring rows from the warehouse into one new part file, and prove that they are the table's: the heart of a promotion.

Which rows, and what becomes of the part, is `enact`'s business.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bigpato_magic import system
from bigpato_magic.errors import BigPatoError, Cancelled, TransferError, WarehouseUnavailable
from bigpato_magic.local.duck import LocalEngine
from bigpato_magic.local.write import RowSource, Written
from bigpato_magic.pruning import partition_ids
from bigpato_magic.sql.physical import identifier, text
from bigpato_magic.status import Cancel
from bigpato_magic.tier.files import disk
from bigpato_magic.tier.files.crashpoints import at
from bigpato_magic.tier.files.drafts import finished
from bigpato_magic.tier.files.quota import Quota
from bigpato_magic.tier.freshness import verdict
from bigpato_magic.types import (
    Column,
    ColumnStats,
    Part,
    Partitioning,
    PartitionUnit,
    TableFacts,
    TransferEvent,
    TransferRequest,
)
from bigpato_magic.warehouse.base import Fetched, Transfer, Warehouse

Report = Callable[[TransferEvent], None]

_ATTEMPTS = 3
_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class LoadedPart:
    """A new part in a staging directory, proven and synced.

    Args:
        part: its path is in the staging directory.
        stats: of its columns.
        facts: of the table, at the state that the rows are of.
        as_of: the instant whose content the part has.
        certain: the rows are of just that state.
        method: of the transfer.
        moved: logical bytes that the transfer moved, as it told them.
    """

    part: Part
    stats: Mapping[str, ColumnStats]
    facts: TableFacts
    as_of: datetime
    certain: bool = True
    method: str = ""
    moved: int = 0


@dataclass(frozen=True, slots=True)
class Loader:
    """Loads rows into new parts.

    Args:
        warehouse: from where.
        engine: writes the file.
        quota: room for copies; asked while the file grows.
        report: hears of progress.
        cancel: stops it within a second.
        transfers: names of the ways to try, in this order; all of the warehouse's if empty.
    """

    warehouse: Warehouse
    engine: LocalEngine
    quota: Quota
    report: Report
    cancel: Cancel
    transfers: tuple[str, ...] = ()

    def load(
        self, request: TransferRequest, staging: Path, *, rows: int | None = None, way: Transfer | None = None
    ) -> LoadedPart:
        """Load what is asked for into one new part.

        Args:
            request: the table, its columns and partitions.
            staging: where the part is made.
            rows: that it must have, None where the transfer alone can tell.
            way: how, and then not all of the table; None for the warehouse's own ways.

        Raises:
            TransferError: it could not be brought, or what came is not the table.
            WarehouseError: the warehouse refuses.
            Cancelled: it was stopped.
        """
        path = staging / f"{uuid.uuid4().hex}.duckdb"
        watch = _Moved(self.report)
        written, fetched, method = self._try_ways(request, path, watch, self._ways() if way is None else [way])
        at("promote:written")
        self.report(TransferEvent(request.facts.id, "verify", message=f"Verifying {request.facts.id.table}"))
        facts, certain = self._state_of(request, fetched)
        _prove(request, written.rows, [fetched.rows, *_counts(request, facts, certain, rows, whole=way is None)])
        at("promote:verified")
        ids = request.partitions if written.groups is None else frozenset(written.groups)
        part = finished(path, written.rows, ids, self.cancel)
        as_of = fetched.snapshot or facts.checked_at
        return LoadedPart(part, written.stats, facts, as_of, certain, method, watch.moved)

    def _try_ways(
        self, request: TransferRequest, path: Path, report: Report, ways: Sequence[Transfer]
    ) -> tuple[Written, Fetched, str]:
        """Each way a few times where the service is away; the next way where one cannot bring it at all.

        Raises:
            BigPatoError: the first way's failure, with what the others said.
        """
        failures: dict[str, BigPatoError] = {}
        for transfer in ways:
            for attempt in range(_ATTEMPTS):
                try:
                    return (*self._once(transfer, request, path, report), transfer.method)
                except Cancelled:
                    raise
                except WarehouseUnavailable as error:
                    failures[transfer.method] = error
                    self.cancel.wait(_PAUSE * attempt)
                    self.cancel.check()
                except BigPatoError as error:
                    failures[transfer.method] = error
                    break
        raise _together(failures)

    def _ways(self) -> Sequence[Transfer]:
        known = self.warehouse.transfers()
        return [known[name] for name in self.transfers if name in known] or list(known.values())

    def _once(
        self, transfer: Transfer, request: TransferRequest, path: Path, report: Report
    ) -> tuple[Written, Fetched]:
        with _scratch(path.parent) as scratch:
            fetching = transfer.fetch(request, scratch=scratch, progress=report, cancel=self.cancel)
            with fetching as fetched:
                at("promote:fetched")
                self.report(TransferEvent(request.facts.id, "write", message=f"Writing {request.facts.id.table}"))
                at("promote:before-write")
                self.quota.watch()
                source = RowSource(files=fetched.files or (), batches=fetched.batches)
                try:
                    written = self.engine.write_copy(
                        path,
                        request.columns,
                        source,
                        group=partition_id(request.facts.partitioning, request.columns),
                        cancel=self.cancel,
                        watch=self.quota.watch,
                    )
                except BaseException:
                    system.remove(path)
                    raise
        return written, fetched

    def _state_of(self, request: TransferRequest, fetched: Fetched) -> tuple[TableFacts, bool]:
        """The state of the table that came, and whether it is certain that the rows are of just that state.

        It is where the versions before and after are equal and no older instant was read, or where the last change came
        before the snapshot.

        Raises:
            TransferError: it changed meanwhile, and the transfer was not of one instant; or of one before its last change.
        """
        before = request.facts
        after = self.warehouse.facts([before.id]).get(before.id)
        if isinstance(after, BigPatoError) or after is None:
            raise after or TransferError(f"BigQuery does not tell whether {before.id.table} has changed meanwhile")
        at("promote:checked")
        if verdict.difference(before.version, after.version) is None:
            if fetched.snapshot is not None and before.version.modified > fetched.snapshot:
                raise TransferError(f"{before.id.table} changed after the instant that was read", hint="try again")
            return before, True
        if fetched.snapshot is None:
            raise TransferError(f"{before.id.table} changed while it was brought", hint="try again")
        settled = after.version.modified + verdict.SETTLED < fetched.snapshot
        same_schema = after.version.schema_digest == before.version.schema_digest
        return (after, True) if settled and same_schema else (before, False)


def partition_id(partitioning: Partitioning | None, columns: Sequence[Column]) -> str | None:
    """DuckDB SQL of the id of a row's partition, as BigQuery names them; None where `columns` cannot tell it.

    https://cloud.google.com/bigquery/docs/managing-partitioned-tables#partition_decorators
    """
    if partitioning is None or partition_column(partitioning).lower() not in {c.name.lower() for c in columns}:
        return None
    column = identifier(partition_column(partitioning))
    if partitioning.unit is PartitionUnit.RANGE:
        start, end, step = partitioning.start, partitioning.end, partitioning.interval
        begin = f"CAST({start} + ({column} - {start}) // {step} * {step} AS VARCHAR)"
        return (
            f"CASE WHEN {column} IS NULL THEN '__NULL__' WHEN {column} < {start} OR {column} >= {end} "
            f"THEN '__UNPARTITIONED__' ELSE {begin} END"
        )
    # Rows in the streaming buffer have no ingestion time yet.
    none = "__NULL__" if partitioning.column else "__UNPARTITIONED__"
    return f"coalesce(strftime(CAST({column} AS TIMESTAMP), {text(partition_ids.FORMATS[partitioning.unit])}), {text(none)})"


def partition_column(partitioning: Partitioning) -> str:
    """The column that tells a row's partition."""
    return partitioning.column or "_PARTITIONTIME"


def _together(failures: Mapping[str, BigPatoError]) -> BigPatoError:
    """The failure of the first way, which is the preferred one; it tells those of the others too."""
    if not failures:
        return TransferError("the warehouse has no way to transfer a table")
    (_, first), *others = failures.items()
    said = [f"by the method `{way}`: {error.message}" for way, error in others if error.message != first.message]
    first.message = "; ".join([first.message.rstrip("."), *said]) if said else first.message
    return first


def _counts(
    request: TransferRequest, facts: TableFacts, certain: bool, rows: int | None, *, whole: bool
) -> list[int | None]:
    """What BigQuery counts; a table with a streaming buffer has more rows than it says."""
    if not certain or facts.streaming:
        return []
    return [
        facts.version.rows if whole and request.partitions is None else None,
        rows if facts is request.facts else None,
    ]


def _prove(request: TransferRequest, came: int, expected: Sequence[int | None]) -> None:
    for count in expected:
        if count is not None and count != came:
            raise TransferError(f"{came:,} rows of {request.facts.id.table} came where {count:,} were expected")


class _Moved:
    """Passes progress on, and remembers how many bytes moved."""

    def __init__(self, report: Report) -> None:
        self._report, self.moved = report, 0
        self._last = 0.0

    def __call__(self, event: TransferEvent) -> None:
        if event.stage in ("read", "download"):
            self.moved = max(self.moved, event.done)
        # Screens need a few events a second, not one for each batch.
        if event.message or event.done == event.total or time.monotonic() - self._last > 0.1:
            self._last = time.monotonic()
            self._report(event)


@contextmanager
def _scratch(staging: Path) -> Iterator[Path]:
    path = staging / "scratch"
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        disk.remove_tree(path)
