"""GROUP BY, grouping sets, and calls of aggregate functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bigpato_magic.googlesql import tree
from bigpato_magic.sql.compiler import Compiler, comparable, full_width, is_nested, no_collation, scan
from bigpato_magic.sql.expr import Expr, Facts, between
from bigpato_magic.sql.expressions import arguments, function_name
from bigpato_magic.sql.physical import duck_type, literal
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.relation import Relation
from bigpato_magic.sql.rules import AGGREGATES
from bigpato_magic.sql.rules.base import LETTERS, AggregateRule, Call, fill
from bigpato_magic.sql.scans import order_items
from bigpato_magic.types import Kind, SqlType

Node = Any
BYTES = SqlType(Kind.BYTES)
INT64 = SqlType(Kind.INT64)


@scan("AggregateScan")
def _aggregate(c: Compiler, found: Node) -> Relation:
    base = found.parent
    no_collation(base)
    relation = c.opened(c.scan(base.input_scan))
    relation, keys = _keys(c, relation, base.group_by_list)
    results = [result for item in base.aggregate_list for result in _result(c, tree.node(item))]
    results += [_grouping(call, keys) for call in base.grouping_call_list]
    c.columns.update(keys)
    c.columns.update(results)
    relation.group = _group_by(base, keys)
    relation.closed = True
    if not keys and not results:
        refuse("an aggregation without columns", code="no-node")
    return c.keep(relation, found)


def _keys(c: Compiler, relation: Relation, items: Iterable[Node]) -> tuple[Relation, dict[int, Expr]]:
    """The grouping columns as plain columns; computed ones are computed below the GROUP BY."""
    keys = {item.column.column_id: c.expr(item.expr) for item in items}
    if any(not key.plain for key in keys.values()):
        c.columns.update(keys)
        relation = c.wrap(relation, [*relation.columns, *keys])
        keys = {i: c.columns[i] for i in keys}
    for key in keys.values():
        comparable(key.type, "GROUP BY")
        if is_nested(key.type):
            # The order of rows that a later ORDER BY leaves open follows the groups, and differs too visibly here.
            refuse(f"GROUP BY over {key.type} values", code="type")
    return relation, keys


def _result(c: Compiler, item: Node) -> list[tuple[int, Expr]]:
    """An aggregate's column, and the one for its error where it has one: never set here, because DuckDB raises."""
    kind, column = tree.name(item), tree.get(item, "column")
    results = [(column.column_id, aggregate(c, tree.node(tree.get(item, "expr")), c.type_of(column)))]
    if kind == "DeferredComputedColumn":
        results.append((item.side_effect_column.column_id, literal(None, BYTES)))
    elif kind != "ComputedColumn":
        refuse(f"an aggregate as {kind}", code="no-node")
    return results


def _grouping(call: Node, keys: dict[int, Expr]) -> tuple[int, Expr]:
    key = keys[call.group_by_column.column.column_id]
    return call.output_column.column_id, Expr(f"CAST(grouping({key.sql}) AS BIGINT)", INT64, between(0, 1))


def _group_by(base: Node, keys: dict[int, Expr]) -> str:
    if not base.grouping_set_list:
        return ", ".join(key.sql for key in keys.values())
    return f"GROUPING SETS ({', '.join(_grouping_set(tree.node(item), keys) for item in base.grouping_set_list)})"


def _grouping_set(found: Node, keys: dict[int, Expr]) -> str:
    def texts(columns: Iterable[Node]) -> str:
        return f"({', '.join(keys[ref.column.column_id].sql for ref in columns)})"

    kind = tree.name(found)
    if kind == "GroupingSet":
        return texts(found.group_by_column_list)
    if kind in ("Rollup", "Cube"):
        lists = found.rollup_column_list if kind == "Rollup" else found.cube_column_list
        return f"{kind.upper()}({', '.join(texts(each.column_list) for each in lists)})"
    return refuse(f"GROUP BY {kind}", code="no-node")


# ------------------------------------------------------------------------------------------- calls


@dataclass(slots=True)
class Clauses:
    """What stands in and after an aggregate's parentheses.

    Args:
        distinct: `DISTINCT ` or nothing.
        order: ` ORDER BY …`, inside the parentheses.
        nulls: ` IGNORE NULLS`.
        filter: ` FILTER (WHERE …)`.
        over: ` OVER (…)`.
    """

    distinct: str = ""
    order: str = ""
    nulls: str = ""
    filter: str = ""
    over: str = ""


def find_rule(name: str, args: list[Expr]) -> AggregateRule:
    """The rule of an aggregate or window function.

    Raises:
        Refusal: there is none.
    """
    rule = AGGREGATES.find(name, [arg.key for arg in args])
    label = name.lstrip("$").upper()
    if not isinstance(rule, AggregateRule) or rule.template is None:
        refuse((isinstance(rule, AggregateRule) and rule.why) or f"{label}({', '.join(arg.key for arg in args)})")
    return rule


def aggregate(c: Compiler, found: Node, type_: SqlType) -> Expr:
    """One call of an aggregate function in a GROUP BY."""
    duck_type(type_)
    name, args = function_name(found), arguments(c, found)
    _no_modifiers(found)
    rule = find_rule(name, args)
    if not rule.aggregate:
        refuse(f"{name.upper()} without OVER")
    clauses = Clauses(
        distinct=distinct(rule, found, args), order=_order(c, found), filter=ignore_nulls(rule, found, args)
    )
    e = written(c, rule, Call(name, args, type_, c), clauses)
    if found.HasField("limit"):
        limit = c.expr(found.limit)
        if name != "array_agg" or not limit.literal:
            refuse(f"LIMIT in {name.upper()}")
        return e.text(f"({e.sql})[1:{limit.value}]")
    return e


def _no_modifiers(found: Node) -> None:
    if tree.enum(found, "error_mode") == "SAFE_ERROR_MODE":
        refuse("SAFE. with an aggregate function")
    if found.HasField("having_modifier") or found.HasField("having_expr"):
        refuse("HAVING inside an aggregate function")
    if tree.has(found, "where_expr") or found.group_by_list:
        refuse("WHERE or GROUP BY inside an aggregate function")


def distinct(rule: AggregateRule, found: Node, args: list[Expr]) -> str:
    """`DISTINCT `, where it is asked for and matters."""
    if not tree.get(found, "distinct") or rule.distinct == "ignored":
        return ""
    label = f"{rule.name.lstrip('$').upper()}(DISTINCT …)"
    if not rule.distinct:
        refuse(label)
    comparable(args[0].type, label)
    return "DISTINCT "


def ignore_nulls(rule: AggregateRule, found: Node, args: list[Expr]) -> str:
    """IGNORE NULLS of an aggregate is a FILTER."""
    if tree.enum(found, "null_handling_modifier") != "IGNORE_NULLS":
        return ""
    if rule.name != "array_agg":
        refuse(f"IGNORE NULLS in {rule.name.upper()}")
    return f" FILTER (WHERE {args[0].sql} IS NOT NULL)"


def _order(c: Compiler, found: Node) -> str:
    items = order_items(c, found.order_by_item_list)
    if items and tree.get(found, "distinct"):
        refuse("DISTINCT with ORDER BY inside an aggregate function")
    return f" ORDER BY {', '.join(items)}" if items else ""


def written(c: Compiler, rule: AggregateRule, call: Call, clauses: Clauses) -> Expr:
    """The DuckDB text of an aggregate or window function."""
    c.use(rule.id)
    if not rule.narrow:
        call.args = full_width(call.args)
    made = rule.template(call) if callable(rule.template) else rule.template or ""
    template = made.sql if isinstance(made, Expr) else made
    values = {letter: arg.sql for letter, arg in zip(LETTERS, call.args, strict=False)}
    values |= {"distinct": clauses.distinct, "order": clauses.order, "nulls": clauses.nulls}
    values["tail"] = clauses.filter + clauses.over
    text = fill(template, values)
    if isinstance(made, Expr):
        return Expr(text, made.type, made.facts)
    return Expr(text, call.type, rule.facts if isinstance(rule.facts, Facts) else rule.facts(call))
