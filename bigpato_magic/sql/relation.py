"""A SELECT under construction. Scans add to it as long as SQL's order of clauses allows; then it goes into brackets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OrderItem:
    """An item of an ORDER BY clause.

    Args:
        by: the text of what rows are ordered by.
        direction: `ASC NULLS FIRST`, `DESC`, …, or empty.
    """

    by: str
    direction: str

    def __str__(self) -> str:
        return f"{self.by} {self.direction}" if self.direction else self.by


def listed(items: Iterable[OrderItem]) -> str:
    """The text of an ORDER BY clause's items."""
    return ", ".join(map(str, items))


@dataclass(slots=True)
class Relation:
    """One SELECT, whose column list is written last.

    Args:
        source: the FROM clause's text, None where there is none.
        columns: ids of the columns it gives (their texts are in the compiler).
        where: conditions, all of which must hold.
        group: the GROUP BY clause's text, empty where there is none.
        order: ORDER BY items.
        limit: ` LIMIT … OFFSET …`, or empty.
        ctes: WITH entries.
        recursive: whether one of them is.
        closed: its column texts hold aggregates or window functions, or rows were limited: nothing may be added.
        hidden: columns that must not be lost though nobody asked for them (the depth of a recursion).
        keys: ids of the columns that its rows were grouped by, for an order that leaves groups open.
        joined: `source` is a join, to be put in parentheses where it is a join's right side.
    """

    source: str | None = None
    columns: list[int] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    group: str = ""
    order: list[OrderItem] = field(default_factory=list)
    limit: str = ""
    ctes: list[str] = field(default_factory=list)
    recursive: bool = False
    closed: bool = False
    hidden: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    joined: bool = False

    @property
    def open(self) -> bool:
        """Nothing but FROM and WHERE so far: a WHERE, a join or a GROUP BY may still be added."""
        return not (self.group or self.order or self.limit or self.ctes or self.closed)

    def select(self, columns: str, *, order: bool = True) -> str:
        """The text, with this column list. A LIMIT always keeps its ORDER BY; `order=False` drops it elsewhere."""
        parts = [self._with(), "SELECT ", columns]
        if self.source:
            parts += [" FROM ", self.source]
        if self.where:
            parts += [" WHERE ", " AND ".join(self.where)]
        if self.group:
            parts += [" GROUP BY ", self.group]
        if self.order and (order or self.limit):
            parts += [" ORDER BY ", listed(self.order)]
        parts.append(self.limit)
        return "".join(parts)

    def _with(self) -> str:
        if not self.ctes:
            return ""
        return f"WITH {'RECURSIVE ' if self.recursive else ''}{', '.join(self.ctes)} "
