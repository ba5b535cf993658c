"""What Shift-Tab shows of a table (schema, size, place, freshness) or a function (its signatures)."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from bigpato_magic.notebook.cards import Card, fresh_as_of, table_card
from bigpato_magic.notebook.names import NotebookNames, functions
from bigpato_magic.traits import format_size

if TYPE_CHECKING:
    from bigpato_magic.overview import TableRow
    from bigpato_magic.types import TableFacts


def describe(name: str, names: NotebookNames) -> Card | None:
    """What is known here of a table or a function of that name; None where nothing is."""
    if shapes := functions().get(name.upper()):
        lines = [f"{name.upper()}{shape}" for shape in shapes]
        return Card("\n".join(lines), "".join(f"<div><code>{escape(line)}</code></div>" for line in lines))
    path = tuple(part for part in name.replace("`", "").split(".") if part)
    facts = names.facts(path) if 1 <= len(path) <= 3 else None
    return None if facts is None else table_facts_card(facts, names.row(facts.id))


def table_facts_card(facts: TableFacts, row: TableRow | None) -> Card:
    """A table's schema, size, and the state of its copy."""
    title = f"{facts.id}: {facts.version.rows:,} rows, {format_size(facts.version.bytes)}, {_place(row)}"
    columns = [(c.name, str(c.type), "REQUIRED" if c.required else "", c.description) for c in facts.columns]
    return table_card(title, ("Column", "Type", "", "Description"), columns, layout_words(facts))


def _place(row: TableRow | None) -> str:
    if row is None or row.where != "local":
        return "on BigQuery"
    return f"local ({row.held or 'all'}), {fresh_as_of(row.freshness, row.fresh_as_of)}"


def layout_words(facts: TableFacts) -> str:
    """How the table is laid out: what its queries read less by."""
    parts = []
    if facts.partitioning:
        unit = facts.partitioning.unit.value
        parts.append(f"partitioned by {facts.partitioning.column or '_PARTITIONTIME'} ({unit})")
    if facts.clustering:
        parts.append(f"clustered by {', '.join(facts.clustering)}")
    if facts.streaming:
        parts.append("rows are being streamed into it")
    return "; ".join(parts)
