"""Parameters whose meaning only BigQuery knows: a query with one runs there."""

from __future__ import annotations

from collections.abc import Sequence

from bigpato_magic.parameters import only_bigquery
from bigpato_magic.resolved.unnested import Key, used_as_a_whole
from bigpato_magic.types import AnalyzedQuery, Kind, Parameter, Reason


def unclear(query: AnalyzedQuery, parameters: Sequence[Parameter]) -> tuple[Reason, ...]:
    """Why the query cannot be answered here with these values; nothing where it can."""
    why = only_bigquery(parameters) or _emptied(query, parameters)
    return (Reason("parameter", why),) if why else ()


def _emptied(query: AnalyzedQuery, parameters: Sequence[Parameter]) -> str | None:
    """BigQuery's API writes an empty array and a NULL one alike, and BigQuery seems to read NULL.

    https://github.com/googleapis/python-bigquery/issues/2325
    """
    empty = {_key(p, place) for place, p in enumerate(parameters, 1) if p.type.kind is Kind.ARRAY and not p.value}
    key = min(empty & used_as_a_whole(query.tree), default=None) if empty else None
    return f"BigQuery may take the empty array {_spelled(key)} for NULL" if key else None


def _key(parameter: Parameter, place: int) -> Key:
    return ("", place) if parameter.name is None else (parameter.name.lower(), 0)


def _spelled(key: Key) -> str:
    return f"@{key[0]}" if key[0] else f"of parameter {key[1]}"
