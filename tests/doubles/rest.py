"""A scripted REST server: each request is answered by the newest rule that fits, and kept for the test to read."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What came."""

    method: str
    path: str
    query: dict[str, str]
    body: Json


@dataclass(frozen=True)
class Answer:
    """What goes back: JSON, or bytes as they are."""

    body: Json | bytes = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def error(status: int, reason: str, message: str) -> Answer:
    """An error as Google's servers write it."""
    detail = {"message": message, "domain": "global", "reason": reason}
    return Answer({"error": {"code": status, "message": message, "errors": [detail]}}, status)


Reply = Answer | Json | Callable[[Request], Answer | Json]


class RestServer:
    """Rules, and what was asked."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.url = ""
        self.date: Any = None
        self._rules: list[tuple[str, re.Pattern[str], list[Reply]]] = []
        self._lock = threading.Lock()

    def on(self, method: str, path: str, *replies: Reply) -> None:
        """Answer requests of a path (a regular expression, from its beginning to its end) with one reply after the
        other; the last one stays."""
        with self._lock:
            self._rules.insert(0, (method, re.compile(path), list(replies)))

    def asked(self, method: str, path: str) -> list[Request]:
        """The requests of a path that came."""
        pattern = re.compile(path)
        with self._lock:
            return [r for r in self.requests if r.method == method and pattern.fullmatch(r.path)]

    def answer(self, request: Request) -> Answer:
        """What the newest fitting rule says."""
        with self._lock:
            self.requests.append(request)
            for method, path, replies in self._rules:
                if method == request.method and path.fullmatch(request.path):
                    reply = replies.pop(0) if len(replies) > 1 else replies[0]
                    break
            else:
                return error(404, "notFound", f"Not found: no rule for {request.method} {request.path}")
        found = reply(request) if callable(reply) else reply
        return found if isinstance(found, Answer) else Answer(found)


@contextmanager
def serving() -> Iterator[RestServer]:
    """A server on a free loopback port."""
    server = RestServer()
    listener = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    listener.daemon_threads = True
    server.url = f"http://127.0.0.1:{listener.server_address[1]}"
    thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()


def _handler(server: RestServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(timestamp) if server.date is None else format_datetime(server.date, True)

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                body = json.loads(raw) if raw else {}
            except ValueError:
                body = {"raw": raw}
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            self._reply(server.answer(Request(self.command, parts.path, query, body)))

        def _reply(self, answer: Answer) -> None:
            content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            kind = "application/octet-stream" if isinstance(answer.body, bytes) else "application/json"
            for name, value in {"Content-Type": kind, **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815

    return Handler
