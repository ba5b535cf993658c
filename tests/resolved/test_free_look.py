"""What is a look, and what is none: columns of one table, a filter of comparisons with constants, a LIMIT."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bigpato_magic.parameters import check
from bigpato_magic.resolved import tree
from bigpato_magic.resolved.free_look import free_look
from bigpato_magic.resolved.restriction import MOST, parameter_of
from bigpato_magic.types import (
    Column,
    Kind,
    Look,
    Parameter,
    Partitioning,
    PartitionUnit,
    Refused,
    SqlType,
    TableFacts,
    TableId,
    TableKind,
    TableVersion,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
T = TableId("p", "d", "t")
KINDS = {
    "i": Kind.INT64,
    "s": Kind.STRING,
    "b": Kind.BOOL,
    "day": Kind.DATE,
    "at": Kind.TIMESTAMP,
    "n": Kind.NUMERIC,
    "f": Kind.FLOAT64,
    "Group": Kind.STRING,
    "local": Kind.DATETIME,
    "raw": Kind.BYTES,
    "doc": Kind.JSON,
    "place": Kind.GEOGRAPHY,
}
COLUMNS = tuple(Column(name, SqlType(kind)) for name, kind in KINDS.items())
FACTS = TableFacts(T, TableVersion("e", NOW, NOW, 10, 800, "x"), COLUMNS, NOW)


def look(analyzer, sql, parameters=(), facts=FACTS):
    query = analyzer.analyze(sql, {("d", "t"): facts}, parameters)
    return free_look(query, facts, tuple(map(check, parameters)))


@pytest.mark.parametrize(
    ("sql", "columns", "places", "restriction", "limit"),
    [
        ("SELECT * FROM d.t", list(KINDS), tuple(range(len(KINDS))), "", None),
        (
            "SELECT * EXCEPT (f, raw, local, doc, place) FROM d.t LIMIT 3",
            [*list(KINDS)[:6], "Group"],
            tuple(range(7)),
            "",
            3,
        ),
        ("SELECT s AS x, I, s FROM d.t", ["s", "i"], (0, 1, 0), "", None),
        ("SELECT a.s FROM d.t AS a WHERE a.i = -3", ["s", "i"], (0,), "(`i` = -3)", None),
        ("SELECT i FROM d.t WHERE `Group` != 'a'", ["i", "Group"], (0,), "(`Group` != 'a')", None),
        ("SELECT i FROM d.t WHERE 3 < i AND b", ["i", "b"], (0,), "((3 < `i`) AND (`b` = TRUE))", None),
        (
            "SELECT i FROM d.t WHERE NOT (b OR i IS NULL)",
            ["i", "b"],
            (0,),
            "(NOT ((`b` = TRUE) OR (`i` IS NULL)))",
            None,
        ),
        ("SELECT i FROM d.t WHERE f IS NOT NULL", ["i", "f"], (0,), "(NOT (`f` IS NULL))", None),
        ("SELECT i FROM d.t WHERE s IN ('a', 'b')", ["i", "s"], (0,), "(`s` IN ('a', 'b'))", None),
        ("SELECT i FROM d.t WHERE s NOT IN ('it\\'s')", ["i", "s"], (0,), "(NOT (`s` IN ('it\\u0027s')))", None),
        (
            "SELECT i FROM d.t WHERE day BETWEEN '2024-01-31' AND DATE '2024-02-01'",
            ["i", "day"],
            (0,),
            "(`day` BETWEEN DATE '2024-01-31' AND DATE '2024-02-01')",
            None,
        ),
        (
            "SELECT i FROM d.t WHERE `at` >= '2024-01-31 12:00:00+02'",
            ["i", "at"],
            (0,),
            "(`at` >= TIMESTAMP '2024-01-31 10:00:00.000000+00:00')",
            None,
        ),
        ("SELECT n FROM d.t WHERE n < 1.5", ["n"], (0,), "(`n` < NUMERIC '1.500000000')", None),
        ("WITH x AS (SELECT s, b FROM d.t WHERE b) SELECT s FROM x LIMIT 9", ["s", "b"], (0,), "(`b` = TRUE)", 9),
        ("SELECT s FROM (SELECT * FROM d.t LIMIT 5) LIMIT 9", ["s"], (0,), "", 5),
        ("FROM d.t |> WHERE i = 3 |> SELECT s |> LIMIT 2", ["s", "i"], (0,), "(`i` = 3)", 2),
        (
            "SELECT i FROM (SELECT * FROM d.t WHERE i > 1) WHERE s = 'a'",
            ["i", "s"],
            (0,),
            "(`s` = 'a') AND (`i` > 1)",
            None,
        ),
    ],
)
def test_rows_of_one_table_are_a_look(analyzer, sql, columns, places, restriction, limit):
    found = look(analyzer, sql)
    assert isinstance(found, Look), found
    assert [column.name for column in found.columns] == columns
    assert (found.places, found.restriction, found.limit) == (places, restriction, limit)


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT i + 1 AS x FROM d.t", "computes"),
        ("SELECT 1 AS x FROM d.t", "computes"),
        ("SELECT DISTINCT i FROM d.t", "computes"),
        ("SELECT i FROM d.t ORDER BY i LIMIT 3", "orders"),
        ("SELECT i FROM d.t LIMIT 3 OFFSET 1", "computes"),
        ("SELECT i FROM d.t TABLESAMPLE SYSTEM (10 PERCENT)", "computes"),
        ("SELECT COUNT(*) AS n FROM d.t", "computes"),
        ("SELECT a.i FROM d.t AS a JOIN d.t AS b USING (i)", "joins"),
        ("SELECT i FROM d.t UNION ALL SELECT i FROM d.t", "computes"),
        ("SELECT i FROM (SELECT * FROM d.t LIMIT 5) WHERE i > 3", "computes"),
        ("SELECT t FROM d.t AS t", "computes"),
        ("SELECT i FROM d.t FOR SYSTEM_TIME AS OF TIMESTAMP '2024-01-01'", "another time"),
        ("SELECT i FROM d.t WHERE f > 1", "f, which is FLOAT64"),
        ("SELECT i FROM d.t WHERE f IN (1.5)", "f, which is FLOAT64"),
        ("SELECT i FROM d.t WHERE local > '2024-01-01'", "local, which is DATETIME"),
        ("SELECT i FROM d.t WHERE raw = b'a'", "raw, which is BYTES"),
        ("SELECT i FROM d.t WHERE doc IS NULL", "doc is NULL, which is JSON"),
        ("SELECT i FROM d.t WHERE place IS NOT NULL", "place is NULL, which is GEOGRAPHY"),
        ("SELECT i FROM d.t WHERE i > 1.5", "more than columns"),
        ("SELECT i FROM d.t WHERE i = i", "more than constants"),
        ("SELECT i FROM d.t WHERE i IN (1, NULL)", "NULL"),
        ("SELECT i FROM d.t WHERE s LIKE 'a%'", "LIKE"),
        ("SELECT i FROM d.t WHERE UPPER(s) = 'A'", "more than columns"),
        ("SELECT i FROM d.t WHERE day > CURRENT_DATE()", "more than constants"),
        ("SELECT i FROM d.t WHERE i IN UNNEST([1, 2])", "IN_ARRAY"),
        ("SELECT i FROM d.t WHERE i IN (SELECT i FROM d.t)", "not made of comparisons"),
        ("SELECT i FROM d.t WHERE TRUE", "not made of comparisons"),
        ("SELECT i FROM d.t WHERE b IS TRUE", "IS_TRUE"),
    ],
)
def test_whatever_else_is_none(analyzer, sql, why):
    found = look(analyzer, sql)
    assert isinstance(found, Refused), found
    assert found.reasons[0].code == "no-look"
    assert why in found.reasons[0].message


def test_a_filter_that_is_too_long_for_storage_read_is_bigquerys(analyzer):
    long = [Parameter("x", SqlType(Kind.STRING), "x" * MOST)]
    assert "too long" in look(analyzer, "SELECT i FROM d.t WHERE s = @x", long).reasons[0].message


def changed(**change):
    return replace(FACTS, **change)


def with_column(name, **change):
    return changed(columns=tuple(replace(c, **change) if c.name == name else c for c in COLUMNS))


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        *(
            (changed(version=replace(FACTS.version, kind=kind)), "is a")
            for kind in TableKind
            if kind not in ("TABLE", "SNAPSHOT", "CLONE")
        ),
        (changed(row_policies=True), "row policies"),
        (changed(streaming=True), "streamed"),
        (with_column("i", policy_tagged=True), "policy tag"),
        (with_column("at", parameters=(("timestamp_precision", 12),)), "picoseconds"),
    ],
)
def test_of_a_table_whose_rows_are_not_simply_its_own_nothing_is_read(analyzer, facts, why):
    found = look(analyzer, "SELECT i, `at` FROM d.t", facts=facts)
    assert isinstance(found, Refused)
    assert why in found.reasons[0].message


def test_a_tag_is_in_the_way_only_where_its_column_is_read(analyzer):
    tagged = with_column("i", policy_tagged=True)
    assert isinstance(look(analyzer, "SELECT s FROM d.t", facts=tagged), Look)
    assert isinstance(look(analyzer, "SELECT s FROM d.t WHERE i = 1", facts=tagged), Refused)


@pytest.mark.parametrize(
    ("predicate", "met"),
    [
        ("", False),
        ("WHERE i = 1", False),
        ("WHERE day = '2024-01-01'", True),
        ("WHERE i = 1 AND day IN ('2024-01-01')", True),
        ("WHERE day BETWEEN '2024-01-01' AND '2024-01-02'", True),
        ("WHERE day != '2024-01-01'", False),
        ("WHERE day = '2024-01-01' OR i = 1", False),
        ("WHERE NOT day = '2024-01-01'", False),
        ("WHERE day IS NULL", False),
    ],
)
def test_a_filter_that_the_table_asks_for_must_be_there_for_certain(analyzer, predicate, met):
    facts = changed(partitioning=Partitioning(PartitionUnit.DAY, "DAY", filter_required=True))
    assert isinstance(look(analyzer, f"SELECT i FROM d.t {predicate}", facts=facts), Look) is met


def test_a_table_of_ingestion_time_that_asks_for_a_filter_is_bigquerys(analyzer):
    facts = changed(partitioning=Partitioning(PartitionUnit.DAY, None, filter_required=True))
    for predicate in ("", "WHERE i = 1", "WHERE _PARTITIONTIME > '2024-01-01'"):
        assert isinstance(look(analyzer, f"SELECT i FROM d.t {predicate}", facts=facts), Refused)


@pytest.mark.parametrize(("value", "limit"), [(0, 0), (7, 7), (-1, None), (None, None)])
def test_a_limit_may_be_a_parameter_that_is_a_count(analyzer, value, limit):
    found = look(analyzer, "SELECT i FROM d.t LIMIT @n", [Parameter("N", SqlType(Kind.INT64), value)])
    assert (found.limit if isinstance(found, Look) else None) == limit


# --------------------------------------------------------------------------------------- restrictions

VALUES = {
    "i": st.integers(-(2**63), 2**63 - 1),
    "s": st.text(),
    "b": st.booleans(),
    "day": st.dates(date(1, 1, 1), date(9999, 12, 31)),
    "at": st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(lambda at: at.replace(tzinfo=UTC)),
    "n": st.integers(-(10**38) + 1, 10**38 - 1).map(lambda units: Decimal(f"{units}E-9")),
}
OPERATORS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])


@st.composite
def comparisons(draw):
    name = draw(st.sampled_from(sorted(VALUES)))
    values = draw(st.lists(VALUES[name], min_size=2, max_size=4))
    shape = draw(st.sampled_from(["left", "right", "in", "not in", "between", "null", "not null", "bare"]))
    marks, column = ["?"] * len(values), f"`{name}`"
    match shape:
        case "left":
            return f"{column} {draw(OPERATORS)} ?", [(name, values[0])]
        case "right":
            return f"? {draw(OPERATORS)} {column}", [(name, values[0])]
        case "between":
            return f"{column} BETWEEN ? AND ?", [(name, value) for value in values[:2]]
        case "in" | "not in":
            return f"{column} {shape.upper()} ({', '.join(marks)})", [(name, value) for value in values]
        case "bare":
            return "b", []
    return f"{column} IS {shape.upper()}", []


def _joined(parts):
    word, (left, mine), (right, theirs) = parts
    return f"({left} {word} {right})", [*mine, *theirs]


PREDICATES = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["AND", "OR"]), inner, inner).map(_joined),
        inner.map(lambda part: (f"NOT ({part[0]})", part[1])),
    ),
    max_leaves=5,
)


def meant(predicate, parameters):
    """A predicate as nested tuples: what is called, names of columns, values."""
    node = tree.node(predicate)
    kind = tree.name(node)
    if kind == "FunctionCall":
        name = tree.function_name(node)
        parts = tuple(meant(argument, parameters) for argument in tree.get(node, "argument_list"))
        return ("$equal", parts[0], (Kind.BOOL, True)) if name == "$is_true" else (name, *_as_filters(name, parts))
    if kind == "ColumnRef":
        return node.column.name
    if kind == "Parameter":
        parameter = parameter_of(node, parameters)
        return parameter.type.kind, _plain(parameter.value)
    assert kind == "Literal"
    return tree.type_of(node).kind, _plain(tree.literal(node))


def _as_filters(name, parts):
    """A column alone, as a predicate, is one that is TRUE."""
    if name not in ("$and", "$or", "$not"):
        return parts
    return tuple(("$equal", part, (Kind.BOOL, True)) if isinstance(part, str) else part for part in parts)


def _plain(value):
    if isinstance(value, datetime):
        return (value - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution)
    return value.normalize(Context(prec=80)) if isinstance(value, Decimal) else value


def _filter_of(query):
    (scan,) = tree.walk(query.tree, ("FilterScan",))
    return scan.filter_expr


@given(predicate=PREDICATES)
def test_a_restriction_that_is_read_again_is_the_same_predicate(analyzer, predicate):
    text, values = predicate
    parameters = [Parameter(None, SqlType(KINDS[name]), value) for name, value in values]
    sql = f"SELECT i FROM d.t WHERE {text}"
    found = look(analyzer, sql, parameters)
    assert isinstance(found, Look), found
    query = analyzer.analyze(sql, {("d", "t"): FACTS}, parameters)
    again = analyzer.analyze(f"SELECT i FROM d.t WHERE {found.restriction}", {("d", "t"): FACTS})
    wanted = meant(_filter_of(query), parameters)
    assert meant(_filter_of(again), ()) == (("$equal", wanted, (Kind.BOOL, True)) if wanted == "b" else wanted)


@given(value=st.text())
def test_a_text_of_the_person_is_never_more_than_a_text(analyzer, value):
    found = look(analyzer, "SELECT i FROM d.t WHERE s = @x", [Parameter("x", SqlType(Kind.STRING), value)])
    assert isinstance(found, Look)
    again = analyzer.analyze(f"SELECT i FROM d.t WHERE {found.restriction}", {("d", "t"): FACTS})
    assert meant(_filter_of(again), ()) == ("$equal", "s", (Kind.STRING, value))
