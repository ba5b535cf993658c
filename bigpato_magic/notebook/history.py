"""What `%bp_history` shows: the last queries, newest first. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bigpato_magic.notebook.cards import Card, lines_card, table_card
from bigpato_magic.notebook.footnote import clock
from bigpato_magic.tier.journal.history import RememberedQuery
from bigpato_magic.traits import format_duration, format_money, format_size

_HEADER = ("N", "When", "Where", "Billed", "Price", "Time", "Query")
_SHOWN = 80
"""Characters of a query in a list."""


def history_card(queries: Sequence[RememberedQuery], part: str) -> Card:
    """The queries; `part` is what their texts have in them."""
    if not queries:
        return lines_card([f"No query with {part!r} is remembered." if part else "No query is remembered yet."])
    title = f"The last queries with {part!r}." if part else "The last queries of all notebooks."
    return table_card(
        title, _HEADER, [_cells(query) for query in queries], "%bp_history --insert N puts one into a cell."
    )


def _cells(query: RememberedQuery) -> tuple[str, ...]:
    line = " ".join(query.sql.split())
    billed = format_size(query.bytes_billed) if query.bytes_billed else ""
    price = format_money(query.dollars) if query.dollars else ""
    shown = line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
    return str(query.number), clock(query.at), query.route, billed, price, format_duration(query.seconds), shown
