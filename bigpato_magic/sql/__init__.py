"""From GoogleSQL to DuckDB: `compile` makes DuckDB SQL of a resolved query by rules.

Importing it loads no rules: the first `compile` does (about 20 ms).
"""

from __future__ import annotations

from collections.abc import Mapping

from bigpato_magic.types import AnalyzedQuery, Compiled, LocalTable, Refused, TableId


def compile(  # noqa: A001 - the word of the whole project
    query: AnalyzedQuery,
    tables: Mapping[TableId, LocalTable],
    *,
    quarantined: frozenset[str] = frozenset(),
    inner: bool = False,
    exact: bool = False,
) -> Compiled | Refused:
    """DuckDB SQL that gives BigQuery's answer, or why there is none.

    Args:
        query: what Google's analyzer says that the text means.
        tables: what each table is in DuckDB.
        quarantined: names of rules (`Compiled.rules`) that must not be used.
        inner: its rows are no result, see `Compiled`.
        exact: approximate aggregate functions give the exact figure, where BigQuery has an estimate.
    """
    from bigpato_magic.sql.statement import compile_query

    return compile_query(query, tables, quarantined, inner=inner, exact=exact)
