"""What is kept of a query is read from there: which part, with which columns, in which order; and what is not."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from bigpato_magic import googlesql
from bigpato_magic.resolved import tree
from bigpato_magic.resolved.canonical import question
from bigpato_magic.resolved.substitution import substituted
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.types import (
    AnalyzedQuery,
    Column,
    Compiled,
    Holding,
    Kind,
    LocalTable,
    Parameter,
    QuerySource,
    SqlType,
    TableCopy,
    TableId,
    TableVersion,
    array_of,
)
from tests.googlesql.conftest import of, table

pytestmark = pytest.mark.usefixtures("analyzer")
NOW = datetime(2026, 11, 29, tzinfo=UTC)
TABLES = {
    (name,): table(f"p.ds.{name}", a="INT64", b="INT64", s="STRING", d="DATE", xs=array_of(of("INT64")), f="FLOAT64")
    for name in ("t", "u")
}
FILTERED = "SELECT a, s FROM t WHERE b = 1"
GROUPED = "SELECT a, COUNT(*) AS n, SUM(b) AS total FROM t GROUP BY a"


def analyzed(sql: str, parameters: tuple[Parameter, ...] = ()) -> AnalyzedQuery:
    return googlesql.analyze(sql, TABLES, parameters)


def kept(sql: str, name: str = "k", parameters: tuple[Parameter, ...] = ()) -> TableCopy:
    query = analyzed(sql, parameters)
    asked = question(query, parameters, None)
    assert asked is not None
    columns = tuple(Column(output.name, output.type) for output in query.outputs)
    source = QuerySource(asked.digest, asked.columns, asked.order, (), sql, 0, 0.0, grouping=asked.grouping)
    holding = Holding(frozenset(column.name for column in columns))
    version = TableVersion(None, NOW, None, 0, 0, "")
    return TableCopy(name, TableId("p", "", f"kept_{name}"), version, columns, holding, (), NOW, "me", source=source)


def put(sql: str, *copies: TableCopy) -> AnalyzedQuery:
    found = substituted(analyzed(sql), copies, (), None)
    assert found is not None
    return found


def reads(query: AnalyzedQuery) -> dict[str, set[str]]:
    return {read.table.table: set(read.columns) for read in query.tables.values()}


def duck(query: AnalyzedQuery, *copies: TableCopy) -> str:
    known = {described.id: described for described in TABLES.values()}
    local = {table: LocalTable(f"<{table.table}>", known[table].columns) for table in query.tables if table in known}
    local |= {copy.table: LocalTable(f"<{copy.table.table}>", copy.columns) for copy in copies}
    compiled = compile_query(query, local)
    assert isinstance(compiled, Compiled)
    return compiled.sql


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        (FILTERED, {"kept_k": {"a", "s"}}),
        ("SELECT s AS x FROM (SELECT a, s FROM t WHERE 1 = b)", None),
        ("SELECT s AS x FROM (SELECT a, s, b FROM t WHERE b = 1)", {"kept_k": {"s"}}),
        ("SELECT a + 1 AS c FROM t WHERE b = 1", {"kept_k": {"a"}}),
        ("SELECT COUNT(*) AS n FROM t WHERE b = 1", {"kept_k": set()}),
        ("SELECT s, COUNT(*) AS n FROM t WHERE b = 1 GROUP BY s HAVING n > 1 ORDER BY n LIMIT 3", {"kept_k": {"s"}}),
        ("SELECT a, ROW_NUMBER() OVER (ORDER BY s) AS n FROM t WHERE b = 1", {"kept_k": {"a", "s"}}),
        ("SELECT x.a FROM (SELECT * FROM t WHERE b = 1) x JOIN u ON x.a = u.b", {"kept_k": {"a"}, "u": {"b"}}),
        (
            "SELECT u.a FROM u LEFT JOIN (SELECT * FROM t WHERE b = 1) x ON x.a = u.b",
            {"kept_k": {"a"}, "u": {"a", "b"}},
        ),
        ("WITH q AS (SELECT * FROM t WHERE b = 1) SELECT x.s FROM q x JOIN q y ON x.a = y.a", {"kept_k": {"a", "s"}}),
        ("WITH q AS (SELECT * FROM t WHERE b = 1), p AS (SELECT a FROM u) SELECT s FROM q", {"kept_k": {"s"}}),
        ("SELECT a FROM u WHERE a IN (SELECT a FROM t WHERE b = 1)", {"kept_k": {"a"}, "u": {"a"}}),
        ("SELECT (SELECT MAX(a) FROM t WHERE b = 1) AS m FROM u", {"kept_k": {"a"}, "u": set()}),
        ("SELECT ARRAY(SELECT a FROM t WHERE b = 1 ORDER BY s) AS x", {"kept_k": {"a", "s"}}),
        ("SELECT a FROM u UNION ALL SELECT a FROM t WHERE b = 1", {"kept_k": {"a"}, "u": {"a"}}),
        ("SELECT a FROM u EXCEPT DISTINCT SELECT a FROM t WHERE b = 1", {"kept_k": {"a"}, "u": {"a"}}),
        ("SELECT DISTINCT a FROM t WHERE b = 1", {"kept_k": {"a"}}),
        ("FROM t |> WHERE b = 1 |> EXTEND a * 2 AS c |> SELECT c", {"kept_k": {"a"}}),
        ("SELECT s FROM t WHERE b = 1 AND a > 2", {"kept_k": {"a", "s"}}),
        ("SELECT COUNT(*) AS n FROM t WHERE a > 2 AND b = 1 AND s IS NULL", {"kept_k": {"a", "s"}}),
        (
            "SELECT x.a FROM (SELECT * FROM t WHERE b = 1 AND s = 'x') x JOIN u ON x.a = u.b",
            {"kept_k": {"a", "s"}, "u": {"b"}},
        ),
        ("SELECT a FROM u WHERE a IN (SELECT a FROM t WHERE b = 1 AND s = 'x')", {"kept_k": {"a", "s"}, "u": {"a"}}),
        ("SELECT a FROM t WHERE b = 1 AND d > '2024-01-01'", None),  # d is not kept
        ("SELECT a FROM t WHERE b = 1 AND 1 / a > 2", None),  # BigQuery may divide by what is not kept
        ("SELECT a FROM t WHERE b = 1 AND (b = 2 OR a = 1)", None),
        ("SELECT (SELECT MAX(t.a) FROM t WHERE t.b = 1 AND t.a > u.a) AS m FROM u", None),
        ("SELECT a, b FROM t WHERE b = 1", None),
        ("SELECT a FROM t WHERE b = 2", None),
        ("SELECT a FROM u WHERE b = 1", None),
        ("SELECT a FROM t", None),
        ("SELECT (SELECT MAX(t.a) FROM t WHERE t.b = u.a) AS m FROM u", None),
        ("SELECT 1 AS x", None),
    ],
)
def test_the_largest_part_that_is_kept_is_read_from_there(sql, read):
    copy = kept(FILTERED)
    found = substituted(analyzed(sql), [copy], (), None)
    assert (None if found is None else reads(found)) == read
    if found is not None:
        assert duck(found, copy)
        assert found.outputs == analyzed(sql).outputs


def test_groups_serve_other_aggregates_of_the_same_groups():
    copy = kept(GROUPED)
    assert reads(put("SELECT a, SUM(b) AS x FROM t GROUP BY a", copy)) == {"kept_k": {"a", "total"}}
    assert reads(put("SELECT a FROM t GROUP BY a HAVING COUNT(*) > 1", copy)) == {"kept_k": {"a", "n"}}
    assert substituted(analyzed("SELECT a, MAX(b) AS x FROM t GROUP BY a"), [copy], (), None) is None


def test_the_order_goes_only_with_the_whole_answer_in_that_order():
    copy = kept(FILTERED + " ORDER BY b, a")
    assert "ORDER BY" not in duck(put("SELECT a FROM t WHERE b = 1 ORDER BY b, a", copy), copy)
    assert duck(put("SELECT a FROM t WHERE b = 1 ORDER BY s DESC", copy), copy).endswith(
        'ORDER BY t1."s" DESC NULLS LAST'
    )
    # It is sorted again: by b, which is not here.
    assert substituted(analyzed("SELECT a FROM t WHERE b = 1 ORDER BY b, a LIMIT 3"), [copy], (), None) is None
    assert "ORDER BY" in duck(put("SELECT a FROM t WHERE b = 1 ORDER BY a LIMIT 3", copy), copy)


def test_a_limit_is_kept_with_the_order_that_it_cuts():
    copy = kept("SELECT a, s FROM t ORDER BY a, s LIMIT 5")
    assert reads(put("SELECT s FROM t ORDER BY a, s LIMIT 5", copy)) == {"kept_k": {"s"}}
    assert reads(put("SELECT MAX(s) AS m FROM (SELECT * FROM t ORDER BY a, s LIMIT 5)", copy)) == {"kept_k": {"s"}}
    for other in ("ORDER BY a LIMIT 5", "ORDER BY a, s LIMIT 6", "LIMIT 5", "ORDER BY a, s LIMIT 5 OFFSET 1"):
        assert substituted(analyzed(f"SELECT s FROM t {other}"), [copy], (), None) is None


def test_an_array_goes_straight_into_the_answer_or_is_not_taken():
    """A result has [] where the query had NULL."""
    copy = kept("SELECT a, ARRAY_AGG(b) AS x FROM t GROUP BY a")
    grouped = "(SELECT a, ARRAY_AGG(b) AS x FROM t GROUP BY a)"
    assert reads(put(f"SELECT x FROM {grouped} WHERE a > 1", copy)) == {"kept_k": {"a", "x"}}
    assert substituted(analyzed(f"SELECT a FROM {grouped} WHERE x IS NULL"), [copy], (), None) is None
    assert reads(put(f"SELECT a FROM {grouped} WHERE a > 1", copy)) == {"kept_k": {"a"}}


def test_of_several_the_largest_part_and_the_first_that_fits_are_taken():
    small, large, same = (
        kept(FILTERED, "small"),
        kept(GROUPED.replace("t GROUP", "t WHERE b = 1 GROUP"), "large"),
        kept(FILTERED, "same"),
    )
    query = "SELECT a, COUNT(*) AS n FROM t WHERE b = 1 GROUP BY a"
    assert list(reads(put(query, small, large))) == ["kept_large"]
    assert list(reads(put(query.replace("COUNT(*)", "MAX(s)"), same, small, large))) == ["kept_same"]
    both = f"SELECT x.s, y.n FROM (SELECT * FROM t WHERE b = 1) x JOIN ({query}) y USING (a)"
    assert set(reads(put(both, small, large))) == {"kept_small", "kept_large"}


def test_a_column_of_another_type_is_not_the_column():
    copy = kept(FILTERED)
    changed = TableCopy(
        copy.id, copy.table, copy.version, (Column("a", SqlType(Kind.FLOAT64)), copy.columns[1]), copy.holding, (), NOW, "me",
        source=copy.source,
    )  # fmt: skip
    assert substituted(analyzed("SELECT a FROM t WHERE b = 1"), [changed], (), None) is None
    assert reads(put("SELECT s FROM t WHERE b = 1", changed)) == {"kept_k": {"s"}}


def test_parameters_count_by_their_values_and_go_with_the_part():
    sql = "SELECT a FROM t WHERE b = @x"
    one, two = (Parameter("x", SqlType(Kind.INT64), value) for value in (1, 2))
    copy = kept(FILTERED)
    found = substituted(analyzed(sql, (one,)), [copy], (one,), None)
    assert found is not None
    assert found.parameters == {}
    assert substituted(analyzed(sql, (two,)), [copy], (two,), None) is None
    above = substituted(analyzed("SELECT a + @x AS c FROM t WHERE b = 1", (two,)), [copy], (two,), None)
    assert above is not None
    assert set(above.parameters) == {"x"}


def test_today_is_the_day_of_the_run():
    sql, literal = "SELECT a FROM t WHERE d = CURRENT_DATE()", "SELECT a FROM t WHERE d = '2026-11-29'"
    copy = kept(literal)
    assert substituted(analyzed(sql), [copy], (), None) is None
    assert substituted(analyzed(sql), [copy], (), date(2026, 11, 30)) is None
    assert substituted(analyzed(sql), [copy], (), date(2026, 11, 29)) is not None


def test_the_query_itself_stays_as_it_is():
    query, copy = analyzed("WITH q AS (SELECT * FROM t WHERE b = 1) SELECT s FROM q"), kept(FILTERED)
    before = query.tree.SerializeToString(deterministic=True)
    found = substituted(query, [copy], (), None)
    assert found is not None
    assert query.tree.SerializeToString(deterministic=True) == before
    assert [scan.table.full_name for scan in tree.walk(found.tree, ("TableScan",))] == ["p..kept_k"]
    assert not list(tree.walk(found.tree, ("WithScan",)))


def test_copies_of_tables_are_no_kept_relations():
    copy = kept(FILTERED)
    plain = TableCopy(copy.id, TABLES["t",].id, copy.version, copy.columns, copy.holding, (), NOW, "me")
    assert substituted(analyzed(FILTERED), [plain], (), None) is None
    assert substituted(analyzed(FILTERED), [], (), None) is None
