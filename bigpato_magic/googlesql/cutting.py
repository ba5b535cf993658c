"""A resolved query in two: a part below, which is a query of its own, and what is left above it, over its rows.

Only the outermost scans come off, one after the other, and only where nothing is lost between the two: the order of
rows means nothing above, nothing above looks at another table, and values stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bigpato_magic.googlesql import tree
from bigpato_magic.googlesql.deferred import undefer
from bigpato_magic.googlesql.evaluable import foreign
from bigpato_magic.googlesql.pruning import prune
from bigpato_magic.types import AnalyzedQuery, Kind, OutputColumn

Node = Any
BELOW = "bigpato_below"
"""The name of the table that stands for the part below."""
# Scans with one input, which may come off.
_CHAIN = frozenset(
    {"AggregateScan", "AnalyticScan", "ArrayScan", "FilterScan", "LimitOffsetScan", "OrderByScan", "ProjectScan"}
)
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
    """The ways to cut a query; the one that leaves most below comes first."""
    for depth in range(1, len(list(_holders(_cuttable(query.tree)[0])))):
        cut = _cut(query, depth)
        if cut is not None:
            yield cut


def _cut(query: AnalyzedQuery, depth: int) -> Cut | None:
    """The cut with so many scans above; None where the part below has no column, or one of an unknown type."""
    above, entries = _cuttable(query.tree)
    holders = list(_holders(above))
    found = tree.node(holders[depth])
    if not tree.get(found, "column_list"):
        return None
    refusal = _chain_refusal([tree.node(holder) for holder in holders[:depth]], found)
    below = _statement(query.tree, found, entries)
    scan = _put_table(holders[depth])
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
    refusal = refusal or _seam_refusal(outputs) or foreign(above)
    return Cut(AnalyzedQuery(query.sql, below, query.tables, outputs, parameters=query.parameters), above, refusal)


def _name(column: Node) -> str:
    return f"c{column.column_id}"


def _cuttable(statement: Node) -> tuple[Node, Node | None]:
    """A copy of the statement without its WITH, projections deferred; and the scan of the WITH, if there is one."""
    copied = type(statement)()
    copied.CopyFrom(statement)
    scan = tree.node(statement.query)
    with_scan = scan if tree.name(scan) == "WithScan" else None
    if with_scan is not None:
        copied.query.CopyFrom(with_scan.query)
    undefer(copied)
    for holder in _holders(copied):
        _defer(holder)
    return copied, with_scan


def _holders(statement: Node) -> Iterator[Node]:
    """The messages that hold the outermost scans, from the top down to the first that has not one input."""
    holder = statement.query
    yield holder
    while tree.name(tree.node(holder)) in _CHAIN and tree.has(tree.node(holder), "input_scan"):
        holder = tree.get(tree.node(holder), "input_scan")
        yield holder


def _defer(holder: Node) -> None:
    """Let a LIMIT come before the projection below it, so that fewer rows are projected.

    Which rows a LIMIT without ORDER BY takes is open; one with ORDER BY takes the same, unless it is by a projected
    column, and the order is restored above. Google's pages do not say that rows that are left out are projected.
    """
    limit = tree.node(holder)
    if tree.name(limit) != "LimitOffsetScan":
        return
    order = tree.node(limit.input_scan)
    ordered = tree.name(order) == "OrderByScan"
    project = tree.node(order.input_scan) if ordered else order
    if tree.name(project) != "ProjectScan" or (ordered and _orders_by_projected(order, project)):
        return
    rows = tree.node(project.input_scan)
    below = _over(limit, _over(order, rows, rows) if ordered else rows, rows)
    below.parent.is_ordered = False
    above = _over(project, below, project)
    _hold(holder, _over(order, above, order) if ordered else above)


def _orders_by_projected(order: Node, project: Node) -> bool:
    projected = {item.column.column_id for item in project.expr_list}
    return any(item.column_ref.column.column_id in projected for item in order.order_by_item_list)


def _over(scan: Node, rows: Node, columns: Node) -> Node:
    """A copy of a scan over other rows, with another scan's columns."""
    made = type(scan)()
    made.CopyFrom(scan)
    _hold(made.input_scan, rows)
    kept = [*tree.get(columns, "column_list")]
    del made.parent.column_list[:]
    made.parent.column_list.extend(kept)
    return made


def _statement(whole: Node, scan: Node, entries: Node | None) -> Node:
    """A statement of its own of a scan, with the entries of the WITH."""
    made = type(whole)()
    holder = made.query
    if entries is not None:
        _hold(holder, entries)
        outer = tree.node(holder)
        del outer.parent.column_list[:]
        outer.parent.column_list.extend(tree.get(scan, "column_list"))
        holder = outer.query
    _hold(holder, scan)
    return made


def _hold(holder: Node, scan: Node) -> None:
    """Put a scan into a message for any scan, in place of what it holds."""
    made = type(holder)()
    _place(made, scan).CopyFrom(scan)
    holder.CopyFrom(made)


def _place(holder: Node, scan: Node) -> Node:
    """Where a scan goes in a message for any scan; some kinds have wrappers of their own."""
    for field in holder.DESCRIPTOR.fields:
        if field.message_type is scan.DESCRIPTOR:
            return getattr(holder, field.name)
        inner = field.message_type.oneofs_by_name.get("node")
        if inner is not None and any(f.message_type is scan.DESCRIPTOR for f in inner.fields):
            return _place(getattr(holder, field.name), scan)
    raise ValueError(f"no place for a {tree.name(scan)}")


def _put_table(holder: Node) -> Node:
    """Put a scan of the table `BELOW` in the place of the scan that is held, and give it."""
    columns = [*tree.get(tree.node(holder), "column_list")]
    made = type(holder)().resolved_table_scan_node
    made.parent.column_list.extend(columns)
    made.table.name = made.table.full_name = BELOW
    made.table.serialization_id = 1
    made.column_index_list.extend(range(len(columns)))
    _hold(holder, made)
    return tree.node(holder)


def _prune(above: Node, scan: Node) -> None:
    """Take the columns out that nothing needs. One stays: rows must be counted."""
    columns = tree.get(scan, "column_list")
    first = type(columns[0])()
    first.CopyFrom(columns[0])
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
