"""From a resolved query to DuckDB SQL, or the reason why not. Pure: nothing is read, run or cached here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from bigpato_magic.resolved import tree
from bigpato_magic.sql import aggregates, expressions, scans, sets, subqueries, windows
from bigpato_magic.sql.compiler import Compiler, Seen
from bigpato_magic.sql.draws import RAND
from bigpato_magic.sql.expr import Expr
from bigpato_magic.sql.output import inner_list, output_list
from bigpato_magic.sql.refusal import Unsupported, refuse
from bigpato_magic.sql.relation import OrderItem
from bigpato_magic.types import AnalyzedQuery, Compiled, LocalTable, OutputColumn, Refused, TableId

# Importing them fills the tables of node kinds.
NODES = (aggregates, expressions, scans, sets, subqueries, windows)

Columns = Callable[[Compiler, list[Expr], tuple[OutputColumn, ...]], str]
# What is not a call: it raises nothing of its own. Calls have brackets, and tell by `Expr.can_throw`.
_CALM = frozenset(
    """
    AggregateScan AnalyticScan ArrayScan BarrierScan FilterScan JoinScan LimitOffsetScan OrderByScan ProjectScan
    SetOperationScan SingleRowScan TableScan WithRefScan WithScan
    """.split()  # noqa: SIM905 - a list of words is read as one
) | {"ARRAY subquery", "EXISTS subquery", "IN subquery"}


def compile_query(
    query: AnalyzedQuery,
    tables: Mapping[TableId, LocalTable],
    quarantined: frozenset[str],
    *,
    inner: bool = False,
    exact: bool = False,
) -> Compiled | Refused:
    """See `bigpato_magic.sql.compile`."""
    compiler = Compiler(tables, quarantined, exact, draws=RAND in query.sql.lower())
    try:
        sql = _statement(compiler, query, inner_list if inner else output_list)
    except Unsupported as refusal:
        return Refused((refusal.reason,))
    used = frozenset(compiler.used)
    return Compiled(sql, query.outputs, used, inner, _is_total(compiler.seen, used), tuple(compiler.constants))


def _statement(c: Compiler, query: AnalyzedQuery, columns: Columns) -> str:
    statement = tree.node(query.tree)
    if tree.name(statement) != "QueryStmt":
        refuse(f"a statement of kind {tree.name(statement)}", code="statement")
    relation = c.scan(statement.query)
    exprs = [c.columns[output.column.column_id] for output in statement.output_column_list]
    texts = [e.sql for e in exprs]
    relation.order = [_by_position(item, texts) for item in relation.order]
    return relation.select(columns(c, exprs, query.outputs))


def _is_total(seen: Seen, used: Collection[str]) -> bool:
    """Whether SQL is total: certain to give an answer, whatever the rows are. What is not known to be, is not.

    A lazy relation is run by the person, later: an error there would be DuckDB's own, where BigQuery has another one or
    an answer. So only total SQL may become one; and it has not the moment of the run.
    """
    stops = seen.can_throw or seen.guarded or seen.moment
    return not stops and all(name in _CALM for name in used if not name.endswith(")"))


def _by_position(item: OrderItem, outputs: list[str]) -> OrderItem:
    """An ORDER BY item; where it is what a column of the result is, its number: it is not planned a second time."""
    return replace(item, by=str(outputs.index(item.by) + 1)) if item.by in outputs else item
