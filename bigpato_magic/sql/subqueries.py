"""Subqueries inside expressions: scalar, ARRAY, EXISTS, IN."""

from __future__ import annotations

import re
from typing import Any

from bigpato_magic.googlesql import tree
from bigpato_magic.sql.compiler import Compiler, expression, is_nested
from bigpato_magic.sql.equality import in_array
from bigpato_magic.sql.expr import NOT_NULL, Expr, Facts
from bigpato_magic.sql.physical import duck_type, full
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.relation import Relation
from bigpato_magic.types import Kind, SqlType, array_of

Node = Any
# For DuckDB `error` is volatile, and so is what is made of it.
_VOLATILE = re.compile(r"\berror\(|\bbp_\w+\(")


@expression("SubqueryExpr")
def _subquery(c: Compiler, found: Node) -> Expr:
    if tree.has(found, "in_collation") and found.in_collation.collation_name:
        refuse("collation", code="unsupported")
    type_ = c.type_of(found)
    duck_type(type_)
    kind = tree.enum(found, "subquery_type")
    c.use(f"{kind} subquery")
    needle = c.expr(found.in_expr) if found.HasField("in_expr") else None
    outer = {alias for given in found.parameter_list for alias in c.columns[given.column.column_id].aliases}
    relation = c.scan(found.subquery)
    if kind == "EXISTS":
        # Without its aggregates a total, which is there also of no rows, would be a mere list of rows.
        columns = c.column_list(relation.columns) if relation.closed else "1"
        return Expr(f"EXISTS ({relation.select(columns, order=False)})", type_, NOT_NULL)
    column = tree.get(tree.node(found.subquery), "column_list")[0].column_id
    if kind == "SCALAR":
        return _scalar(c, relation, column, type_)
    if kind == "ARRAY":
        if found.parameter_list and not relation.order and any(tree.walk(found.subquery, ("SetOperationScan",))):
            # DuckDB makes one join of all rows' subqueries, and mixes what UNION had one after the other.
            refuse("an ARRAY of a set operation without ORDER BY, for each row")
        return _array(c, relation, column, type_, outer)
    if kind == "IN" and needle is not None:
        return _in(c, needle, relation, column, type_, outer)
    return refuse(f"a subquery of kind {kind}", code="no-node")


def _scalar(c: Compiler, relation: Relation, column: int, type_: SqlType) -> Expr:
    """DuckDB raises for more than one row, as BigQuery does."""
    value = c.columns[column]
    return Expr(f"({relation.select(full(value).sql, order=False)})", type_, Facts(nan=value.facts.nan))


def _array(c: Compiler, relation: Relation, column: int, type_: SqlType, outer: set[str]) -> Expr:
    # For DuckDB an aggregate, as `list` is, of nothing but outer columns belongs to the outer query.
    inside = outer.isdisjoint(c.columns[column].aliases)
    if relation.order and (not inside or relation.closed or relation.group or relation.limit):
        relation = ranked(c, relation, column)
    elif not relation.order and not (inside and relation.open):
        relation = c.wrap(relation, [column])
    order = f" ORDER BY {', '.join(relation.order)}" if relation.order else ""
    relation.order = []
    gathered = f"coalesce(list({full(c.columns[column]).sql}{order}), CAST([] AS {duck_type(type_)}))"
    return Expr(f"({relation.select(gathered)})", type_, NOT_NULL)


def ranked(c: Compiler, relation: Relation, column: int) -> Relation:
    """The relation in parentheses, ordered by its rows' rank in the order that it had inside."""
    alias, rank = c.fresh("t"), c.fresh("o")
    over = f"row_number() OVER (ORDER BY {', '.join(relation.order)}) AS {rank}"
    inner = relation.select(f"{c.column_list([column])}, {over}")
    c.rebind(column, f"{alias}.c{column}")
    return Relation(f"({inner}) AS {alias}", [column], order=[f"{alias}.{rank}"])


def _in(c: Compiler, needle: Expr, relation: Relation, column: int, type_: SqlType, outer: set[str]) -> Expr:
    value = c.columns[column]
    if needle.type.kind is Kind.STRUCT:
        array = _array(c, relation, column, array_of(value.type), outer)
        return Expr(in_array(needle, array.sql, value.type, c.fresh("x")), type_)
    if is_nested(needle.type) or needle.type.kind in (Kind.JSON, Kind.INTERVAL):
        refuse(f"IN over {needle.type.kind} values")
    if needle.type.kind is Kind.FLOAT64 and needle.facts.nan and value.facts.nan:
        # NaN equals nothing, and DuckDB's itself: those of the subquery cannot matter.
        relation = c.wrap(relation, [column])
        value = c.columns[column]
        relation.where.append(f"(isnan({value.sql}) IS NOT TRUE)")
    inside = relation.select(value.sql, order=False)
    volatile = outer and _VOLATILE.search(inside)
    found = _counted(c, needle, relation, column) if volatile else f"({needle.sql} IN ({inside}))"
    if needle.raises:
        # DuckDB does not look at it where the subquery is empty. A hash is never NULL, which DuckDB does not know.
        found = f"(CASE WHEN hash({needle.sql}) IS NULL THEN NULL ELSE {found} END)"
    return Expr(found, type_, raises=needle.raises)


def _counted(c: Compiler, needle: Expr, relation: Relation, column: int) -> str:
    """IN as an aggregate of comparisons.

    Where a subquery of a row is volatile, DuckDB's own IN takes a NULL among any row's values for one among this row's.
    """
    relation = c.wrap(relation, [column])
    equal = f"({needle.sql} = {c.columns[column].sql})"
    answer = f"CASE WHEN bool_or({equal}) THEN true WHEN count(*) > count({equal}) THEN NULL ELSE false END"
    return f"({relation.select(answer)})"
