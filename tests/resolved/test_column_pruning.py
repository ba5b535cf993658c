"""A query reads the columns that its answer needs, however deep its `*` is."""

from __future__ import annotations

import pytest

from bigpato_magic import googlesql
from bigpato_magic.resolved import tree
from tests.googlesql.conftest import ORDERS, table

pytestmark = pytest.mark.usefixtures("analyzer")
EVENTS = table("acme-1.shop.events", id="INT64", kind="STRING", cost="FLOAT64", note="STRING")


def columns(sql: str) -> set[str]:
    return set(analyzed(sql).tables[EVENTS.id].columns)


def analyzed(sql: str):
    known = {"events": EVENTS, "orders": ORDERS}
    return googlesql.analyze(sql, {path: known[path[-1]] for path in googlesql.table_names(sql)})


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("SELECT id FROM (SELECT * FROM shop.events)", "id"),
        ("SELECT id FROM (SELECT * FROM (SELECT * FROM shop.events WHERE cost > 1))", "id cost"),
        ("WITH a AS (SELECT * FROM shop.events) SELECT id FROM a", "id"),
        ("WITH a AS (SELECT * FROM shop.events), b AS (SELECT * FROM a WHERE kind = 'x') SELECT id FROM b", "id kind"),
        ("WITH a AS (SELECT * FROM shop.events) SELECT x.id FROM a AS x JOIN a AS y ON x.id = y.cost", "id cost"),
        ("SELECT id FROM (SELECT * FROM shop.events UNION ALL SELECT * FROM shop.events)", "id"),
        ("SELECT COUNT(*) FROM (SELECT * FROM shop.events UNION ALL SELECT * FROM shop.events)", "id"),
        ("WITH a AS (SELECT * FROM shop.events) SELECT COUNT(*) FROM a", ""),
        ("SELECT id FROM (SELECT * FROM shop.events ORDER BY note LIMIT 3)", "id note"),
        ("SELECT id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY kind ORDER BY cost) AS r FROM shop.events)"
         " WHERE r = 1", "id kind cost"),
        ("SELECT EXISTS (SELECT * FROM shop.events WHERE id = 1) AS x", "id"),
        ("SELECT ARRAY(SELECT id FROM (SELECT * FROM shop.events)) AS x", "id"),
        ("SELECT id IN (SELECT cost FROM (SELECT * FROM shop.events)) AS x FROM shop.events", "id cost"),
    ],
)  # fmt: skip
def test_what_no_expression_needs_is_not_read(sql, read):
    assert columns(sql) == set(read.split())


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM (SELECT * FROM shop.events)",
        "SELECT DISTINCT * FROM shop.events",
        "SELECT COUNT(*) FROM (SELECT DISTINCT * FROM shop.events)",
        "SELECT COUNT(*) FROM (SELECT * FROM shop.events EXCEPT DISTINCT SELECT * FROM shop.events)",
        "SELECT id FROM (SELECT * FROM shop.events UNION DISTINCT SELECT * FROM shop.events)",
        "SELECT TO_JSON_STRING(e) AS j FROM (SELECT * FROM shop.events) AS e",
        "SELECT (SELECT AS STRUCT e.*) AS s FROM shop.events AS e",
        "SELECT ARRAY(SELECT AS STRUCT * FROM shop.events) AS s",
        "WITH RECURSIVE r AS (SELECT * FROM shop.events UNION ALL SELECT id + 1, kind, cost, note FROM r WHERE id < 3)"
        " SELECT id FROM r",
    ],
)
def test_whole_rows_that_matter_are_read_whole(sql):
    assert columns(sql) == {"id", "kind", "cost", "note"}


def test_lists_of_columns_that_belong_together_stay_of_one_length():
    query = analyzed("WITH a AS (SELECT *, cost + 1 AS more FROM shop.events) SELECT more, id FROM a")
    entry = next(tree.walk(query.tree, ("WithEntry",)))
    reference = next(tree.walk(query.tree, ("WithRefScan",)))
    inner = tree.get(tree.node(entry.with_subquery), "column_list")
    assert [c.name for c in inner] == [c.name for c in tree.get(reference, "column_list")] == ["id", "cost", "more"]
