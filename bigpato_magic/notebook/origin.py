"""A query that was put together (`--with`): its errors are told as errors of what the person wrote. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from bigpato_magic import places
from bigpato_magic.errors import QueryError, TableNotFound
from bigpato_magic.googlesql.identifiers import quoted


@dataclass(frozen=True, slots=True)
class Piece:
    """A text that the whole is made of.

    Args:
        sql: as the person wrote it.
        start: its offset in the whole.
        saved: the saved query's name, '' for the cell's own text.
    """

    sql: str
    start: int
    saved: str = ""


@dataclass(frozen=True, slots=True)
class Composed:
    """A cell's query with the saved ones that it uses.

    Args:
        whole: what runs.
        cell: the cell's own text, which stands around the saved ones.
        saved: texts of saved queries by name; those that it does not use may be among them.
    """

    whole: str
    cell: str
    saved: Mapping[str, str]

    @contextmanager
    def telling(self, variables: Mapping[str, Any]) -> Iterator[None]:
        """Errors inside tell where they come from."""
        try:
            yield
        except QueryError as error:
            self.tell(error, variables)
            raise

    def tell(self, error: QueryError, variables: Mapping[str, Any]) -> None:
        """Let an error of the whole say what the person can do about it: the place, and a frame that was meant.

        It is changed in place, so that it keeps its traceback.
        """
        if isinstance(error, TableNotFound):
            _name_frame(error, variables)
        self._tell_place(error)

    def _tell_place(self, error: QueryError) -> None:
        """Its line in the cell, or the saved query that it is in."""
        if error.sql != self.whole or error.line is None or self.whole == self.cell:
            return
        offset = places.offset_of(self.whole, error.line, error.column or 1)
        piece = self._around(offset)
        if piece is None:
            return
        error.sql = piece.sql
        error.line, error.column = places.place_of(piece.sql, offset - piece.start)
        if piece.saved:
            error.message = f"{error.message.rstrip('.')} (in the saved query {piece.saved})"

    def _around(self, offset: int) -> Piece | None:
        for name, text in self.saved.items():
            opening = f"{quoted(name)} AS (\n"
            opened = self.whole.find(f"{opening}{text}\n)")
            start = opened + len(opening)
            if opened >= 0 and start <= offset <= start + len(text):
                return Piece(text, start, name)
        behind = _alike(reversed(self.whole), reversed(self.cell))
        if offset >= len(self.whole) - behind:
            return Piece(self.cell, len(self.whole) - len(self.cell))
        return Piece(self.cell, 0) if offset < _alike(self.whole, self.cell) else None


_FRAMES = ("pandas", "polars", "pyarrow", "duckdb")


def _name_frame(error: TableNotFound, variables: Mapping[str, Any]) -> None:
    """Where a frame of Python has the name of the missing table, say so."""
    name = error.path[-1] if error.path else ""
    kind = _frame_of(variables.get(name))
    if kind is None:
        return
    frame = f"{name} is a {kind} of this notebook, which BigQuery does not see: duckdb.sql('FROM {name}') does"
    error.hint = f"{error.hint} or, {frame}" if (error.hint or "").startswith("did you mean") else frame


def _frame_of(value: Any) -> str | None:
    """What kind of frame it is, told without importing its package."""
    for kind in type(value).__mro__:
        package = kind.__module__.partition(".")[0].lstrip("_")
        if package in _FRAMES and kind.__name__ in ("DataFrame", "LazyFrame", "Table", "DuckDBPyRelation"):
            return f"{package} {kind.__name__}"
    return None


def _alike(one: Iterable[str], other: Iterable[str]) -> int:
    """Characters that both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
