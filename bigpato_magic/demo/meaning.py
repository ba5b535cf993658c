"""What a SELECT of the demo warehouse means: Google's analyzer says it, of the text and of each view that it reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from bigpato_magic import googlesql
from bigpato_magic.demo.context import Context
from bigpato_magic.demo.history import TableState
from bigpato_magic.errors import AnalyzerUnavailable, QueryError, TableNotFound
from bigpato_magic.googlesql.routines import Ask
from bigpato_magic.resolved.determinism import repeatable
from bigpato_magic.types import AnalyzedQuery, OutputColumn, RoutineFacts, TableId

Lookup = Callable[[set[TableId]], Mapping[TableId, TableState]]
Visible = Callable[[TableState, bool], str]
"""A SELECT of a table's rows, with its pseudo-columns if so asked."""

_LOADING = 5.0  # seconds to wait for an analyzer that is being loaded; to compile it takes half a minute
MAX_VIEW_DEPTH = 16  # https://cloud.google.com/bigquery/quotas#view_limits
# Functions of BigQuery's own, ML.PREDICT and the like: the analyzer does not know them, BigQuery does.
_OTHERS = re.compile(r"Table-valued function not found|Function not found: \w+\.")
_SIGNATURES = re.compile(r"\s+Argument types: (.*)[\s\S]*")


@dataclass(frozen=True, slots=True)
class Meaning:
    """A query, resolved.

    Args:
        query: what the analyzer says of the text.
        states: of the tables and views that the text names, in its order.
        views: what those of the views that it reads mean, less the columns that it does not read.
    """

    query: AnalyzedQuery
    states: Mapping[TableId, TableState]
    views: Mapping[TableId, Meaning]

    @property
    def outputs(self) -> tuple[OutputColumn, ...]:
        """Names and types of the result."""
        return self.query.outputs

    def parts(self) -> Iterator[Meaning]:
        """This query and those of its views."""
        yield self
        for view in self.views.values():
            yield from view.parts()

    @property
    def tables(self) -> dict[TableId, TableState]:
        """The states of the tables that are read, those behind views too."""
        return {t: s for part in self.parts() for t, s in part.states.items() if s.definition is None}

    @property
    def columns(self) -> dict[TableId, frozenset[str]]:
        """Lower-case names of the columns that are read of each table."""
        columns: dict[TableId, frozenset[str]] = dict.fromkeys(self.tables, frozenset())
        for part in self.parts():
            for table in part.query.tables.keys() & columns.keys():
                columns[table] |= part.query.tables[table].columns
        return columns

    @property
    def routines(self) -> frozenset[RoutineFacts]:
        """The functions that are called, by views too."""
        return frozenset(routine for part in self.parts() for routine in part.query.routines.values())

    @property
    def repeatable(self) -> bool:
        """Whether the same rows give the same answer each time."""
        return all(repeatable(part.query.tree) for part in self.parts())


def meaning_of(sql: str, lookup: Lookup, context: Context, routines: Ask) -> Meaning | None:
    """What one query means; None where the analyzer is not ready, or leaves the query to BigQuery.

    Args:
        sql: the query.
        lookup: gives the states of tables, all of one instant; raises QueryError where one is not there.
        context: of the query.
        routines: gives functions, as they are now.

    Raises:
        QueryError: what BigQuery would say is wrong with it, and where.
    """
    if googlesql.state() is googlesql.State.LOADING:
        googlesql.wait(_LOADING)
    if not googlesql.ready():
        return None
    try:
        meaning = _meaning(sql, lookup, context, routines, MAX_VIEW_DEPTH)
    except AnalyzerUnavailable:
        return None
    except TableNotFound:
        raise
    except QueryError as error:
        if _OTHERS.match(error.message):
            return None
        raise _with_hint(error) from None
    _check_parameters(meaning.query, context)
    return meaning


def _meaning(sql: str, lookup: Lookup, context: Context, routines: Ask, depth: int) -> Meaning:
    if not depth:
        raise QueryError("Views are nested too deeply.")
    named = {path: context.full_name(path) for path in googlesql.table_names(sql)}
    states = lookup(set(named.values()))
    called = googlesql.named(sql, context.project, routines)
    query = googlesql.analyze(sql, {path: states[table] for path, table in named.items()}, context.parameters, called)
    views = {}
    for table, read in query.tables.items():
        if definition := states[table].definition:
            columns = ", ".join(f"`{name}`" for name in sorted(read.columns)) or "1 AS one"
            text = f"SELECT {columns} FROM ({definition})"
            views[table] = _meaning(text, lookup, replace(context, parameters=()), routines, depth - 1)
    return Meaning(query, {table: states[table] for table in named.values()}, views)


def _check_parameters(query: AnalyzedQuery, context: Context) -> None:
    known = {(p.name or str(place)).lower() for place, p in enumerate(context.parameters, 1)}
    for name in query.parameters:
        if name not in known:
            raise QueryError(f"Query parameter '{name}' not found", sql=query.sql)


def _with_hint(error: QueryError) -> QueryError:
    """One sentence, without the list of all signatures; the name that was probably meant is the way out."""
    message, _, meant = _SIGNATURES.sub(r" for argument types: \1", error.message).partition("; Did you mean ")
    hint = f"did you mean {meant}" if meant else error.hint
    return QueryError(message, sql=error.sql, line=error.line, column=error.column, hint=hint)
