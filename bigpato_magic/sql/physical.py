"""How GoogleSQL values are held in DuckDB: types, quoted names, literals.

What has no entry here has no local representation, and a query that needs it is refused.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Context, Decimal
from typing import Any

from bigpato_magic import bignumeric
from bigpato_magic.sql.expr import Expr, Facts, assemble
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.templates import leaf, parse
from bigpato_magic.types import ColumnStats, Kind, SqlType

SCALARS = {
    # Bytes in the numbers' own order; see `bignumeric`.
    Kind.BIGNUMERIC: "BLOB",
    Kind.BOOL: "BOOLEAN",
    Kind.BYTES: "BLOB",
    Kind.DATE: "DATE",
    Kind.DATETIME: "TIMESTAMP",
    Kind.FLOAT64: "DOUBLE",
    Kind.INT64: "BIGINT",
    Kind.INTERVAL: "INTERVAL",
    # The text of the value as TO_JSON_STRING prints it.
    Kind.JSON: "VARCHAR",
    Kind.NUMERIC: "DECIMAL(38,9)",
    Kind.STRING: "VARCHAR",
    Kind.TIME: "TIME",
    Kind.TIMESTAMP: "TIMESTAMPTZ",
}
FULL = (38, 9)
NARROW = 18
# Python's own context rounds to 28 digits.
EXACT = Context(prec=100)
EPOCH = datetime(1970, 1, 1)
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


def duck_type(type_: SqlType) -> str:
    """The DuckDB type that holds `type_`. A STRUCT's fields are f0, f1, …; their names return in the output.

    Raises:
        Unsupported: DuckDB has no type for it.
    """
    if type_.kind is Kind.ARRAY and type_.element is not None:
        return duck_type(type_.element) + "[]"
    if type_.kind is Kind.STRUCT and type_.fields:
        return f"STRUCT({', '.join(f'f{i} {duck_type(f.type)}' for i, f in enumerate(type_.fields))})"
    if type_.kind is Kind.RANGE and type_.element is not None:
        return f"STRUCT(f0 {duck_type(type_.element)}, f1 {duck_type(type_.element)})"
    if type_.kind not in SCALARS:
        refuse(f"{type_.kind} values", code="type")
    return SCALARS[type_.kind]


def same_physical(one: SqlType, other: SqlType) -> bool:
    """Do both types have one DuckDB representation (STRUCTs whose field names differ have)?"""
    if one.kind is not other.kind:
        return False
    if one.kind is Kind.STRUCT:
        pairs = zip(one.fields, other.fields, strict=False)
        return len(one.fields) == len(other.fields) and all(same_physical(a.type, b.type) for a, b in pairs)
    if one.element is not None and other.element is not None:
        return same_physical(one.element, other.element)
    return one.element is other.element


def identifier(name: str) -> str:
    """A quoted name.

    Raises:
        Unsupported: it holds NUL, which DuckDB's parser does not take.
    """
    if "\0" in name:
        refuse("the character NUL in a name", code="names")
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A VARCHAR literal.

    Raises:
        Unsupported: the text holds NUL, which DuckDB's parser does not take.
    """
    if "\0" in value:
        refuse("the character NUL in a literal", code="literal")
    return "'" + value.replace("'", "''") + "'"


def decimal_facts(value: Decimal) -> tuple[int, int]:
    """The smallest DECIMAL(p, s) that holds `value`."""
    _, digits, exponent = value.normalize(EXACT).as_tuple()
    scale = max(-int(exponent), 0)
    return max(len(digits) + max(int(exponent), 0), scale, 1), scale


def literal(value: Any, type_: SqlType) -> Expr:
    """A constant of a type.

    Args:
        value: a Python value (see `Expr.value`); a list for an ARRAY, a tuple for a STRUCT.
        type_: its type.

    Raises:
        Unsupported: DuckDB cannot hold it.
    """
    held = duck_type(type_)
    if value is None:
        facts = Facts(nan=False, decimal=(1, 0) if type_.kind is Kind.NUMERIC else None)
        sql = f"CAST(NULL AS {held})"
        return Expr(
            sql, type_, facts, literal=True, constant=True, folds_to_null=True, properties=parse(sql).properties({})
        )
    known: dict[str, Any] = {"literal": True, "value": value, "constant": True}
    if type_.kind is Kind.ARRAY and type_.element is not None:
        items = [full(literal(item, type_.element)) for item in value]
        return assemble(items, lambda parts: Expr(_list(parts, held), type_, Facts(nulls=False), **known))
    if type_.kind is Kind.STRUCT:
        items = [full(literal(v, f.type)) for v, f in zip(value, type_.fields, strict=True)]
        return assemble(items, lambda parts: Expr(_struct(parts, held), type_, Facts(nulls=False), **known))
    if type_.kind is Kind.RANGE and type_.element is not None:
        start, end = (literal(bound, type_.element) for bound in value)
        return assemble([start, end], lambda parts: Expr(_struct(parts, held), type_, Facts(nulls=False), **known))
    sql, facts = LITERALS[type_.kind](value)
    written = TOKENS.get(type_.kind) or parse(sql).tokens
    return Expr(sql, type_, facts, properties=leaf(written, len(sql)), **known)


def _list(items: list[Expr], held: str) -> str:
    return f"CAST([{', '.join(item.sql for item in items)}] AS {held})"


def _struct(items: list[Expr], held: str) -> str:
    fields = ", ".join(f"f{i} := {item.sql}" for i, item in enumerate(items))
    return f"CAST(struct_pack({fields}) AS {held})"


def full(e: Expr) -> Expr:
    """The same value as DECIMAL(38,9), where it is a NUMERIC held more narrowly."""
    if e.type.kind is not Kind.NUMERIC or e.facts.decimal in (None, FULL):
        return e
    wide = e.written("CAST({a} AS DECIMAL(38,9))").known(decimal=None)
    return replace(wide, literal=e.literal, value=e.value)


def _int64(value: int) -> tuple[str, Facts]:
    return (f"{value}::BIGINT" if value >= 0 else f"'{value}'::BIGINT"), Facts(nulls=False, low=value, high=value)


def _float64(value: float) -> tuple[str, Facts]:
    finite = abs(value) if math.isfinite(value) else None
    return f"'{value!r}'::DOUBLE", Facts(nulls=False, nan=math.isnan(value), magnitude=finite)


def _numeric(value: Decimal) -> tuple[str, Facts]:
    precision, scale = decimal_facts(value)
    sql = numeric(value, scale) or f"CAST('{value:.{scale}f}' AS DECIMAL({precision},{scale}))"
    return sql, Facts(nulls=False, zero=not value, decimal=(precision, scale))


def numeric(value: Decimal, scale: int) -> str | None:
    """A NUMERIC with at least as many places as it has, without a cast; None where it has too many digits for that."""
    precision, own = decimal_facts(value)
    if precision - own + scale > NARROW:
        return None
    # DuckDB reads digits with a point as a DECIMAL.
    return f"({value:.{scale}f}{'' if scale else '.'})"


def _bignumeric(value: Decimal) -> tuple[str, Facts]:
    return f"unhex('{bignumeric.encode(bignumeric.units(value)).hex()}')", Facts(nulls=False)


def _string(value: str) -> tuple[str, Facts]:
    return text(value), Facts(nulls=False, ascii=value.isascii())


def _json(value: str) -> tuple[str, Facts]:
    return text(value), Facts(nulls=False)


def _datetime(value: datetime) -> tuple[str, Facts]:
    return f"TIMESTAMP '{_iso(value)}'", Facts(nulls=False)


def _timestamp(value: int) -> tuple[str, Facts]:
    return f"TIMESTAMPTZ '{_iso(EPOCH + timedelta(microseconds=value))}+00'", Facts(nulls=False)


def _iso(value: datetime) -> str:
    # strftime('%Y') does not pad years before 1000.
    return value.replace(tzinfo=None).isoformat(" ", "microseconds")


def _date(value: date) -> tuple[str, Facts]:
    return f"DATE '{value.isoformat()}'", Facts(nulls=False)


def _time(value: time) -> tuple[str, Facts]:
    return f"TIME '{value.isoformat('microseconds')}'", Facts(nulls=False)


def _bool(value: bool) -> tuple[str, Facts]:
    return ("true" if value else "false"), Facts(nulls=False)


def _bytes(value: bytes) -> tuple[str, Facts]:
    return f"unhex('{value.hex()}')", Facts(nulls=False)


def _interval(value: tuple[int, int, int]) -> tuple[str, Facts]:
    months, days, micros = value
    return f"(to_months({months}) + to_days({days}) + to_microseconds({micros}))", Facts(nulls=False)


LITERALS: dict[Kind, Any] = {
    Kind.BIGNUMERIC: _bignumeric,
    Kind.BOOL: _bool,
    Kind.BYTES: _bytes,
    Kind.DATE: _date,
    Kind.DATETIME: _datetime,
    Kind.FLOAT64: _float64,
    Kind.INT64: _int64,
    Kind.INTERVAL: _interval,
    Kind.JSON: _json,
    Kind.NUMERIC: _numeric,
    Kind.STRING: _string,
    Kind.TIME: _time,
    Kind.TIMESTAMP: _timestamp,
}


# How many tokens a literal has (`Properties.tokens`); of other kinds some have more than others.
TOKENS = {
    Kind.BIGNUMERIC: 3,
    Kind.BOOL: 1,
    Kind.BYTES: 3,
    Kind.DATE: 2,
    Kind.DATETIME: 2,
    Kind.FLOAT64: 3,
    Kind.INT64: 3,
    Kind.JSON: 1,
    Kind.STRING: 1,
    Kind.TIME: 2,
    Kind.TIMESTAMP: 2,
}


# ------------------------------------------------------------------------------- columns of a copy


def stored(stats: ColumnStats | None, type_: SqlType) -> Facts:
    """What the statistics of a copy say of a column."""
    if stats is None:
        return Facts()
    nulls, nan, ascii_ = stats.nulls, stats.nan, stats.ascii
    if type_.kind is Kind.NUMERIC:
        return Facts(nulls, nan, ascii_, zero=_may_be_zero(stats), decimal=_digits(stats))
    if stats.low is None or stats.high is None:
        return Facts(nulls, nan, ascii_)
    if type_.kind is Kind.INT64:
        return Facts(nulls, nan, ascii_, int(stats.low), int(stats.high))
    if type_.kind is Kind.FLOAT64 and not nan:
        size = max(abs(float(stats.low)), abs(float(stats.high)))
        return Facts(nulls, nan, ascii_, magnitude=size if math.isfinite(size) else None)
    return Facts(nulls, nan, ascii_)


def _may_be_zero(stats: ColumnStats) -> bool:
    return stats.low is None or stats.high is None or Decimal(stats.low) <= 0 <= Decimal(stats.high)


def _digits(stats: ColumnStats) -> tuple[int, int] | None:
    """As many digits as its largest values have; None where it is no DECIMAL."""
    shape = _DECIMAL.fullmatch(stats.physical or "")
    if not shape:
        return None
    precision, scale = int(shape[1]), int(shape[2])
    if stats.low is None or stats.high is None:
        return precision, scale
    before = len(str(int(max(abs(Decimal(stats.low)), abs(Decimal(stats.high))))))
    return min(precision, before + scale), scale
