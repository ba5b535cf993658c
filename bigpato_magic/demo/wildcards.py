"""Wildcard tables of the demo warehouse: the tables behind them, and what BigQuery says of those that do not fit."""

from __future__ import annotations

from collections.abc import Collection

from bigpato_magic.demo.context import cannot
from bigpato_magic.demo.describe import facts_of
from bigpato_magic.demo.history import TableState, to_instant
from bigpato_magic.errors import QueryError
from bigpato_magic.types import TableId, TableKind, WildcardTable, wildcard_table


def virtual(wildcard: TableId, shards: Collection[TableState]) -> WildcardTable:
    """The virtual table over these shards.

    Raises:
        QueryError: BigQuery refuses it, or it is not known what it does.
    """
    name = f"{wildcard.project}:{wildcard.dataset}.{wildcard.table}"
    if not shards:
        raise QueryError(f"{name} does not match any table.")
    views = [str(state.id) for state in shards if state.kind in (TableKind.VIEW, TableKind.MATERIALIZED_VIEW)]
    if views:
        raise QueryError(f"Views cannot be queried through prefix. Matched views are: {', '.join(views)}")
    _see_that_types_agree(shards)
    table = wildcard_table(wildcard, [facts_of(state, to_instant(state.since)) for state in shards])
    if isinstance(table, str):
        raise cannot(table)
    return table


def _see_that_types_agree(shards: Collection[TableState]) -> None:
    seen: dict[str, str] = {}
    for column in (column for state in shards for column in state.columns):
        first = seen.setdefault(column.name.lower(), str(column.type))
        if first != str(column.type):
            raise QueryError(f"Cannot read field of type {column.type} as {first} Field: {column.name}")
