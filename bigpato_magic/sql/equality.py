"""`a = b` where DuckDB's own `=` says something else: FLOAT64 with NaN, and STRUCT.

GoogleSQL's NaN equals nothing, DuckDB's itself. A STRUCT equals another where all fields do: false where one pair
differs, else NULL where one is NULL; DuckDB takes NULL fields for values.
https://cloud.google.com/bigquery/docs/reference/standard-sql/operators#comparison_operators
"""

from __future__ import annotations

from collections.abc import Sequence

from bigpato_magic.sql.expr import Expr
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.types import Kind, SqlType

MACROS = {
    "bp_float_eq(a, b)": "CASE WHEN isnan(a) AND isnan(b) THEN false ELSE a = b END",
    "bp_float_ne(a, b)": "CASE WHEN isnan(a) AND isnan(b) THEN true ELSE a <> b END",
    "bp_float_lt(a, b)": "CASE WHEN isnan(b) AND a IS NOT NULL THEN false ELSE a < b END",
    "bp_float_le(a, b)": "CASE WHEN isnan(b) AND a IS NOT NULL THEN false ELSE a <= b END",
    # Of a list of truths: is one true? NULL where one may be.
    "bp_any_true(l)": "CASE WHEN l IS NULL OR len(l) = 0 THEN false WHEN list_contains(l, true) THEN true "
    "WHEN len(l) <> list_aggregate(l, 'count') THEN NULL ELSE false END",
}
FLOAT_MACROS = {"=": "bp_float_eq", "<>": "bp_float_ne", "<": "bp_float_lt", "<=": "bp_float_le"}
MIRRORED = {">": "<", ">=": "<="}
# What BigQuery does not compare, or DuckDB's representation does not tell apart.
UNEQUAL = (Kind.ARRAY, Kind.GEOGRAPHY, Kind.INTERVAL, Kind.JSON, Kind.RANGE)


def compare_floats(op: str, a: Expr, b: Expr) -> str:
    """`a op b` as IEEE 754 says: false (for `<>` true) where either is NaN."""
    exact = not (a.facts.nan or b.facts.nan)
    # One side free of NaN: equality is false anyway. DuckDB's NaN is the largest: only a NaN on the larger side
    # matters.
    if op in ("=", "<>"):
        exact = not (a.facts.nan and b.facts.nan)
    elif op in ("<", "<="):
        exact = not b.facts.nan
    elif op in MIRRORED:
        exact = not a.facts.nan
    if exact:
        return f"({a.sql} {op} {b.sql})"
    if op in MIRRORED:
        return f"{FLOAT_MACROS[MIRRORED[op]]}({b.sql}, {a.sql})"
    return f"{FLOAT_MACROS[op]}({a.sql}, {b.sql})"


def equal(a: Expr, b: Expr) -> str:
    """`a = b`. Both are mentioned once for each field of a STRUCT.

    Raises:
        Unsupported: one of the types inside cannot be compared.
    """
    kind = a.type.kind
    if kind in UNEQUAL:
        refuse(f"the comparison of {a.type} values", code="type")
    if kind is Kind.FLOAT64:
        return compare_floats("=", a, b)
    if kind is not Kind.STRUCT:
        return f"({a.sql} = {b.sql})"
    if len(a.type.fields) != len(b.type.fields):
        refuse(f"the comparison of {a.type} with {b.type} values", code="type")
    pairs = zip(fields(a), fields(b), strict=True)
    return f"({' AND '.join(equal(x, y) for x, y in pairs)})"


def fields(e: Expr) -> list[Expr]:
    """The fields of a STRUCT, NULL where it is NULL."""
    return [Expr(f"({e.sql}).f{i}", field.type) for i, field in enumerate(e.type.fields)]


def equals_any(value: Expr, options: Sequence[Expr]) -> str:
    """`value IN (…)`."""
    return f"({' OR '.join(equal(value, option) for option in options)})"


def in_array(value: Expr, array: str, element: SqlType, item: str) -> str:
    """`value IN UNNEST(array)`; `item` is a name for a lambda's variable."""
    return f"bp_any_true(list_transform({array}, lambda {item}: {equal(value, Expr(item, element))}))"
