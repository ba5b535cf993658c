"""Subqueries inside expressions: scalar, ARRAY, EXISTS, IN."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.sql.compiler import Compiler, Seen, expression, is_nested
from bigpato_magic.sql.equality import in_array
from bigpato_magic.sql.expr import NOT_NULL, Expr, Facts, assemble
from bigpato_magic.sql.physical import duck_type, full
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.relation import OrderItem, Relation, listed
from bigpato_magic.sql.templates import Properties
from bigpato_magic.types import Kind, SqlType, array_of

Node = Any


@expression("SubqueryExpr")
def _subquery(c: Compiler, node: Node) -> Expr:
    if tree.has(node, "in_collation") and node.in_collation.collation_name:
        refuse("collation", code="unsupported")
    duck_type(c.type_of(node))
    kind = tree.enum(node, "subquery_type")
    c.use(f"{kind} subquery")
    needle = c.expr(node.in_expr) if node.HasField("in_expr") else None
    given = (c.columns[parameter.column.column_id] for parameter in node.parameter_list)
    outer = {alias for e in given for alias in e.properties.aliases}
    around, c.seen = c.seen, Seen()
    drawing, drawn, c.draws = c.draws, c.drawn, False
    relation = c.scan(node.subquery)
    c.draws, c.drawn = drawing, drawn
    for given_back in tree.get(tree.node(node.subquery), "column_list"):
        c.seen.aliases |= c.columns[given_back.column_id].properties.aliases
    inner, c.seen = c.seen, around
    # What is no column's may be NULL for all that DuckDB knows, and there is nothing to join by.
    constant = needle is not None and (needle.folds_to_null or not needle.properties.aliases)
    if constant and needle is not None and (needle.folds_to_null or not needle.literal) and inner.can_throw and outer:
        # Of a comparison that is NULL it computes nothing.
        refuse("a constant IN a subquery of each row, which may raise")
    answer = _of_kind(c, node, relation, needle, outer, volatile=bool(outer) and inner.guarded)
    many = kind == "SCALAR" and not single(node.subquery)
    inside = inner.can_throw or many
    joins = kind == "EXISTS" or (kind == "IN" and not constant)
    properties = _properties(answer, inner, [needle] if needle else [], outer)
    return replace(
        answer,
        can_throw=inside or answer.can_throw,
        apart=inside and not answer.can_throw,
        joins=joins,
        properties=properties,
    )


def _properties(answer: Expr, inner: Seen, needles: list[Expr], outer: set[str]) -> Properties:
    beside = [answer.properties, *(needle.properties for needle in needles)]
    return Properties(
        aliases=frozenset().union(inner.aliases, outer, *(each.aliases for each in beside)),
        characters=len(answer.sql),
        guarded=inner.guarded or any(each.guarded for each in beside),
        subquery=True,
        moment=inner.moment or any(each.moment for each in beside),
    )


def single(scan: Node) -> bool:
    """Has it certainly one row at most?"""
    node = tree.node(scan)
    kind = tree.name(node)
    if kind == "AggregateScan":
        return not node.parent.group_by_list and not node.parent.grouping_set_list
    if kind == "LimitOffsetScan" and tree.name(tree.node(node.limit)) == "Literal":
        return int(tree.literal(tree.node(node.limit)) or 0) <= 1 or single(node.input_scan)
    if kind in ("ProjectScan", "FilterScan", "OrderByScan", "LimitOffsetScan", "AnalyticScan"):
        return not tree.has(node, "input_scan") or single(node.input_scan)
    return kind == "SingleRowScan"


def _of_kind(
    c: Compiler, node: Node, relation: Relation, needle: Expr | None, outer: set[str], *, volatile: bool
) -> Expr:
    kind, type_ = tree.enum(node, "subquery_type"), c.type_of(node)
    if kind == "EXISTS":
        # Without its aggregates a total, which is there also of no rows, would be a mere list of rows.
        columns = c.column_list(relation.columns) if relation.closed else "1"
        return Expr(f"EXISTS ({relation.select(columns, order=False)})", type_, NOT_NULL)
    column = tree.get(tree.node(node.subquery), "column_list")[0].column_id
    if kind == "SCALAR":
        return _scalar(c, relation, column, type_)
    if kind == "ARRAY":
        if node.parameter_list and not relation.order and any(tree.walk(node.subquery, ("SetOperationScan",))):
            # DuckDB makes one join of all rows' subqueries, and mixes what UNION had one after the other.
            refuse("an ARRAY of a set operation without ORDER BY, for each row")
        return _array(c, relation, column, type_, outer)
    if kind == "IN" and needle is not None:
        if needle.type.kind is Kind.STRUCT:
            return _in_structs(c, needle, relation, column, outer)
        return _in(c, needle, relation, column, type_, volatile=volatile)
    return refuse(f"a subquery of kind {kind}", code="no-node")


def _scalar(c: Compiler, relation: Relation, column: int, type_: SqlType) -> Expr:
    """DuckDB raises for more than one row, as BigQuery does."""
    value = c.columns[column]
    return Expr(f"({relation.select(full(value).sql, order=False)})", type_, Facts(nan=value.facts.nan))


def _array(c: Compiler, relation: Relation, column: int, type_: SqlType, outer: set[str]) -> Expr:
    # For DuckDB an aggregate, as `list` is, of nothing but outer columns belongs to the outer query.
    inside = outer.isdisjoint(c.columns[column].properties.aliases)
    if relation.order and (not inside or relation.closed or relation.group or relation.limit):
        relation = ranked(c, relation, column)
    elif not relation.order and not (inside and relation.open):
        relation = c.wrap(relation, [column])
    order = f" ORDER BY {listed(relation.order)}" if relation.order else ""
    relation.order = []
    gathered = f"coalesce(list({full(c.columns[column]).sql}{order}), CAST([] AS {duck_type(type_)}))"
    return Expr(f"({relation.select(gathered)})", type_, NOT_NULL)


def ranked(c: Compiler, relation: Relation, column: int) -> Relation:
    """The relation in parentheses, ordered by its rows' rank in the order that it had inside."""
    alias, rank = c.fresh("t"), c.fresh("o")
    over = f"row_number() OVER (ORDER BY {listed(relation.order)}) AS {rank}"
    inner = relation.select(f"{c.column_list([column])}, {over}")
    c.rebind(column, alias)
    return Relation(f"({inner}) AS {alias}", [column], order=[OrderItem(f"{alias}.{rank}", "")])


def _in_structs(c: Compiler, needle: Expr, relation: Relation, column: int, outer: set[str]) -> Expr:
    element = c.columns[column].type
    array = _array(c, relation, column, array_of(element), outer)
    item = c.fresh("x")

    def compare(parts: list[Expr]) -> Expr:
        answer = in_array(parts[0], parts[1].sql, element, item)
        if needle.can_throw:
            answer = looked_at(parts[0], answer)
        return Expr(answer, SqlType(Kind.BOOL), can_throw=needle.can_throw)

    return assemble([needle, array], compare)


def _in(c: Compiler, needle: Expr, relation: Relation, column: int, type_: SqlType, *, volatile: bool) -> Expr:
    value = c.columns[column]
    if is_nested(needle.type) or needle.type.kind in (Kind.JSON, Kind.INTERVAL, Kind.RANGE):
        refuse(f"IN over {needle.type.kind} values")
    if needle.type.kind is Kind.FLOAT64 and needle.facts.nan and value.facts.nan:
        # NaN equals nothing, and DuckDB's itself: those of the subquery cannot matter.
        relation = c.wrap(relation, [column])
        value = c.columns[column]
        relation.where.append(f"(isnan({value.sql}) IS NOT TRUE)")
    inside = relation.select(value.sql, order=False)
    answer = _counted(c, needle, relation, column) if volatile else f"({needle.sql} IN ({inside}))"
    if needle.can_throw:
        answer = looked_at(needle, answer)
    return Expr(answer, type_, can_throw=needle.can_throw)


def looked_at(needle: Expr, answer: str) -> str:
    """An IN whose left side is evaluated in every row: DuckDB does not look at it where the right one is empty.

    A hash is never NULL, which DuckDB does not know.
    """
    return f"(CASE WHEN hash({needle.sql}) IS NULL THEN NULL ELSE {answer} END)"


def _counted(c: Compiler, needle: Expr, relation: Relation, column: int) -> str:
    """IN as an aggregate of comparisons.

    Where a subquery of a row is volatile, DuckDB's own IN takes a NULL among any row's values for one among this row's.
    """
    relation = c.wrap(relation, [column])
    equal = f"({needle.sql} = {c.columns[column].sql})"
    answer = f"CASE WHEN bool_or({equal}) THEN true WHEN count(*) > count({equal}) THEN NULL ELSE false END"
    return f"({relation.select(answer)})"
