"""Queries made of queries: UNION, INTERSECT, EXCEPT, WITH and WITH RECURSIVE."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.sql import decimals
from bigpato_magic.sql.compiler import Compiler, Cte, comparable, elsewhere, scan
from bigpato_magic.sql.expr import Expr, either
from bigpato_magic.sql.expr import column as column_of
from bigpato_magic.sql.physical import duck_type, full
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.relation import Relation
from bigpato_magic.sql.rules.base import route
from bigpato_magic.types import Kind, SqlType

Node = Any
# BigQuery stops a recursion that needs more iterations than this:
# https://cloud.google.com/bigquery/docs/recursive-ctes#iteration_limit_error
MOST_ITERATIONS = 500
INT64 = SqlType(Kind.INT64)


@scan("SetOperationScan")
def _set_operation(c: Compiler, node: Node) -> Relation:
    kind = tree.enum(node, "op_type")
    operator = kind.removesuffix("_DISTINCT").replace("_", " ")
    ids = [column.column_id for column in tree.get(node, "column_list")]
    types = [c.type_of(column) for column in tree.get(node, "column_list")]
    for type_ in types if kind != "UNION_ALL" else ():
        comparable(type_, operator)
    relations, rows = [], []
    for item in node.input_item_list:
        relations.append(c.scan(item.scan))
        rows.append([c.columns[column.column_id] for column in item.output_column_list])
    columns = [decimals.unify(column) for column in zip(*rows, strict=True)]
    texts = [_term(r, ids, list(row)) for r, row in zip(relations, zip(*columns, strict=True), strict=True)]
    return _combined(c, operator, texts, ids, columns)


def _term(relation: Relation, ids: list[int], row: list[Expr]) -> str:
    columns = ", ".join(f"{e.sql} AS c{i}" for i, e in zip(ids, row, strict=True)) or "1 AS c0"
    text = relation.select(columns, order=False)
    return f"({text})" if relation.limit or relation.ctes else text


def _combined(c: Compiler, operator: str, texts: list[str], ids: list[int], columns: list[list[Expr]]) -> Relation:
    if len(set(ids)) < len(ids):
        refuse("a set operation that gives a column twice", code="no-node")
    alias = c.fresh("t")
    for i, column in zip(ids, columns, strict=True):
        facts = replace(either(column), decimal=column[0].facts.decimal)
        folds_to_null, can_throw = any(e.folds_to_null for e in column), any(e.can_throw for e in column)
        c.columns[i] = elsewhere(
            replace(column[0], facts=facts, folds_to_null=folds_to_null, can_throw=can_throw), alias, f"c{i}"
        )
    return Relation(f"({_chained(operator, texts)}) AS {alias}", ids)


def _chained(operator: str, texts: list[str]) -> str:
    """From left to right; only UNION may go without parentheses."""
    if operator.startswith("UNION"):
        return f" {operator} ".join(texts)
    text = texts[0]
    for i, each in enumerate(texts[1:]):
        text = f"{f'({text})' if i else text} {operator} {each}"
    return text


# ---------------------------------------------------------------------------------------------- WITH


@scan("WithScan")
def _with(c: Compiler, node: Node) -> Relation:
    entries, recursive = [], False
    for entry in node.with_entry_list:
        texts, again = _entry(c, entry)
        entries += texts
        recursive = recursive or again
    relation = c.scan(node.query)
    relation.ctes = entries + relation.ctes
    relation.recursive = relation.recursive or recursive
    return c.keep(relation, node)


def _entry(c: Compiler, entry: Node) -> tuple[list[str], bool]:
    """The text of one WITH entry, after those of entries inside it that it needs, and whether one is recursive."""
    inner, before = tree.node(entry.with_subquery), list[str]()
    if tree.name(inner) == "WithScan" and tree.name(tree.node(inner.query)) == "RecursiveScan":
        for each in inner.with_entry_list:
            before += _entry(c, each)[0]
        inner = tree.node(inner.query)
    name = c.fresh("w")
    if tree.name(inner) == "RecursiveScan":
        c.draws = False  # what its steps draw is not looked into
        write = _distinct_recursion if tree.enum(inner, "op_type") == "UNION_DISTINCT" else _recursion
        return [*before, write(c, entry.with_query_name, name, inner)], True
    relation = c.scan(inner)
    columns = tuple(c.columns[column.column_id] for column in tree.get(inner, "column_list"))
    c.ctes[entry.with_query_name] = Cte(name, columns)
    listed = ", ".join(f"{e.sql} AS k{j}" for j, e in enumerate(columns)) or "1 AS k0"
    return [f"{name} AS ({relation.select(listed, order=False)})"], False


@scan("WithRefScan")
def _with_ref(c: Compiler, node: Node) -> Relation:
    return _reference(c, c.ctes[node.with_query_name], node)


def _reference(c: Compiler, cte: Cte, node: Node) -> Relation:
    alias = c.fresh("t")
    relation = Relation(f"{cte.name} AS {alias}")
    for j, (column, inside) in enumerate(zip(tree.get(node, "column_list"), cte.columns, strict=True)):
        c.columns[column.column_id] = elsewhere(inside, alias, f"k{j}")
        relation.columns.append(column.column_id)
    if cte.depth:
        hidden = c.own_column()
        c.columns[hidden] = column_of(f"{alias}.{cte.depth}", alias, INT64)
        relation.columns.append(hidden)
        relation.hidden = [hidden]
    return relation


def _recursion(c: Compiler, query: str, name: str, node: Node) -> str:
    """A recursion over UNION ALL, which counts its iterations: DuckDB would go on for ever."""
    if tree.enum(node, "op_type") != "UNION_ALL" or node.HasField("recursion_depth_modifier"):
        refuse("WITH RECURSIVE with a depth")
    types = [c.type_of(column) for column in tree.get(node, "column_list")]
    columns = tuple(Expr("", type_) for type_ in types)
    first, start = _term_of_recursion(c, node.non_recursive_term, types)
    c.recursion.append(Cte(name, columns, depth="depth"))
    again, step = _term_of_recursion(c, node.recursive_term, types)
    c.recursion.pop()
    if len(again.hidden) != 1:
        refuse("WITH RECURSIVE in such a form")
    c.seen.guarded = True
    one = first.select(f"{', '.join(start)}, 0::BIGINT", order=False)
    two = again.select(f"{', '.join(step)}, {_next(c.columns[again.hidden[0]].sql)}", order=False)
    c.ctes[query] = Cte(name, columns)
    names = ", ".join([*(f"k{j}" for j in range(len(types))), "depth"])
    return f"{name}({names}) AS ({one} UNION ALL {two})"


def _next(depth: str) -> str:
    """The count of iterations after this one."""
    return f"CASE WHEN {depth} >= {MOST_ITERATIONS} THEN {route('a long recursion')} ELSE {depth} + 1 END"


def _distinct_recursion(c: Compiler, query: str, name: str, node: Node) -> str:
    """A recursion over UNION DISTINCT: each row of the CTE is one iteration, with all rows so far and the new ones.

    A column that counts iterations would make all rows distinct.
    """
    if node.HasField("recursion_depth_modifier"):
        refuse("WITH RECURSIVE with a depth")
    types = [c.type_of(column) for column in tree.get(node, "column_list")]
    for type_ in types:
        comparable(type_, "UNION")
    columns = tuple(Expr("", type_) for type_ in types)
    keys = [f"k{j}" for j in range(len(types))]
    new, seen = (_unnested(name, field, keys) for field in ("new", "seen"))
    first, start = _term_of_recursion(c, node.non_recursive_term, types)
    c.recursion.append(Cte(f"({new})", columns))
    again, step = _term_of_recursion(c, node.recursive_term, types)
    c.recursion.pop()
    row = f"list(struct_pack({', '.join(f'{k} := {k}' for k in keys)}))"
    one, two = (
        relation.select(", ".join(f"{text} AS {k}" for k, text in zip(keys, texts, strict=True)), order=False)
        for relation, texts in ((first, start), (again, step))
    )
    c.ctes[query] = Cte(f"({new})", columns)
    c.seen.guarded = True
    begin = f"SELECT 0::BIGINT AS depth, {row} AS seen, {row} AS new FROM (SELECT DISTINCT * FROM ({one}))"
    fresh = f"SELECT {row} AS new FROM ({two} EXCEPT {seen})"
    go_on = (
        f"SELECT {_next('s.depth')}, list_concat(s.seen, f.new), f.new "
        f"FROM {name} AS s CROSS JOIN ({fresh}) AS f WHERE f.new IS NOT NULL"
    )
    return f"{name} AS ({begin} UNION ALL {go_on})"


def _unnested(name: str, field: str, keys: list[str]) -> str:
    columns = ", ".join(f"u.{k} AS {k}" for k in keys)
    return f"SELECT {columns} FROM (SELECT unnest({field}) AS u FROM {name})"


def _term_of_recursion(c: Compiler, term: Node, types: list[SqlType]) -> tuple[Relation, list[str]]:
    """A term's relation, which can stand in a UNION, and its row, each value of the exact type."""
    relation = c.scan(term.scan)
    if relation.limit or relation.ctes:
        relation = c.wrap(relation)
    row = [full(c.columns[column.column_id]) for column in term.output_column_list]
    return relation, [f"CAST({e.sql} AS {duck_type(type_)})" for e, type_ in zip(row, types, strict=True)]


@scan("RecursiveRefScan")
def _recursive_ref(c: Compiler, node: Node) -> Relation:
    if not c.recursion:
        refuse("a recursive reference out of place", code="no-node")
    return _reference(c, c.recursion[-1], node)
