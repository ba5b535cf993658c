"""What a query means, and BigQuery's complaints about it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import AnalyzerUnavailable, QueryError, TableNotFound
from bigpato_magic.resolved import tree
from bigpato_magic.types import (
    AnalyzedQuery,
    Column,
    Kind,
    Parameter,
    Partitioning,
    PartitionUnit,
    SqlType,
    StructField,
    array_of,
    struct_of,
)

from .conftest import ORDERS, of, table


def analyze(sql: str, *parameters: Parameter) -> AnalyzedQuery:
    return googlesql.analyze(sql, dict.fromkeys(googlesql.table_names(sql), ORDERS), parameters)


def names(query: AnalyzedQuery) -> list[str]:
    return [column.name for column in query.outputs]


# ----------------------------------------------------------------------------------------- tables


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT 1", []),
        ("SELECT * FROM t, ds.u, p.ds.v", [("p", "ds", "v"), ("ds", "u"), ("t",)]),
        ("SELECT * FROM `p-x.ds.t`", [("p-x.ds.t",)]),
        ("SELECT * FROM p-x.ds.t", [("p-x", "ds", "t")]),
        ("WITH c AS (SELECT * FROM t) SELECT * FROM c, c.items", [("t",)]),
        ("SELECT * FROM t, t.items, UNNEST(t.other)", [("t",)]),
        ("INSERT INTO ds.t SELECT * FROM ds.u", [("ds", "t"), ("ds", "u")]),
        ("CREATE TEMP FUNCTION f(x INT64) AS (x); SELECT f(a) FROM t", [("t",)]),
        ("DECLARE x INT64; SET x = (SELECT MAX(a) FROM t); SELECT x", [("t",)]),
    ],
)
def test_a_text_names_its_tables_before_any_is_known(sql, found):
    assert sorted(googlesql.table_names(sql)) == sorted(found)


@pytest.mark.parametrize(
    "path",
    [
        "orders",
        "shop.orders",
        "acme-1.shop.orders",
        "`acme-1`.shop.orders",
        "`acme-1.shop`.orders",
        "`acme-1.shop.orders`",
    ],
)
def test_a_table_is_known_by_every_way_to_write_it_and_by_its_last_name(path):
    query = analyze(f"SELECT orders.id FROM {path} WHERE orders.country = 'at'")
    read = query.tables[ORDERS.id]
    assert read.columns == {"id", "country"}
    assert query.outputs[0].type == of("INT64")


def test_only_columns_that_are_named_are_read():
    query = analyze("SELECT a FROM (SELECT id AS a FROM shop.orders WHERE day > '2024-01-01')")
    assert query.tables[ORDERS.id].columns == {"id", "day"}
    assert analyze("SELECT COUNT(*) FROM shop.orders").tables[ORDERS.id].columns == frozenset()


def test_a_domain_in_a_project_is_not_cut():
    theirs = table("example.com:acme.shop.orders", id="INT64")
    for path in ("`example.com:acme.shop.orders`", "`example.com:acme`.shop.orders"):
        sql = f"SELECT orders.id FROM {path}"
        query = googlesql.analyze(sql, dict.fromkeys(googlesql.table_names(sql), theirs))
        assert set(query.tables) == {theirs.id}


def test_the_same_name_in_two_datasets_is_two_tables():
    other = table("acme-1.archive.orders", id="STRING")
    sql = "SELECT a.id, b.id AS old FROM shop.orders AS a, archive.orders AS b"
    query = googlesql.analyze(sql, {("shop", "orders"): ORDERS, ("archive", "orders"): other})
    assert [str(column.type) for column in query.outputs] == ["INT64", "STRING"]
    assert set(query.tables) == {ORDERS.id, other.id}


def test_letters_of_another_case_name_another_table():
    with pytest.raises(AnalyzerUnavailable, match="case"):
        googlesql.analyze("SELECT 1 FROM shop.Orders", {("shop", "Orders"): ORDERS})


def test_a_collation_is_left_to_bigquery():
    named = replace(ORDERS, columns=(*ORDERS.columns, Column("name", of("STRING"), collation="und:ci")))
    with pytest.raises(AnalyzerUnavailable, match="collation"):
        googlesql.analyze("SELECT id FROM orders", {("orders",): named})


def test_two_tables_that_only_case_tells_apart_are_left_to_bigquery():
    upper = table("acme-1.shop.ORDERS", id="INT64")
    with pytest.raises(AnalyzerUnavailable, match="case"):
        googlesql.analyze(
            "SELECT 1 FROM shop.orders, shop.ORDERS AS o", {("shop", "orders"): ORDERS, ("shop", "ORDERS"): upper}
        )


@pytest.mark.parametrize(
    ("unit", "pseudo"),
    [
        (PartitionUnit.DAY, {"_partitiontime", "_partitiondate"}),
        (PartitionUnit.HOUR, {"_partitiontime"}),
        (PartitionUnit.RANGE, set()),
    ],
)
def test_ingestion_time_tables_have_pseudo_columns_that_a_star_leaves_out(unit, pseudo):
    logs = table("p.ds.logs", Partitioning(unit), line="STRING")
    assert names(googlesql.analyze("SELECT * FROM logs", {("logs",): logs})) == ["line"]
    for column in ("_PARTITIONTIME", "_PARTITIONDATE"):
        sql = f"SELECT {column} AS t FROM logs"
        if column.lower() in pseudo:
            assert googlesql.analyze(sql, {("logs",): logs}).tables[logs.id].columns == {column.lower()}
        else:
            with pytest.raises(QueryError, match="Unrecognized name"):
                googlesql.analyze(sql, {("logs",): logs})


def test_more_catalogues_than_are_kept_are_analyzed_all_the_same():
    for number in range(70):
        one = table(f"p.ds.t{number}", id="INT64")
        assert googlesql.analyze(f"SELECT id FROM t{number}", {(f"t{number}",): one}).tables.keys() == {one.id}
    assert analyze("SELECT id FROM orders").tables


# ---------------------------------------------------------------------------------------- results


def test_columns_without_a_name_are_numbered_among_themselves():
    assert names(analyze("SELECT 1, 2 AS two, 3, id + 1, id FROM orders")) == ["f0_", "two", "f1_", "f2_", "id"]


@pytest.mark.parametrize(
    "sql", ["SELECT 1 AS a, 2 AS A", "SELECT AS STRUCT 1 AS a", "SELECT AS VALUE 1", "SELECT 1 AS _PARTITIONTIME"]
)
def test_names_that_bigquery_decides_on_are_left_to_it(sql):
    with pytest.raises(AnalyzerUnavailable):
        analyze(sql)


def test_types_come_through_both_ways():
    kinds = [of(kind) for kind in Kind if kind not in (Kind.ARRAY, Kind.STRUCT, Kind.RANGE)]
    kinds += [SqlType(Kind.RANGE, element=of("DATE")), array_of(of("NUMERIC"))]
    kinds += [struct_of(("a", of("INT64")), ("b", array_of(struct_of(("c", of("JSON")))))), ORDERS.columns[-1].type]
    wide = table("p.ds.wide", **{f"c{place}": kind for place, kind in enumerate(kinds)})
    query = googlesql.analyze("SELECT * FROM wide", {("wide",): wide})
    assert [column.type for column in query.outputs] == kinds


def test_an_anonymous_field_has_no_name():
    fields = analyze("SELECT STRUCT(1 AS a, 'x')").outputs[0].type.fields
    assert fields == (StructField("a", of("INT64")), StructField("", of("STRING")))


# ------------------------------------------------------------------------------------- parameters


def test_types_of_parameters_are_told_or_inferred():
    sql = "SELECT id FROM orders WHERE day >= @since AND amount > @Least"
    assert analyze(sql).parameters == {"since": of("DATE"), "least": of("NUMERIC")}
    told = analyze(sql, Parameter("LEAST", of("INT64"), 3), Parameter("since", of("DATE"), None))
    assert told.parameters == {"since": of("DATE"), "least": of("INT64")}


def test_positional_parameters_are_told_or_inferred():
    assert analyze("SELECT id FROM orders WHERE day > ?").parameters == {"1": of("DATE")}
    told = analyze("SELECT ?, ?", Parameter(None, of("STRING"), ""), Parameter(None, of("BOOL"), True))
    assert told.parameters == {"1": of("STRING"), "2": of("BOOL")}


def test_a_parameter_of_another_type_is_an_error():
    with pytest.raises(QueryError, match="No matching signature"):
        analyze("SELECT id FROM orders WHERE day > @since", Parameter("since", of("BOOL"), True))


# ----------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("sql", "message", "line", "column"),
    [
        ("SELECT nope FROM orders", "Unrecognized name: nope", 1, 8),
        ("SELECT\n\t'\u00e9', nope FROM orders", "Unrecognized name: nope", 2, 7),
        ("SELECT id\r\nFROM orders WHER day", "Syntax error", 2, 18),
        ("SELECT 1 +", "Syntax error: Unexpected end", 1, 11),
        ("SELECT * FROM `acme-1.shop.orders` JOIN `acme-1.shop.orders` AS o USING (nope)", "Column nope", 1, 74),
        ("SELECT '`acme-1.shop.orders`', nope FROM `acme-1.shop.orders`", "Unrecognized name", 1, 32),
        ("-- it's `acme-1.shop.orders`\nSELECT 1 FROM `acme-1.shop.orders` WHERE nope", "Unrecognized name", 2, 42),
        ("SELECT id + 'x' FROM orders", "Could not cast literal|No matching signature", 1, None),
    ],
)
def test_an_error_stands_where_the_person_wrote_it(sql, message, line, column):
    with pytest.raises(QueryError, match=message) as caught:
        analyze(sql)
    assert caught.value.sql == sql
    assert caught.value.line == line
    assert column is None or caught.value.column == column


def test_an_unknown_table_is_told_as_such():
    with pytest.raises(TableNotFound, match="nowhere"):
        googlesql.analyze("SELECT 1 FROM nowhere")


@pytest.mark.parametrize("sql", ["INSERT INTO orders (id) VALUES (1)", "DROP TABLE orders", "BEGIN TRANSACTION"])
def test_what_is_no_query_is_left_to_bigquery(sql):
    with pytest.raises(AnalyzerUnavailable, match="BigQuery's to run"):
        analyze(sql)


def test_a_trap_costs_one_answer_only():
    with pytest.raises(AnalyzerUnavailable, match="gave up"):
        analyze("SELECT " + "+".join(["1"] * 2000))
    assert analyze("SELECT id FROM orders").tables


def test_a_deep_tree_is_read():
    query = analyze("SELECT " + " || ".join(["country"] * 80) + " FROM orders")
    assert query.outputs[0].type == of("STRING")


def test_a_very_long_text_is_not_even_begun():
    with pytest.raises(AnalyzerUnavailable, match="longer"):
        analyze("SELECT 1 IN (" + ",".join(["1234567890"] * 10_000) + ")")


# -------------------------------------------------------------------------------------- functions


def test_sql_functions_of_the_cell_are_put_in_place_of_their_calls():
    query = analyze(
        """CREATE TEMP FUNCTION net(x NUMERIC) RETURNS FLOAT64 AS (x / 1.2);  -- without tax
           CREATE TEMPORARY FUNCTION twice(x ANY TYPE) AS (net(x) * 2);
           CREATE TEMP AGGREGATE FUNCTION spread(x NUMERIC) AS (MAX(x) - MIN(x));
           SELECT twice(spread(amount)), SUM(net(id)) FROM `acme-1.shop.orders`;  -- done"""
    )
    assert [column.type for column in query.outputs] == [of("FLOAT64"), of("FLOAT64")]
    assert query.tables[ORDERS.id].columns == {"amount", "id"}
    called = {
        tree.get(call, "function").name for call in tree.walk(query.tree, ("FunctionCall", "AggregateFunctionCall"))
    }
    assert all(name.startswith("ZetaSQL:") for name in called)


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        (
            "CREATE TEMP FUNCTION f(x FLOAT64) RETURNS FLOAT64 LANGUAGE js AS 'return x'; SELECT f(1)",
            "not written in SQL",
        ),
        ("CREATE FUNCTION f(x INT64) AS (x); SELECT f(1)", "script"),
        ("CREATE TEMP FUNCTION f(x INT64) AS (x); SELECT f(1); SELECT 2", "script"),
        ("CREATE TEMP FUNCTION f(x INT64) AS (x); DROP TABLE orders", "script"),
    ],
)
def test_other_functions_and_scripts_are_left_to_bigquery(sql, why):
    with pytest.raises(AnalyzerUnavailable, match=why):
        analyze(sql)


def test_an_error_in_a_function_is_told_without_the_analyzers_own_words():
    with pytest.raises(QueryError, match=r"No matching signature for function F\b") as caught:
        analyze("CREATE TEMP FUNCTION f(x INT64) AS (x + 1);\nSELECT f(1, 2)")
    assert (caught.value.line, caught.value.column) == (2, 8)


# ------------------------------------------------------------------------------------------- tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-9223372036854775808", -(2**63)),
        ("1.5", 1.5),
        ("TRUE", True),
        ("'\u00fc'", "\u00fc"),
        ("b'\\xff'", b"\xff"),
        ("NUMERIC '-99999999999999999999999999999.999999999'", Decimal("-99999999999999999999999999999.999999999")),
        ("BIGNUMERIC '1e-38'", Decimal("1e-38")),
        ("DATE '0001-01-01'", date(1, 1, 1)),
        ("DATETIME '9999-12-31 23:59:59.999999'", datetime(9999, 12, 31, 23, 59, 59, 999999)),
        ("TIME '12:34:56.789'", time(12, 34, 56, 789000)),
        ("TIMESTAMP '1969-12-31 23:59:59.999999+00'", -1),
        ("JSON '{\"a\": [1]}'", '{"a":[1]}'),
        ("CAST(NULL AS DATE)", None),
        ("INTERVAL '-1-2 3 -4:5:6.7' YEAR TO SECOND", tree.Interval(-14, 3, -14706700000)),
        ("[1, NULL]", [1, None]),
    ],
)
def test_a_literal_is_a_python_value(text, value):
    literals = list(tree.walk(analyze(f"SELECT {text}").tree, ("Literal",)))
    assert len(literals) == 1
    assert tree.literal(literals[0]) == value


def test_a_date_part_is_its_name_and_no_type_of_a_value():
    (part,) = (
        found
        for found in tree.walk(analyze("SELECT DATE_TRUNC(day, ISOWEEK) FROM orders").tree, ("Literal",))
        if tree.type_name(tree.get(found, "type")) == "ENUM"
    )
    assert tree.literal(part) == "ISOWEEK"
    with pytest.raises(tree.UnknownType):
        tree.type_of(part)


def test_a_tree_is_read_by_names():
    statement = analyze("SELECT o.id FROM orders AS o LEFT JOIN orders AS p USING (id)").tree
    (join,) = tree.walk(statement, ("JoinScan",))
    assert tree.name(join) == "JoinScan"
    assert tree.enum(join, "join_type") == "LEFT"
    assert not tree.get(join, "is_ordered")
    assert tree.has(join, "join_expr")
    left, right = tree.node(join.left_scan), tree.node(join.right_scan)
    assert {tree.name(left), tree.name(right)} == {"TableScan"}
    assert left in list(tree.children(join))
    with pytest.raises(AttributeError, match="no field"):
        tree.get(join, "nothing_of_the_kind")


def test_a_timestamp_is_read_in_utc():
    (found,) = tree.walk(analyze("SELECT TIMESTAMP '2024-07-01 12:00:00 Europe/Vienna'").tree, ("Literal",))
    assert tree.literal(found) == int(datetime(2024, 7, 1, 10, tzinfo=UTC).timestamp()) * 1_000_000


# -------------------------------------------------------------------------------- the other calls


def test_the_formatter_lays_out_what_is_there():
    assert googlesql.format_sql("select a,b from t where x=1") == "SELECT a, b FROM t WHERE x = 1\n"
    assert "WHERE" in googlesql.format_sql("select a from t where x in (select")


def test_the_functions_are_those_of_bigquery():
    functions = googlesql.builtin_functions()
    assert "(STRING, INT64, [INT64]) -> STRING" in functions["SUBSTR"]
    assert {"DATE_TRUNC", "ARRAY_AGG", "NET.HOST", "ROW_NUMBER"} <= functions.keys()
    assert not {"ARRAY_MIN", "NEW_UUID", "MAP_KEYS"} & functions.keys()
    assert json.loads(json.dumps(functions)).keys() == functions.keys()


def test_a_tree_is_written_as_sql_with_full_names():
    sql = "SELECT id FROM shop.orders AS o WHERE EXISTS (SELECT 1 FROM shop.orders AS p WHERE p.id = o.id + 1)"
    tables = {("shop", "orders"): ORDERS}
    written = googlesql.build_sql(googlesql.analyze(sql, tables).tree, tables)
    assert written.count("`acme-1.shop.orders`") == 2
    again = googlesql.analyze(written, dict.fromkeys(googlesql.table_names(written), ORDERS))
    outer = [column for column in tree.walk(again.tree, ("ColumnRef",)) if column.is_correlated]
    assert len(outer) == 1
    assert names(again) == ["id"]
