"""What the rest of the package asks of a warehouse: one Protocol for BigQuery, one for transfers.

`bigquery`, `extract` and `read` keep it with Google's clients; `bigpato_magic.demo` keeps it in process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from bigpato_magic.errors import BigPatoError
from bigpato_magic.status import Cancel
from bigpato_magic.types import (
    ListedTable,
    OutputColumn,
    Parameter,
    PartitionFacts,
    RoutineFacts,
    RoutineId,
    TableFacts,
    TableId,
    TransferEvent,
    TransferRequest,
)


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """How a query runs on BigQuery.

    Args:
        maximum_bytes_billed: the job fails above it; None for no limit.
        use_query_cache: BigQuery may answer from its own result cache.
        use_storage_api: large results are fetched with the Storage Read API.
        location: of the job, None to let BigQuery find it.
        labels: of the job, beside `tool=bigpato-magic`.
        snapshot: read all tables as of this instant (verification); None for now.
    """

    maximum_bytes_billed: int | None = None
    use_query_cache: bool = True
    use_storage_api: bool = True
    location: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    snapshot: datetime | None = None


@dataclass(frozen=True, slots=True)
class QueryProgress:
    """How far a BigQuery job is.

    Args:
        job_id: None until the server has made a job.
        state: `PENDING`, `RUNNING`, `DONE`.
        stages_done: of the query plan.
        stages: of the query plan.
        slot_seconds: used so far.
        seconds: since the start.
    """

    job_id: str | None
    state: str
    stages_done: int = 0
    stages: int = 0
    slot_seconds: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class WarehouseResult:
    """BigQuery's answer.

    Args:
        arrow: `pyarrow.Table` with the schema of `frames.arrow_schema(outputs)`; no columns for DDL.
        outputs: names and types.
        bytes_processed: that the query read.
        bytes_billed: with BigQuery's minimum and rounding; 0 for cache hits.
        job_id: None where BigQuery made no job.
        location: of the job.
        statement: kind of statement, as BigQuery names it.
        cache_hit: from BigQuery's result cache.
        tables: that the job read, as the server tells them (views' own names included).
        affected_rows: by DML, None otherwise.
        slot_ms: milliseconds of slots that it used; None where the server does not say.
        seconds: that a statement of a script took, by the server's clock.
        statements: of a script, what each gave, in the order in which they ran; the last of many.
    """

    arrow: Any
    outputs: tuple[OutputColumn, ...]
    bytes_processed: int = 0
    bytes_billed: int = 0
    job_id: str | None = None
    location: str | None = None
    statement: str = "SELECT"
    cache_hit: bool = False
    tables: tuple[TableId, ...] = ()
    affected_rows: int | None = None
    slot_ms: int | None = None
    seconds: float = 0.0
    statements: tuple[WarehouseResult, ...] = ()


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a query would read, without running it: free.

    Args:
        bytes_processed: an upper bound for clustered tables.
        statement: kind of statement.
        outputs: names and types of the result.
        tables: that it would read.
    """

    bytes_processed: int
    statement: str = "SELECT"
    outputs: tuple[OutputColumn, ...] = ()
    tables: tuple[TableId, ...] = ()


Progress = Callable[[QueryProgress], None]


class Warehouse(Protocol):
    """BigQuery, or what stands for it. Methods may be called from several threads."""

    location: str | None

    @property
    def project(self) -> str:
        """The project that jobs run in."""

    @property
    def principal(self) -> str:
        """Who asks: an e-mail, or a stable digest of the credentials. Copies belong to it.

        Raises:
            CredentialsError: there are none, or they are malformed.
        """

    def now(self) -> datetime:
        """The server's clock as last seen, UTC: the local clock may be wrong by an hour."""

    def facts(self, tables: Sequence[TableId]) -> Mapping[TableId, TableFacts | BigPatoError]:
        """What is true of each table now, asked in parallel; an error in place of facts where one is met.

        Each of the tables is a key of what is returned.
        """

    def routines(self, routines: Sequence[RoutineId]) -> Mapping[RoutineId, RoutineFacts | BigPatoError]:
        """What each routine is now, asked in parallel; an error in place of facts where one is met. Free.

        Each of the routines is a key of what is returned.
        """

    def tables(self, project: str | None = None, dataset: str | None = None) -> list[TableId]:
        """All tables of a dataset, or of all datasets of the project.

        Args:
            project: of the dataset, None for the warehouse's own.
            dataset: whose tables, None for those of all datasets.

        Raises:
            WarehouseError: the dataset does not exist or may not be listed.
        """

    def listed(self, project: str, dataset: str) -> list[ListedTable]:
        """All tables of a dataset, with what its list tells of them. Free.

        Args:
            project: of the dataset.
            dataset: whose tables.

        Raises:
            WarehouseError: the dataset does not exist or may not be listed.
        """

    def datasets(self, project: str | None = None) -> list[str]:
        """Names of the datasets of a project (default: the warehouse's)."""

    def partitions(self, table: TableId) -> tuple[PartitionFacts, ...]:
        """The partitions of a partitioned table now. Bills at least 10 MB on BigQuery."""

    def query(
        self,
        sql: str,
        parameters: Sequence[Parameter] = (),
        *,
        dataset: tuple[str, str] | None = None,
        options: QueryOptions = QueryOptions(),
        cancel: Cancel | None = None,
        progress: Progress | None = None,
    ) -> WarehouseResult:
        """Run any statement.

        Args:
            sql: GoogleSQL, also a script of several statements.
            parameters: typed values, all of them with names or none.
            dataset: the (project, dataset) of unqualified table names, None where the text has none.
            options: limit in bytes, caches, labels and place of the job.
            cancel: asks the job to stop, and ends the wait within a second.
            progress: called a few times a second while the job runs.

        Returns:
            All rows, typed by `frames.arrow_schema(outputs)`, with what the job read and billed in bytes.

        Raises:
            QueryError: the SQL is wrong (line and column where the server gives them).
            WarehouseError: anything else.
            Cancelled: `cancel` was set; the job was asked to stop.
        """

    def dry_run(
        self,
        sql: str,
        parameters: Sequence[Parameter] = (),
        *,
        dataset: tuple[str, str] | None = None,
        options: QueryOptions = QueryOptions(),
    ) -> DryRun:
        """What the statement would read, in bytes, free of charge; arguments and errors as of `query`."""

    def transfers(self) -> Mapping[str, OfferedTransfer]:
        """The ways to bring a table here, by method name (`read`, `extract`), the preferred one first."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A table's content on its way here: Parquet files on this disk, or a stream of Arrow batches.

    Exactly one of `files` and `batches` is set. The receiver types columns by `request.columns`, never by the file.

    Args:
        files: Parquet files, in no particular order.
        batches: `pyarrow.RecordBatch`es, to be consumed once, with bounded memory.
        snapshot: the instant whose content it is, None where only the version before and after can tell.
        rows: that are to be expected, None where unknown.
        scanned: logical bytes that the whole transfer reads of the table, as the server told them; None where it did not.
    """

    files: tuple[Path, ...] | None = None
    batches: Iterator[Any] | None = None
    snapshot: datetime | None = None
    rows: int | None = None
    scanned: int | None = None


class Transfer(Protocol):
    """One way to bring a table here."""

    method: str

    def fetch(
        self,
        request: TransferRequest,
        *,
        scratch: Path,
        progress: Callable[[TransferEvent], None],
        cancel: Cancel,
    ) -> AbstractContextManager[Fetched]:
        """Bring it. What was made remotely is deleted when the context ends, also after a failure.

        Args:
            request: the table, columns, partitions and instant.
            scratch: an empty directory of our own for downloads.
            progress: called with stages `extract`, `download` or `read`, in bytes.
            cancel: checked often; a set token stops within a second.

        Raises:
            TransferError: it could not be brought.
            Cancelled: `cancel` was set.
        """


class OfferedTransfer(Transfer, Protocol):
    """One of those that a warehouse offers for any table."""

    def probe(self, facts: TableFacts) -> None:
        """See that a table could be brought, as far as that shows before anything is read: free.

        Raises:
            BigPatoError: it could not, and why.
        """
