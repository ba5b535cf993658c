"""The types of a result as Google's analyzer gives them, so that a frame of the demo has the dtypes of BigQuery's.

Only types are taken from it, and only when it is ready; the rows are DuckDB's, from sqlglot's translation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bigpato_magic.errors import AnalyzerUnavailable, QueryError
from bigpato_magic.types import Parameter, SqlType, TableId

if TYPE_CHECKING:
    from sqlglot import exp

    from bigpato_magic.demo.catalogue import TableState


def analyzed_types(
    query: exp.Query,
    states: Mapping[TableId, TableState],
    default: tuple[str, str | None],
    parameters: tuple[Parameter, ...],
) -> tuple[SqlType, ...] | None:
    """The types of the result's columns, or None where the analyzer is not ready or does not take the query."""
    from bigpato_magic import googlesql

    if not googlesql.ready():
        return None
    sql = query.sql(dialect="bigquery")
    try:
        named = {path: _full_name(path, default) for path in googlesql.table_names(sql)}
        found = googlesql.analyze(sql, {path: states[table] for path, table in named.items()}, parameters)
    except (AnalyzerUnavailable, QueryError, KeyError, ValueError):
        return None
    return tuple(output.type for output in found.outputs)


def _full_name(path: tuple[str, ...], default: tuple[str, str | None]) -> TableId:
    return TableId.parse(".".join(path), project=default[0], dataset=default[1])
