"""What an answer of BigQuery is an answer to: its meaning, and the states of the tables that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from bigpato_magic.resolved.canonical import question
from bigpato_magic.types import AnalyzedQuery, Basis, QueryResult, QuerySource, TableFacts, TableId

if TYPE_CHECKING:
    from bigpato_magic.runner.request import Request


def source_of(
    request: Request, query: AnalyzedQuery, result: QueryResult, before: Mapping[TableId, TableFacts], now: datetime
) -> QuerySource | None:
    """The query as a kept answer knows it; None where another run might mean something else, or a table is not known.

    Args:
        request: what was asked.
        query: what that means.
        result: BigQuery's answer.
        before: what BigQuery had said of the tables before it ran the query.
        now: by the server's clock, after the answer.
    """
    if result.statement != "SELECT" or request.options.snapshot is not None or not query.tables.keys() <= before.keys():
        return None
    if query.routines:
        return None  # they were told after the job began, and may have been others then
    if query.wildcards:
        return None  # nor does anybody know which shards there were when it began
    today = request.moment.date() if request.moment else None
    if today is not None and today != now.date():
        return None  # at midnight nobody knows which day BigQuery has taken for today
    asked = question(query, request.parameters, today)
    if asked is None:
        return None
    bases = tuple(Basis(before[t], read.columns, before[t].checked_at) for t, read in query.tables.items())
    job = result.bytes_billed, result.seconds
    slots = None if result.cache_hit else result.slot_ms  # from its cache it computed nothing
    return QuerySource(asked.digest, asked.columns, asked.order, bases, request.sql, *job, now, slots, asked.grouping)
