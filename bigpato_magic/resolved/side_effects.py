"""Errors that an aggregate keeps to itself until its value is looked at, as in `IF(n > 0, SUM(x), NULL)`.

The resolved tree has a second column for such an error and a call that raises it; GoogleSQL's text has no word for
either. Without them the aggregate raises at once: an error too many, never a wrong answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.scans import PASSING

Node = Any


def raise_at_once(statement: Node) -> None:
    """Let the aggregates of a resolved statement raise their errors at once, in place."""
    scans = list(tree.walk(statement, ("AggregateScan", "AnalyticScan")))
    gone = {i for scan in scans for item in _columns(scan) for i in _make_plain(item)}
    if not gone:
        return
    _put_values(statement)
    for scan in tree.walk(statement, PASSING):
        columns = tree.get(scan, "column_list")
        for place in reversed(range(len(columns))):
            if columns[place].column_id in gone:
                del columns[place]


def _columns(scan: Node) -> Iterator[Node]:
    """The wrappers of the columns that a scan computes."""
    if tree.name(scan) == "AggregateScan":
        yield from scan.parent.aggregate_list
        return
    for group in scan.function_group_list:
        yield from group.analytic_function_list


def _make_plain(item: Node) -> Iterator[int]:
    """Make a deferred column a plain one; the number of its error's column."""
    column = tree.node(item)
    if tree.name(column) == "DeferredComputedColumn":
        wrapper = type(item)()
        plain = wrapper.resolved_computed_column_impl_node.resolved_computed_column_node
        plain.column.CopyFrom(column.column)
        plain.expr.CopyFrom(column.expr)
        yield column.side_effect_column.column_id
        item.CopyFrom(wrapper)


def _put_values(message: Node) -> None:
    """Put the value in the place of each call that raises its error."""
    for field, inner in message.ListFields():
        if field.message_type is None:
            continue
        for each in inner if field.is_repeated else (inner,):
            _put_values(each)
            if field.message_type.name == "AnyResolvedExprProto" and _raises(tree.node(each)):
                value = type(each)()
                value.CopyFrom(tree.get(tree.node(each), "argument_list")[0])
                each.CopyFrom(value)


def _raises(expression: Node) -> bool:
    return tree.name(expression) == "FunctionCall" and tree.function_name(expression) == "$with_side_effects"
