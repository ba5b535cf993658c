"""Errors that an aggregate keeps to itself until its value is looked at, as in `IF(n > 0, SUM(x), NULL)`.

The resolved tree has a second column for such an error and a call that raises it; GoogleSQL's text has no word for
either. Without them the aggregate raises at once: an error too many, never a wrong answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bigpato_magic.googlesql import tree
from bigpato_magic.googlesql.pruning import PASSING

Node = Any
_RAISES = "$with_side_effects"


def undefer(statement: Node) -> None:
    """Take deferred errors out of a resolved statement."""
    scans = list(tree.walk(statement, ("AggregateScan", "AnalyticScan")))
    gone = {i for scan in scans for item in _columns(scan) for i in _made_plain(item)}
    if not gone:
        return
    _raise_at_once(statement)
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


def _made_plain(item: Node) -> Iterator[int]:
    """Make a deferred column a plain one; the number of its error's column."""
    found = tree.node(item)
    if tree.name(found) == "DeferredComputedColumn":
        made = type(item)()
        plain = made.resolved_computed_column_impl_node.resolved_computed_column_node
        plain.column.CopyFrom(found.column)
        plain.expr.CopyFrom(found.expr)
        yield found.side_effect_column.column_id
        item.CopyFrom(made)


def _raise_at_once(message: Node) -> None:
    """Put the value in the place of each call that raises its error."""
    for field, inner in message.ListFields():
        if field.message_type is None:
            continue
        for each in inner if field.is_repeated else (inner,):
            _raise_at_once(each)
            if field.message_type.name == "AnyResolvedExprProto" and _raises(tree.node(each)):
                value = type(each)()
                value.CopyFrom(tree.get(tree.node(each), "argument_list")[0])
                each.CopyFrom(value)


def _raises(expression: Node) -> bool:
    return tree.name(expression) == "FunctionCall" and tree.get(expression, "function").name.endswith(_RAISES)
