"""Aggregates and window functions whose value is computed from others, one SELECT above the GROUP BY or the window.

There each of the others is a column: cheap to repeat in a text, and computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from bigpato_magic.sql.compiler import Compiler
from bigpato_magic.sql.expr import Expr, assemble
from bigpato_magic.sql.relation import Relation


@dataclass(frozen=True, slots=True)
class PostAggregate:
    """A value that is still to be finished.

    Args:
        parts: what it is computed from.
        finish: computes it from the columns that the parts have become.
    """

    parts: tuple[Expr, ...]
    finish: Callable[[Sequence[Expr]], Expr]


@dataclass(frozen=True, slots=True)
class Pending:
    """A column whose value is staged, and the columns of its parts."""

    column: int
    staged: PostAggregate
    parts: tuple[int, ...]


def place(c: Compiler, results: Iterable[tuple[int, Expr | PostAggregate]]) -> list[Pending]:
    """Give the results their columns; of staged ones their parts, which are returned."""
    pending = []
    for column, result in results:
        if isinstance(result, Expr):
            c.columns[column] = result
            continue
        parts = tuple(c.own_column() for _ in result.parts)
        c.columns.update(zip(parts, result.parts, strict=True))
        pending.append(Pending(column, result, parts))
    return pending


def finished(c: Compiler, relation: Relation, pending: Iterable[Pending]) -> Relation:
    """The relation with all its columns; wrapped where some are staged."""
    wanted = list(relation.columns)
    staged = [each for each in pending if each.column in wanted]
    if not staged:
        return relation
    later = {each.column for each in staged}
    below = [i for i in wanted if i not in later] + [i for each in staged for i in each.parts]
    upper = c.wrap(relation, below)
    for each in staged:
        parts = [c.columns[i] for i in each.parts]
        value = assemble(parts, each.staged.finish)
        c.columns[each.column] = c.watched(replace(value, can_throw=any(part.can_throw for part in parts)))
    upper.columns = wanted
    return upper
