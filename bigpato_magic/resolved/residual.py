"""What a filter asks beyond a kept relation: of `WHERE a > 1 AND b = 2` the second, where `WHERE a > 1` is kept.

Rows that are not kept cannot be asked: what may raise, and would have for one of them, is not left to this.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.chain import hold, over
from bigpato_magic.resolved.relations import Form, QueryPart
from bigpato_magic.types import Kind

Node = Any

MOST_CONJUNCTS = 8
"""Of one filter: each of their subsets may be kept."""

# Each has a value for all arguments.
_TOTAL = frozenset(
    {
        "$and",
        "$between",
        "$equal",
        "$greater",
        "$greater_or_equal",
        "$in",
        "$is_distinct_from",
        "$is_false",
        "$is_not_distinct_from",
        "$is_null",
        "$is_true",
        "$less",
        "$less_or_equal",
        "$not",
        "$not_equal",
        "$or",
        "ends_with",
        "starts_with",
    }
)
_WIDER = frozenset({Kind.FLOAT64, Kind.NUMERIC, Kind.BIGNUMERIC})
"""Types that have every INT64, exact or rounded."""


def weaker(part: QueryPart) -> Iterator[tuple[Form, list[Node]]]:
    """Relations that a filtered one is some rows of, and the conjuncts that tell which: the fewest conjuncts first.

    All of a filter are not left to it: then its input is kept, and is a part of its own.

    Args:
        part: any scan.
    """
    own = part.form.filter
    if tree.name(part.scan) != "FilterScan" or part.form.order is not None or not 1 < len(own) <= MOST_CONJUNCTS:
        return
    asked = list(zip(own, tree.conjuncts(part.scan.filter_expr), strict=True))
    total = [(name, node) for name, node in asked if _is_total(node)]
    for many in range(1, len(own)):
        for rest in combinations(total, many):
            yield part.form.without(name for name, _ in rest), [node for _, node in rest]


def filtered(part: QueryPart, rows: Node, conjuncts: list[Node]) -> Node:
    """A part of which some conjuncts are asked of other rows.

    Args:
        part: a FilterScan.
        rows: the scan that these conjuncts are asked of, one after another.
        conjuncts: nodes of its filter.
    """
    for conjunct in conjuncts:
        scan = over(part.scan, rows, rows)
        hold(scan.filter_expr, conjunct)
        rows = scan
    return rows


def _is_total(node: Node) -> bool:
    """Whether an expression has a value in each row, and needs only columns, values, and what compares them."""
    kind = tree.name(node)
    if kind in ("ColumnRef", "Literal", "Parameter"):
        return True
    if kind == "Cast":
        return _widens(node)
    return kind == "FunctionCall" and tree.function_name(node) in _TOTAL and all(map(_is_total, tree.children(node)))


def _widens(cast: Node) -> bool:
    others = {field.name for field, _ in cast.ListFields()} - {
        "parent",
        "expr",
        "return_null_on_error",
        "type_modifiers",
    }
    if others or cast.type_modifiers.ByteSize():
        return False
    try:
        target, source = tree.type_of(cast), tree.type_of(tree.node(cast.expr))
    except tree.UnknownType:
        return False
    return source.kind is Kind.INT64 and target.kind in _WIDER and _is_total(tree.node(cast.expr))
