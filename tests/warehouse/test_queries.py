"""Queries on an emulator: the answer, its types, parameters, dry runs, errors, and stopping."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from bigpato_magic import frames
from bigpato_magic.errors import Cancelled, ParameterError, QueryError, TableNotFound
from bigpato_magic.status import Cancel
from bigpato_magic.types import Kind, Parameter, SqlType, TableId, array_of, struct_of
from bigpato_magic.warehouse.base import QueryOptions, QueryProgress
from bigpato_magic.warehouse.bigquery import BigQueryWarehouse

pytestmark = pytest.mark.emulator

LITERALS = {
    "INT64": "9007199254740993",
    "FLOAT64": "1.5",
    "BOOL": "TRUE",
    "STRING": "'añ☃'",
    "BYTES": "b'ab'",
    "DATE": "DATE '2024-02-29'",
    "DATETIME": "DATETIME '2024-02-29 12:34:56.789012'",
    "TIMESTAMP": "TIMESTAMP '2024-02-29 12:34:56.789012+00'",
    "TIME": "TIME '12:34:56.789012'",
    "NUMERIC": "NUMERIC '12345678901234567890123456789.123456789'",
    "BIGNUMERIC": "BIGNUMERIC '1.5'",
    "JSON": """JSON '{"a": 1}'""",
    "INTERVAL": "INTERVAL 3 DAY",
    "RANGE<DATE>": "RANGE<DATE> '[2024-01-01, 2024-02-01)'",
    "ARRAY<INT64>": "[1, 2, 3]",
    "ARRAY<STRING>": "['a', 'b']",
    "STRUCT<a INT64, b STRING>": "STRUCT(1 AS a, 'x' AS b)",
    "ARRAY<STRUCT<a INT64, b STRING>>": "[STRUCT(1 AS a, 'x' AS b), STRUCT(2, 'y')]",
}
# Google's client gives no dtype of its own for an INTERVAL: it warns, and lets Arrow guess.
WITH_A_DTYPE = sorted(set(LITERALS) - {"INTERVAL"})


@pytest.mark.parametrize("name", LITERALS)
def test_a_result_has_exactly_the_schema_of_its_bigquery_types(warehouse: BigQueryWarehouse, name: str) -> None:
    answer = warehouse.query(f"SELECT {LITERALS[name]} AS x")

    assert [(o.name, str(o.type)) for o in answer.outputs] == [("x", name)]
    assert answer.arrow.schema.equals(frames.arrow_schema(answer.outputs), check_metadata=True)
    assert answer.arrow.num_rows == 1
    assert answer.arrow["x"].null_count == 0


@pytest.mark.parametrize("name", WITH_A_DTYPE)
@pytest.mark.parametrize("rows", ["a value", "a value and a NULL", "only NULL", "none"])
def test_the_frame_is_the_one_that_googles_client_makes(
    warehouse: BigQueryWarehouse, google: Any, name: str, rows: str
) -> None:
    value, null = f"SELECT {LITERALS[name]} AS x", f"SELECT IF(FALSE, {LITERALS[name]}, NULL) AS x"
    sql = {
        "a value": value,
        "a value and a NULL": f"{value} UNION ALL {null}",
        "only NULL": null,
        "none": f"SELECT * FROM ({value}) WHERE FALSE",
    }[rows]

    ours = frames.to_pandas(warehouse.query(sql).arrow)
    theirs = google.query(sql).to_dataframe(create_bqstorage_client=False)

    assert ours.dtypes.to_dict() == theirs.dtypes.to_dict()
    assert _plain(ours) == _plain(theirs)


def _plain(frame: pd.DataFrame) -> list[str]:
    """Rows in no order, NULLs of every kind alike."""
    return sorted(
        "NULL" if not isinstance(v, list) and pd.api.types.is_scalar(v) and pd.isna(v) else repr(v) for v in frame["x"]
    )


def test_a_large_result_is_the_same_by_storage_read_and_page_by_page(
    warehouse: BigQueryWarehouse, numbers: TableId
) -> None:
    sql = f"SELECT * FROM `{numbers}` ORDER BY n"

    by_storage = warehouse.query(sql)
    by_pages = warehouse.query(sql, options=QueryOptions(use_storage_api=False))

    assert by_storage.arrow.num_rows == 30_000
    assert by_storage.arrow.equals(by_pages.arrow)
    assert by_storage.arrow.schema.equals(by_pages.arrow.schema, check_metadata=True)


@pytest.mark.usefixtures("wide_server")
def test_the_answer_says_which_tables_the_job_read(warehouse: BigQueryWarehouse, numbers: TableId) -> None:
    answer = warehouse.query("SELECT COUNT(*) AS rows_ FROM numbers", dataset=(numbers.project, numbers.dataset))

    assert answer.arrow.to_pylist() == [{"rows_": 30_000}]
    assert answer.tables == (numbers,)
    assert answer.statement == "SELECT"
    assert answer.job_id


def test_dml_tells_how_many_rows_it_changed_and_ddl_has_no_columns(
    warehouse: BigQueryWarehouse, numbers: TableId
) -> None:
    made = warehouse.query("CREATE OR REPLACE TABLE shop.changed AS SELECT 1 AS x")
    changed = warehouse.query("INSERT INTO shop.changed (x) VALUES (2), (3)")

    assert made.arrow.num_columns == 0
    assert made.outputs == ()
    assert changed.affected_rows == 2
    assert changed.statement == "INSERT"
    assert warehouse.query("SELECT SUM(x) AS s FROM shop.changed").arrow.to_pylist() == [{"s": 6}]


SCALARS: dict[str, Any] = {
    "INT64": -(2**63),
    "FLOAT64": 0.1,
    "BOOL": False,
    "STRING": 'it\'s a "test"\n☃',
    "BYTES": b"\x00\xff",
    "DATE": date(1, 1, 1),
    "DATETIME": datetime(2024, 2, 29, 1, 2, 3, 456789),
    "TIMESTAMP": datetime(2024, 2, 29, 1, 2, 3, 456789, tzinfo=UTC),
    "TIME": time(23, 59, 59, 999999),
    "NUMERIC": Decimal("0.123456789"),
}


@pytest.mark.usefixtures("wide_server")
@pytest.mark.parametrize("kind", SCALARS)
def test_a_parameter_of_each_type_arrives_as_it_was_given(warehouse: BigQueryWarehouse, kind: str) -> None:
    answer = warehouse.query("SELECT @p AS p", [Parameter("p", SqlType(Kind(kind)), SCALARS[kind])])

    assert [str(o.type) for o in answer.outputs] == [kind]
    assert answer.arrow.to_pylist() == [{"p": SCALARS[kind]}]


@pytest.mark.parametrize("kind", SCALARS)
def test_a_null_parameter_keeps_its_type(warehouse: BigQueryWarehouse, kind: str) -> None:
    answer = warehouse.query("SELECT @p AS p", [Parameter("p", SqlType(Kind(kind)), None)])

    assert [str(o.type) for o in answer.outputs] == [kind]
    assert answer.arrow.to_pylist() == [{"p": None}]


def test_arrays_and_structs_are_parameters_too(warehouse: BigQueryWarehouse) -> None:
    struct = struct_of(("a", SqlType(Kind.INT64)), ("b", array_of(SqlType(Kind.STRING))))
    parameters = [
        Parameter("many", array_of(SqlType(Kind.DATE)), [date(2024, 1, 1), date(2024, 1, 2)]),
        Parameter("none", array_of(SqlType(Kind.INT64)), []),
        Parameter("one", struct, {"a": 1, "b": ["x", "y"]}),
    ]
    answer = warehouse.query("SELECT @many AS many, @none AS none, @one AS one", parameters)

    assert answer.arrow.to_pylist() == [
        {"many": [date(2024, 1, 1), date(2024, 1, 2)], "none": [], "one": {"a": 1, "b": ["x", "y"]}}
    ]


def test_positional_parameters_are_taken_in_order(warehouse: BigQueryWarehouse) -> None:
    parameters = [Parameter(None, SqlType(Kind.INT64), 7), Parameter(None, SqlType(Kind.STRING), "x")]

    assert warehouse.query("SELECT ? AS a, ? AS b", parameters).arrow.to_pylist() == [{"a": 7, "b": "x"}]


@pytest.mark.usefixtures("wide_server")
def test_a_dry_run_tells_schema_and_tables_and_does_nothing(warehouse: BigQueryWarehouse, numbers: TableId) -> None:
    dry = warehouse.dry_run(
        "SELECT text, n FROM numbers WHERE n > @least",
        [Parameter("least", SqlType(Kind.INT64), 3)],
        dataset=("demo", "shop"),
    )
    warehouse.dry_run("CREATE TABLE shop.never AS SELECT 1 AS x")

    assert [(o.name, str(o.type)) for o in dry.outputs] == [("text", "STRING"), ("n", "INT64")]
    assert dry.tables == (numbers,)
    assert dry.statement == "SELECT"
    assert TableId("demo", "shop", "never") not in warehouse.tables("demo", "shop")


def test_an_unknown_table_is_named(warehouse: BigQueryWarehouse, numbers: TableId) -> None:
    with pytest.raises(TableNotFound, match=r"demo\.shop\.nothing was not found"):
        warehouse.query("SELECT * FROM shop.nothing")
    with pytest.raises(TableNotFound, match=r"demo\.shop\.nothing was not found"):
        warehouse.dry_run("SELECT * FROM shop.nothing")


@pytest.mark.usefixtures("wide_server")
def test_a_syntax_error_has_its_line_and_column(warehouse: BigQueryWarehouse) -> None:
    with pytest.raises(QueryError) as caught:
        warehouse.query("SELECT 1 AS x,\n  NO_SUCH_FUNCTION(2) AS y")

    assert (caught.value.line, caught.value.column) == (2, 3)
    assert "at [" not in caught.value.message
    card = "\n".join(caught.value._render_traceback_())
    assert "2 |   NO_SUCH_FUNCTION(2) AS y\n    |   ^" in card


@pytest.mark.usefixtures("wide_server")
def test_a_parameter_that_is_not_given_is_named(warehouse: BigQueryWarehouse) -> None:
    with pytest.raises(ParameterError, match="missing"):
        warehouse.query("SELECT @missing")


@pytest.mark.parametrize(
    ("sql_type", "value"),
    [
        (SqlType(Kind.INT64), "seven"),
        (SqlType(Kind.INT64), 1.5),
        (SqlType(Kind.BOOL), "yes"),
        (SqlType(Kind.BYTES), "text"),
        (SqlType(Kind.DATE), datetime(2024, 1, 1, 12)),
        (SqlType(Kind.NUMERIC), "a lot"),
        (array_of(SqlType(Kind.STRING)), "not a list"),
        (struct_of(("a", SqlType(Kind.INT64))), {"b": 1}),
    ],
)
def test_a_value_that_does_not_fit_its_type_is_refused_before_it_is_sent(
    warehouse: BigQueryWarehouse, sql_type: SqlType, value: Any
) -> None:
    with pytest.raises(ParameterError, match=r"Parameter @p is .* which is no "):
        warehouse.query("SELECT @p", [Parameter("p", sql_type, value)])


@pytest.mark.usefixtures("wide_server")
def test_a_stopped_query_ends_at_once_and_its_job_is_cancelled(warehouse: BigQueryWarehouse, google: Any) -> None:
    many = "UNNEST(GENERATE_ARRAY(1, 300000))"
    endless = f"SELECT COUNT(*) FROM {many} a, {many} b WHERE MOD(a * b, 7) = 3"
    cancel, seen = Cancel(), []

    def stop_when_running(progress: QueryProgress) -> None:
        seen.append(progress)
        if progress.job_id:
            cancel.set()

    with pytest.raises(Cancelled):
        warehouse.query(endless, cancel=cancel, progress=stop_when_running)

    job = google.get_job(seen[-1].job_id)
    while job.state != "DONE":
        job.reload()
    assert job.error_result["reason"] == "stopped"


def test_a_token_that_is_already_set_sends_nothing(warehouse: BigQueryWarehouse, google: Any) -> None:
    cancel = Cancel()
    cancel.set()
    with pytest.raises(Cancelled):
        warehouse.query("CREATE TABLE shop.never_made AS SELECT 1 AS x", cancel=cancel)

    assert "never_made" not in [t.table for t in warehouse.tables("demo", "shop")]


def test_queries_may_run_from_several_threads(warehouse: BigQueryWarehouse) -> None:
    answers: dict[int, Any] = {}

    def ask(number: int) -> None:
        answers[number] = warehouse.query(f"SELECT {number} AS n").arrow.to_pylist()

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == {i: [{"n": i}] for i in range(6)}
