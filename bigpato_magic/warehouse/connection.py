"""Google's clients for one project and one set of credentials, made when first used.

Emulators are honoured as Google's clients do it: `BIGQUERY_EMULATOR_HOST` and `STORAGE_EMULATOR_HOST` are URLs;
`BIGQUERY_STORAGE_GRPC_ENDPOINT` is the `host:port` of an emulator's Storage Read API (plaintext gRPC).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bigpato_magic import forks
from bigpato_magic.errors import ConfigurationError
from bigpato_magic.warehouse import answers, failures
from bigpato_magic.warehouse import credentials as creds
from bigpato_magic.warehouse.clock import ServerClock

# Seconds to wait for an answer, on top of what the server was asked to wait.
REQUEST_SECONDS = 30.0
_PARALLEL_REQUESTS = 16


def _emulator(variable: str) -> str | None:
    value = os.environ.get(variable, "").strip().rstrip("/")
    if not value:
        return None
    return value if "://" in value else f"http://{value}"


def _is_foreign(endpoint: str | None) -> bool:
    # Private endpoints are Google's too: https://cloud.google.com/vpc/docs/about-accessing-google-apis-endpoints
    return endpoint is not None and not (urlsplit(endpoint).hostname or "").endswith(".googleapis.com")


class Connection:
    """The clients, the credentials and the clock that the warehouse and its transfers share.

    What it takes, and what it raises, is said of `BigQueryWarehouse`.
    """

    def __init__(
        self,
        project: str | None = None,
        *,
        key: str | Path | None = None,
        location: str | None = None,
        credentials: Any = None,
        endpoint: str | None = None,
        read_endpoint: str | None = None,
        storage_endpoint: str | None = None,
        emulated: bool | None = None,
    ) -> None:
        self._project = project
        self._emulated = emulated
        self._key = creds.read_key(Path(key)) if key else None
        self._credentials = credentials
        self.location = location
        self.endpoint = endpoint or _emulator("BIGQUERY_EMULATOR_HOST")
        self._told_emulator = not endpoint and bool(os.environ.get("BIGQUERY_EMULATOR_HOST"))
        self._read_endpoint = read_endpoint or os.environ.get("BIGQUERY_STORAGE_GRPC_ENDPOINT") or None
        self._storage_endpoint = storage_endpoint or _emulator("STORAGE_EMULATOR_HOST")
        self._grpc_is_the_parents = False
        self._begin()
        forks.register(self)

    def _begin(self) -> None:
        self.clock = ServerClock()
        # Threads for short requests in parallel; none is started before the first one.
        self.pool = ThreadPoolExecutor(_PARALLEL_REQUESTS, thread_name_prefix="bigpato-bigquery")

    def begin_anew(self) -> None:
        """In a forked child: sessions of its own, but no gRPC where the parent has used it: it would hang.

        https://github.com/grpc/grpc/blob/master/doc/fork_support.md
        """
        clients = ("session", "bigquery", "reader", "storage")
        mine = {name: self.__dict__.pop(name) for name in clients if name in self.__dict__}
        self._grpc_is_the_parents |= "reader" in mine
        forks.abandon(mine, self.pool)
        self._begin()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(project={self._project!r}, endpoint={self.endpoint!r})"

    @property
    def emulated(self) -> bool:
        """An emulator answers: partition decorators, snapshots and versions are not BigQuery's."""
        return _is_foreign(self.endpoint) if self._emulated is None else self._emulated

    @cached_property
    def _identity(self) -> tuple[Any, str | None]:
        if self._credentials is not None:
            return self._credentials, None
        if self._key is not None:
            told = creds.from_key(self._key)
            # An emulator that the environment names asks for no token, and none must be fetched from Google for it.
            return (creds.anonymous() if self._told_emulator else told), self._key.get("project_id")
        if self.emulated:
            return creds.anonymous(), os.environ.get("GOOGLE_CLOUD_PROJECT")
        return creds.from_environment()

    @property
    def project(self) -> str:
        """The project that is billed.

        Raises:
            ConfigurationError: none was given, and the credentials do not tell one.
            CredentialsError: there are none.
        """
        project = self._project or self._identity[1]
        if not project:
            raise ConfigurationError(
                "No project is set.", hint=f'%config BigPato.project = "…", or GOOGLE_CLOUD_PROJECT; {creds.DEMO}'
            )
        return project

    @property
    def principal(self) -> str:
        """Who asks, see `credentials.principal`."""
        return creds.principal(self._identity[0])

    @cached_property
    def session(self) -> Any:
        """One authorized HTTP session for all requests to BigQuery: its answers are whole, and the clock learns from them.

        Raises, beside what `requests` does: `answers.IncompleteAnswer`, `answers.ForeignAnswer`.
        """
        from google.auth.transport.requests import AuthorizedSession, Request
        from requests import Session
        from requests.adapters import HTTPAdapter

        tokens = Session()
        tokens.mount("https://", HTTPAdapter(max_retries=3))
        tokens.hooks["response"].append(answers.check_token)
        session = AuthorizedSession(self._identity[0], auth_request=Request(tokens))
        session.hooks["response"] += [answers.check, self.clock.note]
        session.mount("https://", HTTPAdapter(pool_maxsize=2 * _PARALLEL_REQUESTS))
        session.mount("http://", HTTPAdapter(pool_maxsize=2 * _PARALLEL_REQUESTS))
        return session

    @cached_property
    def bigquery(self) -> Any:
        """A `google.cloud.bigquery.Client`."""
        from google.cloud import bigquery

        return bigquery.Client(
            self.project,
            credentials=self._identity[0],
            _http=self.session,
            location=self.location,
            client_options={"api_endpoint": self.endpoint} if self.endpoint else None,
        )

    @property
    def can_read(self) -> bool:
        """Whether there is a Storage Read API."""
        return not self.why_no_read

    @property
    def why_no_read(self) -> str:
        """Why there is no Storage Read API; nothing where there is one."""
        if self._grpc_is_the_parents:
            return "this process was forked from one that has used it"
        return "the emulator has none" if self.emulated and self._read_endpoint is None else ""

    @cached_property
    def reader(self) -> Any:
        """A `google.cloud.bigquery_storage_v1.BigQueryReadClient`."""
        from google.cloud import bigquery_storage_v1 as storage_read

        if self._read_endpoint is None:
            return storage_read.BigQueryReadClient(credentials=self._identity[0], transport=_kept_alive)
        return storage_read.BigQueryReadClient(transport=_plaintext(self._read_endpoint))

    @cached_property
    def storage(self) -> Any:
        """A `google.cloud.storage.Client`."""
        from google.cloud import storage

        if self._storage_endpoint is None:
            return storage.Client(self.project, credentials=self._identity[0])
        options = {"api_endpoint": self._storage_endpoint}
        return storage.Client(self.project, credentials=creds.anonymous(), client_options=options)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        seconds: float = REQUEST_SECONDS,
        check: Callable[[Mapping[str, Any]], None] = lambda _: None,
    ) -> dict[str, Any]:
        """One call of BigQuery's REST API, retried while its errors are passing ones, and while its answer is not whole.

        Args:
            method: of HTTP.
            path: after `/bigquery/v2`.
            body: to be sent as JSON.
            seconds: to wait for one answer; all retries together take at most twice as long.
            check: raises `answers.IncompleteAnswer` where an answer is not one to this request.

        Raises:
            answers.IncompleteAnswer: there was no whole answer.
            answers.ForeignAnswer: something else than BigQuery answered with an error.
            google.api_core.exceptions.GoogleAPICallError: the server answered with an error.
            requests.exceptions.RequestException: it did not answer.
        """
        base = self.endpoint or "https://bigquery.googleapis.com"

        def once() -> dict[str, Any]:
            answer = self._request_once(method, f"{base}/bigquery/v2{path}", body, seconds)
            check(answer)
            return answer

        return dict(failures.retry(2 * seconds)(once)())

    def _request_once(self, method: str, url: str, body: Any, seconds: float) -> dict[str, Any]:
        from google.api_core.exceptions import from_http_response

        response = self.session.request(
            method, url, json=body, timeout=(10.0, seconds), params={"prettyPrint": "false"}
        )
        if not response.ok:
            raise from_http_response(response)
        return dict(response.json()) if response.content else {}


# These pings find out a connection that went without a word (after sleep, on another network), as often as Google's own
# client of BigQuery sends them; their servers take no more than one every 30 s.
_KEEP_ALIVE = [("grpc.keepalive_time_ms", 60_000), ("grpc.keepalive_timeout_ms", 20_000)]


def _kept_alive(**given: Any) -> Any:
    """Google's own transport of the Storage Read API, with a channel that is kept alive."""
    from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

    def channel(host: str, *, options: list[tuple[str, int]], **more: Any) -> Any:
        return BigQueryReadGrpcTransport.create_channel(host, options=[*options, *_KEEP_ALIVE], **more)

    return BigQueryReadGrpcTransport(channel=channel, **given)


def _plaintext(address: str) -> Any:
    import grpc
    from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

    unlimited = [("grpc.max_receive_message_length", -1)]
    return BigQueryReadGrpcTransport(channel=grpc.insecure_channel(address, options=unlimited))
