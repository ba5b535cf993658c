"""From a resolved query to DuckDB SQL, or the reason why not. Pure: nothing is read, run or cached here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bigpato_magic.googlesql import tree
from bigpato_magic.sql import aggregates, expressions, json_fields, scans, sets, subqueries, windows
from bigpato_magic.sql.compiler import Compiler
from bigpato_magic.sql.expr import Expr
from bigpato_magic.sql.output import inner_list, output_list
from bigpato_magic.sql.refusal import Refusal, refuse
from bigpato_magic.types import AnalyzedQuery, Compiled, LocalTable, OutputColumn, Refused, TableId

# Importing them fills the tables of node kinds.
NODES = (aggregates, expressions, json_fields, scans, sets, subqueries, windows)

Columns = Callable[[Compiler, list[Expr], tuple[OutputColumn, ...]], str]


def compile_query(
    query: AnalyzedQuery,
    tables: Mapping[TableId, LocalTable],
    quarantined: frozenset[str],
    *,
    inner: bool = False,
) -> Compiled | Refused:
    """See `bigpato_magic.sql.compile`."""
    compiler = Compiler(tables, quarantined)
    try:
        sql = _statement(compiler, query, inner_list if inner else output_list)
    except Refusal as refusal:
        return Refused((refusal.reason,))
    return Compiled(sql, query.outputs, frozenset(compiler.used), inner)


def _statement(c: Compiler, query: AnalyzedQuery, columns: Columns) -> str:
    statement = tree.node(query.tree)
    if tree.name(statement) != "QueryStmt":
        refuse(f"a statement of kind {tree.name(statement)}", code="statement")
    relation = c.scan(statement.query)
    exprs = [c.columns[output.column.column_id] for output in statement.output_column_list]
    relation.order = [_by_position(item, [e.sql for e in exprs]) for item in relation.order]
    return relation.select(columns(c, exprs, query.outputs))


def _by_position(item: str, outputs: list[str]) -> str:
    """An ORDER BY item; where it is what a column of the result is, its number: it is not planned a second time."""
    by, direction, rest = item.partition(" ASC NULLS ") if " ASC NULLS " in item else item.rpartition(" DESC NULLS ")
    return f"{outputs.index(by) + 1}{direction}{rest}" if by in outputs else item
