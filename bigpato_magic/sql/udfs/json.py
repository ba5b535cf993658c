"""JSON as GoogleSQL has it: the text form (STRING), which keeps numbers and members as they are written, and the JSON type.

A value of the JSON type is held as the text that TO_JSON_STRING prints: compact, members sorted, numbers normalised.
https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

import pyarrow as pa

from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure, guarded, strict

INT64 = range(-(2**63), 2**63)
UINT64 = range(-(2**63), 2**64)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
EXACT_DIGITS = 15
"""A double whose shortest decimal form has no more digits is printed alike by every correct algorithm."""

# ---------------------------------------------------------------------------------------- the text form


class Number(str):
    """A number as it is written."""

    __slots__ = ()


class Members(list[tuple[str, Any]]):
    """An object's members as they are written, twins included."""


def _no_constant(name: str) -> Any:
    raise Unsure(f"{name} in a JSON text")


_TEXT = json.JSONDecoder(
    object_pairs_hook=Members, parse_int=Number, parse_float=Number, parse_constant=_no_constant, strict=True
)


def parse_text(text: str) -> Any:
    """A JSON text with numbers and members as written. GoogleSQL reads more than JSON here, in ways of its own: unsure."""
    if SURROGATE.search(text):
        raise Unsure("a surrogate escape in a JSON text")
    try:
        return _TEXT.decode(text)
    except (json.JSONDecodeError, RecursionError):
        raise Unsure("a malformed JSON text") from None


def quote_text(text: str) -> str:
    """A string as the functions of JSON texts print it."""
    return json.dumps(text, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def print_text(value: Any) -> str:
    """Compact, everything else as written."""
    if isinstance(value, Number):
        return value
    if isinstance(value, str):
        return quote_text(value)
    if isinstance(value, Members):
        return "{" + ",".join(f"{quote_text(name)}:{print_text(member)}" for name, member in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(print_text, value)) + "]"
    return json.dumps(value)


# ----------------------------------------------------------------------------------------- the JSON type


def _normal_number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise InvalidValue(f"number overflow: {text}")
    return value


class _Exact(float):
    """A double, checked to be what was written."""

    def __new__(cls, text: str) -> _Exact:
        value = _normal_number(text)
        if Decimal(text) != Decimal(repr(value)):
            raise InvalidValue(f"{text} cannot round-trip")
        return super().__new__(cls, value)


def _integer(number: Callable[[str], float]) -> Callable[[str], int | float]:
    return lambda text: value if (value := int(text)) in UINT64 else number(text)


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(sorted(dict(reversed(pairs)).items()))


def _malformed(name: str) -> Any:
    raise InvalidValue(f"{name} is not JSON")


_MODES = {
    mode: json.JSONDecoder(
        object_pairs_hook=_first_wins, parse_int=_integer(number), parse_float=number, parse_constant=_malformed
    )
    for mode, number in (("exact", _Exact), ("round", _normal_number))
}
_HELD = json.JSONDecoder()


def parse_json(text: str, mode: str) -> str:
    """PARSE_JSON: a text to a value of the JSON type."""
    if mode not in _MODES:
        raise InvalidValue(f"wide_number_mode {mode}")
    try:
        value = print_json(_MODES[mode].decode(text))
    except json.JSONDecodeError as error:
        raise InvalidValue(str(error)) from None
    if SURROGATE.search(text) and any("\ud800" <= c <= "\udfff" for c in value):
        raise InvalidValue("a lone surrogate")
    return value


def held(text: str) -> Any:
    """A value of the JSON type as Python has it."""
    return _HELD.decode(text)


def print_json(value: Any) -> str:
    """A value of the JSON type as the text that is held."""
    if isinstance(value, float):
        return print_double(value)
    if isinstance(value, dict):
        members = (f"{json.dumps(name, ensure_ascii=False)}:{print_json(value[name])}" for name in sorted(value))
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(print_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def print_double(value: float) -> str:
    """A number of the JSON type that is no integer: `100.0`, `1e+15`, `1e-07`."""
    sign, digits, exponent = Decimal(repr(float(value))).as_tuple()
    text = "".join(map(str, digits)).rstrip("0") or "0"
    if len(text) > EXACT_DIGITS:
        raise Unsure("a number of more than fifteen digits")
    assert isinstance(exponent, int)  # noqa: S101 - it is finite
    point = len(digits) + exponent
    return "-" * sign + ("0.0" if text == "0" else _placed(text, point))


def _placed(digits: str, point: int) -> str:
    if len(digits) <= point <= EXACT_DIGITS:
        return digits.ljust(point, "0") + ".0"
    if 0 < point <= EXACT_DIGITS:
        return f"{digits[:point]}.{digits[point:]}"
    if -4 < point <= 0:
        return "0." + "0" * -point + digits
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{rest}e{point - 1:+03d}"


# ------------------------------------------------------------------------------------------------ paths


@lru_cache(maxsize=1000)
def steps(path: str) -> tuple[str, ...]:
    """A path as rules hand it over: a JSON list of steps. A step is a member's name, or an index in digits."""
    return tuple(json.loads(path))


def _step(value: Any, name: str) -> Any:
    """What a step leads to; KeyError where it leads nowhere."""
    if isinstance(value, Members):
        return next(member for key, member in value if key == name)
    if isinstance(value, dict):
        return value[name]
    if isinstance(value, list) and name.isascii() and name.isdigit():
        return value[int(name)]
    raise KeyError(name)


_ABSENT = object()


def at(value: Any, path: str) -> Any:
    """What a path leads to, `_ABSENT` where it leads nowhere."""
    for name in steps(path):
        try:
            value = _step(value, name)
        except (KeyError, IndexError, StopIteration):
            return _ABSENT
    return value


def text_query(text: str, path: str) -> str | None:
    """JSON_QUERY of a text."""
    found = at(parse_text(text), path)
    return None if found is _ABSENT or found is None else print_text(found)


def text_value(text: str, path: str) -> str | None:
    """JSON_VALUE of a text."""
    return _scalar(at(parse_text(text), path))


def _scalar(value: Any) -> str | None:
    if value is _ABSENT or value is None or isinstance(value, (list, dict)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else print_json(value)


def text_query_array(text: str, path: str) -> list[str] | None:
    """JSON_QUERY_ARRAY of a text."""
    found = at(parse_text(text), path)
    return [print_text(item) for item in found] if _is_array(found) else None


def _is_array(value: Any) -> bool:
    return isinstance(value, list) and not isinstance(value, Members)


def text_value_array(text: str, path: str) -> list[str | None] | None:
    """JSON_VALUE_ARRAY of a text."""
    return _scalars(at(parse_text(text), path))


def _scalars(value: Any) -> list[str | None] | None:
    if not _is_array(value) or any(isinstance(item, (list, dict)) for item in value):
        return None
    return [_scalar(item) for item in value]


def json_query(text: str, path: str) -> str | None:
    """JSON_QUERY of the JSON type, and its subscripts."""
    found = at(held(text), path)
    return None if found is _ABSENT else print_json(found)


def json_value(text: str, path: str) -> str | None:
    """JSON_VALUE of the JSON type."""
    return _scalar(at(held(text), path))


def json_query_array(text: str, path: str) -> list[str] | None:
    """JSON_QUERY_ARRAY of the JSON type."""
    found = at(held(text), path)
    return [print_json(item) for item in found] if isinstance(found, list) else None


def json_value_array(text: str, path: str) -> list[str | None] | None:
    """JSON_VALUE_ARRAY of the JSON type."""
    return _scalars(at(held(text), path))


# -------------------------------------------------------------------------------------------- accessors


def to_int64(value: Any) -> int:
    """INT64 of a value of the JSON type."""
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(number, bool) or not isinstance(number, int) or number not in INT64:
        raise InvalidValue("the JSON value is not an integer")
    return number


def to_float64(value: Any, mode: str = "round") -> float:
    """FLOAT64 of a value of the JSON type."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidValue("the JSON value is not a number")
    if mode not in _MODES or (mode == "exact" and int(float(value)) != value and isinstance(value, int)):
        raise InvalidValue("the JSON value cannot be a FLOAT64 without loss")
    return float(value)


def to_bool(value: Any) -> bool:
    """BOOL of a value of the JSON type."""
    if not isinstance(value, bool):
        raise InvalidValue("the JSON value is not a boolean")
    return value


def to_string(value: Any) -> str:
    """STRING of a value of the JSON type."""
    if not isinstance(value, str):
        raise InvalidValue("the JSON value is not a string")
    return value


def lax_int64(value: Any) -> int | None:
    """LAX_INT64: NULL where there is no integer to be had."""
    if isinstance(value, (bool, int)):
        number = int(value)
    elif isinstance(value, float):
        number = int(Decimal(value).quantize(Decimal(1), ROUND_HALF_UP)) if abs(value) < 2**64 else 2**64
    elif isinstance(value, str) and NUMBER.fullmatch(text := value.strip(" \t\n\r\v\f")):
        number = _integer_of(text)
    else:
        return None
    return number if number in INT64 else None


def _integer_of(text: str) -> int:
    exact = Decimal(text)
    if exact != int(exact) and len(exact.as_tuple().digits) > EXACT_DIGITS:
        raise Unsure("a long number in a JSON string")
    return int(exact.to_integral_value(ROUND_HALF_UP)) if exact.adjusted() < 40 else 2**64


_SPECIAL = {f"{sign}{name}" for sign in ("", "+", "-") for name in ("inf", "infinity", "nan")}


def lax_float64(value: Any) -> float | None:
    """LAX_FLOAT64: NULL where there is no number to be had."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    if not isinstance(value, str):
        return None
    text = value.strip(" \t\n\r\v\f")
    if not NUMBER.fullmatch(text) and text.lower() not in _SPECIAL:
        return None
    number = float(text)
    if text.lower() not in _SPECIAL and number in (float("inf"), float("-inf")):
        raise Unsure("a number beyond FLOAT64 in a JSON string")
    return number


def lax_bool(value: Any) -> bool | None:
    """LAX_BOOL: NULL where there is no boolean to be had."""
    if isinstance(value, (bool, int, float)):
        return value != 0
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


def lax_string(value: Any) -> str | None:
    """LAX_STRING: NULL for arrays, objects and null."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _float_text(value)
    return str(value) if isinstance(value, (int, str)) else None


def _float_text(value: float) -> str:
    if value == 0:
        return "0"
    short = f"{value:.15g}"
    return short if float(short) == value else f"{value:.17g}"


def _of(accessor: Callable[..., Any]) -> Callable[..., Any]:
    return lambda text, *more: accessor(held(text), *more)


def _array_of(accessor: Callable[..., Any]) -> Callable[..., Any]:
    def run(text: str, *more: Any) -> list[Any]:
        value = held(text)
        if not isinstance(value, list):
            raise InvalidValue("the JSON value is not an array")
        return [accessor(item, *more) for item in value]

    return run


def _lax_array_of(accessor: Callable[..., Any]) -> Callable[..., Any]:
    def run(text: str) -> list[Any] | None:
        value = held(text)
        return [accessor(item) for item in value] if isinstance(value, list) else None

    return run


def json_type(text: str) -> str:
    """JSON_TYPE."""
    starts = {"{": "object", "[": "array", '"': "string", "t": "boolean", "f": "boolean", "n": "null"}
    return starts.get(text[0], "number")


# ------------------------------------------------------------------------------------------ changed values


def flatten(text: str) -> list[str]:
    """JSON_FLATTEN."""

    def leaves(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            for item in value:
                yield from leaves(item)
        else:
            yield value

    return [print_json(leaf) for leaf in leaves(held(text))]


def keys(text: str, depth: int, mode: str) -> list[str]:
    """JSON_KEYS; `depth` is at least 1."""
    entered = {"strict": 0, "lax": 1, "lax recursive": 1 << 30}.get(mode.lower())
    if entered is None:
        raise InvalidValue(f"JSON_KEYS mode {mode}")
    return sorted(set(_keys(held(text), depth, entered, "", 0)))


def _keys(value: Any, depth: int, lax: int, prefix: str, nested: int) -> Iterator[str]:
    if isinstance(value, list) and nested < lax:
        for item in value:
            yield from _keys(item, depth, lax, prefix, nested + 1)
    elif isinstance(value, dict) and depth > 0:
        for name, member in value.items():
            path = prefix + _key(name)
            yield path
            yield from _keys(member, depth - 1, lax, path + ".", 0)


def _key(name: str) -> str:
    if '"' in name or "\\" in name:
        raise Unsure("a quote in a JSON key")
    return f'"{name}"' if "." in name else name


def strip_nulls(text: str, path: str, arrays: bool, empty: bool) -> str:
    """JSON_STRIP_NULLS."""
    value = held(text)
    way = steps(path)
    if at(value, path) is _ABSENT:
        return text
    if not way:
        return print_json(_stripped(value, arrays, empty))
    parent = at(value, json.dumps(way[:-1]))
    key: Any = int(way[-1]) if isinstance(parent, list) else way[-1]
    parent[key] = _stripped(parent[key], arrays, empty)
    return print_json(value)


def _stripped(value: Any, arrays: bool, empty: bool) -> Any:
    if isinstance(value, dict):
        members = {name: _stripped(member, arrays, empty) for name, member in value.items()}
        value = {name: member for name, member in members.items() if member is not None}
    elif isinstance(value, list):
        value = [_stripped(item, arrays, empty and arrays) for item in value]
        if not arrays:
            return value
        value = [item for item in value if item is not None]
    return None if empty and value in ([], {}) else value


def remove(text: str, path: str) -> str:
    """JSON_REMOVE of one path."""
    way = steps(path)
    if not way:
        raise InvalidValue("the JSONPath cannot be '$'")
    value = held(text)
    parent = at(value, json.dumps(way[:-1]))
    if at(value, path) is not _ABSENT:
        del parent[int(way[-1]) if isinstance(parent, list) else way[-1]]
    return print_json(value)


def json_object(names: list[str | None], values: list[str]) -> str:
    """JSON_OBJECT; the first of twins counts."""
    if any(name is None for name in names):
        raise InvalidValue("a key of JSON_OBJECT cannot be NULL")
    if len(names) != len(values):
        raise InvalidValue("JSON_OBJECT with other numbers of keys and values")
    first = dict(zip(reversed(names), reversed(values), strict=True))
    members = (f"{json.dumps(name, ensure_ascii=False)}:{first[name]}" for name in sorted(first))  # type: ignore[type-var]
    return "{" + ",".join(members) + "}"


# -------------------------------------------------------------------------------------------- for DuckDB

TEXT, TEXTS = pa.string(), pa.list_(pa.string())

bp_text_query = strict(text_query, TEXT)
bp_text_value = strict(text_value, TEXT)
bp_text_query_array = strict(text_query_array, TEXTS)
bp_text_value_array = strict(text_value_array, TEXTS)
bp_json_query = strict(json_query, TEXT)
bp_json_value = strict(json_value, TEXT)
bp_json_query_array = strict(json_query_array, TEXTS)
bp_json_value_array = strict(json_value_array, TEXTS)
bp_parse_json = strict(guarded(parse_json), TEXT)
bp_json_double = strict(print_double, TEXT)
bp_json_int64 = strict(guarded(_of(to_int64)), pa.int64())
bp_json_float64 = strict(guarded(_of(to_float64)), pa.float64())
bp_json_bool = strict(guarded(_of(to_bool)), pa.bool_())
bp_json_string = strict(guarded(_of(to_string)), TEXT)
bp_json_int64_array = strict(guarded(_array_of(to_int64)), pa.list_(pa.int64()))
bp_json_float64_array = strict(guarded(_array_of(to_float64)), pa.list_(pa.float64()))
bp_json_bool_array = strict(guarded(_array_of(to_bool)), pa.list_(pa.bool_()))
bp_json_string_array = strict(guarded(_array_of(to_string)), TEXTS)
bp_lax_int64 = strict(_of(lax_int64), pa.int64())
bp_lax_float64 = strict(_of(lax_float64), pa.float64())
bp_lax_bool = strict(_of(lax_bool), pa.bool_())
bp_lax_string = strict(_of(lax_string), TEXT)
bp_lax_int64_array = strict(_lax_array_of(lax_int64), pa.list_(pa.int64()))
bp_lax_float64_array = strict(_lax_array_of(lax_float64), pa.list_(pa.float64()))
bp_lax_bool_array = strict(_lax_array_of(lax_bool), pa.list_(pa.bool_()))
bp_lax_string_array = strict(_lax_array_of(lax_string), TEXTS)
bp_json_type = strict(json_type, TEXT)
bp_json_keys = strict(guarded(keys), TEXTS)
bp_json_strip_nulls = strict(strip_nulls, TEXT)
bp_json_remove = strict(guarded(remove), TEXT)
bp_json_object = strict(guarded(json_object), TEXT)
