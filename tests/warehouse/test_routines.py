"""Persistent functions, as `routines.get` tells of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bigpato_magic.errors import BigPatoError, WarehouseUnavailable
from bigpato_magic.types import Kind, RoutineFacts, RoutineId, SqlType, array_of, struct_of
from bigpato_magic.warehouse.bigquery import BigQueryWarehouse
from tests.doubles.rest import RestServer, error, serving

F = RoutineId("p", "d", "f")
PATH = "/bigquery/v2/projects/p/datasets/d/routines/f"
INT, STRING = {"typeKind": "INT64"}, {"typeKind": "STRING"}


def resource(**more: Any) -> dict[str, Any]:
    return {
        "etag": "e1",
        "routineReference": {"projectId": "p", "datasetId": "d", "routineId": "f"},
        "routineType": "SCALAR_FUNCTION",
        "creationTime": "1700000000000",
        "lastModifiedTime": "1700000000000",
        "language": "SQL",
        "arguments": [{"name": "x", "dataType": INT}],
        "definitionBody": "x * 3",
        **more,
    }


@pytest.fixture
def server() -> Iterator[RestServer]:
    with serving() as running:
        yield running


@pytest.fixture
def told(server: RestServer) -> Any:
    from google.auth.credentials import AnonymousCredentials

    anonymous = AnonymousCredentials()  # type: ignore[no-untyped-call]
    warehouse = BigQueryWarehouse("p", credentials=anonymous, endpoint=server.url, emulated=False)

    def ask(reply: Any) -> RoutineFacts | BigPatoError:
        server.on("GET", PATH, reply)
        return warehouse.routines([F])[F]

    return ask


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    import google.api_core.retry.retry_unary as unary

    monkeypatch.setattr(unary.time, "sleep", lambda _: None)


def test_what_it_is(told: Any) -> None:
    pairs = {
        "typeKind": "STRUCT",
        "structType": {"fields": [{"name": "k", "type": STRING}, {"name": "v", "type": INT}]},
    }
    arguments = [
        {"name": "x", "argumentKind": "FIXED_TYPE", "dataType": INT},
        {"name": "any", "argumentKind": "ANY_TYPE"},
        {"name": "list", "dataType": {"typeKind": "ARRAY", "arrayElementType": pairs}},
        {"name": "span", "dataType": {"typeKind": "RANGE", "rangeElementType": {"typeKind": "DATE"}}},
    ]
    facts = told(resource(arguments=arguments, returnType={"typeKind": "FLOAT64"}))
    number = SqlType(Kind.INT64)
    assert facts == RoutineFacts(
        F,
        (
            ("x", number),
            ("any", None),
            ("list", array_of(struct_of(("k", SqlType(Kind.STRING)), ("v", number)))),
            ("span", SqlType(Kind.RANGE, element=SqlType(Kind.DATE))),
        ),
        SqlType(Kind.FLOAT64),
        "x * 3",
        etag="e1",
    )


@pytest.mark.parametrize(
    ("more", "obstacle"),
    [
        ({}, None),
        ({"language": "JAVASCRIPT"}, "not written in SQL"),
        ({"language": None, "remoteFunctionOptions": {"endpoint": "https://x"}}, "not written in SQL"),
        ({"routineType": "TABLE_VALUED_FUNCTION"}, "table valued function"),
        ({"routineType": "PROCEDURE"}, "procedure"),
    ],
)
def test_what_stands_in_the_way_of_it(told: Any, more: dict[str, Any], obstacle: str | None) -> None:
    said = told(resource(**more)).obstacle
    assert said is None if obstacle is None else obstacle in said


def test_one_that_is_not_there_is_an_error(told: Any) -> None:
    assert "Not found: Routine" in told(error(404, "notFound", "Not found: Routine p:d.f")).message


@pytest.mark.parametrize("left_out", ["routineReference", "routineType", "definitionBody"])
def test_an_answer_that_is_not_whole_is_none(told: Any, left_out: str) -> None:
    answer = told({name: value for name, value in resource().items() if name != left_out})
    assert isinstance(answer, WarehouseUnavailable)
    assert left_out in answer.message


def test_a_type_that_nobody_knows_is_an_error(told: Any) -> None:
    assert isinstance(told(resource(returnType={"typeKind": "TOMORROW"})), BigPatoError)
