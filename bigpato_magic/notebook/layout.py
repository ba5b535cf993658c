"""DuckDB SQL over several lines, for people: only blanks between its words change, so it is what ran.

It is the SQL that `sql.compile` makes, which has no comments. What is short stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

WIDTH = 100
"""Characters that stay on one line."""

_TOKEN = re.compile(
    r"""
    (?P<plain> '(?:[^']|'')*+' | "(?:[^"]|"")*+" | \bDISTINCT\s+FROM\b )
  | (?P<clause> \b(?: SELECT | FROM | WHERE | HAVING | QUALIFY | LIMIT | (?:GROUP|ORDER)\s+BY
        | (?:UNION|INTERSECT|EXCEPT)\b(?:\s+ALL\b)?+
        | (?:(?:ASOF|LEFT|RIGHT|FULL|INNER|CROSS|SEMI|ANTI|OUTER|POSITIONAL)\s+){0,3}+JOIN )\b )
  | (?P<query> \( (?= \s*+ (?:SELECT|WITH)\b ) )
  | (?P<open> \( ) | (?P<close> \) ) | (?P<comma> , )
  | (?P<word> \w++ ) | (?P<space> \s++ ) | (?P<sign> . )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(slots=True)
class _Bracket:
    """An open bracket, or the whole text.

    Args:
        query: it has a query, whose clauses begin lines.
        indent: of these lines.
        around: indent of the line that it was opened on.
        selecting: what comes is in the SELECT list.
    """

    query: bool
    indent: int
    around: int
    selecting: bool = False


@lru_cache(maxsize=128)  # the panel shows the same queries again at each picture, the footnote the last one
def laid_out(sql: str) -> str:
    """DuckDB SQL with each clause, each column and each subquery on lines of its own.

    >>> laid_out("SELECT 1::BIGINT AS a FROM (SELECT 2)")
    'SELECT 1::BIGINT AS a FROM (SELECT 2)'
    """
    return "".join(_pieces(sql)) if len(sql) > WIDTH else sql


def _pieces(sql: str) -> Iterator[str]:
    brackets = [_Bracket(True, 0, 0)]
    indent, blank = 0, ""  # of the line that is being written; what stands before the next token
    for match in _TOKEN.finditer(sql):
        kind, text, here = match.lastgroup, match[0], brackets[-1]
        if kind == "space":
            blank = blank or " "
            continue
        if kind == "clause" and here.query:
            here.selecting = text == "SELECT"
            indent = here.indent
            blank = _line(indent) if blank else ""
        if kind == "close" and len(brackets) > 1 and brackets.pop().query:
            indent = here.around
            blank = _line(indent)
        yield blank + text
        blank = ""
        if kind in ("query", "open"):
            brackets.append(_Bracket(kind == "query", indent + 1, indent))
        if kind == "query" or (kind == "comma" and here.query and here.selecting):
            indent = brackets[-1].indent + (kind == "comma")
            blank = _line(indent)


def _line(indent: int) -> str:
    return "\n" + "  " * indent
