"""A query that DuckDB cannot answer as a whole: is there a part that it can begin, and the evaluator finish?"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from bigpato_magic import googlesql
from bigpato_magic.errors import AnalyzerUnavailable, QueryError
from bigpato_magic.types import AnalyzedQuery, LocalTable, Refused, Split, TableCopy, TableId

log = logging.getLogger(__name__)


def split(
    query: AnalyzedQuery,
    tables: Mapping[TableId, LocalTable],
    copies: Mapping[TableId, TableCopy],
    quarantined: frozenset[str],
    most: int,
) -> Split | Refused | None:
    """The query in two; why not, where only what is above stands in the way; None where there is nothing to say.

    Args:
        query: one that does not compile as a whole.
        tables: what each table is in DuckDB.
        copies: of the tables.
        quarantined: names of rules that must not be used.
        most: rows that the evaluator takes.
    """
    from bigpato_magic.sql.lower_part import (  # it loads the rules, as the first compilation does
        CompiledSplit,
        compile_lower,
    )

    split_query = compile_lower(
        query, tables, {t: copies[t].rows for t in query.tables}, most=most, quarantined=quarantined
    )
    if not isinstance(split_query, CompiledSplit):
        return split_query
    try:
        return Split(split_query.lower, googlesql.prepare_upper(split_query.tree, query.outputs, most=most))
    except (QueryError, AnalyzerUnavailable) as error:
        log.debug("a query cannot be finished by the evaluator: %s", error)
        return None
