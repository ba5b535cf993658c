"""Whatever a person passes as whatever type: the value here is what GoogleSQL reads in what BigQuery is sent."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bigpato_magic import googlesql, typed
from bigpato_magic.errors import ParameterError, RouteRefused
from bigpato_magic.parameters import parse_type
from bigpato_magic.types import Kind, Parameter, SqlType
from bigpato_magic.warehouse.schema import query_parameters

SCALARS = ("BOOL", "INT64", "FLOAT64", "STRING", "BYTES", "NUMERIC", "BIGNUMERIC", "DATE", "DATETIME", "TIME")
SCALARS += ("TIMESTAMP", "JSON")
TYPES = st.one_of(
    st.sampled_from(SCALARS),
    st.sampled_from(SCALARS).map(lambda kind: f"ARRAY<{kind}>"),
    st.tuples(*[st.sampled_from(SCALARS)] * 2).map(lambda two: f"STRUCT<key {two[0]}, value {two[1]}>"),
)
TEXTS = """
    1 1.7 0x10 1_000 １ yes true nan inf 1e5 -1.50 24:00:00 12:00:00 2024-1-2 2024-02-30 20240131 null [1 {"a":1.50}
    2024-01-02T03:04:05 2024-01-02T03:04:05Z 9999-12-31T23:59:59-05:00 0001-01-01T00:00:00+05:00
    """.split()  # noqa: SIM905 - a list of words is read as one
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.decimals(),
    st.decimals(min_value=-1000, max_value=1000, places=9),
    st.text(max_size=5),
    st.sampled_from(TEXTS),
    st.binary(max_size=5),
    st.dates(),
    st.datetimes(timezones=st.none() | st.just(UTC) | OFFSETS),
    st.times(),
    st.sampled_from([pd.NaT, pd.NA, np.float32(0.1), np.int8(-3), np.datetime64("2024-01-02"), Decimal("1E+28")]),
    st.sampled_from([pd.Timestamp("2024-01-02", tz="Asia/Tokyo"), date.max, datetime.max, time.max, 2**64 - 1]),
)
OF_ITS_KIND = {
    "BOOL": st.booleans(),
    "INT64": st.integers(-(2**63), 2**63 - 1),
    "FLOAT64": st.floats() | st.integers(-(2**53), 2**53),
    "STRING": st.text(),
    "BYTES": st.binary(),
    "NUMERIC": st.decimals(-(10**29) + 1, 10**29 - 1, places=9),
    "BIGNUMERIC": st.decimals(-(10**38) + 1, 10**38 - 1, places=38),
    "DATE": st.dates() | st.dates().map(str),
    "DATETIME": st.datetimes() | st.datetimes().map(str),
    "TIME": st.times() | st.times().map(str),
    "TIMESTAMP": st.datetimes(timezones=st.none() | OFFSETS) | st.datetimes(timezones=OFFSETS).map(str),
    "JSON": st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(-1000, 1000, width=16) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    ),
}


def values_of(kind: str) -> st.SearchStrategy[Any]:
    """Values of a type, one in ten anything else instead."""
    of = parse_type(kind)
    if of.kind is Kind.ARRAY:
        return st.lists(values_of(str(of.element)), max_size=3)
    if of.kind is Kind.STRUCT:
        return st.fixed_dictionaries({field.name: values_of(str(field.type)) for field in reversed(of.fields)})
    return st.integers(0, 9).flatmap(lambda seldom: OF_ITS_KIND[kind] if seldom else PLAIN)


LIKE_A_MAP = "STRUCT<key ARRAY<INT64>, value ARRAY<INT64>>"
READ = {Kind.BYTES: "FROM_BASE64({})", Kind.JSON: "PARSE_JSON({})", Kind.STRING: "{}"}


@pytest.fixture(scope="module")
def here(tmp_path_factory, analyzer):
    from bigpato_magic.client import BigPato
    from bigpato_magic.demo import open_warehouse

    place = tmp_path_factory.mktemp("same-value")
    warehouse = open_warehouse(place / "demo", datasets=("samples",))
    client = BigPato(warehouse=warehouse, project=warehouse.project, dataset="samples", directory=str(place / "tier"))
    yield client
    client.close()


def as_sql(of: SqlType, value: dict[str, Any], texts: list[Parameter]) -> str:
    """GoogleSQL that reads a `QueryParameterValue`."""
    if of.kind is Kind.ARRAY:
        items = ", ".join(as_sql(of.element, item, texts) for item in value["arrayValues"])
        return f"ARRAY<{of.element}>[{items}]"
    if of.kind is Kind.STRUCT:
        inner = (f"{as_sql(f.type, value['structValues'][f.name], texts)} AS {f.name}" for f in of.fields)
        return f"STRUCT({', '.join(inner)})" if value else f"CAST(NULL AS {of})"
    if value["value"] is None:
        return f"CAST(NULL AS {of})"
    texts.append(Parameter(f"t{len(texts)}", SqlType(Kind.STRING), value["value"]))
    return READ.get(of.kind, f"CAST({{}} AS {of})").format(f"@{texts[-1].name}")


def read_by_google(of: SqlType, value: dict[str, Any]) -> Any:
    texts: list[Parameter] = []
    sql = as_sql(of, value, texts)
    return googlesql.evaluate(f"SELECT {sql} AS x", {}, texts)["x"].to_pylist()


def outcome(run: Any) -> Any:
    try:
        return run()
    except ParameterError as error:
        return error.message


@settings(max_examples=400)
@given(data=st.data(), kind=TYPES)
def test_the_value_here_is_the_value_there(here, data, kind):
    value = data.draw(values_of(kind) if data.draw(st.integers(0, 3)) else PLAIN)
    of = parse_type(kind)
    told = typed(value, kind)
    there = outcome(lambda: query_parameters([Parameter("x", told.type, told.value)])[0]["parameterValue"])
    try:
        found = outcome(lambda: here.run("SELECT @x AS x", params={"x": told}, route="local").arrow["x"].to_pylist())
    except RouteRefused:
        return  # BigQuery answers with what it is sent
    if isinstance(there, str):
        assert found == there
    else:
        assert repr(found) == repr(read_by_google(of, there))


@pytest.mark.parametrize(
    ("sql", "value", "answer"),
    [
        ("SELECT COUNT(*) AS n FROM UNNEST(@x)", typed([], "ARRAY<INT64>"), 0),
        ("SELECT COUNT(*) AS n FROM UNNEST(@x)", typed([None, 1], "ARRAY<INT64>"), 2),
        ("SELECT 1 NOT IN UNNEST(@x) AS n", typed(None, "ARRAY<INT64>"), True),
        ("SELECT ARRAY_LENGTH(@x) AS n", typed([{"a": None}], "ARRAY<STRUCT<a INT64>>"), 1),
        ("SELECT @x.value AS n", typed({"value": [2], "key": [1]}, LIKE_A_MAP), [2]),
        ("SELECT SUM(v) AS n FROM UNNEST(@x) AS v", [Decimal(10**20), Decimal("1E-9")], Decimal(f"1{'0' * 20}.{1:09}")),
    ],
)
def test_arrays_as_they_are_used(here, sql, value, answer):
    assert here.run(sql, params={"x": value}, route="local").arrow["n"].to_pylist() == [answer]


@pytest.mark.parametrize(
    ("sql", "value", "why"),
    [
        ("SELECT ARRAY_LENGTH(@x) AS n", typed([], "ARRAY<INT64>"), "may take the empty array @x for NULL"),
        ("SELECT @x IS NULL AS n", typed(None, "ARRAY<INT64>"), "may take the empty array @x for NULL"),
        ("SELECT @x.a AS n", typed({"a": []}, "STRUCT<a ARRAY<INT64>>"), "an empty array inside a parameter"),
        ("SELECT @x IS NULL AS n", typed(None, "STRUCT<a INT64>"), "a NULL STRUCT is not known"),
        ("SELECT ARRAY_LENGTH(@x) AS n", typed([None], "ARRAY<STRUCT<a INT64>>"), "a NULL STRUCT is not known"),
        ("SELECT ST_ASTEXT(@x) AS n", typed("POINT(1 2)", "GEOGRAPHY"), "a GEOGRAPHY parameter is not answered here"),
        ("SELECT CAST(@x AS STRING) AS n", typed("1 year", "INTERVAL"), "an INTERVAL parameter is not answered here"),
    ],
)
def test_what_only_bigquery_knows_is_left_to_it(here, sql, value, why):
    with pytest.raises(RouteRefused, match=why):
        here.run(sql, params={"x": value}, route="local")


def test_a_parameter_may_have_any_name(here):
    names = {"bp_now": 3, "p1": 4, "p_p1": 5, "Select": 6}
    found = here.run("SELECT @bp_now AS a, @p1 AS b, @p_p1 AS c, @select AS d", params=names, route="local")
    assert list(found.arrow.to_pylist()[0].values()) == [3, 4, 5, 6]
    moment = here.run("SELECT @bp_now AS a, '$bp_now' AS b, CURRENT_DATE() IS NULL AS c", params=names, route="local")
    assert moment.arrow.to_pylist() == [{"a": 3, "b": "$bp_now", "c": False}]
    assert here.run("SELECT '$bp_now' AS a", route="local").arrow["a"].to_pylist() == ["$bp_now"]
    assert here.run("SELECT 'no $p1 and $p_x', ? AS a", params=[7], route="local").arrow["a"].to_pylist() == [7]
