"""One query on BigQuery: send it, wait for its job, fetch its rows as Arrow. It can be stopped at any moment.

`jobs.query` answers short queries at once, without a job where BigQuery needs none; for a longer one it makes a
job after a moment, which is then waited for, and cancelled when the person stops.
https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query
"""

from __future__ import annotations

import logging
import re
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

from bigpato_magic import frames
from bigpato_magic.errors import Cancelled, ConfigurationError
from bigpato_magic.googlesql import lexer
from bigpato_magic.status import Cancel
from bigpato_magic.types import OutputColumn, Parameter, TableId
from bigpato_magic.warehouse import failures, pages, schema
from bigpato_magic.warehouse.answers import IncompleteAnswer, count
from bigpato_magic.warehouse.background import interruptible
from bigpato_magic.warehouse.base import Progress, QueryOptions, QueryProgress, WarehouseResult
from bigpato_magic.warehouse.connection import REQUEST_SECONDS, Connection
from bigpato_magic.warehouse.script import statements_of
from bigpato_magic.warehouse.streams import Streams, Wanted, open_session

log = logging.getLogger(__name__)

# How long the server may take before it makes a job of a query: the job can be cancelled and its progress shown.
_JOBLESS_MILLISECONDS = 1000
# Rows that one answer may carry. A result with more is fetched by the Storage Read API, which is faster from here on.
_PAGE_ROWS = 10_000
_POLL_SECONDS = (0.1, 1.0)
_CANCEL_SECONDS = 0.7
_RESULT_STREAMS = 4
_LABEL = re.compile(r"[^a-z0-9_-]")

Dataset = tuple[str, str]


def request_body(
    sql: str, parameters: Sequence[Parameter], dataset: Dataset | None, options: QueryOptions, location: str | None
) -> dict[str, Any]:
    """The body of `jobs.query` for one statement, without what only waiting needs.

    Raises:
        ParameterError: a parameter's value does not fit its type.
        ConfigurationError: `options.snapshot` is set: BigQuery reads instants table by table, not query by query.
    """
    if options.snapshot is not None:
        raise ConfigurationError(
            "BigQuery cannot read a whole query as of one instant.", hint="use FOR SYSTEM_TIME AS OF"
        )
    body: dict[str, Any] = {
        "query": sql,
        "useLegacySql": False,
        "useQueryCache": options.use_query_cache,
        "labels": labels(options.labels),
    }
    if parameters:
        body["queryParameters"] = schema.query_parameters(parameters)
        body["parameterMode"] = "POSITIONAL" if parameters[0].name is None else "NAMED"
    if dataset is not None:
        body["defaultDataset"] = {"projectId": dataset[0], "datasetId": dataset[1]}
    if options.maximum_bytes_billed is not None:
        body["maximumBytesBilled"] = str(options.maximum_bytes_billed)
    if options.location or location:
        body["location"] = options.location or location
    return body


def labels(given: Mapping[str, str]) -> dict[str, str]:
    """`tool=bigpato-magic` and `given`, as BigQuery accepts labels: lower case, 63 characters.

    https://cloud.google.com/bigquery/docs/labels-intro#requirements
    """
    clean = {_LABEL.sub("_", k.lower())[:63]: _LABEL.sub("_", v.lower())[:63] for k, v in given.items()}
    return {**clean, "tool": "bigpato-magic"}


@dataclass(frozen=True, slots=True)
class JobName:
    """What names a job: its id alone does not."""

    id: str
    project: str
    location: str | None

    @classmethod
    def of(cls, response: Mapping[str, Any]) -> JobName | None:
        """The job of an answer, None where BigQuery made none."""
        reference = response.get("jobReference") or {}
        if not reference.get("jobId"):
            return None
        return cls(reference["jobId"], reference["projectId"], reference.get("location") or response.get("location"))


class QueryRun:
    """One run of one statement.

    Args:
        connection: to BigQuery.
        body: from `request_body`.
        storage_api: large results may be fetched with the Storage Read API.
        cancel: stops it, within a second.
        progress: told about five times a second, in the thread that waits.
    """

    def __init__(
        self,
        connection: Connection,
        body: Mapping[str, Any],
        *,
        storage_api: bool = True,
        cancel: Cancel | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._connection = connection
        self._body = body
        self._sql = str(body["query"])
        self._is_query = lexer.statement_kind(self._sql).is_query
        self._storage_api = storage_api and connection.can_read
        self._cancel = cancel
        self._progress = progress
        self._stop = threading.Event()
        self._name: JobName | None = None
        self._seen = QueryProgress(None, "PENDING")
        self._started = time.monotonic()

    def result(self) -> WarehouseResult:
        """Wait for the answer.

        Raises:
            QueryError: the SQL is wrong.
            WarehouseError: anything else.
            Cancelled: it was stopped; its job was asked to stop.
        """
        return interruptible(self._work, cancel=self._cancel, tick=self._tell, abandon=self._abandon)

    # ------------------------------------------------------------------------------ the waiting thread

    def _tell(self) -> None:
        if self._progress is not None:
            seen, seconds = self._seen, time.monotonic() - self._started
            self._progress(
                QueryProgress(seen.job_id, seen.state, seen.stages_done, seen.stages, seen.slot_seconds, seconds)
            )

    def _abandon(self) -> None:
        self._stop.set()
        canceller = threading.Thread(target=self._cancel_job, name="bigpato-cancel")
        canceller.start()
        canceller.join(_CANCEL_SECONDS)

    def _cancel_job(self) -> None:
        name = self._name
        if name is None:
            return
        cancel = partial(self._connection.bigquery.cancel_job, name.id, project=name.project, location=name.location)
        # The person waits for nothing more; a job that cannot be cancelled ends by itself.
        with suppress(Exception):
            cancel(retry=failures.retry(5), timeout=5)

    # ------------------------------------------------------------------------------ the working thread

    def _work(self) -> WarehouseResult:
        # A job that BigQuery itself lost is run again, but only where running it twice changes nothing.
        run = failures.retry_lost_jobs()(self._run) if self._is_query else self._run
        try:
            return run()
        except Exception as error:
            raise failures.translate(error, sql=self._sql, job_id=self._name.id if self._name else None) from error

    def _run(self) -> WarehouseResult:
        if self._stop.is_set():
            raise Cancelled
        response = self._send()
        self._name = JobName.of(response)
        if self._stop.is_set():
            # The person stopped before it was known that there is a job.
            self._cancel_job()
            raise Cancelled
        if self._name is None:
            return _jobless(response, *pages.arrow([response]))
        complete = bool(response.get("jobComplete"))
        job = self._finished(self._name, complete=complete)
        result = _of_job(job, *self._rows(job, response if complete else self._page(self._name)))
        return replace(result, statements=self._statements(self._name)) if result.statement == "SCRIPT" else result

    def _statements(self, script: JobName) -> tuple[WarehouseResult, ...]:
        """What the statements of a script gave, none where that cannot be had: its own result is there."""
        try:
            return statements_of(self._connection, script.project, script.id, self._stop)
        except Cancelled:
            raise
        except Exception:
            log.debug("the results of a script's statements could not be fetched", exc_info=True)
            return ()

    def _send(self) -> dict[str, Any]:
        # A repeated request with the same id is answered with the first one's query, not run again.
        extra: dict[str, Any] = {
            "requestId": str(uuid.uuid4()),
            "timeoutMs": _JOBLESS_MILLISECONDS,
            "maxResults": _PAGE_ROWS,
            "formatOptions": {"useInt64Timestamp": True},
        }
        if self._is_query:
            extra["jobCreationMode"] = "JOB_CREATION_OPTIONAL"
        return self._connection.request(
            "POST",
            f"/projects/{self._connection.project}/queries",
            {**self._body, **extra},
            check=partial(pages.check_first, is_query=self._is_query),
        )

    def _finished(self, name: JobName, *, complete: bool) -> Any:
        """The job, once it is done; for a complete one this is one request, which tells what it read and cost."""
        client = self._connection.bigquery
        pause, longest = _POLL_SECONDS
        while True:
            job = client.get_job(
                name.id, project=name.project, location=name.location, retry=failures.retry(), timeout=REQUEST_SECONDS
            )
            self._seen = _progress(job)
            if complete or job.state == "DONE":
                break
            if self._stop.wait(pause):
                raise Cancelled
            pause = min(longest, pause * 1.5)
        if job.error_result:
            raise failures.by_reason(
                job.error_result.get("reason", ""),
                job.error_result.get("message", ""),
                sql=self._sql,
                job_id=name.id,
            )
        return job

    def _page(self, name: JobName, before: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """`jobs.getQueryResults`: schema, rows, and whether there are more."""
        wanted = {"maxResults": _PAGE_ROWS, "formatOptions.useInt64Timestamp": "true"}
        wanted |= {"location": name.location} if name.location else {}
        wanted |= {"pageToken": before[-1]["pageToken"]} if before else {}
        path = f"/projects/{name.project}/queries/{name.id}?{urlencode(wanted)}"
        return self._connection.request("GET", path, check=partial(pages.check_next, before, is_query=self._is_query))

    def _rows(self, job: Any, first: Mapping[str, Any]) -> pages.Rows:
        """All rows: those of the first page if that is all, else by the Storage Read API where that is possible."""
        if (job.statement_type or "").startswith("CREATE"):
            return (), frames.empty(())
        # A text of several statements may be one query with its functions: the job tells.
        pages.check_first(first, is_query=job.statement_type == "SELECT")
        if not first.get("pageToken"):
            return pages.arrow([first])
        fields = schema.outputs(first["schema"])
        table = self._by_storage_api(job, fields) if self._storage_api and job.destination else None
        # Short of rows, it is asked for in another way.
        if table is not None and table.num_rows == count(first["totalRows"]):
            return fields, frames.conform(table, fields)
        return pages.arrow(self._pages(first))

    def _pages(self, first: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        pages = [first]
        while self._name and pages[-1].get("pageToken"):
            if self._stop.is_set():
                raise Cancelled
            pages.append(self._page(self._name, pages))
        return pages

    def _by_storage_api(self, job: Any, fields: tuple[OutputColumn, ...]) -> Any:
        """The rows as an Arrow table, None where the API is not to be had."""
        import pyarrow as pa
        from google.api_core.exceptions import GoogleAPICallError, RetryError

        # Rows keep their order within a stream only; what a script or a call runs, its text does not tell.
        streams = _RESULT_STREAMS if self._is_query and not lexer.orders(self._sql) else 1
        wanted = Wanted(job.destination.path.removeprefix("/"), [f.name for f in fields], streams)
        try:
            session = open_session(self._connection, wanted)
        except (GoogleAPICallError, RetryError, IncompleteAnswer):
            # It is a permission of its own (bigquery.readsessions.create), some networks let no gRPC through, and not
            # every emulator keeps results as tables.
            return None
        with closing(Streams(self._connection.reader, session, wanted.columns, self._stop.is_set)) as batches:
            kept = list(batches)
        return pa.Table.from_batches(kept) if kept else frames.empty(fields)


def _progress(job: Any) -> QueryProgress:
    stages = list(job.query_plan or ())
    done = sum(1 for stage in stages if stage.status == "COMPLETE")
    return QueryProgress(job.job_id, job.state or "PENDING", done, len(stages), (job.slot_millis or 0) / 1000)


def _jobless(response: Mapping[str, Any], fields: tuple[OutputColumn, ...], arrow: Any) -> WarehouseResult:
    return WarehouseResult(
        arrow=arrow,
        outputs=fields,
        bytes_processed=int(response.get("totalBytesProcessed") or 0),
        bytes_billed=int(response.get("totalBytesBilled") or 0),
        location=response.get("location"),
        cache_hit=bool(response.get("cacheHit")),
        affected_rows=int(response["numDmlAffectedRows"]) if response.get("numDmlAffectedRows") else None,
        slot_ms=int(response["totalSlotMs"]) if response.get("totalSlotMs") else None,
    )


def _of_job(job: Any, fields: tuple[OutputColumn, ...], arrow: Any) -> WarehouseResult:
    return WarehouseResult(
        arrow=arrow,
        outputs=fields,
        bytes_processed=job.total_bytes_processed or 0,
        bytes_billed=job.total_bytes_billed or 0,
        job_id=job.job_id,
        location=job.location,
        statement=job.statement_type or "SELECT",
        cache_hit=bool(job.cache_hit),
        tables=tables_of(job),
        affected_rows=job.num_dml_affected_rows,
        slot_ms=job.slot_millis,
    )


def tables_of(job: Any) -> tuple[TableId, ...]:
    """The tables that a job read (or would read), as the server tells them."""
    return tuple(TableId(t.project, t.dataset_id, t.table_id) for t in job.referenced_tables)
