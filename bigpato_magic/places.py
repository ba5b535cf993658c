"""Places in a text, as GoogleSQL counts them and as a person sees them. Pure.

GoogleSQL ends a line at a newline, a carriage return, or both, and lets a tab reach to the next eighth column; the
package counts characters. https://github.com/google/googlesql/blob/master/googlesql/public/parse_location.h
"""

from __future__ import annotations

import re
import unicodedata

_LINE_END = re.compile(r"\r\n|\r|\n")
_TAB = 8
_WIDTH = 72
"""Columns of an excerpt: with its line number it fits into a terminal."""
_WIDE_BLANK = "\u3000"
"""As wide as a Chinese or Japanese character, in a terminal and in a browser."""


def lines(text: str) -> list[str]:
    """The lines of a text, without their ends."""
    return _LINE_END.split(text)


def line_starts(text: str) -> list[int]:
    """The offset at which each line begins."""
    return [0, *(match.end() for match in _LINE_END.finditer(text))]


def characters_before(line: str, column: int) -> int:
    """How many characters stand before a column of GoogleSQL (from 1), to whom a tab reaches to the next eighth."""
    width = 0
    for place, character in enumerate(line):
        if width >= column - 1:
            return place
        width += _TAB - width % _TAB if character == "\t" else 1
    return len(line)


def offset_of(text: str, line: int, column: int) -> int:
    """The offset of a character, by its line and its place in it, both from 1."""
    starts = line_starts(text)
    return min(starts[line - 1] + column - 1, len(text)) if line <= len(starts) else len(text)


def place_of(text: str, offset: int) -> tuple[int, int]:
    """The line and the place in it of the character at an offset, both from 1."""
    starts = [start for start in line_starts(text) if start <= offset]
    return len(starts), offset - starts[-1] + 1


def excerpt(line: str, column: int, width: int = _WIDTH) -> tuple[str, str]:
    """What of a line stands around its `column`-th character (from 1), and a caret to be printed below it.

    >>> excerpt("SELECT nope", 8)
    ('SELECT nope', '       ^')
    """
    shown = _shown(line)
    at = min(max(column, 1) - 1, len(shown))
    first, last = _window([width_of(text) for text in shown], at, width)
    head, tail = "…" * (first > 0), "…" * (last < len(shown))
    below = "".join(_blank(text) for text in shown[first:at])
    return head + "".join(shown[first:last]) + tail, " " * len(head) + below + "^"


def _shown(line: str) -> list[str]:
    """Each character as it is printed: tabs as blanks, other control characters as one."""
    characters: list[str] = []
    column = 0
    for character in line:
        if character == "\t":
            text = " " * (_TAB - column % _TAB)
        else:
            text = " " if unicodedata.category(character) in ("Cc", "Zl", "Zp") else character
        characters.append(text)
        column += width_of(text)
    return characters


def width_of(text: str) -> int:
    """Columns that a text takes in a terminal.

    >>> width_of("duck"), width_of("鴨")
    (4, 2)
    """
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(text: str) -> int:
    if unicodedata.category(text) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(text) in "WF" else 1


def _blank(text: str) -> str:
    return _WIDE_BLANK if len(text) == 1 and _width(text) == 2 else " " * width_of(text)


def _window(widths: list[int], at: int, width: int) -> tuple[int, int]:
    """The characters, first and last (exclusive), that fit into `width` columns around the one at `at`."""
    if sum(widths) <= width:
        return 0, len(widths)
    room = width - 2  # for the two marks of what is left out
    first = last = at
    used = 0
    while True:
        # Twice as much of what stands before as of what follows: an error is mostly understood by what led to it.
        left = first > 0 and (last == len(widths) or at - first <= 2 * (last - at))
        grown = widths[first - 1] if left else widths[last]
        if used + grown > room:
            return first, last
        used += grown
        first, last = (first - 1, last) if left else (first, last + 1)
