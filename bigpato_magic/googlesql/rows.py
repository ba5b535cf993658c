"""Rows on their way to the evaluator and back: Arrow tables as protobuf rows, protobuf rows as Arrow tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from bigpato_magic import bignumeric
from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.resolved.values import Interval, reader
from bigpato_magic.types import Kind, OutputColumn, SqlType
from bigpato_magic.types.date_parts import DAY_MICROS

if TYPE_CHECKING:
    import pyarrow as pa

_EPOCH = date(1970, 1, 1)
_EPOCH_TIME = datetime(1970, 1, 1)  # civil time: no zone
_MICRO = timedelta(microseconds=1)
Writer = Callable[[Any, Any], None]

# ------------------------------------------------------------------------------------------ there


def fill_table(data: Any, columns: Sequence[tuple[SqlType, pa.ChunkedArray | None]], rows: int) -> None:
    """Write columns into an empty `TableData`; a column that is None is NULL in every row.

    Args:
        data: the empty message.
        columns: type and values of each, in order.
        rows: how many there are.

    Raises:
        AnalyzerUnavailable: a value has no form that the evaluator takes.
    """
    cells = [[None] * rows if column is None else raw(column, kind) for kind, column in columns]
    writers = [writer(kind) for kind, _ in columns]
    for values in zip(*cells, strict=True) if cells else ((),) * rows:
        add = data.row.add().cell.add
        for write, value in zip(writers, values, strict=True):
            cell = add()
            if value is not None:
                write(cell, value)


def fill_value(proto: Any, value: Any, kind: SqlType) -> None:
    """Write one plain Python value, as of a query parameter, into an empty `ValueProto`.

    Args:
        proto: the empty message.
        value: as in `Parameter.value`; None is NULL.
        kind: its type.

    Raises:
        ValueError: the value is not one of that type.
    """
    if value is not None:
        try:
            writer(kind)(proto, _plain(value, kind))
        except (TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"{value!r} is no {kind}") from error


def raw(column: pa.ChunkedArray, kind: SqlType) -> list[Any]:
    """A column's values as `writer` takes them: instants and days as numbers, which Arrow has at hand."""
    import pyarrow as pa

    units = {Kind.TIMESTAMP: "us", Kind.DATETIME: "us"}
    if kind.kind in units:
        return _list(column.cast(pa.timestamp("us", tz=column.type.tz)).cast(pa.int64()))
    if kind.kind is Kind.TIME:
        return _list(column.cast(pa.time64("us")).cast(pa.int64()))
    if kind.kind is Kind.DATE:
        return _list(column.cast(pa.date32()).cast(pa.int32()))
    return [None if value is None else _plain(value, kind) for value in column.to_pylist()]


def _list(column: Any) -> list[Any]:
    values: list[Any] = column.to_pylist()
    return values


def _plain(value: Any, kind: SqlType) -> Any:
    """A Python value as `writer` takes it."""
    plain = _PLAIN.get(kind.kind)
    return value if plain is None else plain(value, kind)


def _days(value: Any, _: SqlType) -> int:
    return value if isinstance(value, int) else (value - _EPOCH).days


def _wall(value: Any, _: SqlType) -> int:
    return value if isinstance(value, int) else (value.replace(tzinfo=None) - _EPOCH_TIME) // _MICRO


def _instant(value: Any, kind: SqlType) -> int:
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC)
    return _wall(value, kind)


def _clock(value: Any, _: SqlType) -> int:
    if isinstance(value, time):
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
    return int(value)


def _scaled(value: Any, kind: SqlType) -> int:
    if isinstance(value, bytes):  # a BIGNUMERIC as DuckDB holds it
        return bignumeric.decode(value)
    number = Decimal(value)
    scale = 9 if kind.kind is Kind.NUMERIC else 38
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or exponent < -scale:
        raise AnalyzerUnavailable(f"{value} is no {kind}")
    magnitude: int = int("".join(map(str, digits)) or "0") * 10 ** (exponent + scale)
    return -magnitude if sign else magnitude


def _parts(value: Any, kind: SqlType) -> list[Any]:
    """A STRUCT's fields in order, of a dict (whose names are told by position) or a sequence."""
    parts = list(value.values() if isinstance(value, dict) else value)
    return [None if part is None else _plain(part, field.type) for part, field in zip(parts, kind.fields, strict=True)]


def _items(value: Any, kind: SqlType) -> list[Any]:
    assert kind.element is not None  # noqa: S101 - an ARRAY or RANGE has one
    items = value.values() if isinstance(value, dict) else value
    return [None if item is None else _plain(item, kind.element) for item in items]


_PLAIN: dict[Kind, Callable[[Any, SqlType], Any]] = {
    Kind.ARRAY: _items,
    Kind.BIGNUMERIC: _scaled,
    Kind.DATE: _days,
    Kind.DATETIME: _wall,
    Kind.NUMERIC: _scaled,
    Kind.RANGE: _items,
    Kind.STRUCT: _parts,
    Kind.TIME: _clock,
    Kind.TIMESTAMP: _instant,
}


@cache
def writer(kind: SqlType) -> Writer:
    """What writes values of one type, not NULL and as `raw` gives them, into an empty `ValueProto`."""
    if kind.kind is Kind.ARRAY and kind.element:
        return _array_writer(writer(kind.element))
    if kind.kind is Kind.RANGE and kind.element:
        return _range_writer(writer(kind.element))
    if kind.kind is Kind.STRUCT:
        return _struct_writer([writer(field.type) for field in kind.fields])
    return _WRITERS[kind.kind]


def _array_writer(element: Writer) -> Writer:
    def write(proto: Any, values: Any) -> None:
        proto.array_value.SetInParent()
        _write_all(proto.array_value.element.add, values, [element] * len(values))

    return write


def _struct_writer(fields: list[Writer]) -> Writer:
    def write(proto: Any, values: Any) -> None:
        proto.struct_value.SetInParent()
        _write_all(proto.struct_value.field.add, values, fields)

    return write


def _range_writer(bound: Writer) -> Writer:
    def write(proto: Any, values: Any) -> None:
        start, end = values
        bounds = iter((proto.range_value.start, proto.range_value.end))
        proto.range_value.start.SetInParent()
        proto.range_value.end.SetInParent()
        _write_all(lambda: next(bounds), (start, end), [bound, bound])

    return write


def _write_all(add: Callable[[], Any], values: Iterable[Any], writers: list[Writer]) -> None:
    for value, write in zip(values, writers, strict=True):
        proto = add()
        if value is not None:
            write(proto, value)


def _write_timestamp(proto: Any, micros: int) -> None:
    seconds, rest = divmod(micros, 1_000_000)
    proto.timestamp_value.seconds, proto.timestamp_value.nanos = seconds, rest * 1000


def _write_datetime(proto: Any, micros: int) -> None:
    days, rest = divmod(micros, DAY_MICROS)
    seconds, fraction = divmod(rest, 1_000_000)
    day = _EPOCH + timedelta(days=days)
    bits = day.year << 26 | day.month << 22 | day.day << 17 | _clock_bits(seconds)
    proto.datetime_value.bit_field_datetime_seconds, proto.datetime_value.nanos = bits, fraction * 1000


def _write_time(proto: Any, micros: int) -> None:
    seconds, fraction = divmod(micros, 1_000_000)
    proto.time_value = _clock_bits(seconds) << 30 | fraction * 1000


def _clock_bits(seconds: int) -> int:
    return seconds // 3600 << 12 | seconds // 60 % 60 << 6 | seconds % 60


def _write_numeric(proto: Any, scaled: int) -> None:
    proto.numeric_value = _little_endian(scaled)


def _write_bignumeric(proto: Any, scaled: int) -> None:
    proto.bignumeric_value = _little_endian(scaled)


def _little_endian(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)


def _write_interval(proto: Any, value: Any) -> None:
    months, days, rest = value
    micros = rest if isinstance(value, Interval) else rest // 1000
    packed = abs(months) << 13 | (months < 0) << 31
    proto.interval_value = (
        micros.to_bytes(8, "little", signed=True)
        + days.to_bytes(4, "little", signed=True)
        + packed.to_bytes(4, "little")
    )


def _setter(field: str) -> Writer:
    def write(proto: Any, value: Any) -> None:
        setattr(proto, field, value)

    return write


_WRITERS: dict[Kind, Writer] = {
    Kind.BIGNUMERIC: _write_bignumeric,
    Kind.BOOL: _setter("bool_value"),
    Kind.BYTES: _setter("bytes_value"),
    Kind.DATE: _setter("date_value"),
    Kind.DATETIME: _write_datetime,
    Kind.FLOAT64: _setter("double_value"),
    Kind.GEOGRAPHY: _setter("geography_value"),
    Kind.INT64: _setter("int64_value"),
    Kind.INTERVAL: _write_interval,
    Kind.JSON: _setter("json_value"),
    Kind.NUMERIC: _write_numeric,
    Kind.STRING: _setter("string_value"),
    Kind.TIME: _write_time,
    Kind.TIMESTAMP: _write_timestamp,
}

# ------------------------------------------------------------------------------------------- back


def arrow_table(data: Any, outputs: Sequence[OutputColumn]) -> pa.Table:
    """`TableData` as an Arrow table with BigQuery's names and types; a NULL array becomes an empty one.

    Raises:
        AnalyzerUnavailable: an array of the result has a NULL element, which BigQuery refuses.
    """
    import pyarrow as pa

    from bigpato_magic import frames

    schema = frames.arrow_schema(outputs)
    columns = [_read(data.row, place, column.type) for place, column in enumerate(outputs)]
    try:
        arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    except (pa.ArrowInvalid, OverflowError) as error:
        raise AnalyzerUnavailable(f"a value of the result does not fit Arrow: {error}") from error
    return pa.Table.from_arrays(arrays, schema=schema)


def _read(rows: Any, place: int, kind: SqlType) -> list[Any]:
    read, finish = reader(kind), _finisher(kind)
    values = (read(row.cell[place]) for row in rows)
    return list(values) if finish is None else [finish(value) for value in values]


@cache
def _finisher(kind: SqlType) -> Callable[[Any], Any] | None:
    """What makes of `values.reader`'s value what Arrow takes; None where that is the same."""
    if kind.kind is Kind.ARRAY and kind.element:
        return _array_finisher(kind.element)
    if kind.kind is Kind.STRUCT:
        return _struct_finisher(kind)
    if kind.kind is Kind.RANGE:
        return lambda value: None if value is None else {"start": value[0], "end": value[1]}
    return _arrow_interval if kind.kind is Kind.INTERVAL else None


def _array_finisher(element: SqlType) -> Callable[[Any], Any]:
    inner = _finisher(element)

    def finish(value: Any) -> Any:
        items = value or []
        if any(item is None for item in items):
            raise AnalyzerUnavailable("an array of the result has a NULL element, which BigQuery refuses")
        return items if inner is None else [inner(item) for item in items]

    return finish


def _struct_finisher(kind: SqlType) -> Callable[[Any], Any] | None:
    inner = [_finisher(field.type) for field in kind.fields]
    if not any(inner):
        return None

    def finish(value: Any) -> Any:
        if value is None:
            return None
        return tuple(part if then is None else then(part) for then, part in zip(inner, value, strict=True))

    return finish


def _arrow_interval(value: Interval | None) -> Any:
    import pyarrow as pa

    return None if value is None else pa.MonthDayNano([value.months, value.days, value.micros * 1000])
