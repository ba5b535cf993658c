"""Values of NumPy, pandas and Google's client as plain Python ones, without importing any of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from bigpato_magic.errors import ParameterError
from bigpato_magic.parameters.typenames import parse_type
from bigpato_magic.types import Kind, SqlType, StructField, array_of, struct_of

# ------------------------------------------------------------------------------- NumPy and pandas


def plain(value: Any) -> Any:
    """NumPy and pandas values as plain Python ones; missing ones (NaT, NA) as None, all others as they are.

    Raises:
        ParameterError: it would lose something on the way, or has more than one dimension.
    """
    module = type(value).__module__.partition(".")[0]
    if module == "numpy":
        return _of_numpy(value)
    if module == "pandas" or hasattr(value, "isna"):
        return _of_pandas(value)
    return value


def element_kind(value: Any) -> Kind | None:
    """The kind of the elements of a NumPy array, or a pandas Series or Index, where its `dtype` tells it."""
    dtype = getattr(value, "dtype", None)
    if dtype is None or getattr(value, "ndim", 0) != 1:
        return None
    if getattr(dtype, "kind", None) == "M":
        return _instant_kind(dtype)
    return _BY_KIND.get(getattr(dtype, "kind", "")) or _BY_NAME.get(str(dtype).partition("[")[0])


def _instant_kind(dtype: Any) -> Kind:
    zone = getattr(dtype, "tz", None) or getattr(getattr(dtype, "pyarrow_dtype", None), "tz", None)
    return Kind.DATE if str(dtype) == "datetime64[D]" else Kind.TIMESTAMP if zone else Kind.DATETIME


_BY_KIND = {
    "b": Kind.BOOL,
    "i": Kind.INT64,
    "u": Kind.INT64,
    "f": Kind.FLOAT64,
    "U": Kind.STRING,
    "S": Kind.BYTES,
}
_BY_NAME = {
    "dbdate": Kind.DATE,
    "dbtime": Kind.TIME,
    "large_string": Kind.STRING,
    "str": Kind.STRING,
    "string": Kind.STRING,
}


def _of_pandas(value: Any) -> Any:
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    if hasattr(value, "to_pydatetime") and hasattr(value, "nanosecond"):
        _refuse_nanoseconds(value, value.nanosecond)
        return value.to_pydatetime()
    if hasattr(value, "tolist") and getattr(value, "ndim", 1) == 1:
        return [None if gone else plain(item) for item, gone in zip(value.tolist(), _missing(value), strict=True)]
    return value


def _missing(values: Any) -> Any:
    """Which elements are missing; NaN among NumPy's own floats is a value as any other."""
    is_float = getattr(values.dtype, "kind", "") == "f" and type(values.dtype).__module__.partition(".")[0] == "numpy"
    return [False] * len(values) if is_float else values.isna()


def _of_numpy(value: Any) -> Any:
    if value.dtype.kind == "M":
        return _of_datetime64(value)
    if getattr(value, "ndim", 0) > 1:
        raise ParameterError("BigQuery has no array of arrays", hint="pass one row or column of it")
    return value.tolist() if value.dtype.kind != "O" else [plain(inner) for inner in value.tolist()]


def _of_datetime64(value: Any) -> Any:
    """`datetime64` as datetimes, or dates where its unit is days; NaT as None."""
    if value.ndim:
        return [_of_datetime64(inner) for inner in value]
    if str(value) == "NaT":
        return None
    exact = value.astype("datetime64[us]")
    _refuse_nanoseconds(value, exact != value)
    plain = value.tolist() if str(value.dtype) == "datetime64[D]" else exact.tolist()
    if not isinstance(plain, date):  # NumPy gives a number for what Python cannot hold
        raise ParameterError(f"{value} is outside the years 1 to 9999")
    return plain


def _refuse_nanoseconds(value: Any, lost: Any) -> None:
    if lost:
        raise ParameterError(f"{value} has nanoseconds and BigQuery keeps microseconds", hint="round it: .floor('us')")


# -------------------------------------------------------------------------------- Google's client


def is_google(value: Any) -> bool:
    """Whether it is a `ScalarQueryParameter` or one of its kin."""
    return hasattr(value, "to_api_repr") and type(value).__module__.startswith("google.cloud.bigquery")


def taken(value: Any) -> tuple[SqlType, Any]:
    """Type and value of one of Google's query parameters.

    Raises:
        ParameterError: it is none that is known, or its type is none.
    """
    if hasattr(value, "struct_types"):
        return _of_struct(value)
    if hasattr(value, "array_type"):
        return _of_array(value)
    if hasattr(value, "range_element_type"):
        element = _type_of(value.range_element_type.to_api_repr())
        return element, {"start": _bound(value.start), "end": _bound(value.end)}
    if hasattr(value, "type_") and hasattr(value, "value"):
        return _named(value.type_), value.value
    raise ParameterError(f"a {type(value).__name__} is no query parameter", hint="ScalarQueryParameter and its kin are")


def _of_struct(value: Any) -> tuple[SqlType, Any]:
    members = {name: _member(value, name) for name in value.struct_types}
    return struct_of(*((n, t) for n, (t, _) in members.items())), {n: v for n, (_, v) in members.items()}


def _member(struct: Any, name: str) -> tuple[SqlType, Any]:
    value = struct.struct_values[name]
    return taken(value) if is_google(value) else (_named(struct.struct_types[name]), value)


def _of_array(value: Any) -> tuple[SqlType, Any]:
    items = [taken(item) if is_google(item) else (None, item) for item in value.values or ()]
    told = next((kind for kind, _ in items if kind is not None), None)
    element = told if value.array_type in ("STRUCT", "RECORD") and told else _named(value.array_type)
    values = None if value.values is None else [item for _, item in items]
    return array_of(element), values


def _bound(value: Any) -> Any:
    inner = value.value if is_google(value) else value
    return None if isinstance(inner, str) and inner.upper() in ("UNBOUNDED", "NULL") else inner


def _named(kind: Any) -> SqlType:
    """A type by its name, or one of Google's objects for types."""
    return _type_of(kind.to_api_repr()) if hasattr(kind, "to_api_repr") else parse_type(kind)


def _type_of(resource: Mapping[str, Any]) -> SqlType:
    """The type of a `QueryParameterType`."""
    name = str(resource["type"]).upper()
    if name == "ARRAY":
        return array_of(_type_of(resource["arrayType"]))
    if name == "RANGE":
        return SqlType(Kind.RANGE, element=_type_of(resource["rangeElementType"]))
    if name in ("STRUCT", "RECORD"):
        fields = (StructField(field.get("name") or "", _type_of(field["type"])) for field in resource["structTypes"])
        return SqlType(Kind.STRUCT, fields=tuple(fields))
    return parse_type(name)
