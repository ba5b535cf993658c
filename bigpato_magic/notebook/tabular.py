"""A table to look at: as HTML for front ends, as text for terminals. Pure.

Words stand left, numbers right, and a column that says nothing is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

_NUMBER = re.compile(r"|–|[<≈−-]*\$?[\d,.]+(?: (?:B|[KMGT]iB))?")

# A number and its unit stay on one line.
_STYLES = {"left": "text-align:left", "right": "text-align:right;white-space:nowrap"}

Rows = Sequence[Sequence[str]]


def as_html(header: Sequence[str], rows: Rows) -> str:
    """An HTML table; every cell is text. Nothing where there are no rows."""
    if not rows:
        return ""
    header, rows = _telling(header, rows)
    # Said of each cell: front ends align cells by rules of their own, and a saved notebook has no style sheet.
    styles = [f' style="{_STYLES[side]}"' for side in _sides(header, rows)]
    head = _line("th", header, styles)
    body = "".join(_line("td", row, styles) for row in rows)
    return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"


def literal(html: str) -> str:
    """`html` as it stands: what is between two dollar signs is no formula.

    JupyterLab, Notebook 7 and nbconvert give outputs to MathJax, which leaves elements of these classes alone (versions 3
    and 2; pandas says it so too, https://pandas.pydata.org/docs/reference/api/pandas.describe_option.html, use_mathjax).
    """
    return f'<div class="mathjax_ignore tex2jax_ignore">{html}</div>' if html else ""


def as_lines(header: Sequence[str], rows: Rows) -> list[str]:
    """Lines of aligned columns; none where there are no rows."""
    if not rows:
        return []
    header, rows = _telling(header, rows)
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    sides = _sides(header, rows)
    return ["  ".join(map(_padded, line, widths, sides)).rstrip() for line in (header, *rows)]


def _telling(header: Sequence[str], rows: Rows) -> tuple[Sequence[str], Rows]:
    """The columns in which some row has something."""
    kept = [i for i in range(len(header)) if any(row[i] for row in rows)]
    return [header[i] for i in kept], [[row[i] for i in kept] for row in rows]


def _line(tag: str, cells: Iterable[str], styles: Iterable[str]) -> str:
    inside = "".join(f"<{tag}{style}>{escape(cell)}</{tag}>" for cell, style in zip(cells, styles, strict=True))
    return f"<tr>{inside}</tr>"


def _padded(cell: str, width: int, side: str) -> str:
    return cell.rjust(width) if side == "right" else cell.ljust(width)


def _sides(header: Sequence[str], rows: Rows) -> list[str]:
    """`right` for a column of nothing but numbers, sizes and prices."""
    return ["right" if _numbers(row[i] for row in rows) else "left" for i in range(len(header))]


def _numbers(cells: Iterable[str]) -> bool:
    seen = list(cells)
    return any(seen) and all(_NUMBER.fullmatch(cell) for cell in seen)
