"""Parts of a query that kept relations hold already: a table in place of each.

A part is the largest that has the digest of a kept relation, needs nothing from around it, and of which only columns are
used above that are stored. The order of rows goes with it only where it is the whole answer and the order is that of the
kept rows. What is inside a query is not in each case what a result holds: a result has [] for a NULL array, and a shape's
text in place of the shape. So columns with such values must go straight into the answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.canonical import marked
from bigpato_magic.resolved.chain import copied, drop_unused, hold
from bigpato_magic.resolved.column_pruning import prune
from bigpato_magic.resolved.relations import Found, Relations
from bigpato_magic.types import AnalyzedQuery, Column, Kind, Parameter, SqlType, TableCopy, TableId, TableRead

Node = Any
Stored = Mapping[int, Column]
"""The stored column of each column that is used, by its number."""

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
    by_digest = defaultdict(list)
    for copy in kept:
        if copy.source is not None:
            by_digest[copy.source.digest].append(copy)
    if not by_digest or tree.name(tree.node(query.tree)) != "QueryStmt":
        return None
    statement = copied(tree.node(query.tree))
    try:
        if not _Parts(statement, by_digest, parameters, today).replace():
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
        kept: Mapping[str, Sequence[TableCopy]],
        parameters: Sequence[Parameter],
        today: date | None,
    ) -> None:
        self.statement, self.kept = statement, kept
        self.reader = Relations(parameters, today)
        self.root = self.reader.find(statement.query)
        self.outputs = {
            number for output in statement.output_column_list for number in self.reader.numbers(output.column.column_id)
        }

    def replace(self) -> bool:
        """Put tables in the places of what is kept; whether there was any."""
        place, found, numbers = 0, self.reader.found, self._numbers()
        expressions = []
        before = len(numbers)
        while place < len(found):
            part = found[place]
            match = next(self._matches(part, found[place : part.behind]), None)
            if match is None and tree.name(part.scan) == "WithScan":
                expressions.append(part)
            if match is not None:
                _put(part, *match, numbers)
            place = part.behind if match else place + 1
        for part in reversed(expressions):
            _tidy(part)
        return len(numbers) > before

    def _numbers(self) -> dict[str, int]:
        """The number of each table."""
        scans = tree.walk(self.statement, ("TableScan",))
        return {scan.table.full_name: scan.table.serialization_id for scan in scans}

    def _matches(self, part: Found, inside: Sequence[Found]) -> Iterator[tuple[TableCopy, Stored]]:
        """Kept relations that a part may be read from."""
        if not part.closed or not (found := self.kept.get(marked(part.form))):
            return
        if part is not self.root and (part.form.order is not None or tree.name(part.scan) == "OrderByScan"):
            return
        if not any(tree.name(scan.scan) in ("TableScan", "WithRefScan") for scan in inside):
            return
        for copy in found:
            ordered = part.form.order is None or (copy.source is not None and copy.source.order == part.form.order)
            stored = self._stored(part, copy) if ordered else None
            if stored is not None:
                yield copy, stored

    def _stored(self, part: Found, copy: TableCopy) -> Stored | None:
        """The stored columns of what is used of a part; None where one is not stored."""
        by_name: dict[str, list[Column]] = defaultdict(list)
        if copy.source is None or len(copy.source.columns) != len(copy.columns):
            return None
        for name, held in zip(copy.source.columns, copy.columns, strict=True):
            by_name[name].append(held)
        stored = {}
        for column in tree.get(part.scan, "column_list"):
            if self._used(part, column.column_id):
                columns = by_name.get(part.form.names.get(column.column_id, ""), ())
                same = next((one for one in columns if self._same(part, column, one)), None)
                if same is None:
                    return None
                stored[column.column_id] = same
        return stored

    def _used(self, part: Found, number: int) -> bool:
        return number in self.outputs or self._used_inside(part, number)

    def _used_inside(self, part: Found, number: int) -> bool:
        """Whether anything but the answer's list of columns needs a column above a part, or beside it."""
        first, last = self.reader.mentioned.get(number, (part.start, part.end - 1))
        return first < part.start or last >= part.end

    def _same(self, part: Found, column: Node, held: Column) -> bool:
        """Whether a stored column has the values that the query's has, for what is done with them."""
        try:
            kind = tree.type_of(column)
        except tree.UnknownType:
            return False
        if held.collation or column.annotation_map.ByteSize() or held.type != kind:
            return False
        plain = not any(map(kind.has, _OTHERWISE_IN_RESULTS))
        return plain or not self._used_inside(part, column.column_id)


def _put(part: Found, copy: TableCopy, stored: Stored, numbers: dict[str, int]) -> None:
    """Put a scan of a kept relation in the place of a part.

    Columns that nothing uses stand in the lists above; they have no name here, and leave with those (`prune`).
    """
    scan = type(part.holder)().resolved_table_scan_node
    scan.table.name, scan.table.full_name = copy.table.table, str(copy.table)
    scan.table.serialization_id = numbers.setdefault(str(copy.table), max(numbers.values(), default=0) + 1)
    for column in tree.get(part.scan, "column_list"):
        held = stored.get(column.column_id)
        new = scan.parent.column_list.add()
        new.CopyFrom(column)
        new.table_name, new.name = copy.table.table, held.name if held else ""
        scan.column_index_list.append(copy.columns.index(held) if held else 0)
    hold(part.holder, scan)


def _tidy(part: Found) -> None:
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
