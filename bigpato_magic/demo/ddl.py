"""CREATE, ALTER and DROP of the demo warehouse's tables, views and datasets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlglot import exp

from bigpato_magic.demo import statement as st
from bigpato_magic.demo.catalogue import PartFile, TableState
from bigpato_magic.demo.engine import Context
from bigpato_magic.demo.layout import declared_columns, layout, property_of
from bigpato_magic.demo.sqltypes import column_of, duck_type, quote
from bigpato_magic.demo.writer import TARGET, Changed, Writer, make_target
from bigpato_magic.errors import QueryError, TableNotFound
from bigpato_magic.status import Cancel
from bigpato_magic.types import Column, Partitioning, TableId, TableKind


class Ddl(Writer):
    """Statements that make, change and take away tables."""

    def create(self, statement: exp.Create, context: Context, cancel: Cancel | None) -> Changed:
        """CREATE TABLE, TABLE AS, VIEW, SCHEMA, TABLE … COPY, CLONE, LIKE."""
        kind = str(statement.kind).upper()
        if kind == "SCHEMA":
            return self._create_dataset(statement, context)
        if kind not in ("TABLE", "VIEW"):
            raise st.cannot(f"CREATE {kind}")
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
            kind = TableKind.MATERIALIZED_VIEW if property_of(properties, exp.MaterializedProperty) else TableKind.VIEW
            return self._view(statement, id_, kind, context), f"CREATE_{kind}", Changed("")
        if clone := statement.args.get("clone"):
            source = self.table(clone.this, context)
            kind = TableKind.TABLE if clone.args.get("copy") else TableKind.CLONE
            return replace(source, id=id_, kind=kind, created=0), "CREATE_TABLE", Changed("", (source.id,))
        if like := property_of(properties, exp.LikeProperty):
            source = self.table(like.this, context)
            return replace(source, id=id_, parts=(), created=0), "CREATE_TABLE", Changed("", (source.id,))
        declared = declared_columns(statement)
        partitioning, clustering = layout(properties)
        if statement.expression is None:
            kind = TableKind.EXTERNAL if property_of(properties, exp.ExternalProperty) else TableKind.TABLE
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
        prepared = self.engine.prepare(query, context)
        with self.engine.session(cancel) as con:
            sql, outputs = self.engine.compile(con, prepared, context)
            columns = declared or tuple(Column(o.name, o.type) for o in outputs)
            source = f"({sql})"
            if partitioning is not None:
                state = TableState(TableId("", "", ""), TableKind.TABLE, columns, partitioning=partitioning)
                make_target(con, state, None)
                con.execute(f"INSERT INTO {TARGET} ({', '.join(quote(c.name) for c in columns)}) {sql}")
                source = TARGET
            parts = self.storage.write(con, source, columns, partitioning)
        return columns, parts, Changed("", prepared.named, None, prepared.bytes_processed)

    def _view(self, statement: exp.Create, id_: TableId, kind: TableKind, context: Context) -> TableState:
        query = statement.expression
        prepared = self.engine.prepare(query, context)
        outputs = self.engine.outputs(prepared, context)
        for reference in st.references(query, context.default):
            name = reference.table
            for part, text in (("catalog", name.project), ("db", name.dataset), ("this", name.table)):
                reference.node.set(part, exp.to_identifier(text, quoted=True))
        columns = tuple(Column(o.name, o.type) for o in outputs)
        return TableState(id_, kind, columns, definition=query.sql(dialect="bigquery"))

    def _create_dataset(self, statement: exp.Create, context: Context) -> Changed:
        project, dataset = _dataset_name(statement.this, context)
        if dataset in self.catalogue.datasets(project):
            if statement.args.get("exists"):
                return Changed("CREATE_SCHEMA")
            raise QueryError(f"Already Exists: Dataset {project}:{dataset}")
        with self.catalogue.change() as change:
            change.add_dataset(project, dataset, "US")
        return Changed("CREATE_SCHEMA")

    def drop(self, statement: exp.Drop, context: Context, _cancel: Cancel | None) -> Changed:
        """DROP TABLE, VIEW, SCHEMA."""
        kind = str(statement.kind).upper()
        node = statement.this or statement.args["tables"][0]
        if kind == "SCHEMA":
            return self._drop_dataset(statement, node, context)
        if kind not in ("TABLE", "VIEW"):
            raise st.cannot(f"DROP {kind}")
        id_ = self.id_of(node, context)
        state = self.existing(id_)
        if state is None:
            if statement.args.get("exists"):
                return Changed(f"DROP_{kind}", (id_,))
            raise TableNotFound(f"Not found: Table {id_.project}:{id_.dataset}.{id_.table}")
        if (kind == "VIEW") != (state.definition is not None):
            raise QueryError(f"{id_} is not a {kind.lower()}; it is a {state.kind.lower()}")
        with self.catalogue.change() as change:
            change.drop(id_)
        return Changed(f"DROP_{kind}", (id_,))

    def _drop_dataset(self, statement: exp.Drop, node: exp.Table, context: Context) -> Changed:
        project, dataset = _dataset_name(node, context)
        tables = self.catalogue.tables(project, dataset)
        if tables and not statement.args.get("cascade"):
            raise QueryError(f"Dataset {project}:{dataset} is still in use")
        with self.catalogue.change() as change:
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
            with self.catalogue.change() as change:
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
            con.execute(f"ALTER TABLE {TARGET} ADD COLUMN {quote(column.name)} {duck_type(column.type)}")
            return replace(state, columns=(*state.columns, column))
        if isinstance(action, exp.Drop):
            gone = action.args["tables"][0].name.lower()
            if gone not in names:
                raise QueryError(f"Column not found: {gone}")
            return replace(state, columns=tuple(c for c in state.columns if c.name.lower() != gone))
        if isinstance(action, exp.RenameColumn):
            old, new = action.this.name, action.args["to"].name
            con.execute(f"ALTER TABLE {TARGET} RENAME COLUMN {quote(old)} TO {quote(new)}")
            columns = (replace(c, name=new) if c.name.lower() == old.lower() else c for c in state.columns)
            return replace(state, columns=tuple(columns))
        if isinstance(action, exp.AlterRename):
            return replace(state, id=replace(state.id, table=action.this.name))
        if isinstance(action, exp.AlterSet):
            return state
        raise st.cannot(f"ALTER TABLE … {action.key.upper()}")


def _dataset_name(node: exp.Table, context: Context) -> tuple[str, str]:
    parts = [p.name for p in node.parts if p.name]
    return (parts[0], parts[1]) if len(parts) == 2 else (context.project, parts[-1])
