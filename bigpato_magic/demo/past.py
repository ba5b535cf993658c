"""`FOR SYSTEM_TIME AS OF` in the demo warehouse: one instant for all tables of a query, at most seven days ago."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from bigpato_magic import googlesql
from bigpato_magic.demo.context import Context, cannot
from bigpato_magic.demo.history import to_instant, to_micros
from bigpato_magic.demo.meaning import Meaning
from bigpato_magic.errors import QueryError
from bigpato_magic.pruning.instants import instants
from bigpato_magic.resolved import tree

WINDOW = timedelta(days=7)
"""https://cloud.google.com/bigquery/docs/time-travel"""


def instant_of(meaning: Meaning, context: Context) -> datetime:
    """The instant that a query reads all of its tables at.

    Args:
        meaning: of the query, over the tables as they are.
        context: of the query, at its own moment.

    Raises:
        QueryError: BigQuery would refuse it, or the demo warehouse does not do it.
    """
    named = set(_instants(meaning, context))
    if len(named) != 1 or None in named or meaning.views or meaning.query.wildcards:
        raise cannot("FOR SYSTEM_TIME AS OF other than one certain instant for all tables is not there")
    at, now = named.pop(), context.snapshot
    if at is None or now is None:
        raise cannot("the instant is not certain")
    oldest = max((state.created for state in meaning.states.values()), default=0)
    if not max(now - WINDOW, to_instant(oldest)) <= at <= now:
        name = ", ".join(str(table) for table in meaning.states)
        raise QueryError(f"Invalid snapshot time {to_micros(at) // 1000} for Table {name}")
    return at


def as_of_now(meaning: Meaning, context: Context) -> str:
    """The same query without the clause.

    Args:
        meaning: of the query, over the tables as they were.
        context: of the query.
    """
    statement = type(meaning.query.tree)()
    statement.CopyFrom(meaning.query.tree)
    for scan in tree.walk(statement, ("TableScan",)):
        scan.ClearField("for_system_time_expr")
    paths = googlesql.table_names(meaning.query.sql)
    return googlesql.build_sql(statement, {path: meaning.states[context.full_name(path)] for path in paths})


def _instants(meaning: Meaning, context: Context) -> Iterator[datetime | None]:
    """When each scan reads its table; None where it says no certain instant."""
    parameters = {(p.name or str(place)).lower(): p for place, p in enumerate(context.parameters, 1)}
    for scan in tree.walk(meaning.query.tree, ("TableScan",)):
        now = context.snapshot if tree.has(scan, "for_system_time_expr") else None
        at = instants(scan.for_system_time_expr, parameters, now) if now else None
        yield at.low if at else None
