"""`client.run(params=…)` takes what people have at hand: a dict, Google's parameters, or values for each `?`."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from google.cloud import bigquery as google

from bigpato_magic import typed
from bigpato_magic.errors import ParameterError
from bigpato_magic.parameters import given

STRUCT = google.StructQueryParameter("s", google.ScalarQueryParameter("f", "STRING", "a"))
NOTHING = google.ArrayQueryParameter(
    "e", google.StructQueryParameterType(google.ScalarQueryParameterType("STRING", name="f")), []
)
RANGE = google.RangeQueryParameter("DATE", start=date(2024, 1, 1), name="r")
NESTED = google.StructQueryParameter(
    "n", google.ArrayQueryParameter("many", "INT64", [1]), google.ScalarQueryParameter("d", "NUMERIC", Decimal(1))
)


@pytest.mark.parametrize(
    ("one", "kind", "value"),
    [
        (google.ScalarQueryParameter("x", "INTEGER", 1), "INT64", 1),
        (google.ScalarQueryParameter("x", google.ScalarQueryParameterType("DATE"), None), "DATE", None),
        (google.ArrayQueryParameter("x", "STRING", ["a", None]), "ARRAY<STRING>", ["a", None]),
        (google.ArrayQueryParameter("x", "STRUCT", [STRUCT]), "ARRAY<STRUCT<f STRING>>", [{"f": "a"}]),
        (NOTHING, "ARRAY<STRUCT<f STRING>>", []),
        (NESTED, "STRUCT<many ARRAY<INT64>, d NUMERIC>", {"many": [1], "d": Decimal(1)}),
        (RANGE, "RANGE<DATE>", {"start": date(2024, 1, 1), "end": None}),
    ],
)
def test_googles_own_parameters_are_taken(one, kind, value):
    (found,) = given([one])
    assert (found.name, str(found.type), found.value) == (one.name, kind, value)


@pytest.mark.parametrize(
    ("params", "answer"),
    [
        ({"x": 2, "y": "a"}, ("SELECT @x AS x, @y AS y", {"x": 2, "y": "a"})),
        ({"X": 2}, ("SELECT @x AS x", {"x": 2})),
        ([google.ScalarQueryParameter("x", "INT64", 2)], ("SELECT @x AS x", {"x": 2})),
        ([google.ScalarQueryParameter(None, "INT64", 2)], ("SELECT ? AS x", {"x": 2})),
        ([typed(None, "INT64"), "a"], ("SELECT ? AS x, ? AS y", {"x": None, "y": "a"})),
        ((1, 2.5), ("SELECT ? AS x, ? AS y", {"x": 1, "y": 2.5})),
        ({"x": typed({"a": 1}, "JSON")}, ("SELECT @x AS x", {"x": '{"a":1}'})),
        (None, ("SELECT 1 AS x", {"x": 1})),
    ],
)
@pytest.mark.parametrize("route", ["local", "auto"])
def test_every_form_runs(client, analyzer, params, answer, route):
    sql, row = answer
    assert client.run(sql, params=params, route=route).arrow.to_pylist() == [row]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ("x", "params is a str"),
        (7, "params is a int"),
        ({1: 2}, "a parameter's name is text"),
        ({"x": 1, "X": 2}, "@x has two values"),
        ([typed(1, "INT64"), google.ScalarQueryParameter("x", "INT64", 1)], "some parameters have names"),
        ({"x": object()}, "@x: BigQuery has no type for a value of Python's object"),
        ([{1: 2}], "a positional parameter: a STRUCT needs"),
        ({"x": google.ScalarQueryParameterType("INT64")}, "@x: a ScalarQueryParameterType is no query parameter"),
        ([google.ArrayQueryParameter("x", "NO_TYPE", [1])], "no BigQuery type"),
    ],
)
def test_what_is_no_parameter_is_told(params, message):
    with pytest.raises(ParameterError, match=message):
        given(params)


def test_a_list_for_a_query_with_names_is_told(client):
    with pytest.raises(ParameterError, match="calls its parameter @x, and params has no names"):
        client.run("SELECT @x AS x", params=[typed(1, "INT64")])


def test_what_contains_itself_is_told():
    endless = []
    endless.append(endless)
    with pytest.raises(ParameterError, match="@x"):
        given({"x": endless})
