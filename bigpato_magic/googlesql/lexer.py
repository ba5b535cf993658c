"""What can be seen in raw SQL text, before it is analyzed or where it never will be: kind, parameters, code.

Tolerant: any text is read, also half-written. What a query means is `googlesql`'s business.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical
# Every character belongs to one token, and is looked at once: quantifiers are possessive, and what is not closed reaches
# to the end of its line or of the text. A line ends at a carriage return too.
_NOT_LINE_END = re.compile(r"[^\n]")
TOKEN = re.compile(
    r"""
    (?P<comment> (?: -- | \# ) [^\r\n]*+ | /\* (?: [^*] | \* (?!/) )*+ (?: \*/ )?+ )
  | (?P<text> (?: \b (?: [rR][bB]? | [bB][rR]? ) )?+
        (?: \"\"\" (?: [^"\\] | \\.? | " (?!"") )*+ (?: \"\"\" )?+
          | ''' (?: [^'\\] | \\.? | ' (?!'') )*+ (?: ''' )?+
          | " (?: [^"\\\r\n] | \\.? )*+ "?+
          | ' (?: [^'\\\r\n] | \\.? )*+ '?+ ) )
  | (?P<quoted> ` (?: [^`\\\r\n] | \\.? )*+ `?+ )
  | (?P<system> @@ [A-Za-z_] [\w.]*+ )
  | (?P<parameter> @ \s*+ (?: [A-Za-z_]\w*+ | `[^`\n]++` ) )
  | (?P<word> [A-Za-z_]\w*+ )
  | (?P<pipe> \|> )
  | (?P<space> \s++ )
  | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
# What a query in pipe syntax may end in, and then it is no query.
_PIPED = frozenset({"CREATE", "DELETE", "EXPORT", "INSERT", "MERGE", "UPDATE"})
_QUERIES = frozenset({"SELECT", "WITH", "FROM"})
_UNKNOWN = "UNKNOWN"


def tokens(sql: str, start: int = 0) -> Iterator[re.Match[str]]:
    """What a text consists of from an offset on, without its blanks and comments."""
    return (match for match in TOKEN.finditer(sql, start) if not match["space"] and not match["comment"])


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

    What it calls a query is one for the analyzer too, so it may be asked where that is not at hand. It takes time in
    proportion to the text.

    `CREATE TEMP FUNCTION …; SELECT …` is a SCRIPT too: who can run its functions decides that.
    """
    statements = split(sql)
    if len(statements) > 1:
        return StatementKind("SCRIPT")
    statement = statements[0] if statements else ""
    words = (m["word"].upper() for m in tokens(statement) if m["word"])
    first = next(words, _UNKNOWN)
    if first in _QUERIES:
        return StatementKind(_piped(statement) or "SELECT")
    if first in ("CREATE", "DROP", "ALTER"):
        return StatementKind(" ".join([first, *_object(words)]))
    return StatementKind("SCRIPT" if first in ("BEGIN", "DECLARE", "IF", "LOOP", "WHILE", "FOR", "REPEAT") else first)


def _piped(query: str) -> str | None:
    """What a query in pipe syntax does beside reading: `INSERT` of `FROM t |> INSERT INTO u`."""
    if "|>" not in query:
        return None
    pairs = itertools.pairwise(tokens(query))
    return next((b["word"].upper() for a, b in pairs if a["pipe"] and (b["word"] or "").upper() in _PIPED), None)


def orders(sql: str) -> bool:
    """Whether a text says ORDER BY, anywhere."""
    words = ((m["word"] or "").upper() for m in tokens(sql))
    return ("ORDER", "BY") in itertools.pairwise(words)


def names_a_past(sql: str) -> bool:
    """Whether a text says `FOR SYSTEM_TIME AS OF`, or `SYSTEM TIME`, which Google's parser takes for the same."""
    if "system" not in sql.lower():
        return False
    words = [(m["word"] or "").upper() for m in tokens(sql)]
    return "SYSTEM_TIME" in words or ("SYSTEM", "TIME") in itertools.pairwise(words)


def with_clause(sql: str) -> tuple[int, str] | None:
    """Where the names of the WITH clause begin that a query begins with, and its RECURSIVE as written, or ''."""
    opening = list(itertools.islice(tokens(sql), 2))
    words = [(m["word"] or "").upper() for m in opening]
    if words[:1] != ["WITH"]:
        return None
    recursive = words[1:] == ["RECURSIVE"]
    return opening[recursive].end(), opening[1][0] if recursive else ""


def _object(words: Iterable[str]) -> list[str]:
    kept = [word for word in words if word not in ("OR", "REPLACE", "TEMP", "TEMPORARY", "IF", "NOT", "EXISTS")]
    return kept[:2] if kept[:1] == ["MATERIALIZED"] else kept[:1]


def split(sql: str) -> list[str]:
    """The statements of a text, without their semicolons; empty ones are left out."""
    ends = (m.end() for m in TOKEN.finditer(sql) if m["other"] == ";") if ";" in sql else ()
    starts = [0, *ends, len(sql) + 1]
    parts = [sql[a : b - 1] if b <= len(sql) else sql[a:] for a, b in itertools.pairwise(starts)]
    return [part for part in parts if not _is_empty(part)]


def is_blank(sql: str) -> bool:
    """Whether a text has no statement: nothing but blanks, comments and semicolons."""
    return all(m[0] == ";" for m in tokens(sql))


def query_start(sql: str) -> int | None:
    """Where the query of a statement begins: of a SELECT, an INSERT, a CREATE TABLE or VIEW, an EXPORT DATA; else None.

    >>> text = "CREATE TABLE t AS SELECT 1"
    >>> text[query_start(text):]
    'SELECT 1'
    """
    kind = str(statement_kind(sql))
    if kind == "SELECT":
        return 0
    if kind not in _WITH_QUERY:
        return None
    depth, before, bracket = 0, "", None
    for match in tokens(sql):
        word = (match["word"] or "").upper()
        if word in _QUERIES and (bracket is not None or (depth == 0 and (kind == "INSERT" or before == "AS"))):
            return match.start() if bracket is None else bracket
        if depth == 0 and word == "VALUES":
            return None
        opens = match[0] == "("
        bracket = (match.start() if depth == 0 else bracket) if opens else None
        depth += opens - (match[0] == ")")
        before = word
    return None


_WITH_QUERY = ("CREATE MATERIALIZED VIEW", "CREATE TABLE", "CREATE VIEW", "EXPORT", "INSERT")


def _is_empty(part: str) -> bool:
    """Whether a part has nothing but blanks, comments and strings."""
    return all(m["text"] for m in tokens(part))


def parameter_names(sql: str) -> tuple[str, ...]:
    """The named parameters that a text mentions, as first written, each once; `@@system` variables are none."""
    names: dict[str, str] = {}
    for match in TOKEN.finditer(sql):
        if match["parameter"]:
            name = match["parameter"].lstrip("@ \t\r\n").strip("`")
            names.setdefault(name.lower(), name)
    return tuple(names.values())


def outside(sql: str) -> str:
    """The text with blanks for what is in strings and comments, at the same offsets; line ends stay."""
    return TOKEN.sub(lambda m: blanked(m[0]) if m["comment"] or m["text"] else m[0], sql)


def blanked(text: str) -> str:
    """Blanks in place of a text, so that what follows it keeps its line and column."""
    return _NOT_LINE_END.sub(" ", text)
