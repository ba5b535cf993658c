"""One Arrow schema made from BigQuery types, and one way from Arrow to pandas, for both engines.

The types are those that `google-cloud-bigquery` delivers (`RowIterator.to_arrow`), the pandas dtypes those of its
`to_dataframe()` with default arguments: https://cloud.google.com/python/docs/reference/bigquery/latest/usage/pandas
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from bigpato_magic import bignumeric
from bigpato_magic.errors import ConfigurationError
from bigpato_magic.types import Kind, OutputColumn, SqlType

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

_METADATA: dict[Kind, dict[bytes, bytes]] = {
    Kind.DATETIME: {b"ARROW:extension:name": b"google:sqlType:datetime"},
    Kind.GEOGRAPHY: {
        b"ARROW:extension:name": b"google:sqlType:geography",
        b"ARROW:extension:metadata": b'{"encoding": "WKT"}',
    },
    Kind.JSON: {b"ARROW:extension:name": b"google:sqlType:json"},
}


@cache
def _scalars() -> dict[Kind, pa.DataType]:
    import pyarrow as pa

    return {
        Kind.INT64: pa.int64(),
        Kind.FLOAT64: pa.float64(),
        Kind.BOOL: pa.bool_(),
        Kind.STRING: pa.string(),
        Kind.BYTES: pa.binary(),
        Kind.DATE: pa.date32(),
        Kind.DATETIME: pa.timestamp("us"),
        Kind.TIMESTAMP: pa.timestamp("us", tz="UTC"),
        Kind.TIME: pa.time64("us"),
        Kind.NUMERIC: pa.decimal128(38, 9),
        Kind.BIGNUMERIC: pa.decimal256(76, 38),
        Kind.JSON: pa.string(),
        Kind.GEOGRAPHY: pa.string(),
        Kind.INTERVAL: pa.month_day_nano_interval(),
    }


def arrow_type(sql_type: SqlType) -> pa.DataType:
    """The Arrow type in which BigQuery's client delivers `sql_type`."""
    import pyarrow as pa

    if sql_type.kind is Kind.ARRAY and sql_type.element:
        return pa.list_(arrow_type(sql_type.element))
    if sql_type.kind is Kind.RANGE and sql_type.element:
        bound = arrow_type(sql_type.element)
        return pa.struct([("start", bound), ("end", bound)])
    if sql_type.kind is Kind.STRUCT:
        return pa.struct([arrow_field(f.name or f"_field_{i}", f.type) for i, f in enumerate(sql_type.fields, 1)])
    return _scalars()[sql_type.kind]


def arrow_field(name: str, sql_type: SqlType) -> pa.Field:
    """A field of that type, with the extension metadata that BigQuery's client gives; an ARRAY is never NULL."""
    import pyarrow as pa

    is_array = sql_type.kind is Kind.ARRAY
    return pa.field(name, arrow_type(sql_type), nullable=not is_array, metadata=_METADATA.get(sql_type.kind))


def arrow_schema(outputs: Iterable[OutputColumn]) -> pa.Schema:
    """The one schema of a result with these columns, from either engine, also when it has no rows."""
    import pyarrow as pa

    return pa.schema([arrow_field(o.name, o.type) for o in outputs])


@lru_cache
def _schema(outputs: tuple[OutputColumn, ...]) -> pa.Schema:
    """The schema of a result, kept for when the same columns come again."""
    return arrow_schema(outputs)


def conform(table: pa.Table, outputs: tuple[OutputColumn, ...]) -> pa.Table:
    """`table` with exactly `arrow_schema(outputs)`; columns go by position, buffers are shared where types agree.

    Raises:
        pyarrow.ArrowInvalid: a value does not fit its type (a NUMERIC of too many digits, …).
        ValueError: the number of columns differs.
    """
    import pyarrow as pa

    schema = _schema(outputs)
    if len(schema) != table.num_columns:
        raise ValueError(f"a result of {table.num_columns} columns where {len(schema)} were expected")
    columns = [_conform(column, field.type) for column, field in zip(table.columns, schema, strict=True)]
    return pa.Table.from_arrays(columns, schema=schema)


def _conform(column: pa.ChunkedArray, to: pa.DataType) -> pa.ChunkedArray:
    import pyarrow as pa

    if column.type.equals(to, check_metadata=True) and not (_is_list(to) and column.null_count):
        return column
    if not (_is_list(to) or pa.types.is_struct(to) or _is_bignumeric(column.type, to)):
        return column.cast(to)
    return pa.chunked_array([_conform_nested(chunk, to) for chunk in column.chunks], type=to)


def _conform_nested(array: pa.Array, to: pa.DataType) -> pa.Array:
    """Fields go by position: Arrow's own cast of a STRUCT goes by name, and fills with NULL what it misses."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if _is_list(to) and array.null_count:
        # BigQuery writes a NULL array of a result as an empty one.
        # https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#array_nulls
        array = pc.fill_null(array, pa.scalar([], array.type))
    if array.offset:
        array = pa.concat_arrays([array])
    if pa.types.is_struct(to):
        children = [_conform_nested(array.field(i), field.type) for i, field in enumerate(to)]
        return pa.StructArray.from_arrays(children, fields=list(to), mask=array.is_null())
    if _is_list(to):
        values = _conform_nested(array.values, to.value_type)
        return pa.ListArray.from_arrays(array.offsets.cast(pa.int32()), values, type=to)
    return bignumeric.to_arrow(array) if _is_bignumeric(array.type, to) else array.cast(to)


def _is_bignumeric(held: pa.DataType, to: pa.DataType) -> bool:
    """Whether it is a BIGNUMERIC as DuckDB holds it."""
    import pyarrow as pa

    return bool(pa.types.is_decimal256(to) and (pa.types.is_binary(held) or pa.types.is_large_binary(held)))


def _is_list(arrow: pa.DataType) -> bool:
    """Whether it is a list of any layout."""
    import pyarrow as pa

    return bool(pa.types.is_list(arrow) or pa.types.is_large_list(arrow))


def empty(outputs: tuple[OutputColumn, ...]) -> pa.Table:
    """A table with the columns of a result, and no rows."""
    return arrow_schema(outputs).empty_table()


_WORTH_THREADS = 50_000
"""Values below which waking Arrow's threads costs more than they save."""


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """The frame that `google-cloud-bigquery`'s `to_dataframe()` makes of this result by default.

    INT64 is `Int64`, BOOL `boolean`, DATE `dbdate`, TIME `dbtime`, NUMERIC and BIGNUMERIC objects of
    `decimal.Decimal`; DATE, DATETIME and TIMESTAMP that nanoseconds cannot hold are Python objects.
    """
    dates = _all_fit_nanoseconds(table, _is_date)
    instants = _all_fit_nanoseconds(table, _is_timestamp)
    frame: pd.DataFrame = table.to_pandas(
        date_as_object=not dates,
        timestamp_as_object=not instants,
        integer_object_nulls=True,
        types_mapper=_types_mapper(dates),
        use_threads=table.num_rows * table.num_columns > _WORTH_THREADS,
    )
    return frame


def to_polars(table: pa.Table) -> pl.DataFrame:
    """The frame of polars, with its own types: Arrow's extension types, which BigQuery's metadata makes, are left out.

    Raises:
        ConfigurationError: polars has no type for a column.
    """
    import polars
    import pyarrow as pa

    for field in table.schema:
        if kind := _beyond_polars(field.type):
            hint = f"CAST({field.name} AS {'NUMERIC' if kind == 'BIGNUMERIC' else 'STRING'}), or --to arrow"
            raise ConfigurationError(f"polars has no type for {field.name}, which has {kind} values", hint=hint)
    schema = pa.schema([pa.field(field.name, _bare(field.type)) for field in table.schema])
    frame: pl.DataFrame = polars.from_arrow(table.cast(schema))  # type: ignore[assignment]
    return frame


def _beyond_polars(arrow: pa.DataType) -> str:
    """The kind of the values in it that polars cannot hold, or nothing."""
    import pyarrow as pa

    if pa.types.is_decimal256(arrow):
        return str(Kind.BIGNUMERIC)
    if arrow == pa.month_day_nano_interval():
        return str(Kind.INTERVAL)
    inner = (arrow.field(i).type for i in range(arrow.num_fields))
    return next(filter(None, map(_beyond_polars, inner)), "")


def _bare(arrow: pa.DataType) -> pa.DataType:
    """The type of values without the metadata of fields within lists and structs."""
    import pyarrow as pa

    if _is_list(arrow):
        return pa.list_(_bare(arrow.value_type))
    if pa.types.is_struct(arrow):
        return pa.struct([pa.field(field.name, _bare(field.type)) for field in arrow])
    return arrow


def _is_date(arrow: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_date(arrow))


def _is_timestamp(arrow: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_timestamp(arrow))


def _all_fit_nanoseconds(table: pa.Table, wanted: Callable[[pa.DataType], bool]) -> bool:
    import pyarrow as pa

    for column in table.columns:
        if wanted(column.type):
            try:
                column.cast(pa.timestamp("ns"))
            except pa.ArrowInvalid:
                return False
    return True


@cache
def _types_mapper(dates_fit: bool) -> Callable[[pa.DataType], Any]:
    import db_dtypes
    import pandas as pd
    import pyarrow as pa

    ranges = {
        kind: pd.ArrowDtype(arrow_type(SqlType(Kind.RANGE, element=SqlType(kind))))
        for kind in (Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP)
    }
    by_range = {dtype.pyarrow_dtype: dtype for dtype in ranges.values()}

    def mapper(arrow: pa.DataType) -> Any:
        if pa.types.is_boolean(arrow):
            return pd.BooleanDtype()
        if pa.types.is_integer(arrow):
            return pd.Int64Dtype()
        if pa.types.is_date(arrow):
            return db_dtypes.DateDtype() if dates_fit else None
        if pa.types.is_time(arrow):
            return db_dtypes.TimeDtype()
        return by_range.get(arrow) if pa.types.is_struct(arrow) else None

    return mapper
