"""GoogleSQL's types and values: read from its protobuf messages, and types written back.

Values are read as: INT64 int, FLOAT64 float, BOOL bool, STRING and JSON (its text) str, BYTES bytes, NUMERIC and
BIGNUMERIC Decimal, DATE date, DATETIME datetime without zone, TIME time, TIMESTAMP int (microseconds since 1970 UTC),
INTERVAL `Interval`, RANGE `(start, end)`, ARRAY list, STRUCT tuple, an enum its member's name; NULL is None.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Context, Decimal
from functools import cache
from typing import Any, NamedTuple

from bigpato_magic.types import Kind, SqlType, StructField

# The numbers of zetasql/public/type.proto.
_ARRAY, _STRUCT, _ENUM, _RANGE = 16, 17, 15, 29
KINDS = {
    2: Kind.INT64,
    5: Kind.BOOL,
    7: Kind.FLOAT64,
    8: Kind.STRING,
    9: Kind.BYTES,
    10: Kind.DATE,
    16: Kind.ARRAY,
    17: Kind.STRUCT,
    19: Kind.TIMESTAMP,
    20: Kind.TIME,
    21: Kind.DATETIME,
    22: Kind.GEOGRAPHY,
    23: Kind.NUMERIC,
    24: Kind.BIGNUMERIC,
    26: Kind.JSON,
    27: Kind.INTERVAL,
    29: Kind.RANGE,
}
_NUMBERS = {kind: number for number, kind in KINDS.items()}
_SIMPLE = {number: SqlType(kind) for number, kind in KINDS.items() if number not in (_ARRAY, _STRUCT, _RANGE)}
_EPOCH = date(1970, 1, 1)
_EXACT = Context(prec=80)


class UnknownType(ValueError):
    """A type of GoogleSQL that BigQuery's results do not have (an enum, a proto, a map, …)."""


class Interval(NamedTuple):
    """An INTERVAL's three parts, each with its own sign."""

    months: int
    days: int
    micros: int


def sql_type(proto: Any) -> SqlType:
    """The type that a `TypeProto` describes.

    Raises:
        UnknownType: BigQuery has no such type for a value.
    """
    number = proto.type_kind
    simple = _SIMPLE.get(number)
    if simple is not None:
        return simple
    if number == _ARRAY:
        return SqlType(Kind.ARRAY, element=sql_type(proto.array_type.element_type))
    if number == _STRUCT:
        fields = proto.struct_type.field
        return SqlType(Kind.STRUCT, fields=tuple(StructField(f.field_name, sql_type(f.field_type)) for f in fields))
    if number == _RANGE:
        return SqlType(Kind.RANGE, element=sql_type(proto.range_type.element_type))
    raise UnknownType(type_name(proto))


def type_name(proto: Any) -> str:
    """The type's text, for any type of GoogleSQL: `INT64`, `ARRAY<STRING>`, `ENUM` (its members differ)."""
    if proto.type_kind in KINDS:
        return str(sql_type(proto))
    from zetasql.wasi._pb2.zetasql.public.type_pb2 import TypeKind

    return str(TypeKind.Name(proto.type_kind)).removeprefix("TYPE_")


def fill_type(proto: Any, sql: SqlType) -> None:
    """Write a type into an empty `TypeProto`."""
    proto.type_kind = _NUMBERS[sql.kind]
    if sql.kind is Kind.ARRAY and sql.element:
        fill_type(proto.array_type.element_type, sql.element)
    elif sql.kind is Kind.RANGE and sql.element:
        fill_type(proto.range_type.element_type, sql.element)
    elif sql.kind is Kind.STRUCT:
        proto.struct_type.SetInParent()
        for field in sql.fields:
            entry = proto.struct_type.field.add()
            entry.field_name = field.name
            fill_type(entry.field_type, field.type)


def value(proto: Any, type_proto: Any) -> Any:
    """The Python value of a `ValueProto` (see the module's text)."""
    if type_proto.type_kind == _ENUM:
        return None if proto.WhichOneof("value") is None else _member(type_proto, proto.enum_value)
    return reader(sql_type(type_proto))(proto)


@cache
def reader(sql: SqlType) -> Callable[[Any], Any]:
    """What reads values of one type; made once, for many values."""
    read = _reader(sql)
    return lambda proto: None if proto.WhichOneof("value") is None else read(proto)


def _reader(sql: SqlType) -> Callable[[Any], Any]:
    if sql.kind is Kind.ARRAY and sql.element:
        element = reader(sql.element)
        return lambda proto: [element(item) for item in proto.array_value.element]
    if sql.kind is Kind.RANGE and sql.element:
        bound = reader(sql.element)
        return lambda proto: (bound(proto.range_value.start), bound(proto.range_value.end))
    if sql.kind is Kind.STRUCT:
        readers = [reader(field.type) for field in sql.fields]
        return lambda proto: tuple(read(item) for read, item in zip(readers, proto.struct_value.field, strict=True))
    return _READERS[sql.kind]


def micros(timestamp: Any) -> int:
    """Microseconds since 1970 UTC of a `google.protobuf.Timestamp`."""
    return int(timestamp.seconds * 1_000_000 + timestamp.nanos // 1000)


def decimal(content: bytes, scale: int) -> Decimal:
    """A NUMERIC (scale 9) or BIGNUMERIC (38): a little-endian integer of its last digits."""
    return Decimal(int.from_bytes(content, "little", signed=True)).scaleb(-scale, _EXACT)


def interval(content: bytes) -> Interval:
    """An INTERVAL: 8 bytes of microseconds, 4 of days, 4 of which the high 19 bits are signed months.

    https://github.com/google/zetasql/blob/master/zetasql/public/interval_value.h
    """
    months_and_nanos = int.from_bytes(content[12:16], "little")
    months = (months_and_nanos >> 13) & 0x3FFFF
    return Interval(
        months=-months if months_and_nanos >> 31 else months,
        days=int.from_bytes(content[8:12], "little", signed=True),
        micros=int.from_bytes(content[:8], "little", signed=True),
    )


def _datetime(proto: Any) -> datetime:
    bits = proto.bit_field_datetime_seconds
    day = bits >> 26, (bits >> 22) & 15, (bits >> 17) & 31
    return datetime(*day, (bits >> 12) & 31, (bits >> 6) & 63, bits & 63, proto.nanos // 1000)


def _time(bits: int) -> time:
    seconds = bits >> 30
    return time((seconds >> 12) & 31, (seconds >> 6) & 63, seconds & 63, (bits & ((1 << 30) - 1)) // 1000)


_READERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.BIGNUMERIC: lambda proto: decimal(proto.bignumeric_value, 38),
    Kind.BOOL: lambda proto: proto.bool_value,
    Kind.BYTES: lambda proto: proto.bytes_value,
    Kind.DATE: lambda proto: _EPOCH + timedelta(days=proto.date_value),
    Kind.DATETIME: lambda proto: _datetime(proto.datetime_value),
    Kind.FLOAT64: lambda proto: proto.double_value,
    Kind.GEOGRAPHY: lambda proto: proto.geography_value,
    Kind.INT64: lambda proto: proto.int64_value,
    Kind.INTERVAL: lambda proto: interval(proto.interval_value),
    Kind.JSON: lambda proto: proto.json_value,
    Kind.NUMERIC: lambda proto: decimal(proto.numeric_value, 9),
    Kind.STRING: lambda proto: proto.string_value,
    Kind.TIME: lambda proto: _time(proto.time_value),
    Kind.TIMESTAMP: lambda proto: micros(proto.timestamp_value),
}


def _member(type_proto: Any, number: int) -> str:
    """An enum's member by its proto name, as `DAY` of a date part."""
    return _members(type_proto.enum_type.enum_name).get(number, str(number))


@cache
def _members(name: str) -> dict[int, str]:
    from google.protobuf.descriptor_pool import Default
    from zetasql.wasi._pb2.zetasql.public.functions import (  # noqa: F401 - registers the enums' descriptors
        array_find_mode_pb2,
        array_zip_mode_pb2,
        bitwise_agg_mode_pb2,
        datetime_pb2,
        normalize_mode_pb2,
        range_sessionize_mode_pb2,
        rank_type_pb2,
        rounding_mode_pb2,
    )

    try:
        return {n: v.name for n, v in Default().FindEnumTypeByName(name).values_by_number.items()}
    except KeyError:
        return {}
