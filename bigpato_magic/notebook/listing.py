"""What `%bp_tables` shows: every table and view, where it is, how large, and what bringing it here costs. Pure."""

from __future__ import annotations

from bigpato_magic.listing import Listing, ShownTable
from bigpato_magic.notebook.cards import Card, lines_card, table_card
from bigpato_magic.notebook.inspection import layout_words
from bigpato_magic.notebook.view import label
from bigpato_magic.traits import format_money, format_size
from bigpato_magic.types import STORED

_HEADER = ("Table", "Where", "Rows", "Size", "Layout", "Bringing it", "Why not")
_OFFLINE = "BigQuery cannot be reached: these are the tables that were used or are here."


def listing_card(listing: Listing, pattern: str, project: str | None) -> Card:
    """The tables, and how many more there are.

    Args:
        listing: to be shown.
        pattern: that they match.
        project: whose tables are shown without it.
    """
    if not listing.tables:
        return lines_card([f"No table or view matches {pattern!r}." if pattern else "There is no table or view."])
    more = listing.matching - len(listing.tables)
    after = [f"… and {more:,} more: %bp_tables --all, or a part of the name."] if more else []
    after += [_OFFLINE] if listing.offline else []
    number = "1 table or view" if listing.matching == 1 else f"{listing.matching:,} tables and views"
    title = f"{number} matching {pattern!r}." if pattern else f"{number}."
    return table_card(title, _HEADER, [_cells(table, project) for table in listing.tables], " ".join(after))


def _cells(table: ShownTable, project: str | None) -> tuple[str, ...]:
    facts, row = table.facts, table.row
    here = row is not None and row.where == "local"
    held = row.held if row is not None and here else ""
    stored = facts is not None and facts.version.kind in STORED
    return (
        label(table.id, project),
        f"local ({held})" if held and held != "all" else "local" if here else "BigQuery",
        f"{facts.version.rows:,}" if facts is not None and stored else "",
        format_size(facts.version.bytes) if facts is not None and stored else "",
        "" if facts is None else layout_words(facts),
        "" if here or table.price is None else format_money(table.price),
        table.obstacle,
    )
