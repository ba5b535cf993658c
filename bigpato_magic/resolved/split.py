"""A resolved query in two: a lower part, which is a query of its own, and an upper part over its rows.

Only the outermost scans come off, one after the other, and only where nothing is lost between the two: the order of
rows means nothing above, nothing above looks at another table, and values stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.chain import copied, hold, holders, straightened, with_entries
from bigpato_magic.resolved.column_pruning import prune
from bigpato_magic.resolved.support import foreign
from bigpato_magic.types import AnalyzedQuery, Kind, OutputColumn

Node = Any
LOWER = "bigpato_lower"
"""The name of the table that stands for the lower part."""
# Aggregates to which the order of rows means nothing (but the last bits of a FLOAT64 sum); others need an ORDER BY.
_PLAIN = """
    $count_star avg bit_and bit_or bit_xor corr count countif covar_pop covar_samp grouping logical_and logical_or max
    min percentile_cont percentile_disc stddev_pop stddev_samp sum var_pop var_samp
"""
_UNORDERED = frozenset(_PLAIN.split())
_CALLS = ("AggregateFunctionCall", "AnalyticFunctionCall")
# What reads rows that are not those of the lower part; arrays and single rows are no tables.
_READING = ("RelationArgumentScan", "TVFScan", "WithRefScan", "WithScan")
# These never come out of DuckDB.
_NO_WAY = (Kind.GEOGRAPHY, Kind.INTERVAL, Kind.RANGE)


@dataclass(frozen=True, slots=True)
class TreeSplit:
    """A query in two.

    Args:
        lower: a query, with the columns that are needed above it as `c<number>`.
        upper: a resolved statement over one table, `LOWER`, with those columns.
        refusal: why it must not be used, as a person reads it; None where it may.
    """

    lower: AnalyzedQuery
    upper: Node
    refusal: str | None = None


def splits(query: AnalyzedQuery) -> Iterator[TreeSplit]:
    """The ways to split a query, those with the largest lower part first. What only BigQuery can do is always in it."""
    chain, entries = straightened(query.tree)
    for depth in range(1, len(list(holders(chain)))):
        split = _split(query, copied(chain), entries, depth)
        if split is not None and foreign(split.upper):
            return
        if split is not None:
            yield split


def _split(query: AnalyzedQuery, upper: Node, entries: Node | None, depth: int) -> TreeSplit | None:
    """The split with so many scans in the upper part; None where the lower has no column, or one of an unknown type."""
    links = list(holders(upper))
    root = tree.node(links[depth])
    if not tree.get(root, "column_list"):
        return None
    refusal = _chain_refusal([tree.node(link) for link in links[:depth]], root)
    lower = _statement(query.tree, root, entries)
    scan = _put_table(links[depth])
    refusal = refusal or _reading_refusal(upper)
    if refusal is None:
        _prune(upper, scan)
    for column in tree.get(scan, "column_list"):
        lower.output_column_list.add(name=_name(column)).column.CopyFrom(column)
    prune(lower)
    try:
        outputs = tuple(OutputColumn(_name(c), tree.type_of(c)) for c in tree.get(scan, "column_list"))
    except tree.UnknownType:
        return None
    _name_parameters(upper)
    refusal = refusal or _seam_refusal(outputs)
    return TreeSplit(
        AnalyzedQuery(query.sql, lower, query.tables, outputs, parameters=query.parameters), upper, refusal
    )


def _name(column: Node) -> str:
    return f"c{column.column_id}"


def _statement(whole: Node, scan: Node, entries: Node | None) -> Node:
    """A statement of its own of a scan, with the entries of the WITH that it needs."""
    statement = type(whole)()
    hold(statement.query, scan if entries is None else with_entries(scan, entries))
    return statement


def _put_table(holder: Node) -> Node:
    """Put a scan of the table `LOWER` in the place of the scan that is held, and give it."""
    columns = [*tree.get(tree.node(holder), "column_list")]
    scan = type(holder)().resolved_table_scan_node
    scan.parent.column_list.extend(columns)
    scan.table.name = scan.table.full_name = LOWER
    scan.table.serialization_id = 1
    scan.column_index_list.extend(range(len(columns)))
    hold(holder, scan)
    return tree.node(holder)


def _prune(upper: Node, scan: Node) -> None:
    """Take the columns out that nothing needs. One stays: rows must be counted."""
    columns = tree.get(scan, "column_list")
    first = copied(columns[0])
    prune(upper)
    if not columns:
        columns.append(first)
    # The table has the columns that are left.
    scan.column_index_list[:] = range(len(columns))


def _name_parameters(statement: Node) -> None:
    """The evaluator knows parameters by their names only."""
    for parameter in tree.walk(statement, ("Parameter",)):
        if parameter.position:
            parameter.name, parameter.position = f"p{parameter.position}", 0


# ------------------------------------------------------------------------------------ what is refused


def _chain_refusal(chain: Sequence[Node], lower: Node) -> str | None:
    """Where the order of rows, which the evaluator is not told, would mean something."""
    if tree.get(lower, "is_ordered"):
        return "rows in an order that would be lost"
    return next(filter(None, map(_scan_refusal, chain)), None)


def _scan_refusal(scan: Node) -> str | None:
    kind = tree.name(scan)
    if kind == "LimitOffsetScan" and not tree.get(tree.node(scan.input_scan), "is_ordered"):
        return "LIMIT without ORDER BY"
    if kind == "AggregateScan":
        return _calls_refusal(scan.parent.aggregate_list, ordered=False)
    if kind == "AnalyticScan":
        groups = scan.function_group_list
        refusals = (_calls_refusal([group], ordered=group.HasField("order_by")) for group in groups)
        return next(filter(None, refusals), None)
    return None


def _calls_refusal(holders: Sequence[Node], *, ordered: bool) -> str | None:
    for call in (call for holder in holders for call in tree.walk(holder, _CALLS)):
        name = tree.function_name(call)
        inside = tree.name(call) == "AggregateFunctionCall" and call.order_by_item_list
        if name not in _UNORDERED and not ordered and not inside:
            return f"{name.upper()} without ORDER BY"
    return None


def _seam_refusal(columns: Sequence[OutputColumn]) -> str | None:
    kinds = (inner.kind for column in columns for inner in column.type.walk())
    return next((f"{kind} values" for kind in kinds if kind in _NO_WAY), None)


def _reading_refusal(upper: Node) -> str | None:
    if len(list(tree.walk(upper, ("TableScan",)))) > 1 or any(tree.walk(upper, _READING)):
        return "a subquery that reads a table"
    collated = (item for item in tree.walk(upper, ("OrderByItem",)) if item.HasField("collation_name"))
    return "a collation" if any(collated) else None
