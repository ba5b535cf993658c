"""A query that reads tables as they were: when that is, and which of the copies here were the tables then.

Whether they really were, `tier.freshness.past` judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from bigpato_magic import googlesql
from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.pruning.instants import instants
from bigpato_magic.resolved import tree
from bigpato_magic.tier.freshness.past import REACH, of_then
from bigpato_magic.types import AnalyzedQuery, Instants, Reason, TableCopy, TableFacts, TableId

if TYPE_CHECKING:
    from bigpato_magic.runner.request import Request

Named = Mapping[tuple[str, ...], TableId]
Versions = Mapping[TableId, Sequence[TableCopy]]

_OTHER_ZONE = "America/Los_Angeles"
"""Where a time is that is written without a zone, here alone; all other texts are read as of UTC.

https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#for_system_time_as_of
"""


class UnclearPast(Exception):
    """It is not certain which instant a query reads a table at.

    Args:
        reason: why it is BigQuery's.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PastQuery:
    """A query over copies of the tables as they were.

    Args:
        query: what it means.
        present: the same, with the copies' content for the tables'.
        copies: of each table one that may have been the table then; `past` says when, where it is not now.
    """

    query: AnalyzedQuery
    present: AnalyzedQuery
    copies: Mapping[TableId, TableCopy]


def past_query(request: Request, tables: Named, versions: Versions) -> PastQuery:
    """What the query means, over copies of the tables as they were.

    Args:
        request: what was asked, with its moment.
        tables: that its text names.
        versions: the copies of each of them, the newest first; at least one.

    Raises:
        UnclearPast: it is not certain when the tables are read.
        QueryError: Google's analyzer refuses the query.
        AnalyzerUnavailable: it has no answer.
    """
    newest = {table: versions[table][0] for table in tables.values()}
    query, past = _read(request, tables, newest)
    copies = {table: of_then(versions[table], at) if at else versions[table][0] for table, at in past.items()}
    if any(copies[table].facts != newest[table].facts for table in copies):
        query, _ = _read(request, tables, newest | copies)
    return PastQuery(query, as_of_now(query), copies)


def as_of_now(query: AnalyzedQuery) -> AnalyzedQuery:
    """The same query of the tables as they are."""
    statement = type(query.tree)()
    statement.CopyFrom(query.tree)
    for scan in tree.walk(statement, ("TableScan",)):
        scan.ClearField("for_system_time_expr")
    return replace(query, tree=statement)


def _read(
    request: Request, tables: Named, copies: Mapping[TableId, TableCopy]
) -> tuple[AnalyzedQuery, Mapping[TableId, Instants | None]]:
    """What the query means, and when it reads each table: None for now."""
    facts = {path: _facts_of(copies[table]) for path, table in tables.items()}
    query = googlesql.analyze(request.sql, facts, request.parameters)
    elsewhere = query
    if request.as_of is None:
        elsewhere = googlesql.analyze(request.sql, facts, request.parameters, zone=_OTHER_ZONE)
    past: dict[TableId, Instants | None] = {}
    for table, one, other in zip(_read_tables(query), _times(query, request), _times(elsewhere, request), strict=True):
        at = one.or_else(other) if one and other else None
        if past.setdefault(table, at) != at:
            raise UnclearPast(Reason("as-of", f"{table.table} is read at two times: BigQuery decides on that", table))
    return query, past


def _read_tables(query: AnalyzedQuery) -> Iterator[TableId]:
    return (TableId.parse(scan.table.full_name) for scan in tree.walk(query.tree, ("TableScan",)))


def _times(query: AnalyzedQuery, request: Request) -> Iterator[Instants | None]:
    """When each scan reads its table, None for now."""
    if request.as_of is not None:
        yield from (Instants(request.as_of, request.as_of) for _ in _read_tables(query))
        return
    parameters = {(p.name or str(place)).lower(): p for place, p in enumerate(request.parameters, 1)}
    for scan in tree.walk(query.tree, ("TableScan",)):
        if not tree.has(scan, "for_system_time_expr"):
            yield None
            continue
        at = instants(scan.for_system_time_expr, parameters, request.moment) if request.moment else None
        if at is None:
            raise UnclearPast(Reason("as-of", "the instant of FOR SYSTEM_TIME AS OF is left to BigQuery to compute"))
        yield at


def out_of_reach(copies: Iterable[TableCopy], moment: datetime) -> Iterator[Reason]:
    """Why BigQuery may refuse to read tables as of then.

    Args:
        copies: in place of the tables.
        moment: of the query.
    """
    for copy in copies:
        name, at = copy.table.table, copy.past
        if at is not None and at.high > moment:
            why = f"{name} is read as of the future, or of a time in a zone that is not said"
            yield Reason("as-of", why, copy.table)
        if at is not None and at.low < moment - REACH:
            hours = int(REACH.total_seconds() // 3600)
            why = f"{name} is read as of more than {hours} hours ago, which its dataset may not remember"
            yield Reason("as-of", why, copy.table)


def _facts_of(copy: TableCopy) -> TableFacts:
    if copy.facts is None:
        raise AnalyzerUnavailable(f"the copy of {copy.table.table} does not know its table's schema")
    return copy.facts
