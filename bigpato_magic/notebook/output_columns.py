"""The columns that a subquery or a table expression gives, as Google's analyzer says: with true names and types.

Asked at a key press, so each text is analyzed once; what is not whole yet has no columns here, and its names are read off its
words (`scope`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bigpato_magic import googlesql
from bigpato_magic.errors import BigPatoError
from bigpato_magic.googlesql.identifiers import quoted
from bigpato_magic.lru import LruCache
from bigpato_magic.notebook.scope import Scope, Source
from bigpato_magic.types import Column, Partitioning, TableId

Path = tuple[str, ...]
Known = Callable[[Path], tuple[Column, ...]]
_MOST = 200
_seen: LruCache[tuple[Column, ...]] = LruCache(_MOST)


@dataclass(frozen=True, slots=True)
class _Table:
    """A table as far as its columns go."""

    id: TableId
    columns: tuple[Column, ...]
    partitioning: Partitioning | None = None


def output_columns(source: Source, scope: Scope, known: Known) -> tuple[Column, ...]:
    """The columns of a subquery or of a table expression, none where nobody can tell (yet).

    Args:
        source: that has a `span`.
        scope: in which it stands.
        known: tells the columns of a table.
    """
    if source.span is None or not googlesql.ready():
        return ()
    try:
        return _columns(_question(source, source.span, scope), known)
    except BigPatoError:
        return ()


def _question(source: Source, span: tuple[int, int], scope: Scope) -> str:
    """A whole query with these columns."""
    text = scope.text[span[0] : span[1]]
    if source in scope.ctes:
        return f"{text} SELECT * FROM {quoted(source.name)}"
    ends = [cte.span for cte in scope.ctes if cte.span is not None and cte.span[1] <= span[0]]
    named = scope.text[ends[-1][0] : ends[-1][1]] if ends else ""
    return f"{named} SELECT * FROM {text}"


def _columns(question: str, known: Known) -> tuple[Column, ...]:
    tables = {path: known(path) for path in googlesql.table_names(question)}
    if not all(tables.values()):
        return ()
    key = (question, tuple(tables.items()))

    def ask() -> tuple[Column, ...]:
        described = {path: _Table(TableId(*("", "", *path)[-3:]), columns) for path, columns in tables.items()}
        outputs = googlesql.analyze(question, described).outputs
        return tuple(Column(output.name, output.type) for output in outputs if output.name)

    return _seen.of(key, ask)
