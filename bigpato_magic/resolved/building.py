"""Nodes of a resolved tree that no analyzer made: scans of kept relations and shards, and what is computed over them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.types import Column, TableCopy, TableId

Node = Any


class Numbers:
    """Numbers of tables and columns that a statement has not: those of one kept relation are the same in all places.

    Args:
        statement: that new nodes go into.
    """

    def __init__(self, statement: Node) -> None:
        scans = tree.walk(statement, ("TableScan",))
        self._tables = {scan.table.full_name: scan.table.serialization_id for scan in scans}
        self._columns = _unused(statement)

    def __len__(self) -> int:
        """How many tables there are."""
        return len(self._tables)

    def of_table(self, table: TableId) -> int:
        """Of a table, or of a kept relation."""
        number: int = self._tables.setdefault(str(table), max(self._tables.values(), default=0) + 1)
        return number

    def of_column(self) -> int:
        """Of one more column."""
        return next(self._columns)


def _unused(statement: Node) -> Iterator[int]:
    yield from count(max((column.column_id for column in tree.walk(statement, ("Column",))), default=0) + 1)


def table_scan(
    holder: Node, copy: TableCopy, columns: Iterable[Node], stored: Mapping[int, Column], table: int
) -> Node:
    """A scan of a kept relation.

    Columns that nothing uses stand in the lists above; they have no name here, and leave with those (`prune`).

    Args:
        holder: a message for any scan.
        copy: the kept relation.
        columns: as the scans above call them.
        stored: what is stored of them, by their numbers; others are not used.
        table: the relation's number.
    """
    scan = type(holder)().resolved_table_scan_node
    scan.table.name, scan.table.full_name = copy.table.table, str(copy.table)
    scan.table.serialization_id = table
    for column in columns:
        held = stored.get(column.column_id)
        new = scan.parent.column_list.add()
        new.CopyFrom(column)
        new.table_name, new.name = copy.table.table, held.name if held else ""
        scan.column_index_list.append(copy.columns.index(held) if held else 0)
    return scan


def refer(holder: Node, column: Node) -> None:
    """Put a reference to a column into a message for any expression."""
    holder.Clear()
    reference = holder.resolved_column_ref_node
    reference.column.CopyFrom(column)
    reference.parent.type.CopyFrom(column.type)
    reference.parent.type_annotation_map.SetInParent()
