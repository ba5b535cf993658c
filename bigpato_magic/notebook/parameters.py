"""Give the person's Python values their BigQuery types. Pure: looks at values, imports no library of theirs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from bigpato_magic.errors import ParameterError
from bigpato_magic.types import Kind, Parameter, SqlType, StructField, array_of, struct_of

_INT64 = range(-(2**63), 2**63)
_UNTYPED_HINT = "give it one: typed(None, 'INT64'), with `from bigpato_magic import typed`"


def typed(value: Any, type_name: str) -> Parameter:
    """A value with its BigQuery type spelled out, for what Python cannot tell: NULLs, empty lists, NUMERIC.

    >>> typed(None, "INT64").type.kind.value
    'INT64'
    >>> str(typed([], "ARRAY<STRUCT<a INT64, b STRING>>").type)
    'ARRAY<STRUCT<a INT64, b STRING>>'

    Raises:
        ParameterError: there is no such type.
    """
    return Parameter(None, parse_type(type_name), _plain(value))


def bind(names: Sequence[str], given: Mapping[str, Any], variables: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """Typed parameters for the `@names` of a query: from what was given, else the variable of that name.

    Raises:
        ParameterError: a name has no value, or its value has no BigQuery type.
    """
    folded = {key.lower(): value for key, value in given.items()}
    return tuple(_bound(name, folded, variables) for name in names)


def parameter(name: str | None, value: Any) -> Parameter:
    """One typed parameter.

    >>> parameter("since", date(2024, 1, 31)).type.kind.value
    'DATE'

    Raises:
        ParameterError: no BigQuery type fits the value.
    """
    if isinstance(value, Parameter):
        return Parameter(name, value.type, value.value)
    try:
        kind, plain = infer(value)
    except ParameterError as error:
        raise ParameterError(f"@{name}: {error.message}", hint=error.hint) from None
    return Parameter(name, kind, plain)


def infer(value: Any) -> tuple[SqlType, Any]:
    """The BigQuery type of a Python, NumPy or pandas value, and the value as plain Python.

    A naive datetime is a DATETIME, an aware one a TIMESTAMP, a mapping a STRUCT, a sequence an ARRAY.

    Raises:
        ParameterError: none fits, or the value would lose something on the way.
    """
    if isinstance(value, Parameter):
        return value.type, value.value
    if _is_google(value):
        return _from_google(value)
    if (empty := _empty_of(value)) is not None:
        return array_of(SqlType(empty)), []
    value = _plain(value)
    if value is None:
        raise ParameterError("NULL has no type of its own", hint=_UNTYPED_HINT)
    if isinstance(value, Mapping):
        return _struct(value)
    if isinstance(value, list | tuple):
        return _array(value)
    for python, rule in _RULES:
        if isinstance(value, python):
            return SqlType(rule(value)), value
    raise ParameterError(
        f"BigQuery has no type for a {type(value).__name__}",
        hint="use int, float, Decimal, str, bytes, bool, date, datetime, time, a list or a dict",
    )


# --------------------------------------------------------------------------------------- by value


def _integer(value: int) -> Kind:
    if value not in _INT64:
        raise ParameterError(f"{value} is beyond INT64", hint="pass it as a decimal.Decimal")
    return Kind.INT64


def _decimal(value: Decimal) -> Kind:
    """NUMERIC where it fits, as Google's client decides it, else BIGNUMERIC.

    https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#decimal_types
    """
    if not value.is_finite():
        raise ParameterError(f"BigQuery has no {value} among its decimals", hint="pass a float")
    _, digits, exponent = value.normalize().as_tuple()
    scale = max(0, -int(exponent))
    whole = len(digits) + int(exponent)
    if scale <= 9 and whole <= 29:
        return Kind.NUMERIC
    if scale <= 38 and whole <= 38:
        return Kind.BIGNUMERIC
    raise ParameterError(f"{value} has more digits than BIGNUMERIC holds")


def _datetime(value: datetime) -> Kind:
    return Kind.DATETIME if value.tzinfo is None else Kind.TIMESTAMP


def _time(value: time) -> Kind:
    if value.tzinfo is not None:
        raise ParameterError("BigQuery's TIME has no time zone", hint="drop it, or pass a datetime")
    return Kind.TIME


# Order matters: a bool is an int and a datetime is a date.
_RULES: tuple[tuple[type, Callable[[Any], Kind]], ...] = (
    (bool, lambda _: Kind.BOOL),
    (int, _integer),
    (float, lambda _: Kind.FLOAT64),
    (Decimal, _decimal),
    (str, lambda _: Kind.STRING),
    (bytes, lambda _: Kind.BYTES),
    (datetime, _datetime),
    (date, lambda _: Kind.DATE),
    (time, _time),
)


def _struct(value: Mapping[Any, Any]) -> tuple[SqlType, Any]:
    if not value or not all(isinstance(key, str) for key in value):
        raise ParameterError("a STRUCT needs at least one field, and names that are text")
    fields = {key: infer(inner) for key, inner in value.items()}
    return struct_of(*((key, kind) for key, (kind, _) in fields.items())), {k: v for k, (_, v) in fields.items()}


def _array(value: Sequence[Any]) -> tuple[SqlType, Any]:
    plain = [inner if isinstance(inner, Parameter) else _plain(inner) for inner in value]
    found = [infer(inner) for inner in plain if inner is not None]
    if not found:
        raise ParameterError("an array without values has no type", hint="typed([], 'ARRAY<INT64>')")
    element = _common([kind for kind, _ in found])
    if element.kind is Kind.ARRAY:
        raise ParameterError("BigQuery has no array of arrays", hint="wrap the inner lists: [{'values': [...]}]")
    widen = _WIDEN.get(element.kind, lambda inner: inner)
    return array_of(element), [None if inner is None else widen(infer(inner)[1]) for inner in plain]


def _common(kinds: Sequence[SqlType]) -> SqlType:
    """One type for the elements; integers widen to decimals or floats, nothing else does."""
    distinct = list(dict.fromkeys(kinds))
    if len(distinct) == 1:
        return distinct[0]
    names = {kind.kind for kind in distinct}
    for wide, accepted in _WIDER:
        if names <= accepted:
            return SqlType(wide)
    listed = " and ".join(sorted(str(kind) for kind in distinct))
    raise ParameterError(f"an array has one type, and this one has {listed}")


_WIDER = (
    (Kind.FLOAT64, {Kind.INT64, Kind.FLOAT64}),
    (Kind.NUMERIC, {Kind.INT64, Kind.NUMERIC}),
    (Kind.BIGNUMERIC, {Kind.INT64, Kind.NUMERIC, Kind.BIGNUMERIC}),
)
_WIDEN: dict[Kind, Callable[[Any], Any]] = {Kind.FLOAT64: float, Kind.NUMERIC: Decimal, Kind.BIGNUMERIC: Decimal}


def _bound(name: str, given: Mapping[str, Any], variables: Mapping[str, Any]) -> Parameter:
    if name.lower() in given:
        return parameter(name, given[name.lower()])
    if name in variables:
        return parameter(name, variables[name])
    raise ParameterError(
        f"@{name} has no value", hint=f"set a variable `{name}`, or write --params '{{\"{name}\": …}}'"
    )


# ------------------------------------------------------------------- other libraries' values


def _plain(value: Any) -> Any:
    """NumPy and pandas values as plain Python ones; missing ones (NaT, NA) as None."""
    module = type(value).__module__.partition(".")[0]
    if module == "pandas":
        return _plain_pandas(value)
    if module == "numpy":
        return _plain_numpy(value)
    return value


def _empty_of(value: Any) -> Kind | None:
    """The element type of an empty NumPy array or pandas Series, which its `dtype` still tells."""
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    return _EMPTY.get(kind) if kind and getattr(value, "size", None) == 0 else None


_EMPTY = {"b": Kind.BOOL, "i": Kind.INT64, "u": Kind.INT64, "f": Kind.FLOAT64, "U": Kind.STRING}


def _plain_pandas(value: Any) -> Any:
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    if hasattr(value, "to_pydatetime") and hasattr(value, "nanosecond"):
        _refuse_nanoseconds(value, value.nanosecond)
        return value.to_pydatetime()
    if hasattr(value, "tolist") and getattr(value, "ndim", 1) == 1:
        return [_plain(inner) for inner in value.tolist()]
    return value


def _plain_numpy(value: Any) -> Any:
    kind = value.dtype.kind
    if kind == "M":
        return _plain_datetime64(value)
    if getattr(value, "ndim", 0) > 1:
        raise ParameterError("BigQuery has no array of arrays", hint="pass one row or column of it")
    return value.tolist() if kind != "O" else [_plain(inner) for inner in value.tolist()]


def _plain_datetime64(value: Any) -> Any:
    """`datetime64` as datetimes, or dates where its unit is days; NaT as None."""
    if value.ndim:
        return [_plain_datetime64(inner) for inner in value]
    if str(value) == "NaT":
        return None
    exact = value.astype("datetime64[us]")
    _refuse_nanoseconds(value, exact != value)
    return value.tolist() if str(value.dtype) == "datetime64[D]" else exact.tolist()


def _refuse_nanoseconds(value: Any, lost: Any) -> None:
    if lost:
        raise ParameterError(f"{value} has nanoseconds and BigQuery keeps microseconds", hint="round it: .floor('us')")


def _is_google(value: Any) -> bool:
    return hasattr(value, "to_api_repr") and type(value).__module__.startswith("google.cloud.bigquery")


def _from_google(value: Any) -> tuple[SqlType, Any]:
    """`ScalarQueryParameter`, `ArrayQueryParameter` and `StructQueryParameter`, as in code for Google's client."""
    if hasattr(value, "struct_types"):
        members = {name: _google_member(value, name) for name in value.struct_types}
        return struct_of(*((n, t) for n, (t, _) in members.items())), {n: v for n, (_, v) in members.items()}
    if hasattr(value, "array_type"):
        return array_of(parse_type(_google_name(value.array_type))), [_plain(inner) for inner in value.values]
    return parse_type(_google_name(value.type_)), _plain(value.value)


def _google_member(struct: Any, name: str) -> tuple[SqlType, Any]:
    kind, value = struct.struct_types[name], struct.struct_values[name]
    return _from_google(value) if _is_google(value) else (parse_type(_google_name(kind)), _plain(value))


def _google_name(kind: Any) -> str:
    return kind if isinstance(kind, str) else str(kind._type)


# ------------------------------------------------------------------------------ types as written

_ALIASES = {
    "INT": Kind.INT64,
    "INTEGER": Kind.INT64,
    "BIGINT": Kind.INT64,
    "SMALLINT": Kind.INT64,
    "TINYINT": Kind.INT64,
    "BYTEINT": Kind.INT64,
    "FLOAT": Kind.FLOAT64,
    "BOOLEAN": Kind.BOOL,
    "DECIMAL": Kind.NUMERIC,
    "BIGDECIMAL": Kind.BIGNUMERIC,
}
_TYPE_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z_0-9]*|[<>,])")


def parse_type(text: str) -> SqlType:
    """Read a type as BigQuery writes it: `INT64`, `ARRAY<STRING>`, `STRUCT<a INT64, b DATE>`.

    Raises:
        ParameterError: it is none.
    """
    tokens = _TYPE_TOKEN.findall(text)
    if "".join(tokens) == re.sub(r"\s", "", text) and tokens:
        try:
            kind, rest = _read_type(tokens)
        except (IndexError, ValueError, KeyError):
            rest = tokens
        if not rest:
            return kind
    raise ParameterError(f"{text!r} is no BigQuery type", hint="for instance INT64, ARRAY<STRING>, STRUCT<a INT64>")


def _read_type(tokens: list[str]) -> tuple[SqlType, list[str]]:
    name, rest = tokens[0].upper(), tokens[1:]
    kind = _ALIASES.get(name) or Kind(name)
    if kind is Kind.STRUCT:
        return _read_struct(rest)
    if kind not in (Kind.ARRAY, Kind.RANGE):
        return SqlType(kind), rest
    element, rest = _read_type(_after(rest, "<"))
    return SqlType(kind, element=element), _after(rest, ">")


def _read_struct(tokens: list[str]) -> tuple[SqlType, list[str]]:
    fields: list[StructField] = []
    rest = _after(tokens, "<")
    while True:
        named = rest[1] not in "<>,"
        kind, after = _read_type(rest[1:] if named else rest)
        fields.append(StructField(rest[0] if named else "", kind))
        if after[0] != ",":
            return SqlType(Kind.STRUCT, fields=tuple(fields)), _after(after, ">")
        rest = after[1:]


def _after(tokens: list[str], expected: str) -> list[str]:
    if tokens[0] != expected:
        raise ValueError(tokens[0])
    return tokens[1:]
