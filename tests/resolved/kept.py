"""Kept relations made of parts of random queries: Google's reference implementation computes their rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from bigpato_magic.errors import BigPatoError
from bigpato_magic.googlesql import analysis, catalog, evaluation, rows
from bigpato_magic.googlesql.rebuild import rebuilt
from bigpato_magic.googlesql.service import Role
from bigpato_magic.googlesql.source import SourceText
from bigpato_magic.resolved import tree
from bigpato_magic.resolved.canonical import marked
from bigpato_magic.resolved.chain import copied, hold, with_entries
from bigpato_magic.resolved.relations import QueryPart, Relations
from bigpato_magic.types import (
    AnalyzedQuery,
    Column,
    Kind,
    LocalTable,
    OutputColumn,
    Parameter,
    QuerySource,
    TableCopy,
    TableId,
)
from tests.faithfulness import engine
from tests.faithfulness.engine import Described
from tests.faithfulness.world import World

# What no copy holds.
NOT_STORED = (Kind.INTERVAL, Kind.RANGE)


def parts(query: AnalyzedQuery, parameters: list[Parameter]) -> list[QueryPart]:
    """The scans of a query that read a table and can be kept, the largest first."""
    reader = Relations(parameters, None)
    reader.find(tree.node(query.tree).query)
    return [part for part in reader.parts if part.closed and any(tree.walk(part.scan, ("TableScan", "WithRefScan")))]


def rows_of(query: AnalyzedQuery, part: QueryPart, world: World) -> Any:
    """What a part gives, as a result: each column of its list as `c<place>`; None where it has no text or no answer."""
    statement = type(tree.node(query.tree))()
    whole = tree.node(tree.node(query.tree).query)
    needs = tree.name(whole) == "WithScan" and tree.name(part.scan) != "WithScan"
    hold(statement.query, with_entries(part.scan, whole) if needs else part.scan)
    for place, column in enumerate(tree.get(part.scan, "column_list")):
        statement.output_column_list.add(name=f"c{place}").column.CopyFrom(copied(column))
    return evaluated(statement, world, world.parameters(query))


def evaluated(statement: Any, world: World, given: list[Parameter]) -> Any:
    """The answer to a resolved statement over a world's tables; None where it has no text or no answer."""
    entries = catalog.entries(world.paths)
    outputs = tuple(OutputColumn(o.name, tree.type_of(o.column)) for o in statement.output_column_list)
    try:
        with analysis.asking(SourceText("", ""), Role.EVALUATE) as instance:
            written = rebuilt(instance, statement, entries)
            contents = [
                (e, _columns(e, world), world.tables[e.path[0]][1].num_rows) for e in separate(statement, entries)
            ]
            scans = [(scan, *content[1:]) for scan, content in zip(written.scans, contents, strict=True)]
            answer = evaluation.evaluated(instance, written, tuple(given), scans)
        return rows.arrow_table(answer, outputs)
    except BigPatoError:
        return None


def separate(statement: Any, entries: tuple[Any, ...]) -> list[Any]:
    """The table of each scan, in the order in which `rebuilt` numbers them."""
    return [entries[scan.table.serialization_id - 1] for scan in tree.walk(statement, ("TableScan",))]


def _columns(entry: Any, world: World) -> list[Any]:
    held = world.tables[entry.path[0]][1]
    return [(kind, held.column(name)) for name, kind in entry.columns]


@contextmanager
def kept(query: AnalyzedQuery, part: QueryPart, world: World, name: str) -> Iterator[TableCopy | None]:
    """A part as the tier would hold it, or None where it would not."""
    rows = rows_of(query, part, world) if tree.get(part.scan, "column_list") else None
    types = [tree.type_of(column) for column in tree.get(part.scan, "column_list")]
    if rows is None or any(kind.has(bad) for kind in types for bad in NOT_STORED):
        yield None
        return
    columns = tuple(Column(f"c{place}", kind) for place, kind in enumerate(types))
    names = tuple(part.form.names[column.column_id] for column in tree.get(part.scan, "column_list"))
    try:
        copy = engine.publish(Described(TableId(engine.PROJECT, "", f"kept_{name}"), columns), rows)
    except BigPatoError:
        yield None
        return
    yield replace(copy, source=QuerySource(marked(part.form), names, part.form.order, (), "", 0, 0.0))
    engine.withdraw([copy])


def local(copy: TableCopy) -> LocalTable:
    return LocalTable(copy.relation, copy.columns, copy.stats)
