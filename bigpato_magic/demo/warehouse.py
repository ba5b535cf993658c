"""The demo warehouse: BigQuery's seam, kept in process by DuckDB over Parquet files and a SQLite catalogue.

It proves plumbing, never dialect: its SQL is BigQuery's as sqlglot translates it, so its answers are DuckDB's. What
it cannot run is a `QueryError`. All else is meant truthfully: versions, snapshots, bytes, buffers, policies, faults.
"""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bigpato_magic.demo.catalogue import Catalogue, PartFile, RowPolicy, TableState
from bigpato_magic.demo.describe import LOCATION, facts_of, partition_of
from bigpato_magic.demo.faults import Faults, Pace
from bigpato_magic.demo.jobs import MIB, Job, bytes_billed, check_limit
from bigpato_magic.demo.storage import Storage, for_duckdb
from bigpato_magic.errors import BigPatoError, QueryError, WarehouseError
from bigpato_magic.status import Cancel
from bigpato_magic.types import (
    Column,
    Kind,
    OutputColumn,
    Parameter,
    PartitionFacts,
    Partitioning,
    SqlType,
    TableFacts,
    TableId,
    TableKind,
)
from bigpato_magic.warehouse.base import DryRun, Progress, QueryOptions, Transfer, WarehouseResult

if TYPE_CHECKING:
    import pyarrow as pa

    from bigpato_magic.demo.changes import Changes
    from bigpato_magic.demo.engine import Context, Engine, Prepared

PROJECT = "bigpato-demo"
_CACHED_RESULTS = 64
_CACHED_BYTES = 10 * MIB  # larger results are not kept
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
        self._cache: OrderedDict[Any, WarehouseResult] = OrderedDict()
        self._lazy_engine: Engine | None = None
        self._catalogue = Catalogue(self.directory / "catalogue.sqlite", lambda: self._clock() + self.clock_offset)
        self._storage = Storage(self.directory / "data")

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
        """All tables and views of a dataset.

        Raises:
            WarehouseError: the dataset does not exist.
        """
        self._call("tables")
        project, dataset = project or self.project, dataset or self._dataset
        if dataset is None or dataset not in self._catalogue.datasets(project):
            raise WarehouseError(f"Not found: Dataset {project}:{dataset}")
        return self._catalogue.tables(project, dataset)

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
        return work.wait(lambda stop: replace(self._run(sql, context, options, stop), job_id=job, location=LOCATION))

    def dry_run(
        self,
        sql: str,
        parameters: Sequence[Parameter] = (),
        *,
        dataset: tuple[str, str] | None = None,
        options: QueryOptions = QueryOptions(),
    ) -> DryRun:
        """What a SELECT would read: free. Of other statements only their kind is told."""
        from sqlglot import exp

        from bigpato_magic.demo import statement as st

        self._call("query")
        context = self._context(dataset, parameters, options)
        statements = st.parse(sql)
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            return DryRun(0, statement="SCRIPT" if len(statements) > 1 else statements[0].key.upper())
        prepared = self._engine.prepare(statements[0], context)
        outputs = self._engine.outputs(prepared, context)
        return DryRun(prepared.bytes_processed, "SELECT", outputs, _tables(prepared))

    def transfers(self) -> Mapping[str, Transfer]:
        """`read` and `extract`."""
        from bigpato_magic.demo.transfers import Extract, Read, Service

        service = Service(
            self._engine, lambda: self._context(None, (), QueryOptions()), self.faults, self.pace, self.bucket
        )
        return {"read": Read(service), "extract": Extract(service)}

    # ------------------------------------------------------------------- what only the demo can do

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
        return self._run(sql, context, QueryOptions(use_query_cache=False), None).arrow

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
        from bigpato_magic.demo.storage import relation_sql

        id_ = self._id(table)
        with self._engine.session() as con:
            parts = self._storage.write(con, f"({relation_sql(columns, files)})", columns)
        self._replace(TableState(id_, TableKind.TABLE, tuple(columns), parts))

    def stream_rows(self, table: TableId | str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Streaming inserts: queries see the rows at once, the table's version is what it was."""
        state = self._state(self._id(table))
        for part in self._write_rows(state, rows):
            with self._catalogue.change() as change:
                change.stream(state.id, part)

    def flush_buffer(self, table: TableId | str) -> None:
        """What BigQuery does some time after streaming inserts: the rows become a version."""
        state = self._state(self._id(table))
        with self._engine.session() as con:
            source = f"({self._storage.relation(replace(state, parts=()), hidden=True)})"
            parts = self._storage.write(con, source, state.columns, state.partitioning)
        with self._catalogue.change() as change:
            change.put(replace(state, parts=(*state.parts, *parts)), after=state)
            change.end_buffer(state.id)

    def add_row_policy(self, table: TableId | str, predicate: str, grantees: Sequence[str] = ()) -> None:
        """Row-level security: `grantees` see the rows where `predicate` holds, all others see none."""
        with self._catalogue.change() as change:
            change.add_policy(self._id(table), RowPolicy(predicate, tuple(grantees)))

    def drop_row_policies(self, table: TableId | str) -> None:
        """Take all row-level security of a table away."""
        with self._catalogue.change() as change:
            change.drop_policies(self._id(table))

    def tag_column(self, table: TableId | str, column: str, *, readers: Sequence[str] = ()) -> None:
        """Column-level security: only `readers` may query the column."""
        state = self._state(self._id(table))
        tagged = (replace(c, policy_tagged=True) if c.name == column else c for c in state.columns)
        with self._catalogue.change() as change:
            change.put(replace(state, columns=tuple(tagged), readers=tuple(readers)), after=state)

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

    @property
    def _changes(self) -> Changes:
        from bigpato_magic.demo.changes import Changes

        return Changes(self._engine)

    def _call(self, operation: str, *tables: TableId, cancel: Cancel | None = None) -> None:
        self.pace.answer(cancel)
        self.faults.strike(operation, *tables)

    def _context(
        self, dataset: tuple[str, str] | None, parameters: Sequence[Parameter], options: QueryOptions
    ) -> Context:
        from bigpato_magic.demo.engine import Context

        project, name = dataset or (self.project, self._dataset)
        return Context(project, name, self.principal, options.snapshot, tuple(parameters))

    def _run(self, sql: str, context: Context, options: QueryOptions, cancel: Cancel | None) -> WarehouseResult:
        from bigpato_magic.demo import statement as st

        results = [self._run_one(s, sql, context, options, cancel) for s in st.parse(sql)]
        if len(results) == 1:
            return results[0]
        billed, processed = sum(r.bytes_billed for r in results), sum(r.bytes_processed for r in results)
        return replace(results[-1], statement="SCRIPT", bytes_billed=billed, bytes_processed=processed)

    def _run_one(
        self, statement: Any, sql: str, context: Context, options: QueryOptions, cancel: Cancel | None
    ) -> WarehouseResult:
        from sqlglot import exp

        from bigpato_magic.demo import statement as st

        try:
            if isinstance(statement, exp.Query):
                return self._select(statement, sql, context, options, cancel)
            done = self._changes.run(statement, context, cancel)
        except QueryError as error:
            error.sql = error.sql or sql
            st.locate(error, statement)
            raise
        import pyarrow as pa

        billed = bytes_billed(done.bytes_processed, len(done.tables))
        nothing = pa.table({})
        return WarehouseResult(
            nothing,
            (),
            done.bytes_processed,
            billed,
            statement=done.statement,
            tables=done.tables,
            affected_rows=done.rows,
        )

    def _select(
        self, query: Any, sql: str, context: Context, options: QueryOptions, cancel: Cancel | None
    ) -> WarehouseResult:
        from bigpato_magic.demo import statement as st

        prepared = self._engine.prepare(query, context)
        key = None if st.is_volatile(query) else _cache_key(sql, context, prepared)
        with self._lock:
            cached = self._cache.get(key) if options.use_query_cache and key else None
        if cached is not None:
            return replace(cached, bytes_processed=0, bytes_billed=0, cache_hit=True)
        processed = prepared.bytes_processed
        billed = bytes_billed(processed, len(prepared.states))
        check_limit(billed, options.maximum_bytes_billed)
        arrow, outputs = self._engine.run(prepared, context, cancel)
        result = WarehouseResult(arrow, outputs, processed, billed, statement="SELECT", tables=_tables(prepared))
        self._remember(key, result)
        return result

    def _remember(self, key: Any, result: WarehouseResult) -> None:
        if key is None or result.arrow.nbytes > _CACHED_BYTES:
            return
        with self._lock:
            self._cache[key] = result
            while len(self._cache) > _CACHED_RESULTS:
                self._cache.popitem(last=False)

    def _id(self, table: TableId | str) -> TableId:
        if isinstance(table, TableId):
            return table
        return TableId.parse(table, project=self.project, dataset=self._dataset)

    def _state(self, table: TableId) -> TableState:
        return self._engine.lookup({table}, self._context(None, (), QueryOptions()))[1][table]

    def _replace(self, state: TableState) -> None:
        old = self._catalogue.states({state.id})[1].get(state.id)
        with self._catalogue.change() as change:
            change.add_dataset(state.id.project, state.id.dataset, LOCATION)
            change.put(state, after=old)

    def _write_rows(self, state: TableState, rows: Sequence[Mapping[str, Any]]) -> tuple[PartFile, ...]:
        import pyarrow as pa

        from bigpato_magic.demo.storage import PARTITION_TIME
        from bigpato_magic.frames import arrow_schema

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


def _tables(prepared: Prepared) -> tuple[TableId, ...]:
    return tuple(dict.fromkeys((*prepared.named, *prepared.states)))


def _cache_key(sql: str, context: Context, prepared: Prepared) -> Any:
    """What decides a result; None where BigQuery would not reuse it."""
    states = prepared.states.values()
    if any(s.buffered or s.policies for s in states) or not states:
        return None
    versions = tuple(sorted((s.id, s.etag) for s in states))
    return sql, repr(context.parameters), context.default, context.principal, context.snapshot, versions
