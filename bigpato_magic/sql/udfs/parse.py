"""PARSE_DATE and its kin, as GoogleSQL reads: element by element, each takes what it can.

An element that Google's source leaves to the C library is read where every C library agrees; the rest is unsure.
https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements#format_elements_date_time
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache

import pyarrow as pa

from bigpato_magic.sql.udfs import zones
from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure, guarded, strict

__all__ = ["bp_parse_moment"]
SPACES = " \t\n\v\f\r"
DIGITS = "0123456789"
MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
ELEMENT = re.compile(r"\s+|%(E\*S|E[0-6]S|E4Y|E.|O.|.)|[^%\s]|%", re.DOTALL | re.ASCII)
# What a type may not have.
FORBIDDEN = {"DATE": "cHIklMPpRrSsTXZz", "TIME": "AaBbhCcDdeFGgjmsUuVWwxYyZz", "DATETIME": "Zz", "TIMESTAMP": ""}
FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
EPOCH_DAY = date(1970, 1, 1).toordinal()


class _Mismatch(Exception):
    """The text is not what the element wants."""


@dataclass(slots=True)
class _State:
    """What is read so far."""

    text: str
    at: int = 0
    year: int = 1970
    month: int = 1
    day: int = 1
    hour: int = 0
    minute: int = 0
    second: int = 0
    micros: int = 0
    year_day: int | None = None
    seconds: int | None = None
    twelve: bool = False
    afternoon: bool = False
    zone: str | None = None
    # At which element the year, the month, the day and the day of the year were read last.
    element: int = 0
    seen: dict[str, int] = field(default_factory=dict)

    def spaces(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in SPACES:
            self.at += 1

    def expect(self, literal: str) -> None:
        if not self.text.startswith(literal, self.at):
            raise _Mismatch
        self.at += len(literal)

    def number(self, width: int, low: int, high: int) -> int:
        """An unsigned number, as Google's own ParseInt reads it (a sign is in no range but that of %s)."""
        start = self.at
        if low < 0 and self.text.startswith("-", self.at):
            self.at += 1
        while self.at < len(self.text) and self.at - start < width and self.text[self.at] in DIGITS:
            self.at += 1
        digits = self.text[start : self.at]
        if not digits or digits == "-" or re.fullmatch("-0+", digits) or not low <= int(digits) <= high:
            raise _Mismatch
        return int(digits)

    def plain(self) -> None:
        """The C library reads on: unsure where libraries differ, in spaces and signs before a number."""
        if self.at < len(self.text) and self.text[self.at] in SPACES + "+-":
            raise Unsure("a space or a sign that C libraries read apart")

    def name(self, names: list[str]) -> int:
        self.plain()
        # Only ASCII letters are made small, as bytes are: of others the number may change.
        rest = self.text[self.at : self.at + 9].encode().lower().decode()
        for i, name in enumerate(names):
            for form in (name, name[:3]):
                if rest.startswith(form):
                    self.at += len(form)
                    return i
        raise _Mismatch

    def put(self, **parts: int) -> None:
        for part, value in parts.items():
            setattr(self, part, value)
            self.seen[part] = self.element


Step = Callable[[_State], None]


def _year(last: bool) -> Step:
    """%Y takes a fifth digit where no other element follows."""
    return lambda s: s.put(year=s.number(5, 0, 10000) if last else s.number(4, 0, 9999))


def _four_digits(s: _State) -> None:
    start = s.at
    year = s.number(4, 0, 9999)
    if s.at - start != 4:
        raise _Mismatch
    s.put(year=year)


def _short_year(s: _State) -> None:
    year = s.number(2, 0, 99)
    s.put(year=year + (2000 if year < 69 else 1900))


def _hour(s: _State) -> None:
    s.hour, s.twelve = s.number(2, 0, 23), False


def _twelve(s: _State) -> None:
    s.spaces()
    s.hour, s.twelve = s.number(2, 1, 12) % 12, True


def _minute(s: _State) -> None:
    s.minute = s.number(2, 0, 59)


def _second(s: _State) -> None:
    s.second = s.number(2, 0, 60)


def _meridian(s: _State) -> None:
    half = s.text[s.at : s.at + 2].lower()
    if half not in ("am", "pm"):
        raise _Mismatch
    s.afternoon = half == "pm"
    s.at += 2


def _subseconds(digits: int | None) -> Step:
    def step(s: _State) -> None:
        _second(s)
        if digits == 0 or not s.text.startswith(".", s.at):
            return
        start = s.at = s.at + 1
        while s.at < len(s.text) and s.text[s.at] in DIGITS and (digits is None or s.at - start < digits):
            s.at += 1
        if s.at == start:
            raise _Mismatch
        s.micros = int(s.text[start : s.at][:6].ljust(6, "0"))

    return step


def _quarter(s: _State) -> None:
    s.put(month=s.number(1, 1, 4) * 3 - 2, day=1)


def _epoch(s: _State) -> None:
    s.seconds = s.number(12, FIRST // 1_000_000, LAST // 1_000_000)


def _offset(colon: bool) -> Step:
    def step(s: _State) -> None:
        if colon and s.text.startswith("Z", s.at):
            s.zone = "+00"
            s.at += 1
            return
        found = re.compile(r"([+-]\d\d)(:?)(\d\d)?" if colon else r"([+-]\d\d)()(\d\d)?", re.ASCII).match(s.text, s.at)
        if not found or int(found[1][1:]) > 23:
            raise _Mismatch
        if (found[2] and not found[3]) or (found[3] and int(found[3]) > 59):
            raise Unsure("half an offset")
        s.zone = f"{found[1]}:{found[3] or '00'}"
        zones.offset_minutes(s.zone)
        s.at = found.end()

    return step


def _zone(s: _State) -> None:
    name = re.compile(r"\S+", re.ASCII).match(s.text, s.at)
    if not name:
        raise _Mismatch
    s.zone, s.at = name[0], name.end()
    zones.zone(s.zone)


def _weekday(s: _State) -> None:
    s.name(WEEKDAYS)


def _month_name(s: _State) -> None:
    s.put(month=s.name(MONTHS) + 1)


def _by_library(step: Step) -> Step:
    def run(s: _State) -> None:
        s.plain()
        step(s)

    return run


def _year_day(s: _State) -> None:
    s.put(year_day=s.number(3, 1, 366))


def _day(s: _State) -> None:
    s.put(day=s.number(2, 1, 31))


def _month(s: _State) -> None:
    s.put(month=s.number(2, 1, 12))


def _library_year(s: _State) -> None:
    if re.compile(r"\d{5}", re.ASCII).match(s.text, s.at):
        raise Unsure("a year of five digits")
    _year(False)(s)


def _sequence(*steps: Step | str) -> Step:
    def run(s: _State) -> None:
        for step in steps:
            if isinstance(step, str):
                s.spaces() if step == " " else s.expect(step)
            else:
                step(s)

    return run


_L = _by_library
_LIBRARY_DATE = _sequence(_L(_month), "/", _L(_day), "/", _L(_short_year))
_LIBRARY_TIME = _sequence(_L(_hour), ":", _L(_minute), ":", _L(_second))
STEPS: dict[str, Step] = {
    "%": lambda s: s.expect("%"),
    "A": _weekday,
    "B": _month_name,
    "D": _LIBRARY_DATE,
    "E*S": _subseconds(None),
    "E4Y": _four_digits,
    "Ez": _offset(True),
    "H": _hour,
    "I": _twelve,
    "M": _minute,
    "P": _meridian,
    "Q": _quarter,
    "R": _sequence(_L(_hour), ":", _L(_minute)),
    "S": _second,
    "T": _LIBRARY_TIME,
    "X": _LIBRARY_TIME,
    "Z": _zone,
    "a": _weekday,
    "b": _month_name,
    "c": _sequence(_weekday, " ", _month_name, " ", _L(_day), " ", _LIBRARY_TIME, " ", _L(_library_year)),
    "d": _day,
    "e": _L(_day),
    "h": _month_name,
    "j": _year_day,
    "l": _twelve,
    "m": _month,
    "n": _State.spaces,
    "p": _meridian,
    "r": _sequence(_twelve, ":", _minute, ":", _second, " ", _meridian),
    "s": _epoch,
    "t": _State.spaces,
    "x": _LIBRARY_DATE,
    "y": _short_year,
    "z": _offset(False),
    **{f"E{n}S": _subseconds(n) for n in range(7)},
}
_YEARS = frozenset(("%Y", "%EY", "%E4Y", "%y", "%D", "%x", "%c"))
# These read %H, whatever came before.
_RESET = frozenset("cRTX")


def _literal(text: str) -> Step:
    return lambda s: s.expect(text)


def _parts(form: str) -> list[str]:
    return [found[0] for found in ELEMENT.finditer(form)]


@lru_cache(maxsize=200)
def compile_format(form: str, kind: str) -> tuple[tuple[str, Step], ...]:
    """The steps of a format: what is written and what reads it.

    Raises:
        Unsure: an element that is not known here, or that BigQuery refuses for `kind`.
    """
    parts = _parts(form)
    if sum(part in _YEARS for part in parts) > 1:
        raise Unsure("a format with more than one year")
    steps: list[tuple[str, Step]] = []
    for i, part in enumerate(parts):
        element = part[1:]
        if not part.startswith("%"):
            steps.append((part, _State.spaces if part[0] in SPACES else _literal(part)))
        elif element in ("Y", "EY"):
            steps.append((part, _year(not (i + 1 < len(parts) and parts[i + 1].startswith("%")))))
        elif element in STEPS:
            steps.append((part, STEPS[element]))
        else:
            raise Unsure(f"the format element {part}")
        forbidden = FORBIDDEN[kind]
        letters = {element[:1], element[-1:]} - {"E", ""} if part.startswith("%") else set()
        if any(letter in forbidden for letter in letters):
            raise Unsure(f"the format element {part} for a {kind}")
    return tuple(steps)


# Columns of texts repeat themselves.
@lru_cache(maxsize=20_000)
def moment(form: str, text: str, zone: str, kind: str) -> int:
    """Microseconds of the moment (or of the clock) that a text means in a format."""
    steps = compile_format(form, kind)
    state = _State(text)
    state.spaces()
    done = 0
    try:
        for part, step in steps:
            if state.at >= len(text):
                break
            state.element += 1
            if part[1:] in _RESET:
                state.twelve = False
            step(state)
            done += 1
    except _Mismatch:
        raise InvalidValue(f"Failed to parse input string {text[:50]!r}") from None
    state.spaces()
    if state.at < len(text) or any(part.strip(SPACES) not in ("", "%n", "%t") for part, _ in steps[done:]):
        raise InvalidValue(f"Failed to parse input string {text[:50]!r}")
    return _result(state, zone)


def _result(s: _State, zone: str) -> int:
    if s.seconds is not None:
        return s.seconds * 1_000_000
    micros = s.micros
    if s.second == 60:
        s.second, micros = 59, 1_000_000
    hour = s.hour + (12 if s.twelve and s.afternoon else 0)
    if s.year in (0, 10000):
        raise Unsure("a year before 1 or after 9999")
    try:
        day = _date(s).toordinal() - EPOCH_DAY
    except ValueError:
        raise InvalidValue("Out-of-range datetime field in parsing function") from None
    clock = (((day * 24 + hour) * 60 + s.minute) * 60 + s.second) * 1_000_000
    result = zones.moment(clock, s.zone or zone) + micros
    if not FIRST <= result <= LAST:
        raise InvalidValue("Invalid result from parsing function")
    return result


def _date(s: _State) -> date:
    if s.year_day is None:
        return date(s.year, s.month, s.day)
    found = date(s.year, 1, 1) + timedelta(days=s.year_day - 1)
    if found.year != s.year:
        raise ValueError
    at = s.seen["year_day"]
    month = found.month if s.seen.get("month", 0) < at else s.month
    day = found.day if s.seen.get("day", 0) < at else s.day
    return date(s.year, month, day)


bp_parse_moment = strict(guarded(moment), pa.int64())
