"""BigQuery's REST resources as our types, and our types as REST: schemas, facts of tables, query parameters.

Pure: dictionaries in, dataclasses out. https://cloud.google.com/bigquery/docs/reference/rest/v2/tables
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from reprlib import repr as shortened
from typing import Any

from bigpato_magic.errors import ParameterError
from bigpato_magic.types import (
    Column,
    Kind,
    OutputColumn,
    Parameter,
    Partitioning,
    PartitionUnit,
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
_TYPE = re.compile(r"\s*(\w+)\s*(?:<\s*(\w+)\s*>|\(([\d\s,]*)\))?\s*")
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
    )


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
    return [_query_parameter(p) for p in parameters]


def _query_parameter(parameter: Parameter) -> dict[str, Any]:
    try:
        value = _value(parameter.type, parameter.value)
    except (TypeError, ValueError, KeyError, AttributeError, InvalidOperation) as error:
        name = "A positional parameter" if parameter.name is None else f"Parameter @{parameter.name}"
        raise ParameterError(f"{name} is {shortened(parameter.value)}, which is no {parameter.type}.") from error
    named = {} if parameter.name is None else {"name": parameter.name}
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
        # A NULL array is sent as an empty one: BigQuery has no other way to write it.
        element = of.element
        return {"arrayValues": [_value(element, v) for v in _items(value)]}
    if value is None:
        return {} if of.kind in (Kind.STRUCT, Kind.RANGE) else {"value": None}
    if of.kind is Kind.STRUCT:
        return {"structValues": {f.name: _value(f.type, value[f.name]) for f in of.fields}}
    if of.kind is Kind.RANGE and of.element:
        element = of.element
        return {"rangeValue": {bound: _value(element, value[bound]) for bound in ("start", "end")}}
    return {"value": _scalar(of.kind, value)}


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, str | bytes | Mapping):
        raise TypeError("an ARRAY needs a list")
    return () if value is None else value


_PYTHON: dict[Kind, tuple[type, ...]] = {
    Kind.BOOL: (bool,),
    Kind.BYTES: (bytes, bytearray),
    Kind.DATE: (date, str),
    Kind.DATETIME: (datetime, str),
    Kind.TIME: (time, str),
    Kind.TIMESTAMP: (datetime, str),
    Kind.STRING: (str,),
}


def _scalar(kind: Kind, value: Any) -> Any:
    from google.cloud.bigquery import ScalarQueryParameter

    if (kind in _PYTHON and not isinstance(value, _PYTHON[kind])) or _is_other(kind, value):
        raise TypeError(kind)
    if kind is Kind.JSON:
        return value if isinstance(value, str) else json.dumps(value)
    if kind is Kind.INT64:
        value = _whole(value)
    if kind in (Kind.INTERVAL, Kind.GEOGRAPHY):
        return str(value)
    if kind is Kind.TIMESTAMP and isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC)
    return ScalarQueryParameter(None, str(kind), value).to_api_repr()["parameterValue"]["value"]


def _is_other(kind: Kind, value: Any) -> bool:
    """A Python `datetime` is a `date` too, which a DATE is not; a NUMERIC must be a number."""
    if kind is Kind.DATE:
        return isinstance(value, datetime)
    if kind in (Kind.NUMERIC, Kind.BIGNUMERIC):
        return isinstance(value, bool) or not Decimal(str(value)).is_finite()
    return False


def _whole(value: Any) -> int:
    if isinstance(value, str | bool) or int(value) != value:
        raise TypeError("an INT64 needs a whole number")
    return int(value)
