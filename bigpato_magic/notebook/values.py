"""Values of a result as they are shown: NULL is no NaN and no empty text, decimals have no zeros at their end. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from bigpato_magic.types import Kind, SqlType

_ESCAPES = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t"})
NULL = "NULL"
"""How a NULL is written where there is nothing but text."""


def text_of(value: Any, most: int | None = None, kind: SqlType | None = None) -> str:
    """A value that is not NULL, on one line.

    >>> text_of(Decimal("12.500000000")), text_of({"q": None, "z": ""})
    ('12.5', "{q: NULL, z: ''}")

    Args:
        value: as the frame has it.
        most: characters; what is longer ends in "…".
        kind: its BigQuery type where known: inside of ARRAYs, pandas makes one thing of DATE, DATETIME and TIMESTAMP.
    """
    text = value.translate(_ESCAPES) if isinstance(value, str) else _Writer(most).written(value, kind)
    # A text that reads like a NULL is quoted, as all texts inside of STRUCTs and ARRAYs are.
    text = repr(text) if isinstance(value, str) and text == NULL else text
    return text if most is None or len(text) <= most else text[: max(most - 1, 0)] + "…"


def is_null(value: Any) -> bool:
    """Whether a frame's value stands for NULL: None, `pandas.NA`, `NaT`, or the NaN of a column of texts."""
    return _is_missing(value) or (isinstance(value, float) and math.isnan(value))


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType")


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes values as they stand inside of a STRUCT or an ARRAY, and those at the top that are no text.

    Args:
        most: characters that are shown; no more are made.
    """

    most: int | None

    def written(self, value: Any, kind: SqlType | None) -> str:
        """A value that is not NULL."""
        value = _plain(value)
        if isinstance(value, str):
            return repr(value)
        if isinstance(value, float):
            return "NaN" if math.isnan(value) else repr(value)
        if isinstance(value, Decimal):
            return _decimal(value)
        if isinstance(value, datetime):
            return _instant(value, kind)
        if isinstance(value, Mapping):
            return "{" + self._joined(self._fields(value, kind)) + "}"
        if hasattr(value, "months"):
            return _interval(value)
        if isinstance(value, list | tuple):
            element = kind.element if kind else None
            return "[" + self._joined(self._inside(inner, element) for inner in value) + "]"
        return str(value)

    def _fields(self, value: Mapping[str, Any], kind: SqlType | None) -> Iterator[str]:
        kinds = [field.type for field in kind.fields] if kind else []
        for number, (name, inner) in enumerate(value.items()):
            yield f"{name}: {self._inside(inner, kinds[number] if number < len(kinds) else None)}"

    def _inside(self, value: Any, kind: SqlType | None) -> str:
        return NULL if _is_missing(value) else self.written(value, kind)

    def _joined(self, parts: Iterable[str]) -> str:
        """The parts with commas; no more of them than are shown: an ARRAY may be long."""
        return ", ".join(parts if self.most is None else _enough(parts, self.most))


def _enough(parts: Iterable[str], most: int) -> Iterator[str]:
    length = 0
    for part in parts:
        yield part
        length += len(part) + 2
        if length > most:
            return


def _plain(value: Any) -> Any:
    """NumPy's arrays and scalars as Python's; instants of nanoseconds would become integers."""
    if not hasattr(value, "tolist"):
        return value
    return (value.astype("datetime64[us]") if value.dtype.kind == "M" else value).tolist()


def _instant(value: datetime, kind: SqlType | None) -> str:
    if kind is not None and kind.kind is Kind.DATE:
        return value.date().isoformat()
    zone = "+00:00" if kind is not None and kind.kind is Kind.TIMESTAMP and value.tzinfo is None else ""
    return f"{value}{zone}"


def _decimal(value: Decimal) -> str:
    """All digits, no exponent, no zeros behind the last digit; `normalize` would round to the context's digits."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _interval(value: Any) -> str:
    """As BigQuery writes it: `Y-M D H:M:S.F`.

    https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#canonical_format_2
    """
    months, days, nanoseconds = int(value.months), int(value.days), int(value.nanoseconds)
    years, rest = divmod(abs(months), 12)
    seconds, fraction = divmod(abs(nanoseconds), 10**9)
    minutes, second = divmod(seconds, 60)
    digits = f".{fraction:09d}" if fraction else ""
    while digits.endswith("000"):
        digits = digits[:-3]
    clock = f"{_sign(nanoseconds)}{minutes // 60}:{minutes % 60}:{second}{digits}"
    return f"{_sign(months)}{years}-{rest} {days} {clock}"


def _sign(number: int) -> str:
    return "-" if number < 0 else ""
