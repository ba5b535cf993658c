"""What is the same in every row of a scan: its columns that are a constant there, or a value of the moment. Pure.

Whether a column is NULL is decided where it is used: an outer join, a ROLLUP or a set operation above its definition
may have made it so. So an operator passes on only what its rule here says that it does; unknown means no.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bigpato_magic.pruning.abstract import Constant, Range
from bigpato_magic.pruning.evaluate import ColumnScope, KnownColumns, evaluate
from bigpato_magic.resolved import tree
from bigpato_magic.resolved.scans import properties

Node = Any
NOTHING: KnownColumns = {}

NULL_SIDES = {"INNER": (False, False), "LEFT": (False, True), "RIGHT": (True, False), "FULL": (True, True)}
"""Whether a join of this type may fill its left, and its right side up with NULLs."""


class Invariants:
    """Of the scans of one query, each looked at once.

    Args:
        ctes: the WithEntry of each name.
        scope: the parameters and the moment.
    """

    def __init__(self, ctes: Mapping[str, Node], scope: ColumnScope) -> None:
        self._ctes = ctes
        self._scope = scope
        self._by_scan: dict[int, tuple[Node, KnownColumns]] = {}
        self._named: dict[str, KnownColumns] = {}

    def of(self, message: Node, outer: KnownColumns) -> KnownColumns:
        """What is the same in every row of a scan, and in all rows around it.

        Args:
            message: the scan.
            outer: the same of the query around, whose columns a correlated subquery may mention.
        """
        scan = tree.node(message)
        known = self._by_scan.get(id(scan))
        if known is None:
            kind = tree.name(scan)
            rule = _RULES.get(kind) or (Invariants._input if properties(kind).keeps_values else None)
            # The node is kept, so that no other gets its identity.
            known = self._by_scan[id(scan)] = (scan, {**outer, **(rule(self, scan, outer) if rule else NOTHING)})
        return known[1]

    def _input(self, scan: Node, outer: KnownColumns) -> KnownColumns:
        return self.of(tree.get(scan, "input_scan"), outer)

    def _array(self, scan: Node, outer: KnownColumns) -> KnownColumns:
        return self._input(scan, outer) if scan.HasField("input_scan") else NOTHING

    def _project(self, scan: Node, outer: KnownColumns) -> KnownColumns:
        below = self._input(scan, outer)
        return {**below, **self._computed(scan.expr_list, below)}

    def _aggregate(self, scan: Node, outer: KnownColumns) -> KnownColumns:
        """Totals of a ROLLUP have NULL for keys that their rows have not."""
        keys = () if has_totals(scan) else tree.get(scan, "group_by_list")
        return self._computed(keys, self._input(scan, outer))

    def _join(self, scan: Node, outer: KnownColumns) -> KnownColumns:
        left_is_filled, right_is_filled = NULL_SIDES.get(tree.enum(scan, "join_type"), (True, True))
        left = self.of(scan.left_scan, outer)
        right = self.of(scan.right_scan, left if scan.is_lateral else outer)
        return {
            **(NOTHING if left_is_filled else left),
            **({i: value for i, value in right.items() if i not in left} if not right_is_filled else NOTHING),
        }

    def _with(self, scan: Node, outer: KnownColumns) -> KnownColumns:
        return self.of(scan.query, outer)

    def _reference(self, scan: Node, _: KnownColumns) -> KnownColumns:
        name = scan.with_query_name
        entry = self._ctes.get(name)
        if entry is None:
            return NOTHING
        if name not in self._named:
            self._named[name] = NOTHING  # of a recursive one, which mentions itself
            self._named[name] = self.of(entry.with_subquery, NOTHING)
        body = self._named[name]
        pairs = zip(tree.get(scan, "column_list"), columns(entry.with_subquery), strict=True)
        return {outer.column_id: body[inner.column_id] for outer, inner in pairs if inner.column_id in body}

    def _computed(self, definitions: Any, below: KnownColumns) -> KnownColumns:
        scope = self._scope.knowing(below)
        values = ((c.column.column_id, evaluate(c.expr, scope)) for c in definitions)
        return {i: value for i, value in values if isinstance(value, Constant | Range)}


_RULES: dict[str, Callable[[Invariants, Node, KnownColumns], KnownColumns]] = {
    "AggregateScan": Invariants._aggregate,
    "ArrayScan": Invariants._array,
    "JoinScan": Invariants._join,
    "ProjectScan": Invariants._project,
    "WithRefScan": Invariants._reference,
    "WithScan": Invariants._with,
}


def has_totals(aggregate: Node) -> bool:
    """Whether it is a ROLLUP, CUBE or GROUPING SETS."""
    return bool(tree.get(aggregate, "grouping_set_list") or tree.get(aggregate, "rollup_column_list"))


def columns(message: Node) -> list[Node]:
    """The columns of a scan's rows."""
    return list(tree.get(tree.node(message), "column_list"))
