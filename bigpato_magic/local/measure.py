"""The facts of a file that was just written: they make cheaper rules faithful, so each must be certain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bigpato_magic.local.columns import parse_decimal
from bigpato_magic.sql.physical import identifier
from bigpato_magic.types import Column, ColumnStats, Kind

_ORDERED = frozenset({Kind.INT64, Kind.FLOAT64, Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP, Kind.TIME, Kind.NUMERIC})


def measure(run: Callable[[str], Any], relation: str, columns: Sequence[Column]) -> tuple[int, dict[str, ColumnStats]]:
    """Rows of `relation`, and what is certain of each column; most of it DuckDB knows without reading the rows.

    Args:
        run: executes SQL and gives a cursor.
        relation: a table in a file.
        columns: of it.
    """
    held = {str(name).lower(): str(type_) for name, type_, *_ in run(f"DESCRIBE {relation}").fetchall()}
    facts = [(c, key, sql) for c in columns for key, sql in _facts(c, held[c.name.lower()]).items()]
    rows, *values = run(f"SELECT {', '.join(['count(*)', *(sql for _, _, sql in facts)])} FROM {relation}").fetchone()
    values_of: dict[str, dict[str, Any]] = {c.name.lower(): {} for c in columns}
    for (column, key, _), value in zip(facts, values, strict=True):
        values_of[column.name.lower()][key] = value
    return rows, {c.name.lower(): _stats(c, values_of[c.name.lower()], held[c.name.lower()]) for c in columns}


def scale_of(value: str, precision: int, scale: int) -> str:
    """SQL of the most digits after the point that a DECIMAL column uses; 0 for no rows."""
    if precision > 18:
        # Remainders of 128-bit numbers cost twenty times those of 64-bit ones, so the billions are taken off first.
        value = f"CAST({value} % CAST(1000000000 AS DECIMAL({precision},{scale})) AS DECIMAL(18,{scale}))"
    whens = [f"WHEN {_all_multiples(value, k, min(precision, 18), scale)} THEN {k}" for k in range(scale)]
    return f"CASE {' '.join(whens)} ELSE {scale} END" if whens else "0"


def _all_multiples(value: str, digits: int, precision: int, scale: int) -> str:
    if precision == scale and not digits:
        return f"coalesce(bool_and({value} = 0), true)"  # 1 is too large for such a DECIMAL
    unit = f"CAST('{10.0**-digits:.{digits}f}' AS DECIMAL({precision},{scale}))"
    return f"coalesce(bool_and({value} % {unit} = 0), true)"


def _facts(column: Column, held: str) -> dict[str, str]:
    name, kind = identifier(column.name), column.type.kind
    if kind is Kind.ARRAY:
        return {}
    facts = {"nulls": f"count({name}) < count(*)"}
    if kind in _ORDERED:
        facts |= {"low": f"CAST(min({name}) AS VARCHAR)", "high": f"CAST(max({name}) AS VARCHAR)"}
    if kind is Kind.FLOAT64:
        facts["nan"] = f"coalesce(bool_or(isnan({name})), false)"
    if kind is Kind.STRING:
        facts["ascii"] = f"coalesce(bool_and(strlen({name}) = length({name})), true)"
    if kind is Kind.NUMERIC:
        facts["scale"] = scale_of(name, *parse_decimal(held))
    return facts


def _stats(column: Column, values: Mapping[str, Any], held: str) -> ColumnStats:
    nan = bool(values.get("nan", False))
    narrow = column.type.kind is Kind.NUMERIC and held != "DECIMAL(38,9)"
    return ColumnStats(
        nulls=bool(values.get("nulls", False)),
        nan=nan,
        ascii=bool(values.get("ascii", False)),
        # NaN would be the largest value; GoogleSQL has it smallest.
        low=None if nan else values.get("low"),
        high=None if nan else values.get("high"),
        scale=values.get("scale"),
        physical=held if narrow else None,
    )
