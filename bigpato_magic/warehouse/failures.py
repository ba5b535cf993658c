"""Google's errors as ours: one clear sentence each, with the place in the SQL where the server tells it.

https://cloud.google.com/bigquery/docs/error-messages
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bigpato_magic.errors import (
    BigPatoError,
    Cancelled,
    CredentialsError,
    ParameterError,
    PermissionDenied,
    QueryError,
    TableNotFound,
    WarehouseError,
    WarehouseUnavailable,
)

_PLACE = re.compile(r"\s*(?:;|,)?\s*at \[(\d+):(\d+)\]")
_MISSING_TABLE = re.compile(r"Not found: (Table|Dataset|Project|View) ([^\s;]+)")
_PARAMETER = re.compile(r"[Qq]uery parameter|Undeclared parameter|Invalid value for type|[Pp]arameter '", re.ASCII)

_TRANSIENT_REASONS = frozenset(
    (
        "backendError",
        "badGateway",
        "internalError",
        "jobBackendError",
        "jobInternalError",
        "jobRateLimitExceeded",
        "rateLimitExceeded",
    )
)
_REASON_OF_CODE = {
    400: "invalid",
    401: "authError",
    403: "accessDenied",
    404: "notFound",
    408: "backendError",
    429: "rateLimitExceeded",
}


def translate(error: BaseException, *, sql: str | None = None, job_id: str | None = None) -> BigPatoError:
    """Our error for one of Google's clients, `requests` or `google.auth`.

    Args:
        error: what was raised.
        sql: the statement it is about; without, no `QueryError` is made.
        job_id: of the job that failed.
    """
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from google.auth.exceptions import GoogleAuthError, RefreshError
    from requests.exceptions import RequestException

    if isinstance(error, BigPatoError):
        return error
    if isinstance(error, RetryError) and error.cause is not None:
        return translate(error.cause, sql=sql, job_id=job_id)
    if isinstance(error, RefreshError):
        return CredentialsError(
            "The credentials were refused: they have expired or were revoked.",
            hint="run `gcloud auth application-default login`, or give another key",
        )
    if isinstance(error, GoogleAuthError | RequestException | ConnectionError | TimeoutError):
        return _unreachable(error)
    if isinstance(error, GoogleAPICallError):
        return by_reason(_reason(error), _message(error), sql=sql, job_id=job_id)
    return WarehouseError(f"BigQuery's client failed: {type(error).__name__}: {error}")


def _unreachable(error: BaseException) -> BigPatoError:
    if never_connected(error):
        return WarehouseUnavailable("BigQuery cannot be reached: there is no connection.", hint="is the network up?")
    return WarehouseUnavailable(f"BigQuery did not answer ({type(error).__name__}).", hint="try again in a moment")


def _reason(error: Any) -> str:
    for detail in error.errors:
        if isinstance(detail, Mapping) and detail.get("reason"):
            return str(detail["reason"])
    code = int(error.code or 500)
    return _REASON_OF_CODE.get(code, "backendError" if code >= 500 else "invalid")


def _message(error: Any) -> str:
    for detail in error.errors:
        if isinstance(detail, Mapping) and detail.get("message"):
            return str(detail["message"])
    # Without details the client puts the request in front: "GET https://…: what went wrong".
    return re.sub(r"^[A-Z]+ https?://\S+: ", "", str(error.message or ""))


def by_reason(reason: str, message: str, *, sql: str | None = None, job_id: str | None = None) -> BigPatoError:
    """Our error for one of BigQuery's reasons, as HTTP errors and failed jobs give them."""
    text, place = _without_place(message)
    if reason == "stopped":
        return Cancelled("The BigQuery job was stopped.")
    if reason == "notFound" and (missing := _MISSING_TABLE.search(text)):
        return _not_found(missing, sql, place, job_id)
    if reason in _OTHERS:
        kind, hint = _OTHERS[reason]
        return kind(text or f"BigQuery says {reason}.", hint=hint)
    if sql is None:
        return WarehouseError(text or f"BigQuery says {reason}.")
    kind_of_query = ParameterError if _PARAMETER.search(text) else QueryError
    line, column = place
    return kind_of_query(text, sql=sql, line=line, column=column, job_id=job_id, hint=_HINTS.get(reason))


def _without_place(message: str) -> tuple[str, tuple[int | None, int | None]]:
    match = _PLACE.search(message)
    if match is None:
        return message.strip(), (None, None)
    return (message[: match.start()] + message[match.end() :]).strip(), (int(match[1]), int(match[2]))


def _not_found(
    missing: re.Match[str], sql: str | None, place: tuple[int | None, int | None], job_id: str | None
) -> TableNotFound:
    name = missing[2].replace(":", ".", 1).rstrip(".")
    return TableNotFound(
        f"{missing[1]} {name} was not found in BigQuery.",
        sql=sql,
        line=place[0],
        column=place[1],
        job_id=job_id,
        hint="names are case-sensitive; is the location right?",
    )


_LATER = "try again in a moment"
_OTHERS: dict[str, tuple[type[WarehouseError], str | None]] = {
    "accessDenied": (PermissionDenied, "ask for the permission, or use other credentials"),
    "authError": (CredentialsError, "the credentials were not accepted"),
    "backendError": (WarehouseUnavailable, _LATER),
    "badGateway": (WarehouseUnavailable, _LATER),
    "billingNotEnabled": (PermissionDenied, "billing must be enabled for the project"),
    "blocked": (PermissionDenied, None),
    "forbidden": (PermissionDenied, "ask for the permission, or use other credentials"),
    "internalError": (WarehouseUnavailable, _LATER),
    "jobBackendError": (WarehouseUnavailable, _LATER),
    "jobInternalError": (WarehouseUnavailable, _LATER),
    "jobRateLimitExceeded": (WarehouseUnavailable, _LATER),
    "notFound": (WarehouseError, None),
    "quotaExceeded": (WarehouseError, "a quota of the project is used up"),
    "rateLimitExceeded": (WarehouseUnavailable, _LATER),
    "required": (WarehouseError, None),
    "tableUnavailable": (WarehouseUnavailable, _LATER),
}
_HINTS = {
    "bytesBilledLimitExceeded": "raise maximum_bytes_billed, or read less",
    "resourcesExceeded": "the query needs more than BigQuery gives to one",
    "responseTooLarge": "write the result to a table",
}


def transient(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later. A network that is away is not waited for."""
    from google.api_core.exceptions import GoogleAPICallError
    from requests.exceptions import ChunkedEncodingError, Timeout
    from requests.exceptions import ConnectionError as Broken

    if never_connected(error):
        return False
    if isinstance(error, GoogleAPICallError):
        return _reason(error) in _TRANSIENT_REASONS
    return isinstance(error, Broken | ChunkedEncodingError | ConnectionError | Timeout)


# What gRPC says of an address where nobody answers.
_NOT_DIALLED = "failed to connect to all addresses"


def never_connected(error: BaseException) -> bool:
    """Whether no connection was ever made: no network, no such name, or nobody listens."""
    from urllib3.exceptions import NewConnectionError

    if isinstance(error, NewConnectionError | ConnectionRefusedError) or _NOT_DIALLED in str(error):
        return True
    inner = [getattr(error, "reason", None), error.__cause__, *error.args]
    return any(isinstance(e, BaseException) and e is not error and never_connected(e) for e in inner)


def retry(seconds: float = 60.0) -> Any:
    """Google's retry with exponential back-off for `transient` errors, for at most `seconds`."""
    from google.api_core.retry import Retry

    return Retry(predicate=transient, initial=0.5, maximum=8.0, multiplier=2.0, timeout=seconds)


def retry_lost_jobs(seconds: float = 120.0) -> Any:
    """Google's retry for jobs that failed by BigQuery's own fault, as `by_reason` tells it."""
    from google.api_core.retry import Retry, if_exception_type

    return Retry(predicate=if_exception_type(WarehouseUnavailable), initial=1.0, maximum=16.0, timeout=seconds)
