"""What only the demo warehouse can do: read and change the data underneath, as if somebody else had.

Nothing here is billed, slow or faulty; the side that `warehouse.base` promises is `demo.warehouse`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bigpato_magic.demo.catalogue import Catalogue, PartFile, RowPolicy, TableState
from bigpato_magic.demo.describe import LOCATION
from bigpato_magic.demo.storage import Storage, for_duckdb
from bigpato_magic.types import Column, Kind, OutputColumn, Parameter, Partitioning, SqlType, TableId, TableKind
from bigpato_magic.warehouse.base import QueryOptions

if TYPE_CHECKING:
    import pyarrow as pa

    from bigpato_magic.demo.engine import Context, Engine
    from bigpato_magic.demo.queries import Queries

_TIMESTAMP = SqlType(Kind.TIMESTAMP)


class Underneath:
    """The side of `DemoWarehouse` that BigQuery does not have."""

    directory: Path
    project: str
    _dataset: str | None
    _catalogue: Catalogue
    _storage: Storage
    _queries: Queries

    @property
    def _engine(self) -> Engine:
        raise NotImplementedError

    def _context(
        self, dataset: tuple[str, str] | None, parameters: Sequence[Parameter], options: QueryOptions
    ) -> Context:
        raise NotImplementedError

    def now(self) -> datetime:
        """The server's clock, UTC."""
        raise NotImplementedError

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

    # ------------------------------------------------------------------------------------ inside

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
