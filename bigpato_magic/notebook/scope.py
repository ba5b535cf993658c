"""What is in scope where the cursor stands in a query that is not yet whole. Tolerant, and pure text.

It reads tokens, never a grammar: half a query has none. What a whole query means, the analyzer says.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bigpato_magic.googlesql.lexer import outside
from bigpato_magic.notebook.expected import Expected, expected_at
from bigpato_magic.notebook.tokens import Token, closing, tokens_of

_WORD = re.compile(r"`[^`]*`?|[A-Za-z_]\w*")
_CLAUSES = frozenset(
    """
    AGGREGATE ALL AND AS BETWEEN BY CASE CROSS DELETE DISTINCT DROP ELSE END EXCEPT EXTEND FOR FROM FULL GROUP HAVING IN
    INNER INSERT INTERSECT INTO IS JOIN LEFT LIKE LIMIT MERGE NATURAL NOT OFFSET ON OR ORDER OUTER PIVOT QUALIFY RENAME
    RIGHT SELECT SET TABLE TABLESAMPLE THEN UNION UNPIVOT UPDATE USING VALUES WHEN WHERE WINDOW WITH
    """.split()  # noqa: SIM905 - a list of words is read as one
)
_TABLE_WORDS = frozenset(("FROM", "JOIN", "INTO", "UPDATE", "TABLE", "MERGE"))


@dataclass(frozen=True, slots=True)
class Source:
    """What stands in a FROM clause.

    Args:
        name: by which its columns are qualified.
        path: the parts of a table's name; empty for a subquery.
        outputs: of a subquery: names it gives; `t.*` and `*` as written.
        within: the sources of a subquery, for its stars.
        span: of a subquery, or of a WITH clause up to this name: from where to where it stands in the text.
    """

    name: str
    path: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    within: tuple[Source, ...] = ()
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What the cursor sees.

    Args:
        path: the parts before the fragment (`o.` or `shop.`).
        fragment: the word being written.
        wants_table: the cursor is where a table's name goes.
        sources: in FROM, the innermost query first.
        ctes: named before this query.
        parameter: the word being written follows an `@`.
        quoted: it stands in backquotes that are not yet closed.
        expected: what alone can stand there, None where more may.
        text: all of it.
    """

    path: tuple[str, ...] = ()
    fragment: str = ""
    wants_table: bool = False
    sources: tuple[Source, ...] = ()
    ctes: tuple[Source, ...] = field(default=())
    parameter: bool = False
    quoted: bool = False
    expected: Expected | None = None
    text: str = ""


def scope_at(sql: str, offset: int) -> Scope | None:
    """What is in scope at an offset; None inside a string or a comment."""
    blank = outside(sql)
    if offset and not blank[offset - 1].strip() and sql[offset - 1].strip():
        return None
    quote = _open_quote(blank, offset)
    if quote is not None:
        blank = blank[:quote] + " " + blank[quote + 1 : offset] + blank[offset:].replace("`", " ", 1)
    before, tokens = blank[:offset], tokens_of(blank if quote is not None else _without_word_at(blank, offset))
    levels = _levels(tokens)
    path, fragment = _prefix(before, dashes=True)
    wants_table = _wants_table(tokens, offset - len(path) - len(fragment))
    if not wants_table:
        path, fragment = _prefix(before)
        if quote is not None:
            path, fragment = _prefix(before[:quote])[0], before[quote + 1 :]
    cut = offset - len(path) - len(fragment) - (quote is not None and not wants_table)
    inside = _inside(tokens, cut)
    return Scope(
        path=tuple(path.rstrip(".").split(".")) if path else (),
        fragment=fragment,
        wants_table=wants_table,
        sources=tuple(_visible(levels, inside, cut)),
        ctes=tuple(_ctes(tokens, levels)),
        parameter=before[:cut].endswith("@") and not before[:cut].endswith("@@"),
        quoted=quote is not None,
        expected=None if path or quote is not None else expected_at(tokens, inside, cut),
        text=sql,
    )


def _without_word_at(blank: str, offset: int) -> str:
    """The text without the word that is being written: it names nothing yet."""
    start, end = offset, offset
    while start and (blank[start - 1].isalnum() or blank[start - 1] == "_"):
        start -= 1
    while end < len(blank) and (blank[end].isalnum() or blank[end] == "_"):
        end += 1
    return blank[:start] + " " * (end - start) + blank[end:]


def _open_quote(blank: str, offset: int) -> int | None:
    """The backquote of this line that is open at an offset."""
    line = blank[blank.rfind("\n", 0, offset) + 1 : offset]
    return offset - len(line) + line.rindex("`") if line.count("`") % 2 else None


def _prefix(before: str, *, dashes: bool = False) -> tuple[str, str]:
    """The dotted path and the word that a text ends in; a table's path may have dashes."""
    start = len(before)
    while start and (before[start - 1].isalnum() or before[start - 1] in ("_.-" if dashes else "_.")):
        start -= 1
    *path, fragment = before[start:].split(".")
    if "-" in fragment:
        return "", fragment.rpartition("-")[2]
    whole = itertools.takewhile(bool, reversed(path))
    return "".join(f"{part}." for part in [*whole][::-1]), fragment


Levels = Mapping[tuple[int, ...], Sequence[Token]]
"""The tokens directly inside each bracket."""


def _levels(tokens: Sequence[Token]) -> Levels:
    levels: dict[tuple[int, ...], list[Token]] = {}
    for token in tokens:
        levels.setdefault(token.inside, []).append(token)
    return levels


def _inside(tokens: Sequence[Token], offset: int) -> tuple[int, ...]:
    """The brackets around an offset."""
    before = [token for token in tokens if token.start < offset]
    if not before:
        return ()
    last = before[-1]
    return (*last.inside, len(before) - 1) if last.text in "([{" else last.inside


def _wants_table(tokens: Sequence[Token], cut: int) -> bool:
    """After FROM or JOIN, and after a comma of a FROM clause."""
    inside = _inside(tokens, cut)
    if inside and inside[-1] and tokens[inside[-1] - 1].upper == "EXTRACT":
        return False  # EXTRACT(part FROM expression)
    before = [t for t in tokens if t.start + len(t.text) <= cut and t.inside == inside]
    clause = next((token for token in reversed(before) if token.upper in _CLAUSES - {"AS"}), None)
    if clause is None or clause.upper not in _TABLE_WORDS:
        return False
    return before[-1] is clause or (clause.upper == "FROM" and before[-1].text == ",")


def _visible(levels: Levels, inside: tuple[int, ...], offset: int) -> Iterator[Source]:
    """The sources of the query around the offset, then those of the queries around that one."""
    for depth in range(len(inside), -1, -1):
        yield from _sources(levels, _segment(levels.get(inside[:depth], ()), offset))


def _segment(level: Sequence[Token], offset: int) -> Sequence[Token]:
    """The tokens of one SELECT: those between set operators."""
    begin, end = 0, len(level)
    for index, token in enumerate(level):
        if not _separates(level, index):
            continue
        if token.start < offset:
            begin = index + 1
        else:
            end = index
            break
    return level[begin:end]


def _separates(level: Sequence[Token], index: int) -> bool:
    token = level[index]
    following = level[index + 1].upper if index + 1 < len(level) else ""
    if token.upper == "EXCEPT":
        return following in ("ALL", "DISTINCT")
    return token.text == ";" or token.upper in ("UNION", "INTERSECT")


def _sources(levels: Levels, segment: Sequence[Token]) -> Iterator[Source]:
    """What FROM and JOIN name, with their aliases."""
    index, in_from = 0, False
    while index < len(segment):
        token = segment[index]
        index += 1
        if token.upper in _CLAUSES:
            in_from = token.upper in ("FROM", "JOIN") or (in_from and token.upper in ("AS", "ON", "USING", "AND"))
        starts = token.upper in _TABLE_WORDS or (token.text == "," and in_from)
        if starts:
            source, index = _source(levels, segment, index)
            if source is not None:
                yield source


def _source(levels: Levels, segment: Sequence[Token], index: int) -> tuple[Source | None, int]:
    """The table or subquery that begins at `index` of the segment, and where it ends."""
    if index >= len(segment):
        return None, index
    if segment[index].text == "(":
        inner = _level_of(levels, segment[index])
        span = (segment[index].start, segment[index + 1].end) if index + 1 < len(segment) else None
        alias, index = _alias(segment, index + 2)
        return Source(alias or "", (), _outputs(inner), tuple(_sources(levels, inner)), span), index
    if segment[index].upper in _CLAUSES:
        return None, index  # nothing is named yet, and the next clause begins
    path, index = _path(segment, index)
    if not path or (len(path) == 1 and path[0].upper() in _CLAUSES | {"UNNEST"}):
        return None, index
    alias, index = _alias(segment, index)
    return Source(alias or path[-1], path=path), index


def _path(segment: Sequence[Token], index: int) -> tuple[tuple[str, ...], int]:
    """`a.b.c`, also in backquotes; a project may hold dashes."""
    text, end = "", None
    while index < len(segment):
        token = segment[index]
        joined = end is None or token.start == end
        if not joined or not (_WORD.fullmatch(token.text) or token.text in ".-" or token.text.isalnum()):
            break
        text, end = text + token.text, token.start + len(token.text)
        index += 1
    return tuple(part for part in text.replace("`", "").split(".") if part), index


def _alias(segment: Sequence[Token], index: int) -> tuple[str | None, int]:
    if index < len(segment) and segment[index].upper == "AS":
        index += 1
    if index < len(segment) and _WORD.fullmatch(segment[index].text) and segment[index].upper not in _CLAUSES:
        return segment[index].text.strip("`"), index + 1
    return None, index


def _level_of(levels: Levels, opening: Token) -> Sequence[Token]:
    return levels.get((*opening.inside, opening.number), ())


def _ctes(tokens: Sequence[Token], levels: Levels) -> Iterator[Source]:
    """`name AS (query)`, wherever a WITH clause has it."""
    for index in range(len(tokens) - 2):
        name, as_, opening = tokens[index : index + 3]
        before = tokens[index - 1].upper if index else ""
        if as_.upper == "AS" and opening.text == "(" and before in ("WITH", ",", "RECURSIVE"):
            inner = _level_of(levels, opening)
            if inner and inner[0].upper in ("SELECT", "WITH", "FROM", "("):
                within, span = tuple(_sources(levels, inner)), _span(tokens, name, opening)
                yield Source(name.text.strip("`"), (), _outputs(inner), within, span)


def _span(tokens: Sequence[Token], name: Token, opening: Token) -> tuple[int, int] | None:
    """From the WITH of a name to the bracket that closes its query, None where that is not written yet."""
    before = (token for token in reversed(tokens[: name.number]) if token.inside == name.inside)
    begin = next((token for token in before if token.upper == "WITH"), None)
    end = closing(tokens, opening)
    return (begin.start, end.end) if begin is not None and end is not None else None


def _outputs(query: Sequence[Token]) -> tuple[str, ...]:
    """The names that a SELECT list gives: aliases, last parts of paths, stars as written."""
    items: list[list[Token]] = [[]]
    started = False
    for token in query:
        if token.upper == "SELECT":
            started = True
        elif started and token.upper in ("FROM", "UNION", "WHERE", "LIMIT", "ORDER", ";"):
            break
        elif started and token.text == ",":
            items.append([])
        elif started and token.upper not in ("DISTINCT", "ALL"):
            items[-1].append(token)
    return tuple(name for item in items if item for name in (_output(item),) if name)


def _output(item: Sequence[Token]) -> str:
    if item[-1].text == "*" or any(t.upper in ("EXCEPT", "REPLACE") for t in item):
        return "".join(t.text for t in item[: next(i for i, t in enumerate(item) if t.text == "*") + 1])
    return item[-1].text.strip("`") if _WORD.fullmatch(item[-1].text) else ""
