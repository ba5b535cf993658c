"""Functions of texts that can be followed from known values to their result: a table, beside that of `monotone`.

They decide which tables of a wildcard are read (`_TABLE_SUFFIX BETWEEN FORMAT_DATE(…) AND …`). What is not here, or not
plain, costs a transfer, never an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from bigpato_magic.patterns import compiled
from bigpato_magic.pruning.abstract import UNKNOWN, AbstractValue, Constant, apply, constants
from bigpato_magic.pruning.monotone import plain
from bigpato_magic.types import Kind

TextFunction = Callable[[Sequence[Kind | None], Sequence[AbstractValue]], AbstractValue]

_ORIGIN = datetime(1970, 1, 1)
_DATE_PARTS = "Ymd"
_PARTS = "YmdHMS"
_PIECE = re.compile(r"%(.)|([^%])", re.DOTALL)
_DIGITS = {"Y": 4, **dict.fromkeys("mdHMS", 2)}
_LEAST_YEAR = 1000
"""Years of four digits, as they are: an earlier one is not written so."""


# ------------------------------------------------------------------------------------------------ times


def _format(parts: str, read: Callable[[int], datetime]) -> TextFunction:
    """FORMAT_DATE and its like, in UTC; of a moment where its parts come from the largest to the smallest."""

    def formatted(_: Sequence[Kind | None], arguments: Sequence[AbstractValue]) -> AbstractValue:
        pattern = arguments[0]
        if len(arguments) != 2 or not isinstance(pattern, Constant) or not isinstance(pattern.value, str):
            return UNKNOWN
        pieces = _pieces(pattern.value, parts)
        if pieces is None:
            return UNKNOWN
        ordered = "".join(part for part, _ in pieces if part)
        return apply(lambda value: _written(pieces, read(value)), arguments[1], rises=parts.startswith(ordered))

    return formatted


Pieces = tuple[tuple[str, str], ...]
"""A format, piece by piece: a part of a time and '', or '' and a character that stands for itself."""


@lru_cache(maxsize=200)
def _pieces(pattern: str, parts: str) -> Pieces | None:
    """None where a piece is not plain."""
    pattern = pattern.replace("%F", "%Y-%m-%d")
    pieces = tuple((match[1] or "", match[2] or "") for match in _PIECE.finditer(pattern))
    known = all(part in parts if part else text != "%" for part, text in pieces)
    return pieces if known and sum(2 if part else 1 for part, _ in pieces) == len(pattern) else None


def _written(pieces: Pieces, value: datetime) -> str:
    if value.year < _LEAST_YEAR:
        raise ValueError(value)
    numbers = dict(zip(_PARTS, value.timetuple()[:6], strict=True))
    return "".join(f"{numbers[part]:0{_DIGITS[part]}}" if part else text for part, text in pieces)


def _day(days: int) -> datetime:
    return _ORIGIN + timedelta(days=days)


def _instant(micros: int) -> datetime:
    return _ORIGIN + timedelta(microseconds=micros)


def _parse_date(_: Sequence[Kind | None], arguments: Sequence[AbstractValue]) -> AbstractValue:
    """PARSE_DATE of a text that has each part of the format once, in full digits."""
    return constants(_parsed, arguments) if len(arguments) == 2 else UNKNOWN


def _parsed(pattern: str, text: str) -> int:
    pieces = _pieces(pattern, _DATE_PARTS)
    parts = [part for part, _ in pieces or () if part]
    if pieces is None or "Y" not in parts or len(set(parts)) < len(parts):
        raise ValueError(pattern)
    expression = "".join(f"([0-9]{{{_DIGITS[part]}}})" if part else re.escape(text_) for part, text_ in pieces)
    match = None if re.search(r"\s", pattern) else re.fullmatch(expression, text)
    if match is None:
        raise ValueError(text)
    numbers = dict(zip(parts, map(int, match.groups()), strict=True))
    return int(plain(date(numbers["Y"], numbers.get("m", 1), numbers.get("d", 1))))


# ------------------------------------------------------------------------------------------------ texts


def _of_texts(function: Callable[..., Any]) -> TextFunction:
    """A function of constants; of BYTES, it has its own answer."""

    def of_texts(kinds: Sequence[Kind | None], arguments: Sequence[AbstractValue]) -> AbstractValue:
        return UNKNOWN if Kind.BYTES in kinds else constants(function, arguments)

    return of_texts


def _concat(kinds: Sequence[Kind | None], arguments: Sequence[AbstractValue]) -> AbstractValue:
    return constants(lambda *texts: "".join(texts), arguments) if set(kinds) == {Kind.STRING} else UNKNOWN


def _substr(text: str, position: int, length: int | None = None) -> str:
    """From a place that is in the text."""
    if not 1 <= position <= len(text) or (length is not None and length < 0):
        raise ValueError(position)
    return text[position - 1 :] if length is None else text[position - 1 : position - 1 + length]


def _left(text: str, length: int) -> str:
    return _substr(text, 1, length) if text else ""


def _right(text: str, length: int) -> str:
    if length < 0:
        raise ValueError(length)
    return text[max(0, len(text) - length) :]


def _regexp_contains(text: str, pattern: str) -> bool:
    return compiled(pattern).search(text) is not None


def _like(text: str, pattern: str) -> bool:
    if "\\" in pattern:
        raise ValueError(pattern)
    expression = "".join({"%": ".*", "_": "."}.get(letter) or re.escape(letter) for letter in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None


TEXTS: dict[str, TextFunction] = {
    "$like": _of_texts(_like),
    "concat": _concat,
    "ends_with": _of_texts(str.endswith),
    "format_date": _format(_DATE_PARTS, _day),
    "format_datetime": _format(_PARTS, _instant),
    "format_timestamp": _format(_PARTS, _instant),
    "left": _of_texts(_left),
    "length": _of_texts(len),
    "parse_date": _parse_date,
    "regexp_contains": _of_texts(_regexp_contains),
    "right": _of_texts(_right),
    "starts_with": _of_texts(str.startswith),
    "substr": _of_texts(_substr),
}
