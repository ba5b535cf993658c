"""REGEXP functions with RE2: what DuckDB's own cannot say of groups, places and matches of nothing.

A STRING's pattern counts in characters, a pattern of BYTES in bytes.
https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions#regexp_contains
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeVar

import pyarrow as pa

from bigpato_magic.patterns import Malformed, compiled
from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure, guarded, strict

Text = TypeVar("Text", str, bytes)

# Where it depends on what is before the first place, and on the text's classes of characters in Unicode's versions.
ANCHORED = re.compile(r"(?<!\[)\^|\\[AbB]|\(\?[a-z]*m")
CLASSES = re.compile(r"\\[pP](?:\{\^?(\w+)\}|(\w))|\\[pPC]")
CATEGORIES = re.compile("[CLMNPSZ][a-z]?")


@lru_cache(maxsize=200)
def _uncertain(pattern: str) -> bool | None:
    """Does a pattern ask for more than Unicode's general categories? None if it does not even ask for these."""
    names = [found[1] or found[2] for found in CLASSES.finditer(pattern)]
    return any(name is None or not CATEGORIES.fullmatch(name) for name in names) if names else None


@lru_cache(maxsize=5000)
def _settled(character: str) -> bool:
    """Is it in the category that it was in twenty years ago, so that every RE2 has it there?"""
    category = unicodedata.category(character)
    return category != "Cn" and unicodedata.ucd_3_2_0.category(character) == category


def _ready(text: str | bytes, pattern: str | bytes) -> Any:
    """The pattern, if this text has no characters of which versions of Unicode may tell otherwise."""
    if isinstance(text, str) and isinstance(pattern, str) and not text.isascii():
        uncertain = _uncertain(pattern)
        if uncertain or (uncertain is False and not all(map(_settled, text))):
            raise Unsure("a class of characters beyond ASCII")
    try:
        return compiled(pattern)
    except Malformed as error:
        raise InvalidValue(str(error)) from None


def contains(text: Text, pattern: Text) -> bool:
    """REGEXP_CONTAINS."""
    return _ready(text, pattern).search(text) is not None


def _matches(text: Text, pattern: Text, start: int) -> Iterator[Any]:
    """All matches from a place on; after an empty one it goes on a character later."""
    expression = _ready(text, pattern)
    if expression.groups > 1:
        raise InvalidValue("more than one group in a regular expression that extracts")
    while (match := expression.search(text, start)) is not None:
        yield match
        start = match.end() + (match.end() == match.start())
        if start >= len(text):
            return


def _nth(text: Text, pattern: Text, position: int, occurrence: int) -> Any:
    """The n-th match from a position on, None if there are fewer."""
    _positive(position, occurrence)
    _ready(text, pattern)
    if position > len(text) and text:
        if isinstance(text, str) and position <= len(text.encode()):
            raise Unsure("a position after the last character that is no place after the last byte")
        return None
    if position > 1 and not text:
        return None
    as_text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
    if position > 1 and ANCHORED.search(as_text):
        raise Unsure("an anchor, from a later position on")
    found = _matches(text, pattern, position - 1)
    return next((match for i, match in enumerate(found, 1) if i == occurrence), None)


def _positive(position: int, occurrence: int) -> None:
    if position < 1 or occurrence < 1:
        raise InvalidValue("a position or an occurrence below 1")


def _given(match: Any) -> Any:
    return match.group(1) if match.re.groups else match.group()


def extract(text: Text, pattern: Text, position: int, occurrence: int) -> Text | None:
    """REGEXP_EXTRACT."""
    match = _nth(text, pattern, position, occurrence)
    return None if match is None else _given(match)


def extract_all(text: Text, pattern: Text) -> list[Text]:
    """REGEXP_EXTRACT_ALL; a group that took no part gives an empty text."""
    empty = text[:0]
    return [_given(match) or empty for match in _matches(text, pattern, 0)]


def instr(text: Text, pattern: Text, position: int, occurrence: int, after: int) -> int:
    """REGEXP_INSTR: where the n-th match (or its group) starts, or what follows it if `after` is 1; 0 for nowhere."""
    if after not in (0, 1):
        raise InvalidValue("the fifth argument of REGEXP_INSTR must be 0 or 1")
    _positive(position, occurrence)
    _ready(text, pattern)
    if not pattern or not text:
        return 0
    match = _nth(text, pattern, position, occurrence)
    if match is None:
        return 0
    group = min(match.re.groups, 1)
    if match.start(group) < 0:
        return 0
    start, end = match.span(group)
    if start == end != match.end() or (not group and start == end):
        raise Unsure("where an empty match is")
    return int(end if after else start) + 1


def replace(text: Text, pattern: Text, new: Text) -> Text:
    r"""REGEXP_REPLACE; `\1` in the new text is a group."""
    expression = _ready(text, pattern)
    pieces = _pieces(new, expression.groups)
    found, start, last = [], 0, -1
    while start <= len(text) and (match := expression.search(text, start)) is not None:
        found.append(text[start : match.start()])
        start = match.start()
        if match.end() > start or start != last:
            found += [_piece(match, piece, text[:0]) for piece in pieces]
        if match.end() > start:
            start = last = match.end()
        else:
            found.append(text[start : start + 1])
            start += 1
    found.append(text[start:])
    return text[:0].join(found)


def _piece(match: Any, piece: Any, empty: Any) -> Any:
    return (match.group(piece) or empty) if isinstance(piece, int) else piece


@lru_cache(maxsize=200)
def _pieces(new: str | bytes, most: int) -> list[Any]:
    """A replacement's texts and numbers of groups."""
    text = new if isinstance(new, str) else new.decode("latin-1")
    parts = re.split(r"\\(.?)", text, flags=re.DOTALL)
    found: list[Any] = []
    for i, part in enumerate(parts):
        if i % 2 and part.isascii() and part.isdigit():
            found.append(int(part))
        elif i % 2 and part != "\\":
            raise InvalidValue("a backslash in a replacement")
        elif part:
            found.append(part if isinstance(new, str) else part.encode("latin-1"))
    if any(isinstance(piece, int) and piece > most for piece in found):
        raise InvalidValue("a group that the regular expression does not have")
    return found


# -------------------------------------------------------------------------------------------- for DuckDB


def _both(name: str, function: Callable[..., Any], *results: pa.DataType) -> dict[str, Any]:
    return {
        f"bp_regexp_{name}": strict(guarded(function), results[0]),
        f"bp_regexp_{name}_b": strict(guarded(function), results[-1]),
    }


TEXT, BYTES = pa.string(), pa.binary()
BODIES = {
    **_both("contains", contains, pa.bool_()),
    **_both("extract", extract, TEXT, BYTES),
    **_both("extract_all", extract_all, pa.list_(TEXT), pa.list_(BYTES)),
    **_both("instr", instr, pa.int64()),
    **_both("replace", replace, TEXT, BYTES),
}
globals().update(BODIES)
