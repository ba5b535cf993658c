"""One catalogue that grows with the tables that are used: what a query means does not depend on what was asked before."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import QueryError, TableNotFound
from bigpato_magic.types import Column, Kind, Partitioning, SqlType, TableId

INT64, STRING = SqlType(Kind.INT64), SqlType(Kind.STRING)


@dataclass(frozen=True)
class Table:
    id: TableId
    columns: tuple[Column, ...]
    partitioning: Partitioning | None = None


def table(name: str, *columns: tuple[str, SqlType]) -> Table:
    return Table(TableId("p", "d", name), tuple(Column(*column) for column in columns))


@pytest.fixture(autouse=True)
def ready():
    googlesql.warm(background=False)


def test_a_query_reads_its_own_tables_whatever_is_known_besides():
    tables = {("d", name): table(name, ("x", INT64)) for name in ("one", "two", "three")}
    for names in (("one",), ("two", "one"), ("three",), ("one", "three")):
        sql = " UNION ALL ".join(f"SELECT x FROM d.{name}" for name in names)
        found = googlesql.analyze(sql, {("d", name): tables["d", name] for name in names})
        assert set(found.tables) == {TableId("p", "d", name) for name in names}


def test_a_table_that_has_changed_is_the_new_one():
    old, new = table("changing", ("x", INT64)), table("changing", ("x", STRING), ("y", INT64))
    path = ("d", "changing")
    for known, kind in ((old, Kind.INT64), (new, Kind.STRING), (old, Kind.INT64)):
        (output,) = googlesql.analyze("SELECT x FROM d.changing", {path: known}).outputs
        assert output.type.kind is kind
    with pytest.raises(QueryError, match="y"):
        googlesql.analyze("SELECT y FROM d.changing", {path: old})


def test_a_table_that_a_text_does_not_name_is_not_there():
    path = ("d", "there")
    googlesql.analyze("SELECT x FROM d.there", {path: table("there", ("x", INT64))})
    with pytest.raises(TableNotFound, match="there"):
        googlesql.analyze("SELECT x FROM d.there", {})


def test_an_alias_hides_a_table_that_is_known():
    googlesql.analyze("SELECT x FROM d.hidden", {("d", "hidden"): table("hidden", ("x", INT64))})
    found = googlesql.analyze("SELECT h FROM (SELECT STRUCT([1, 2] AS hidden) AS d), d.hidden AS h")
    assert not found.tables


def test_very_wide_tables_do_not_make_it_grow_without_end():
    for number in range(4):
        wide = table(f"wide{number}", *((f"c{i}", INT64) for i in range(900)))
        found = googlesql.analyze(f"SELECT c7 FROM d.wide{number}", {("d", f"wide{number}"): wide})
        assert [output.name for output in found.outputs] == ["c7"]
