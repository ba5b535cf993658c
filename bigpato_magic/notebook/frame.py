"""The frame that a cell returns: an ordinary DataFrame, whose own display has a footnote. Imports pandas."""

from __future__ import annotations

from copy import copy
from typing import Any

import pandas as pd

from bigpato_magic.notebook.footnote import Note


class QueryFrame(pd.DataFrame):
    """A result as it is shown; whatever is computed from it is a plain DataFrame."""

    _metadata = ["_note"]
    _note: Note | None = None

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def __reduce_ex__(self, _protocol: Any) -> Any:
        """Pickled as the plain frame that it is: to read it, this package is not needed."""
        return copy, (pd.DataFrame(self),)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        """Pandas' own bounded table, and the footnote."""
        frame = pd.DataFrame(self)
        text, page = repr(frame), frame._repr_html_()  # type: ignore[operator]
        if self._note is None:
            return {"text/plain": text, "text/html": page or ""}, {}
        data = {"text/plain": f"{text}\n{self._note.line()}", "text/html": f"{page or ''}{self._note.html()}"}
        return data, self._note.metadata()


def noted(frame: pd.DataFrame, note: Note) -> QueryFrame:
    """`frame`, with a footnote to its display."""
    shown = QueryFrame(frame)
    object.__setattr__(shown, "_note", note)
    return shown
