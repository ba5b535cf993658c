"""What an expression is worth where one column is known: a constant, a function of it that never falls, or anything.

`reads` asks this of predicates. What is not in the tables here is `Anything`: a missing entry costs a transfer, never
an answer.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from bigpato_magic.googlesql import tree
from bigpato_magic.types import Kind, Parameter

Node = Any
DAY = 86_400_000_000
_EPOCH = date(1970, 1, 1)
_ORIGIN = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is the same for every row; None is NULL. Dates are days, instants microseconds."""

    value: Any


@dataclass(frozen=True, slots=True)
class Rising:
    """A value that is NULL exactly where the column is, and otherwise between two functions of it that never fall.

    Both are the same function but for what a time zone leaves open.
    """

    low: Callable[[int], Any]
    high: Callable[[int], Any]

    def through(self, function: Callable[[Any], Any]) -> Rising:
        """The same after another function that never falls."""
        low, high = self.low, self.high
        if low is high:
            both = lambda c: function(low(c))  # noqa: E731
            return Rising(both, both)
        return Rising(lambda c: function(low(c)), lambda c: function(high(c)))

    def within(self, below: Any, above: Any) -> Rising:
        """The same, with so much left open."""
        low, high = self.low, self.high
        return Rising(lambda c: low(c) - below, lambda c: high(c) + above)


@dataclass(frozen=True, slots=True)
class Anything:
    """Nothing is known."""


Worth = Constant | Rising | Anything
ANYTHING = Anything()
IDENTITY = Rising(*([lambda c: c] * 2))


@dataclass(frozen=True, slots=True)
class Scope:
    """What column references mean.

    Args:
        roots: columns that are the partitioning column, or a function of it.
        definitions: expressions of computed columns, by column id.
        aliases: another id that has the same value in the row at hand.
        constants_only: other ids whose definition may be looked at, but not down to a root.
        opaque: ids of which nothing is known (an outer join may have made them NULL).
        nulls: ids that are NULL.
        parameters: values by lower-case name or 1-based position.
    """

    roots: Mapping[int, Rising] = field(default_factory=dict)
    definitions: Mapping[int, Node] = field(default_factory=dict)
    aliases: Mapping[int, int] = field(default_factory=dict)
    constants_only: Mapping[int, int] = field(default_factory=dict)
    opaque: frozenset[int] = frozenset()
    nulls: frozenset[int] = frozenset()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


def worth(expression: Node, scope: Scope) -> Worth:
    """What an expression is worth in the scope."""
    expression = tree.node(expression)
    handler = _NODES.get(tree.name(expression))
    return handler(expression, scope) if handler else ANYTHING


def function_name(call: Node) -> str:
    """`$equal`, `date_sub`, … without the analyzer's prefix."""
    return str(tree.get(call, "function").name).removeprefix("ZetaSQL:").lower()


# ------------------------------------------------------------------------------------------------- nodes


def _literal(node: Node, _: Scope) -> Worth:
    try:
        return Constant(plain(tree.literal(node)))
    except (tree.UnknownType, ValueError):
        return ANYTHING


def _parameter(node: Node, scope: Scope) -> Worth:
    key = str(node.name).lower() or str(node.position)
    given = scope.parameters.get(key)
    if given is None:
        return ANYTHING
    try:
        kind = tree.type_of(node).kind
    except tree.UnknownType:
        return ANYTHING
    # An undeclared parameter may be typed otherwise than its value: then nothing is known.
    return Constant(plain(given.value)) if given.type.kind is kind else ANYTHING


def _column(node: Node, scope: Scope) -> Worth:
    return _of_column(int(node.column.column_id), scope)


def _of_column(i: int, scope: Scope) -> Worth:
    if i in scope.nulls:
        return Constant(None)
    if i in scope.opaque:
        return ANYTHING
    if i in scope.roots:
        return scope.roots[i]
    if i in scope.aliases:
        return _of_column(scope.aliases[i], scope)
    if i in scope.constants_only:
        found = _of_column(scope.constants_only[i], scope)
        return found if isinstance(found, Constant) else ANYTHING
    return worth(scope.definitions[i], scope) if i in scope.definitions else ANYTHING


def _cast(node: Node, scope: Scope) -> Worth:
    if tree.has(node, "format") or tree.has(node, "time_zone") or tree.has(node, "extended_cast"):
        return ANYTHING
    try:
        kinds = tree.type_of(tree.node(node.expr)).kind, tree.type_of(node).kind
    except tree.UnknownType:
        return ANYTHING
    argument = worth(node.expr, scope)
    if kinds[0] is kinds[1]:
        return argument if kinds[0] in _UNPARAMETERIZED else ANYTHING
    rising, constant = _CASTS.get(kinds), _CONSTANT_CASTS.get(kinds)
    return _apply(rising or constant, argument, rises=rising is not None)


def _call(node: Node, scope: Scope) -> Worth:
    if tree.enum(node, "error_mode") != "DEFAULT_ERROR_MODE":
        return ANYTHING
    arguments = [tree.node(argument) for argument in tree.get(node, "argument_list")]
    kinds = [_kind(argument) for argument in arguments]
    found = _FUNCTIONS.get(function_name(node))
    return found(kinds, [worth(argument, scope) for argument in arguments]) if found else ANYTHING


def _kind(argument: Node) -> Kind | None:
    """The kind of an argument, None for a date part's enum."""
    try:
        return tree.type_of(argument).kind
    except tree.UnknownType:
        return None


_NODES: dict[str, Callable[[Node, Scope], Worth]] = {
    "Cast": _cast,
    "ColumnRef": _column,
    "FunctionCall": _call,
    "Literal": _literal,
    "Parameter": _parameter,
}


def _apply(function: Callable[[Any], Any] | None, argument: Worth, *, rises: bool = True) -> Worth:
    if function is None:
        return ANYTHING
    if isinstance(argument, Constant):
        return _constant(function, argument.value)
    return argument.through(function) if isinstance(argument, Rising) and rises else ANYTHING


def _constant(function: Callable[..., Any], *values: Any) -> Worth:
    if any(value is None for value in values):
        return Constant(None)
    try:
        return Constant(function(*values))
    except (ValueError, OverflowError, ArithmeticError):
        return ANYTHING


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
    return micros // DAY


def _micros(days: int) -> int:
    return days * DAY


def _same(value: Any) -> Any:
    return value


_PLAIN_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?)?")


def _from_text(kind: Kind) -> Callable[[str], int]:
    """Only the plain forms: `2024-01-31`, `2024-01-31 12:34:56[.123456]`; a zone, or anything else, is left alone."""

    def read(text: str) -> int:
        if not _PLAIN_TIME.fullmatch(text):
            raise ValueError(text)
        return int(plain(date.fromisoformat(text) if kind is Kind.DATE else datetime.fromisoformat(text)))

    return read


_CASTS: dict[tuple[Kind, Kind], Callable[[Any], Any]] = {
    (Kind.DATE, Kind.DATETIME): _micros,
    (Kind.DATE, Kind.TIMESTAMP): _micros,
    (Kind.DATETIME, Kind.DATE): _days,
    (Kind.DATETIME, Kind.TIMESTAMP): _same,
    (Kind.INT64, Kind.FLOAT64): float,
    (Kind.TIMESTAMP, Kind.DATE): _days,
    (Kind.TIMESTAMP, Kind.DATETIME): _same,
}
"""Casts that never fall and never fail; times without a zone are UTC, as BigQuery's default."""

_UNPARAMETERIZED = frozenset({Kind.INT64, Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP, Kind.BOOL})
"""Kinds whose casts to themselves change nothing (NUMERIC(5, 2) rounds)."""

_CONSTANT_CASTS: dict[tuple[Kind, Kind], Callable[[Any], Any]] = {
    (Kind.STRING, Kind.DATE): _from_text(Kind.DATE),
    (Kind.STRING, Kind.DATETIME): _from_text(Kind.DATETIME),
    (Kind.STRING, Kind.TIMESTAMP): _from_text(Kind.TIMESTAMP),
}

# --------------------------------------------------------------------------------------------- functions


def _convert(target: Kind) -> Callable[[Sequence[Kind | None], Sequence[Worth]], Worth]:
    """DATE(x), DATETIME(x), TIMESTAMP(x); DATE(timestamp, zone) is within a day of the one in UTC."""

    def convert(kinds: Sequence[Kind | None], arguments: Sequence[Worth]) -> Worth:
        first = kinds[0]
        if len(arguments) == 1 and first is not None:
            if first is target:
                return arguments[0]
            function = _CASTS.get((first, target)) or _CONSTANT_CASTS.get((first, target))
            return _apply(function, arguments[0], rises=(first, target) in _CASTS)
        if kinds == [Kind.TIMESTAMP, Kind.STRING] and target is Kind.DATE and isinstance(arguments[1], Constant):
            moved = _apply(_days, arguments[0])
            known = isinstance(moved, Rising) and arguments[1].value is not None
            return moved.within(1, 1) if known and isinstance(moved, Rising) else ANYTHING
        if target is Kind.DATE and kinds == [Kind.INT64] * 3:
            return _constants(lambda y, m, d: plain(date(y, m, d)), arguments)
        return ANYTHING

    return convert


def _constants(function: Callable[..., Any], arguments: Sequence[Worth]) -> Worth:
    values = [a.value for a in arguments if isinstance(a, Constant)]
    return _constant(function, *values) if len(values) == len(arguments) else ANYTHING


def _truncate(kinds: Sequence[Kind | None], arguments: Sequence[Worth]) -> Worth:
    """DATE_TRUNC, DATETIME_TRUNC, TIMESTAMP_TRUNC without a zone, of parts at which no value fails."""
    part = arguments[1] if len(arguments) == 2 else ANYTHING
    function = _TRUNCATE.get((kinds[0], part.value)) if isinstance(part, Constant) else None
    return _apply(function, arguments[0])


def _month(value: date, months: int = 1) -> date:
    return date(value.year, (value.month - 1) // months * months + 1, 1)


def _truncate_date(months: int) -> Callable[[int], int]:
    return lambda days: plain(_month(_as_date(days), months))


def _truncate_instant(months: int) -> Callable[[int], int]:
    return lambda micros: plain(_month(_as_date(micros // DAY), months)) * DAY


def _floor(unit: int) -> Callable[[int], int]:
    return lambda micros: micros // unit * unit


_INSTANT = {"SECOND": 1_000_000, "MINUTE": 60_000_000, "HOUR": DAY // 24, "DAY": DAY}
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_TRUNCATE: dict[tuple[Kind | None, Any], Callable[[int], int]] = {
    (Kind.DATE, "DAY"): _same,
    **{(Kind.DATE, part): _truncate_date(months) for part, months in _MONTHS.items()},
    **{(k, part): _floor(unit) for k in (Kind.DATETIME, Kind.TIMESTAMP) for part, unit in _INSTANT.items()},
    **{(k, p): _truncate_instant(months) for k in (Kind.DATETIME, Kind.TIMESTAMP) for p, months in _MONTHS.items()},
}


def _extract(kinds: Sequence[Kind | None], arguments: Sequence[Worth]) -> Worth:
    """EXTRACT(YEAR FROM x) without a zone never falls; other parts do."""
    part = arguments[1] if len(arguments) == 2 else ANYTHING
    if not isinstance(part, Constant) or part.value != "YEAR":
        return ANYTHING
    if kinds[0] is Kind.DATE:
        return _apply(lambda days: _as_date(days).year, arguments[0])
    if kinds[0] in (Kind.DATETIME, Kind.TIMESTAMP):
        return _apply(lambda micros: _as_date(micros // DAY).year, arguments[0])
    return ANYTHING


def _extract_date(kinds: Sequence[Kind | None], arguments: Sequence[Worth]) -> Worth:
    return _apply(_days, arguments[0]) if len(arguments) == 1 and kinds[0] is not Kind.DATE else ANYTHING


def _shift(sign: int) -> Callable[[Sequence[Kind | None], Sequence[Worth]], Worth]:
    """DATE_ADD and its like, of constants."""

    def shift(kinds: Sequence[Kind | None], arguments: Sequence[Worth]) -> Worth:
        if len(arguments) != 3 or kinds[1] is not Kind.INT64:
            return ANYTHING
        function = _shifted_date if kinds[0] is Kind.DATE else _shifted_instant
        return _constants(lambda value, amount, part: function(value, sign * amount, part), arguments)

    return shift


def _shifted_date(days: int, amount: int, part: str) -> int:
    if part in ("DAY", "WEEK"):
        return int(plain(_as_date(days + amount * (7 if part == "WEEK" else 1))))
    return int(plain(_add_months(_as_date(days), amount * _MONTHS[part]))) if part in _MONTHS else _unknown(part)


def _shifted_instant(micros: int, amount: int, part: str) -> int:
    units = {"MICROSECOND": 1, "MILLISECOND": 1000, **_INSTANT, "WEEK": 7 * DAY}
    if part in units:
        return _in_range(micros + amount * units[part])
    day = _add_months(_as_date(micros // DAY), amount * _MONTHS[part]) if part in _MONTHS else _unknown(part)
    return int(plain(day)) * DAY + micros % DAY


def _add_months(day: date, months: int) -> date:
    """The same day of another month, or that month's last, as BigQuery does."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _unknown(part: str) -> Any:
    raise ValueError(part)


def _arithmetic(function: Callable[[int, int], int]) -> Callable[[Sequence[Kind | None], Sequence[Worth]], Worth]:
    """Of INT64 constants; an overflow is left to BigQuery."""

    def checked(a: int, b: int) -> int:
        result = function(a, b)
        if not -(2**63) <= result < 2**63:
            raise OverflowError
        return result

    def apply(kinds: Sequence[Kind | None], arguments: Sequence[Worth]) -> Worth:
        return _constants(checked, arguments) if list(kinds) == [Kind.INT64] * 2 else ANYTHING

    return apply


def _counted(unit: int) -> Callable[[Sequence[Kind | None], Sequence[Worth]], Worth]:
    return lambda _, arguments: _apply(lambda value: value // unit, arguments[0])


def _array(_: Sequence[Kind | None], arguments: Sequence[Worth]) -> Worth:
    values = [a.value for a in arguments if isinstance(a, Constant)]
    return Constant(values) if len(values) == len(arguments) else ANYTHING


_FUNCTIONS: dict[str, Callable[[Sequence[Kind | None], Sequence[Worth]], Worth]] = {
    "$add": _arithmetic(lambda a, b: a + b),
    "$extract": _extract,
    "$extract_date": _extract_date,
    "$make_array": _array,
    "$multiply": _arithmetic(lambda a, b: a * b),
    "$subtract": _arithmetic(lambda a, b: a - b),
    "date": _convert(Kind.DATE),
    "date_add": _shift(1),
    "date_sub": _shift(-1),
    "date_trunc": _truncate,
    "datetime": _convert(Kind.DATETIME),
    "datetime_add": _shift(1),
    "datetime_sub": _shift(-1),
    "datetime_trunc": _truncate,
    "timestamp": _convert(Kind.TIMESTAMP),
    "timestamp_add": _shift(1),
    "timestamp_sub": _shift(-1),
    "timestamp_trunc": _truncate,
    "unix_date": _counted(1),
    "unix_micros": _counted(1),
    "unix_millis": _counted(1000),
    "unix_seconds": _counted(1_000_000),
}
