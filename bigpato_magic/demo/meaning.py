"""What a SELECT of the demo warehouse means: Google's analyzer says it, of the text and of each view that it reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bigpato_magic import googlesql
from bigpato_magic.demo.context import Context, cannot
from bigpato_magic.demo.history import TableState, to_micros
from bigpato_magic.demo.wildcards import virtual
from bigpato_magic.errors import AnalyzerUnavailable, QueryError, TableNotFound
from bigpato_magic.googlesql.routines import Ask
from bigpato_magic.pruning.shards import UnclearShards, read_shards
from bigpato_magic.resolved.determinism import repeatable
from bigpato_magic.types import AnalyzedQuery, OutputColumn, RoutineFacts, TableId, TableRead, WildcardTable

Lookup = Callable[[set[TableId]], Mapping[TableId, TableState]]
Behind = Callable[[TableId], Sequence[TableState]]
"""The tables behind a wildcard."""
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
        states: of the tables and views that the text names, in its order; of a wildcard's, those that are read.
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
        # The result of a query over a wildcard is never reused:
        # https://cloud.google.com/bigquery/docs/querying-wildcard-tables#limitations
        return all(repeatable(part.query.tree) and not part.query.wildcards for part in self.parts())


def meaning_of(sql: str, lookup: Lookup, behind: Behind, context: Context, routines: Ask) -> Meaning | None:
    """What one query means; None where the analyzer is not ready, or leaves the query to BigQuery.

    Args:
        sql: the query.
        lookup: gives the states of tables, all of one instant; raises QueryError where one is not there.
        behind: gives the states of the tables that a wildcard stands for, of that instant.
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
        meaning = _Reader(lookup, behind, context, routines).meaning(sql, MAX_VIEW_DEPTH)
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


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads texts, those of views too; what it has is what `meaning_of` is given."""

    lookup: Lookup
    behind: Behind
    context: Context
    routines: Ask

    def meaning(self, sql: str, depth: int) -> Meaning:
        """What a text means, with so many views above one another at most."""
        if not depth:
            raise QueryError("Views are nested too deeply.")
        context = self.context
        named = {path: context.full_name(path) for path in googlesql.table_names(sql)}
        shards = {table: self.behind(table) for table in named.values() if table.is_wildcard}
        wildcards = {table: virtual(table, states) for table, states in shards.items()}
        states = dict(self.lookup(set(named.values()) - wildcards.keys()))
        described = {path: wildcards.get(table) or states[table] for path, table in named.items()}
        called = googlesql.named(sql, context.project, self.routines)
        query = _over_shards(googlesql.analyze(sql, described, context.parameters, called), wildcards, context)
        read = {state.id: state for some in shards.values() for state in some if state.id in query.tables}
        views = {
            t: self._view(states[t].definition, r, depth) for t, r in query.tables.items() if _is_view(states.get(t))
        }
        return Meaning(query, {**{t: states[t] for t in named.values() if t in states}, **read}, views)

    def _view(self, definition: str | None, read: TableRead, depth: int) -> Meaning:
        """What a view means, less the columns that are not read."""
        columns = ", ".join(f"`{name}`" for name in sorted(read.columns)) or "1 AS one"
        inner = replace(self, context=replace(self.context, parameters=()))
        return inner.meaning(f"SELECT {columns} FROM ({definition})", depth - 1)


def _is_view(state: TableState | None) -> bool:
    return state is not None and bool(state.definition)


def _over_shards(query: AnalyzedQuery, wildcards: Mapping[TableId, WildcardTable], context: Context) -> AnalyzedQuery:
    moment = to_micros(context.snapshot) if context.snapshot else None
    try:
        return read_shards(query, wildcards, context.parameters, None if moment is None else (moment, moment))
    except UnclearShards as error:
        raise cannot(str(error)) from None


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
