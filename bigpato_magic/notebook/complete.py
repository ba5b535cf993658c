"""Complete what is typed in `%%bpsql` cells: names in scope, functions, options, variables after `@`.

Names come from `names`, what is in scope from `scope`; a key press never waits for BigQuery.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion

from bigpato_magic.errors import BigPatoError
from bigpato_magic.googlesql.identifiers import quoted
from bigpato_magic.notebook.names import NotebookNames, functions
from bigpato_magic.notebook.options import BPSQL, COMPANIONS, Option
from bigpato_magic.notebook.output_columns import output_columns
from bigpato_magic.notebook.scope import Scope, Source, scope_at
from bigpato_magic.types import Column, Kind, SqlType

Candidate = tuple[str, str]
"""A text to insert, and what it is."""

_CELL = re.compile(r"\s*%%(?:bpsql|bp_explain)\b[^\n]*\n?")
_LINE = re.compile(r"(?:.*=)?\s*%(?:bpsql|bp_explain)\s")
_TABLE_LINE = re.compile(r"\s*%bp_(?:rebalance|demote|pin|unpin|status|tables|forget)\s")
_OTHER_LINE = re.compile(rf"\A\s*+%bp_({'|'.join(COMPANIONS)})\s")
_WITH = re.compile(r"(?<![\w-])(?:--with|-w)[\s=]++(\w*+)")
_OPTION = re.compile(r"(?:^|\s)(-[\w-]*+)$")
_CHOICE = re.compile(r"(?<![\w-])(--[\w-]++)[\s=]++(\w*+)$")
_MOST = 500
_KEYWORDS = """
    SELECT FROM WHERE GROUP BY HAVING QUALIFY WINDOW ORDER LIMIT OFFSET JOIN LEFT RIGHT FULL INNER CROSS ON USING AS
    AND OR NOT IN IS NULL BETWEEN LIKE CASE WHEN THEN ELSE END DISTINCT WITH RECURSIVE UNION INTERSECT EXCEPT ALL
    REPLACE UNNEST STRUCT ARRAY OVER PARTITION ROWS RANGE PRECEDING FOLLOWING CURRENT ROW ASC DESC NULLS FIRST LAST
    INTERVAL DATE TIMESTAMP DATETIME TIME NUMERIC TRUE FALSE EXISTS CAST SAFE_CAST EXTRACT PIVOT UNPIVOT TABLESAMPLE
    ROLLUP
    """.split()  # noqa: SIM905 - a list of words is read as one


class _Nothing(list[SimpleCompletion]):
    """No completions, and nobody else's either: IPython lets others answer where a matcher's list has the length 0."""

    def __len__(self) -> int:
        return 1


def completions(context: CompletionContext, names: NotebookNames, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """An answer to IPython: nothing outside our cells, ours alone inside them."""
    completed = complete(context, names, variables)
    if completed is None:
        return {"completions": []}
    fragment, candidates = completed
    shown = [SimpleCompletion(text, type=kind) for text, kind in candidates] or _Nothing()
    return {"completions": shown, "matched_fragment": fragment, "suppress": True, "ordered": True}


def complete(
    context: CompletionContext, names: NotebookNames, variables: Mapping[str, Any]
) -> tuple[str, list[Candidate]] | None:
    """The fragment before the cursor and what can stand for it; None outside our cells."""
    before = context.text_until_cursor
    line = _OTHER_LINE.match(before) if context.cursor_line == 0 else None
    if line is not None and (option := _OPTION.search(before)) is not None:
        return option[1], [(name, "option") for name in _spellings(COMPANIONS[line[1]]) if name.startswith(option[1])]
    if context.cursor_line == 0 and (_TABLE_LINE.match(before)):
        return _tables_of_line(before, names)
    cell = _CELL.match(context.full_text)
    if cell is None:
        return _in_line(before, names, variables) if _LINE.match(before) else None
    if context.cursor_line == 0:
        return _options(before, names)
    first, *lines = context.full_text.split("\n")
    offset = sum(len(line) + 1 for line in lines[: context.cursor_line - 1]) + context.cursor_position
    sql = "\n".join(lines)
    whole = _with_saved(sql, _WITH.findall(first), names)
    return _in_sql(whole, offset + len(whole) - len(sql), names, variables)


def _with_saved(sql: str, uses: Sequence[str], names: NotebookNames) -> str:
    """The text with the saved queries before it that its cell's line names; alone where one is not there."""
    try:
        return names.saved.compose(sql, uses) if uses else sql
    except BigPatoError:
        return sql


def _in_line(before: str, names: NotebookNames, variables: Mapping[str, Any]) -> tuple[str, list[Candidate]]:
    if _OPTION.search(before) or _CHOICE.search(before):
        return _options(before, names)
    match = _LINE.match(before)
    sql = before[match.end() :] if match else before
    return _in_sql(sql, len(sql), names, variables)


def _tables_of_line(before: str, names: NotebookNames) -> tuple[str, list[Candidate]]:
    path, _, fragment = before.split()[-1].rpartition(".") if not before.endswith(" ") else ("", "", "")
    parts = tuple(path.split(".")) if path else ()
    return fragment, _starting(fragment, _table_names(Scope(path=parts), names))


# ------------------------------------------------------------------------------------------ options


def _options(before: str, names: NotebookNames) -> tuple[str, list[Candidate]]:
    """Options of the first line, and the values of those that have a few."""
    option = _OPTION.search(before)
    if option:
        return option[1], [(name, "option") for name in _spellings(BPSQL) if name.startswith(option[1])]
    choice = _CHOICE.search(before)
    if choice:
        return choice[2], _starting(choice[2], _values(choice[1], names))
    return "", []


def _values(option: str, names: NotebookNames) -> Iterator[Candidate]:
    if option == "--with":
        yield from ((name, "saved query") for name in names.saved.texts())
    yield from ((value, "value") for value in _choices(option))


def _spellings(options: Iterable[Option]) -> Iterator[str]:
    for names, _ in options:
        if names[0].startswith("-"):
            yield names[0]


def _choices(name: str) -> Iterable[str]:
    option: Option | None = next((entry for entry in BPSQL if name in entry[0]), None)
    return option[1].get("choices", ()) if option else ()


# ---------------------------------------------------------------------------------------------- SQL


def _in_sql(sql: str, offset: int, names: NotebookNames, variables: Mapping[str, Any]) -> tuple[str, list[Candidate]]:
    scope = scope_at(sql, offset)
    if scope is None:
        return "", []
    candidates = _starting(scope.fragment, _candidates(scope, names, variables))
    return scope.fragment, candidates if scope.quoted else [
        (_spelled(name, kind, scope), kind) for name, kind in candidates
    ]


def _spelled(name: str, kind: str, scope: Scope) -> str:
    """A name as it is written: in backquotes where it needs them; tables' paths may have dashes without."""
    if kind == "keyword" or kind.startswith("function") or scope.parameter or scope.expected is not None:
        return name
    return name if scope.wants_table and quoted(name.replace("-", "_")) == name.replace("-", "_") else quoted(name)


def _candidates(scope: Scope, names: NotebookNames, variables: Mapping[str, Any]) -> Iterator[Candidate]:
    if scope.expected is not None:
        yield from ((word, scope.expected.kind) for word in scope.expected.words)
    elif scope.parameter:
        yield from ((name, type(value).__name__) for name, value in variables.items() if _bindable(name, value))
    elif scope.wants_table:
        yield from _table_names(scope, names)
    elif scope.path:
        yield from _members(scope, names)
    else:
        yield from _expressions(scope, names)


def _expressions(scope: Scope, names: NotebookNames) -> Iterator[Candidate]:
    for source in scope.sources:
        for column in _columns(source, scope, names):
            yield column.name, _kind(column.type)
    yield from ((source.name, "alias") for source in scope.sources if source.name)
    if scope.fragment and not scope.quoted:
        yield from ((name, f"function {shapes[0]}") for name, shapes in functions().items() if shapes)
        yield from ((word, "keyword") for word in _KEYWORDS)


def _table_names(scope: Scope, names: NotebookNames) -> Iterator[Candidate]:
    if len(scope.path) == 2:
        yield from ((name, "table") for name in names.tables(scope.path[1], scope.path[0]))
    elif scope.path:
        yield from ((name, "table") for name in names.tables(scope.path[0]))
        yield from ((name, "dataset") for name in names.datasets(scope.path[0]))
    else:
        yield from ((source.name, "cte") for source in scope.ctes)
        yield from ((name, "table") for name in names.tables())
        yield from ((name, "dataset") for name in names.datasets())
        yield from ((name, "project") for name in names.projects())


def _members(scope: Scope, names: NotebookNames) -> Iterator[Candidate]:
    """After a dot: columns of an alias, fields of a STRUCT column."""
    first, *rest = scope.path
    source = next((s for s in scope.sources if s.name.lower() == first.lower()), None)
    if source is not None:
        columns, path = _columns(source, scope, names), rest
    else:
        columns, path = (c for s in scope.sources for c in _columns(s, scope, names)), list(scope.path)
    for name in path:
        column = next((column for column in columns if column.name.lower() == name.lower()), None)
        columns = iter(_fields(column.type) if column else ())
    yield from ((column.name, _kind(column.type)) for column in columns)


def _fields(sql_type: SqlType) -> Iterator[Column]:
    for field in sql_type.fields:
        yield Column(field.name, field.type)


_UNKNOWN = SqlType(Kind.STRING)


def _columns(
    source: Source, scope: Scope, names: NotebookNames, seen: frozenset[str] = frozenset()
) -> Iterator[Column]:
    """The columns of a table, a CTE or a subquery, its stars unfolded."""
    cte = next((c for c in scope.ctes if source.path == (c.name,) and c.name not in seen), None)
    if told := output_columns(cte or source, scope, names.columns):
        yield from told
    elif cte is not None:
        yield from _columns(cte, scope, names, seen | {cte.name})
    elif source.path:
        yield from names.columns(source.path)
    else:
        for output in source.outputs:
            yield from _output(output, source, scope, names, seen)


def _output(output: str, source: Source, scope: Scope, names: NotebookNames, seen: frozenset[str]) -> Iterator[Column]:
    if not output.endswith("*"):
        inner = (column for s in source.within for column in _columns(s, scope, names, seen))
        yield next((column for column in inner if column.name.lower() == output.lower()), Column(output, _UNKNOWN))
        return
    wanted = output.rstrip("*").rstrip(".")
    for inner_source in source.within:
        if not wanted or inner_source.name == wanted:
            yield from _columns(inner_source, scope, names, seen)


def _kind(sql_type: SqlType) -> str:
    text = str(sql_type)
    return text if len(text) < 40 else f"{text[:39]}…"


def _bindable(name: str, value: Any) -> bool:
    if name.startswith("_") or callable(value) or isinstance(value, type):
        return False
    return type(value).__module__ in _BINDABLE or type(value).__module__.startswith(("pandas", "numpy"))


_BINDABLE = ("builtins", "datetime", "decimal", "bigpato_magic.types")


def _starting(fragment: str, candidates: Iterable[Candidate]) -> list[Candidate]:
    """Those that begin as the fragment does, each once, in their order; then the names that have it inside."""
    low = fragment.lower()
    ranked: list[dict[str, str]] = [{}, {}, {}]
    for text, kind in candidates:
        rank = _rank(low, text.lower(), kind)
        if rank is not None and not any(text in matching for matching in ranked):
            ranked[rank][text] = kind
            if len(ranked[0]) >= _MOST:
                break
    return [candidate for matching in ranked for candidate in matching.items()][:_MOST]


_INSIDE = 2
"""Letters that a fragment has at least to be looked for inside names: one letter is in nearly all of them."""


def _rank(low: str, text: str, kind: str) -> int | None:
    """How well a text fits a fragment, 0 the best: it begins with it, a word of it does, it is in it; None for not at all."""
    if text.startswith(low):
        return 0
    if len(low) < _INSIDE or low not in text or kind == "keyword" or kind.startswith("function"):
        return None
    return 1 if f"_{low}" in text else 2
