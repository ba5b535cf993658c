"""INT64, FLOAT64, BOOL, STRING of a value of the JSON type, strict and lax, and of arrays of them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa

from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure, guarded, strict
from bigpato_magic.sql.udfs.json_values import EXACT_DIGITS, MODES, held
from bigpato_magic.sql.udfs.texts import floating

TEXT = pa.string()
INT64 = range(-(2**63), 2**63)
# GoogleSQL takes no larger whole number for exact, though some are.
LOSSLESS = 2**53
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


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
    if mode not in MODES or (mode == "exact" and isinstance(value, int) and abs(value) > LOSSLESS):
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


def lax_float64(value: Any) -> float | None:
    """LAX_FLOAT64: NULL where there is no number to be had."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    if not isinstance(value, str):
        return None
    try:
        number = floating(value)
    except InvalidValue:
        return None
    if math.isinf(number) and not re.search("[iI]", value):
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


bp_json_int64 = strict(guarded(_of(to_int64)), pa.int64())
bp_json_float64 = strict(guarded(_of(to_float64)), pa.float64())
bp_json_bool = strict(guarded(_of(to_bool)), pa.bool_())
bp_json_string = strict(guarded(_of(to_string)), TEXT)
bp_lax_int64 = strict(_of(lax_int64), pa.int64())
bp_lax_float64 = strict(_of(lax_float64), pa.float64())
bp_lax_bool = strict(_of(lax_bool), pa.bool_())
bp_lax_string = strict(_of(lax_string), TEXT)
