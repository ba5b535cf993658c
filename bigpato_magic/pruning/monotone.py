"""Casts and functions that can be followed from a known value, or from a column, to their result: tables.

What is not here costs a transfer, never an answer. Dates are days, instants microseconds since 1970.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from bigpato_magic.pruning.abstract import UNKNOWN, AbstractValue, Constant, Monotone, Range, apply, constants
from bigpato_magic.types import Kind
from bigpato_magic.types.date_parts import DAY_MICROS, MICROS, MONTHS, WEEKDAYS

_EPOCH = date(1970, 1, 1)
_ORIGIN = datetime(1970, 1, 1)

# ------------------------------------------------------------------------------------------------ values


def plain(value: Any) -> Any:
    """A Python value of GoogleSQL as a number where it is of a time: days of a DATE, microseconds of an instant."""
    if isinstance(value, datetime):
        return (value.replace(tzinfo=None) - (value.utcoffset() or timedelta()) - _ORIGIN) // timedelta(microseconds=1)
    if isinstance(value, date):
        return (value - _EPOCH).days
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def _as_date(days: int) -> date:
    return _EPOCH + timedelta(days=days)


def _as_datetime(micros: int) -> datetime:
    return _ORIGIN + timedelta(microseconds=micros)


def _in_range(micros: int) -> int:
    return int(plain(_as_datetime(micros)))  # raises OverflowError beyond the years 1 to 9999


def _days(micros: int) -> int:
    return micros // DAY_MICROS


def _micros(days: int) -> int:
    return days * DAY_MICROS


def _same(value: Any) -> Any:
    return value


_PLAIN_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?)?")


_PLAIN_NUMBER = re.compile(r"[0-9]{1,18}")


def _from_text(kind: Kind) -> Callable[[str], int]:
    """Only the plain forms: `2024-01-31`, `2024-01-31 12:34:56[.123456]`; a zone, or anything else, is left alone."""

    def read(text: str) -> int:
        if not _PLAIN_TIME.fullmatch(text):
            raise ValueError(text)
        return int(plain(date.fromisoformat(text) if kind is Kind.DATE else datetime.fromisoformat(text)))

    return read


def _whole(text: str) -> int:
    """Only digits: other forms are left alone."""
    if not _PLAIN_NUMBER.fullmatch(text):
        raise ValueError(text)
    return int(text)


CASTS: dict[tuple[Kind, Kind], Callable[[Any], Any]] = {
    (Kind.DATE, Kind.DATETIME): _micros,
    (Kind.DATE, Kind.TIMESTAMP): _micros,
    (Kind.DATETIME, Kind.DATE): _days,
    (Kind.DATETIME, Kind.TIMESTAMP): _same,
    (Kind.INT64, Kind.FLOAT64): float,
    (Kind.TIMESTAMP, Kind.DATE): _days,
    (Kind.TIMESTAMP, Kind.DATETIME): _same,
}
"""Casts that never fall and never fail; times without a zone are UTC, as BigQuery's default."""

UNPARAMETERIZED = frozenset({Kind.INT64, Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP, Kind.BOOL})
"""Kinds whose casts to themselves change nothing (NUMERIC(5, 2) rounds)."""

CONSTANT_CASTS: dict[tuple[Kind, Kind], Callable[[Any], Any]] = {
    (Kind.INT64, Kind.STRING): str,
    (Kind.STRING, Kind.DATE): _from_text(Kind.DATE),
    (Kind.STRING, Kind.DATETIME): _from_text(Kind.DATETIME),
    (Kind.STRING, Kind.INT64): _whole,
    (Kind.STRING, Kind.TIMESTAMP): _from_text(Kind.TIMESTAMP),
}

# --------------------------------------------------------------------------------------------- functions


def _convert(target: Kind) -> Callable[[Sequence[Kind | None], Sequence[AbstractValue]], AbstractValue]:
    """DATE(x), DATETIME(x), TIMESTAMP(x); DATE(timestamp, zone) is within a day of the one in UTC."""

    def convert(kinds: Sequence[Kind | None], arguments: Sequence[AbstractValue]) -> AbstractValue:
        first = kinds[0]
        if len(arguments) == 1 and first is not None:
            if first is target:
                return arguments[0]
            function = CASTS.get((first, target)) or CONSTANT_CASTS.get((first, target))
            return apply(function, arguments[0], rises=(first, target) in CASTS)
        if kinds == [Kind.TIMESTAMP, Kind.STRING] and target is Kind.DATE and isinstance(arguments[1], Constant):
            moved = apply(_days, arguments[0])
            known = isinstance(moved, Monotone) and arguments[1].value is not None
            return moved.within(1, 1) if known and isinstance(moved, Monotone) else UNKNOWN
        if target is Kind.DATE and kinds == [Kind.INT64] * 3:
            return constants(lambda y, m, d: plain(date(y, m, d)), arguments)
        return UNKNOWN

    return convert


def _truncate(kinds: Sequence[Kind | None], arguments: Sequence[AbstractValue]) -> AbstractValue:
    """DATE_TRUNC, DATETIME_TRUNC, TIMESTAMP_TRUNC without a zone, of parts at which no value fails."""
    part = arguments[1] if len(arguments) == 2 else UNKNOWN
    if not isinstance(part, Constant):
        return UNKNOWN
    weekly = kinds[0] is Kind.DATE and not isinstance(arguments[0], Monotone)
    function = _TRUNCATE.get((kinds[0], part.value)) or (_WEEKS.get(part.value) if weekly else None)
    return apply(function, arguments[0])


def _month(value: date, months: int = 1) -> date:
    return date(value.year, (value.month - 1) // months * months + 1, 1)


def _truncate_date(months: int) -> Callable[[int], int]:
    return lambda days: plain(_month(_as_date(days), months))


def _truncate_instant(months: int) -> Callable[[int], int]:
    return lambda micros: plain(_month(_as_date(micros // DAY_MICROS), months)) * DAY_MICROS


def _floor(unit: int) -> Callable[[int], int]:
    return lambda micros: micros // unit * unit


_CLOCK = ("SECOND", "MINUTE", "HOUR", "DAY")
_TRUNCATE: dict[tuple[Kind | None, Any], Callable[[int], int]] = {
    (Kind.DATE, "DAY"): _same,
    **{(Kind.DATE, part): _truncate_date(months) for part, months in MONTHS.items()},
    **{(k, part): _floor(MICROS[part]) for k in (Kind.DATETIME, Kind.TIMESTAMP) for part in _CLOCK},
    **{(k, p): _truncate_instant(months) for k in (Kind.DATETIME, Kind.TIMESTAMP) for p, months in MONTHS.items()},
}


def _week(first: int) -> Callable[[int], int]:
    """The first day of a week that begins on the day `first` (Sunday is 0); 4 January 1970 was a Sunday."""
    return lambda days: days - (days - 3 - first) % 7


_WEEKS = {part: _week(first) for part, first in WEEKDAYS.items()}
"""Not for a column: the week of its first values begins before the year 1, which BigQuery refuses."""


def _last_day(kinds: Sequence[Kind | None], arguments: Sequence[AbstractValue]) -> AbstractValue:
    """LAST_DAY(date) of a month, where it is not of a column."""
    if len(arguments) != 1 or kinds[0] is not Kind.DATE or isinstance(arguments[0], Monotone):
        return UNKNOWN
    return apply(lambda days: plain(_add_months(_month(_as_date(days)), 1)) - 1, arguments[0])


def _extract(kinds: Sequence[Kind | None], arguments: Sequence[AbstractValue]) -> AbstractValue:
    """EXTRACT(YEAR FROM x) without a zone never falls; other parts do."""
    part = arguments[1] if len(arguments) == 2 else UNKNOWN
    if not isinstance(part, Constant) or part.value != "YEAR":
        return UNKNOWN
    if kinds[0] is Kind.DATE:
        return apply(lambda days: _as_date(days).year, arguments[0])
    if kinds[0] in (Kind.DATETIME, Kind.TIMESTAMP):
        return apply(lambda micros: _as_date(micros // DAY_MICROS).year, arguments[0])
    return UNKNOWN


def _extract_date(kinds: Sequence[Kind | None], arguments: Sequence[AbstractValue]) -> AbstractValue:
    return apply(_days, arguments[0]) if len(arguments) == 1 and kinds[0] is not Kind.DATE else UNKNOWN


def _shift(sign: int) -> Callable[[Sequence[Kind | None], Sequence[AbstractValue]], AbstractValue]:
    """DATE_ADD and its like, of constants."""

    def shift(kinds: Sequence[Kind | None], arguments: Sequence[AbstractValue]) -> AbstractValue:
        if len(arguments) != 3 or kinds[1] is not Kind.INT64:
            return UNKNOWN
        return _shifted(kinds[0], arguments[0], arguments[1], arguments[2], sign)

    return shift


def _shifted(
    kind: Kind | None, value: AbstractValue, amount: AbstractValue, part: AbstractValue, sign: int
) -> AbstractValue:
    """A constant, or a moment, moved by `amount` of a part; a later one is never moved to before an earlier one."""
    if isinstance(value, Monotone) or not isinstance(amount, Constant) or not isinstance(part, Constant):
        return UNKNOWN
    if amount.value is None:
        return Constant(None)
    function = _shifted_date if kind is Kind.DATE else _shifted_instant
    return apply(lambda at: function(at, sign * amount.value, part.value), value)


def _shifted_date(days: int, amount: int, part: str) -> int:
    if part in ("DAY", "WEEK"):
        return int(plain(_as_date(days + amount * (7 if part == "WEEK" else 1))))
    return int(plain(_add_months(_as_date(days), amount * MONTHS[part]))) if part in MONTHS else _unknown(part)


def _shifted_instant(micros: int, amount: int, part: str) -> int:
    if part in MICROS:
        return _in_range(micros + amount * MICROS[part])
    day = _add_months(_as_date(micros // DAY_MICROS), amount * MONTHS[part]) if part in MONTHS else _unknown(part)
    return int(plain(day)) * DAY_MICROS + micros % DAY_MICROS


def _add_months(day: date, months: int) -> date:
    """The same day of another month, or that month's last, as BigQuery does."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _unknown(part: str) -> Any:
    raise ValueError(part)


OF_THE_MOMENT = {"current_date": _days, "current_datetime": _same, "current_timestamp": _same}


def present(name: str, moment: tuple[int, int] | None, *, zoned: bool) -> AbstractValue:
    """CURRENT_DATE() and its like: of UTC; in a zone that is named, within a day of that.

    Args:
        name: `current_date`, `current_datetime` or `current_timestamp`.
        moment: first and last microsecond since 1970 that it may be; None where that is not known.
        zoned: it names a zone.
    """
    if moment is None:
        return UNKNOWN
    away = DAY_MICROS if zoned else 0
    return Range(moment[0] - away, moment[1] + away).through(OF_THE_MOMENT[name])


def _arithmetic(
    function: Callable[[int, int], int], sign: int = 0
) -> Callable[[Sequence[Kind | None], Sequence[AbstractValue]], AbstractValue]:
    """Of INT64 constants (an overflow is left to BigQuery); with a sign, of times and what is added to them too."""

    def checked(a: int, b: int) -> int:
        result = function(a, b)
        if not -(2**63) <= result < 2**63:
            raise OverflowError
        return result

    def apply(kinds: Sequence[Kind | None], arguments: Sequence[AbstractValue]) -> AbstractValue:
        if list(kinds) == [Kind.INT64] * 2:
            return constants(checked, arguments)
        return _moved(kinds, arguments, sign) if sign else UNKNOWN

    return apply


def _moved(kinds: Sequence[Kind | None], arguments: Sequence[AbstractValue], sign: int) -> AbstractValue:
    """`day - 7`, `7 + day`, `moment - INTERVAL 1 HOUR`; a DATE and an INTERVAL make a DATETIME."""
    (kind, value), (by, amount) = zip(kinds, arguments, strict=True)
    if by is Kind.DATE and sign > 0:
        kind, value, by, amount = by, amount, kind, value
    if kind is Kind.DATE and by is Kind.INT64:
        return _shifted(kind, value, amount, Constant("DAY"), sign)
    if by is not Kind.INTERVAL or not isinstance(amount, Constant) or kind not in _INSTANTS:
        return UNKNOWN
    if amount.value is None:
        return Constant(None)
    start = apply(_micros, value) if kind is Kind.DATE else value
    return _shifted(Kind.DATETIME, start, Constant(amount.value[0]), Constant(amount.value[1]), sign)


_INSTANTS = (Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP)


def _interval(_: Sequence[Kind | None], arguments: Sequence[AbstractValue]) -> AbstractValue:
    """INTERVAL 7 DAY, as number and part."""
    return constants(lambda amount, part: (amount, part), arguments) if len(arguments) == 2 else UNKNOWN


def _counted(unit: int) -> Callable[[Sequence[Kind | None], Sequence[AbstractValue]], AbstractValue]:
    return lambda _, arguments: apply(lambda value: value // unit, arguments[0])


def _array(_: Sequence[Kind | None], arguments: Sequence[AbstractValue]) -> AbstractValue:
    values = [a.value for a in arguments if isinstance(a, Constant)]
    return Constant(values) if len(values) == len(arguments) else UNKNOWN


FUNCTIONS: dict[str, Callable[[Sequence[Kind | None], Sequence[AbstractValue]], AbstractValue]] = {
    "$add": _arithmetic(lambda a, b: a + b, 1),
    "$extract": _extract,
    "$extract_date": _extract_date,
    "$interval": _interval,
    "$make_array": _array,
    "$multiply": _arithmetic(lambda a, b: a * b),
    "$subtract": _arithmetic(lambda a, b: a - b, -1),
    "date": _convert(Kind.DATE),
    "date_add": _shift(1),
    "date_sub": _shift(-1),
    "date_trunc": _truncate,
    "datetime": _convert(Kind.DATETIME),
    "datetime_add": _shift(1),
    "datetime_sub": _shift(-1),
    "datetime_trunc": _truncate,
    "last_day": _last_day,
    "timestamp": _convert(Kind.TIMESTAMP),
    "timestamp_add": _shift(1),
    "timestamp_sub": _shift(-1),
    "timestamp_trunc": _truncate,
    "unix_date": _counted(1),
    "unix_micros": _counted(1),
    "unix_millis": _counted(1000),
    "unix_seconds": _counted(1_000_000),
}
