"""One schema, one frame: whatever an engine hands over becomes exactly what BigQuery's client delivers."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from bigpato_magic import frames
from bigpato_magic.errors import ConfigurationError
from bigpato_magic.types import Kind, OutputColumn, SqlType, array_of, struct_of


def outputs(**types: SqlType) -> tuple[OutputColumn, ...]:
    return tuple(OutputColumn(name, t) for name, t in types.items())


INT = SqlType(Kind.INT64)


def test_struct_fields_go_by_position_never_by_name():
    table = pa.table({"s": [{"a": 1, "b": 2}, None, {"a": 3, "b": None}]})
    out = frames.conform(table, outputs(s=struct_of(("b", INT), ("", INT))))
    assert out["s"].to_pylist() == [{"b": 1, "_field_2": 2}, None, {"b": 3, "_field_2": None}]


def test_lists_of_structs_survive_slices_and_nulls():
    table = pa.table({"s": [[{"x": 9}], [{"x": 1}, None], None, [], [{"x": None}]]}).slice(1)
    out = frames.conform(table, outputs(s=array_of(struct_of(("y", INT)))))
    assert out["s"].to_pylist() == [[{"y": 1}, None], [], [], [{"y": None}]]


def test_a_null_array_of_a_result_is_empty():
    out = frames.conform(pa.table({"a": pa.array([None, [1]], pa.list_(pa.int64()))}), outputs(a=array_of(INT)))
    assert out["a"].to_pylist() == [[], [1]]


def test_decimals_widen_to_bigquerys_numeric():
    table = pa.table({"n": pa.array([Decimal("1.50"), None], pa.decimal128(4, 2))})
    out = frames.conform(table, outputs(n=SqlType(Kind.NUMERIC)))
    assert out.schema.field("n").type == pa.decimal128(38, 9)
    assert out["n"].to_pylist() == [Decimal("1.500000000"), None]


def test_another_number_of_columns_is_an_error():
    with pytest.raises(ValueError, match="columns"):
        frames.conform(pa.table({"a": [1]}), outputs(a=INT, b=INT))


DTYPES = {
    Kind.INT64: "Int64",
    Kind.FLOAT64: "float64",
    Kind.BOOL: "boolean",
    Kind.DATE: "dbdate",
    Kind.TIME: "dbtime",
    Kind.NUMERIC: "object",
    Kind.BYTES: "object",
}


@pytest.mark.parametrize("kind", DTYPES)
def test_dtypes_are_the_same_with_and_without_rows(kind):
    columns = outputs(c=SqlType(kind))
    empty = frames.to_pandas(frames.empty(columns))
    nulls = frames.to_pandas(frames.conform(pa.table({"c": pa.nulls(2)}), columns))
    assert str(empty.dtypes["c"]) == str(nulls.dtypes["c"]) == DTYPES[kind]


def test_instants_beyond_nanoseconds_become_objects():
    column = outputs(t=SqlType(Kind.TIMESTAMP))
    early = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
    frame = frames.to_pandas(frames.conform(pa.table({"t": pa.array([early], pa.timestamp("us", "UTC"))}), column))
    assert frame["t"][0] == early


def test_polars_has_its_own_types():
    polars = pytest.importorskip("polars")
    json, moment = SqlType(Kind.JSON), SqlType(Kind.DATETIME)
    shown = outputs(j=json, d=moment, g=SqlType(Kind.GEOGRAPHY), n=SqlType(Kind.NUMERIC), t=SqlType(Kind.TIMESTAMP))
    shown += outputs(many=array_of(struct_of(("j", json), ("d", moment))), one=struct_of(("j", json)))
    found = frames.to_polars(frames.empty(shown)).schema
    inner = {"j": polars.String, "d": polars.Datetime("us")}
    assert found == {
        "j": polars.String,
        "d": polars.Datetime("us"),
        "g": polars.String,
        "n": polars.Decimal(38, 9),
        "t": polars.Datetime("us", "UTC"),
        "many": polars.List(polars.Struct(inner)),
        "one": polars.Struct({"j": polars.String}),
    }


def test_polars_keeps_what_there_is():
    pytest.importorskip("polars")
    shown = outputs(d=SqlType(Kind.DATETIME), j=SqlType(Kind.JSON))
    row = {"d": dt.datetime(2024, 1, 2, 3, 4, 5), "j": '{"a":1}'}
    frame = frames.to_polars(pa.Table.from_pylist([row], frames.arrow_schema(shown)))
    assert frame.to_dicts() == [row]
    assert frame["d"].dt.year().to_list() == [2024]
    assert frame["j"].str.contains('"a"').to_list() == [True]


@pytest.mark.parametrize("kind", ["BIGNUMERIC", "INTERVAL"])
@pytest.mark.parametrize("wrapped", [lambda t: t, array_of, lambda t: struct_of(("x", t))])
def test_what_polars_cannot_hold_is_told(kind, wrapped):
    pytest.importorskip("polars")
    table = frames.empty(outputs(b=wrapped(SqlType(Kind(kind)))))
    with pytest.raises(ConfigurationError, match=f"no type for b, which has {kind} values") as caught:
        frames.to_polars(table)
    assert "--to arrow" in caught.value.hint
