"""Window functions: OVER with its partitions, order and frame."""

from __future__ import annotations

from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.support import has_varying_default
from bigpato_magic.sql.aggregates import Clauses, distinct, find_rule, respects_nulls, row_filter, written
from bigpato_magic.sql.compiler import Compiler, comparable, no_collation, scan
from bigpato_magic.sql.expr import Expr
from bigpato_magic.sql.expressions import arguments, function_name
from bigpato_magic.sql.frames import BOUNDS, constant_offset, distance
from bigpato_magic.sql.physical import duck_type
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.relation import Relation, listed
from bigpato_magic.sql.rules.base import AggregateRule, Call
from bigpato_magic.sql.scans import order_items
from bigpato_magic.sql.staged import PostAggregate, finished, place
from bigpato_magic.types import SqlType

Node = Any


@scan("AnalyticScan")
def _analytic(c: Compiler, node: Node) -> Relation:
    relation = c.opened(c.scan(node.input_scan))
    results: list[tuple[int, Expr | PostAggregate]] = []
    for group in node.function_group_list:
        results += _group(c, group)
    pending = place(c, results)
    relation.closed = True
    return finished(c, c.keep(relation, node), pending)


def _group(c: Compiler, group: Node) -> list[tuple[int, Expr | PostAggregate]]:
    no_collation(group.partition_by)
    partition = [c.columns[key.column.column_id] for key in group.partition_by.partition_by_list]
    for key in partition:
        comparable(key.type, "PARTITION BY")
    items = list(group.order_by.order_by_item_list) if group.HasField("order_by") else []
    results: list[tuple[int, Expr | PostAggregate]] = []
    for item in map(tree.node, group.analytic_function_list):
        if tree.name(item) != "ComputedColumn":
            refuse(f"a window function as {tree.name(item)}", code="no-node")
        results.append(
            (item.column.column_id, _call(c, tree.node(item.expr), partition, items, c.type_of(item.column)))
        )
    return results


def _call(c: Compiler, node: Node, partition: list[Expr], items: list[Node], type_: SqlType) -> Expr | PostAggregate:
    duck_type(type_)
    name, args = function_name(node), arguments(c, node)
    if tree.enum(node, "error_mode") == "SAFE_ERROR_MODE" or tree.has(node, "where_expr"):
        refuse("SAFE. or WHERE with a window function")
    rule = find_rule(name, args)
    if not rule.window:
        refuse(f"{name.upper()} with OVER")
    if name in ("lead", "lag") and len(args) == 3:
        _check_default(c, node, args[2])
    clauses = Clauses(over=_over(c, node, rule, partition, items), distinct=distinct(rule, node, args))
    if clauses.distinct and items:
        refuse("DISTINCT with ORDER BY in a window")
    if rule.aggregate:
        clauses.filter = row_filter(rule, node, args)
    elif tree.enum(node, "null_handling_modifier") == "IGNORE_NULLS":
        clauses.nulls = " IGNORE NULLS"
    call = Call(name, args, type_, c, over=True, respects_nulls=respects_nulls(node))
    return written(c, rule, call, clauses)


def _check_default(c: Compiler, node: Node, default: Expr) -> None:
    """Refuse a default that is not one value for all rows; one that may raise is evaluated before the query."""
    if has_varying_default(node) or (default.can_throw and not default.constant):
        refuse(f"{function_name(node).upper()} whose default is not a constant")
    if default.can_throw:
        c.constants[default.sql] = None


def _over(c: Compiler, node: Node, rule: AggregateRule, partition: list[Expr], items: list[Node]) -> str:
    keys, order, frame = [key.sql for key in partition], listed(order_items(c, items)), ""
    if rule.framed and node.HasField("window_frame"):
        bounds = [node.window_frame.start_expr, node.window_frame.end_expr]
        if tree.enum(node.window_frame, "frame_unit") == "RANGE" and any(b.HasField("expression") for b in bounds):
            near = distance(c, items, bounds)
            keys, order, frame = keys + near.partition, str(near.order), near.frame
        else:
            frame = _frame(c, node.window_frame)
    parts = [f"PARTITION BY {', '.join(keys)}"] if keys else []
    parts += [f"ORDER BY {order}"] if order else []
    parts += [frame] if frame else []
    return f" OVER ({' '.join(parts)})"


def _frame(c: Compiler, frame: Node) -> str:
    bounds = (_bound(c, bound) for bound in (frame.start_expr, frame.end_expr))
    return f"{tree.enum(frame, 'frame_unit')} BETWEEN {' AND '.join(bounds)}"


def _bound(c: Compiler, bound: Node) -> str:
    kind = tree.enum(bound, "boundary_type")
    if kind in BOUNDS:
        return BOUNDS[kind]
    return f"{constant_offset(c, bound).sql} {kind.removeprefix('OFFSET_')}"
