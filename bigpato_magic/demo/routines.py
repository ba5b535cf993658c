"""Persistent functions of the demo warehouse: made, replaced and dropped; their calls are written out by Google's analyzer."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bigpato_magic import googlesql
from bigpato_magic.demo.context import Context, cannot
from bigpato_magic.demo.writer import Changed
from bigpato_magic.errors import AnalyzerUnavailable, QueryError
from bigpato_magic.googlesql.catalog import split
from bigpato_magic.googlesql.statements import parsed
from bigpato_magic.resolved import tree
from bigpato_magic.types import RoutineId

if TYPE_CHECKING:
    from bigpato_magic.demo.history import TableHistory


def is_about_one(sql: str) -> bool:
    """Whether a statement makes or drops a function; nobody can tell while the analyzer is not ready."""
    if not googlesql.ready():
        return False
    try:
        return googlesql.statement_kind(sql) in ("CREATE_FUNCTION", "DROP_FUNCTION")
    except (AnalyzerUnavailable, QueryError):
        return False


def change(history: TableHistory, sql: str, context: Context) -> Changed:
    """Make a function, or drop one.

    Raises:
        QueryError: it is there, or is not, or the demo warehouse does not do this.
    """
    (statement,) = parsed(sql)
    if tree.name(statement) == "DropFunctionStatement":
        return _drop(history, statement, context)
    try:
        nested = googlesql.named(sql, context.project, history.routines)
        routine = googlesql.routine_of(sql, context.project, nested)
    except AnalyzerUnavailable as unavailable:
        raise cannot(unavailable.message) from None
    with history.change() as changing:
        if routine.id.dataset not in changing.datasets(routine.id.project):
            raise QueryError(
                f"Not found: Dataset {routine.id.project}:{routine.id.dataset} was not found in location US"
            )
        there = changing.routine(routine.id) is not None
        if there and tree.get(statement, "is_if_not_exists"):
            return Changed("CREATE_FUNCTION")
        if there and not tree.get(statement, "is_or_replace"):
            raise QueryError(f"Already Exists: Routine {_name(routine.id)}")
        changing.put_routine(replace(routine, etag=secrets.token_urlsafe(12)))
    return Changed("CREATE_FUNCTION")


def _drop(history: TableHistory, statement: Any, context: Context) -> Changed:
    path = split(tuple(part.id_string for part in statement.name.names))
    id_ = RoutineId.of(path, context.project) if len(path) > 1 else None
    if id_ is None:
        raise QueryError("A function must be qualified with a dataset (e.g. dataset.function).")
    with history.change() as changing:
        if changing.routine(id_) is None and not tree.get(statement, "is_if_exists"):
            raise QueryError(f"Not found: Routine {_name(id_)} was not found in location US")
        changing.drop_routine(id_)
    return Changed("DROP_FUNCTION")


def _name(id_: RoutineId) -> str:
    return f"{id_.project}:{id_.dataset}.{id_.routine}"
