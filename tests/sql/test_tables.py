"""Tables as compiled SQL sees them."""

from __future__ import annotations

import pytest

from bigpato_magic import googlesql
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.types import Column, Compiled, Kind, LocalTable, SqlType, TableId
from tests.faithfulness import engine


@pytest.fixture(scope="module", autouse=True)
def analyzer():
    engine.ready()


def test_each_table_has_its_own_columns_whatever_it_is_read_from():
    columns = {"t": (Column("Key", SqlType(Kind.INT64)), Column("a", SqlType(Kind.STRING)))}
    columns["u"] = (Column("key", SqlType(Kind.INT64)), Column("b", SqlType(Kind.STRING)))
    ids = {name: TableId("p", "d", name) for name in columns}
    described = {("d", name): engine.Described(ids[name], columns[name]) for name in columns}
    query = googlesql.analyze("SELECT a, b, t.key, u.key AS other FROM d.t JOIN d.u USING (key)", described)
    compiled = compile_query(query, {ids[name]: LocalTable("one_file", columns[name]) for name in columns})
    assert isinstance(compiled, Compiled), compiled
    assert '."Key"' in compiled.sql
    assert '."key"' in compiled.sql
