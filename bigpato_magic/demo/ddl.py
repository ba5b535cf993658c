"""CREATE, ALTER and DROP of the demo warehouse's tables, views and datasets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlglot import exp

from bigpato_magic.demo import statement as st
from bigpato_magic.demo.context import Context, cannot
from bigpato_magic.demo.history import PartFile, TableState
from bigpato_magic.demo.sqltypes import duck_type
from bigpato_magic.demo.statement import column_of
from bigpato_magic.demo.storage import PARTITION_TIME, for_duckdb
from bigpato_magic.demo.writer import TARGET, Action, Changed, Writer, make_target
from bigpato_magic.errors import QueryError, TableNotFound
from bigpato_magic.sql.physical import identifier
from bigpato_magic.status import Cancel
from bigpato_magic.types import Column, Partitioning, PartitionUnit, TableId, TableKind


class Ddl(Writer):
    """Statements that make, change and take away tables."""

    def actions(self) -> dict[type[exp.Expr], Action]:
        """What does each kind of statement."""
        return {exp.Alter: self.alter, exp.Create: self.create, exp.Drop: self.drop}

    def create(self, statement: exp.Create, context: Context, cancel: Cancel | None) -> Changed:
        """CREATE TABLE, TABLE AS, VIEW, SCHEMA, TABLE … COPY, CLONE, LIKE."""
        kind = str(statement.kind).upper()
        if kind == "SCHEMA":
            return self._create_dataset(statement, context)
        if kind not in ("TABLE", "VIEW"):
            raise cannot(f"CREATE {kind}")
        schema = statement.this
        id_ = self.id_of(schema.this if isinstance(schema, exp.Schema) else schema, context)
        old = self.existing(id_)
        if old and statement.args.get("exists"):
            return Changed(f"CREATE_{kind}", (id_,))
        if old and not statement.args.get("replace"):
            raise QueryError(f"Already Exists: {kind.capitalize()} {id_.project}:{id_.dataset}.{id_.table}")
        new, word, read = self._new_table(statement, id_, context, cancel)
        self.commit(new, after=old, keep_buffer=False)
        return Changed(word, (id_, *read.tables), None, read.bytes_processed)

    def _new_table(
        self, statement: exp.Create, id_: TableId, context: Context, cancel: Cancel | None
    ) -> tuple[TableState, str, Changed]:
        properties = statement.args.get("properties")
        if str(statement.kind).upper() == "VIEW":
            kind = TableKind.MATERIALIZED_VIEW if _property_of(properties, exp.MaterializedProperty) else TableKind.VIEW
            return self._view(statement, id_, kind, context), f"CREATE_{kind}", Changed("")
        if clone := statement.args.get("clone"):
            source = self.table(clone.this, context)
            kind = TableKind.TABLE if clone.args.get("copy") else TableKind.CLONE
            return replace(source, id=id_, kind=kind, created=0), "CREATE_TABLE", Changed("", (source.id,))
        if like := _property_of(properties, exp.LikeProperty):
            source = self.table(like.this, context)
            return replace(source, id=id_, parts=(), created=0), "CREATE_TABLE", Changed("", (source.id,))
        declared = _declared_columns(statement)
        partitioning, clustering = _layout(properties)
        if statement.expression is None:
            kind = TableKind.EXTERNAL if _property_of(properties, exp.ExternalProperty) else TableKind.TABLE
            state = TableState(id_, kind, declared, partitioning=partitioning, clustering=clustering)
            return state, "CREATE_TABLE", Changed("")
        columns, parts, read = self._table_as(statement.meta[st.QUERY], declared, partitioning, context, cancel)
        state = TableState(id_, TableKind.TABLE, columns, parts, partitioning, clustering)
        return state, "CREATE_TABLE_AS_SELECT", read

    def _table_as(
        self,
        query: str,
        declared: tuple[Column, ...],
        partitioning: Partitioning | None,
        context: Context,
        cancel: Cancel | None,
    ) -> tuple[tuple[Column, ...], tuple[PartFile, ...], Changed]:
        prepared = self.engine.prepare(query, context)
        arrow, outputs = self.engine.run(prepared, cancel)
        columns = declared or tuple(Column(o.name, o.type) for o in outputs)
        with self.engine.session(cancel) as con:
            make_target(con, TableState(TableId("", "", ""), TableKind.TABLE, columns, partitioning=partitioning), None)
            con.register("loaded", for_duckdb(arrow))
            con.execute(f"INSERT INTO {TARGET} ({', '.join(identifier(c.name) for c in columns)}) SELECT * FROM loaded")
            parts = self.storage.write(con, TARGET, columns, partitioning)
        return columns, parts, Changed("", prepared.named, None, prepared.bytes_processed)

    def _view(self, statement: exp.Create, id_: TableId, kind: TableKind, context: Context) -> TableState:
        query = statement.expression
        outputs = self.engine.outputs(self.engine.prepare(statement.meta[st.QUERY], context))
        for reference in st.references(query, context):
            name = reference.table
            for part, text in (("catalog", name.project), ("db", name.dataset), ("this", name.table)):
                reference.node.set(part, exp.to_identifier(text, quoted=True))
        columns = tuple(Column(o.name, o.type) for o in outputs)
        return TableState(id_, kind, columns, definition=query.sql(dialect="bigquery"))

    def _create_dataset(self, statement: exp.Create, context: Context) -> Changed:
        project, dataset = _dataset_name(statement.this, context)
        if dataset in self.history.datasets(project):
            if statement.args.get("exists"):
                return Changed("CREATE_SCHEMA")
            raise QueryError(f"Already Exists: Dataset {project}:{dataset}")
        with self.history.change() as change:
            change.add_dataset(project, dataset, "US")
        return Changed("CREATE_SCHEMA")

    def drop(self, statement: exp.Drop, context: Context, _cancel: Cancel | None) -> Changed:
        """DROP TABLE, VIEW, SCHEMA."""
        kind = str(statement.kind).upper()
        node = statement.this or statement.args["tables"][0]
        if kind == "SCHEMA":
            return self._drop_dataset(statement, node, context)
        if kind not in ("TABLE", "VIEW"):
            raise cannot(f"DROP {kind}")
        id_ = self.id_of(node, context)
        state = self.existing(id_)
        if state is None:
            if statement.args.get("exists"):
                return Changed(f"DROP_{kind}", (id_,))
            raise TableNotFound(f"Not found: Table {id_.project}:{id_.dataset}.{id_.table}")
        if (kind == "VIEW") != (state.definition is not None):
            raise QueryError(f"{id_} is not a {kind.lower()}; it is a {state.kind.lower()}")
        with self.history.change() as change:
            change.drop(id_)
        return Changed(f"DROP_{kind}", (id_,))

    def _drop_dataset(self, statement: exp.Drop, node: exp.Table, context: Context) -> Changed:
        project, dataset = _dataset_name(node, context)
        tables = self.history.tables(project, dataset)
        if tables and not statement.args.get("cascade"):
            raise QueryError(f"Dataset {project}:{dataset} is still in use")
        with self.history.change() as change:
            for table in tables:
                change.drop(table)
            change.drop_dataset(project, dataset)
        return Changed("DROP_SCHEMA")

    def alter(self, statement: exp.Alter, context: Context, cancel: Cancel | None) -> Changed:
        """ALTER TABLE … ADD, DROP, RENAME COLUMN, RENAME TO, SET OPTIONS."""
        state = self.table(statement.this, context)
        new = state
        with self.engine.session(cancel) as con:
            make_target(con, state, self.storage.relation(replace(state, buffered=()), hidden=True))
            for action in statement.args["actions"]:
                new = self._alter_one(con, new, action)
            if new.columns != state.columns:
                new = replace(new, parts=self.storage.write(con, TARGET, new.columns, new.partitioning))
        if new.id == state.id:
            self.commit(new, after=state)
        else:
            with self.history.change() as change:
                change.drop(state.id)
                change.put(new, after=None)
        return Changed("ALTER_TABLE", (new.id,))

    def _alter_one(self, con: Any, state: TableState, action: exp.Expr) -> TableState:
        names = {c.name.lower() for c in state.columns}
        if isinstance(action, exp.ColumnDef):
            column = column_of(action)
            if column.name.lower() in names:
                if action.args.get("exists"):
                    return state
                raise QueryError(f"Column already exists: {column.name}")
            con.execute(f"ALTER TABLE {TARGET} ADD COLUMN {identifier(column.name)} {duck_type(column.type)}")
            return replace(state, columns=(*state.columns, column))
        if isinstance(action, exp.Drop):
            gone = action.args["tables"][0].name.lower()
            if gone not in names:
                raise QueryError(f"Column not found: {gone}")
            return replace(state, columns=tuple(c for c in state.columns if c.name.lower() != gone))
        if isinstance(action, exp.RenameColumn):
            old, new = action.this.name, action.args["to"].name
            con.execute(f"ALTER TABLE {TARGET} RENAME COLUMN {identifier(old)} TO {identifier(new)}")
            columns = (replace(c, name=new) if c.name.lower() == old.lower() else c for c in state.columns)
            return replace(state, columns=tuple(columns))
        if isinstance(action, exp.AlterRename):
            return replace(state, id=replace(state.id, table=action.this.name))
        if isinstance(action, exp.AlterSet):
            return state
        raise cannot(f"ALTER TABLE … {action.key.upper()}")


def _dataset_name(node: exp.Table, context: Context) -> tuple[str, str]:
    parts = [p.name for p in node.parts if p.name]
    return (parts[0], parts[1]) if len(parts) == 2 else (context.project, parts[-1])


def _declared_columns(statement: exp.Create) -> tuple[Column, ...]:
    """The columns, none where the query of CREATE TABLE AS gives them."""
    if not isinstance(statement.this, exp.Schema):
        return ()
    return tuple(column_of(d) for d in statement.this.expressions if isinstance(d, exp.ColumnDef))


def _property_of(properties: exp.Properties | None, kind: type[exp.Expr]) -> Any:
    """The property of that kind, None where there is none."""
    return properties.find(kind) if properties else None


def _layout(properties: exp.Properties | None) -> tuple[Partitioning | None, tuple[str, ...]]:
    """PARTITION BY, CLUSTER BY and OPTIONS(require_partition_filter) of a CREATE TABLE."""
    by = _property_of(properties, exp.PartitionedByProperty)
    cluster = _property_of(properties, exp.ClusterProperty)
    clustering = tuple(c.name for c in cluster.expressions) if cluster else ()
    if by is None or properties is None:
        return None, clustering
    plain = [p for p in properties.expressions if type(p) is exp.Property]
    options = {p.name.lower(): p.args["value"].sql().lower() for p in plain}
    partitioning = _partitioning(by.this)
    required = options.get("require_partition_filter") == "true"
    return replace(partitioning, filter_required=required), clustering


def _partitioning(by: exp.Expr) -> Partitioning:
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
