"""Parts of a query that kept relations hold already: a table in place of each.

A part is the largest that has the digest of a kept relation, or follows from one (`residual`: more is asked of the same
rows; `rollup`: they are grouped by less), needs nothing from around it, and of which only columns are used above that are
stored. The order of rows goes with it only where it is the whole answer and the order is that of the
kept rows. What is inside a query is not in each case what a result holds: a result has [] for a NULL array, and a shape's
text in place of the shape. So columns with such values must go straight into the answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.building import Numbers, table_scan
from bigpato_magic.resolved.canonical import marked
from bigpato_magic.resolved.chain import copied, drop_unused, hold
from bigpato_magic.resolved.column_pruning import prune
from bigpato_magic.resolved.relations import QueryPart, Relations
from bigpato_magic.resolved.residual import filtered, weaker
from bigpato_magic.resolved.rollup import grouping, rolled_up
from bigpato_magic.resolved.shared import SharedExpressions
from bigpato_magic.types import AnalyzedQuery, Column, Kind, Parameter, SqlType, TableCopy, TableId, TableRead

Node = Any
Stored = Mapping[int, Column]
"""The stored column of each column that is used, by its number."""
Columns = Mapping[str, Sequence[Column]]
"""Stored columns by canonical name."""

_OTHERWISE_IN_RESULTS = (Kind.ARRAY, Kind.GEOGRAPHY)


def substituted(
    query: AnalyzedQuery, kept: Iterable[TableCopy], parameters: Sequence[Parameter], today: date | None
) -> AnalyzedQuery | None:
    """The query with its largest parts that are kept read from there; None where none is.

    Args:
        query: as analyzed; it is not changed.
        kept: kept relations, those that are rather taken first; copies of tables among them do not count.
        parameters: with checked values.
        today: the date of the run by the server's clock, in UTC, which CURRENT_DATE() is.

    Returns:
        A query with the same answer. In its tree a kept relation is a table like any other, by its own name; its number
        (`serialization_id`) comes after those of the query's tables.
    """
    answers = [copy for copy in kept if copy.source is not None]
    if not answers or tree.name(tree.node(query.tree)) != "QueryStmt":
        return None
    statement = copied(tree.node(query.tree))
    try:
        if not _Parts(statement, answers, parameters, today).replace():
            return None
    except RecursionError:  # it nests too deep
        return None
    prune(statement)
    less = _analyzed(query, statement)
    # A column without a name is one that someone uses after all.
    return None if any("" in read.columns for read in less.tables.values()) else less


class _Parts:
    """The scans of a statement, and what is kept of them."""

    def __init__(
        self,
        statement: Node,
        kept: Sequence[TableCopy],
        parameters: Sequence[Parameter],
        today: date | None,
    ) -> None:
        self.statement, self.numbers = statement, Numbers(statement)
        self.kept: dict[str, list[TableCopy]] = defaultdict(list)
        self.groups: dict[str, list[TableCopy]] = defaultdict(list)
        for copy in kept:
            if copy.source is not None and len(copy.source.columns) == len(copy.columns):
                self.kept[copy.source.digest].append(copy)
                if copy.source.grouping is not None:
                    self.groups[copy.source.grouping.rows].append(copy)
        self.shared = SharedExpressions(statement)
        self.reader = Relations(parameters, today)
        self.root = self.reader.find(statement.query)
        self.outputs = {
            number for output in statement.output_column_list for number in self.reader.numbers(output.column.column_id)
        }

    def replace(self) -> bool:
        """Put tables in the places of what is kept; whether there was any."""
        place, parts, before = 0, self.reader.parts, len(self.numbers)
        expressions = []
        while place < len(parts):
            part = parts[place]
            scan = next(self._instead(place), None)
            if scan is None and tree.name(part.scan) == "WithScan":
                expressions.append(part)
            if scan is not None:
                hold(part.holder, scan)
            place = part.behind if scan is not None else place + 1
        for part in reversed(expressions):
            _tidy(part)
        return len(self.numbers) > before

    def _instead(self, place: int) -> Iterator[Node]:
        """Scans that give what a part gives, of kept relations: the same rows, more of them, or smaller groups."""
        part = self.reader.parts[place]
        inside = self.reader.parts[place : part.behind]
        if not part.closed or not any(tree.name(one.scan) in ("TableScan", "WithRefScan") for one in inside):
            return
        if not self.shared.alone(part.scan):
            return
        yield from self._equal(part)
        yield from self._filtered(part)
        yield from self._rolled_up(place)

    def _equal(self, part: QueryPart) -> Iterator[Node]:
        if part is not self.root and (part.form.order is not None or tree.name(part.scan) == "OrderByScan"):
            return
        for copy in self.kept.get(marked(part.form), ()):
            ordered = part.form.order is None or (copy.source is not None and copy.source.order == part.form.order)
            stored = self._stored(part, part.scan, copy) if ordered else None
            if stored is not None:
                yield self._scan(part, part.scan, copy, stored)

    def _filtered(self, part: QueryPart) -> Iterator[Node]:
        """Of a relation of which fewer conjuncts are true, with the others asked of it."""
        for form, conjuncts in weaker(part):
            rows = tree.node(part.scan.input_scan)
            asked = {ref.column.column_id for one in conjuncts for ref in tree.walk(one, ("ColumnRef",))}
            for copy in self.kept.get(marked(form), ()):
                stored = self._stored(part, rows, copy, asked)
                if stored is not None:
                    yield filtered(part, self._scan(part, rows, copy, stored), conjuncts)

    def _rolled_up(self, place: int) -> Iterator[Node]:
        """Of a relation of smaller groups."""
        part, asked = self.reader.parts[place], grouping(self.reader.parts, place)
        for copy in self.groups.get(asked.rows, ()) if asked else ():
            columns = _by_name(copy)

            def stored(column: Node, name: str, columns: Columns = columns) -> Column | None:
                return next((one for one in columns.get(name, ()) if _same(column, one)), None)

            roll_up = rolled_up(part, asked, copy, stored) if asked else None
            if roll_up is not None:
                yield roll_up.built(part.holder, self.numbers)

    def _scan(self, part: QueryPart, rows: Node, copy: TableCopy, stored: Stored) -> Node:
        columns = tree.get(rows, "column_list")
        return table_scan(part.holder, copy, columns, stored, self.numbers.of_table(copy.table))

    def _stored(self, part: QueryPart, rows: Node, copy: TableCopy, asked: Collection[int] = ()) -> Stored | None:
        """The stored columns of what is used of some rows; None where one is not stored.

        Args:
            part: what a kept relation takes the place of.
            rows: the scan that has the same rows, or more: the part, or its input.
            copy: the kept relation.
            asked: columns that are used in the part, too.
        """
        columns, stored = _by_name(copy), {}
        for column in tree.get(rows, "column_list"):
            number = column.column_id
            if number in asked or self._used(part, number):
                plain = number in asked or self._used_inside(part, number)
                named = columns.get(part.form.names.get(number, ""), ())
                same = next((one for one in named if _same(column, one, plain=plain)), None)
                if same is None:
                    return None
                stored[number] = same
        return stored

    def _used(self, part: QueryPart, number: int) -> bool:
        return number in self.outputs or self._used_inside(part, number)

    def _used_inside(self, part: QueryPart, number: int) -> bool:
        """Whether anything but the answer's list of columns needs a column above a part, or beside it."""
        first, last = self.reader.mentioned.get(number, (part.start, part.end - 1))
        return first < part.start or last >= part.end


def _by_name(copy: TableCopy) -> Columns:
    """The columns of a kept relation, by canonical name."""
    by_name: dict[str, list[Column]] = defaultdict(list)
    for name, held in zip(copy.source.columns if copy.source else (), copy.columns, strict=True):
        by_name[name].append(held)
    return by_name


def _same(column: Node, held: Column, *, plain: bool = True) -> bool:
    """Whether a stored column has the values that the query's has, for what is done with them.

    Args:
        column: of the query.
        held: the stored one.
        plain: something is done with them, but to give them as the answer.
    """
    try:
        kind = tree.type_of(column)
    except tree.UnknownType:
        return False
    if held.collation or column.annotation_map.ByteSize() or held.type != kind:
        return False
    return not plain or not any(map(kind.has, _OTHERWISE_IN_RESULTS))


def _tidy(part: QueryPart) -> None:
    """Take table expressions that are used no more away, and a WITH that has none."""
    scan = tree.node(part.holder)
    drop_unused(scan)
    if not scan.with_entry_list:
        hold(part.holder, tree.node(copied(scan.query)))


def _analyzed(query: AnalyzedQuery, statement: Node) -> AnalyzedQuery:
    """The query that a new tree is: what is left of what the old one reads, and what it reads of kept relations."""
    columns: dict[TableId, set[str]] = {}
    parameters: dict[str, SqlType] = {}
    for node in tree.walk(statement, ("TableScan", "Parameter")):
        if tree.name(node) == "Parameter":
            name = node.name.lower() or str(node.position)
            parameters[name] = query.parameters[name]
        else:
            read = columns.setdefault(TableId.parse(node.table.full_name), set())
            read.update(column.name.lower() for column in tree.get(node, "column_list"))
    before = {table: read.partitions for table, read in query.tables.items()}
    tables = {table: TableRead(table, frozenset(read), before.get(table)) for table, read in columns.items()}
    return AnalyzedQuery(query.sql, statement, tables, query.outputs, parameters)
