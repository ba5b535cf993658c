"""What a value is as one of a BigQuery type, in plain Python; or that it is none. Nothing is rounded, cut or guessed.

A value that passes here is sent to BigQuery in the one form of `warehouse.schema`, and given to DuckDB and to Google's
evaluator as it is: so all three compute with the same value, or nobody does.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from reprlib import repr as shortened
from typing import Any

from bigpato_magic import bignumeric
from bigpato_magic.errors import ParameterError
from bigpato_magic.parameters.foreign import is_google, plain, taken
from bigpato_magic.types import Kind, Parameter, SqlType

_INT64 = range(-(2**63), 2**63)
_NUMERIC_UNITS = range(-(10**38) + 1, 10**38)
_BIGNUMERIC_UNITS = range(-(2**255), 2**255)
_LONGEST = 1000
"""Digits before or after the point beyond which no decimal is looked at: BIGNUMERIC has 77 in all."""

_DECIMAL = re.compile(r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?", re.ASCII)
_DAY = r"(\d{4})-(\d{1,2})-(\d{1,2})"
_CLOCK = r"(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,6}))?"
_DATE = re.compile(_DAY, re.ASCII)
_TIME = re.compile(_CLOCK, re.ASCII)
_DATETIME = re.compile(rf"{_DAY}(?:[ Tt]{_CLOCK})?", re.ASCII)
_ZONE = re.compile(r" ?(?:UTC|[Zz]|([+-])(\d{1,2})(?::?(\d{2}))?)", re.ASCII)


class Misfit(ValueError):
    """A value is none of a type; the message is what to do, or empty."""


def check(parameter: Parameter) -> Parameter:
    """The parameter with its value in plain Python, which is the same value for BigQuery and here.

    INT64 is int, FLOAT64 float, BOOL bool, STRING str, BYTES bytes, NUMERIC and BIGNUMERIC Decimal, DATE date, DATETIME
    datetime without zone, TIMESTAMP datetime in UTC, TIME time, JSON, GEOGRAPHY and INTERVAL their text, ARRAY list,
    STRUCT dict in the order of its fields, RANGE dict of `start` and `end`; NULL is None, and of an ARRAY [].

    Raises:
        ParameterError: the value is none of its type.
    """
    try:
        value = _checked(parameter.type, parameter.value)
    except Misfit as misfit:
        raise _refused(parameter, str(misfit)) from None
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise _refused(parameter, "") from error
    return parameter if value is parameter.value else replace(parameter, value=value)


def _refused(parameter: Parameter, hint: str) -> ParameterError:
    name = "A positional parameter" if parameter.name is None else f"Parameter @{parameter.name}"
    return ParameterError(f"{name} is {shortened(parameter.value)}, which is no {parameter.type}.", hint=hint or None)


def _checked(of: SqlType, value: Any) -> Any:
    if isinstance(value, Parameter) or is_google(value):
        inner = value if isinstance(value, Parameter) else Parameter(None, *taken(value))
        if inner.type != of:
            raise Misfit(f"it was given as {inner.type}")
        value = inner.value
    value = plain(value)
    if of.kind is Kind.ARRAY and of.element:
        return _array(of.element, value)
    if value is None:
        return None
    if of.kind is Kind.STRUCT:
        return _struct(of, value)
    if of.kind is Kind.RANGE and of.element:
        return _range(of.element, value)
    return _SCALARS[of.kind](value)


# ------------------------------------------------------------------------------------------- nested


def _array(element: SqlType, value: Any) -> list[Any]:
    # BigQuery's API writes a NULL array and an empty one alike.
    if element.kind is Kind.ARRAY:
        raise Misfit("BigQuery has no array of arrays")
    if value is None:
        return []
    if not isinstance(value, Sequence) or isinstance(value, str | bytes | bytearray | memoryview):
        raise Misfit("an ARRAY needs a list")
    return [_checked(element, item) for item in value]


def _struct(of: SqlType, value: Any) -> dict[str, Any]:
    names = [field.name for field in of.fields]
    if "" in names or len({name.lower() for name in names}) < len(names):
        # BigQuery's API tells the fields of a value by their names.
        raise Misfit("the fields of a STRUCT parameter need names, and each its own")
    if not isinstance(value, Mapping) or set(value) != set(names):
        raise Misfit(f"it needs a dict with the keys {', '.join(names)}")
    return {field.name: _checked(field.type, value[field.name]) for field in of.fields}


def _range(element: SqlType, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not set(value) <= {"start", "end"}:
        raise Misfit("a RANGE is {'start': …, 'end': …}, None for unbounded")
    start, end = (_checked(element, value.get(bound)) for bound in ("start", "end"))
    if start is not None and end is not None and not start < end:
        raise Misfit("the start of a RANGE lies before its end")
    return {"start": start, "end": end}


# ------------------------------------------------------------------------------------------ scalars


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Misfit("pass True or False")
    return value


def _int64(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or value != value // 1:
        raise Misfit("pass a whole number")
    if int(value) not in _INT64:
        raise Misfit("INT64 has 64 bits; pass a decimal.Decimal as NUMERIC")
    return int(value)


def _float64(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Misfit("pass a float")
    number = float(value)
    if isinstance(value, int) and number != value:
        raise Misfit("a FLOAT64 holds 53 bits of it; pass a float, or NUMERIC")
    if math.isinf(number) and not isinstance(value, float) and value not in (Decimal("inf"), Decimal("-inf")):
        raise Misfit("it is beyond FLOAT64")
    return number


def _decimal(value: Any, kind: Kind, scale: int, units: range) -> Decimal:
    """A number as a whole one of `units` of 10**-scale.

    https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#decimal_types
    """
    number = _as_decimal(value)
    if not number:
        return Decimal(0)
    if number.adjusted() > _LONGEST or len(number.as_tuple().digits) > _LONGEST:
        raise Misfit(f"it has more digits than {kind} holds")
    scaled = number.scaleb(scale, _WIDE)
    whole = int(scaled)
    if scaled != whole:
        raise Misfit(f"{kind} has {scale} digits after the point; round it: round(value, {scale})")
    if whole not in units:
        raise Misfit(f"it has more digits than {kind} holds")
    return Decimal(whole).scaleb(-scale, _WIDE)


_WIDE = Context(prec=2 * _LONGEST + 200, Emax=10**9, Emin=-(10**9))


def _as_decimal(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise Misfit("pass a number")
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise Misfit("write a number as 1234.5")
    if not isinstance(value, int | float | str | Decimal):
        raise Misfit("pass a decimal.Decimal")
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise Misfit("BigQuery's decimals have no NaN and no infinity; pass a float as FLOAT64")
    return number


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise Misfit("pass text")
    text = str.__str__(value)
    _encodable(text)
    return text


def _encodable(text: str) -> None:
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Misfit("it has a lone surrogate, which UTF-8 cannot hold")


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise Misfit("pass bytes: text.encode()")
    return bytes(value)


def _date(value: Any) -> date:
    if isinstance(value, str):
        return date(*map(int, _read(_DATE, value, "2024-01-31").groups()))
    if isinstance(value, datetime):
        raise Misfit("it has a time of day; pass its .date(), or use DATETIME or TIMESTAMP")
    if not isinstance(value, date):
        raise Misfit("pass a datetime.date")
    return date(value.year, value.month, value.day)


def _datetime(value: Any) -> datetime:
    if isinstance(value, str):
        return _moment(_read(_DATETIME, value, "2024-01-31 12:34:56"))
    if not isinstance(value, datetime):
        raise Misfit("pass a datetime.datetime")
    if value.tzinfo is not None:
        raise Misfit("DATETIME has no time zone; use TIMESTAMP")
    return _civil(value)


def _timestamp(value: Any) -> datetime:
    """An instant in UTC; a datetime without a zone is taken for UTC, as Google's client takes it."""
    if isinstance(value, str):
        return _instant(value)
    if not isinstance(value, datetime):
        raise Misfit("pass a datetime.datetime with a time zone")
    offset = value.utcoffset() or timedelta(0)
    return _shifted(_civil(value), offset)


def _shifted(civil: datetime, offset: timedelta) -> datetime:
    try:
        return (civil - offset).replace(tzinfo=UTC)
    except OverflowError:
        raise Misfit("TIMESTAMP has the years 1 to 9999, in UTC") from None


def _instant(text: str) -> datetime:
    head = _DATETIME.match(text)
    zone = _ZONE.fullmatch(text, head.end()) if head else None
    if head is None or not (zone or head.end() == len(text)):
        raise Misfit("write it as 2024-01-31 12:34:56+00:00")
    if zone is None or zone[1] is None:
        return _shifted(_moment(head), timedelta(0))
    offset = timedelta(hours=int(zone[2]), minutes=int(zone[3] or 0))
    if int(zone[3] or 0) > 59 or offset > timedelta(hours=14):
        raise Misfit("an offset from UTC has at most 14 hours")
    return _shifted(_moment(head), -offset if zone[1] == "-" else offset)


def _time(value: Any) -> time:
    if isinstance(value, str):
        return _clock(_read(_TIME, value, "12:34:56").groups())
    if not isinstance(value, time):
        raise Misfit("pass a datetime.time")
    if value.tzinfo is not None:
        raise Misfit("TIME has no time zone")
    return time(value.hour, value.minute, value.second, value.microsecond)


def _read(pattern: re.Pattern[str], text: str, example: str) -> re.Match[str]:
    match = pattern.fullmatch(text)
    if match is None:
        raise Misfit(f"write it as {example}")
    return match


def _moment(match: re.Match[str]) -> datetime:
    year, month, day, *clock = match.groups()
    whole = date(int(year), int(month), int(day))
    return datetime.combine(whole, time() if clock[0] is None else _clock(clock))


def _clock(groups: Sequence[str | None]) -> time:
    hour, minute, second, fraction = groups
    return time(int(hour or 0), int(minute or 0), int(second or 0), int((fraction or "").ljust(6, "0")))


def _civil(value: datetime) -> datetime:
    """A plain datetime of what the clock shows, of any kind of datetime."""
    return datetime(value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond)


def _json(value: Any) -> str:
    """A text is JSON already; anything else is written as JSON."""
    try:
        text = str.__str__(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, allow_nan=False)
        _encodable(json.dumps(_JSON.decode(text), ensure_ascii=False))
    except Misfit:
        raise
    except (ValueError, TypeError):
        hint = "a text must be JSON: json.dumps(value)" if isinstance(value, str) else "it has no JSON form"
        raise Misfit(hint) from None
    return text


def _json_constant(name: str) -> Any:
    raise Misfit(f"JSON has no {name}")


def _json_integer(digits: str) -> Any:
    return int(digits) if len(digits) <= _UINT64_DIGITS and int(digits) in _JSON_INTEGERS else _json_float(digits)


def _json_float(digits: str) -> float:
    """A number that a double holds; BigQuery refuses others.

    https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#parse_json
    """
    number = float(digits)
    if math.isinf(number) or Decimal(digits) != Decimal(repr(number)):
        raise Misfit(f"JSON cannot hold the number {shortened(digits)} exactly; write it as a text")
    return number


_UINT64_DIGITS = 20
_JSON_INTEGERS = range(-(2**63), 2**64)
_JSON = json.JSONDecoder(parse_int=_json_integer, parse_float=_json_float, parse_constant=_json_constant)


_SCALARS: dict[Kind, Callable[[Any], Any]] = {
    Kind.BIGNUMERIC: lambda value: _decimal(value, Kind.BIGNUMERIC, bignumeric.SCALE, _BIGNUMERIC_UNITS),
    Kind.BOOL: _bool,
    Kind.BYTES: _bytes,
    Kind.DATE: _date,
    Kind.DATETIME: _datetime,
    Kind.FLOAT64: _float64,
    Kind.GEOGRAPHY: _string,  # a text that only BigQuery reads
    Kind.INT64: _int64,
    Kind.INTERVAL: _string,  # so is this
    Kind.JSON: _json,
    Kind.NUMERIC: lambda value: _decimal(value, Kind.NUMERIC, 9, _NUMERIC_UNITS),
    Kind.STRING: _string,
    Kind.TIME: _time,
    Kind.TIMESTAMP: _timestamp,
}
