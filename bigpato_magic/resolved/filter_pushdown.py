"""Filters come before joins: a condition on one side of a join is asked of that side's rows alone.

So what is fetched of a table is no more than the query needs of it. The answer stays the same; only an error may be met that
the query as written would not have met, in a row that the join leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.chain import copied, hold
from bigpato_magic.resolved.column_pruning import prune
from bigpato_magic.resolved.determinism import ANOTHER_EACH_TIME
from bigpato_magic.types import AnalyzedQuery

Node = Any
Wanted = Callable[[Node], bool]

_CLOCK = frozenset({"current_date", "current_datetime", "current_time", "current_timestamp"})
# One moment for all rows; what differs from row to row stays where it is.
_FROM_ROW_TO_ROW = ANOTHER_EACH_TIME - _CLOCK
# The sides whose rows a filter above the join may be asked of, and those that the join's own condition may.
_ABOVE = {"INNER": ("left_scan", "right_scan"), "LEFT": ("left_scan",), "RIGHT": ("right_scan",)}
_OWN = {"INNER": ("left_scan", "right_scan"), "LEFT": ("right_scan",), "RIGHT": ("left_scan",)}


def filters_pushed(query: AnalyzedQuery, wanted: Wanted) -> AnalyzedQuery:
    """The query with conditions before joins, where that asks fewer rows of what is wanted; it is not changed itself.

    Args:
        query: as analyzed.
        wanted: of a side of a join: it is worth a filter of its own.
    """
    statement = copied(tree.node(query.tree))
    for holder in _scans(statement):
        _before_join(holder, wanted)
    prune(statement)
    return replace(query, tree=statement)


def _scans(message: Node) -> Iterator[Node]:
    """The messages that hold scans, outer ones first; each may be changed before those in it are looked for."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for each in value if field.is_repeated else (value,):
            if field.message_type.name == "AnyResolvedScanProto":
                yield each
            yield from _scans(each)


def _before_join(holder: Node, wanted: Wanted) -> None:
    """Ask what a filter over a join, and the join, ask of one side only of that side."""
    scan = tree.node(holder)
    if tree.name(scan) == "FilterScan" and tree.name(tree.node(scan.input_scan)) == "JoinScan":
        join = tree.node(scan.input_scan)
        left = _distribute(join, tree.conjuncts(scan.filter_expr), _ABOVE, wanted, scan)
        if not left:
            _keep_columns(join, scan)
            hold(holder, copied(join))
        else:
            scan.filter_expr.CopyFrom(_all_of(scan.filter_expr, left))
    scan = tree.node(holder)
    if tree.name(scan) == "JoinScan" and scan.HasField("join_expr"):
        left = _distribute(scan, tree.conjuncts(scan.join_expr), _OWN, wanted, None)
        if left:
            scan.join_expr.CopyFrom(_all_of(scan.join_expr, left))
        elif tree.enum(scan, "join_type") == "INNER":
            scan.ClearField("join_expr")


def _keep_columns(join: Node, scan: Node) -> None:
    """Let a join give what the filter above it gave."""
    columns = [*tree.get(scan, "column_list")]
    del join.parent.column_list[:]
    join.parent.column_list.extend(columns)


def _distribute(join: Node, conjuncts: Sequence[Node], sides: Any, wanted: Wanted, like: Node | None) -> list[Node]:
    """Put those of the conditions that are about one side over that side; those that are left."""
    left = []
    open_to = [side for side in sides.get(tree.enum(join, "join_type"), ()) if wanted(tree.node(getattr(join, side)))]
    for conjunct in map(copied, conjuncts):
        side = next((side for side in open_to if _is_about(conjunct, tree.node(getattr(join, side)))), None)
        if side is None:
            left.append(conjunct)
        else:
            _filter(getattr(join, side), conjunct)
    # A join other than an inner one has a condition.
    if like is None and not left and conjuncts and tree.enum(join, "join_type") != "INNER":
        return [copied(conjuncts[0])]
    return left


def _is_about(condition: Node, side: Node) -> bool:
    """Whether a condition is about rows of that side, and of nothing else."""
    numbers = {reference.column.column_id for reference in tree.walk(condition, ("ColumnRef",))}
    has = {column.column_id for column in tree.get(side, "column_list")}
    if not numbers or not numbers <= has or any(tree.walk(condition, ("SubqueryExpr", "WithExpr", "ExecuteAsRole"))):
        return False
    return all(tree.function_name(call) not in _FROM_ROW_TO_ROW for call in tree.walk(condition, tree.CALLS))


def _filter(holder: Node, condition: Node) -> None:
    """Put a filter over what is held."""
    rows = tree.node(holder)
    scan = type(holder)().resolved_filter_scan_node
    scan.parent.column_list.extend(tree.get(rows, "column_list"))
    hold(scan.input_scan, copied(rows))
    _put(scan.filter_expr, condition)
    hold(holder, copied(scan))


def _all_of(holder: Node, conditions: Sequence[Node]) -> Node:
    """The message that holds that all of these are true, made of one that held that of more."""
    new = copied(holder)
    if len(conditions) == 1:
        new.Clear()
        _put(new, conditions[0])
        return new
    both = tree.node(new)
    arguments = tree.get(both, "argument_list")
    kind = type(arguments[0])
    del arguments[:]
    for condition in conditions:
        argument = kind()
        _put(argument, condition)
        arguments.append(argument)
    signature = tree.get(both, "signature")
    if signature.argument:
        signature.argument[-1].num_occurrences = len(conditions) - (len(signature.argument) - 1)
    return new


def _put(holder: Node, expression: Node) -> None:
    """Put an expression into a message for any, in place of what it holds."""
    hold(holder, expression)
