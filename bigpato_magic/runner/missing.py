"""A table that does not exist: where the query names it, and which names are near. Asks nothing that is billed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeVar

from bigpato_magic import places
from bigpato_magic.errors import BigPatoError, TableNotFound
from bigpato_magic.googlesql.lexer import outside

if TYPE_CHECKING:
    from bigpato_magic.tier.tier import Tier
    from bigpato_magic.warehouse.base import Warehouse

T = TypeVar("T")

_PATIENCE = 2.0
"""Seconds that an error waits for the list of a dataset's tables."""
_NEAR = 0.6
"""How alike two names are at least, 0 to 1, as `difflib` counts."""


def enrich(error: TableNotFound, sql: str, warehouse: Warehouse, tier: Tier, pool: Executor) -> None:
    """Let the error tell where the query names the table, and what it may have meant; it is changed in place.

    Args:
        error: as the warehouse gave it.
        sql: of the query, '' where it is not about one.
        warehouse: whose lists are asked for (free).
        tier: knows the tables that were used or are here.
        pool: to ask in, so that the error need not wait for long.
    """
    if not error.path:
        return
    if error.line is None and sql:
        error.sql = sql
        error.line, error.column = _place(sql, error.path[-1])
    near = _near(error.path, warehouse, tier, pool)
    if near:
        error.hint = f"did you mean {' or '.join(near)}?"


def _place(sql: str, name: str) -> tuple[int, int] | tuple[None, None]:
    """Where a name stands outside of strings and comments."""
    mention = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", outside(sql))
    return places.place_of(sql, mention.start()) if mention else (None, None)


def _near(path: tuple[str, ...], warehouse: Warehouse, tier: Tier, pool: Executor) -> list[str]:
    """Names like the missing one: in its own dataset, then elsewhere among the tables that were used or are here."""
    used = list(tier.copies())
    with suppress(BigPatoError):
        used += tier.usage.totals()
    # Of a table that was dropped, its own name is remembered: it is no hint.
    used = [t for t in used if (t.project, t.dataset, t.table) != path]
    project, dataset, *table = path
    if not table:
        datasets = _soon(pool, lambda: warehouse.datasets(project))
        return _alike(dataset, [*datasets, *(t.dataset for t in used if t.project == project)])
    there = _soon(pool, lambda: warehouse.tables(project, dataset))
    names = [t.table for t in (*there, *used) if (t.project, t.dataset) == (project, dataset)]
    elsewhere = [f"{t.dataset}.{t.table}" for t in used if t.table.lower() == table[0].lower()]
    return _alike(table[0], names) or sorted(set(elsewhere))[:3]


def _alike(name: str, names: Iterable[str]) -> list[str]:
    """Up to three of the names, without regard to case, the nearest first."""
    by_lower = {known.lower(): known for known in names}
    return [by_lower[near] for near in get_close_matches(name.lower(), by_lower, n=3, cutoff=_NEAR)]


def _soon(pool: Executor, ask: Callable[[], list[T]]) -> list[T]:
    """What is asked for; an error stays unsaid: the one that is being told weighs more."""
    try:
        return pool.submit(ask).result(_PATIENCE)
    except (BigPatoError, TimeoutError):
        return []
