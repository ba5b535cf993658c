"""BigQuery's REST resources as our types, and our types as REST: schemas, facts of tables, query parameters.

Pure: dictionaries in, dataclasses out. https://cloud.google.com/bigquery/docs/reference/rest/v2/tables
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bigpato_magic.parameters import check
from bigpato_magic.types import (
    Column,
    Kind,
    ListedTable,
    OutputColumn,
    Parameter,
    Partitioning,
    PartitionUnit,
    RoutineFacts,
    RoutineId,
    SqlType,
    StructField,
    TableFacts,
    TableId,
    TableKind,
    TableVersion,
    array_of,
    schema_digest,
)

Resource = Mapping[str, Any]

_LEGACY_NAMES = {
    "BIGDECIMAL": Kind.BIGNUMERIC,
    "BOOLEAN": Kind.BOOL,
    "DECIMAL": Kind.NUMERIC,
    "FLOAT": Kind.FLOAT64,
    "INTEGER": Kind.INT64,
    "RECORD": Kind.STRUCT,
}
_TYPE = re.compile(r"\s*+(\w++)\s*+(?:<\s*+(\w++)\s*+>|\(([\d\s,]*+)\))?\s*+")
_PARAMETER_NAMES = {"maxLength": "max_length", "precision": "precision", "scale": "scale"}
_MICROSECONDS = 6

# ------------------------------------------------------------------------------------------ schemas


def sql_type(field: Resource) -> SqlType:
    """The type of a `TableFieldSchema`.

    Raises:
        ValueError: the type is none that is known.
    """
    element = _element_type(field)
    return array_of(element) if field.get("mode") == "REPEATED" else element


def _element_type(field: Resource) -> SqlType:
    # Emulators write parameters into the name: STRING(10), RANGE<DATE>.
    match = _TYPE.fullmatch(str(field["type"]).upper())
    if match is None:
        raise ValueError(f"no BigQuery type is known as {field['type']!r}")
    kind = _LEGACY_NAMES.get(match[1]) or Kind(match[1])
    if kind is Kind.STRUCT:
        return SqlType(kind, fields=tuple(StructField(f["name"], sql_type(f)) for f in field.get("fields", ())))
    if kind is Kind.RANGE:
        element = match[2] or field["rangeElementType"]["type"].upper()
        return SqlType(kind, element=SqlType(Kind(element)))
    return SqlType(kind)


def column(field: Resource) -> Column:
    """A column of a table's schema."""
    return Column(
        name=field["name"],
        type=sql_type(field),
        required=field.get("mode") == "REQUIRED",
        policy_tagged=_is_secured(field),
        parameters=_parameters(field),
        collation=_collation(field),
        description=field.get("description") or "",
    )


def _is_secured(field: Resource) -> bool:
    """Column-level security or masking, also of a field inside."""
    tagged = bool((field.get("policyTags") or {}).get("names")) or bool(field.get("dataPolicies"))
    return tagged or any(_is_secured(inner) for inner in field.get("fields", ()))


def _collation(field: Resource) -> str:
    """The column's own, or that of a field inside."""
    return str(field.get("collation") or "") or next(filter(None, map(_collation, field.get("fields", ()))), "")


def _parameters(field: Resource) -> tuple[tuple[str, int], ...]:
    given = [(ours, int(field[theirs])) for theirs, ours in _PARAMETER_NAMES.items() if field.get(theirs)]
    digits = _timestamp_digits(field)
    if digits > _MICROSECONDS:
        given.append(("timestamp_precision", digits))
    return tuple(given)


def _timestamp_digits(field: Resource) -> int:
    """Digits of a second, of the column or of a field inside."""
    own = int(field.get("timestampPrecision") or _MICROSECONDS)
    return max([own, *map(_timestamp_digits, field.get("fields", ()))])


def outputs(schema: Resource | None) -> tuple[OutputColumn, ...]:
    """Names and types of a result's `TableSchema`."""
    return tuple(OutputColumn(f["name"], sql_type(f)) for f in (schema or {}).get("fields", ()))


# -------------------------------------------------------------------------------------------- facts


def facts(resource: Resource, *, checked_at: datetime, row_policies: bool) -> TableFacts:
    """What `tables.get` says of a table."""
    columns = tuple(column(f) for f in resource.get("schema", {}).get("fields", ()))
    reference = resource["tableReference"]
    return TableFacts(
        id=TableId(reference["projectId"], reference["datasetId"], reference["tableId"]),
        version=version(resource, columns),
        columns=columns,
        checked_at=checked_at,
        # A table that takes upserts by change data capture (`maxStaleness`) merges them when it is queried.
        # https://cloud.google.com/bigquery/docs/change-data-capture
        streaming=bool(resource.get("streamingBuffer")) or bool(resource.get("maxStaleness")),
        location=resource.get("location") or "US",
        partitioning=partitioning(resource),
        clustering=tuple((resource.get("clustering") or {}).get("fields", ())),
        row_policies=row_policies,
        definition=(resource.get("view") or resource.get("materializedView") or {}).get("query"),
        own_key=bool((resource.get("encryptionConfiguration") or {}).get("kmsKeyName")),
        tags=tuple(sorted((resource.get("resourceTags") or {}).items())),
    )


def listed_table(item: Resource) -> ListedTable:
    """What `tables.list` says of a table.

    https://cloud.google.com/bigquery/docs/reference/rest/v2/tables/list
    """
    reference = item["tableReference"]
    name = TableId(reference["projectId"], reference["datasetId"], reference["tableId"])
    return ListedTable(name, table_kind(item), _instant(item.get("creationTime")))


def version(resource: Resource, columns: tuple[Column, ...]) -> TableVersion:
    """The evidence that tells one state of the table from another."""
    return TableVersion(
        etag=resource.get("etag") or None,
        modified=_instant(resource.get("lastModifiedTime")) or datetime.fromtimestamp(0, UTC),
        created=_instant(resource.get("creationTime")),
        rows=int(resource.get("numRows") or 0),
        bytes=int(resource.get("numBytes") or 0),
        schema_digest=schema_digest(columns),
        kind=table_kind(resource),
    )


def table_kind(resource: Resource) -> TableKind:
    """What kind of table it is; one whose data is not BigQuery's own, or that is not known, is EXTERNAL."""
    if resource.get("cloneDefinition"):
        return TableKind.CLONE
    if resource.get("biglakeConfiguration") or resource.get("externalDataConfiguration"):
        return TableKind.EXTERNAL
    try:
        return TableKind(str(resource.get("type", "TABLE")))
    except ValueError:
        return TableKind.EXTERNAL


def routine(resource: Resource) -> RoutineFacts:
    """What `routines.get` says of a routine.

    https://cloud.google.com/bigquery/docs/reference/rest/v2/routines#resource:-routine

    Raises:
        ValueError: a type is none that is known.
    """
    reference, returns = resource["routineReference"], resource.get("returnType")
    return RoutineFacts(
        RoutineId(reference["projectId"], reference["datasetId"], reference["routineId"]),
        tuple((a.get("name", ""), _argument_type(a)) for a in resource.get("arguments", ())),
        standard_type(returns) if returns else None,
        resource["definitionBody"],
        resource["routineType"],
        resource.get("language") or "SQL",
        bool(resource.get("remoteFunctionOptions")),
        resource.get("etag") or "",
    )


def _argument_type(argument: Resource) -> SqlType | None:
    if argument.get("argumentKind") == "ANY_TYPE":
        return None
    return standard_type(argument["dataType"])


def standard_type(data_type: Resource) -> SqlType:
    """The type of a `StandardSqlDataType`.

    https://cloud.google.com/bigquery/docs/reference/rest/v2/StandardSqlDataType

    Raises:
        ValueError: it is none that is known.
    """
    kind = Kind(data_type["typeKind"])
    if kind is Kind.STRUCT:
        fields = (data_type.get("structType") or {}).get("fields", ())
        return SqlType(kind, fields=tuple(StructField(f.get("name", ""), standard_type(f["type"])) for f in fields))
    element = data_type.get("arrayElementType" if kind is Kind.ARRAY else "rangeElementType")
    return SqlType(kind, element=standard_type(element) if element else None)


def _instant(milliseconds: Any) -> datetime | None:
    if not milliseconds:
        return None
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(milliseconds))


def partitioning(resource: Resource) -> Partitioning | None:
    """How the table is partitioned."""
    required = bool(resource.get("requirePartitionFilter"))
    if by_time := resource.get("timePartitioning"):
        required = required or bool(by_time.get("requirePartitionFilter"))
        return Partitioning(PartitionUnit(by_time["type"]), by_time.get("field"), filter_required=required)
    if by_range := resource.get("rangePartitioning"):
        bounds = {name: int(by_range["range"][name]) for name in ("start", "end", "interval")}
        return Partitioning(PartitionUnit.RANGE, by_range["field"], filter_required=required, **bounds)
    return None


# --------------------------------------------------------------------------------------- parameters


def query_parameters(parameters: Sequence[Parameter]) -> list[dict[str, Any]]:
    """`QueryParameter`s of jobs.query.

    Raises:
        ParameterError: a value does not fit its type.
    """
    return [_query_parameter(check(p)) for p in parameters]


def _query_parameter(parameter: Parameter) -> dict[str, Any]:
    named = {} if parameter.name is None else {"name": parameter.name}
    value = _value(parameter.type, parameter.value)
    return {**named, "parameterType": _type(parameter.type), "parameterValue": value}


def _type(of: SqlType) -> dict[str, Any]:
    if of.kind is Kind.ARRAY and of.element:
        return {"type": "ARRAY", "arrayType": _type(of.element)}
    if of.kind is Kind.RANGE and of.element:
        return {"type": "RANGE", "rangeElementType": _type(of.element)}
    if of.kind is Kind.STRUCT:
        return {"type": "STRUCT", "structTypes": [{"name": f.name, "type": _type(f.type)} for f in of.fields]}
    return {"type": str(of.kind)}


def _value(of: SqlType, value: Any) -> dict[str, Any]:
    if of.kind is Kind.ARRAY and of.element:
        element = of.element
        return {"arrayValues": [_value(element, v) for v in value]}
    if value is None:
        return {} if of.kind in (Kind.STRUCT, Kind.RANGE) else {"value": None}
    if of.kind is Kind.STRUCT:
        return {"structValues": {f.name: _value(f.type, value[f.name]) for f in of.fields}}
    if of.kind is Kind.RANGE and of.element:
        element = of.element
        return {"rangeValue": {bound: _value(element, value[bound]) for bound in ("start", "end")}}
    return {"value": _TEXTS.get(of.kind, str)(value)}


# https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types, "canonical format"
_TEXTS: dict[Kind, Callable[[Any], str]] = {
    Kind.BIGNUMERIC: lambda value: f"{value:f}",
    Kind.BOOL: lambda value: "true" if value else "false",
    Kind.BYTES: lambda value: b64encode(value).decode("ascii"),
    Kind.DATE: lambda value: str(value.isoformat()),
    Kind.DATETIME: lambda value: str(value.isoformat("T", "microseconds")),
    Kind.FLOAT64: repr,
    Kind.NUMERIC: lambda value: f"{value:f}",
    Kind.TIME: lambda value: str(value.isoformat("microseconds")),
    Kind.TIMESTAMP: lambda value: str(value.isoformat(" ", "microseconds")),
}
