"""What a result of DuckDB is called in BigQuery's types and names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bigpato_magic.demo import statement as st
from bigpato_magic.demo.sqltypes import duck_type, parse_type, quote
from bigpato_magic.errors import QueryError
from bigpato_magic.types import Kind, OutputColumn, SqlType

_NUMBERS = frozenset({Kind.INT64, Kind.FLOAT64, Kind.NUMERIC, Kind.BIGNUMERIC})
_TEXTS = frozenset({Kind.STRING, Kind.JSON, Kind.BIGNUMERIC, Kind.GEOGRAPHY, Kind.INTERVAL})
# What a DuckDB result of the first kind may be called instead, where sqlglot knows the type that BigQuery gives.
_MAY_BECOME: dict[Kind, frozenset[Kind]] = {
    Kind.INT64: _NUMBERS - {Kind.BIGNUMERIC},
    Kind.FLOAT64: _NUMBERS - {Kind.BIGNUMERIC},
    Kind.NUMERIC: _NUMBERS - {Kind.BIGNUMERIC},
    Kind.STRING: _TEXTS,
    Kind.JSON: frozenset({Kind.JSON, Kind.STRING}),
    Kind.DATETIME: frozenset({Kind.DATETIME, Kind.DATE}),
    Kind.TIMESTAMP: frozenset({Kind.TIMESTAMP, Kind.DATETIME}),
    Kind.DATE: frozenset({Kind.DATE, Kind.DATETIME}),
}


def outputs_of(described: Sequence[Sequence[Any]], known: Sequence[SqlType | None]) -> tuple[OutputColumn, ...]:
    """The columns that DuckDB describes, with the types that are known to be BigQuery's where they can be."""
    usable = known if len(known) == len(described) else [None] * len(described)
    return tuple(OutputColumn(row[0], _choose(row[1], better)) for row, better in zip(described, usable, strict=True))


def _choose(duck: str, known: SqlType | None) -> SqlType:
    """BigQuery's type of a result column: sqlglot's opinion where DuckDB's value can be that, DuckDB's else."""
    try:
        found = parse_type(duck.replace('"NULL"', "BIGINT"), "duckdb")
    except ValueError:
        raise st.cannot(f"a result of DuckDB's type {duck} has no BigQuery type") from None
    if known is None or duck == '"NULL"':
        return known or found
    return known if _fits(found, known) else found


def _fits(found: SqlType, known: SqlType) -> bool:
    if found.kind is Kind.ARRAY and found.element and known.element:
        return known.kind is Kind.ARRAY and _fits(found.element, known.element)
    if found.kind is Kind.STRUCT and known.kind is Kind.STRUCT:
        pairs = zip(found.fields, known.fields, strict=False)
        return len(found.fields) == len(known.fields) and all(_fits(a.type, b.type) for a, b in pairs)
    if found.kind is Kind.STRUCT and known.kind is Kind.RANGE:
        return [f.name for f in found.fields] == ["start", "end"]
    return known.kind in _MAY_BECOME.get(found.kind, {found.kind})


def refuse_duplicates(outputs: Sequence[OutputColumn]) -> None:
    """BigQuery's error for two columns of one name.

    Raises:
        QueryError: there are two.
    """
    names = [o.name.lower() for o in outputs]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise QueryError(f"Duplicate column names in the result are not supported. Found duplicate(s): {twice[0]}")


def result_sql(value: str, output: OutputColumn) -> str:
    """The SQL that gives a value the type of its output column."""
    cast = f"CAST({value} AS {duck_type(output.type)})"
    if output.type.kind is Kind.JSON:
        cast = f"CAST({cast} AS VARCHAR)"
    return f"{cast} AS {quote(output.name)}"
