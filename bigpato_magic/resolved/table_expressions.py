"""Table expressions of a statement: which of them a scan needs to be a query of its own."""

from __future__ import annotations

from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.chain import copied, with_entries

Node = Any


class TableExpressions:
    """The table expressions of a statement, of all its WITHs: their names are unique.

    Args:
        statement: a query.
    """

    def __init__(self, statement: Node) -> None:
        self._withs = list(tree.walk(statement, ("WithScan",)))
        self._bodies = {e.with_query_name: e for scan in self._withs for e in scan.with_entry_list}

    def body(self, name: str) -> Node:
        """What a table expression is defined by."""
        return tree.node(self._bodies[name].with_subquery)

    def needed(self, scan: Node) -> set[str]:
        """Names that a scan needs from around it, those that these need included."""
        own = {entry.with_query_name for inner in tree.walk(scan, ("WithScan",)) for entry in inner.with_entry_list}
        names, todo = set(), [scan]
        while todo:
            for reference in tree.walk(todo.pop(), ("WithRefScan",)):
                name = reference.with_query_name
                if name not in names and name not in own and name in self._bodies:
                    names.add(name)
                    todo.append(self.body(name))
        return names

    def around(self, scan: Node) -> Node:
        """The scan with a WITH of the table expressions that it needs."""
        names = self.needed(scan)
        if not names:
            return copied(scan)
        whole = copied(self._withs[0])
        del whole.with_entry_list[:]
        for one in self._withs:
            whole.with_entry_list.extend(e for e in one.with_entry_list if e.with_query_name in names)
            whole.recursive = whole.recursive or one.recursive
        return with_entries(scan, whole)
