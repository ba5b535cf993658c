"""The demo warehouse: BigQuery's seam, kept in process by DuckDB over Parquet files and a SQLite catalogue.

It proves plumbing, never dialect: its SQL is BigQuery's as sqlglot translates it, so its answers are DuckDB's. What
it cannot run is a `QueryError`. All else is meant truthfully: versions, snapshots, bytes, buffers, policies, faults.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bigpato_magic.demo.catalogue import Catalogue, PartFile
from bigpato_magic.demo.describe import LOCATION, facts_of, partition_of
from bigpato_magic.demo.faults import Faults, Pace
from bigpato_magic.demo.jobs import Job
from bigpato_magic.demo.queries import Queries
from bigpato_magic.demo.storage import Storage
from bigpato_magic.demo.underneath import Underneath
from bigpato_magic.errors import BigPatoError, WarehouseError
from bigpato_magic.status import Cancel
from bigpato_magic.types import Parameter, PartitionFacts, TableFacts, TableId
from bigpato_magic.warehouse.base import DryRun, Progress, QueryOptions, Transfer, WarehouseResult

if TYPE_CHECKING:
    from bigpato_magic.demo.engine import Context, Engine

PROJECT = "bigpato-demo"


class DemoWarehouse(Underneath):
    """A warehouse in a directory. Any number of threads and processes may open the same one.

    Args:
        directory: where it lives (made with mode 0700); the same directory has the same tables next time.
        project: of its tables and jobs.
        dataset: of names that have none, in `execute`.
        principal: who asks; may be set at any time.
        clock: the server's clock, UTC.
        threads: DuckDB's, None for all cores.
        memory_limit: DuckDB's, as "1GB"; None for its default.

    Attributes:
        faults: what goes wrong on purpose.
        pace: latency (seconds) and bandwidth (bytes a second).
        clock_offset: added to the server's clock.
        jobs: ids of the query jobs so far, in order.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        project: str = PROJECT,
        dataset: str | None = "tpcds",
        principal: str = "pato@example.com",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        threads: int | None = None,
        memory_limit: str | None = None,
    ) -> None:
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.project = project
        self.location: str | None = LOCATION
        self.principal = principal
        self.clock_offset = timedelta(0)
        self.faults = Faults()
        self.pace = Pace()
        self.jobs: list[str] = []
        self._dataset = dataset
        self._clock = clock
        self._limits = (threads, memory_limit)
        self._lock = threading.Lock()
        self._queries = Queries(lambda: self._engine)
        self._lazy_engine: Engine | None = None
        self._catalogue = Catalogue(self.directory / "catalogue.sqlite", lambda: self._clock() + self.clock_offset)
        self._storage = Storage(self.directory / "data")
        self._storage.sweep(self._catalogue.files())

    # -------------------------------------------------------------------------- what base promises

    def now(self) -> datetime:
        """The server's clock, UTC."""
        return self._catalogue.now()

    def facts(self, tables: Sequence[TableId]) -> Mapping[TableId, TableFacts | BigPatoError]:
        """What is true of each table now; an error in place of facts where one is met."""
        from bigpato_magic.demo.engine import not_found

        self.pace.answer()
        instant, states = self._catalogue.states(set(tables))
        found: dict[TableId, TableFacts | BigPatoError] = {}
        for table in tables:
            try:
                self.faults.strike("facts", table)
            except BigPatoError as error:
                found[table] = error
                continue
            state = states.get(table)
            missing = None if state else not_found(table, self._catalogue.datasets(table.project))
            found[table] = facts_of(state, instant) if state else missing or WarehouseError("gone")
        return found

    def tables(self, project: str | None = None, dataset: str | None = None) -> list[TableId]:
        """All tables and views of a dataset; without one, of the default dataset, or of all where that is not there.

        Raises:
            WarehouseError: the dataset does not exist.
        """
        self._call("tables")
        project = project or self.project
        there = self._catalogue.datasets(project)
        if dataset is not None and dataset not in there:
            raise WarehouseError(f"Not found: Dataset {project}:{dataset}")
        wanted = [dataset or self._dataset] if dataset or self._dataset in there else there
        return [table for name in wanted if name for table in self._catalogue.tables(project, name)]

    def datasets(self, project: str | None = None) -> list[str]:
        """Names of the datasets of a project."""
        self._call("tables")
        return self._catalogue.datasets(project or self.project)

    def partitions(self, table: TableId) -> tuple[PartitionFacts, ...]:
        """The partitions of a partitioned table now, by id."""
        self._call("partitions", table)
        state = self._state(table)
        found: dict[str, list[PartFile]] = {}
        for part in state.parts:
            found.setdefault(part.partition or "", []).append(part)
        if state.partitioning is None:
            return ()
        if state.buffered:
            found.setdefault("__UNPARTITIONED__", []).extend(state.buffered)
        return tuple(partition_of(pid, parts) for pid, parts in sorted(found.items()))

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
        """Run any statement that sqlglot can turn into DuckDB's; see `warehouse.base.Warehouse.query`."""
        self._call("query", cancel=cancel)
        job = f"demo_{uuid.uuid4().hex}"
        with self._lock:
            self.jobs.append(job)
        context = self._context(dataset, parameters, options)
        work = Job(job, progress, cancel)
        return work.wait(
            lambda stop: replace(self._queries.run(sql, context, options, stop), job_id=job, location=LOCATION)
        )

    def dry_run(
        self,
        sql: str,
        parameters: Sequence[Parameter] = (),
        *,
        dataset: tuple[str, str] | None = None,
        options: QueryOptions = QueryOptions(),
    ) -> DryRun:
        """What a SELECT would read: free. Of other statements only their kind is told."""
        self._call("query")
        return self._queries.dry_run(sql, self._context(dataset, parameters, options))

    def transfers(self) -> Mapping[str, Transfer]:
        """`read` and `extract`."""
        from bigpato_magic.demo.transfers import Extract, Read, Service

        service = Service(
            self._engine, lambda: self._context(None, (), QueryOptions()), self.faults, self.pace, self.bucket
        )
        return {"read": Read(service), "extract": Extract(service)}

    def close(self) -> None:
        """Let go of DuckDB's memory; the directory stays."""
        with self._lock:
            if self._lazy_engine is not None:
                self._lazy_engine.close()
                self._lazy_engine = None

    # ------------------------------------------------------------------------------------ inside

    @property
    def _engine(self) -> Engine:
        from bigpato_magic.demo.engine import Engine

        with self._lock:
            if self._lazy_engine is None:
                threads, memory = self._limits
                self._lazy_engine = Engine(
                    self._catalogue,
                    self._storage,
                    spill=self.directory / "spill",
                    threads=threads,
                    memory_limit=memory,
                )
            return self._lazy_engine

    def _call(self, operation: str, *tables: TableId, cancel: Cancel | None = None) -> None:
        self.pace.answer(cancel)
        self.faults.strike(operation, *tables)

    def _context(
        self, dataset: tuple[str, str] | None, parameters: Sequence[Parameter], options: QueryOptions
    ) -> Context:
        from bigpato_magic.demo.engine import Context

        project, name = dataset or (self.project, self._dataset)
        return Context(project, name, self.principal, options.snapshot, tuple(parameters))
