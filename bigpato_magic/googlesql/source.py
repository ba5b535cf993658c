"""The user's text on its way to the analyzer, and places in it on their way back.

BigQuery reads the name `` `p.ds.t` `` as three parts, the analyzer as one. So such names are written out in parts, and
a place that the analyzer reports is told as the place in the user's own text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import count

from bigpato_magic import places
from bigpato_magic.googlesql.catalog import Path
from bigpato_magic.googlesql.lexer import tokens

_PLACE = re.compile(r"(?<!\s)\s*+\[at (\d+):(\d+)\]\s*+$")
_TAB = 8


@dataclass(frozen=True, slots=True)
class SourceText:
    """A text for the analyzer.

    Args:
        sql: the user's.
        sent: what the analyzer reads.
        shifts: offsets in `sent` after which it is further ahead of `sql`, and by how many characters.
    """

    sql: str
    sent: str
    shifts: tuple[tuple[int, int], ...] = ()

    def place(self, message: str) -> tuple[str, int | None, int | None]:
        """An error's message without its place, and the line and column in the user's text, both from 1."""
        match = _PLACE.search(message)
        if match is None:
            return message, None, None
        return (message[: match.start()], *self._back(int(match[1]), int(match[2])))

    def _back(self, line: int, column: int) -> tuple[int, int]:
        lines = places.lines(self.sent)
        if line > len(lines):
            return line, column
        offset = places.line_starts(self.sent)[line - 1] + places.characters_before(lines[line - 1], column)
        offset -= sum(added for after, added in self.shifts if after <= offset)
        return places.place_of(self.sql, max(offset, 0))


def prepared(sql: str, paths: Collection[Path], *, named: bool = False) -> SourceText:
    """The text with those backquoted names written out in parts that are (parts of) these tables' paths.

    Args:
        sql: the user's text.
        paths: of the tables that it names.
        named: also write the first `?` as `@p1`, the second as `@p2`, …
    """
    dotted = dict(pair for path in paths for pair in _dotted(path))
    pieces, shifts, end, ahead = [], [], 0, 0
    parameters = count(1)
    for match in tokens(sql) if dotted or named else ():
        if match[0] == "?" and named:
            written = f"@p{next(parameters)} "
        elif match["quoted"] and match[0].endswith("`") and match[0][1:-1] in dotted:
            written = dotted[match[0][1:-1]]
        else:
            continue
        pieces += [sql[end : match.start()], written]
        end = match.end()
        ahead += len(written) - len(match[0])
        shifts.append((end + ahead, len(written) - len(match[0])))
    return SourceText(sql, "".join([*pieces, sql[end:]]), tuple(shifts))


def _dotted(path: Path) -> Iterator[tuple[str, str]]:
    """The parts of a path that have dots, each with its text in parts; a path has three at most."""
    for number, part in enumerate(path):
        pieces = part.rsplit(".", max(2 - (len(path) - 1 - number), 0))
        if len(pieces) > 1:
            yield part, ".".join(f"`{piece}`" for piece in pieces)
