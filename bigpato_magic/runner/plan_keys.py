"""What tells one plan, or one run, from another: keys of what the planner remembers."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from bigpato_magic.lru import hashable
from bigpato_magic.runner.kept import Copies, Named
from bigpato_magic.types import Compiled, RunSplit, Split

if TYPE_CHECKING:
    from bigpato_magic.runner.request import Request


def plan_key(request: Request, tables: Named, copies: Copies, quarantined: frozenset[str]) -> tuple[object, ...]:
    """What a plan over these copies depends on."""
    return (
        request.sql,
        # As text: 0.0 and -0.0 are equal to Python, and not to a query.
        tuple((p.name, p.type, repr(p.value) if tables else None) for p in request.parameters),
        tuple((path, table, copies[table].id if table in copies else None) for path, table in tables.items()),
        quarantined,
        request.hour,
        request.exact,
    )


def run_key(request: Request, compiled: Compiled) -> Hashable:
    """What tells one run from another; the SQL names copies, which do not change."""
    return hashable((compiled.sql, *(p.value for p in request.parameters)))


def lower_key(request: Request, parts: Split | RunSplit) -> tuple[object, ...]:
    """What tells one lower part from another; the SQL names copies, which do not change."""
    return (parts.compiled.sql, parts.upper.sql, hashable(tuple(p.value for p in request.parameters)))
