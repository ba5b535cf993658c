"""What every change of a table does: find its state, work on a copy of it, put the next version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from bigpato_magic.demo.context import Context
from bigpato_magic.demo.engine import Engine, is_table
from bigpato_magic.demo.history import TableState
from bigpato_magic.demo.sqltypes import duck_type
from bigpato_magic.demo.storage import PARTITION_TIME, stored_columns
from bigpato_magic.errors import QueryError, TableNotFound
from bigpato_magic.sql.physical import identifier
from bigpato_magic.status import Cancel
from bigpato_magic.types import Column, TableId
from bigpato_magic.types.date_parts import DAY_MICROS

TARGET = "target"
_RETENTION_DAYS = 7  # https://cloud.google.com/bigquery/docs/time-travel


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


Action = Callable[[Any, Context, Cancel | None], Changed]


class Writer:
    """What DML and DDL share."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.history = engine.history
        self.storage = engine.storage

    def commit(self, state: TableState, *, after: TableState | None, keep_buffer: bool = True) -> None:
        """Put the table's next version, unless another change came in between.

        Raises:
            Conflict: one came.
            TableNotFound: its dataset is not there.
        """
        with self.history.change() as change:
            if state.id.dataset not in change.datasets(state.id.project):
                raise TableNotFound(f"Not found: Dataset {state.id.project}:{state.id.dataset}")
            change.put(state, after=after)
            if not keep_buffer:
                change.end_buffer(state.id)
            change.forget(change.instant - _RETENTION_DAYS * DAY_MICROS)

    def id_of(self, node: Any, context: Context) -> TableId:
        """The full name that a name in the text stands for."""
        return context.full_name([part.name for part in node.parts])

    def existing(self, table: TableId) -> TableState | None:
        """The table's state, None where there is none."""
        return self.history.states({table})[1].get(table)

    def table(self, node: exp.Expr, context: Context) -> TableState:
        """The state of a table that may be changed.

        Raises:
            QueryError: it is a view or an external table.
            TableNotFound: it is not there.
        """
        id_ = self.id_of(node, context)
        state = self.engine.lookup({id_}, replace(context, snapshot=None))[1][id_]
        if not is_table(state):
            raise QueryError(f"{id_} is a {state.kind.lower().replace('_', ' ')}, not a table")
        return state


def make_target(con: Any, state: TableState, source: str | None) -> None:
    """The temporary table that a change works on: the table's columns, and its rows if there is a source."""
    columns = stored_columns(state.columns, state.partitioning)
    names = ", ".join(identifier(c.name) for c in columns)
    declared = ", ".join(_declare(c) for c in columns)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {TARGET} ({declared})")
    if source:
        con.execute(f"INSERT INTO {TARGET} SELECT {names} FROM ({source})")


def _declare(column: Column) -> str:
    default = " DEFAULT date_trunc('hour', now())" if column.name == PARTITION_TIME else ""
    required = " NOT NULL" if column.required else ""
    return f"{identifier(column.name)} {duck_type(column.type)}{required}{default}"
