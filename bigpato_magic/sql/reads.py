"""Which partitions a query can draw from: what the predicates above each scan leave of its partitioning column. Pure.

A predicate is carried down from where it stands to the tables it is over, through every operator that lets it pass
without changing the answer; what no rule lets pass is dropped, so that the set is never too small. `conditions` says
for which values a predicate may be true; `tier.contain` turns the set into partition ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bigpato_magic.googlesql import tree
from bigpato_magic.sql.conditions import conjuncts, truth
from bigpato_magic.sql.domains import Domain
from bigpato_magic.sql.folding import Scope
from bigpato_magic.sql.worths import IDENTITY, Rising
from bigpato_magic.types import (
    AnalyzedQuery,
    Kind,
    Parameter,
    Partitioning,
    PartitionUnit,
    SqlType,
    TableId,
    TableRead,
)

Node = Any
DAY = 86_400_000_000


def reads(
    query: AnalyzedQuery,
    parameters: Sequence[Parameter],
    partitionings: Mapping[TableId, Partitioning | None],
    moment: tuple[int, int] | None = None,
) -> Mapping[TableId, TableRead]:
    """What a query reads of each table: the analyzer's columns, and the values of the partitioning column that matter.

    Args:
        query: as analyzed.
        parameters: with their values.
        partitionings: of the query's tables.
        moment: first and last microsecond (since 1970) that CURRENT_TIMESTAMP may be; None where nobody has settled it.

    Returns:
        `query.tables`, where `partitions` is a `Domain` (of instants, for ingestion time), None where nothing is known.
    """
    if not any(partitionings.get(table) for table in query.tables):
        return query.tables
    named = {(p.name or str(i)).lower(): p for i, p in enumerate(parameters, 1)}
    walker = Walker({table: partitionings.get(table) for table in query.tables}, named, moment)
    if tree.name(query.tree) != "QueryStmt":
        return query.tables
    try:
        walker.statement(query.tree)
    except RecursionError:
        return query.tables
    return {table: replace(read, partitions=walker.domain(table)) for table, read in query.tables.items()}


@dataclass(frozen=True, slots=True)
class Filter:
    """A predicate that every row must pass to matter, and what its columns mean here."""

    predicate: Node
    aliases: Mapping[int, int] = field(default_factory=dict)
    opaque: frozenset[int] = frozenset()

    def through(self, outer: Iterable[Node], inner: Iterable[Node]) -> Filter:
        """The same below an operator that gives its columns new ids, one for one."""
        pairs = zip(outer, inner, strict=True)
        return replace(self, aliases={**self.aliases, **{o.column_id: i.column_id for o, i in pairs}})


Filters = tuple[Filter, ...]


class Walker:
    """One walk down a resolved tree, gathering a domain for each table.

    Args:
        partitionings: of the tables, as far as known.
        parameters: by lower-case name or 1-based position.
        moment: as of `reads`.
    """

    def __init__(
        self,
        partitionings: Mapping[TableId, Partitioning | None],
        parameters: Mapping[str, Parameter],
        moment: tuple[int, int] | None = None,
    ) -> None:
        self._partitionings = partitionings
        self._parameters = parameters
        self._moment = moment
        self._found: dict[TableId, list[Domain | None]] = {}
        self._ctes: dict[str, Node] = {}
        self._visited: set[str] = set()
        self._definitions: dict[int, Node] = {}
        self._constants: dict[int, int] = {}

    def domain(self, table: TableId) -> Domain | None:
        """All values that any scan of the table may need; None for everything."""
        domains = self._found.get(table, [None])
        total: Domain | None = None
        for one in domains:
            if one is None:
                return None
            total = one if total is None else total | one
        return None if total is None or total.is_everything else total

    def statement(self, statement: Node) -> None:
        """Walk a whole query."""
        self._define(statement)
        self.scan(statement.query)
        for name, entry in self._ctes.items():
            if name not in self._visited:
                self.scan(entry.with_subquery)

    def _define(self, statement: Node) -> None:
        for project in tree.walk(statement, {"ProjectScan"}):
            self._definitions.update((c.column.column_id, c.expr) for c in project.expr_list)
        for aggregate in tree.walk(statement, {"AggregateScan"}):
            base = tree.get(aggregate, "group_by_list")
            self._definitions.update((c.column.column_id, c.expr) for c in base)
        for entry in tree.walk(statement, {"WithEntry"}):
            self._ctes[entry.with_query_name] = entry
        for reference in tree.walk(statement, {"WithRefScan"}):
            entry = self._ctes.get(reference.with_query_name)
            if entry is not None:
                pairs = zip(tree.get(reference, "column_list"), _columns(entry.with_subquery), strict=False)
                self._constants.update((outer.column_id, inner.column_id) for outer, inner in pairs)

    # ------------------------------------------------------------------------------------------- scans

    def scan(self, message: Node, filters: Filters = ()) -> None:
        """Walk a scan of whose rows only those that pass the filters matter."""
        found = tree.node(message)
        _SCANS.get(tree.name(found), Walker._other)(self, found, filters)

    def _other(self, found: Node, filters: Filters) -> None:  # noqa: ARG002 - nothing is known to pass it
        """An operator without a rule: nothing passes it."""
        for child in tree.children(found):
            if _is_scan(child):
                self.scan(child)
            else:
                self._expression(child)

    def _expression(self, found: Node) -> None:
        """Subqueries in an expression: outer filters say nothing of their rows."""
        for child in (found, *tree.children(found)):
            if _is_scan(child):
                self.scan(child)
            elif child is not found:
                self._expression(child)

    def _expressions(self, found: Node) -> None:
        for child in tree.children(found):
            if not _is_scan(child):
                self._expression(child)

    def _table(self, found: Node, filters: Filters) -> None:
        self._expressions(found)
        table = TableId.parse(found.table.full_name)
        if table in self._partitionings:
            self._found.setdefault(table, []).append(self._domain(found, table, filters))

    def _filter(self, found: Node, filters: Filters) -> None:
        self._expressions(found)
        opaque = self._nullable(found.input_scan)
        own = tuple(Filter(predicate, opaque=opaque) for predicate in conjuncts(found.filter_expr))
        self.scan(found.input_scan, filters + own)

    def _pass(self, found: Node, filters: Filters) -> None:
        """A projection, or an order: a row is what it was."""
        self._expressions(found)
        self.scan(found.input_scan, filters)

    def _stop(self, found: Node, filters: Filters) -> None:  # noqa: ARG002 - which rows come first depends on all
        self._expressions(found)
        self.scan(found.input_scan)

    def _aggregate(self, found: Node, filters: Filters) -> None:
        """What holds of a group's key holds of all its rows, but without keys there is a row even of nothing.

        Totals of a ROLLUP have NULL for keys that their rows have not.
        """
        self._expressions(found)
        keyed = tree.get(found, "group_by_list") and not _has_totals(found)
        self.scan(tree.get(found, "input_scan"), filters if keyed else ())

    def _join(self, found: Node, filters: Filters) -> None:
        self._expressions(found)
        kind = tree.enum(found, "join_type")
        if found.is_lateral or found.parameter_list or kind not in _JOINS:
            self.scan(found.left_scan)
            self.scan(found.right_scan)
            return
        on: Filters = ()
        if found.HasField("join_expr"):
            opaque = self._nullable(found.left_scan) | self._nullable(found.right_scan)
            on = tuple(Filter(predicate, opaque=opaque) for predicate in conjuncts(found.join_expr))
        missing_left, missing_right = _JOINS[kind]
        # A row that finds no partner is still in the answer of the side that an outer join keeps.
        sides = ((found.left_scan, found.right_scan, missing_left, missing_right),
                 (found.right_scan, found.left_scan, missing_right, missing_left))  # fmt: skip
        for side, other, may_miss, other_may_miss in sides:
            below = self._below(side, other, filters, may_miss=may_miss, other_may_miss=other_may_miss)
            self.scan(side, below + (() if other_may_miss else self._below(side, other, on)))

    def _below(
        self,
        side: Node,
        other: Node,
        filters: Filters,
        *,
        may_miss: bool = False,
        other_may_miss: bool = False,
    ) -> Filters:
        """What the filters above a join say of one side's rows.

        A side that may miss its partner is filled up with NULLs: a filter may be carried down to it only if it rejects
        such rows, which would otherwise appear in place of those left out.
        """
        own, theirs = _ids(side), _ids(other)
        if may_miss:
            filters = tuple(f for f in filters if self._rejects_nulls(f, own))
        hidden = self._nullable(side) | self._nullable(other) | (theirs if other_may_miss else frozenset())
        everything = self._all_ids(side) | self._all_ids(other)
        return tuple(replace(f, opaque=(f.opaque - everything) | hidden) for f in filters)

    def _rejects_nulls(self, one: Filter, ids: frozenset[int]) -> bool:
        scope = replace(self._scope(one, {}), opaque=one.opaque - ids, nulls=ids)
        return not truth(one.predicate, scope, Kind.INT64).true

    def _array(self, found: Node, filters: Filters) -> None:
        self._expressions(found)
        if found.HasField("input_scan"):
            self.scan(found.input_scan, () if found.is_outer else filters)

    def _set(self, found: Node, filters: Filters) -> None:
        """A row of the result is a row of an input, value by value."""
        simple = not tree.get(found, "column_match_mode") and not tree.get(found, "column_propagation_mode")
        for item in found.input_item_list:
            columns = item.output_column_list
            inner = [f.through(tree.get(found, "column_list"), columns) for f in filters] if simple else []
            self.scan(item.scan, tuple(inner))

    def _with(self, found: Node, filters: Filters) -> None:
        self.scan(found.query, filters)

    def _reference(self, found: Node, filters: Filters) -> None:
        entry = self._ctes.get(found.with_query_name)
        if entry is None:
            return
        self._visited.add(found.with_query_name)
        inner = [f.through(tree.get(found, "column_list"), _columns(entry.with_subquery)) for f in filters]
        self.scan(entry.with_subquery, tuple(inner))

    # ------------------------------------------------------------------------------------------ domains

    def _domain(self, found: Node, table: TableId, filters: Filters) -> Domain | None:
        partitioning = self._partitionings.get(table)
        if partitioning is None:
            return None
        kind, roots = _roots(found, partitioning)
        if kind is None or not roots:
            return None
        total = Domain.everything(kind)
        for one in filters:
            total &= truth(one.predicate, self._scope(one, roots), kind).true
        return total

    def _scope(self, one: Filter, roots: Mapping[int, Rising]) -> Scope:
        return Scope(
            roots,
            self._definitions,
            one.aliases,
            self._constants,
            one.opaque,
            parameters=self._parameters,
            moment=self._moment,
        )

    def _nullable(self, message: Node) -> frozenset[int]:
        """Ids that outer joins at or below a scan may make NULL in its rows."""
        found: set[int] = set()
        for scan in self._scans(message):
            if tree.name(scan) == "JoinScan":
                left, right = _JOINS.get(tree.enum(scan, "join_type"), (True, True))
                found |= (_ids(scan.left_scan) if left else set()) | (_ids(scan.right_scan) if right else set())
            elif tree.name(scan) not in _TRANSPARENT and (tree.name(scan) != "AggregateScan" or _has_totals(scan)):
                found |= _ids(scan)
        return frozenset(found)

    def _all_ids(self, message: Node) -> frozenset[int]:
        return frozenset(i for scan in self._scans(message) for i in _ids(scan))

    def _scans(self, message: Node) -> Iterator[Node]:
        """A scan and all scans below it, into the CTEs that it refers to."""
        found = tree.node(message)
        yield found
        for child in tree.children(found):
            yield from self._scans_in(child)
        if tree.name(found) == "WithRefScan" and found.with_query_name in self._ctes:
            yield from self._scans(self._ctes[found.with_query_name].with_subquery)

    def _scans_in(self, child: Node) -> Iterator[Node]:
        if _is_scan(child):
            yield from self._scans(child)
        elif tree.name(child) in ("SetOperationItem", "WithEntry"):
            for inner in tree.children(child):
                yield from self._scans_in(inner)


_JOINS = {"INNER": (False, False), "LEFT": (False, True), "RIGHT": (True, False), "FULL": (True, True)}
"""Whether the left and the right side may be filled up with NULLs."""

_TRANSPARENT = frozenset(
    {
        "AnalyticScan",
        "ArrayScan",
        "FilterScan",
        "LimitOffsetScan",
        "OrderByScan",
        "ProjectScan",
        "SetOperationScan",
        "SingleRowScan",
        "TableScan",
        "WithRefScan",
        "WithScan",
    }
)
"""Scans in whose rows a column of their input has the value that it had."""

_SCANS: dict[str, Callable[[Walker, Node, Filters], None]] = {
    "AggregateScan": Walker._aggregate,
    "AnalyticScan": Walker._stop,
    "ArrayScan": Walker._array,
    "FilterScan": Walker._filter,
    "JoinScan": Walker._join,
    "LimitOffsetScan": Walker._stop,
    "OrderByScan": Walker._pass,
    "ProjectScan": Walker._pass,
    "SetOperationScan": Walker._set,
    "TableScan": Walker._table,
    "WithRefScan": Walker._reference,
    "WithScan": Walker._with,
}


def _is_scan(found: Node) -> bool:
    return tree.name(found).endswith("Scan")


def _has_totals(aggregate: Node) -> bool:
    return bool(tree.get(aggregate, "grouping_set_list") or tree.get(aggregate, "rollup_column_list"))


def _columns(message: Node) -> Sequence[Node]:
    return list(tree.get(tree.node(message), "column_list"))


def _ids(message: Node) -> frozenset[int]:
    return frozenset(column.column_id for column in _columns(message))


def _roots(scan: Node, partitioning: Partitioning) -> tuple[Kind | None, dict[int, Rising]]:
    """The partitioning column among a scan's columns, and its kind; ingestion time is an instant, also as a date."""
    by_name = {column.name.lower(): column for column in _columns(scan)}
    if partitioning.column is not None:
        column = by_name.get(partitioning.column.lower())
        if column is None:
            return None, {}
        kind = _type(column).kind
        return (kind, {column.column_id: IDENTITY}) if kind in _ROOT_KINDS else (None, {})
    if partitioning.unit is PartitionUnit.RANGE:
        return None, {}
    roots = {by_name["_partitiontime"].column_id: IDENTITY} if "_partitiontime" in by_name else {}
    if "_partitiondate" in by_name:
        roots[by_name["_partitiondate"].column_id] = IDENTITY.through(lambda micros: micros // DAY)
    return Kind.TIMESTAMP, roots


_ROOT_KINDS = frozenset({Kind.INT64, Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP})


def _type(column: Node) -> SqlType:
    return tree.type_of(column)
