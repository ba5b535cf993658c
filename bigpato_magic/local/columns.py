"""How a BigQuery column lies in a copy's DuckDB file: which may lie there, and the SQL that brings it into shape.

The types themselves are `sql.physical`'s, so that compiled SQL reads a copy without a cast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from bigpato_magic.sql.physical import SCALARS, duck_type, identifier
from bigpato_magic.types import Column, ColumnStats, Kind, SqlType

NOT_COPIED = frozenset({Kind.BIGNUMERIC, Kind.GEOGRAPHY, Kind.RANGE, Kind.INTERVAL})
"""DuckDB would read a BIGNUMERIC as a DOUBLE without a word; for the others there are no rules."""

WIDTHS = (9, 18, 38)
"""The precisions that DuckDB computes with: 32, 64 and 128 bits wide. https://duckdb.org/docs/stable/sql/data_types/numeric"""


MICROSECONDS = 6
"""Digits of a second that DuckDB's TIMESTAMP has."""


def storable(column: Column) -> bool:
    """May a copy hold it?"""
    return why_not_stored(column) is None


def why_not_stored(column: Column) -> str | None:
    """Why a copy may not hold a column: what a policy guards, and what DuckDB does not hold or compare exactly."""
    if column.policy_tagged:
        return "a policy guards it"
    if column.collation:
        return f"its collation {column.collation} compares texts otherwise than DuckDB"
    if dict(column.parameters).get("timestamp_precision", MICROSECONDS) > MICROSECONDS:
        return "it has picoseconds, of which DuckDB would lose the last digits"
    known = SCALARS.keys() - NOT_COPIED | {Kind.ARRAY, Kind.STRUCT}
    lost = next((t.kind for t in column.type.walk() if t.kind not in known), None)
    return f"DuckDB does not hold {lost} exactly" if lost else None


def decimal(digits: int, scale: int) -> str:
    """The narrowest DECIMAL for so many digits before the point and `scale` after it."""
    width = next((w for w in WIDTHS if digits + scale <= w), 38)
    return f"DECIMAL({width},{scale})"


def physical_type(column: Column, stats: Mapping[str, ColumnStats]) -> str:
    """The DuckDB type of a held column; NUMERICs are as narrow as their values allow."""
    held = stats.get(column.name.lower())
    return (held and held.physical) or duck_type(column.type)


def stored(source: str, type_: SqlType, held: str | None = None, depth: int = 0) -> str:
    """SQL that makes of `source` what a copy holds: a STRUCT's fields by position, a NULL array empty.

    Args:
        source: SQL of a value as the transfer brought it.
        type_: BigQuery's type.
        held: DuckDB's type, where it is not the usual one.
        depth: of nested arrays.
    """
    if type_.kind is Kind.ARRAY and type_.element is not None:
        items = source
        if type_.element.has(Kind.STRUCT):
            item = f"x{depth}"
            items = f"list_transform({source}, lambda {item}: {stored(item, type_.element, depth=depth + 1)})"
        # https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#array_nulls
        return f"coalesce(CAST({items} AS {duck_type(type_)}), [])"
    if type_.kind is Kind.STRUCT:
        fields = ", ".join(
            f"f{i} := {stored(f'{source}.{identifier(field.name)}', field.type, depth=depth)}"
            for i, field in enumerate(type_.fields)
        )
        return f"CASE WHEN {source} IS NULL THEN NULL ELSE struct_pack({fields}) END"
    return f"CAST({source} AS {held or duck_type(type_)})"


def shown(source: str, type_: SqlType, depth: int = 0) -> str:
    """SQL that gives a held value back the field names that BigQuery shows."""
    if type_.kind is Kind.ARRAY and type_.element is not None and type_.element.has(Kind.STRUCT):
        item = f"x{depth}"
        return f"list_transform({source}, lambda {item}: {shown(item, type_.element, depth + 1)})"
    if type_.kind is Kind.STRUCT:
        fields = ", ".join(
            f"{identifier(field.name)} := {shown(f'{source}.f{i}', field.type, depth)}"
            for i, field in enumerate(type_.fields)
        )
        return f"CASE WHEN {source} IS NULL THEN NULL ELSE struct_pack({fields}) END"
    return source


def view_columns(columns: Sequence[Column]) -> list[str]:
    """Names that a copy answers to: its columns, and `_PARTITIONDATE` beside `_PARTITIONTIME`."""
    names = [column.name for column in columns]
    has_time = any(name.upper() == "_PARTITIONTIME" for name in names)
    return [*names, "_PARTITIONDATE"] if has_time and "_PARTITIONDATE" not in map(str.upper, names) else names


def select_list(columns: Sequence[Column], stats: Mapping[str, ColumnStats]) -> str:
    """The columns of one part in the types that the whole copy has (parts may hold NUMERICs in different widths)."""
    items = [f"CAST({identifier(c.name)} AS {physical_type(c, stats)}) AS {identifier(c.name)}" for c in columns]
    if "_PARTITIONDATE" in view_columns(columns) and all(c.name.upper() != "_PARTITIONDATE" for c in columns):
        items.append('CAST("_PARTITIONTIME" AS DATE) AS "_PARTITIONDATE"')
    return ", ".join(items)


def merge_stats(parts: Iterable[Mapping[str, ColumnStats]], columns: Sequence[Column]) -> dict[str, ColumnStats]:
    """What is certain of all parts together; unknown in one is unknown in all."""
    every = list(parts)
    return {
        column.name.lower(): _merge([part.get(column.name.lower(), ColumnStats()) for part in every], column)
        for column in columns
        if every
    }


def _merge(stats: Sequence[ColumnStats], column: Column) -> ColumnStats:
    order = _ORDER.get(column.type.kind, str)
    lows, highs, scales = [s.low for s in stats], [s.high for s in stats], [s.scale for s in stats]
    held = [s.physical for s in stats if s.physical is not None]
    return ColumnStats(
        nulls=any(s.nulls for s in stats),
        nan=any(s.nan for s in stats),
        ascii=all(s.ascii for s in stats),
        low=None if None in lows else min((x for x in lows if x is not None), key=order),
        high=None if None in highs else max((x for x in highs if x is not None), key=order),
        scale=None if None in scales else max(x for x in scales if x is not None),
        physical=widest(held) if held and len(held) == len(stats) else None,
    )


# Dates and times as DuckDB prints them are in the order of their texts (years have four digits in BigQuery).
_ORDER: Mapping[Kind, Callable[[str], Any]] = {Kind.INT64: int, Kind.NUMERIC: Decimal, Kind.FLOAT64: float}


def widest(types: Sequence[str]) -> str:
    """The narrowest DECIMAL that holds the values of all of these."""
    shapes = [parse_decimal(t) for t in types]
    return decimal(max(p - s for p, s in shapes), max(s for _, s in shapes))


def parse_decimal(text: str) -> tuple[int, int]:
    """(precision, scale) of "DECIMAL(18,2)"."""
    precision, scale = text.removeprefix("DECIMAL(").removesuffix(")").split(",")
    return int(precision), int(scale)
