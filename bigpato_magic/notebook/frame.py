"""The frame that a cell returns: an ordinary DataFrame, whose own display has a footnote. Imports pandas.

Its values are those that Google's client gives. Only how they are shown is ours: pandas shows NULL, NaN and a text alike.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from bigpato_magic.notebook.footnote import Note, count_of
from bigpato_magic.notebook.grid import GAP, Grid, GridColumn
from bigpato_magic.notebook.tabular import literal
from bigpato_magic.notebook.values import is_null, text_of
from bigpato_magic.types import SqlType


@dataclass(frozen=True, slots=True)
class Nulls:
    """Where a column of FLOAT64 has NULLs, which are NaN in the frame.

    Args:
        values: of the column; while the frame still has these and no others, `mask` is true of it.
        mask: True for NULL.
    """

    values: Any
    mask: Any


class QueryFrame(pd.DataFrame):
    """A result as it is shown; whatever is computed from it is a plain DataFrame."""

    _metadata = ["_note", "_nulls"]
    _note: Note | None = None
    _nulls: Mapping[int, Nulls] = {}

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def __reduce_ex__(self, _protocol: Any) -> Any:
        """Pickled as the plain frame that it is: to read it, this package is not needed."""
        return copy, (pd.DataFrame(self),)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        """A bounded table, as large as pandas would make it, and the footnote."""
        outputs = self._note.result.outputs if self._note else ()
        view = _View(pd.DataFrame(self), self._nulls, {output.name: output.type for output in outputs})
        text, page = view.pictures()
        if self._note is None:
            return {"text/plain": text, "text/html": literal(page)}, {}
        data = {"text/plain": f"{text}\n{self._note.text()}", "text/html": literal(f"{page}{self._note.html()}")}
        return data, self._note.metadata()


def noted(frame: pd.DataFrame, note: Note, table: Any = None) -> QueryFrame:
    """`frame`, with a footnote to its display.

    Args:
        frame: made of `table`.
        note: the footnote.
        table: the Arrow table, which knows NULL from NaN.
    """
    shown = QueryFrame(frame)
    object.__setattr__(shown, "_note", note)
    object.__setattr__(shown, "_nulls", {} if table is None else _nulls(shown, table))
    return shown


def _nulls(frame: pd.DataFrame, table: Any) -> dict[int, Nulls]:
    places = [i for i, dtype in enumerate(frame.dtypes) if dtype == np.float64 and table.column(i).null_count]
    return {i: Nulls(frame.iloc[:, i].to_numpy(), table.column(i).is_null().to_numpy()) for i in places}


def _screen_width() -> int:
    if sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    width: int | None = pd.get_option("display.width")
    return width or 80


@dataclass(frozen=True, slots=True)
class _View:
    """A frame as it is shown.

    Args:
        frame: with its present values: a person may have changed it in place.
        nulls: NULLs among the NaNs, by the column's position.
        kinds: BigQuery's types by the column's name.
    """

    frame: pd.DataFrame
    nulls: Mapping[int, Nulls]
    kinds: Mapping[str, SqlType]

    def pictures(self) -> tuple[str, str]:
        """It as text and as HTML (empty where the person has switched that off)."""
        frame = self.frame
        if frame.index.nlevels > 1 or frame.columns.nlevels > 1 or pd.get_option("display.large_repr") != "truncate":
            return repr(frame), frame._repr_html_() or ""  # type: ignore[operator]
        grid = self.grid()
        return grid.text(_screen_width()), grid.html() if pd.get_option("display.notebook_repr_html") else ""

    def grid(self) -> Grid:
        """The rows and columns that pandas would show."""
        rows, columns = self.frame.shape
        at = _kept(rows, pd.get_option("display.max_rows"), pd.get_option("display.min_rows"))
        across = _kept(columns, pd.get_option("display.max_columns"), None)
        labels = _with_gap([text_of(label) for label in self.frame.index[_real(at)]], at)
        gap = GridColumn(GAP, [GAP] * len(labels))
        shown = [gap if i is None else self._column(i, at) for i in across]
        return Grid(labels, shown, _below(rows, columns, cut=None in at or None in across))

    def _column(self, place: int, at: list[int | None]) -> GridColumn:
        series = self.frame.iloc[:, place]
        window = series.iloc[_real(at)]
        kind = self.kinds.get(str(series.name))
        cells = _floats(window) if series.dtype == np.float64 else _texts(window, kind)
        nulls = self.nulls.get(place)
        if nulls is not None and np.may_share_memory(nulls.values, series.to_numpy()):
            null = nulls.mask[_real(at)] & window.isna()
            cells = [None if one else cell for one, cell in zip(null, cells, strict=True)]
        return GridColumn(str(series.name), _with_gap(cells, at), _is_numeric(window))


def _real(at: list[int | None]) -> list[int]:
    return [i for i in at if i is not None]


def _below(rows: int, columns: int, *, cut: bool) -> str:
    if not rows:
        return "0 rows"
    wanted = pd.get_option("display.show_dimensions")
    return f"{count_of(rows, 'row')} × {count_of(columns, 'column')}" if wanted is True or (wanted and cut) else ""


def _kept(count: int, most: int | None, least: int | None) -> list[int | None]:
    """The positions that are shown, None for the gap between the first and the last of them."""
    if not most or count <= most:
        return list(range(count))
    shown = min(least or most, most)
    first, last = range(shown - shown // 2), range(count - shown // 2, count)
    return [*first, None, *last]


def _with_gap(cells: list[Any], at: list[int | None]) -> list[Any]:
    given = iter(cells)
    return [GAP if i is None else next(given) for i in at]


def _floats(window: pd.Series) -> list[str | None]:
    """As pandas writes them together: with the digits that the person has set."""
    lines = window.to_string(index=False, header=False).split("\n") if len(window) else []
    return [line.strip() for line in lines] if len(lines) == len(window) else [text_of(value) for value in window]


def _texts(window: pd.Series, kind: SqlType | None) -> list[str | None]:
    most = pd.get_option("display.max_colwidth")
    if isinstance(window.dtype, pd.ArrowDtype):
        return [None if is_null(value) else _range(value) for value in window]
    return [None if is_null(value) else text_of(value, most, kind) for value in window]


def _range(value: Mapping[str, Any]) -> str:
    """A RANGE, as BigQuery writes it: from its start up to before its end."""
    start, end = ("UNBOUNDED" if is_null(value[side]) else text_of(value[side]) for side in ("start", "end"))
    return f"[{start}, {end})"


def _is_numeric(window: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(window.dtype):
        return not pd.api.types.is_bool_dtype(window.dtype)
    values = [value for value in window if not is_null(value)] if window.dtype == object else []
    return bool(values) and all(isinstance(value, Decimal) for value in values)
