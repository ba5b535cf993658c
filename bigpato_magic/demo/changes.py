"""Statements that change the demo warehouse: DML and DDL, each one atomic version of one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from bigpato_magic.demo import statement as st
from bigpato_magic.demo.catalogue import Conflict, PartFile, TableState
from bigpato_magic.demo.engine import Context, Engine, is_table, parameter_values
from bigpato_magic.demo.sqltypes import column_of, duck_type, quote
from bigpato_magic.demo.storage import PARTITION_TIME, literal, partition_sql, stored_columns
from bigpato_magic.errors import QueryError, TableNotFound, WarehouseError
from bigpato_magic.status import Cancel
from bigpato_magic.types import Column, Partitioning, PartitionUnit, TableId, TableKind

_ATTEMPTS = 10
_TARGET = "target"
_RETENTION_DAYS = 7


@dataclass(frozen=True, slots=True)
class Changed:
    """What a statement did.

    Args:
        statement: its kind, as BigQuery names it.
        tables: that it read or changed.
        rows: affected, None for DDL.
        bytes_processed: as BigQuery counts DML.
    """

    statement: str
    tables: tuple[TableId, ...] = ()
    rows: int | None = None
    bytes_processed: int = 0


class Changes:
    """Does them. A statement that meets a concurrent change of its table starts again on the new state."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._catalogue = engine.catalogue
        self._storage = engine.storage

    def run(self, statement: exp.Expression, context: Context, cancel: Cancel | None = None) -> Changed:
        """Do one statement.

        Raises:
            QueryError: it is wrong, or the demo warehouse does not do it.
            WarehouseError: others changed the table again and again.
            Cancelled: `cancel` was set; nothing is changed.
        """
        action = _ACTIONS.get(type(statement))
        if action is None:
            raise st.cannot(f"{statement.key.upper()} …")
        for _ in range(_ATTEMPTS):
            try:
                return action(self, statement.copy(), context, cancel)
            except Conflict:
                continue
        raise WarehouseError("Could not serialize access to the table due to concurrent update", hint="try again")

    # -------------------------------------------------------------------------------------- DML

    def insert(self, statement: exp.Insert, context: Context, cancel: Cancel | None) -> Changed:
        """Add rows: new files beside the old ones."""
        target = statement.this.this if isinstance(statement.this, exp.Schema) else statement.this
        with self._on_target(statement, target, context, cancel, rows=False) as work:
            if target is statement.this:
                visible = [exp.to_identifier(c.name, quoted=True) for c in work.state.columns]
                statement.set("this", exp.Schema(this=target, expressions=visible))
            rows = work.execute(statement)
            parts = self._storage.write(work.con, _TARGET, work.state.columns, work.state.partitioning)
            self._commit(replace(work.state, parts=(*work.state.parts, *parts)), after=work.state)
            return Changed("INSERT", work.tables, rows, work.bytes_processed)

    def update(self, statement: exp.Update, context: Context, cancel: Cancel | None) -> Changed:
        """Change rows: the partitions that differ are written again."""
        for assignment in statement.expressions:  # DuckDB wants `SET a = …` where BigQuery takes `SET t.a = …` too
            assignment.this.set("table", None)
        return self._rewrite("UPDATE", statement, statement.this, context, cancel)

    def delete(self, statement: exp.Delete, context: Context, cancel: Cancel | None) -> Changed:
        """Take rows away."""
        if not statement.this and statement.args.get("tables"):  # DELETE t WHERE …, without FROM
            statement.set("this", statement.args["tables"][0])
            statement.set("tables", None)
        return self._rewrite("DELETE", statement, statement.this, context, cancel)

    def merge(self, statement: exp.Merge, context: Context, cancel: Cancel | None) -> Changed:
        """MERGE."""
        return self._rewrite("MERGE", statement, statement.this, context, cancel)

    def _rewrite(
        self, kind: str, statement: exp.Expression, target: exp.Table, context: Context, cancel: Cancel | None
    ) -> Changed:
        with self._on_target(statement, target, context, cancel, rows=True) as work:
            if work.state.buffered:
                raise QueryError(
                    f"{kind} statement over table {work.state.id} would affect rows in the streaming buffer, "
                    "which is not supported"
                )
            before = work.digests()
            rows = work.execute(statement)
            if rows:
                self._commit(replace(work.state, parts=self._write_changed(work, before)), after=work.state)
            return Changed(kind, work.tables, rows, work.bytes_processed + _whole(work.state))

    def _write_changed(self, work: _Work, before: dict[str, Any]) -> tuple[PartFile, ...]:
        """Files of the partitions that are as they were are kept; the others are written again."""
        after = work.digests()
        changed = [pid for pid, digest in after.items() if before.get(pid) != digest]
        kept = tuple(p for p in work.state.parts if p.partition in after and p.partition not in changed)
        if work.state.partitioning is None:
            return self._storage.write(work.con, _TARGET, work.state.columns)
        ids = ", ".join(map(literal, changed)) or "NULL"
        key = partition_sql(work.state.partitioning, work.state.columns)
        source = f"(SELECT * FROM {_TARGET} WHERE {key} IN ({ids}))"
        return kept + self._storage.write(work.con, source, work.state.columns, work.state.partitioning)

    def truncate(self, statement: exp.TruncateTable, context: Context, cancel: Cancel | None) -> Changed:
        """Take all rows away."""
        state = self._table(statement.expressions[0], context)
        self._commit(replace(state, parts=()), after=state)
        return Changed("TRUNCATE_TABLE", (state.id,), sum(p.rows for p in state.parts))

    @contextmanager
    def _on_target(
        self, statement: exp.Expression, target: exp.Table, context: Context, cancel: Cancel | None, *, rows: bool
    ) -> Iterator[_Work]:
        state = self._table(target, context)
        with self._engine.session(cancel) as con:
            source = self._storage.relation(state, hidden=True) if rows else None
            _make_target(con, state, source)
            tables, states, _ = self._engine.resolve(statement, context)
            read = {t: s for t, s in states.items() if t != state.id}
            yield _Work(self._engine, con, state, target, states, tables, _sum_bytes(read), context)

    # -------------------------------------------------------------------------------------- DDL

    def create(self, statement: exp.Create, context: Context, cancel: Cancel | None) -> Changed:
        """CREATE TABLE, TABLE AS, VIEW, SCHEMA, TABLE … COPY, CLONE, LIKE."""
        kind = str(statement.kind).upper()
        if kind == "SCHEMA":
            return self._create_dataset(statement, context)
        if kind not in ("TABLE", "VIEW"):
            raise st.cannot(f"CREATE {kind}")
        schema = statement.this
        id_ = self._id(schema.this if isinstance(schema, exp.Schema) else schema, context)
        old = self._existing(id_)
        if old and statement.args.get("exists"):
            return Changed(f"CREATE_{kind}", (id_,))
        if old and not statement.args.get("replace"):
            raise QueryError(f"Already Exists: {kind.capitalize()} {id_.project}:{id_.dataset}.{id_.table}")
        new, word, read = self._new_table(statement, id_, context, cancel)
        self._commit(new, after=old)
        return Changed(word, (id_, *read.tables), None, read.bytes_processed)

    def _new_table(
        self, statement: exp.Create, id_: TableId, context: Context, cancel: Cancel | None
    ) -> tuple[TableState, str, Changed]:
        properties = statement.args.get("properties")
        if str(statement.kind).upper() == "VIEW":
            kind = TableKind.MATERIALIZED_VIEW if _has(properties, exp.MaterializedProperty) else TableKind.VIEW
            return self._view(statement, id_, kind, context), f"CREATE_{kind}", Changed("")
        if clone := statement.args.get("clone"):
            source = self._table(clone.this, context)
            kind = TableKind.TABLE if clone.args.get("copy") else TableKind.CLONE
            return replace(source, id=id_, kind=kind, created=0), "CREATE_TABLE", Changed("", (source.id,))
        if like := _has(properties, exp.LikeProperty):
            source = self._table(like.this, context)
            return replace(source, id=id_, parts=(), created=0), "CREATE_TABLE", Changed("", (source.id,))
        declared = _declared(statement)
        partitioning, clustering = _layout(properties)
        if statement.expression is None:
            kind = TableKind.EXTERNAL if _has(properties, exp.ExternalProperty) else TableKind.TABLE
            state = TableState(id_, kind, declared, partitioning=partitioning, clustering=clustering)
            return state, "CREATE_TABLE", Changed("")
        columns, parts, read = self._table_as(statement.expression, declared, partitioning, context, cancel)
        state = TableState(id_, TableKind.TABLE, columns, parts, partitioning, clustering)
        return state, "CREATE_TABLE_AS_SELECT", read

    def _table_as(
        self,
        query: exp.Query,
        declared: tuple[Column, ...],
        partitioning: Partitioning | None,
        context: Context,
        cancel: Cancel | None,
    ) -> tuple[tuple[Column, ...], tuple[PartFile, ...], Changed]:
        prepared = self._engine.prepare(query, context)
        with self._engine.session(cancel) as con:
            sql, outputs = self._engine.compile(con, prepared, context)
            columns = declared or tuple(Column(o.name, o.type) for o in outputs)
            source = f"({sql})"
            if partitioning is not None:
                state = TableState(TableId("", "", ""), TableKind.TABLE, columns, partitioning=partitioning)
                _make_target(con, state, None)
                con.execute(f"INSERT INTO {_TARGET} ({', '.join(quote(c.name) for c in columns)}) {sql}")
                source = _TARGET
            parts = self._storage.write(con, source, columns, partitioning)
        return columns, parts, Changed("", prepared.named, None, prepared.bytes_processed)

    def _view(self, statement: exp.Create, id_: TableId, kind: TableKind, context: Context) -> TableState:
        query = statement.expression
        prepared = self._engine.prepare(query, context)
        outputs = self._engine.outputs(prepared, context)
        for reference in st.references(query, context.default):
            name = reference.table
            for part, text in (("catalog", name.project), ("db", name.dataset), ("this", name.table)):
                reference.node.set(part, exp.to_identifier(text, quoted=True))
        columns = tuple(Column(o.name, o.type) for o in outputs)
        return TableState(id_, kind, columns, definition=query.sql(dialect="bigquery"))

    def _create_dataset(self, statement: exp.Create, context: Context) -> Changed:
        project, dataset = _dataset_name(statement.this, context)
        if dataset in self._catalogue.datasets(project):
            if statement.args.get("exists"):
                return Changed("CREATE_SCHEMA")
            raise QueryError(f"Already Exists: Dataset {project}:{dataset}")
        with self._catalogue.change() as change:
            change.add_dataset(project, dataset, "US")
        return Changed("CREATE_SCHEMA")

    def drop(self, statement: exp.Drop, context: Context, cancel: Cancel | None) -> Changed:
        """DROP TABLE, VIEW, SCHEMA."""
        kind = str(statement.kind).upper()
        node = statement.this or statement.args["tables"][0]
        if kind == "SCHEMA":
            return self._drop_dataset(statement, node, context)
        if kind not in ("TABLE", "VIEW"):
            raise st.cannot(f"DROP {kind}")
        id_ = self._id(node, context)
        state = self._existing(id_)
        if state is None:
            if statement.args.get("exists"):
                return Changed(f"DROP_{kind}", (id_,))
            raise TableNotFound(f"Not found: Table {id_.project}:{id_.dataset}.{id_.table}")
        if (kind == "VIEW") != (state.definition is not None):
            raise QueryError(f"{id_} is not a {kind.lower()}; it is a {state.kind.lower()}")
        with self._catalogue.change() as change:
            change.drop(id_)
        return Changed(f"DROP_{kind}", (id_,))

    def _drop_dataset(self, statement: exp.Drop, node: exp.Table, context: Context) -> Changed:
        project, dataset = _dataset_name(node, context)
        tables = self._catalogue.tables(project, dataset)
        if tables and not statement.args.get("cascade"):
            raise QueryError(f"Dataset {project}:{dataset} is still in use")
        with self._catalogue.change() as change:
            for table in tables:
                change.drop(table)
            change.drop_dataset(project, dataset)
        return Changed("DROP_SCHEMA")

    def alter(self, statement: exp.Alter, context: Context, cancel: Cancel | None) -> Changed:
        """ALTER TABLE … ADD, DROP, RENAME COLUMN, RENAME TO, SET OPTIONS."""
        state = self._table(statement.this, context)
        new = state
        with self._engine.session(cancel) as con:
            _make_target(con, state, self._storage.relation(replace(state, buffered=()), hidden=True))
            for action in statement.args["actions"]:
                new = self._alter_one(con, new, action)
            if new.columns != state.columns:
                new = replace(new, parts=self._storage.write(con, _TARGET, new.columns, new.partitioning))
        if new.id == state.id:
            self._commit(new, after=state)
        else:
            with self._catalogue.change() as change:
                change.drop(state.id)
                change.put(new, after=None)
        return Changed("ALTER_TABLE", (new.id,))

    def _alter_one(self, con: Any, state: TableState, action: exp.Expression) -> TableState:
        names = {c.name.lower() for c in state.columns}
        if isinstance(action, exp.ColumnDef):
            column = column_of(action)
            if column.name.lower() in names:
                if action.args.get("exists"):
                    return state
                raise QueryError(f"Column already exists: {column.name}")
            con.execute(f"ALTER TABLE {_TARGET} ADD COLUMN {quote(column.name)} {duck_type(column.type)}")
            return replace(state, columns=(*state.columns, column))
        if isinstance(action, exp.Drop):
            gone = action.args["tables"][0].name.lower()
            if gone not in names:
                raise QueryError(f"Column not found: {gone}")
            return replace(state, columns=tuple(c for c in state.columns if c.name.lower() != gone))
        if isinstance(action, exp.RenameColumn):
            old, new = action.this.name, action.args["to"].name
            con.execute(f"ALTER TABLE {_TARGET} RENAME COLUMN {quote(old)} TO {quote(new)}")
            columns = (replace(c, name=new) if c.name.lower() == old.lower() else c for c in state.columns)
            return replace(state, columns=tuple(columns))
        if isinstance(action, exp.AlterRename):
            return replace(state, id=replace(state.id, table=action.this.name))
        if isinstance(action, exp.AlterSet):
            return state
        raise st.cannot(f"ALTER TABLE … {action.key.upper()}")

    # ---------------------------------------------------------------------------------- helpers

    def _commit(self, state: TableState, *, after: TableState | None) -> None:
        with self._catalogue.change() as change:
            if state.id.dataset not in change.datasets(state.id.project):
                raise TableNotFound(f"Not found: Dataset {state.id.project}:{state.id.dataset}")
            change.put(state, after=after)
            change.forget(change.instant - _RETENTION_DAYS * 86_400_000_000)

    def _id(self, node: exp.Expression, context: Context) -> TableId:
        return TableId.parse(".".join(p.name for p in node.parts), project=context.project, dataset=context.dataset)

    def _existing(self, table: TableId) -> TableState | None:
        return self._catalogue.states({table})[1].get(table)

    def _table(self, node: exp.Expression, context: Context) -> TableState:
        id_ = self._id(node, context)
        state = self._engine.lookup({id_}, replace(context, snapshot=None))[1][id_]
        if not is_table(state):
            raise QueryError(f"{id_} is a {state.kind.lower().replace('_', ' ')}, not a table")
        return state


@dataclass
class _Work:
    """A DML statement at work: the target's rows are in the temporary table `target`."""

    engine: Engine
    con: Any
    state: TableState
    target: exp.Table
    states: dict[TableId, TableState]
    tables: tuple[TableId, ...]
    bytes_processed: int
    context: Context

    def execute(self, statement: exp.Expression) -> int:
        """Run it over `target`; the number of rows affected."""
        is_insert = isinstance(statement, exp.Insert)
        alias = self.target.alias or self.state.id.table
        self.engine.bind(self.con, statement, self.states, self.context)
        self.target.set("this", exp.to_identifier(_TARGET))
        named = None if is_insert else exp.TableAlias(this=exp.to_identifier(alias, quoted=True))
        self.target.set("alias", named)
        row = self.con.execute(st.to_duckdb(statement), parameter_values(self.context.parameters)).fetchone()
        return int(row[0]) if row else 0

    def digests(self) -> dict[str, Any]:
        """Rows and a digest of the content, by partition."""
        partitioning = self.state.partitioning
        if partitioning is None:
            return {}
        key = partition_sql(partitioning, self.state.columns)
        columns = ", ".join(quote(c.name) for c in stored_columns(self.state.columns, partitioning))
        sql = f"SELECT {key}, count(*), sum(CAST(hash({columns}) AS HUGEINT)) FROM {_TARGET} GROUP BY 1"
        return {row[0]: row[1:] for row in self.con.execute(sql).fetchall()}


def _make_target(con: Any, state: TableState, source: str | None) -> None:
    """The temporary table that a change works on: the table's columns, and its rows if there is a source."""
    columns = stored_columns(state.columns, state.partitioning)
    names = ", ".join(quote(c.name) for c in columns)
    declared = ", ".join(_declare(c) for c in columns)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {_TARGET} ({declared})")
    if source:
        con.execute(f"INSERT INTO {_TARGET} SELECT {names} FROM ({source})")


def _declare(column: Column) -> str:
    default = " DEFAULT date_trunc('hour', now())" if column.name == PARTITION_TIME else ""
    required = " NOT NULL" if column.required else ""
    return f"{quote(column.name)} {duck_type(column.type)}{required}{default}"


def _whole(state: TableState) -> int:
    return sum(p.bytes for p in state.parts)


def _sum_bytes(states: dict[TableId, TableState]) -> int:
    return sum(_whole(s) for s in states.values())


def _declared(statement: exp.Create) -> tuple[Column, ...]:
    if not isinstance(statement.this, exp.Schema):
        return ()
    try:
        return tuple(column_of(d) for d in statement.this.expressions if isinstance(d, exp.ColumnDef))
    except ValueError as error:
        raise QueryError(str(error)) from None


def _has(properties: exp.Properties | None, kind: type[exp.Expression]) -> Any:
    return properties.find(kind) if properties else None


def _layout(properties: exp.Properties | None) -> tuple[Partitioning | None, tuple[str, ...]]:
    """PARTITION BY, CLUSTER BY and OPTIONS(require_partition_filter) of a CREATE TABLE."""
    by = _has(properties, exp.PartitionedByProperty)
    cluster = _has(properties, exp.ClusterProperty)
    clustering = tuple(c.name for c in cluster.expressions) if cluster else ()
    if by is None:
        return None, clustering
    plain = [p for p in properties.expressions if type(p) is exp.Property]
    options = {p.name.lower(): p.args["value"].name.lower() for p in plain}
    partitioning = _partitioning(by.this)
    required = options.get("require_partition_filter") == "true"
    return replace(partitioning, filter_required=required), clustering


def _partitioning(by: exp.Expression) -> Partitioning:
    if isinstance(by, exp.RangeBucket):
        series = by.expression
        low, high, step = (int(series.args[k].name) for k in ("start", "end", "step"))
        return Partitioning(PartitionUnit.RANGE, by.this.name, low, high, step)
    unit = by.args.get("unit")
    word = unit.name.upper() if unit else "DAY"
    if word not in PartitionUnit.__members__:
        raise QueryError(f"PARTITION BY {word} is none of HOUR, DAY, MONTH, YEAR")
    column = next((c.name for c in by.find_all(exp.Column, exp.Identifier)), by.name)
    hidden = column.upper() in (PARTITION_TIME, "_PARTITIONDATE")
    return Partitioning(PartitionUnit[word], None if hidden else column)


def _dataset_name(node: exp.Table, context: Context) -> tuple[str, str]:
    parts = [p.name for p in node.parts if p.name]
    return (parts[0], parts[1]) if len(parts) == 2 else (context.project, parts[-1])


_Action = Callable[[Changes, Any, Context, Cancel | None], Changed]
_ACTIONS: dict[type[exp.Expression], _Action] = {
    exp.Alter: Changes.alter,
    exp.Create: Changes.create,
    exp.Delete: Changes.delete,
    exp.Drop: Changes.drop,
    exp.Insert: Changes.insert,
    exp.Merge: Changes.merge,
    exp.TruncateTable: Changes.truncate,
    exp.Update: Changes.update,
}
