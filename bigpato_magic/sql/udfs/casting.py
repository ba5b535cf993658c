"""CAST(text AS DATE FORMAT '…') and its kin, where year and month are in the format (else BigQuery takes today's).

https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements#format_string_as_datetime
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

import pyarrow as pa

from bigpato_magic.sql.udfs import zones
from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure, guarded, strict

SPACES = " \t\n\v\f\r"
DIGITS = "0123456789"
FULL = [
    "JANUARY",
    "FEBRUARY",
    "MARCH",
    "APRIL",
    "MAY",
    "JUNE",
    "JULY",
    "AUGUST",
    "SEPTEMBER",
    "OCTOBER",
    "NOVEMBER",
    "DECEMBER",
]
NUMBERS = {
    "YYYY": ("year", 5, 0, 9999),
    "RRRR": ("year", 5, 0, 9999),
    "YY": ("year", 2, 0, 99),
    "RR": ("year", 2, 0, 99),
    "MM": ("month", 2, 1, 12),
    "DD": ("day", 2, 1, 31),
    "HH24": ("hour", 2, 0, 23),
    "HH12": ("twelfth", 2, 1, 12),
    "HH": ("twelfth", 2, 1, 12),
    "MI": ("minute", 2, 0, 59),
    "SS": ("second", 2, 0, 59),
    "TZM": ("offset_minute", 2, 0, 59),
}
OF_TIME = {"hour", "twelfth", "minute", "second", "fraction", "half"}
OF_DATE = {"year", "month", "day"}
OF_ZONE = {"offset", "offset_minute"}
ALLOWED = {"DATE": OF_DATE, "TIME": OF_TIME, "DATETIME": OF_DATE | OF_TIME, "TIMESTAMP": OF_DATE | OF_TIME | OF_ZONE}
PART = {name: spec[0] for name, spec in NUMBERS.items()}
PART |= {"MON": "month", "MONTH": "month", "A.M.": "half", "P.M.": "half", "TZH": "offset"}
PART |= {f"FF{n}": "fraction" for n in range(1, 7)}
PIECE = re.compile(
    "(?P<element>" + "|".join(re.escape(name) for name in sorted(PART, key=len, reverse=True)) + ")"
    r'|"(?P<quoted>[^"\\]+)"|(?P<space> +)|(?P<literal>[-./,\';:])',
    re.IGNORECASE | re.ASCII,
)
FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999


@dataclass(slots=True)
class _Reader:
    text: str
    at: int = 0
    parts: dict[str, int] = field(default_factory=dict)

    def fail(self) -> InvalidValue:
        return InvalidValue(f"Failed to parse {self.text[:50]!r}")

    def spaces(self) -> int:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] in SPACES:
            self.at += 1
        return self.at - start

    def digits(self, most: int) -> str:
        start = self.at
        while self.at < len(self.text) and self.at - start < most and self.text[self.at] in DIGITS:
            self.at += 1
        return self.text[start : self.at]

    def number(self, name: str, tight: bool) -> None:
        part, most, low, high = NUMBERS[name]
        width = min(most, 4) if tight else most
        found = self.digits(width)
        if part == "year" and found and len(found) != len(name):
            raise Unsure("a year of another width than its format")
        if not found or (tight and len(found) != width) or not low <= int(found) <= high:
            raise self.fail()
        value = int(found)
        if name in ("YY", "RR"):
            value += 1900 if name == "RR" and value >= 50 else 2000
        self.parts[part] = value

    def month(self, full: bool) -> None:
        for i, name in enumerate(FULL, 1):
            form = name if full else name[:3]
            if self.text[self.at : self.at + len(form)].upper() == form:
                self.at += len(form)
                self.parts["month"] = i
                return
        raise self.fail()

    def half(self) -> None:
        found = self.text[self.at : self.at + 4].upper()
        if found not in ("A.M.", "P.M."):
            raise self.fail()
        self.at += 4
        self.parts["half"] = int(found == "P.M.")

    def fraction(self, most: int) -> None:
        found = self.digits(most)
        if not found:
            raise self.fail()
        self.parts["fraction"] = int(found.ljust(6, "0"))

    def offset(self) -> None:
        sign = self.text[self.at : self.at + 1]
        self.at += 1
        found = self.digits(2)
        if sign not in ("+", "-") or len(found) != 2 or int(found) > 14:
            raise Unsure("an offset of another form")
        self.parts["offset"] = int(found)
        self.parts["west"] = int(sign == "-")


@lru_cache(maxsize=200)
def compile_format(form: str, kind: str) -> tuple[tuple[str, str], ...]:
    """The pieces of a format: `element`, `literal` or `space`, and its text.

    Raises:
        Unsure: a format that BigQuery may refuse, or that needs today's date.
    """
    pieces: list[tuple[str, str]] = []
    place = 0
    while place < len(form):
        match = PIECE.match(form, place)
        if not match:
            raise Unsure(f"the format {form!r}")
        place = match.end()
        group = match.lastgroup or ""
        pieces.append(
            ("literal" if group == "quoted" else group, match[group].upper() if group == "element" else match[group])
        )
    parts = [PART[text] for group, text in pieces if group == "element"]
    _check(form, kind, parts)
    return tuple(pieces)


def _check(form: str, kind: str, parts: list[str]) -> None:
    given = set(parts)
    wrong = len(given) < len(parts) or not given <= ALLOWED[kind] or {"hour", "twelfth"} <= given
    wrong = wrong or (("half" in given) != ("twelfth" in given)) or ("offset_minute" in given and "offset" not in given)
    if wrong or (kind != "TIME" and not {"year", "month"} <= given) or not given:
        raise Unsure(f"the format {form!r} for a {kind}")


def moment(form: str, text: str, zone: str, kind: str) -> int:
    """Microseconds of the moment (or of the clock) that a text means in a format."""
    pieces = compile_format(form, kind)
    if not text.isascii():
        raise Unsure("a text that is not ASCII")
    reader = _Reader(text)
    reader.spaces()
    for i, (group, piece) in enumerate(pieces):
        if reader.at >= len(text):
            raise reader.fail()
        following = pieces[i + 1] if i + 1 < len(pieces) else ("", "")
        if group == "space":
            if not reader.spaces():
                raise reader.fail()
        elif group == "literal":
            if not text.startswith(piece, reader.at):
                raise reader.fail()
            reader.at += len(piece)
        else:
            _element(reader, piece, following)
    reader.spaces()
    if reader.at < len(text):
        raise reader.fail()
    return _result(reader, zone)


def _element(reader: _Reader, name: str, following: tuple[str, str]) -> None:
    group, text = following
    tight = (group == "element" and (text in NUMBERS or text.startswith("FF"))) or (
        group == "literal" and text[0] in DIGITS
    )
    if name in NUMBERS:
        reader.number(name, tight)
    elif name.startswith("FF"):
        if tight:
            raise Unsure("digits after a fraction")
        reader.fraction(int(name[2:]))
    elif name == "TZH":
        reader.offset()
    elif name in ("MON", "MONTH"):
        reader.month(name == "MONTH")
    else:
        reader.half()


def _result(reader: _Reader, zone: str) -> int:
    parts = reader.parts
    hour = parts.get("hour", 0)
    if "twelfth" in parts:
        hour = parts["twelfth"] % 12 + 12 * parts["half"]
    try:
        found = date(parts.get("year", 1970), parts.get("month", 1), parts.get("day", 1))
    except ValueError:
        raise reader.fail() from None
    days = found.toordinal() - date(1970, 1, 1).toordinal()
    seconds = ((days * 24 + hour) * 60 + parts.get("minute", 0)) * 60 + parts.get("second", 0)
    clock = seconds * 1_000_000 + parts.get("fraction", 0)
    if "offset" in parts:
        minutes = parts["offset"] * 60 + parts.get("offset_minute", 0)
        result = clock + (minutes if parts["west"] else -minutes) * 60_000_000
    else:
        result = zones.moment(clock, zone)
    if not FIRST <= result <= LAST:
        raise reader.fail()
    return result


bp_cast_moment = strict(guarded(moment), pa.int64())
