"""The evaluator as an engine: BigQuery's answers over small tables, in BigQuery's Arrow types."""

from __future__ import annotations

import json
import random
import sys
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from bigpato_magic import frames, googlesql
from bigpato_magic.errors import AnalyzerUnavailable, ParameterError, QueryError
from bigpato_magic.googlesql.evaluation import WorkLimits
from bigpato_magic.resolved.vocabulary import PURE
from bigpato_magic.types import Kind, Parameter, SqlType, array_of, struct_of

from .conftest import ORDERS, of, table

BIG = Decimal("99999999999999999999999999999.999999999")
LINES = pa.list_(pa.struct([("sku", pa.string()), ("count", pa.int64())]))
ROWS = pa.table(
    {
        "id": [1, 2, 3],
        "country": ["at", "de", None],
        "amount": pa.array([Decimal("1.5"), BIG.copy_negate(), None], pa.decimal128(38, 9)),
        "day": [date(1, 1, 1), date(9999, 12, 31), None],
        "lines": pa.array([[{"sku": "a", "count": 2}, None], [], None], LINES),
    }
)  # fmt: skip


def rows(sql: str, *parameters: Parameter, **limits: int) -> list[tuple]:
    held = dict.fromkeys(googlesql.table_names(sql), (ORDERS, ROWS))
    answer = googlesql.evaluate(sql, held, parameters, limits=WorkLimits(**limits))
    return [tuple(row.values()) for row in answer.to_pylist()]


def test_rows_go_in_and_come_out_as_they_are():
    answer = googlesql.evaluate(
        "SELECT id, country, amount, day FROM orders ORDER BY id", {("orders",): (ORDERS, ROWS)}
    )
    assert answer.to_pylist() == ROWS.select(["id", "country", "amount", "day"]).to_pylist()


def test_every_type_goes_in_and_comes_out():
    nanos = 4 * 3_600_000_000_000 + 5_000
    every = {
        "INT64": ([-(2**63), 2**63 - 1, None], pa.int64()),
        "FLOAT64": ([-0.0, float("inf"), None], pa.float64()),
        "BOOL": ([True, False, None], pa.bool_()),
        "STRING": (["", "\u00fc\U0001f986", None], pa.string()),
        "BYTES": ([b"", b"\xff\x00", None], pa.binary()),
        "DATE": ([date(1, 1, 1), date(9999, 12, 31), None], pa.date32()),
        "DATETIME": ([datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999), None], pa.timestamp("us")),
        "TIMESTAMP": ([datetime(1969, 12, 31, 23, 59, 59, 1, UTC), None], pa.timestamp("us", "UTC")),
        "TIME": ([time(0), time(23, 59, 59, 999999), None], pa.time64("us")),
        "NUMERIC": ([Decimal("-0.000000001"), BIG, None], pa.decimal128(38, 9)),
        "BIGNUMERIC": ([Decimal("1e-38"), Decimal("-1e37"), None], pa.decimal256(76, 38)),
        "JSON": (['{"a":[1]}', "null", None], pa.string()),
        "INTERVAL": ([pa.MonthDayNano([-14, 3, -nanos]), None], pa.month_day_nano_interval()),
    }  # fmt: skip
    columns = {kind.lower(): pa.array(([*values, None])[:3], arrow) for kind, (values, arrow) in every.items()}
    kinds = {kind.lower(): of(kind) for kind in every}
    kinds["span"] = SqlType(Kind.RANGE, element=of("DATE"))
    columns["span"] = pa.array(
        [{"start": date(2024, 1, 1), "end": None}, {"start": None, "end": date(2024, 1, 1)}, None],
        frames.arrow_type(kinds["span"]),
    )
    kinds["nested"] = array_of(struct_of(("a", of("DATETIME")), ("b", array_of(of("NUMERIC")))))
    nested = [[{"a": datetime(2024, 1, 2, 3, 4, 5, 6), "b": [Decimal("1.5")]}, {"a": None, "b": []}], [], []]
    columns["nested"] = pa.array(nested, frames.arrow_type(kinds["nested"]))
    wide = table("p.ds.wide", **kinds)
    answer = googlesql.evaluate("SELECT * FROM wide", {("wide",): (wide, pa.table(columns))})
    analyzed = googlesql.analyze("SELECT * FROM wide", {("wide",): wide})
    assert answer.schema.equals(frames.arrow_schema(analyzed.outputs), check_metadata=True)
    assert answer.to_pylist() == pa.table(columns).to_pylist()
    assert str(answer["float64"][0].as_py()) == "-0.0"


def test_an_answer_without_rows_has_its_types():
    answer = googlesql.evaluate("SELECT id, lines FROM orders WHERE FALSE", {("orders",): (ORDERS, ROWS)})
    assert answer.num_rows == 0
    assert answer.schema.names == ["id", "lines"]
    assert answer.schema.field("id").type == pa.int64()


def test_a_table_hides_no_other_in_a_subquery():
    sql = """SELECT id FROM `acme-1.shop.orders` AS o
             WHERE EXISTS (SELECT 1 FROM shop.orders AS p WHERE p.id < o.id AND p.country = 'de') ORDER BY id"""
    assert rows(sql) == [(3,)]


def test_tables_may_be_told_by_their_full_names():
    held = {ORDERS.id: (ORDERS, ROWS)}
    assert googlesql.evaluate("SELECT COUNT(*) AS n FROM shop.orders", held).to_pylist() == [{"n": 3}]
    other = table("acme-1.old.orders", id="INT64")
    with pytest.raises(AnalyzerUnavailable, match="any of 2"):
        googlesql.evaluate("SELECT 1 FROM orders", {**held, other.id: (other, ROWS.select(["id"]))})


def test_parameters_have_values():
    since = Parameter("Since", of("DATE"), date(2000, 1, 1))
    assert rows("SELECT id FROM orders WHERE day > @since", since) == [(2,)]
    told = [Parameter(None, of("INT64"), 2), Parameter(None, array_of(of("STRING")), ["at", "de"])]
    assert rows("SELECT id, '?' FROM orders WHERE id = ? AND country IN UNNEST(?)", *told) == [(2, "?")]
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    values = [
        Parameter("a", of("TIMESTAMP"), moment),
        Parameter("b", of("NUMERIC"), Decimal("1.5")),
        Parameter("c", struct_of(("x", of("TIME")), ("y", of("STRING"))), {"x": time(1), "y": None}),
        Parameter("d", of("BOOL"), None),
    ]
    assert rows("SELECT @a, @b, @c, @d", *values) == [(moment, Decimal("1.5"), {"x": time(1), "y": None}, None)]


def test_a_value_of_another_type_is_told_as_the_parameters_fault():
    with pytest.raises(ParameterError, match="@since is 'soon', which is no DATE"):
        rows("SELECT @since", Parameter("since", of("DATE"), "soon"))


def test_functions_of_the_cell_are_evaluated():
    declared = "CREATE TEMP FUNCTION net(x NUMERIC) AS (x / 2); "
    assert rows(declared + "SELECT net(amount) FROM orders WHERE id = 1") == [(Decimal("0.75"),)]
    assert rows(declared + "SELECT net(3)") == [(Decimal("1.5"),)]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT 1 / 0", "division by zero"),
        ("SELECT CAST('x' AS INT64)", "Bad int64 value"),
        ("SELECT 9223372036854775807 + id FROM orders", "overflow"),
        ("SELECT ERROR('mine')", "mine"),
    ],
)
def test_errors_are_answers(sql, message):
    with pytest.raises(QueryError, match=message):
        rows(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT [1, NULL]",
        "SELECT RAND()",
        "SELECT CURRENT_DATE()",
        "SELECT SESSION_USER()",
        "SELECT COLLATE('a', 'und:ci') = 'A'",
        # It writes nothing for what its C library does not know, documented or not, and does not read it.
        "SELECT SAFE.PARSE_DATE('%F', '2024-01-02')",
        "SELECT FORMAT_TIME('%k:%M', TIME '09:05:00')",
        "SELECT FORMAT_DATETIME('%l %P', DATETIME '2024-01-02 09:05:00')",
        "SELECT FORMAT_TIMESTAMP('%F %EZ', TIMESTAMP '2024-01-02')",
        "SELECT FORMAT_DATE(f, DATE '2024-01-02') FROM UNNEST(['%F', '%f']) AS f",
        "SELECT LEAD(x, 1, x) OVER (ORDER BY x) FROM UNNEST([1, 2]) AS x",
        "SELECT 1 EXCEPT ALL SELECT 1",
        "SELECT ST_ASTEXT(ST_GEOGPOINT(1, 2))",
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT n FROM t",
    ],
)
def test_what_bigquery_answers_otherwise_is_left_to_it(sql):
    with pytest.raises(AnalyzerUnavailable):
        rows(sql)


def test_functions_that_may_be_evaluated_are_functions():
    assert not {name.upper() for name in PURE} - googlesql.builtin_functions().keys()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT GENERATE_ARRAY(1, 1000000000)",
        "SELECT GENERATE_ARRAY(1, id) FROM orders",
        "SELECT GENERATE_DATE_ARRAY(day, '2024-01-01') FROM orders",
        "SELECT GENERATE_DATE_ARRAY('0001-01-01', '9999-12-31')",
        "SELECT GENERATE_TIMESTAMP_ARRAY('2020-01-01', '2021-01-01', INTERVAL 1 SECOND)",
        "SELECT a FROM UNNEST(GENERATE_ARRAY(1, 9000)) AS a, UNNEST(GENERATE_ARRAY(1, 9000)) AS b",
        "SELECT LENGTH(REPEAT(country, id)) FROM orders, UNNEST(GENERATE_ARRAY(1, 9000))",
        "SELECT LENGTH(LPAD(country, 1000000)) FROM orders, UNNEST(GENERATE_ARRAY(1, 9000))",
        "SELECT (SELECT COUNT(*) FROM UNNEST(SPLIT(o.country)), UNNEST(SPLIT(o.country)), UNNEST(SPLIT(o.country)))"
        " FROM orders AS o",
        "WITH t AS (SELECT 1 AS x UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4)"
        f" SELECT t0.x FROM {', '.join(f't AS t{i}' for i in range(12))}",
    ],
)
def test_work_that_may_explode_is_left_to_others(sql):
    with pytest.raises(AnalyzerUnavailable):
        rows(sql)


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("SELECT x FROM UNNEST(GENERATE_ARRAY(10, -10, -5)) AS x", 5),
        ("SELECT d FROM UNNEST(GENERATE_DATE_ARRAY('2020-01-01', '2024-01-01', INTERVAL 1 MONTH)) AS d", 49),
        ("SELECT t FROM UNNEST(GENERATE_TIMESTAMP_ARRAY('2020-01-01', '2020-01-02', INTERVAL 1 HOUR)) AS t", 25),
        ("SELECT REPEAT(country, id), LPAD(country, 9) FROM orders", 3),
        ("SELECT a, b FROM UNNEST(SPLIT('a,b')) AS a, UNNEST([1, 2]) AS b UNION ALL SELECT country, id FROM orders", 7),
    ],
)
def test_small_work_is_evaluated(sql, count):
    assert len(rows(sql)) == count


@pytest.mark.parametrize("limit", [{"rows": 2}, {"product": 8}, {"bytes": 10}])
def test_too_much_is_left_to_others(limit):
    with pytest.raises(AnalyzerUnavailable, match="too many"):
        rows("SELECT o.id FROM orders AS o, shop.orders AS p", **limit)


def test_a_column_that_is_read_must_be_there_and_no_other():
    held = {("orders",): (ORDERS, ROWS.select(["id"]))}
    assert googlesql.evaluate("SELECT id FROM orders", held).num_rows == 3
    with pytest.raises(AnalyzerUnavailable, match="no column country"):
        googlesql.evaluate("SELECT country FROM orders", held)


def test_analyses_go_on_while_another_thread_evaluates():
    from concurrent.futures import ThreadPoolExecutor

    sql = "SELECT SUM(a * b) FROM UNNEST(GENERATE_ARRAY(1, 300)) AS a, UNNEST(GENERATE_ARRAY(1, 300)) AS b"
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(rows, sql)
        assert googlesql.analyze("SELECT 1").outputs
        assert slow.result() == [(45150 * 45150,)]


SHARED = Path(__file__).resolve().parents[3] / "shared" / "faithfulness"


@pytest.mark.skipif(not SHARED.exists(), reason="the corpora are not here")
def test_the_evaluator_gives_the_recorded_answers(monkeypatch):
    monkeypatch.syspath_prepend(str(SHARED))
    score = __import__("score")
    cases = [json.loads(line) for line in (SHARED / "corpus_dev.jsonl").read_text().splitlines()]
    cases = [case for case in cases if "range" not in json.dumps(case).lower()]
    outcomes = [
        score.run_one(case, lambda sql: ("local", googlesql.evaluate(sql)), True)
        for case in random.Random(7).sample(cases, 200)
    ]
    assert not [outcome for outcome in outcomes if outcome[0].startswith("WRONG")]
    assert sum(outcome[0] == "CORRECT" for outcome in outcomes) > 140
    sys.modules.pop("score", None)
