"""Whether a query is no more than some rows of one table: columns, a filter, a LIMIT. Then Storage Read can answer it.

No query job runs then, and nothing is billed for a query: https://cloud.google.com/bigquery/docs/reference/storage.
Only mere columns are given: what computes is DuckDB's or BigQuery's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.chain import straightened
from bigpato_magic.resolved.restriction import NotExact, RestrictionWriter, parameter_of
from bigpato_magic.types import (
    STORED,
    AnalyzedQuery,
    Column,
    Kind,
    Look,
    Parameter,
    Reason,
    Refused,
    TableFacts,
)

Node = Any

_MANY_DIGITS = "timestamp_precision"


def free_look(query: AnalyzedQuery, facts: TableFacts, parameters: Sequence[Parameter] = ()) -> Look | Refused:
    """The look that the query is, or why it is none.

    Args:
        query: as analyzed over the table's schema.
        facts: of its table, as they are now.
        parameters: checked ones.
    """
    try:
        _check_table(query, facts)
        return _look(query, facts, parameters)
    except NotExact as why:
        return Refused((Reason("no-look", str(why), facts.id),))


def _check_table(query: AnalyzedQuery, facts: TableFacts) -> None:
    """See that there is but one table, and that Storage Read shows of it what a query would see.

    Row policies and views are a query's business; rows that are just being streamed are left to BigQuery, as it is not
    documented that both ways show them from the same instant on.
    """
    name = facts.id.table
    if list(query.tables) != [facts.id]:
        raise NotExact("it reads more than one table")
    if facts.version.kind not in STORED:
        raise NotExact(f"{name} is a {facts.version.kind.lower().replace('_', ' ')}")
    if facts.row_policies:
        raise NotExact(f"{name} has row policies")
    if facts.streaming:
        raise NotExact(f"rows are being streamed into {name}")


@dataclass(slots=True)
class _Wanted:
    """What the scans of a query have shown so far, from the top down."""

    filters: list[Node] = field(default_factory=list)
    limit: int | None = None


def _look(query: AnalyzedQuery, facts: TableFacts, parameters: Sequence[Parameter]) -> Look:
    statement = straightened(query.tree)[0]
    if tree.name(statement) != "QueryStmt" or statement.is_value_table or tree.get(statement, "hint_list"):
        raise NotExact("it is not a plain SELECT")
    wanted = _Wanted()
    scan = _table_scan(tree.node(statement.query), wanted, parameters)
    columns = {c.column_id: _column(facts, c.name) for c in tree.get(scan, "column_list")}
    writer = RestrictionWriter(columns, parameters)
    restriction = " AND ".join(f"({writer.text(each)})" for each in wanted.filters)
    _check_partition_filter(facts, {c.name.lower() for each in wanted.filters for c in writer.bounded(each)})
    shown = [_shown(columns, output.column.column_id) for output in statement.output_column_list]
    # What is filtered by is read too: whether it may be left out is not documented.
    read = tuple(dict.fromkeys((*shown, *columns.values())))
    return Look(query, facts, read, tuple(read.index(c) for c in shown), restriction, wanted.limit)


def _table_scan(scan: Node, wanted: _Wanted, parameters: Sequence[Parameter]) -> Node:
    """The scan of the table, below others that only filter, limit and pass columns on."""
    kind = tree.name(scan)
    if tree.get(scan, "hint_list"):
        raise NotExact("it has hints")
    if kind == "TableScan":
        if tree.has(scan, "for_system_time_expr") or scan.read_as_row_type:
            raise NotExact("it reads the table as of another time, or as values")
        return scan
    if kind == "LimitOffsetScan" and not wanted.filters and not tree.has(scan, "offset"):
        limit = _limit(tree.node(scan.limit), parameters)
        wanted.limit = limit if wanted.limit is None else min(limit, wanted.limit)
    elif kind == "FilterScan":
        wanted.filters.append(tree.node(scan.filter_expr))
    elif kind != "ProjectScan" or tree.get(scan, "expr_list"):
        raise NotExact("it computes, orders or joins, and does not only read columns")
    return _table_scan(tree.node(scan.input_scan), wanted, parameters)


def _limit(node: Node, parameters: Sequence[Parameter]) -> int:
    value = None
    if tree.name(node) == "Literal":
        value = tree.literal(node)
    elif tree.name(node) == "Parameter":
        value = parameter_of(node, parameters).value
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise NotExact("its LIMIT is no count")
    return value


def _column(facts: TableFacts, name: str) -> Column:
    column = facts.column(name)
    if column is None:
        raise NotExact(f"{name} is a pseudo-column")
    if column.policy_tagged:
        raise NotExact(f"{name} has a policy tag")
    if column.type.has(Kind.TIMESTAMP) and _MANY_DIGITS in dict(column.parameters):
        raise NotExact(f"{name} has picoseconds")
    return column


def _shown(columns: dict[int, Column], number: int) -> Column:
    if number not in columns:
        raise NotExact("it computes, and does not only read columns")
    return columns[number]


def _check_partition_filter(facts: TableFacts, bounded: set[str]) -> None:
    """Where BigQuery wants a filter on the partitions, see that there is one for certain: else it says so itself."""
    by = facts.partitioning
    if by is not None and by.filter_required and (by.column or "").lower() not in bounded:
        raise NotExact(f"{facts.id.table} asks for a filter on its partitions")
