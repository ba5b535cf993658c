"""A query of the demo warehouse: BigQuery's types, names, bytes and errors."""

from __future__ import annotations

import threading
from datetime import date, datetime
from decimal import Decimal

import pytest

from bigpato_magic.demo.jobs import MIB, bytes_billed
from bigpato_magic.demo.samples import ALL_TYPES, make_samples
from bigpato_magic.errors import Cancelled, QueryError, TableNotFound
from bigpato_magic.frames import arrow_schema
from bigpato_magic.status import Cancel
from bigpato_magic.types import Kind, Parameter, SqlType, TableId, array_of
from bigpato_magic.warehouse.base import QueryOptions

from .conftest import table


def types(result):
    return [str(o.type) for o in result.outputs]


def test_results_have_bigquerys_types_and_names(warehouse):
    result = warehouse.query(
        "SELECT SUM(id), AVG(amount), AVG(id), COUNT(*) AS n, DATE_ADD(MAX(day), INTERVAL 1 DAY), 1.5, "
        "SUM(id) / 2 FROM orders"
    )
    assert types(result) == ["INT64", "NUMERIC", "FLOAT64", "INT64", "DATE", "FLOAT64", "FLOAT64"]
    assert [o.name for o in result.outputs] == ["f0_", "f1_", "f2_", "n", "f3_", "f4_", "f5_"]
    assert result.arrow.schema.equals(arrow_schema(result.outputs), check_metadata=True)
    assert result.arrow.to_pylist()[0]["f1_"] == Decimal("15.25")
    assert result.arrow.to_pylist()[0]["f3_"] == date(2024, 1, 3)


def test_every_type_comes_back_as_it_went_in(warehouse):
    make_samples(warehouse)
    result = warehouse.query("SELECT * FROM samples.all_types ORDER BY id")
    assert types(result) == [type_ for type_, *_ in ALL_TYPES.values()]
    rows = result.arrow.to_pylist()
    for name in ("int64", "float64", "string", "bytes", "date", "datetime", "time", "numeric", "bignumeric", "array"):
        _, plain, extreme, zero = ALL_TYPES[name]
        assert [rows[0][name], rows[1][name], rows[3][name]] == [plain, extreme, zero], name
        assert rows[2][name] in (None, []), name
    assert rows[0]["interval"].months == 14
    assert rows[0]["range_date"] == {"start": date(2024, 1, 1), "end": date(2024, 2, 1)}


def test_no_rows_have_the_same_schema(warehouse):
    some, none = (warehouse.query(f"SELECT * FROM orders WHERE id {op} 0") for op in (">", "<"))
    assert none.arrow.num_rows == 0
    assert none.arrow.schema.equals(some.arrow.schema, check_metadata=True)


def test_named_positional_and_typed_null_parameters(warehouse):
    named = [Parameter("low", SqlType(Kind.INT64), 2), Parameter("none", SqlType(Kind.DATE), None)]
    result = warehouse.query("SELECT COUNT(*) AS n, @none AS d FROM orders WHERE id >= @low", named)
    assert result.arrow.to_pylist() == [{"n": 2, "d": None}]
    assert types(result) == ["INT64", "DATE"]
    several = [Parameter(None, array_of(SqlType(Kind.INT64)), [1, 3])]
    assert warehouse.query("SELECT id FROM orders WHERE id IN UNNEST(?) ORDER BY id", several).arrow.num_rows == 2
    with pytest.raises(QueryError, match="'low' not found"):
        warehouse.query("SELECT @low")


def test_bytes_are_bigquerys_logical_sizes(warehouse):
    sizes = {"id": 3 * 8, "amount": 2 * 16, "country": 2 * (2 + 2), "day": 3 * 8}
    for column, size in sizes.items():
        assert warehouse.dry_run(f"SELECT MAX({column}) FROM orders").bytes_processed == size
    assert warehouse.dry_run("SELECT * FROM orders").bytes_processed == sum(sizes.values())
    inner = "SELECT id FROM (SELECT * FROM orders) WHERE day > DATE '2024-01-01'"
    assert warehouse.dry_run(inner).bytes_processed == sizes["id"] + sizes["day"]
    assert warehouse.dry_run("SELECT COUNT(*) FROM orders").bytes_processed == 0


def test_billing_has_bigquerys_minimum_and_rounding(warehouse):
    assert warehouse.query("SELECT id FROM orders").bytes_billed == 10 * MIB
    joined = "SELECT id, page FROM orders CROSS JOIN visits"
    assert warehouse.query(joined).bytes_billed == 20 * MIB
    assert warehouse.query("SELECT 1").bytes_billed == 0
    assert bytes_billed(10 * MIB + 1, 1) == 11 * MIB
    with pytest.raises(QueryError, match="limit for bytes billed"):
        warehouse.query(joined, options=QueryOptions(maximum_bytes_billed=MIB, use_query_cache=False))


def test_a_cached_result_is_free_until_the_table_changes(warehouse):
    sql = "SELECT SUM(id) AS s FROM orders"
    assert not warehouse.query(sql).cache_hit
    again = warehouse.query(sql)
    assert (again.cache_hit, again.bytes_billed) == (True, 0)
    assert not warehouse.query(sql, options=QueryOptions(use_query_cache=False)).cache_hit
    warehouse.execute("INSERT INTO orders (id) VALUES (4)")
    fresh = warehouse.query(sql)
    assert not fresh.cache_hit
    assert fresh.arrow.to_pylist() == [{"s": 10}]
    warehouse.stream_rows("orders", [{"id": 5}])
    warehouse.query(sql)
    assert not warehouse.query(sql).cache_hit


def test_ctes_hide_tables_and_names_know_case(warehouse):
    hidden = "WITH orders AS (SELECT id + 100 AS id FROM orders) SELECT MIN(id) AS m FROM orders"
    assert warehouse.query(hidden).arrow.to_pylist() == [{"m": 101}]
    full = f"SELECT orders.id FROM `{warehouse.project}.shop.orders` JOIN shop.orders AS o ON o.id = orders.id"
    assert warehouse.query(full).arrow.num_rows == 3
    with pytest.raises(TableNotFound):
        warehouse.query("SELECT * FROM Orders")


def test_a_view_reads_its_tables_with_full_names(warehouse):
    warehouse.execute("CREATE VIEW big AS SELECT id, amount FROM orders WHERE amount > 15")
    result = warehouse.query("SELECT id FROM big")
    assert result.arrow.to_pylist() == [{"id": 2}]
    assert result.tables == (table("big"), table("orders"))
    elsewhere = warehouse.query("SELECT id FROM shop.big", dataset=(warehouse.project, "none"))
    assert elsewhere.arrow.num_rows == 1


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", "Syntax error"),
        ("SELECT 1 AS a, 2 AS A", "Duplicate column names"),
        ("SELECT nope FROM orders", "nope"),
        ("SELECT * FROM nowhere", "Not found: Table"),
        ("SELECT * FROM none.orders", "Not found: Dataset"),
        ("SELECT * FROM INFORMATION_SCHEMA.TABLES", "INFORMATION_SCHEMA"),
        ("DECLARE x INT64", "cannot run"),
        ("EXPORT DATA OPTIONS(uri='gs://b/*') AS SELECT 1", "cannot run"),
        ("", "empty"),
    ],
)
def test_what_it_cannot_run_is_an_error(warehouse, sql, message):
    with pytest.raises(QueryError, match=message):
        warehouse.query(sql)


def test_what_compiled_sql_does_not_hold_is_computed_by_googles_evaluator(warehouse):
    make_samples(warehouse)
    found = warehouse.execute(
        "SELECT MAX(bignumeric) AS most, COUNTIF(bignumeric > 1) AS n, MAX(ARRAY_LENGTH(`array`)) AS longest "
        "FROM samples.all_types"
    )
    assert found.to_pylist() == [{"most": Decimal(10) ** 37, "n": 2, "longest": 3}]


def test_errors_tell_their_place(warehouse):
    with pytest.raises(QueryError, match="Syntax error") as caught:
        warehouse.query("SELECT 1\nFROM orders WHERE id = = 2")
    assert (caught.value.line, caught.value.column) == (2, 24)
    with pytest.raises(QueryError, match="Unrecognized name: nope") as caught:
        warehouse.query("SELECT id,\n  nope FROM orders")
    assert (caught.value.line, caught.value.column) == (2, 3)


def test_a_mistyped_column_is_answered_with_the_one_that_was_meant_and_a_strange_one_is_not(warehouse):
    with pytest.raises(QueryError, match="Unrecognized name: contry") as caught:
        warehouse.query("SELECT contry FROM orders")
    assert caught.value.hint == "did you mean country?"
    with pytest.raises(QueryError, match="Unrecognized name: xyz") as caught:
        warehouse.query("SELECT xyz FROM orders")
    assert caught.value.hint is None


def test_a_function_that_duckdb_has_not_is_no_fault_of_the_query(warehouse):
    with pytest.raises(
        QueryError, match="The demo warehouse cannot run this statement: DuckDB has no function ST_AREA"
    ):
        warehouse.query("SELECT ST_AREA(ST_GEOGPOINT(1, 2))")


def test_an_earlier_instant_can_be_read(warehouse):
    before = warehouse.now()
    warehouse.execute("DELETE FROM orders WHERE id = 1")
    then = warehouse.query("SELECT COUNT(*) AS n FROM orders", options=QueryOptions(snapshot=before))
    now = warehouse.query("SELECT COUNT(*) AS n FROM orders", options=QueryOptions(snapshot=warehouse.now()))
    assert (then.arrow.to_pylist(), now.arrow.to_pylist()) == ([{"n": 3}], [{"n": 2}])


def test_a_job_tells_its_progress_and_its_id(warehouse):
    heard = []
    result = warehouse.query("SELECT 1 AS x", progress=heard.append)
    assert [heard[0].state, heard[-1].state] == ["PENDING", "DONE"]
    assert result.job_id == warehouse.jobs[-1] == heard[0].job_id


def test_a_running_query_stops_when_asked(warehouse):
    cancel = Cancel()
    timer = threading.Timer(0.3, cancel.set)
    timer.start()
    with pytest.raises(Cancelled):
        warehouse.query(
            "SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 1000000)) a, UNNEST(GENERATE_ARRAY(1, 1000000)) b "
            "WHERE MOD(a, 7) = MOD(b, 11)",
            cancel=cancel,
        )
    assert warehouse.query("SELECT 1 AS x").arrow.to_pylist() == [{"x": 1}]


def test_row_policies_show_each_principal_its_rows(warehouse):
    warehouse.add_row_policy("orders", "country = 'CH'", ["swiss@example.com"])
    count = "SELECT COUNT(*) AS n FROM orders"
    assert warehouse.query(count).arrow.to_pylist() == [{"n": 0}]
    warehouse.principal = "swiss@example.com"
    assert warehouse.query(count).arrow.to_pylist() == [{"n": 1}]
    warehouse.drop_row_policies("orders")
    assert warehouse.query(count).arrow.to_pylist() == [{"n": 3}]


def test_a_pseudo_column_is_read_by_name_only(warehouse):
    warehouse.execute("CREATE TABLE inbox (id INT64) PARTITION BY _PARTITIONDATE")
    warehouse.execute("INSERT INTO inbox (_PARTITIONTIME, id) VALUES (TIMESTAMP '2024-03-01', 1)")
    warehouse.execute("INSERT INTO inbox VALUES (2)")
    assert warehouse.query("SELECT * FROM inbox").arrow.column_names == ["id"]
    named = warehouse.query("SELECT *, _PARTITIONTIME AS pt FROM inbox WHERE _PARTITIONDATE = DATE '2024-03-01'")
    assert named.arrow.column_names == ["id", "pt"]
    assert named.arrow["pt"][0].as_py().replace(tzinfo=None) == datetime(2024, 3, 1)
    assert next(p.id for p in warehouse.partitions(table("inbox"))) == "20240301"


def test_a_required_partition_filter_is_required(warehouse):
    warehouse.execute(
        "CREATE TABLE strict (day DATE, x INT64) PARTITION BY day OPTIONS(require_partition_filter = true)"
    )
    with pytest.raises(QueryError, match="without a filter over column"):
        warehouse.query("SELECT x FROM strict")
    assert warehouse.query("SELECT x FROM strict WHERE day > DATE '2024-01-01'").arrow.num_rows == 0


def test_another_project_is_another_place(warehouse):
    with pytest.raises(TableNotFound):
        warehouse.query("SELECT * FROM `other-project.shop.orders`")
    assert warehouse.facts([TableId("other-project", "shop", "orders")])


@pytest.mark.parametrize("query", ["SELECT 1 / 0", "SELECT id / (id - id) FROM orders", "SELECT DIV(1, 0)"])
def test_a_division_by_zero_fails_as_on_bigquery(warehouse, query):
    with pytest.raises(QueryError, match="division by zero"):
        warehouse.query(query)


def test_a_division_that_is_not_reached_does_not_fail(warehouse):
    query = "SELECT IF(n = 0, NULL, 10 / n) AS a, SAFE_DIVIDE(10, n) AS b FROM UNNEST([0, 4]) AS n ORDER BY n"
    assert warehouse.query(query).arrow.to_pylist() == [{"a": None, "b": None}, {"a": 2.5, "b": 2.5}]


@pytest.mark.parametrize(
    ("query", "message", "place", "hint"),
    [
        ("SELECT COUTN(id) FROM orders", "Function not found: COUTN", (1, 8), "did you mean cot?"),
        ("SELECT id FROM orders WHERE", "Syntax error: Unexpected end of script", (1, 28), None),
        ("SELECT contry FROM orders", "Unrecognized name: contry", (1, 8), "did you mean country?"),
        (
            "SELECT id + country FROM orders",
            "No matching signature for operator + for argument types: INT64, STRING",
            (1, 8),
            None,
        ),
    ],
)
def test_what_is_wrong_is_said_in_googles_words_once_the_analyzer_is_ready(
    warehouse, analyzer, query, message, place, hint
):
    with pytest.raises(QueryError) as caught:
        warehouse.query(query)
    error = caught.value
    assert error.message == message
    assert ((error.line, error.column), error.hint) == (place, hint)


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("SELECT d.os, COUNT(*) AS n FROM (SELECT STRUCT('a' AS os) AS d) GROUP BY os", [{"os": "a", "n": 1}]),
        ("SELECT ARRAY_AGG(x LIMIT 3) AS a FROM UNNEST([1, 2, 3, 4]) AS x", [{"a": [1, 2, 3]}]),
        (
            "SELECT FORMAT('%05.1f', 3.14159) AS f, EXTRACT(DAYOFWEEK FROM DATE '2024-01-07') AS d",
            [{"f": "003.1", "d": 1}],
        ),
        ("SELECT COUNTIF(x > 1) AS n, SUM(x) AS s FROM UNNEST(CAST([] AS ARRAY<INT64>)) AS x", [{"n": 0, "s": None}]),
        (
            "SELECT x, i FROM UNNEST(['a', 'b']) AS x WITH OFFSET AS i ORDER BY i",
            [{"x": "a", "i": 0}, {"x": "b", "i": 1}],
        ),
        ("SELECT NUMERIC '1' / 3 AS third", [{"third": Decimal("0.333333333")}]),
        ("CREATE TEMP FUNCTION twice(x INT64) AS (2 * x); SELECT twice(id) AS t FROM orders WHERE id = 2", [{"t": 4}]),
    ],
)
def test_a_query_is_answered_as_bigquery_answers_it(warehouse, query, answer):
    assert warehouse.query(query).arrow.to_pylist() == answer


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT 1/0", "division by zero: 1 / 0"),
        ("SELECT [1][OFFSET(9)]", "Array index 9 is out of bounds"),
        ("SELECT CONUT(*) FROM orders", "Function not found: CONUT"),
        ("SELECT country.oss FROM orders", "Cannot access field oss on a value with type STRING"),
        ("SELECT 1 AS a WHERE FALSE", "Query without FROM clause cannot have a WHERE clause"),
        ("SELECT [1, NULL]", "Array cannot have a null element; error in writing field f0_"),
        ("SELECT [STRUCT([1] AS a), NULL]", "Array cannot have a null element; error in writing field f0_"),
        ("SELECT SUM(x) FROM UNNEST([9223372036854775807, 1]) AS x", "int64 overflow"),
        ("CREATE TABLE t AS SELECT 1/0 AS x", "division by zero: 1 / 0"),
    ],
)
def test_a_query_fails_as_on_bigquery(warehouse, query, message):
    with pytest.raises(QueryError) as caught:
        warehouse.query(query)
    assert caught.value.message == message


def test_what_is_known_to_be_translated_wrongly_is_refused_while_the_analyzer_is_not_ready(
    warehouse, monkeypatch, caplog
):
    monkeypatch.setattr("bigpato_magic.googlesql.ready", lambda: False)
    assert warehouse.execute("SELECT MAX(id) AS m FROM orders").to_pylist() == [{"m": 3}]
    later = "DATE_ADD(DATE_SUB(MAX(day), INTERVAL 1 DAY), INTERVAL 2 DAY)"
    assert warehouse.execute(f"SELECT {later} AS d, 1.5 AS f FROM orders").to_pylist() == [
        {"d": date(2024, 1, 3), "f": 1.5}
    ]
    for query in ("SELECT [1][OFFSET(9)]", "SELECT FORMAT('%d', 1)", "SELECT EXTRACT(WEEK FROM DATE '2024-01-01')"):
        with pytest.raises(QueryError, match="The demo warehouse cannot run this statement"):
            warehouse.query(query)


def test_a_view_is_read_less_the_columns_that_nobody_asks_for(warehouse):
    warehouse.execute("CREATE VIEW wide AS SELECT id, country, amount, id / (id - 1) AS bad FROM orders")
    assert warehouse.execute("SELECT SUM(id) AS s FROM wide WHERE country = 'DE'").to_pylist() == [{"s": 2}]
    assert warehouse.dry_run("SELECT SUM(id) FROM wide").bytes_processed == 3 * 8
    warehouse.execute("CREATE VIEW twice AS SELECT w.id FROM wide AS w JOIN orders AS o ON w.id = o.id")
    assert warehouse.execute("SELECT COUNT(*) AS n FROM twice").to_pylist() == [{"n": 3}]
    with pytest.raises(QueryError, match="division by zero"):
        warehouse.query("SELECT bad FROM wide")


def test_a_views_rows_are_no_result_yet(warehouse):
    """Arrays of a result are never NULL and have no NULL elements; those of a view may be and have."""
    warehouse.execute(
        "CREATE VIEW arrays AS SELECT id, IF(id > 1, [id], NULL) AS a, ARRAY_AGG(country) AS c "
        "FROM (SELECT id, NULLIF(country, 'DE') AS country FROM orders) GROUP BY id"
    )
    sql = "SELECT id, a IS NULL AS n, ARRAY_LENGTH(a) AS l, IFNULL(a, [7]) AS f, ARRAY_LENGTH(c) AS m FROM arrays ORDER BY id"
    first, second = warehouse.execute(sql).to_pylist()[:2]
    assert first == {"id": 1, "n": True, "l": None, "f": [7], "m": 1}
    assert second == {"id": 2, "n": False, "l": 1, "f": [2], "m": 1}


def test_what_a_view_may_stop_is_not_mixed_with_other_rows(warehouse):
    warehouse.execute(
        "CREATE TABLE u AS SELECT 1 AS i, CAST(NULL AS INT64) AS j UNION ALL SELECT 2, 5 UNION ALL SELECT 2, 6"
    )
    warehouse.execute("CREATE VIEW guarded AS SELECT i, ASCII(CAST(j AS STRING)) + 0 AS j FROM u")
    sql = "SELECT id, id IN (SELECT g.j FROM guarded AS g WHERE g.i = o.id) AS x FROM orders AS o ORDER BY id"
    assert [row["x"] for row in warehouse.execute(sql).to_pylist()] == [None, False, False]


def test_a_failure_in_a_script_is_shown_where_it_stands(warehouse):
    with pytest.raises(QueryError) as caught:
        warehouse.execute("INSERT INTO orders (id) VALUES (7);\nSELECT nope FROM orders")
    assert (caught.value.line, caught.value.column) == (2, 8)
    assert caught.value.excerpt()[0].endswith("SELECT nope FROM orders")


@pytest.mark.parametrize("sql", ["DECLARE x INT64 DEFAULT 1", "SELECT ST_AREA(ST_GEOGPOINT(1, 2))", "CALL p()"])
def test_no_librarys_warning_reaches_a_person(warehouse, sql, capfd):
    with pytest.raises(QueryError):
        warehouse.query(sql)
    assert capfd.readouterr() == ("", "")
