"""A compiled expression: DuckDB text, its GoogleSQL type, and what is known of its values.

Facts make cheaper rules faithful: a FLOAT64 that is never NaN compares as DuckDB compares, an integer in a known range
needs no guard. A fact that is not proven has its careful default, so `UNKNOWN` is always right.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

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


# What stands before a column's name.
_ALIAS = re.compile(r"\b(t\d+)\.")

UNKNOWN = Facts()
NOT_NULL = Facts(nulls=False)
NO_NAN = Facts(nan=False)
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
        value: of a literal; None is NULL. see `googlesql.values`.
        keyword: of an argument that is a keyword and not a value: `DAY`, `WEEK_MONDAY`, `NFC`.
        raises: its evaluation may raise.
        fixed: it is made of literals and parameters, so that DuckDB may know its value beforehand.
        folds: DuckDB may know beforehand that it is NULL, and then does not look at what stands beside it.
    """

    sql: str
    type: SqlType
    facts: Facts = UNKNOWN
    plain: bool = False
    literal: bool = False
    value: Any = None
    keyword: str | None = None
    raises: bool = False
    fixed: bool = False
    folds: bool = False

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

    @property
    def aliases(self) -> set[str]:
        """What of a FROM clause its text mentions; never too few."""
        return set(_ALIAS.findall(self.sql))

    def known(self, **facts: Any) -> Expr:
        """The same expression with more facts."""
        return replace(self, facts=replace(self.facts, **facts))

    def text(self, sql: str) -> Expr:
        """The same value and facts, written otherwise (so no column or literal any more)."""
        return replace(self, sql=sql, plain=False, literal=False, value=None)


def type_key(type_: SqlType) -> str:
    """A type as rule signatures spell it; the inside of a STRUCT is left out."""
    if type_.kind is Kind.ARRAY and type_.element is not None:
        return f"ARRAY<{type_.element.kind}>"
    return str(type_.kind)
