"""What stands between here and BigQuery is said as what it is: one sentence, no secret, no web page."""

from __future__ import annotations

import datetime
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bigpato_magic.errors import BigPatoError, CredentialsError, WarehouseError, WarehouseUnavailable
from bigpato_magic.types import TableId
from bigpato_magic.warehouse.bigquery import BigQueryWarehouse
from tests.doubles import resources as r
from tests.doubles.rest import Answer, RestServer, error, serving

SECRET = "1//a-very-secret-refresh-token"
PAGE = b"<!DOCTYPE html><html><head><title>Sign in to the hotel's network</title></head>" + b"<p>wall</p>" * 200
HTML = {"Content-Type": "text/html; charset=utf-8"}
TOKEN = "/token"


@pytest.fixture
def server() -> Iterator[RestServer]:
    with serving() as running:
        running.on("GET", r.JOB, r.job())
        running.on("POST", r.QUERIES, r.rows("1"))
        running.on("POST", TOKEN, {"access_token": "ya29.secret", "expires_in": 3600, "token_type": "Bearer"})
        yield running


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is slept goes by at once, on the clock of those who sleep."""
    import google.api_core.retry.retry_base as base
    import google.api_core.retry.retry_unary as unary
    import google.auth._exponential_backoff as backoff

    clock = _Clock()
    monkeypatch.setattr(unary, "time", clock)
    monkeypatch.setattr(base, "time", clock)
    monkeypatch.setattr(backoff, "time", _Clock())


class _Clock:
    def __init__(self) -> None:
        self._now = 0.0

    def sleep(self, seconds: float) -> None:
        self._now += seconds

    def monotonic(self) -> float:
        return self._now


def logged_in(server: RestServer) -> BigQueryWarehouse:
    """A login whose token must be fetched first."""
    from google.oauth2.credentials import Credentials

    user = Credentials(  # type: ignore[no-untyped-call]
        None, refresh_token=SECRET, client_id="c", client_secret="s", token_uri=server.url + TOKEN
    )
    return BigQueryWarehouse("p", credentials=user, endpoint=server.url, emulated=False)


def anonymous(endpoint: str) -> BigQueryWarehouse:
    from google.auth.credentials import AnonymousCredentials

    return BigQueryWarehouse("p", credentials=AnonymousCredentials(), endpoint=endpoint, emulated=False)  # type: ignore[no-untyped-call]


def told(warehouse: BigQueryWarehouse) -> BigPatoError:
    """The error of a query; that of a table's facts must be of the same kind."""
    with pytest.raises(BigPatoError) as caught:
        warehouse.query("SELECT 1 AS x")
    facts = warehouse.facts([TableId("p", "d", "t")])[TableId("p", "d", "t")]
    assert type(facts) is type(caught.value), facts
    for text in (str(caught.value), "".join(caught.value._render_traceback_()), str(facts)):
        assert "<" not in text
        assert SECRET not in text
        assert "ya29" not in text
        assert len(text) < 300
    return caught.value


# ------------------------------------------------------------------------------------ the token endpoint


def test_a_token_that_is_fetched_is_used(server: RestServer) -> None:
    assert logged_in(server).query("SELECT 1 AS x").arrow["x"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (Answer(PAGE, 200, HTML), WarehouseUnavailable, "The token endpoint's answer is not whole: it is a web page"),
        (Answer(b"", 200), WarehouseUnavailable, "The token endpoint's answer is not whole: it is empty"),
        ({}, WarehouseUnavailable, "The token endpoint's answer has no token"),
        (Answer(PAGE, 503, HTML), WarehouseUnavailable, "token endpoint gives no token now"),
        (Answer(PAGE, 502, HTML), WarehouseUnavailable, "token endpoint gives no token now"),
        (Answer(PAGE, 403, HTML), WarehouseUnavailable, "token endpoint gives no token now"),
        (Answer({"error": "internal_failure"}, 500), WarehouseUnavailable, "token endpoint gives no token now"),
        (Answer({"error": "backend", "error_description": SECRET}, 504), WarehouseUnavailable, "gives no token now"),
        (Answer({"error": "invalid_grant", "error_description": "Bad Request"}, 400), CredentialsError, "expired"),
        (Answer({"error": "invalid_client", "error_description": SECRET}, 401), CredentialsError, "refused"),
    ],
    ids=["page", "empty", "{}", "503", "502 page", "403 page", "500", "504", "invalid_grant", "invalid_client"],
)
def test_a_token_endpoint_is_not_taken_for_bad_credentials(
    server: RestServer, answer: Any, kind: type[Exception], says: str
) -> None:
    server.on("POST", TOKEN, answer)
    found = told(logged_in(server))

    assert type(found) is kind
    assert says in found.message


# ------------------------------------------------------------------------------------------- BigQuery


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(PAGE, 502, HTML), "What answers is not BigQuery (HTTP 502 Bad Gateway)"),
        (Answer(PAGE, 504, HTML), "What answers is not BigQuery (HTTP 504 Gateway Timeout)"),
        (Answer(PAGE, 403, HTML), "What answers is not BigQuery (HTTP 403 Forbidden)"),
        (Answer(PAGE, 404, HTML), "What answers is not BigQuery (HTTP 404 Not Found)"),
        (Answer(PAGE, 511, HTML), "What answers is not BigQuery (HTTP 511 Network Authentication Required)"),
        (Answer(b"upstream request timeout", 504), "What answers is not BigQuery (HTTP 504"),
        (Answer({"error": "Forbidden", "token": "ya29"}, 403), "What answers is not BigQuery (HTTP 403"),
        (Answer(b"[]", 503), "What answers is not BigQuery (HTTP 503"),
        (Answer(PAGE, 799, HTML), "it is a web page"),
        (Answer(PAGE, 200, HTML), "BigQuery's answer is not whole: it is a web page"),
        (Answer(PAGE, 302, {**HTML, "Location": "http://login.invalid/"}), "it is a web page"),
        (error(504, "timeout", "The request timed out."), "The request timed out."),
        (error(504, "deadlineExceeded", "Deadline exceeded"), "Deadline exceeded"),
        (error(500, "somethingNew", "An internal error"), "An internal error"),
        (error(503, "quotaExceeded", "Slow down"), "Slow down"),
        (error(429, "resourceExhausted", "Slow down"), "Slow down"),
    ],
)
def test_what_is_not_about_the_sql_never_reads_as_if(server: RestServer, answer: Answer, says: str) -> None:
    server.on("POST", r.QUERIES, answer)
    server.on("GET", ".*", answer)
    found = told(anonymous(server.url))

    assert type(found) is WarehouseUnavailable
    assert says in found.message


def test_a_gateway_that_gives_up_is_asked_again(server: RestServer) -> None:
    slow = error(504, "timeout", "The request timed out.")
    server.on("POST", r.QUERIES, slow, Answer(PAGE, 502, HTML), r.rows("1"))

    assert anonymous(server.url).query("SELECT 1 AS x").arrow["x"].to_pylist() == [1]
    assert len({request.body["requestId"] for request in server.asked("POST", r.QUERIES)}) == 1


def test_a_401_is_about_the_credentials_whoever_says_it(server: RestServer) -> None:
    for answer in (Answer(PAGE, 401, HTML), error(401, "required", "Login Required.")):
        server.on("POST", r.QUERIES, answer)
        server.on("GET", ".*", answer)
        assert type(told(logged_in(server))) is CredentialsError


# -------------------------------------------------------------------------------------- the way to it


def test_a_name_that_is_not_found() -> None:
    found = told(anonymous("http://bigquery.invalid"))

    assert type(found) is WarehouseUnavailable
    assert found.message == "BigQuery cannot be reached: its name is not found."


def test_a_certificate_that_is_not_trusted(tmp_path: Path) -> None:
    with _with_tls(tmp_path) as url:
        found = told(anonymous(url))

    assert type(found) is WarehouseUnavailable
    assert "the certificate of what answers is not trusted (self-signed certificate)" in found.message
    assert "REQUESTS_CA_BUNDLE" in (found.hint or "")


def test_a_proxy_that_lets_nothing_through(server: RestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    host = server.url.removeprefix("http://")
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://me:ya29@{host}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    found = told(anonymous("https://bigquery.googleapis.com"))

    assert type(found) is WarehouseUnavailable
    assert "the proxy lets nothing through" in found.message


def test_what_the_client_itself_trips_over_is_an_error_of_ours() -> None:
    from bigpato_magic.warehouse import failures

    for inner in (KeyError("rows"), TypeError(SECRET), ValueError(SECRET), AttributeError("x"), RuntimeError(SECRET)):
        found = failures.translate(inner)
        assert type(found) is WarehouseError
        assert SECRET not in str(found)


@contextmanager
def _with_tls(directory: Path) -> Iterator[str]:
    """A server with a certificate of its own making."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number()).not_valid_before(now)
    made = made.not_valid_after(now + datetime.timedelta(days=1)).add_extension(
        x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False
    )
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "both.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "both.pem")
    listener = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"https://localhost:{listener.server_address[1]}"
    finally:
        listener.shutdown()
        listener.server_close()
