"""A query of the demo warehouse as DuckDB's SQL, by the compiler that local copies are read by, or in Google's evaluator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from bigpato_magic import googlesql, sql
from bigpato_magic.demo.context import Context
from bigpato_magic.demo.history import TableState
from bigpato_magic.demo.meaning import Meaning, Visible
from bigpato_magic.demo.storage import PSEUDO_COLUMNS
from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.frames import conform
from bigpato_magic.local.bound import bound
from bigpato_magic.local.columns import stored, why_not_stored
from bigpato_magic.local.constants import Constants
from bigpato_magic.parameters import check
from bigpato_magic.resolved import tree
from bigpato_magic.sql.physical import identifier
from bigpato_magic.status import Cancel
from bigpato_magic.types import Column, Compiled, Kind, LocalTable, OutputColumn, Parameter, Reason, Refused, TableId

_MOST_ROWS = 20_000
"""Rows of a table that the evaluator is given."""


def compiled(meaning: Meaning, visible: Visible, *, inner: bool = False) -> Compiled | Refused:
    """DuckDB's SQL that gives BigQuery's answer, or why there is none.

    Args:
        meaning: of the query.
        visible: reads tables.
        inner: its rows are no result, see `Compiled`.
    """
    tables: dict[TableId, LocalTable] = {}
    constants: tuple[str, ...] = ()
    for table, read in meaning.query.tables.items():
        view = meaning.views.get(table)
        below = _view(view, visible) if view else None
        if isinstance(below, Refused):
            return below
        if below is None:
            columns = columns_of(meaning.states[table], read.columns)
        else:
            columns = tuple(Column(o.name, o.type) for o in below.outputs)
        if why := next(filter(None, map(_why_not_held, columns)), None):
            return Refused((Reason("type", why, table),))
        if below is None:
            rows = _as_copies_hold_it(visible(meaning.states[table], _has_pseudo(read.columns)), columns)
            tables[table] = LocalTable(rows, columns)
        else:
            constants += below.constants
            rows = f"({below.sql})" if below.inner else _as_copies_hold_it(below.sql, columns)
            tables[table] = LocalTable(rows, columns, guarded=not below.total)
    whole = sql.compile(meaning.query, tables, inner=inner, exact=True)
    return replace(whole, constants=(*constants, *whole.constants)) if isinstance(whole, Compiled) else whole


def _view(view: Meaning, visible: Visible) -> Compiled | Refused:
    """Rows that are no result yet: arrays of theirs may still be NULL, and have NULL elements."""
    if not has_array(view.outputs):
        return compiled(view, visible)
    if any(output.type.has(Kind.STRUCT) for output in view.outputs):
        return Refused((Reason("type", "a view's arrays and structures together are not compiled here"),))
    return compiled(view, visible, inner=True)


def has_array(outputs: Sequence[OutputColumn]) -> bool:
    """Whether a value of these columns has an array in it."""
    return any(output.type.has(Kind.ARRAY) for output in outputs)


def columns_of(state: TableState, names: frozenset[str]) -> tuple[Column, ...]:
    """The columns of a table that have these lower-case names, pseudo-columns among them."""
    pseudo = PSEUDO_COLUMNS if state.by_ingestion else ()
    return tuple(c for c in (*state.columns, *pseudo) if c.name.lower() in names)


def _has_pseudo(names: frozenset[str]) -> bool:
    return any(c.name.lower() in names for c in PSEUDO_COLUMNS)


def _why_not_held(column: Column) -> str | None:
    """What stands in the way of DuckDB; who may read a column is settled elsewhere."""
    return why_not_stored(replace(column, policy_tagged=False))


def _as_copies_hold_it(source: str, columns: Sequence[Column]) -> str:
    items = ", ".join(f"{stored(identifier(c.name), c.type)} AS {identifier(c.name)}" for c in columns)
    return f"(SELECT {items or '1 AS one'} FROM ({source}))"


def computed(con: Any, query: Compiled, context: Context) -> pa.Table:
    """The rows of compiled SQL, in a session that has the functions which it calls.

    Raises:
        duckdb.Error: an error of the data, or a guard (`route: …`).
        LocalRunError: DuckDB cannot hold a parameter.
    """
    values = bound(
        con, query.sql, [check(p) for p in context.parameters], lambda: context.snapshot or datetime.now(UTC)
    )
    Constants().evaluate(con, query.constants, values)
    return conform(con.sql(query.sql, params=values).to_arrow_table(), query.outputs)


def evaluated(
    meaning: Meaning,
    rows: Callable[[TableState, tuple[OutputColumn, ...]], pa.Table],
    answer: Callable[[Meaning], pa.Table],
    parameters: Sequence[Parameter],
    cancel: Cancel | None,
) -> pa.Table:
    """The rows as Google's evaluator computes them, where that is not too much.

    Args:
        meaning: of the query.
        rows: gives the columns of a table.
        answer: gives the rows of a view.
        parameters: of the query.
        cancel: stops it.

    Raises:
        QueryError: BigQuery would stop, too.
        AnalyzerUnavailable: it is too much, or the evaluator has no answer.
    """
    for scan in tree.walk(meaning.query.tree, ("TableScan",)):
        if tree.has(scan, "for_system_time_expr"):
            raise AnalyzerUnavailable("FOR SYSTEM_TIME AS OF")
    if meaning.query.wildcards:
        raise AnalyzerUnavailable("the evaluator knows no wildcard tables")
    if any(sum(p.rows for p in state.files) > _MOST_ROWS for state in meaning.tables.values()):
        raise AnalyzerUnavailable("the tables are too large for the evaluator")
    contents = {}
    for table, read in meaning.query.tables.items():
        state, view = meaning.states[table], meaning.views.get(table)
        if view and has_array(view.outputs):
            raise AnalyzerUnavailable("a view's arrays are not results yet, which may be NULL")
        columns = columns_of(state, read.columns) or state.columns[:1]
        outputs = tuple(OutputColumn(c.name, c.type) for c in columns)
        if any(o.type.has(Kind.GEOGRAPHY) for o in outputs):
            raise AnalyzerUnavailable("the evaluator knows no GEOGRAPHY")
        contents[table] = (state, answer(view) if view else rows(state, outputs))
    with googlesql.stopped_by(Cancel() if cancel is None else cancel):
        return googlesql.evaluate(meaning.query.sql, contents, parameters, routines=meaning.query.routines)
