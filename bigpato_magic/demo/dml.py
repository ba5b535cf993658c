"""INSERT, UPDATE, DELETE, MERGE and TRUNCATE of the demo warehouse: each one atomic version of one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlglot import exp

from bigpato_magic.demo import statement as st
from bigpato_magic.demo.context import Context
from bigpato_magic.demo.engine import Engine
from bigpato_magic.demo.history import PartFile, TableState
from bigpato_magic.demo.storage import partition_sql, stored_columns
from bigpato_magic.demo.translation import bind, parameter_values, resolved
from bigpato_magic.demo.writer import TARGET, Action, Changed, Writer, make_target
from bigpato_magic.errors import QueryError
from bigpato_magic.sql.physical import identifier, text
from bigpato_magic.status import Cancel
from bigpato_magic.types import TableId


class Dml(Writer):
    """Statements that change rows."""

    def actions(self) -> dict[type[exp.Expr], Action]:
        """What does each kind of statement."""
        return {
            exp.Delete: self.delete,
            exp.Insert: self.insert,
            exp.Merge: partial(self._rewrite, "MERGE"),
            exp.TruncateTable: self.truncate,
            exp.Update: self.update,
        }

    def insert(self, statement: exp.Insert, context: Context, cancel: Cancel | None) -> Changed:
        """Add rows: new files beside the old ones."""
        target = statement.this.this if isinstance(statement.this, exp.Schema) else statement.this
        with self._on_target(statement, target, context, cancel, rows=False) as work:
            if target is statement.this:
                visible = [exp.to_identifier(c.name, quoted=True) for c in work.state.columns]
                statement.set("this", exp.Schema(this=target, expressions=visible))
            rows = work.execute(statement)
            parts = self.storage.write(work.con, TARGET, work.state.columns, work.state.partitioning)
            self.commit(replace(work.state, parts=(*work.state.parts, *parts)), after=work.state)
            return Changed("INSERT", work.tables, rows, work.bytes_processed)

    def update(self, statement: exp.Update, context: Context, cancel: Cancel | None) -> Changed:
        """Change rows: the partitions that differ are written again."""
        for assignment in statement.expressions:  # DuckDB wants `SET a = …` where BigQuery takes `SET t.a = …` too
            assignment.this.set("table", None)
        return self._rewrite("UPDATE", statement, context, cancel)

    def delete(self, statement: exp.Delete, context: Context, cancel: Cancel | None) -> Changed:
        """Take rows away."""
        if not statement.this and statement.args.get("tables"):  # DELETE t WHERE …, without FROM
            statement.set("this", statement.args["tables"][0])
            statement.set("tables", None)
        return self._rewrite("DELETE", statement, context, cancel)

    def _rewrite(self, kind: str, statement: exp.Expr, context: Context, cancel: Cancel | None) -> Changed:
        with self._on_target(statement, statement.this, context, cancel, rows=True) as work:
            if work.state.buffered:
                raise QueryError(
                    f"{kind} statement over table {work.state.id} would affect rows in the streaming buffer, "
                    "which is not supported"
                )
            before = work.digests()
            rows = work.execute(statement)
            if rows:
                self.commit(replace(work.state, parts=self._write_changed(work, before)), after=work.state)
            return Changed(kind, work.tables, rows, work.bytes_processed + work.state.bytes)

    def _write_changed(self, work: Work, before: dict[str, Any]) -> tuple[PartFile, ...]:
        """Files of the partitions that are as they were are kept; the others are written again."""
        after = work.digests()
        changed = [pid for pid, digest in after.items() if before.get(pid) != digest]
        kept = tuple(p for p in work.state.parts if p.partition in after and p.partition not in changed)
        if work.state.partitioning is None:
            return self.storage.write(work.con, TARGET, work.state.columns)
        ids = ", ".join(map(text, changed)) or "NULL"
        key = partition_sql(work.state.partitioning)
        source = f"(SELECT * FROM {TARGET} WHERE {key} IN ({ids}))"
        return kept + self.storage.write(work.con, source, work.state.columns, work.state.partitioning)

    def truncate(self, statement: exp.TruncateTable, context: Context, _cancel: Cancel | None) -> Changed:
        """Take all rows away."""
        state = self.table(statement.expressions[0], context)
        self.commit(replace(state, parts=()), after=state, keep_buffer=False)
        return Changed("TRUNCATE_TABLE", (state.id,), state.rows)

    @contextmanager
    def _on_target(
        self, statement: exp.Expr, target: exp.Table, context: Context, cancel: Cancel | None, *, rows: bool
    ) -> Iterator[Work]:
        state = self.table(target, context)
        with self.engine.session(cancel) as con:
            source = self.storage.relation(state, hidden=True) if rows else None
            make_target(con, state, source)
            reads = resolved(statement, self.engine.states_at(context), context)
            size = sum(s.bytes for t, s in reads.states.items() if t != state.id)
            yield Work(self.engine, con, state, target, reads.states, reads.named, size, context)


@dataclass
class Work:
    """A DML statement at work: the target's rows are in the temporary table `target`."""

    engine: Engine
    con: Any
    state: TableState
    target: exp.Table
    states: Mapping[TableId, TableState]
    tables: tuple[TableId, ...]
    bytes_processed: int
    context: Context

    def execute(self, statement: exp.Expr) -> int:
        """Run it over `target`; the number of rows affected."""
        is_insert = isinstance(statement, exp.Insert)
        alias = self.target.alias or self.state.id.table
        bind(self.con, statement, self.states, self.engine.visible_at(self.context), self.context)
        self.target.set("this", exp.to_identifier(TARGET))
        named = None if is_insert else exp.TableAlias(this=exp.to_identifier(alias, quoted=True))
        self.target.set("alias", named)
        row = self.con.execute(st.to_duckdb(statement), parameter_values(self.context.parameters)).fetchone()
        return int(row[0]) if row else 0

    def digests(self) -> dict[str, Any]:
        """Rows and a digest of the content, by partition."""
        partitioning = self.state.partitioning
        if partitioning is None:
            return {}
        key = partition_sql(partitioning)
        columns = ", ".join(identifier(c.name) for c in stored_columns(self.state.columns, partitioning))
        sql = f"SELECT {key}, count(*), sum(CAST(hash({columns}) AS HUGEINT)) FROM {TARGET} GROUP BY 1"
        return {row[0]: row[1:] for row in self.con.execute(sql).fetchall()}
