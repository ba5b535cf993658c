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
        ("SELECT CAST('1' AS BIGNUMERIC) + 1", "BIGNUMERIC"),
        ("", "empty"),
    ],
)
def test_what_it_cannot_run_is_an_error(warehouse, sql, message):
    with pytest.raises(QueryError, match=message):
        warehouse.query(sql)


def test_computing_with_a_bignumeric_column_is_refused_and_reading_it_is_not(warehouse):
    make_samples(warehouse)
    assert warehouse.query("SELECT bignumeric FROM samples.all_types WHERE id = 1").arrow.num_rows == 1
    for computed in ("MAX(bignumeric)", "bignumeric > 1", "bignumeric + 1"):
        with pytest.raises(QueryError, match="BIGNUMERIC"):
            warehouse.query(f"SELECT {computed} FROM samples.all_types")


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
