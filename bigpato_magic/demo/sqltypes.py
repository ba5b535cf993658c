"""BigQuery's types in the demo warehouse's words: DuckDB's, and their logical sizes in bytes; columns and functions as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bigpato_magic.parameters import parse_type
from bigpato_magic.sql.physical import SCALARS, identifier
from bigpato_magic.types import FIXED_BYTES, Column, Kind, RoutineFacts, RoutineId, SqlType

# How a value of the type is held while DuckDB computes. DuckDB has no BIGNUMERIC and no GEOGRAPHY: they travel
# as text, and `statement.refuse_traps` refuses every query that would compute with them.
_DUCK = {**SCALARS, Kind.BIGNUMERIC: "VARCHAR", Kind.GEOGRAPHY: "VARCHAR", Kind.JSON: "JSON"}


def duck_type(sql_type: SqlType) -> str:
    """The DuckDB type that holds values of `sql_type` while a query runs."""
    if sql_type.kind is Kind.ARRAY and sql_type.element:
        return f"{duck_type(sql_type.element)}[]"
    if sql_type.kind is Kind.RANGE and sql_type.element:
        bound = duck_type(sql_type.element)
        return f'STRUCT("start" {bound}, "end" {bound})'
    if sql_type.kind is Kind.STRUCT:
        fields = (
            f"{identifier(f.name or f'_field_{i}')} {duck_type(f.type)}" for i, f in enumerate(sql_type.fields, 1)
        )
        return f"STRUCT({', '.join(fields)})"
    return _DUCK[sql_type.kind]


def column_json(column: Column) -> dict[str, Any]:
    """A column as `column_from_json` takes it."""
    return asdict(column) | {"type": str(column.type)}


def column_from_json(data: dict[str, Any]) -> Column:
    """What `column_json` made."""
    parameters = tuple((name, value) for name, value in data["parameters"])
    return Column(**data | {"type": parse_type(data["type"]), "parameters": parameters})


def routine_json(routine: RoutineFacts) -> dict[str, Any]:
    """All of a function but its name, as `routine_from_json` takes it."""
    return {
        "arguments": [(name, kind and str(kind)) for name, kind in routine.arguments],
        "returns": routine.returns and str(routine.returns),
        "body": routine.body,
        "kind": routine.kind,
        "language": routine.language,
        "etag": routine.etag,
    }


def routine_from_json(id_: RoutineId, data: dict[str, Any]) -> RoutineFacts:
    """The function of that name of which `routine_json` made this."""
    typed = {
        "arguments": tuple((name, kind and parse_type(kind)) for name, kind in data["arguments"]),
        "returns": data["returns"] and parse_type(data["returns"]),
    }
    return RoutineFacts(id_, **data | typed)


def size_sql(value: str, sql_type: SqlType, depth: int = 0) -> str:
    """DuckDB SQL for the logical bytes of one value; a NULL has none."""
    if sql_type.kind in FIXED_BYTES:
        return f"CASE WHEN {value} IS NULL THEN 0 ELSE {FIXED_BYTES[sql_type.kind]} END"
    if sql_type.kind is Kind.ARRAY and sql_type.element:
        item = f"e{depth}"
        inner = size_sql(item, sql_type.element, depth + 1)
        return f"coalesce(list_sum(list_transform({value}, lambda {item}: {inner})), 0)"
    if sql_type.kind is Kind.STRUCT:
        parts = (
            size_sql(f"struct_extract({value}, {i})" if not f.name else f"{value}.{identifier(f.name)}", f.type, depth)
            for i, f in enumerate(sql_type.fields, 1)
        )
        return f"({' + '.join(parts)})"
    if sql_type.kind is Kind.GEOGRAPHY:
        return f"coalesce(40 + 24 * (length({value}) - length(replace({value}, ',', ''))), 0)"
    length = "octet_length" if sql_type.kind is Kind.BYTES else "strlen"
    text = f"CAST({value} AS VARCHAR)" if sql_type.kind is Kind.JSON else value
    return f"coalesce(2 + {length}({text}), 0)"
