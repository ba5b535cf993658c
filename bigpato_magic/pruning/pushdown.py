"""Which partitions a query can draw from: what the predicates above each scan leave of its partitioning column. Pure.

A predicate is carried down from where it stands to the tables it is over, through every operator that lets it pass
without changing the answer; what no rule lets pass is dropped, so that the set is never too small. `predicates` says
for which values a predicate may be true; `partition_ids` turns the set into partition ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from bigpato_magic.pruning.abstract import IDENTITY, Constant, Monotone
from bigpato_magic.pruning.evaluate import ColumnScope, KnownColumns
from bigpato_magic.pruning.intervals import IntervalSet
from bigpato_magic.pruning.invariants import NULL_SIDES, Invariants, columns, has_totals
from bigpato_magic.pruning.predicates import truth
from bigpato_magic.resolved import tree
from bigpato_magic.resolved.scans import properties
from bigpato_magic.types import (
    SUFFIX,
    AnalyzedQuery,
    Kind,
    Parameter,
    Partitioning,
    PartitionUnit,
    TableId,
    TableRead,
)
from bigpato_magic.types.date_parts import DAY_MICROS

Node = Any
MOST_VISITS = 50
"""How often a CTE is walked with what is above it: each of thirty may refer twice to the one before."""


def partition_domains(
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
        `query.tables`, where `partitions` is a `IntervalSet` (of instants, for ingestion time), None where nothing is known.
    """
    if not any(partitionings.get(table) for table in query.tables):
        return query.tables
    named = {(p.name or str(i)).lower(): p for i, p in enumerate(parameters, 1)}
    scope = ColumnScope(parameters=named, moment=moment)
    walker = Walker({table: partitionings.get(table) for table in query.tables}, scope)
    if tree.name(query.tree) != "QueryStmt":
        return query.tables
    try:
        walker.statement(query.tree)
    except RecursionError:
        return query.tables
    return {table: replace(read, partitions=walker.domain(table)) for table, read in query.tables.items()}


@dataclass(frozen=True, slots=True)
class Filter:
    """A predicate that every row must pass to matter, and what its columns mean.

    Args:
        predicate: as it stands.
        known: columns that are the same in every row, where it stands.
        definitions: expressions of columns that are computed between there and here.
        aliases: ids here of columns that have others there.
    """

    predicate: Node
    known: KnownColumns
    definitions: Mapping[int, Node] = field(default_factory=dict)
    aliases: Mapping[int, int] = field(default_factory=dict)

    def through(self, outer: Iterable[Node], inner: Iterable[Node]) -> Filter:
        """The same below an operator that gives its columns new ids, one for one."""
        pairs = zip(outer, inner, strict=True)
        return replace(self, aliases={**self.aliases, **{o.column_id: i.column_id for o, i in pairs}})

    def below(self, computed: Mapping[int, Node]) -> Filter:
        """The same below an operator that computes columns from each of its rows."""
        return replace(self, definitions={**self.definitions, **computed}) if computed else self


Filters = tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Above:
    """What is above a scan.

    Args:
        filters: that its rows must pass to matter.
        outer: what is the same in every row of the query around, whose columns may be mentioned.
    """

    filters: Filters = ()
    outer: KnownColumns = field(default_factory=dict)

    def only(self, filters: Iterable[Filter] = ()) -> Above:
        """The same with these filters in place of others."""
        return replace(self, filters=tuple(filters))

    def below(self, computed: Iterable[Node]) -> Above:
        """The same below an operator that computes columns."""
        definitions = {c.column.column_id: c.expr for c in computed}
        return self.only(f.below(definitions) for f in self.filters)


class Walker:
    """One walk down a resolved tree, gathering a domain for each table.

    Args:
        partitionings: of the tables, as far as known.
        scope: the parameters and the moment.
        suffixes: what the wildcard stands for in each table of a wildcard: its domain is of places among these.
    """

    def __init__(
        self,
        partitionings: Mapping[TableId, Partitioning | None],
        scope: ColumnScope,
        suffixes: Mapping[TableId, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self._partitionings = partitionings
        self._suffixes = suffixes
        self._scope = scope
        self._domains: dict[TableId, list[IntervalSet | None]] = {}
        self._ctes: dict[str, Node] = {}
        self._visits: Counter[str] = Counter()
        self._invariants = Invariants(self._ctes, scope)

    def domain(self, table: TableId) -> IntervalSet | None:
        """All values that any scan of the table may need; None for everything."""
        domains = self._domains.get(table, [None])
        total: IntervalSet | None = None
        for one in domains:
            if one is None:
                return None
            total = one if total is None else total | one
        return None if total is None or total.is_everything else total

    def statement(self, statement: Node) -> None:
        """Walk a whole query, and each table expression that nothing mentions."""
        self._ctes.update((entry.with_query_name, entry) for entry in tree.walk(statement, {"WithEntry"}))
        self.scan(statement.query, Above())
        for name, entry in self._ctes.items():
            if not self._visits[name]:
                self.scan(entry.with_subquery, Above())

    # ------------------------------------------------------------------------------------------- scans

    def scan(self, message: Node, above: Above) -> None:
        """Walk a scan of whose rows only those that pass the filters above matter."""
        scan = tree.node(message)
        kind = tree.name(scan)
        rule = Walker._keep if properties(kind).keeps_values else Walker._other
        _SCANS.get(kind, rule)(self, scan, above)

    def _other(self, scan: Node, above: Above) -> None:
        """An operator without a rule: nothing passes it, and nothing is known of the rows that its expressions see."""
        for child in tree.children(scan):
            self._expression(child, above.outer)

    def _expression(self, node: Node, known: KnownColumns) -> None:
        """Subqueries in an expression: filters around say nothing of their rows, but their columns are seen there."""
        if _is_scan(node):
            self.scan(node, Above(outer=known))
            return
        for child in tree.children(node):
            self._expression(child, known)

    def _expressions(self, scan: Node, known: KnownColumns) -> None:
        for child in tree.children(scan):
            if not _is_scan(child):
                self._expression(child, known)

    def _table(self, scan: Node, above: Above) -> None:
        self._expressions(scan, above.outer)
        table = TableId.parse(scan.table.full_name)
        if table in self._suffixes:
            self._domains.setdefault(table, []).append(self._places(scan, self._suffixes[table], above.filters))
        elif table in self._partitionings:
            self._domains.setdefault(table, []).append(self._domain(scan, table, above.filters))

    def _filter(self, scan: Node, above: Above) -> None:
        known = self._seen(scan, above)
        self._expressions(scan, known)
        own = tuple(Filter(predicate, known) for predicate in tree.conjuncts(scan.filter_expr))
        self.scan(scan.input_scan, above.only(above.filters + own))

    def _project(self, scan: Node, above: Above) -> None:
        self._expressions(scan, self._seen(scan, above))
        self.scan(scan.input_scan, above.below(scan.expr_list))

    def _keep(self, scan: Node, above: Above) -> None:
        """An order passes filters on; which rows come first, or what a window has, depends on all."""
        self._expressions(scan, self._seen(scan, above))
        passes = properties(tree.name(scan)).lets_filters_pass
        self.scan(scan.input_scan, above if passes else above.only())

    def _aggregate(self, scan: Node, above: Above) -> None:
        """What holds of a group's key holds of all its rows, but without keys there is a row even of nothing.

        Totals of a ROLLUP have NULL for keys that their rows have not.
        """
        self._expressions(scan, self._seen(scan, above))
        keys = tree.get(scan, "group_by_list")
        self.scan(tree.get(scan, "input_scan"), above.only() if has_totals(scan) or not keys else above.below(keys))

    def _join(self, scan: Node, above: Above) -> None:
        left = self._invariants.of(scan.left_scan, above.outer)
        beside = replace(above, outer=left) if scan.is_lateral else above
        pairs = {**left, **self._invariants.of(scan.right_scan, beside.outer)}
        self._expressions(scan, pairs)
        kind = tree.enum(scan, "join_type")
        if scan.is_lateral or scan.parameter_list or kind not in NULL_SIDES:
            self.scan(scan.left_scan, above.only())
            self.scan(scan.right_scan, beside.only())
            return
        on = tree.conjuncts(scan.join_expr) if scan.HasField("join_expr") else ()
        on_filters = tuple(Filter(predicate, pairs) for predicate in on)
        left_is_filled, right_is_filled = NULL_SIDES[kind]
        # A row that finds no partner is still in the answer of the side that an outer join keeps.
        for side, is_filled, is_kept in (
            (scan.left_scan, left_is_filled, right_is_filled),
            (scan.right_scan, right_is_filled, left_is_filled),
        ):
            passing = self._rejecting(above.filters, side) if is_filled else above.filters
            self.scan(side, above.only(passing if is_kept else passing + on_filters))

    def _rejecting(self, filters: Filters, side: Node) -> Filters:
        """Those filters that may be carried down to a side which the join fills up with NULLs.

        They reject a row of NULLs, which would otherwise appear in place of the rows left out.
        """
        nulls = frozenset(column.column_id for column in columns(side))
        return tuple(
            f for f in filters if not truth(f.predicate, replace(self._meaning(f), nulls=nulls), Kind.INT64).true
        )

    def _array(self, scan: Node, above: Above) -> None:
        has_input = scan.HasField("input_scan")
        self._expressions(scan, self._seen(scan, above) if has_input else above.outer)
        if has_input:
            self.scan(scan.input_scan, above.only() if scan.is_outer else above)

    def _set(self, scan: Node, above: Above) -> None:
        """A row of the result is a row of an input, value by value."""
        simple = not tree.get(scan, "column_match_mode") and not tree.get(scan, "column_propagation_mode")
        for item in scan.input_item_list:
            inner = (f.through(tree.get(scan, "column_list"), item.output_column_list) for f in above.filters)
            self.scan(item.scan, above.only(inner if simple else ()))

    def _with(self, scan: Node, above: Above) -> None:
        self.scan(scan.query, above)

    def _reference(self, scan: Node, above: Above) -> None:
        """Its rows are those of the CTE, which sees nothing of the query around."""
        name = scan.with_query_name
        entry = self._ctes.get(name)
        if entry is None or self._visits[name] > MOST_VISITS:
            return
        self._visits[name] += 1
        inner = [f.through(columns(scan), columns(entry.with_subquery)) for f in above.filters]
        if self._visits[name] > MOST_VISITS:
            inner = []
        self.scan(entry.with_subquery, Above(tuple(inner)))

    # ------------------------------------------------------------------------------------------ domains

    def _seen(self, scan: Node, above: Above) -> KnownColumns:
        """What is the same in every row that an operator's expressions see: those of its input."""
        return self._invariants.of(tree.get(scan, "input_scan"), above.outer)

    def _meaning(self, one: Filter) -> ColumnScope:
        return replace(self._scope, known=one.known, definitions=one.definitions, aliases=one.aliases)

    def _domain(self, scan: Node, table: TableId, filters: Filters) -> IntervalSet | None:
        partitioning = self._partitionings.get(table)
        if partitioning is None:
            return None
        kind, roots = _roots(scan, partitioning)
        if kind is None or not roots:
            return None
        total = IntervalSet.everything(kind)
        for one in filters:
            total &= truth(one.predicate, replace(self._meaning(one), roots=roots), kind).true
        return total

    def _places(self, scan: Node, suffixes: Sequence[str], filters: Filters) -> IntervalSet | None:
        """The places of those suffixes for which all filters may be true."""
        column = next((c.column_id for c in columns(scan) if c.name.upper() == SUFFIX), None)
        if column is None:
            return None
        total = IntervalSet(Kind.INT64)
        for place, suffix in enumerate(suffixes):
            known = {column: Constant(suffix)}
            meanings = ((f.predicate, replace(self._meaning(f), known={**f.known, **known})) for f in filters)
            if all(truth(predicate, scope, Kind.INT64).true for predicate, scope in meanings):
                total |= IntervalSet.between(Kind.INT64, place, place)
        return total


_SCANS: dict[str, Callable[[Walker, Node, Above], None]] = {
    "AggregateScan": Walker._aggregate,
    "ArrayScan": Walker._array,
    "FilterScan": Walker._filter,
    "JoinScan": Walker._join,
    "ProjectScan": Walker._project,
    "SetOperationScan": Walker._set,
    "TableScan": Walker._table,
    "WithRefScan": Walker._reference,
    "WithScan": Walker._with,
}


def _is_scan(node: Node) -> bool:
    return tree.name(node).endswith("Scan")


def _roots(scan: Node, partitioning: Partitioning) -> tuple[Kind | None, dict[int, Monotone]]:
    """The partitioning column among a scan's columns, and its kind; ingestion time is an instant, also as a date."""
    by_name = {column.name.lower(): column for column in columns(scan)}
    if partitioning.column is not None:
        column = by_name.get(partitioning.column.lower())
        if column is None:
            return None, {}
        kind = tree.type_of(column).kind
        return (kind, {column.column_id: IDENTITY}) if kind in _ROOT_KINDS else (None, {})
    if partitioning.unit is PartitionUnit.RANGE:
        return None, {}
    roots = {by_name["_partitiontime"].column_id: IDENTITY} if "_partitiontime" in by_name else {}
    if "_partitiondate" in by_name:
        roots[by_name["_partitiondate"].column_id] = IDENTITY.through(lambda micros: micros // DAY_MICROS)
    return Kind.TIMESTAMP, roots


_ROOT_KINDS = frozenset({Kind.INT64, Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP})
