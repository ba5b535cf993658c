"""Values of the JSON type, held as the text that TO_JSON_STRING prints: compact, members sorted, numbers normalised.

https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa

from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure, guarded, strict
from bigpato_magic.sql.udfs.json_doubles import digits_of
from bigpato_magic.sql.udfs.json_texts import SURROGATE

UINT64 = range(-(2**63), 2**64)
EXACT_DIGITS = 15
"""Digits that a double is printed with before an exponent is."""
LONGEST = 1000
"""A number of more letters may be too long for BigQuery."""


def _normal_number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise InvalidValue(f"number overflow: {text}")
    return value


class _Exact(float):
    """A double, checked to be what was written: what is printed of it, which is not so of 67.174118.

    https://github.com/airbytehq/airbyte/pull/29590 has BigQuery's error for that.
    """

    def __new__(cls, text: str) -> _Exact:
        value = _normal_number(text)
        if len(text) > LONGEST:
            raise Unsure("a number of so many digits in a JSON text")
        if Decimal(text) != Decimal(print_double(value)):
            raise InvalidValue(f"{text} cannot round-trip")
        return super().__new__(cls, value)


def _integer(number: Callable[[str], float]) -> Callable[[str], int | float]:
    return lambda text: value if (value := int(text)) in UINT64 else number(text)


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(sorted(dict(reversed(pairs)).items()))


def _malformed(name: str) -> Any:
    raise InvalidValue(f"{name} is not JSON")


MODES = {
    mode: json.JSONDecoder(
        object_pairs_hook=_first_wins, parse_int=_integer(number), parse_float=number, parse_constant=_malformed
    )
    for mode, number in (("exact", _Exact), ("round", _normal_number))
}
_HELD = json.JSONDecoder()


def parse_json(text: str, mode: str) -> str:
    """PARSE_JSON: a text to a value of the JSON type."""
    if mode not in MODES:
        raise InvalidValue(f"wide_number_mode {mode}")
    try:
        # The reader that GoogleSQL uses skips a byte order mark.
        value = print_json(MODES[mode].decode(text.removeprefix("\ufeff")))
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
    sign = "-" if math.copysign(1, value) < 0 else ""
    if value == 0:
        return sign + "0.0"
    digits, exponent = digits_of(abs(value))
    return sign + _placed(digits, len(digits) + exponent)


def exact_number(text: str) -> str:
    """A NUMERIC as a value of the JSON type; one that is printed otherwise is an error of BigQuery's."""
    printed = print_double(float(text))
    if Decimal(printed) != Decimal(text):
        raise Unsure("a NUMERIC that is no number of the JSON type")
    return printed


def _placed(digits: str, point: int) -> str:
    if len(digits) <= point <= EXACT_DIGITS:
        return digits.ljust(point, "0") + ".0"
    if 0 < point <= EXACT_DIGITS:
        return f"{digits[:point]}.{digits[point:]}"
    if -4 < point <= 0:
        return "0." + "0" * -point + digits
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{rest}e{point - 1:+03d}"


def json_type(text: str) -> str:
    """JSON_TYPE."""
    starts = {"{": "object", "[": "array", '"': "string", "t": "boolean", "f": "boolean", "n": "null"}
    return starts.get(text[0], "number")


bp_parse_json = strict(guarded(parse_json), pa.string())
bp_json_double = strict(print_double, pa.string())
bp_json_exact = strict(exact_number, pa.string())
bp_json_type = strict(json_type, pa.string())
