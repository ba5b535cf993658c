"""A compiled expression: DuckDB text, its GoogleSQL type, and what is known of its values.

Facts make cheaper rules faithful: a FLOAT64 that is never NaN compares as DuckDB compares, an integer in a known range
needs no guard. A fact that is not proven has its careful default, so `UNKNOWN` is always right.

What is known of the text itself (`Properties`) is composed when it is built of its parts (`assemble`); nothing looks into
a finished text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

from bigpato_magic.sql.templates import NOTHING, Filling, Properties, Template, fill, leaf, mark, parse
from bigpato_magic.types import Kind, SqlType


@dataclass(frozen=True, slots=True)
class Facts:
    """What is certain of an expression's values.

    Args:
        nulls: may be NULL.
        nan: may be NaN; FLOAT64 only.
        ascii: all text is ASCII; STRING only.
        low: no smaller value occurs; INT64 only.
        high: no larger value occurs; INT64 only.
        magnitude: no value is larger than this in absolute value, so none is infinite or NaN; FLOAT64 only.
        whole: all values are whole numbers, so none lies between 0 and 1; FLOAT64 only.
        zero: may be 0; NUMERIC only.
        decimal: precision and scale of the DuckDB DECIMAL that the text gives; NUMERIC and BIGNUMERIC only.
            None means (38, 9).
    """

    nulls: bool = True
    nan: bool = True
    ascii: bool = False
    low: int | None = None
    high: int | None = None
    magnitude: float | None = None
    whole: bool = False
    zero: bool = True
    decimal: tuple[int, int] | None = None


# What DuckDB keeps the smallest and largest value of.
MEASURED = (
    Kind.DATE,
    Kind.DATETIME,
    Kind.FLOAT64,
    Kind.INT64,
    Kind.NUMERIC,
    Kind.TIME,
    Kind.TIMESTAMP,
)

UNKNOWN = Facts()
NOT_NULL = Facts(nulls=False)
ASCII = Facts(ascii=True)


def either(exprs: Sequence[Expr]) -> Facts:
    """What is certain of a value that is one of these (COALESCE, CASE, UNION), but for the width of a NUMERIC."""
    facts = [e.facts for e in exprs if not e.is_null]
    lows, highs = [f.low for f in facts], [f.high for f in facts]
    sizes = [f.magnitude for f in facts]
    return Facts(
        nulls=any(e.facts.nulls for e in exprs),
        nan=any(f.nan for f in facts),
        ascii=all(f.ascii for f in facts),
        low=None if None in lows or not lows else min(x for x in lows if x is not None),
        high=None if None in highs or not highs else max(x for x in highs if x is not None),
        magnitude=None if None in sizes or not sizes else max(x for x in sizes if x is not None),
        whole=all(f.whole for f in facts),
        zero=any(f.zero for f in facts),
    )


def between(low: int, high: int) -> Facts:
    """An INT64 from `low` to `high`, both included (or NULL)."""
    return Facts(low=low, high=high)


@dataclass(frozen=True, slots=True)
class Expr:
    """A compiled expression.

    Args:
        sql: DuckDB text, safe to put anywhere in an expression (parenthesised where needed).
        type: its GoogleSQL type.
        facts: what is certain of its values.
        plain: a bare reference to a column: cheap to repeat, cannot fail.
        literal: a constant that the query spells; `value` is its Python value.
        value: of a literal; None is NULL. see `resolved.values`.
        keyword: of an argument that is a keyword and not a value: `DAY`, `WEEK_MONDAY`, `NFC`.
        can_throw: its evaluation may raise.
        apart: it is computed by another operator of DuckDB's (a subquery, a query below), for every row, if anything
            reads it.
        constant: it is made of literals and parameters, so that DuckDB may know its value beforehand.
        folds_to_null: DuckDB may know beforehand that it is NULL, and then does not look at what stands beside it.
        joins: as a condition it is what DuckDB makes a join of.
        properties: of its text; of an argument's text, where a rule sees a mark for it.
        negated: NOT of it, where DuckDB's optimizer sees through that and not through `NOT (…)`.
        integer: of a NUMERIC that was an INT64 column, that column.
    """

    sql: str
    type: SqlType
    facts: Facts = UNKNOWN
    plain: bool = False
    literal: bool = False
    value: Any = None
    keyword: str | None = None
    can_throw: bool = False
    apart: bool = False
    constant: bool = False
    folds_to_null: bool = False
    joins: bool = False
    properties: Properties = NOTHING
    negated: Expr | None = None
    integer: Expr | None = None

    @property
    def key(self) -> str:
        """Its type as signatures have it: `INT64`, `ARRAY<STRING>`, `ARRAY<STRUCT>`, `STRUCT`, `ENUM` for a keyword."""
        return "ENUM" if self.keyword is not None else type_key(self.type)

    @property
    def is_null(self) -> bool:
        """A literal NULL."""
        return self.literal and self.value is None and self.keyword is None

    @property
    def simple(self) -> bool:
        """A column or a literal: cheap to repeat, and its evaluation cannot fail."""
        return self.plain or self.literal

    def known(self, **facts: Any) -> Expr:
        """The same expression with more facts."""
        return replace(self, facts=replace(self.facts, **facts))

    @property
    def opaque(self) -> Expr:
        """The same value, of which DuckDB's optimizer knows nothing: so what reads it has it evaluated for every row.

        Of a function that takes one argument of any type it knows least (`docs/optimizer.md`); numbers bring their
        statistics, which a NULL takes away.
        """
        template = "greatest({a}, NULL)" if self.type.kind in MEASURED else "greatest({a})"
        return self.written(template)

    def text(self, sql: str) -> Expr:
        """The same value and facts, written otherwise (so no column or literal any more)."""
        return replace(self, sql=sql, plain=False, literal=False, value=None, negated=None, integer=None)

    def written(self, template: str) -> Expr:
        """As `text`, by a template in which `{a}` is its text as it was."""
        parsed = _of_one(template)
        sql, properties = parsed.fill({ONE: self}), parsed.properties({ONE: self})
        return Expr(sql, self.type, self.facts, False, False, None, self.keyword, *self.evaluation, properties)

    @property
    def evaluation(self) -> tuple[bool, bool, bool, bool, bool]:
        """`can_throw`, `apart`, `constant`, `folds_to_null` and `joins`, in the order of the fields."""
        return self.can_throw, self.apart, self.constant, self.folds_to_null, self.joins

    # `replace` takes three times as long as what follows.

    def with_evaluation(self, evaluation: tuple[bool, bool, bool, bool, bool]) -> Expr:
        """The same, with another `evaluation`."""
        value = (self.plain, self.literal, self.value, self.keyword)
        return Expr(self.sql, self.type, self.facts, *value, *evaluation, self.properties, self.negated, self.integer)

    def with_text(self, sql: str, properties: Properties, negated: Expr | None, integer: Expr | None) -> Expr:
        """The same, with another text."""
        value = (self.plain, self.literal, self.value, self.keyword)
        return Expr(sql, self.type, self.facts, *value, *self.evaluation, properties, negated, integer)


ONE = mark(0)


@cache
def _of_one(template: str) -> Template:
    return parse(fill(template, {"a": ONE}))


def column(sql: str, alias: str, type_: SqlType, facts: Facts = UNKNOWN) -> Expr:
    """A column of what a FROM clause calls `alias`."""
    return Expr(sql, type_, facts, plain=True, properties=leaf(3, len(sql), alias))


def part_of(whole: Expr, part: Expr) -> Expr:
    """A field of a value: it is evaluated as all of it is, and may be NULL where the value is a constant."""
    return part.with_evaluation(
        (whole.can_throw, whole.apart, whole.constant, whole.folds_to_null or whole.constant, part.joins)
    )


def assemble(exprs: Sequence[Expr], build: Callable[[list[Expr]], Expr]) -> Expr:
    """What is built of expressions.

    Args:
        exprs: the parts.
        build: writes the text. It is handed the parts with marks for their texts, and all else that is known of them, so
            what it gives is a template.
    """
    marks = Marks()
    return marks.filled(build([marks.marked(e) for e in exprs]))


class Clause(NamedTuple):
    """A text that is no expression."""

    sql: str
    properties: Properties = NOTHING


class Marks:
    """The parts for whose texts marks stand in a template; equal texts have one mark."""

    def __init__(self) -> None:
        self._marked: dict[str, tuple[Expr, Expr]] = {}
        self._parts: dict[str, Filling] = {}

    def marked(self, e: Expr) -> Expr:
        """The expression with a mark for its text."""
        if e.keyword is not None:
            return e
        negated = None if e.negated is None else self.marked(e.negated)
        integer = None if e.integer is None else self.marked(e.integer)
        known, marked = self._marked.get(e.sql, (None, None))
        if marked is not None and known is e:
            return marked  # one part that is given twice is one
        place = mark(len(self._marked)) if marked is None else marked.sql
        self._parts.setdefault(place, e)
        again = e.with_text(place, e.properties, negated, integer)
        self._marked.setdefault(e.sql, (e, again))
        return again

    def put(self, place: str, sql: str) -> None:
        """Let a mark stand for a text that is no expression."""
        self._parts[place] = Clause(sql)

    def filled(self, e: Expr) -> Expr:
        """An expression whose text is a template, with the texts for the marks."""
        template = parse(e.sql)
        negated = None if e.negated is None else self.filled(e.negated)
        integer = None if e.integer is None else self.filled(e.integer)
        return e.with_text(template.fill(self._parts), template.properties(self._parts), negated, integer)


def type_key(type_: SqlType) -> str:
    """A type as rule signatures spell it; the inside of a STRUCT is left out."""
    if type_.kind is Kind.ARRAY and type_.element is not None:
        return f"ARRAY<{type_.element.kind}>"
    return str(type_.kind)
