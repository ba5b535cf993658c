"""Fragments: the largest parts of a query over tables that are missing, each a query of its own.

A part is one where it needs nothing from around it, means the same whenever it is asked over the same tables, comes in no
order that counts, and where what it shares with the rest of the query (a table expression that is used in several places) is
asked once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.resolved.canonical import marked
from bigpato_magic.resolved.chain import hold
from bigpato_magic.resolved.column_pruning import prune
from bigpato_magic.resolved.relations import QueryPart, Relations
from bigpato_magic.resolved.shared import SharedExpressions
from bigpato_magic.resolved.table_expressions import TableExpressions
from bigpato_magic.types import AnalyzedQuery, OutputColumn, Parameter, SqlType, TableId, TableRead

Node = Any
Fits = Callable[["FragmentQuery"], bool]


@dataclass(frozen=True, slots=True)
class FragmentQuery:
    """A part of a query as a query of its own.

    Args:
        query: with columns `c0`, `c1`, …; its parameters have names.
        digest: of what it means, as kept relations have it.
        columns: canonical names of its columns, in order.
        filtered: columns of tables that the rest of the query filters by, each as its table and its lower-case name.
    """

    query: AnalyzedQuery
    digest: str
    columns: tuple[str, ...]
    filtered: frozenset[tuple[TableId, str]]


def fragments(
    query: AnalyzedQuery,
    missing: Iterable[TableId],
    parameters: Sequence[Parameter],
    today: date | None,
    fits: Fits,
) -> tuple[FragmentQuery, ...]:
    """The parts of a query that all its missing tables lie in, as large as they may be; () where there are none such.

    Args:
        query: as analyzed; it is not changed.
        missing: its tables that are not here.
        parameters: with checked values.
        today: the date of the run by the server's clock, in UTC, which CURRENT_DATE() is.
        fits: says whether a part may be fetched; where not, smaller ones in it are tried.
    """
    if tree.name(tree.node(query.tree)) != "QueryStmt":
        return ()
    try:
        return _Search(query, frozenset(map(str, missing)), parameters, today, fits).fragments()
    except RecursionError:  # it nests too deep
        return ()


class _Search:
    """Looks for fragments from the top down; table expressions after what uses them."""

    def __init__(
        self,
        query: AnalyzedQuery,
        missing: frozenset[str],
        parameters: Sequence[Parameter],
        today: date | None,
        fits: Fits,
    ) -> None:
        self.query, self.missing, self.fits = query, missing, fits
        self.statement = tree.node(query.tree)
        self.reader = Relations(parameters, today)
        self.root = self.reader.find(self.statement.query)
        self.entries = TableExpressions(self.statement)
        self.shared = SharedExpressions(self.statement)
        places = {id(part): place for place, part in enumerate(self.reader.parts)}
        self.bodies = {name: places[id(entry.body)] for name, entry in self.reader.entries.items()}
        self.conditions = _conditions(self.statement)
        self.outputs = {
            number
            for output in self.statement.output_column_list
            for number in self.reader.numbers(output.column.column_id)
        }

    def fragments(self) -> tuple[FragmentQuery, ...]:
        """All of them; none where a missing table is in none."""
        taken: dict[tuple[str, tuple[str, ...]], FragmentQuery] = {}
        todo, seen = [0], set()
        while todo:
            place = todo.pop()
            for part, name in self._below(place, taken):
                if part:
                    return ()
                if name not in seen and name in self.bodies:
                    seen.add(name)
                    todo.append(self.bodies[name])
        return tuple(taken.values())

    def _below(self, start: int, taken: dict[tuple[str, tuple[str, ...]], FragmentQuery]) -> Iterator[tuple[bool, str]]:
        """Take the fragments of a part; of the rest: whether a missing table is left, and names of table expressions."""
        bodies = set(self.bodies.values()) - {start}
        place, behind = start, self.reader.parts[start].behind
        while place < behind:
            part = self.reader.parts[place]
            if place in bodies:
                place = part.behind
                continue
            fragment = self._fragment(part)
            if fragment is not None:
                taken[fragment.digest, fragment.columns] = fragment
                place = part.behind
                continue
            kind = tree.name(part.scan)
            if kind == "TableScan" and part.scan.table.full_name in self.missing:
                yield True, ""
            elif kind == "WithRefScan":
                yield False, part.scan.with_query_name
            place += 1

    def _fragment(self, part: QueryPart) -> FragmentQuery | None:
        """The part as a query of its own, where it is a fragment."""
        if part is self.root or not part.closed or part.form.order is not None:
            return None
        if tree.name(part.scan) in ("OrderByScan", "SingleRowScan") or not tree.get(part.scan, "column_list"):
            return None
        tables = self._tables(part.scan)
        if not tables or not tables <= self.missing or not self.shared.alone(part.scan):
            return None
        fragment = self._query(part)
        return fragment if fragment is not None and self.fits(fragment) else None

    def _tables(self, scan: Node) -> set[str]:
        scans = [scan, *(self.entries.body(name) for name in self.entries.needed(scan))]
        return {table.table.full_name for one in scans for table in tree.walk(one, ("TableScan",))}

    def _query(self, part: QueryPart) -> FragmentQuery | None:
        columns = self._columns(part)
        names = [part.form.names.get(column.column_id) for column in columns]
        if not columns or None in names:
            return None
        statement = type(self.statement)()
        hold(statement.query, self.entries.around(part.scan))
        for place, column in enumerate(columns):
            statement.output_column_list.add(name=f"c{place}").column.CopyFrom(column)
        prune(statement)
        try:
            outputs = tuple(OutputColumn(f"c{place}", tree.type_of(c)) for place, c in enumerate(columns))
        except tree.UnknownType:
            return None
        told = tuple(name for name in names if name is not None)
        filtered = self._filtered(statement)
        return FragmentQuery(self._analyzed(statement, outputs), marked(part.form), told, filtered)

    def _filtered(self, statement: Node) -> frozenset[tuple[TableId, str]]:
        """The columns of tables that conditions outside a fragment are about."""
        asked = self.conditions - _conditions(statement)
        outside = {number for column in asked for number in self.reader.numbers(column)}
        return frozenset(
            (TableId.parse(scan.table.full_name), column.name.lower())
            for scan in tree.walk(statement, ("TableScan",))
            for column in tree.get(scan, "column_list")
            if column.column_id in outside
        )

    def _columns(self, part: QueryPart) -> list[Node]:
        """The columns that the rest of the query needs, or one for their number; those of one name once."""
        columns = [*tree.get(part.scan, "column_list")]
        used = [column for column in columns if self._used(part, column.column_id)] or columns[:1]
        return list({part.form.names.get(column.column_id): column for column in reversed(used)}.values())

    def _used(self, part: QueryPart, number: int) -> bool:
        first, last = self.reader.mentioned.get(number, (part.start, part.end - 1))
        return number in self.outputs or first < part.start or last >= part.end

    def _analyzed(self, statement: Node, outputs: tuple[OutputColumn, ...]) -> AnalyzedQuery:
        parameters: dict[str, SqlType] = {}
        read: dict[TableId, set[str]] = {}
        for node in tree.walk(statement, ("TableScan", "Parameter")):
            if tree.name(node) == "TableScan":
                columns = read.setdefault(TableId.parse(node.table.full_name), set())
                columns.update(column.name.lower() for column in tree.get(node, "column_list"))
                continue
            if node.position:  # what the fragment leaves out would change the places of the others
                node.name, node.position = positional_name(node.position), 0
            parameters[node.name.lower()] = tree.type_of(node)
        tables = {table: TableRead(table, frozenset(columns)) for table, columns in read.items()}
        return AnalyzedQuery("", statement, tables, outputs, parameters)


def _conditions(statement: Node) -> Counter[int]:
    """How often conditions of filters and joins mention each column, by its number."""
    mentions: Counter[int] = Counter()
    todo = [(statement, False)]
    while todo:
        node, asked = todo.pop()
        kind = tree.name(node)
        if kind == "ColumnRef" and asked:
            mentions[node.column.column_id] += 1
        asked = asked or kind in ("FilterScan", "JoinScan")
        todo += ((child, asked and not tree.name(child).endswith("Scan")) for child in tree.children(node))
    return mentions


def positional_name(position: int) -> str:
    """What the parameter of a place is called in a fragment.

    >>> positional_name(2)
    'bigpato_p2'
    """
    return f"bigpato_p{position}"


def named(parameters: Sequence[Parameter], wanted: Mapping[str, SqlType]) -> tuple[Parameter, ...]:
    """The parameters of a query that a fragment has, by the names that they have there.

    Args:
        parameters: of the query.
        wanted: those of the fragment.
    """
    named = [
        parameter if parameter.name is not None else Parameter(positional_name(place), parameter.type, parameter.value)
        for place, parameter in enumerate(parameters, 1)
    ]
    return tuple(parameter for parameter in named if (parameter.name or "").lower() in wanted)
