"""The demo warehouse: BigQuery's seam, kept in process by DuckDB over Parquet files, their history by SQLite.

It proves plumbing, never dialect: its answers come from the rules, and the evaluator, that local runs have too. What it
cannot run is a `QueryError`. All else is meant truthfully: versions, snapshots, bytes, buffers, policies, faults.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bigpato_magic import forks
from bigpato_magic.demo.context import Context, not_found
from bigpato_magic.demo.describe import LOCATION, facts_of, listed_table, partition_of
from bigpato_magic.demo.faults import Faults, Pace
from bigpato_magic.demo.history import PartFile, RowPolicy, TableHistory, TableState
from bigpato_magic.demo.jobs import run_job
from bigpato_magic.demo.queries import Queries
from bigpato_magic.demo.storage import PARTITION_TIME, Storage, for_duckdb, relation_sql
from bigpato_magic.errors import BigPatoError, ConfigurationError, WarehouseError
from bigpato_magic.frames import arrow_schema
from bigpato_magic.status import Cancel
from bigpato_magic.types import (
    Column,
    Kind,
    ListedTable,
    OutputColumn,
    Parameter,
    PartitionFacts,
    Partitioning,
    RoutineFacts,
    RoutineId,
    SqlType,
    TableFacts,
    TableId,
    TableKind,
)
from bigpato_magic.warehouse.base import DryRun, OfferedTransfer, Progress, QueryOptions, WarehouseResult

if TYPE_CHECKING:
    import pyarrow as pa

    from bigpato_magic.demo.engine import Engine

PROJECT = "bigpato-demo"
_TIMESTAMP = SqlType(Kind.TIMESTAMP)


class DemoWarehouse:
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

    Raises:
        ConfigurationError: what the demo needs is not installed.
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
        _see_that_sqlglot_is_there()
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
        forks.register(self)
        self._history = TableHistory(self.directory / "catalogue.sqlite", lambda: self._clock() + self.clock_offset)
        self._storage = Storage(self.directory / "data")
        self._storage.sweep(self._history.files())

    # -------------------------------------------------------------------------- what base promises

    def now(self) -> datetime:
        """The server's clock, UTC."""
        return self._history.now()

    def facts(self, tables: Sequence[TableId]) -> Mapping[TableId, TableFacts | BigPatoError]:
        """What is true of each table now; an error in place of facts where one is met."""
        self.pace.answer()
        instant, states = self._history.states(set(tables))
        answers: dict[TableId, TableFacts | BigPatoError] = {}
        for table in tables:
            try:
                self.faults.strike("facts", table)
            except BigPatoError as error:
                answers[table] = error
                continue
            state = states.get(table)
            missing = None if state else not_found(table, self._history.datasets(table.project))
            answers[table] = facts_of(state, instant) if state else missing or WarehouseError("gone")
        return answers

    def routines(self, routines: Sequence[RoutineId]) -> Mapping[RoutineId, RoutineFacts | BigPatoError]:
        """What each function is now; an error in place of facts where one is met."""
        try:
            self._call("facts")
        except BigPatoError as error:
            return dict.fromkeys(routines, error)
        missing = {r: WarehouseError(f"Not found: Routine {r.project}:{r.dataset}.{r.routine}") for r in routines}
        return {**missing, **self._history.routines(routines)}

    def tables(self, project: str | None = None, dataset: str | None = None) -> list[TableId]:
        """All tables and views of a dataset; without one, of the default dataset, or of all where that is not there.

        Raises:
            WarehouseError: the dataset does not exist.
        """
        self._call("tables")
        project = project or self.project
        there = self._history.datasets(project)
        if dataset is not None and dataset not in there:
            raise WarehouseError(f"Not found: Dataset {project}:{dataset}")
        wanted = [dataset or self._dataset] if dataset or self._dataset in there else there
        return [table for name in wanted if name for table in self._history.tables(project, name)]

    def listed(self, project: str, dataset: str) -> list[ListedTable]:
        """All tables and views of a dataset, with what its list tells of them.

        Raises:
            WarehouseError: the dataset does not exist.
        """
        self._call("tables")
        if dataset not in self._history.datasets(project):
            raise WarehouseError(f"Not found: Dataset {project}:{dataset}")
        return [listed_table(state) for state in self._history.states_of(project, dataset)]

    def datasets(self, project: str | None = None) -> list[str]:
        """Names of the datasets of a project."""
        self._call("tables")
        return self._history.datasets(project or self.project)

    def partitions(self, table: TableId) -> tuple[PartitionFacts, ...]:
        """The partitions of a partitioned table now, by id."""
        self._call("partitions", table)
        state = self._state(table)
        parts_by_id: dict[str, list[PartFile]] = {}
        for part in state.parts:
            parts_by_id.setdefault(part.partition or "", []).append(part)
        if state.partitioning is None:
            return ()
        if state.buffered:
            parts_by_id.setdefault("__UNPARTITIONED__", []).extend(state.buffered)
        return tuple(partition_of(pid, parts) for pid, parts in sorted(parts_by_id.items()))

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
        """Run a query as BigQuery would, or a change; see `warehouse.base.Warehouse.query`."""
        self._call("query", cancel=cancel)
        job = f"demo_{uuid.uuid4().hex}"
        with self._lock:
            self.jobs.append(job)
        context = self._context(dataset, parameters, options)

        def work(stop: Cancel) -> WarehouseResult:
            return replace(self._queries.run(sql, context, options, stop), job_id=job, location=LOCATION)

        return run_job(job, work, progress, cancel)

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

    def transfers(self) -> Mapping[str, OfferedTransfer]:
        """`read` and `extract`."""
        from bigpato_magic.demo.transfers import Extract, Read, Service

        service = Service(
            self._engine, lambda: self._context(None, (), QueryOptions()), self.faults, self.pace, self.bucket
        )
        return {"read": Read(service), "extract": Extract(service)}

    def close(self) -> None:
        """Close DuckDB and the history's file; they are opened again when they are needed. The directory stays."""
        with self._lock:
            if self._lazy_engine is not None:
                self._lazy_engine.close()
                self._lazy_engine = None
        self._history.close()

    def begin_anew(self) -> None:
        """In a forked child: a DuckDB of its own, when it is needed."""
        forks.abandon(self._lazy_engine)
        self._lock, self._lazy_engine = threading.Lock(), None

    # --------------------------- what BigQuery has not: nothing here is billed, slow or faulty

    @property
    def bucket(self) -> Path:
        """The directory that stands for Cloud Storage; empty when no transfer is under way."""
        return self.directory / "bucket"

    def execute(self, sql: str, parameters: Sequence[Parameter] = ()) -> pa.Table:
        """Read or change the data underneath: BigQuery SQL, at once, not billed, without faults and latency.

        Returns:
            The rows of a SELECT as Arrow; a table without columns for anything else.

        Raises:
            QueryError: it is wrong, or the demo warehouse does not do it.
        """
        context = self._context(None, parameters, QueryOptions())
        return self._queries.run(sql, context, QueryOptions(use_query_cache=False), None).arrow

    def load(
        self,
        table: TableId | str,
        rows: pa.Table,
        columns: Sequence[Column],
        *,
        partitioning: Partitioning | None = None,
        kind: TableKind = TableKind.TABLE,
    ) -> None:
        """Make a table of Arrow rows, or replace it by them; its dataset is made if need be."""
        id_ = self._id(table)
        with self._engine.session() as con:
            con.register("loaded", for_duckdb(rows))
            parts = self._storage.write(con, "loaded", columns, partitioning)
        self._replace(TableState(id_, kind, tuple(columns), parts, partitioning))

    def load_parquet(self, table: TableId | str, files: Sequence[Path], columns: Sequence[Column]) -> None:
        """Make a table of Parquet files, or replace it by them, with bounded memory."""
        id_ = self._id(table)
        with self._engine.session() as con:
            parts = self._storage.write(con, f"({relation_sql(columns, files)})", columns)
        self._replace(TableState(id_, TableKind.TABLE, tuple(columns), parts))

    def stream_rows(self, table: TableId | str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Streaming inserts: queries see the rows at once, the table's version is what it was."""
        state = self._state(self._id(table))
        for part in self._write_rows(state, rows):
            with self._history.change() as change:
                change.stream(state.id, part)

    def flush_buffer(self, table: TableId | str) -> None:
        """What BigQuery does some time after streaming inserts: the rows become a version."""
        state = self._state(self._id(table))
        with self._engine.session() as con:
            source = f"({self._storage.relation(replace(state, parts=()), hidden=True)})"
            parts = self._storage.write(con, source, state.columns, state.partitioning)
        with self._history.change() as change:
            change.put(replace(state, parts=(*state.parts, *parts)), after=state)
            change.end_buffer(state.id)

    def add_row_policy(self, table: TableId | str, predicate: str, grantees: Sequence[str] = ()) -> None:
        """Row-level security: `grantees` see the rows where `predicate` holds, all others see none."""
        with self._history.change() as change:
            change.add_policy(self._id(table), RowPolicy(predicate, tuple(grantees)))

    def drop_row_policies(self, table: TableId | str) -> None:
        """Take all row-level security of a table away."""
        with self._history.change() as change:
            change.drop_policies(self._id(table))

    def tag_column(self, table: TableId | str, column: str, *, readers: Sequence[str] = ()) -> None:
        """Column-level security: only `readers` may query the column."""
        state = self._state(self._id(table))
        tagged = (replace(c, policy_tagged=True) if c.name == column else c for c in state.columns)
        with self._history.change() as change:
            change.put(replace(state, columns=tuple(tagged), readers=tuple(readers)), after=state)

    # ------------------------------------------------------------------------------------ inside

    @property
    def _engine(self) -> Engine:
        from bigpato_magic.demo.engine import Engine

        with self._lock:
            if self._lazy_engine is None:
                threads, memory = self._limits
                self._lazy_engine = Engine(
                    self._history,
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
        project, name = dataset or (self.project, self._dataset)
        return Context(project, name, self.principal, options.snapshot, tuple(parameters))

    def _id(self, table: TableId | str) -> TableId:
        if isinstance(table, TableId):
            return table
        return TableId.parse(table, project=self.project, dataset=self._dataset)

    def _state(self, table: TableId) -> TableState:
        return self._engine.lookup({table}, self._context(None, (), QueryOptions()))[1][table]

    def _replace(self, state: TableState) -> None:
        old = self._history.states({state.id})[1].get(state.id)
        with self._history.change() as change:
            change.add_dataset(state.id.project, state.id.dataset, LOCATION)
            change.put(state, after=old)

    def _write_rows(self, state: TableState, rows: Sequence[Mapping[str, Any]]) -> tuple[PartFile, ...]:
        import pyarrow as pa

        schema = arrow_schema(OutputColumn(c.name, c.type) for c in state.columns)
        by_column = {f.name: [row.get(f.name) for row in rows] for f in schema}
        arrow = pa.table([pa.array(by_column[f.name], f.type) for f in schema], schema=schema)
        plain = replace(state, partitioning=None)
        columns = plain.columns
        if state.by_ingestion:
            columns = (*columns, Column(PARTITION_TIME, _TIMESTAMP))
            hour = self.now().replace(minute=0, second=0, microsecond=0)
            arrow = arrow.append_column(PARTITION_TIME, pa.array([hour] * len(rows), pa.timestamp("us", tz="UTC")))
        with self._engine.session() as con:
            con.register("loaded", for_duckdb(arrow))
            return self._storage.write(con, "loaded", columns)


def _see_that_sqlglot_is_there() -> None:
    if find_spec("sqlglot") is None:
        raise ConfigurationError(
            "The demo warehouse needs sqlglot, which is not installed", hint="pip install 'bigpato-magic[demo]'"
        )
