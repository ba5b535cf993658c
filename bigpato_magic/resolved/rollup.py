"""Groups of groups: who has kept counts and sums by country and day has them by country, too.

Only what is the same however rows are grouped before: COUNT, COUNTIF, MIN, MAX, and SUM of INT64 and NUMERIC, whose sums are
exact until they overflow, which the last one does where the only one would. Not what is rounded on its way (FLOAT64,
AVG), and not what looks at values beyond a group (DISTINCT). Keys are of types that have one value for what is equal, so
that no group must choose: no FLOAT64 (0.0 and -0.0), no collation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.building import Numbers, refer, table_scan
from bigpato_magic.resolved.chain import copied, hold
from bigpato_magic.resolved.digests import FORMAT, digest
from bigpato_magic.resolved.meaning import UNKNOWN
from bigpato_magic.resolved.relations import QueryPart
from bigpato_magic.types import Column, Grouping, Kind, TableCopy

Node = Any
Stored = Callable[[Node, str], Column | None]
"""The stored column that has a column's values, by its canonical name; None where there is none."""

_ORDERED = frozenset(
    {Kind.BOOL, Kind.INT64, Kind.NUMERIC, Kind.STRING, Kind.DATE, Kind.DATETIME, Kind.TIME, Kind.TIMESTAMP}
)
"""Types of which equal values are one value."""
_SUMS = frozenset({Kind.INT64, Kind.NUMERIC})
_COUNTS = frozenset({"$count_star", "count", "countif"})
_AGAIN: Mapping[str, frozenset[Kind]] = {
    **dict.fromkeys(_COUNTS, frozenset({Kind.INT64})),
    "max": _ORDERED,
    "min": _ORDERED,
    "sum": _SUMS,
}
"""Aggregates that are made of those of smaller groups, and the types that they may have."""


def grouping(parts: Sequence[QueryPart], place: int) -> Grouping | None:
    """The groups that a scan makes of its input; None where it makes none, or grouping sets, or is not known.

    Args:
        parts: of a query, each before those in it.
        place: of the scan.
    """
    part = parts[place]
    if tree.name(part.scan) != "AggregateScan" or not part.closed or not _plain(part.scan.parent):
        return None
    keys = (part.form.names.get(item.column.column_id, UNKNOWN) for item in part.scan.parent.group_by_list)
    return Grouping(digest(FORMAT, "grouped", parts[place + 1].form.token), tuple(sorted(keys)))


def _plain(aggregates: Node) -> bool:
    """Whether a scan says no more than what is grouped by, and what is computed of each group."""
    fields = {field.name for field, _ in aggregates.ListFields()}
    more = {field.name for field, _ in aggregates.parent.ListFields()}
    hardly = fields <= {"parent", "input_scan", "group_by_list", "aggregate_list"}
    return hardly and more <= {"column_list", "is_ordered", "node_source"} and not aggregates.parent.is_ordered


@dataclass(frozen=True, slots=True)
class RollUp:
    """A scan that groups, as one over kept groups.

    Args:
        scan: the AggregateScan.
        copy: the kept relation, of smaller groups of the same rows.
        columns: which of its columns is used for each key and each aggregate, by the numbers of these.
    """

    scan: Node
    copy: TableCopy
    columns: Mapping[int, Column]

    def built(self, holder: Node, numbers: Numbers) -> Node:
        """The scan, with what is kept as its input.

        Args:
            holder: a message for any scan.
            numbers: of what is new in it.
        """
        new, read, held = copied(self.scan), [], {}
        for item in _computed(new.parent):
            column = copied(item.column)
            column.column_id = numbers.of_column()
            held[column.column_id] = self.columns[item.column.column_id]
            _read_again(item, column)
            read.append(column)
        hold(new.parent.input_scan, table_scan(holder, self.copy, read, held, numbers.of_table(self.copy.table)))
        return new


def rolled_up(part: QueryPart, asked: Grouping, copy: TableCopy, stored: Stored) -> RollUp | None:
    """How a scan's groups are made of a kept relation's; None where they are not.

    Args:
        part: an AggregateScan.
        asked: its grouping.
        copy: a kept relation.
        stored: tells its columns.
    """
    kept = copy.source.grouping if copy.source else None
    if kept is None or kept.rows != asked.rows or not set(asked.keys) < set(kept.keys):
        return None
    aggregates = part.scan.parent
    items = [*_computed(aggregates)]
    calls = [tree.node(item.expr) for item in items[len(aggregates.group_by_list) :]]
    if len(items) < len(aggregates.group_by_list) + len(aggregates.aggregate_list) or not all(map(_again, calls)):
        return None
    if not asked.keys and not copy.rows and any(tree.function_name(call) in _COUNTS for call in calls):
        return None  # none is 0, and the sum of no counts is NULL
    columns = {item.column.column_id: stored(item.column, part.form.names[item.column.column_id]) for item in items}
    told = {number: column for number, column in columns.items() if column is not None}
    keys = [told[i.column.column_id].type.kind for i in aggregates.group_by_list if i.column.column_id in told]
    return RollUp(part.scan, copy, told) if len(told) == len(columns) and _ORDERED.issuperset(keys) else None


def _computed(aggregates: Node) -> Iterator[Node]:
    """The keys and the aggregates, those that are computed at once."""
    yield from aggregates.group_by_list
    items = map(tree.node, aggregates.aggregate_list)
    yield from (item for item in items if tree.name(item) == "ComputedColumn")


def _again(call: Node) -> bool:
    """Whether an aggregate is made of those of smaller groups, and says nothing more than of what."""
    if tree.name(call) != "AggregateFunctionCall" or tree.enum(call, "error_mode") != "DEFAULT_ERROR_MODE":
        return False
    own = {field.name for field, _ in call.ListFields()} - {"function_call_info"}
    above = {field.name for field, _ in call.parent.ListFields()}
    base = {field.name for field, _ in call.parent.parent.ListFields()}
    if own - {"parent"} or above - {"parent", "distinct", "null_handling_modifier"}:
        return False
    if base - {"parent", "function", "signature", "argument_list", "error_mode"} or call.function_call_info.ByteSize():
        return False
    plain = not call.parent.distinct and tree.enum(call, "null_handling_modifier") == "DEFAULT_NULL_HANDLING"
    try:
        return plain and tree.type_of(call).kind in _AGAIN.get(tree.function_name(call), ())
    except tree.UnknownType:
        return False


def _read_again(item: Node, column: Node) -> None:
    """Let a key, or an aggregate, be made of a kept column."""
    call = tree.node(item.expr)
    if tree.name(call) != "AggregateFunctionCall":
        refer(item.expr, column)
        return
    if tree.function_name(call) in _COUNTS:
        _make_sum(call.parent.parent, column)
    arguments = tree.get(call, "argument_list")
    del arguments[:]
    refer(arguments.add(), column)


def _make_sum(base: Node, column: Node) -> None:
    """Let a call be SUM of INT64."""
    base.function.name = "ZetaSQL:sum"
    base.signature.Clear()
    base.signature.context_id = _SUM_INT64
    for one in (base.signature.argument.add(), base.signature.return_type):
        one.kind = _FIXED
        one.type.CopyFrom(column.type)
        one.options.cardinality = _REQUIRED
        one.num_occurrences = 1


_SUM_INT64 = 1410
"""FN_SUM_INT64. https://github.com/google/zetasql/blob/master/zetasql/public/builtin_function.proto"""
_FIXED, _REQUIRED = 0, 0
