"""GROUP BY, grouping sets, and calls of aggregate functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.sql.compiler import Compiler, comparable, full_width, maybe_null, no_collation, scan
from bigpato_magic.sql.expr import Expr, Facts, Marks, between
from bigpato_magic.sql.expressions import arguments, function_name
from bigpato_magic.sql.physical import duck_type, literal
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.relation import Relation, listed
from bigpato_magic.sql.rules import AGGREGATES, ESTIMATES
from bigpato_magic.sql.rules.aggregates import COUNT
from bigpato_magic.sql.rules.base import LETTERS, AggregateRule, Call, route
from bigpato_magic.sql.rules.estimates import NAMES as ESTIMATED
from bigpato_magic.sql.rules.numbers import fits
from bigpato_magic.sql.rules.operators import ORDERED
from bigpato_magic.sql.scans import order_items
from bigpato_magic.sql.staged import PostAggregate, finished, place
from bigpato_magic.sql.templates import fill, mark
from bigpato_magic.types import Kind, SqlType

Node = Any
BYTES = SqlType(Kind.BYTES)
INT64 = SqlType(Kind.INT64)
# SQL's standard has a total of no rows, Google's reference implementation has none, and no manual says.
NO_ROWS = route("a total of no rows")
# What raises nothing itself.
CALM = frozenset(
    """
    $count_star any_value array_agg bit_and bit_or bit_xor count countif cume_dist dense_rank first_value last_value
    logical_and logical_or max min percent_rank rank row_number
    """.split()  # noqa: SIM905 - a list of words is read as one
)
# What raises only where its result does not fit, or may not be exact.
BOUNDED = ("sum", "avg")
# What may say IGNORE NULLS; other aggregates ignore them anyway, or must not.
IGNORING = ("approx_quantiles", "array_agg", "percentile_cont", "percentile_disc")


@scan("AggregateScan")
def _aggregate(c: Compiler, node: Node) -> Relation:
    outer = _outer(c, node.parent)
    try:
        return _aggregated(c, node, list(outer))
    finally:
        c.columns.update(outer)


def _outer(c: Compiler, base: Node) -> dict[int, Expr]:
    """Columns of queries around this one that its keys and aggregates mention; its own are not compiled yet."""
    if not c.columns:
        return {}
    nodes = (*base.group_by_list, *base.aggregate_list)
    mentioned = {ref.column.column_id for node in nodes for ref in tree.walk(node, ("ColumnRef",))}
    return {i: c.columns[i] for i in sorted(mentioned & c.columns.keys()) if not c.columns[i].literal}


def _aggregated(c: Compiler, node: Node, outer: list[int]) -> Relation:
    base = node.parent
    no_collation(base)
    relation = c.opened(c.scan(base.input_scan))
    if outer:
        # For DuckDB an aggregate of nothing but outer columns belongs to the outer query.
        relation = c.wrap(relation, [*relation.columns, *outer])
    relation, keys = _keys(c, relation, base.group_by_list)
    items = [tree.node(item) for item in base.aggregate_list]
    relation, keys, extremes = _extremes(c, relation, keys, items, totals=bool(base.grouping_set_list))
    results = [result for item in items for result in _result(c, item, extremes)]
    results += [_grouping(call, keys) for call in base.grouping_call_list]
    # Where rows are grouped without a key, it is NULL.
    c.columns.update((i, maybe_null(key) if base.grouping_set_list else key) for i, key in keys.items())
    pending = place(c, results)
    # Without keys and aggregates, too, all rows are one group.
    relation.group = _group_by(c, base, keys) if keys or results else "()"
    relation.closed = True
    relation.keys = [] if base.grouping_set_list else list(keys)
    return finished(c, c.keep(relation, node), pending)


def _keys(c: Compiler, relation: Relation, items: Iterable[Node]) -> tuple[Relation, dict[int, Expr]]:
    """The grouping columns as plain columns; computed ones are computed below the GROUP BY."""
    keys = {item.column.column_id: c.expr(item.expr) for item in items}
    if any(not key.plain for key in keys.values()):
        c.columns.update(keys)
        relation = c.wrap(relation, [*relation.columns, *keys])
        keys = {i: c.columns[i] for i in keys}
    for key in keys.values():
        comparable(key.type, "GROUP BY")
    return relation, keys


def _extremes(
    c: Compiler, relation: Relation, keys: dict[int, Expr], items: list[Node], *, totals: bool
) -> tuple[Relation, dict[int, Expr], dict[int, int]]:
    """For each `f(x HAVING MAX y)` a column below the GROUP BY that says whether `y` is its group's largest.

    Returns:
        the relation and its keys, and the columns by the aggregates' own columns.
    """
    flags: dict[int, int] = {}
    for item in items:
        call = tree.node(tree.get(item, "expr"))
        if call.HasField("having_modifier"):
            if totals:
                refuse("HAVING inside an aggregate function with ROLLUP, CUBE or GROUPING SETS")
            flag = c.own_column()
            c.columns[flag] = _is_extreme(c, call.having_modifier, keys)
            flags[tree.get(item, "column").column_id] = flag
    if not flags:
        return relation, keys, {}
    c.columns.update(keys)
    relation = c.wrap(relation, [*relation.columns, *keys, *flags.values()])
    return relation, {i: c.columns[i] for i in keys}, flags


def _is_extreme(c: Compiler, modifier: Node, keys: dict[int, Expr]) -> Expr:
    """True where the value is the largest or smallest of the group; NULL and NaN never are, and a NaN is both."""
    e = c.expr(modifier.having_expr)
    if e.key not in (*ORDERED, "FLOAT64"):
        refuse(f"HAVING inside an aggregate function over {e.type} values", code="type")
    over = f"OVER (PARTITION BY {', '.join(key.sql for key in keys.values())})" if keys else "OVER ()"
    text = f"({e.sql} = {tree.enum(modifier, 'kind').lower()}({e.sql}) {over})"
    if e.facts.nan and e.type.kind is Kind.FLOAT64:
        text = f"({text} AND NOT coalesce(bool_or(isnan({e.sql})) {over}, false))"
    return Expr(text, SqlType(Kind.BOOL))


def _result(c: Compiler, item: Node, extremes: dict[int, int]) -> list[tuple[int, Expr | PostAggregate]]:
    """An aggregate's column, and the one for its error where it has one: never set here, because DuckDB raises."""
    kind, column = tree.name(item), tree.get(item, "column")
    flag = extremes.get(column.column_id)
    only = c.columns[flag].sql if flag is not None else ""
    results: list[tuple[int, Expr | PostAggregate]] = []
    results.append((column.column_id, aggregate(c, tree.node(tree.get(item, "expr")), c.type_of(column), only)))
    if kind == "DeferredComputedColumn":
        results.append((item.side_effect_column.column_id, literal(None, BYTES)))
    elif kind != "ComputedColumn":
        refuse(f"an aggregate as {kind}", code="no-node")
    return results


def _grouping(call: Node, keys: dict[int, Expr]) -> tuple[int, Expr]:
    key = keys[call.group_by_column.column.column_id]
    return call.output_column.column_id, Expr(f"CAST(grouping({key.sql}) AS BIGINT)", INT64, between(0, 1))


def _group_by(c: Compiler, base: Node, keys: dict[int, Expr]) -> str:
    if not base.grouping_set_list:
        return ", ".join(key.sql for key in keys.values())
    sets = ", ".join(_grouping_set(tree.node(item), keys) for item in base.grouping_set_list)
    c.seen.guarded = True
    return f"GROUPING SETS ({sets}) HAVING CASE WHEN count(*) = 0 THEN {NO_ROWS} ELSE true END"


def _grouping_set(node: Node, keys: dict[int, Expr]) -> str:
    def texts(columns: Iterable[Node]) -> str:
        return f"({', '.join(keys[ref.column.column_id].sql for ref in columns)})"

    kind = tree.name(node)
    if kind == "GroupingSet":
        return texts(node.group_by_column_list)
    if kind in ("Rollup", "Cube"):
        lists = node.rollup_column_list if kind == "Rollup" else node.cube_column_list
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
        limit: `[1:n]`, what is kept of a list.
    """

    distinct: str = ""
    order: str = ""
    nulls: str = ""
    filter: str = ""
    over: str = ""
    limit: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """In the order of `CLAUSES`."""
        return self.distinct, self.order, self.nulls, self.filter + self.over, self.limit


CLAUSES = {
    name: mark(len(LETTERS) + place) for place, name in enumerate(("distinct", "order", "nulls", "tail", "limit"))
}
"""Marks for clauses, by the names of their places in a template."""


def find_rule(name: str, args: list[Expr]) -> AggregateRule:
    """The rule of an aggregate or window function.

    Raises:
        Unsupported: there is none.
    """
    rule = AGGREGATES.find(name, [arg.key for arg in args])
    label = name.lstrip("$").upper()
    if not isinstance(rule, AggregateRule) or rule.template is None:
        refuse((isinstance(rule, AggregateRule) and rule.why) or f"{label}({', '.join(arg.key for arg in args)})")
    return rule


def _estimate(c: Compiler, name: str, args: list[Expr]) -> AggregateRule | None:
    """The rule for the exact figure in place of BigQuery's estimate, for who asks for it."""
    if name not in ESTIMATED:
        return None
    if not c.exact:
        refuse(f"{name.upper()}, an estimate of BigQuery's own (--approximate exact has the exact figure here)")
    rule = ESTIMATES.find(name, [arg.key for arg in args])
    return rule if isinstance(rule, AggregateRule) else None


def aggregate(c: Compiler, node: Node, type_: SqlType, only: str = "") -> Expr | PostAggregate:
    """One call of an aggregate function in a GROUP BY; `only` is a condition that its rows must pass."""
    duck_type(type_)
    name, args = function_name(node), arguments(c, node)
    _no_modifiers(node)
    rule = _estimate(c, name, args) or find_rule(name, args)
    if not rule.aggregate:
        refuse(f"{name.upper()} without OVER")
    clauses = Clauses(
        distinct=distinct(rule, node, args),
        order=_order(c, node),
        filter=row_filter(rule, node, args, only),
        limit=_limit(c, rule, node),
    )
    return written(c, rule, Call(name, args, type_, c, respects_nulls=respects_nulls(node)), clauses)


def respects_nulls(node: Node) -> bool:
    """Does the query ask for RESPECT NULLS?"""
    return tree.enum(node, "null_handling_modifier") == "RESPECT_NULLS"


def _no_modifiers(node: Node) -> None:
    if tree.enum(node, "error_mode") == "SAFE_ERROR_MODE":
        refuse("SAFE. with an aggregate function")
    if tree.has(node, "where_expr") or node.HasField("having_expr") or node.group_by_list:
        refuse("WHERE or GROUP BY inside an aggregate function")


def distinct(rule: AggregateRule, node: Node, args: list[Expr]) -> str:
    """`DISTINCT `, where it is asked for and matters."""
    if not tree.get(node, "distinct") or rule.distinct == "ignored":
        return ""
    label = f"{rule.name.lstrip('$').upper()}(DISTINCT …)"
    if not rule.distinct:
        refuse(label)
    comparable(args[0].type, label)
    return "DISTINCT "


def row_filter(rule: AggregateRule, node: Node, args: list[Expr], only: str = "") -> str:
    """` FILTER (WHERE …)` for what an aggregate leaves out: IGNORE NULLS, HAVING MAX."""
    conditions = [only] if only else []
    if tree.enum(node, "null_handling_modifier") == "IGNORE_NULLS":
        if rule.name not in IGNORING:
            refuse(f"IGNORE NULLS in {rule.name.upper()}")
        conditions.append(f"{args[0].sql} IS NOT NULL")
    elif rule.skips_nulls:
        conditions.append(f"{args[0].sql} IS NOT NULL")
    return f" FILTER (WHERE {' AND '.join(conditions)})" if conditions else ""


def _order(c: Compiler, node: Node) -> str:
    items = order_items(c, node.order_by_item_list)
    if len(items) > len(node.order_by_item_list) and tree.get(node, "distinct"):
        # DuckDB orders distinct values by themselves only, and NaN needs a second key.
        refuse("DISTINCT with ORDER BY over FLOAT64 that may be NaN")
    return f" ORDER BY {listed(items)}" if items else ""


def _limit(c: Compiler, rule: AggregateRule, node: Node) -> str:
    if not node.HasField("limit"):
        return ""
    limit = c.expr(node.limit)
    if rule.limited is None or not limit.literal or limit.value is None:
        refuse(f"LIMIT in {rule.name.upper()}")
    return f"[1:{limit.value}]"


def written(c: Compiler, rule: AggregateRule, call: Call, clauses: Clauses) -> Expr | PostAggregate:
    """The DuckDB text of an aggregate or window function."""
    c.use(rule.id)
    c.seen.can_throw |= call.over and rule.framed  # a RANGE adds and subtracts
    if not rule.narrow:
        call.args = full_width(call.args)
    marks = Marks()
    call = replace(call, args=[marks.marked(arg) for arg in call.args])
    chosen = rule.limited if clauses.limit else rule.template
    answer = chosen(call) if callable(chosen) else chosen or ""
    values = {letter: arg.sql for letter, arg in zip(LETTERS, call.args, strict=False)}
    values |= CLAUSES
    for clause, text in zip(CLAUSES.values(), clauses.texts, strict=True):
        marks.put(clause, text)

    def filled(part: Expr) -> Expr:
        return _characterized(c, rule, call, marks.filled(part.text(fill(part.sql, values))))

    if isinstance(answer, PostAggregate):
        return replace(answer, parts=tuple(map(filled, answer.parts)))
    if isinstance(answer, Expr):
        return filled(answer)
    return filled(Expr(answer, call.type, rule.facts if isinstance(rule.facts, Facts) else rule.facts(call)))


def _characterized(c: Compiler, rule: AggregateRule, call: Call, answer: Expr) -> Expr:
    calm = rule.name in CALM or answer.facts == COUNT or (rule.name in BOUNDED and fits(answer))
    can_throw = not calm or any(arg.can_throw for arg in call.args)
    return c.watched(replace(answer, can_throw=can_throw, apart=can_throw))
