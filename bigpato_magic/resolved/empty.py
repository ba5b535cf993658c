"""Whether a query says by its text alone that it needs no row of its tables: `LIMIT 0`, `WHERE FALSE`. Pure."""

from __future__ import annotations

from typing import Any

from bigpato_magic.resolved import tree

Node = Any

_BELOW = {
    "AggregateScan": "input_scan",
    "FilterScan": "input_scan",
    "LimitOffsetScan": "input_scan",
    "OrderByScan": "input_scan",
    "ProjectScan": "input_scan",
    "WithScan": "query",
}
"""Scans that need no row where what is below needs none, and the field that it is in."""


def needs_no_row(statement: Node) -> bool:
    """Whether it certainly needs none. What it then bills is not documented; it need not be what its columns have."""
    scan = tree.node(statement.query) if tree.name(statement) == "QueryStmt" else None
    while scan is not None:
        if _gives_none(scan):
            return True
        below = _BELOW.get(tree.name(scan))
        scan = tree.node(tree.get(scan, below)) if below else None
    return False


def _gives_none(scan: Node) -> bool:
    if tree.name(scan) == "LimitOffsetScan":
        limit = tree.node(scan.limit)
        return tree.name(limit) == "Literal" and tree.literal(limit) == 0
    return tree.name(scan) == "FilterScan" and any(map(_is_never_true, tree.conjuncts(scan.filter_expr)))


def _is_never_true(condition: Node) -> bool:
    """`FALSE`, `NULL`, or `1 = 0` in any numbers."""
    if tree.name(condition) == "Literal":
        return not tree.literal(condition)
    if tree.name(condition) != "FunctionCall" or tree.function_name(condition) != "$equal":
        return False
    sides = [tree.node(side) for side in tree.get(condition, "argument_list")]
    values = [tree.literal(side) for side in sides if tree.name(side) == "Literal"]
    return len(values) == 2 and all(isinstance(value, int) for value in values) and values[0] != values[1]
