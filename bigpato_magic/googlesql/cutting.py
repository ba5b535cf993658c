"""A resolved query in two: a part below, which is a query of its own, and what is left above it, over its rows.

Only the outermost scans come off, one after the other, and only where nothing is lost between the two: the order of
rows means nothing above, nothing above looks at another table, and values stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bigpato_magic.googlesql import tree
from bigpato_magic.googlesql.chain import copied, hold, holders, straightened, with_entries
from bigpato_magic.googlesql.evaluable import foreign
from bigpato_magic.googlesql.pruning import prune
from bigpato_magic.types import AnalyzedQuery, Kind, OutputColumn

Node = Any
BELOW = "bigpato_below"
"""The name of the table that stands for the part below."""
# Aggregates to which the order of rows means nothing (but the last bits of a FLOAT64 sum); others need an ORDER BY.
_PLAIN = """
    $count_star avg bit_and bit_or bit_xor corr count countif covar_pop covar_samp grouping logical_and logical_or max
    min percentile_cont percentile_disc stddev_pop stddev_samp sum var_pop var_samp
"""
_UNORDERED = frozenset(_PLAIN.split())
_CALLS = ("AggregateFunctionCall", "AnalyticFunctionCall")
# What reads rows that are not those of the part below; arrays and single rows are no tables.
_READING = ("RelationArgumentScan", "TVFScan", "WithRefScan", "WithScan")
# These never come out of DuckDB.
_NO_WAY = (Kind.GEOGRAPHY, Kind.INTERVAL, Kind.RANGE)


@dataclass(frozen=True, slots=True)
class Cut:
    """A query in two.

    Args:
        below: the lower part, with the columns that are needed above as `c<number>`.
        above: a resolved statement over one table, `BELOW`, with those columns.
        refusal: why it must not be used, as a person reads it; None where it may.
    """

    below: AnalyzedQuery
    above: Node
    refusal: str | None = None


def cuts(query: AnalyzedQuery) -> Iterator[Cut]:
    """The ways to cut a query; the one that leaves most below comes first. What only BigQuery can do is always below."""
    chain, entries = straightened(query.tree)
    for depth in range(1, len(list(holders(chain)))):
        cut = _cut(query, copied(chain), entries, depth)
        if cut is not None and foreign(cut.above):
            return
        if cut is not None:
            yield cut


def _cut(query: AnalyzedQuery, above: Node, entries: Node | None, depth: int) -> Cut | None:
    """The cut with so many scans above; None where the part below has no column, or one of an unknown type."""
    links = list(holders(above))
    found = tree.node(links[depth])
    if not tree.get(found, "column_list"):
        return None
    refusal = _chain_refusal([tree.node(link) for link in links[:depth]], found)
    below = _statement(query.tree, found, entries)
    scan = _put_table(links[depth])
    refusal = refusal or _reading_refusal(above)
    if refusal is None:
        _prune(above, scan)
    for column in tree.get(scan, "column_list"):
        below.output_column_list.add(name=_name(column)).column.CopyFrom(column)
    prune(below)
    try:
        outputs = tuple(OutputColumn(_name(c), tree.type_of(c)) for c in tree.get(scan, "column_list"))
    except tree.UnknownType:
        return None
    _name_parameters(above)
    refusal = refusal or _seam_refusal(outputs)
    return Cut(AnalyzedQuery(query.sql, below, query.tables, outputs, parameters=query.parameters), above, refusal)


def _name(column: Node) -> str:
    return f"c{column.column_id}"


def _statement(whole: Node, scan: Node, entries: Node | None) -> Node:
    """A statement of its own of a scan, with the entries of the WITH that it needs."""
    made = type(whole)()
    hold(made.query, scan if entries is None else with_entries(scan, entries))
    return made


def _put_table(holder: Node) -> Node:
    """Put a scan of the table `BELOW` in the place of the scan that is held, and give it."""
    columns = [*tree.get(tree.node(holder), "column_list")]
    made = type(holder)().resolved_table_scan_node
    made.parent.column_list.extend(columns)
    made.table.name = made.table.full_name = BELOW
    made.table.serialization_id = 1
    made.column_index_list.extend(range(len(columns)))
    hold(holder, made)
    return tree.node(holder)


def _prune(above: Node, scan: Node) -> None:
    """Take the columns out that nothing needs. One stays: rows must be counted."""
    columns = tree.get(scan, "column_list")
    first = copied(columns[0])
    prune(above)
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


def _chain_refusal(chain: Sequence[Node], below: Node) -> str | None:
    """Where the order of rows, which the evaluator is not told, would mean something."""
    if tree.get(below, "is_ordered"):
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
        name = tree.get(call, "function").name.rpartition(":")[2]
        inside = tree.name(call) == "AggregateFunctionCall" and call.order_by_item_list
        if name not in _UNORDERED and not ordered and not inside:
            return f"{name.upper()} without ORDER BY"
    return None


def _seam_refusal(columns: Sequence[OutputColumn]) -> str | None:
    kinds = (inner.kind for column in columns for inner in column.type.walk())
    return next((f"{kind} values" for kind in kinds if kind in _NO_WAY), None)


def _reading_refusal(above: Node) -> str | None:
    if len(list(tree.walk(above, ("TableScan",)))) > 1 or any(tree.walk(above, _READING)):
        return "a subquery that reads a table"
    collated = (item for item in tree.walk(above, ("OrderByItem",)) if item.HasField("collation_name"))
    return "a collation" if any(collated) else None
