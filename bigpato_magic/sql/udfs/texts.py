"""Texts that CAST reads: dates, times, moments and numbers, in every spelling that GoogleSQL takes.

https://cloud.google.com/bigquery/docs/reference/standard-sql/conversion_functions#cast
"""

from __future__ import annotations

import math
import re
from datetime import date, time
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import pyarrow as pa

from bigpato_magic.sql.udfs import zones
from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure, guarded, strict
from bigpato_magic.types.date_parts import DAY_MICROS

__all__ = [
    "bp_text_datetime",
    "bp_text_day",
    "bp_text_float",
    "bp_text_integer",
    "bp_text_numeric",
    "bp_text_time",
    "bp_text_timestamp",
]
_DAY = r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
_TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2}):(?P<second>\d{1,2})(?:\.(?P<fraction>\d{1,6}))?"
DAY = re.compile(_DAY, re.ASCII)
TIME = re.compile(_TIME, re.ASCII)
DATETIME = re.compile(f"{_DAY}(?:[ Tt]{_TIME})?", re.ASCII)
TIMESTAMP = re.compile(f"{_DAY}(?:[ Tt](?:{_TIME})?(?P<zone>.*))?", re.ASCII | re.DOTALL)
OFFSET = re.compile(r"(?: UTC)?([+-].*)", re.DOTALL)
SPACES = " \t\n\v\f\r"
INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
HEX = re.compile(r"([+-]?)0[xX]([0-9a-fA-F]+)")
FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity|nan)", re.ASCII | re.IGNORECASE)
INT64 = range(-(2**63), 2**63)
FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
EPOCH_DAY = date(1970, 1, 1).toordinal()


def _wrong(what: str, text: str) -> InvalidValue:
    return InvalidValue(f"Invalid {what}: {text[:50]!r}")


def _day(found: re.Match[str], text: str) -> date:
    try:
        return date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        raise _wrong("date", text) from None


def _clock_micros(found: re.Match[str], text: str) -> int:
    """Microseconds since midnight; 0 where the text has no time."""
    if found["hour"] is None:
        return 0
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"])
    if hour > 23 or minute > 59 or second > 60:
        raise _wrong("time", text)
    if second == 60:
        raise Unsure("a leap second")
    return ((hour * 60 + minute) * 60 + second) * 1_000_000 + int((found["fraction"] or "").ljust(6, "0"))


def _micros(found: re.Match[str], text: str) -> int:
    return (_day(found, text).toordinal() - EPOCH_DAY) * DAY_MICROS + _clock_micros(found, text)


def day(text: str) -> date:
    """CAST(text AS DATE)."""
    found = DAY.fullmatch(text)
    if not found:
        raise _wrong("date", text)
    return _day(found, text)


def time_of_day(text: str) -> time:
    """CAST(text AS TIME)."""
    found = TIME.fullmatch(text)
    if not found:
        raise _wrong("time string", text)
    seconds, micros = divmod(_clock_micros(found, text), 1_000_000)
    return time(seconds // 3600, seconds // 60 % 60, seconds % 60, micros)


def datetime(text: str) -> int:
    """CAST(text AS DATETIME), in microseconds."""
    found = DATETIME.fullmatch(text)
    if not found:
        raise _wrong("datetime string", text)
    return _micros(found, text)


def timestamp(text: str, zone: str, zone_in_text: bool) -> int:
    """CAST(text AS TIMESTAMP), in microseconds; `zone` counts where the text names none.

    Args:
        text: to read.
        zone: a name or an offset.
        zone_in_text: the text may name a zone.
    """
    found = TIMESTAMP.fullmatch(text)
    if not found:
        if re.match(r"\d{5}-", text, re.ASCII):
            raise Unsure("a year of five digits")
        raise _wrong("timestamp", text)
    named = _zone_of(found, text)
    if named is not None and not zone_in_text:
        raise InvalidValue("Timezone is not allowed")
    micros = zones.moment(_micros(found, text), named or zone)
    if not FIRST <= micros <= LAST:
        raise _wrong("timestamp", text)
    return micros


def _zone_of(found: re.Match[str], text: str) -> str | None:
    rest = found["zone"]
    if not rest:
        if rest == "" and found["hour"] is None:
            raise _wrong("timestamp", text)
        return None
    if found["hour"] is None and rest[0] not in "+-":
        raise _wrong("timestamp", text)
    if rest in (" UTC", "Z", "z"):
        return "UTC"
    offset = OFFSET.fullmatch(rest)
    if offset:
        if zones.offset_minutes(offset[1]) is None:
            raise _wrong("time zone", text)
        return offset[1]
    if rest[0] != " " or len(rest) < 2 or rest[1] in "+-":
        raise _wrong("timestamp", text)
    return rest[1:]


def integer(text: str) -> int:
    """CAST(text AS INT64)."""
    bare = text.lstrip(" ")
    hexadecimal = HEX.fullmatch(bare)
    if hexadecimal:
        value = int(hexadecimal[1] + hexadecimal[2], 16)
    elif bare.lstrip("+-")[:2].lower() == "0x":
        raise Unsure("a text that is nearly a hexadecimal number")
    elif INTEGER.fullmatch(bare.strip(SPACES)):
        value = int(bare)
    else:
        raise _wrong("int64 value", text)
    if value not in INT64:
        raise _wrong("int64 value", text)
    return value


def floating(text: str) -> float:
    """CAST(text AS FLOAT64)."""
    bare = text.strip(SPACES)
    if not FLOAT.fullmatch(bare):
        if re.match(r"[+-]?nan\(|[+-]?0x", bare, re.IGNORECASE):
            raise Unsure("a text that C reads as a number")
        raise _wrong("double value", text)
    value = float(bare)
    return math.copysign(math.nan, 1) if math.isnan(value) else value


_WIDE = Context(prec=200)
_NINE = Decimal("0.000000001")
_BOUND = Decimal(10) ** 29


def numeric(text: str) -> Decimal:
    """CAST(text AS NUMERIC): rounded to nine places, halves away from zero."""
    bare = text.strip(SPACES)
    if not FLOAT.fullmatch(bare) or bare[-1] in "nNfFyY":
        raise _wrong("NUMERIC value", text)
    if len(bare) > 100:
        raise Unsure("a long number")
    value = Decimal(bare)
    if not value:
        return Decimal(0)
    if value.adjusted() > 40:
        raise _wrong("NUMERIC value", text)
    value = value.quantize(_NINE, ROUND_HALF_UP, context=_WIDE)
    if abs(value) >= _BOUND:
        raise _wrong("NUMERIC value", text)
    return value


def _reader(function: Any, result: pa.DataType) -> Any:
    return strict(guarded(function), result)


bp_text_day = _reader(day, pa.date32())
bp_text_time = _reader(time_of_day, pa.time64("us"))
bp_text_datetime = _reader(datetime, pa.int64())
bp_text_timestamp = _reader(timestamp, pa.int64())
bp_text_integer = _reader(integer, pa.int64())
bp_text_float = _reader(floating, pa.float64())
bp_text_numeric = _reader(numeric, pa.decimal128(38, 9))
