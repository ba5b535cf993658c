"""Exchanges recorded on the real BigQuery, replayed by a server: what is not recorded is not found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.doubles.rest import Answer, Request, RestServer, error

_VALUES = {"<time>": "1700000000000", "<duration>": "12", "<location>": "EU"}
_BLANKED = re.compile(r"<([a-z]+(?:-[a-z0-9]+)*)>")
_ROOT = "/bigquery/v2"


@dataclass(frozen=True)
class Exchange:
    """A request, and what BigQuery answered.

    Args:
        name: of its file.
        method: of HTTP.
        path: below the API's root.
        params: of the address.
        sql: of the statement that it runs, '' for none.
        job_creation: whether a job was asked for, '' where that was not said.
        answer: as it came; names and times that the recording blanks have made-up values.
    """

    name: str
    method: str
    path: str
    params: dict[str, str]
    sql: str
    job_creation: str
    answer: Answer

    @classmethod
    def read(cls, path: Path) -> Exchange:
        """The exchange of a file."""
        content = json.loads(_BLANKED.sub(lambda m: _VALUES.get(m[0], m[1]), path.read_text()))
        request, body = content["request"], content["request"]["body"] or {}
        query = body.get("configuration", body).get("query", "")
        sql = query if isinstance(query, str) else query.get("query", "")
        answer = Answer(content["body"] or {}, content["status"])
        creation = body.get("jobCreationMode", "")
        return cls(path.stem, request["method"], _ROOT + request["path"], request["params"], sql, creation, answer)

    def fits(self, request: Request) -> float:
        """How well it answers a request: 0 for not at all, more for more parameters in common."""
        if (self.method, self.path) != (request.method, request.path) or self.sql != _sql(request):
            return 0
        alike = self.job_creation == request.body.get("jobCreationMode", "")
        same, other = self.params.items() & request.query.items(), self.params.items() - request.query.items()
        return 2 + alike + len(same) - len(other) / 2


def _sql(request: Request) -> str:
    query: Any = request.body.get("query", "")
    return query if isinstance(query, str) else ""


def replay(server: RestServer, exchanges: Iterable[Exchange]) -> None:
    """Let a server answer as BigQuery has.

    A statement that was recorded as a job (`jobs.insert`) may be asked by `jobs.query` too: then the answer is that its job is
    not complete, and the job and its rows are asked for as they were recorded.
    """
    known = list(exchanges)
    jobs = {
        e.sql: _begun(e.answer.body) for e in known if e.path.endswith("/jobs") and e.sql and e.answer.status == 200
    }

    def answer(request: Request) -> Answer:
        best = max(known, key=lambda exchange: exchange.fits(request))
        if best.fits(request) > 0:
            return best.answer
        if request.path.endswith("/queries") and _sql(request) in jobs:
            return jobs[_sql(request)]
        return error(404, "notFound", f"Not found: nothing is recorded for {request.method} {request.path}")

    for method in ("GET", "POST"):
        server.on(method, f"{_ROOT}/.*", answer)


def _begun(job: Any) -> Answer:
    return Answer({"kind": "bigquery#queryResponse", "jobComplete": False, "jobReference": job["jobReference"]})
