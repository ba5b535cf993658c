"""Whether an answer of BigQuery's REST API is whole: what a proxy or a captive portal says has the status 200 too.

A short body would be a table without rows, a query without an answer, a job that is not there. So each answer that
becomes data must have the fields that BigQuery always sends; which they are is told by its path.
https://cloud.google.com/bigquery/docs/reference/rest
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

Body = Mapping[str, Any]

_STATUSES = frozenset(HTTPStatus)
_STORED = ("TABLE", "SNAPSHOT", "CLONE")
_STATES = ("PENDING", "RUNNING", "DONE")


class IncompleteAnswer(Exception):
    """An answer of success that lacks what was asked for. The same request may be answered a moment later.

    Args:
        what: is missing, as the end of "… is not whole: ".
        whose: whose answer it is.
    """

    def __init__(self, what: str, whose: str = "BigQuery's answer") -> None:
        super().__init__(f"{whose} is not whole: {what}.")


class ForeignAnswer(Exception):
    """An error that is not BigQuery's: a proxy's, or that of a network's login page.

    Args:
        status: of HTTP.
    """

    def __init__(self, status: int) -> None:
        phrase = HTTPStatus(status).phrase if status in _STATUSES else ""
        super().__init__(f"HTTP {status} {phrase}".rstrip())
        self.status = status


def check(response: Any, *_: Any, **__: Any) -> None:
    """A hook of `requests`: raise where an answer is not whole, or an error not BigQuery's.

    Raises:
        IncompleteAnswer: a field is missing or of another type, or it is no JSON at all.
        ForeignAnswer: it is an error without what BigQuery writes into its errors.
    """
    if response.ok:
        path = urlsplit(response.request.url).path.partition("/projects/")[2].split("/")
        judge = _JUDGES.get((str(response.request.method), _shape(path)))
        if judge is not None:
            judge(_object(response), unquote(path[-1]))
    # Google's session asks again with a new token after a 401, whoever said it.
    elif response.status_code != HTTPStatus.UNAUTHORIZED and not _is_googles(response):
        raise ForeignAnswer(response.status_code)


def check_token(response: Any, *_: Any, **__: Any) -> None:
    """A hook of `requests` for token endpoints: Google's own code takes any text for their answer.

    Raises:
        IncompleteAnswer: it is no JSON object.
    """
    if response.ok and response.request.method == "POST":
        _object(response, "The token endpoint's answer")


def _object(response: Any, whose: str = "BigQuery's answer") -> Body:
    try:
        body = response.json()
    except ValueError:
        raise IncompleteAnswer(_no_json(response), whose) from None
    if not isinstance(body, dict):
        raise IncompleteAnswer("it is no JSON object", whose)
    return body


def _is_googles(response: Any) -> bool:
    try:
        body = response.json()
    except ValueError:
        return False
    return isinstance(body, dict) and isinstance(body.get("error"), dict)


def _shape(path: Sequence[str]) -> str:
    """What a path leads to: `datasets/tables/*` for `p/datasets/d/tables/t`, without its star for the list of them."""
    return "/".join(path[1::2]) + ("/*" if len(path) % 2 else "")


def _no_json(response: Any) -> str:
    if not response.content:
        return "it is empty"
    return "it is a web page" if response.content.lstrip()[:1] == b"<" else "it is no JSON, or cut short"


def require(condition: object, what: str) -> None:
    """See that an answer has something.

    Raises:
        IncompleteAnswer: it has not.
    """
    if not condition:
        raise IncompleteAnswer(what)


def count(value: Any) -> int | None:
    """A count as JSON has it (an int64 is text there), None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else None


# ---------------------------------------------------------------------------------- what each must have


def _query(body: Body, _: str) -> None:
    """`jobs.query` and `jobs.getQueryResults`; DML and DDL have neither schema nor rows."""
    complete = body.get("jobComplete")
    require(isinstance(complete, bool), "jobComplete is missing")
    if not complete:
        require(_names_a_job(body), "jobReference is missing")
        return
    if "schema" in body:
        _check_fields(body["schema"])
    if "rows" in body:
        require("schema" in body, "schema is missing")
        require(count(body.get("totalRows")) is not None, "totalRows is missing")
        _check_rows(body["rows"], len(body["schema"].get("fields", ())))


def _check_rows(rows: Any, width: int) -> None:
    require(isinstance(rows, list), "rows are no list")
    for row in rows:
        cells = row.get("f") if isinstance(row, dict) else None
        require(isinstance(cells, list) and len(cells) == width, "a row has not the cells of its schema")


def _check_fields(schema: Any) -> None:
    """A `TableSchema`, or the field that has fields."""
    fields = schema.get("fields", []) if isinstance(schema, dict) else None
    require(isinstance(fields, list), "schema has no fields")
    for field in fields or ():
        named = isinstance(field, dict) and isinstance(field.get("name"), str) and isinstance(field.get("type"), str)
        require(named, "a field of the schema has no name or no type")
        if field["type"] in ("RECORD", "STRUCT"):
            require(field.get("fields"), f"the fields of {field['name']} are missing")
            _check_fields(field)


def _job(body: Body, _: str) -> None:
    """`jobs.get` and `jobs.insert`; a job that has ended says what it did."""
    configuration, status = _part(body, "configuration"), _part(body, "status")
    require(_names_a_job(body) or configuration.get("dryRun"), "jobReference is missing")
    require(status.get("state") in _STATES, "the job's state is missing")
    if status["state"] == "DONE" and not status.get("errorResult"):
        _check_done(configuration, _part(body, "statistics"))


def _names_a_job(body: Body) -> bool:
    reference = body.get("jobReference")
    return isinstance(reference, dict) and all(reference.get(name) for name in ("projectId", "jobId"))


def _check_done(configuration: Body, statistics: Body) -> None:
    if "extract" in configuration:
        files = _part(statistics, "extract").get("destinationUriFileCounts")
        require(isinstance(files, list), "destinationUriFileCounts are missing")
    else:
        told = _part(statistics, "query")
        if configuration.get("dryRun"):
            require(count(told.get("totalBytesProcessed")) is not None, "totalBytesProcessed is missing")


def _table(body: Body, name: str) -> None:
    """`tables.get`: without a count of rows it would be a table without rows."""
    reference = _part(body, "tableReference")
    require(all(reference.get(k) for k in ("projectId", "datasetId", "tableId")), "tableReference is missing")
    require(str(reference["tableId"]).lower() == name.lower(), f"it is about another table than {name}")
    require(isinstance(body.get("type"), str), "the table's type is missing")
    if "schema" in body:
        _check_fields(body["schema"])
    if body["type"] in _STORED:
        for counted in ("numRows", "numBytes", "lastModifiedTime"):
            require(count(body.get(counted)) is not None, f"{counted} is missing")
        require("schema" in body or count(body["numRows"]) == 0, "schema is missing")


def _routine(body: Body, name: str) -> None:
    """`routines.get`."""
    reference = _part(body, "routineReference")
    require(all(reference.get(k) for k in ("projectId", "datasetId", "routineId")), "routineReference is missing")
    require(str(reference["routineId"]).lower() == name.lower(), f"it is about another routine than {name}")
    for told in ("routineType", "definitionBody"):
        require(isinstance(body.get(told), str), f"{told} is missing")
    for argument in body.get("arguments", ()):
        typed = isinstance(argument, dict) and (argument.get("argumentKind") == "ANY_TYPE" or "dataType" in argument)
        require(typed, "the type of an argument is missing")


def _part(body: Body, name: str) -> Body:
    part = body.get(name)
    if not isinstance(part, dict):
        raise IncompleteAnswer(f"{name} is missing")
    return part


def _data(body: Body, _: str) -> None:
    """`tabledata.list`."""
    require(count(body.get("totalRows")) is not None, "totalRows is missing")


def _listed(*items: str) -> Callable[[Body, str], None]:
    """A list: `items` name its entries; an empty one still says what it is."""

    def judge(body: Body, _: str) -> None:
        require(any(isinstance(body.get(item), list) for item in items) or body.get("kind"), f"{items[0]} are missing")

    return judge


def _anything(_: Body, __: str) -> None:
    """No row policies are `{}`: this one must be JSON alone."""


_JUDGES: dict[tuple[str, str], Callable[[Body, str], None]] = {
    ("GET", "datasets"): _listed("datasets"),
    ("GET", "datasets/tables"): _listed("tables"),
    ("GET", "datasets/tables/*"): _table,
    ("GET", "datasets/routines/*"): _routine,
    ("GET", "datasets/tables/data"): _data,
    ("GET", "datasets/tables/rowAccessPolicies"): _anything,
    ("GET", "jobs"): _listed("jobs"),
    ("GET", "jobs/*"): _job,
    ("GET", "queries/*"): _query,
    ("POST", "jobs"): _job,
    ("POST", "queries"): _query,
}
