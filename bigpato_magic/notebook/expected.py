"""What alone can stand at the cursor: a part of a date, or a type. Pure, and tolerant: half a query is enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bigpato_magic.notebook.tokens import Token
from bigpato_magic.types import Kind

# https://cloud.google.com/bigquery/docs/reference/standard-sql/date_functions, and its neighbours
_CLOCK = ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR")
_WEEKS = tuple(f"WEEK({day})" for day in ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"))
_CALENDAR = ("DAY", "WEEK", *_WEEKS, "ISOWEEK", "MONTH", "QUARTER", "YEAR", "ISOYEAR")
_LASTING = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
_EXTRACTED = (*_CLOCK, "DAYOFWEEK", "DAYOFYEAR", *_CALENDAR, "DATE", "TIME", "DATETIME")
_PARTS: dict[str, tuple[int, tuple[str, ...]]] = {
    "EXTRACT": (0, _EXTRACTED),
    "LAST_DAY": (1, _CALENDAR[1:]),
    "DATE_TRUNC": (1, _CALENDAR),
    "DATETIME_TRUNC": (1, (*_CLOCK, *_CALENDAR)),
    "TIMESTAMP_TRUNC": (1, (*_CLOCK, *_CALENDAR)),
    "TIME_TRUNC": (1, _CLOCK),
    "DATE_DIFF": (2, _CALENDAR),
    "DATETIME_DIFF": (2, (*_CLOCK, *_CALENDAR)),
    "TIMESTAMP_DIFF": (2, (*_CLOCK, "DAY")),
    "TIME_DIFF": (2, _CLOCK),
}
"""Of each function the argument, from 0, that is a part, and which parts it takes."""
_TYPES = tuple(str(kind) for kind in Kind)
_CASTS = frozenset({"CAST", "SAFE_CAST"})


@dataclass(frozen=True, slots=True)
class Expected:
    """What alone can stand there.

    Args:
        kind: `date part` or `type`.
        words: all that there are.
    """

    kind: str
    words: tuple[str, ...]


def expected_at(tokens: Sequence[Token], inside: tuple[int, ...], cut: int) -> Expected | None:
    """What alone can stand where a word begins, None where more may.

    Args:
        tokens: of the text.
        inside: the brackets around the place.
        cut: where the word begins.
    """
    level = [token for token in tokens if token.inside == inside and token.start + len(token.text) <= cut]
    if _after_interval(level):
        return Expected("date part", (*_CLOCK, *_LASTING))
    function = tokens[inside[-1] - 1].upper if inside and inside[-1] else ""
    if function in _CASTS and level and level[-1].upper == "AS":
        return Expected("type", _TYPES)
    place, words = _PARTS.get(function, (-1, ()))
    begins = not level or level[-1].text == ","
    commas = sum(token.text == "," for token in level)
    return Expected("date part", words) if begins and commas == place else None


def _after_interval(level: Sequence[Token]) -> bool:
    """After `INTERVAL 7`, and after `INTERVAL -7`."""
    words = [token for token in level[-3:] if token.text != "-"]
    counted = len(words) > 1 and (words[-1].text[0].isalnum() or words[-1].text[0] in "@)")
    return counted and words[-2].upper == "INTERVAL"
