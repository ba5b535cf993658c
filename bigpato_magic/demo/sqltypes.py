"""BigQuery's types in the demo warehouse's words: sqlglot's, DuckDB's, and their logical sizes in bytes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bigpato_magic.types import Column, Kind, SqlType, StructField

if TYPE_CHECKING:
    from sqlglot import exp

# How a value of the type is held while DuckDB computes. DuckDB has no BIGNUMERIC and no GEOGRAPHY: they travel
# as text, and `dialect` refuses every query that would compute with them.
_DUCK: dict[Kind, str] = {
    Kind.INT64: "BIGINT",
    Kind.FLOAT64: "DOUBLE",
    Kind.BOOL: "BOOLEAN",
    Kind.STRING: "VARCHAR",
    Kind.BYTES: "BLOB",
    Kind.DATE: "DATE",
    Kind.DATETIME: "TIMESTAMP",
    Kind.TIMESTAMP: "TIMESTAMPTZ",
    Kind.TIME: "TIME",
    Kind.NUMERIC: "DECIMAL(38,9)",
    Kind.BIGNUMERIC: "VARCHAR",
    Kind.JSON: "JSON",
    Kind.GEOGRAPHY: "VARCHAR",
    Kind.INTERVAL: "INTERVAL",
}

# sqlglot's names of types, as its BigQuery and DuckDB parsers and its annotator give them.
_KINDS: dict[str, Kind] = {
    "ARRAY": Kind.ARRAY,
    "BIGDECIMAL": Kind.BIGNUMERIC,
    "BIGINT": Kind.INT64,
    "BINARY": Kind.BYTES,
    "BLOB": Kind.BYTES,
    "BOOLEAN": Kind.BOOL,
    "CHAR": Kind.STRING,
    "DATE": Kind.DATE,
    "DATETIME": Kind.DATETIME,
    "DECIMAL": Kind.NUMERIC,
    "DOUBLE": Kind.FLOAT64,
    "FLOAT": Kind.FLOAT64,
    "GEOGRAPHY": Kind.GEOGRAPHY,
    "INT": Kind.INT64,
    "INT128": Kind.INT64,
    "INTERVAL": Kind.INTERVAL,
    "JSON": Kind.JSON,
    "LIST": Kind.ARRAY,
    "NULL": Kind.INT64,
    "RANGE": Kind.RANGE,
    "SMALLINT": Kind.INT64,
    "STRUCT": Kind.STRUCT,
    "TEXT": Kind.STRING,
    "TIME": Kind.TIME,
    "TIMESTAMP": Kind.DATETIME,
    "TIMESTAMPLTZ": Kind.TIMESTAMP,
    "TIMESTAMPNTZ": Kind.DATETIME,
    "TIMESTAMPTZ": Kind.TIMESTAMP,
    "TINYINT": Kind.INT64,
    "UBIGINT": Kind.INT64,
    "UINT": Kind.INT64,
    "UINT128": Kind.INT64,
    "USMALLINT": Kind.INT64,
    "UTINYINT": Kind.INT64,
    "UUID": Kind.STRING,
    "VARBINARY": Kind.BYTES,
    "VARCHAR": Kind.STRING,
}

# Logical bytes of a value that is not NULL: https://cloud.google.com/bigquery/pricing#data
_FIXED_BYTES: dict[Kind, int] = {
    Kind.INT64: 8,
    Kind.FLOAT64: 8,
    Kind.BOOL: 1,
    Kind.DATE: 8,
    Kind.DATETIME: 8,
    Kind.TIMESTAMP: 8,
    Kind.TIME: 8,
    Kind.NUMERIC: 16,
    Kind.BIGNUMERIC: 32,
    Kind.INTERVAL: 16,
    Kind.RANGE: 16,
}

_PARAMETERS = {Kind.STRING: ("max_length",), Kind.BYTES: ("max_length",)}
_DECIMAL_PARAMETERS = ("precision", "scale")


def quote(name: str) -> str:
    """An identifier for DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def duck_type(sql_type: SqlType) -> str:
    """The DuckDB type that holds values of `sql_type` while a query runs."""
    if sql_type.kind is Kind.ARRAY and sql_type.element:
        return f"{duck_type(sql_type.element)}[]"
    if sql_type.kind is Kind.RANGE and sql_type.element:
        bound = duck_type(sql_type.element)
        return f'STRUCT("start" {bound}, "end" {bound})'
    if sql_type.kind is Kind.STRUCT:
        fields = (f"{quote(f.name or f'_field_{i}')} {duck_type(f.type)}" for i, f in enumerate(sql_type.fields, 1))
        return f"STRUCT({', '.join(fields)})"
    return _DUCK[sql_type.kind]


def from_datatype(datatype: exp.DataType | None) -> SqlType | None:
    """The BigQuery type of a type as sqlglot holds it; None where there is none (or it is not known)."""
    kind = _KINDS.get(datatype.this.name) if datatype is not None and hasattr(datatype.this, "name") else None
    if datatype is None or kind is None:
        return None
    if kind is Kind.STRUCT:
        return _struct(datatype)
    if kind in (Kind.ARRAY, Kind.RANGE):
        element = from_datatype(next(iter(datatype.expressions), None))
        return SqlType(kind, element=element) if element else None
    return SqlType(kind)


def _struct(datatype: exp.DataType) -> SqlType | None:
    from sqlglot import exp

    fields = []
    for part in datatype.expressions:
        named = isinstance(part, exp.ColumnDef)
        inner = from_datatype(part.args.get("kind") if named else part)
        if inner is None:
            return None
        fields.append(StructField(part.name if named else "", inner))
    return SqlType(Kind.STRUCT, fields=tuple(fields))


@lru_cache(maxsize=4096)
def parse_type(text: str, dialect: str = "bigquery") -> SqlType:
    """The type of BigQuery's (or DuckDB's) spelling of it.

    Raises:
        ValueError: no BigQuery type fits.
    """
    from sqlglot import exp

    found = from_datatype(exp.DataType.build(text, dialect=dialect))
    if found is None:
        raise ValueError(f"{text} is no type of BigQuery")
    return found


def column_of(definition: exp.ColumnDef) -> Column:
    """A column as `CREATE TABLE` declares it.

    Raises:
        ValueError: its type is none of BigQuery's.
    """
    from sqlglot import exp

    datatype = definition.args["kind"]
    sql_type = from_datatype(datatype)
    if sql_type is None:
        raise ValueError(f"column {definition.name} has no type of BigQuery")
    required = any(
        isinstance(c.kind, exp.NotNullColumnConstraint) and not c.kind.args.get("allow_null")
        for c in definition.constraints
    )
    return Column(definition.name, sql_type, required=required, parameters=_parameters(sql_type.kind, datatype))


def _parameters(kind: Kind, datatype: exp.DataType) -> tuple[tuple[str, int], ...]:
    if kind in (Kind.ARRAY, Kind.STRUCT, Kind.RANGE):
        return ()
    names = _PARAMETERS.get(kind, _DECIMAL_PARAMETERS)
    values = [int(p.name) for p in datatype.expressions if p.name.isdigit()]
    return tuple(zip(names, values, strict=False))


def column_json(column: Column) -> dict[str, Any]:
    """A column for the catalogue."""
    return {
        "name": column.name,
        "type": str(column.type),
        "required": column.required,
        "policy_tagged": column.policy_tagged,
        "parameters": [list(p) for p in column.parameters],
    }


def column_from_json(data: dict[str, Any]) -> Column:
    """What `column_json` made."""
    return Column(
        data["name"],
        parse_type(data["type"]),
        required=data["required"],
        policy_tagged=data["policy_tagged"],
        parameters=tuple((name, value) for name, value in data["parameters"]),
    )


def size_sql(value: str, sql_type: SqlType, depth: int = 0) -> str:
    """DuckDB SQL for the logical bytes of one value; a NULL has none."""
    if sql_type.kind in _FIXED_BYTES:
        return f"CASE WHEN {value} IS NULL THEN 0 ELSE {_FIXED_BYTES[sql_type.kind]} END"
    if sql_type.kind is Kind.ARRAY and sql_type.element:
        item = f"e{depth}"
        inner = size_sql(item, sql_type.element, depth + 1)
        return f"coalesce(list_sum(list_transform({value}, lambda {item}: {inner})), 0)"
    if sql_type.kind is Kind.STRUCT:
        parts = (
            size_sql(f"struct_extract({value}, {i})" if not f.name else f"{value}.{quote(f.name)}", f.type, depth)
            for i, f in enumerate(sql_type.fields, 1)
        )
        return f"({' + '.join(parts)})"
    if sql_type.kind is Kind.GEOGRAPHY:
        return f"coalesce(40 + 24 * (length({value}) - length(replace({value}, ',', ''))), 0)"
    length = "octet_length" if sql_type.kind is Kind.BYTES else "strlen"
    text = f"CAST({value} AS VARCHAR)" if sql_type.kind is Kind.JSON else value
    return f"coalesce(2 + {length}({text}), 0)"
