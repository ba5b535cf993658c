"""The BigQuery type of a Python value that says none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from bigpato_magic.errors import ParameterError
from bigpato_magic.parameters.foreign import element_kind, is_google, plain, taken
from bigpato_magic.types import Kind, Parameter, SqlType, array_of, struct_of

_INT64 = range(-(2**63), 2**63)
_UNTYPED_HINT = "give it one: typed(None, 'INT64'), with `from bigpato_magic import typed`"


def infer(value: Any) -> tuple[SqlType, Any]:
    """The BigQuery type of a Python, NumPy or pandas value, and the value as plain Python.

    A naive datetime is a DATETIME, an aware one a TIMESTAMP, a mapping a STRUCT, a sequence an ARRAY.

    Raises:
        ParameterError: none fits, or the value would lose something on the way.
    """
    if isinstance(value, Parameter):
        return value.type, value.value
    if is_google(value):
        return taken(value)
    if (kind := element_kind(value)) is not None:
        return array_of(SqlType(kind)), plain(value)
    value = plain(value)
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
        f"BigQuery has no type for a value of Python's {type(value).__name__}",
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
    _, digits, exponent = value.as_tuple()
    zeros = len(digits) - len("".join(map(str, digits)).rstrip("0"))
    last = int(exponent) + zeros if any(digits) else 0
    if last >= -9 and value.adjusted() < 29:
        return Kind.NUMERIC
    if last >= -38 and value.adjusted() < 39:
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
    (bytearray, lambda _: Kind.BYTES),
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
    items = [None if _is_null(item) else infer(item) for item in value]
    kinds = [item[0] for item in items if item is not None]
    if not kinds:
        raise ParameterError("an array without values has no type", hint="typed([], 'ARRAY<INT64>')")
    element = _common(kinds)
    if element.kind is Kind.ARRAY:
        raise ParameterError("BigQuery has no array of arrays", hint="wrap the inner lists: [{'values': [...]}]")
    return array_of(element), [None if item is None else item[1] for item in items]


def _is_null(item: Any) -> bool:
    return item is None or type(item).__name__ in ("NaTType", "NAType")


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
