"""Scans of the resolved tree: tables, projections, filters, joins, UNNEST, ORDER BY, LIMIT."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.sql.compiler import Compiler, maybe_null, no_collation, scan
from bigpato_magic.sql.draws import drawn_below
from bigpato_magic.sql.equality import fields
from bigpato_magic.sql.expr import Expr, between
from bigpato_magic.sql.expr import column as column_of
from bigpato_magic.sql.physical import duck_type, identifier, stored
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.relation import OrderItem, Relation, listed
from bigpato_magic.types import Kind, TableId

Node = Any
UNORDERED = (Kind.ARRAY, Kind.STRUCT, Kind.JSON, Kind.RANGE, Kind.GEOGRAPHY)


@scan("SingleRowScan")
def _single_row(_c: Compiler, _node: Node) -> Relation:
    return Relation()


@scan("TableScan")
def _table(c: Compiler, node: Node) -> Relation:
    if tree.has(node, "for_system_time_expr") or tree.has(node, "lock_mode"):
        refuse("FOR SYSTEM_TIME AS OF", code="unsupported")
    id_ = TableId.parse(node.table.full_name)
    table = c.tables.get(id_)
    if table is None:
        refuse(f"the table {node.table.full_name}, of which there is no copy", code="not-local")
    alias = c.fresh("t")
    names = c.names_of(id_)
    relation = Relation(f"{table.relation} AS {alias}")
    c.seen.guarded |= table.guarded
    for column in tree.get(node, "column_list"):
        key = column.name.lower()
        if key not in names:
            refuse(f"the column {column.name}, which the copy of {node.table.full_name} has not", code="not-local")
        type_ = c.type_of(column)
        duck_type(type_)
        # A copy holds the fields of a STRUCT by position, as expressions do.
        facts = stored(table.stats.get(key), type_)
        c.columns[column.column_id] = column_of(f"{alias}.{identifier(names[key])}", alias, type_, facts)
        relation.columns.append(column.column_id)
    return relation


@scan("ProjectScan")
def _project(c: Compiler, node: Node) -> Relation:
    relation = c.scan(node.input_scan)
    if node.expr_list:
        relation = drawn_below(c, relation, [item.expr for item in node.expr_list])
        if relation.group or relation.closed or not c.simple(relation):
            relation = _wrap_ordered(c, relation)
        new = [(item.column.column_id, c.expr(item.expr)) for item in node.expr_list]
        c.columns.update(new)
    return c.keep(relation, node)


def _wrap_ordered(c: Compiler, relation: Relation) -> Relation:
    """Wrap, and keep an ORDER BY that has no LIMIT, because it orders the result."""
    if not relation.order:
        return c.wrap(relation)
    rank = c.fresh("o")
    kept = list(dict.fromkeys([*relation.columns, *relation.hidden]))
    alias = c.fresh("t")
    ranked = f"{c.column_list(kept)}, row_number() OVER (ORDER BY {listed(relation.order)}) AS {rank}"
    inner = relation.select(ranked)
    for i in kept:
        c.rebind(i, alias)
    return Relation(f"({inner}) AS {alias}", kept, order=[OrderItem(f"{alias}.{rank}", "")], hidden=relation.hidden)


@scan("FilterScan")
def _filter(c: Compiler, node: Node) -> Relation:
    relation = drawn_below(c, c.opened(c.scan(node.input_scan)), [node.filter_expr])
    relation.where.append(c.filter(node.filter_expr))
    return c.keep(relation, node)


# --------------------------------------------------------------------------------------------- joins


def join_side(c: Compiler, relation: Relation, *, preserved: bool) -> Relation:
    """A relation as one side of a join: flat if it can be, so that DuckDB's optimizer sees all joins at once.

    Args:
        c: the compiler.
        relation: the side.
        preserved: all its rows are in the result, so its WHERE may come after the join, and literals stay literals.
    """
    flat = relation.source is not None and relation.open and (preserved or not relation.where)
    plain = all(c.columns[i].plain or (preserved and c.columns[i].literal) for i in relation.columns)
    return relation if flat and plain else c.wrap(relation)


@scan("JoinScan")
def _join(c: Compiler, node: Node) -> Relation:
    if node.is_lateral or node.parameter_list:
        refuse("a lateral join", code="no-node")
    kind = tree.enum(node, "join_type")
    left = join_side(c, c.scan(node.left_scan), preserved=kind in ("INNER", "LEFT"))
    right = join_side(c, c.scan(node.right_scan), preserved=kind in ("INNER", "RIGHT"))
    on = c.filter(node.join_expr) if node.HasField("join_expr") else None
    _may_miss(c, kind, left, right)
    right_text = f"({right.source})" if right.joined else right.source
    if kind == "INNER" and on is None:
        source = f"{left.source} CROSS JOIN {right_text}"
    else:
        source = f"{left.source} {kind} JOIN {right_text} ON {on or 'true'}"
    joined = Relation(source, left.columns + right.columns, left.where + right.where, joined=True)
    joined.hidden = left.hidden + right.hidden
    return c.keep(joined, node)


def _may_miss(c: Compiler, kind: str, left: Relation, right: Relation) -> None:
    for side, missing in ((left, ("RIGHT", "FULL")), (right, ("LEFT", "FULL"))):
        if kind in missing:
            c.columns.update((i, maybe_null(c.columns[i])) for i in side.columns)


@scan("ArrayScan")
def _array(c: Compiler, node: Node) -> Relation:
    """UNNEST, alone or joined to what is on its left."""
    if len(node.array_expr_list) != 1 or node.HasField("array_zip_mode"):
        refuse("UNNEST of several arrays", code="no-node")
    left = c.scan(node.input_scan) if node.HasField("input_scan") else Relation()
    if left.source is not None or left.columns or left.ctes:
        left = join_side(c, left, preserved=True)
    if node.is_outer and (left.where or left.source is None):
        left = c.wrap(left)
    unnested, columns = _unnest(c, node)
    on = c.filter(node.join_expr) if node.HasField("join_expr") else None
    relation = Relation(
        unnested, left.columns + columns, left.where, joined=left.source is not None, hidden=left.hidden
    )
    if node.is_outer:
        relation.source = f"{left.source} LEFT JOIN LATERAL {unnested} ON {on or 'true'}"
        return c.keep(relation, node)
    if left.source is not None:
        relation.source = f"{left.source} CROSS JOIN LATERAL {unnested}"
    if on:
        relation.where.append(on)
    return c.keep(relation, node)


def _unnest(c: Compiler, node: Node) -> tuple[str, list[int]]:
    array = c.expr(node.array_expr_list[0]).sql
    alias, element = c.fresh("t"), node.element_column_list[0]
    columns = [f"unnest({array}) AS c{element.column_id}"]
    ids = [element.column_id]
    type_ = c.type_of(element)
    duck_type(type_)
    c.columns[element.column_id] = column_of(f"{alias}.c{element.column_id}", alias, type_)
    if node.HasField("array_offset_column"):
        offset = node.array_offset_column.column
        columns.append(f"unnest(range(CAST(len({array}) AS BIGINT))) AS c{offset.column_id}")
        facts = replace(between(0, 2**63 - 1), nulls=bool(node.is_outer))
        c.columns[offset.column_id] = column_of(f"{alias}.c{offset.column_id}", alias, c.type_of(offset), facts)
        ids.append(offset.column_id)
    return f"(SELECT {', '.join(columns)}) AS {alias}", ids


# ------------------------------------------------------------------------------------ order and limit


def order_items(c: Compiler, items: Any) -> list[OrderItem]:
    """ORDER BY items. GoogleSQL puts NULL first where ascending, and NaN before all numbers."""
    ordered = []
    for item in items:
        no_collation(item, ("collation",))
        if item.HasField("collation_name"):
            refuse("collation", code="unsupported")
        e = c.columns[item.column_ref.column.column_id]
        c.seen.aliases |= e.properties.aliases
        ordered += _order_item(e, item)
    return ordered


def _order_item(e: Expr, item: Node) -> list[OrderItem]:
    if e.type.kind in UNORDERED:
        refuse(f"ORDER BY {e.type.kind}", code="type")
    if e.literal:
        return []
    if e.type.kind is Kind.FLOAT64 and e.facts.nan:
        is_null = OrderItem(f"({e.sql} IS NULL)", "DESC" if _nulls_first(item) else "ASC")
        is_nan = OrderItem(f"isnan({e.sql})", "ASC" if item.is_descending else "DESC")
        return [is_null, is_nan, order_item(e, item)]
    return [order_item(e, item)]


def order_item(e: Expr, item: Node) -> OrderItem:
    """An ORDER BY item, NaN as DuckDB has it."""
    way, nulls = "DESC" if item.is_descending else "ASC", "FIRST" if _nulls_first(item) else "LAST"
    return OrderItem(e.sql, f"{way} NULLS {nulls}")


def _nulls_first(item: Node) -> bool:
    order = tree.enum(item, "null_order")
    return order == "NULLS_FIRST" or (order == "ORDER_UNSPECIFIED" and not item.is_descending)


@scan("OrderByScan")
def _order_by(c: Compiler, node: Node) -> Relation:
    relation = c.scan(node.input_scan)
    if relation.order or relation.limit or relation.ctes:
        relation = c.wrap(relation)
    relation.order = order_items(c, node.order_by_item_list)
    if relation.order:
        # Groups that the order leaves open come by their keys: the same way each time.
        relation.order += [item for i in relation.keys for item in _ties(c.columns[i]) if item not in relation.order]
    return c.keep(relation, node)


def _ties(e: Expr) -> list[OrderItem]:
    if e.type.kind is Kind.STRUCT:
        return [item for field in fields(e) for item in _ties(field)]
    return [] if e.literal or e.type.kind in UNORDERED else [OrderItem(e.sql, "ASC NULLS FIRST")]


@scan("LimitOffsetScan")
def _limit(c: Compiler, node: Node) -> Relation:
    relation = c.scan(node.input_scan)
    if relation.limit:
        relation = c.wrap(relation)
    for word in ("limit", "offset"):
        if node.HasField(word):
            relation.limit += f" {word.upper()} {_row_count(c, getattr(node, word))}"
    relation.closed = True
    return c.keep(relation, node)


def _row_count(c: Compiler, message: Node) -> str:
    e = c.expr(message)
    if e.literal and e.value is not None:
        return str(e.value)
    if tree.name(tree.node(message)) == "Parameter":
        # DuckDB takes NULL for no limit; BigQuery refuses it.
        c.seen.guarded = True
        return (
            f"(CASE WHEN {e.sql} < 0 OR {e.sql} IS NULL THEN error('LIMIT must not be negative or NULL') "
            f"ELSE {e.sql} END)"
        )
    return refuse("a LIMIT that is not a constant or a parameter")


@scan("BarrierScan")
def _barrier(c: Compiler, node: Node) -> Relation:
    return c.keep(c.scan(node.input_scan), node)
