"""What can be seen in raw SQL text, before it is analyzed or where it never will be: kind, parameters, code.

Tolerant: any text is read, also half-written. What a query means is `googlesql`'s business.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

# https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical
_TOKEN = re.compile(
    r"""
    (?P<comment> --[^\n]* | \#[^\n]* | /\*.*?(?:\*/|\Z) )
  | (?P<text> (?P<raw> \b (?: [rR][bB]? | [bB][rR] ) )? (?: \b[bB] )?
        (?: \"\"\" (?: [^\\] | \\. )*? (?: \"\"\" | \Z )
          | ''' (?: [^\\] | \\. )*? (?: ''' | \Z )
          | " (?: [^"\\\n] | \\. )* (?: "|$|\Z )
          | ' (?: [^'\\\n] | \\. )* (?: '|$|\Z ) ) )
  | (?P<quoted> ` (?: [^`\\\n] | \\. )* (?: `|$|\Z ) )
  | (?P<system> @@ [A-Za-z_][\w.]* )
  | (?P<parameter> @ \s* (?: [A-Za-z_]\w* | `[^`\n]+` ) )
  | (?P<word> [A-Za-z_]\w* )
  | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_QUERIES = frozenset({"SELECT", "WITH", "FROM"})
_UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class StatementKind:
    """A statement's kind by its first words: `SELECT`, `INSERT`, `CREATE TABLE`, `SCRIPT`, or `UNKNOWN`."""

    name: str

    @property
    def is_query(self) -> bool:
        """It only reads: SELECT, WITH, FROM, or one of these in parentheses."""
        return self.name == "SELECT"

    def __str__(self) -> str:
        return self.name


def statement_kind(sql: str) -> StatementKind:
    """The kind of a statement; several statements are a SCRIPT.

    `CREATE TEMP FUNCTION …; SELECT …` is a SCRIPT too: who can run its functions decides that.
    """
    statements = split(sql)
    if len(statements) > 1:
        return StatementKind("SCRIPT")
    words = (m["word"].upper() for m in _TOKEN.finditer(statements[0] if statements else "") if m["word"])
    first = next(words, _UNKNOWN)
    if first in _QUERIES:
        return StatementKind("SELECT")
    if first in ("CREATE", "DROP", "ALTER"):
        return StatementKind(" ".join([first, *_object(words)]))
    return StatementKind("SCRIPT" if first in ("BEGIN", "DECLARE", "IF", "LOOP", "WHILE", "FOR", "REPEAT") else first)


def _object(words: Iterable[str]) -> list[str]:
    kept = [word for word in words if word not in ("OR", "REPLACE", "TEMP", "TEMPORARY", "IF", "NOT", "EXISTS")]
    return kept[:2] if kept[:1] == ["MATERIALIZED"] else kept[:1]


def split(sql: str) -> list[str]:
    """The statements of a text, without their semicolons; empty ones are left out."""
    ends = (m.end() for m in _TOKEN.finditer(sql) if m["other"] == ";") if ";" in sql else ()
    starts = [0, *ends, len(sql) + 1]
    parts = [sql[a : b - 1] if b <= len(sql) else sql[a:] for a, b in itertools.pairwise(starts)]
    return [part for part in parts if not _is_empty(part)]


def _is_empty(part: str) -> bool:
    """Nothing but blanks, comments and strings."""
    return all(m["comment"] or m["text"] or m[0].isspace() for m in _TOKEN.finditer(part))


def parameter_names(sql: str) -> tuple[str, ...]:
    """The named parameters that a text mentions, as first written, each once; `@@system` variables are none."""
    names: dict[str, str] = {}
    for match in _TOKEN.finditer(sql):
        if match["parameter"]:
            name = match["parameter"].lstrip("@ \t\r\n").strip("`")
            names.setdefault(name.lower(), name)
    return tuple(names.values())


def positional_parameters(sql: str) -> int:
    """How many `?` parameters a text has."""
    return sum(match["other"] == "?" for match in _TOKEN.finditer(sql))


def outside(sql: str) -> str:
    """The text with blanks for what is in strings and comments, at the same offsets; line ends stay."""
    return _TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m[0]) if m["comment"] or m["text"] else m[0], sql)
