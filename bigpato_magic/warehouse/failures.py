"""Google's errors as ours: one clear sentence each, with the place in the SQL where the server tells it.

https://cloud.google.com/bigquery/docs/error-messages
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

from bigpato_magic import places
from bigpato_magic.errors import (
    BigPatoError,
    BytesLimitExceeded,
    Cancelled,
    CredentialsError,
    ParameterError,
    PermissionDenied,
    QueryError,
    TableNotFound,
    WarehouseError,
    WarehouseUnavailable,
)
from bigpato_magic.warehouse.answers import ForeignAnswer, IncompleteAnswer

_PLACE = re.compile(r"(?<!\s)\s*+[;,]?+\s*+at \[(\d+):(\d+)\]")
_REQUEST = re.compile(r"^[A-Z]+ https?://\S+: ")
_MISSING_TABLE = re.compile(r"Not found: (Table|Dataset|Project|View) ([^\s;]+)")
_PARAMETER = re.compile(r"[Qq]uery parameter|Undeclared parameter|Invalid value for type|[Pp]arameter '", re.ASCII)

_REQUIRED = re.compile(r"(?<!\d)(\d++) or higher required", re.ASCII)

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
_PASSING_CODES = (408, 429)
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
    if isinstance(error, IncompleteAnswer):
        return WarehouseUnavailable(str(error), hint=_BETWEEN)
    if isinstance(error, ForeignAnswer):
        return WarehouseUnavailable(f"What answers is not BigQuery ({error}).", hint=_BETWEEN)
    if isinstance(error, RetryError) and error.cause is not None:
        return translate(error.cause, sql=sql, job_id=job_id)
    if isinstance(error, RefreshError):
        return _no_token(error)
    if isinstance(error, GoogleAuthError | RequestException | ConnectionError | TimeoutError):
        return _unreachable(error)
    if isinstance(error, GoogleAPICallError):
        return by_reason(_reason(error), _message(error), sql=sql, job_id=job_id)
    if isinstance(error, LookupError | TypeError | ValueError | AttributeError | ArithmeticError):
        return WarehouseError(f"BigQuery's answer cannot be read ({type(error).__name__}).", hint=_BETWEEN)
    return WarehouseError(f"BigQuery's client failed ({type(error).__name__}).", hint=_LATER)


def _no_token(error: Any) -> BigPatoError:
    """Only what OAuth calls an error is the credentials' fault; no word of the endpoint's own text is shown."""
    told = next((detail for detail in error.args if isinstance(detail, Mapping)), {})
    if error.retryable or (not told and any(str(detail).lstrip()[:1] == "<" for detail in error.args)):
        return WarehouseUnavailable("Google's token endpoint gives no token now.", hint=_BETWEEN)
    if error.args[:1] == ("No access token in response.",):
        return WarehouseUnavailable("The token endpoint's answer has no token in it.", hint=_BETWEEN)
    return CredentialsError("The credentials were refused: they have expired or were revoked.", hint=_LOGIN)


def _unreachable(error: BaseException) -> BigPatoError:
    """What stands in the way, as far as the network's errors tell it."""
    from requests.exceptions import ProxyError
    from urllib3.exceptions import NameResolutionError

    causes = list(_chain(error))
    for inner in causes:
        if isinstance(inner, ssl.SSLCertVerificationError):
            untrusted = f"the certificate of what answers is not trusted ({inner.verify_message})"
            return WarehouseUnavailable(f"BigQuery cannot be reached: {untrusted}.", hint=_CERTIFICATE)
        if isinstance(inner, NameResolutionError):
            return WarehouseUnavailable("BigQuery cannot be reached: its name is not found.", hint="is the network up?")
    if any(isinstance(inner, ProxyError) for inner in causes):
        return WarehouseUnavailable("BigQuery cannot be reached: the proxy lets nothing through.", hint=_PROXY)
    if never_connected(error):
        return WarehouseUnavailable("BigQuery cannot be reached: there is no connection.", hint="is the network up?")
    return WarehouseUnavailable(f"BigQuery did not answer ({type(error).__name__}).", hint=_LATER)


def _reason(error: Any) -> str:
    code = int(error.code or 500)
    told = next((str(d["reason"]) for d in error.errors if isinstance(d, Mapping) and d.get("reason")), None)
    # What the service says of itself is never about the SQL, whatever word it has for it.
    if code >= 500 or code in _PASSING_CODES:
        return told if told in _TRANSIENT_REASONS else _REASON_OF_CODE.get(code, "backendError")
    return "authError" if code == 401 else told or _REASON_OF_CODE.get(code, "invalid")


def _message(error: Any) -> str:
    for detail in error.errors:
        if isinstance(detail, Mapping) and detail.get("message"):
            return str(detail["message"])
    # Without details the client puts the request in front: "GET https://…: what went wrong".
    text = _REQUEST.sub("", str(error.message or "")).strip()
    return "" if text.startswith("<") else text


def by_reason(reason: str, message: str, *, sql: str | None = None, job_id: str | None = None) -> BigPatoError:
    """Our error for one of BigQuery's reasons, as HTTP errors and failed jobs give them."""
    text, place = _without_place(message, sql)
    if reason == "stopped":
        return Cancelled("The BigQuery job was stopped.")
    if reason == "notFound" and (missing := _MISSING_TABLE.search(text)):
        return _not_found(missing, sql, place, job_id)
    if reason in _OTHERS:
        kind, hint = _OTHERS[reason]
        return kind(text or f"BigQuery says {reason}.", hint=hint)
    if sql is None:
        return WarehouseError(text or f"BigQuery says {reason}.")
    if reason == "bytesBilledLimitExceeded":
        required = _REQUIRED.search(text)
        return BytesLimitExceeded(
            text, required=int(required[1]) if required else None, sql=sql, job_id=job_id, hint=_HINTS[reason]
        )
    kind_of_query = ParameterError if _PARAMETER.search(text) else QueryError
    line, column = place
    return kind_of_query(text, sql=sql, line=line, column=column, job_id=job_id, hint=_HINTS.get(reason))


Place = tuple[int | None, int | None]


def _without_place(message: str, sql: str | None) -> tuple[str, Place]:
    """The message, and its line and character in the text."""
    match = _PLACE.search(message)
    if match is None:
        return message.strip(), (None, None)
    text = (message[: match.start()] + message[match.end() :]).strip()
    return text, (int(match[1]), _character(sql or "", int(match[1]), int(match[2])))


def _character(sql: str, line: int, column: int) -> int:
    lines = places.lines(sql)
    return places.characters_before(lines[line - 1], column) + 1 if line <= len(lines) and sql else column


def _not_found(missing: re.Match[str], sql: str | None, place: Place, job_id: str | None) -> TableNotFound:
    # The last colon ends the project, whose own name has one where it is of a domain: `example.com:sales:shop.orders`.
    name = ".".join(missing[2].rstrip(".").rsplit(":", 1 if missing[1] != "Project" else 0))
    return TableNotFound(
        f"{missing[1]} {name} was not found in BigQuery.",
        sql=sql,
        line=place[0],
        column=place[1],
        job_id=job_id,
        path=tuple(name.rsplit(".", 1 if missing[1] == "Dataset" else 2)) if missing[1] != "Project" else (),
        hint="names are case-sensitive; is the location right?",
    )


_LATER = "try again in a moment"
_BETWEEN = "a proxy or the network's login page may stand between; try again in a moment"
_CERTIFICATE = "a proxy that reads TLS needs its certificate in REQUESTS_CA_BUNDLE"
_PROXY = "HTTPS_PROXY must name it, with the name and the password that it wants"
_LOGIN = "run `gcloud auth application-default login`, or give another key"
_OTHERS: dict[str, tuple[type[WarehouseError], str | None]] = {
    "accessDenied": (PermissionDenied, "ask for the permission, or use other credentials"),
    "accessNotConfigured": (
        PermissionDenied,
        "enable the API in the project: `gcloud services enable bigquery.googleapis.com`",
    ),
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


# How often an answer that is not whole is asked for again.
_INCOMPLETE_RETRIES = 3


def transient(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later. A network that is away is not waited for."""
    from google.api_core.exceptions import GoogleAPICallError
    from requests.exceptions import ChunkedEncodingError, ProxyError, SSLError, Timeout
    from requests.exceptions import ConnectionError as Broken

    if never_connected(error) or isinstance(error, ProxyError | SSLError):
        return False
    if isinstance(error, GoogleAPICallError):
        return _reason(error) in _TRANSIENT_REASONS
    if isinstance(error, ForeignAnswer):
        return error.status >= 500 or error.status in _PASSING_CODES
    return isinstance(error, IncompleteAnswer | Broken | ChunkedEncodingError | ConnectionError | Timeout)


# What gRPC says of an address where nobody answers.
_NOT_DIALLED = "failed to connect to all addresses"


def never_connected(error: BaseException) -> bool:
    """Whether no connection was ever made: no network, no such name, or nobody listens."""
    from urllib3.exceptions import NewConnectionError

    return any(
        isinstance(inner, NewConnectionError | ConnectionRefusedError) or _NOT_DIALLED in str(inner)
        for inner in _chain(error)
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those that it was made of."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        cause = waiting.pop()
        if not any(cause is one for one in seen):
            seen.append(cause)
            yield cause
            inner = [getattr(cause, "reason", None), cause.__cause__, *cause.args]
            waiting += [one for one in inner if isinstance(one, BaseException)]


def retry(seconds: float = 60.0) -> Any:
    """Google's retry with exponential back-off for `transient` errors, for at most `seconds`; for one call."""
    from google.api_core.retry import Retry

    return Retry(predicate=_Patience(), initial=0.5, maximum=8.0, multiplier=2.0, timeout=seconds)


class _Patience:
    """`transient`, but for answers that are not whole: what stands between goes on for long, or soon no more."""

    def __init__(self) -> None:
        self._incomplete = 0

    def __call__(self, error: BaseException) -> bool:
        self._incomplete += isinstance(error, IncompleteAnswer)
        return transient(error) and self._incomplete <= _INCOMPLETE_RETRIES


def retry_lost_jobs(seconds: float = 120.0) -> Any:
    """Google's retry for jobs that failed by BigQuery's own fault, as `by_reason` tells it."""
    from google.api_core.retry import Retry, if_exception_type

    return Retry(predicate=if_exception_type(WarehouseUnavailable), initial=1.0, maximum=16.0, timeout=seconds)
