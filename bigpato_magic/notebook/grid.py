"""A frame's rows to look at: as HTML for front ends, as text for terminals. Pure: texts in, text out.

Words stand left, numbers right. `None` is a NULL, and looks like no text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from bigpato_magic.notebook.values import NULL
from bigpato_magic.places import width_of

# Said of each cell: front ends align cells by rules of their own, and a saved notebook has no style sheet.
_LEFT, _RIGHT = "text-align:left;white-space:pre-wrap", "text-align:right;white-space:nowrap"
_NULL_HTML = f'<i style="opacity:.55">{NULL}</i>'
_BETWEEN = "  "
_ROOM = range(12, 25)
"""Digits that a column of words is wide at least, if its longest text is: many columns would leave each of them no room."""
GAP = "…"
"""Stands for what is left out: rows, or columns."""


@dataclass(frozen=True, slots=True)
class GridColumn:
    """One column as it is shown.

    Args:
        name: its heading.
        cells: one text for each row, None for NULL.
        right: it holds numbers.
    """

    name: str
    cells: Sequence[str | None]
    right: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """Some rows and columns of a frame.

    Args:
        labels: of the rows.
        columns: those that are shown.
        below: a line under it: how large the whole is.
    """

    labels: Sequence[str]
    columns: Sequence[GridColumn]
    below: str = ""

    def html(self) -> str:
        """A table, with the size of the whole under it."""
        heads = "".join(f'<th style="{_style(c)}">{escape(c.name)}</th>' for c in self.columns)
        body = "".join(f"<tr>{self._row(i)}</tr>" for i in range(len(self.labels)))
        below = f"<p>{escape(self.below)}</p>" if self.below else ""
        head = f"<thead><tr><th></th>{heads}</tr></thead>"
        return f'<div><table border="1" class="dataframe">{head}<tbody>{body}</tbody></table>{below}</div>'

    def _row(self, number: int) -> str:
        cells = (f'<td style="{_style(c)}">{_cell_html(c.cells[number])}</td>' for c in self.columns)
        return f"<th>{escape(self.labels[number])}</th>{''.join(cells)}"

    def text(self, width: int) -> str:
        """Aligned columns; those that do not fit into the width stand below the others."""
        labels = _padded(GridColumn("", self.labels))
        blocks = ["\n".join(map(_line, zip(labels, *block, strict=True))) for block in self._blocks(labels, width)]
        below = [self.below] if self.below else []
        return ("\n\n" if self.labels else "\n").join(["\n\n".join(blocks), *below])

    def _blocks(self, labels: Sequence[str], width: int) -> Iterator[list[list[str]]]:
        block: list[list[str]] = []
        used = width_of(labels[0])
        for column in map(_padded, self.columns):
            more = len(_BETWEEN) + width_of(column[0])
            if block and used + more > width:
                yield block
                block, used = [], width_of(labels[0])
            block.append(column)
            used += more
        yield block


def _style(column: GridColumn) -> str:
    if column.right:
        return _RIGHT
    longest = min(max((width_of(cell) for cell in column.cells if cell), default=0), _ROOM[-1])
    return f"{_LEFT};min-width:{longest}ch" if longest >= _ROOM[0] else _LEFT


def _cell_html(cell: str | None) -> str:
    return _NULL_HTML if cell is None else escape(cell)


def _line(cells: Iterable[str]) -> str:
    return _BETWEEN.join(cells).rstrip()


def _padded(column: GridColumn) -> list[str]:
    """The heading and the cells, all equally wide."""
    texts = [column.name, *(NULL if cell is None else cell for cell in column.cells)]
    width = max(map(width_of, texts))
    blanks = [" " * (width - width_of(text)) for text in texts]
    return [blank + text if column.right else text + blank for text, blank in zip(texts, blanks, strict=True)]
