"""One query on BigQuery: send it, wait for its job, fetch its rows as Arrow. It can be stopped at any moment.

`jobs.query` answers short queries at once, without a job where BigQuery needs none; for a longer one it makes a
job after a moment, which is then waited for, and cancelled when the person stops.
https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from bigpato_magic import frames
from bigpato_magic.errors import Cancelled, ConfigurationError
from bigpato_magic.status import Cancel
from bigpato_magic.types import OutputColumn, Parameter, TableId
from bigpato_magic.warehouse import failures, schema
from bigpato_magic.warehouse.background import interruptible
from bigpato_magic.warehouse.base import Progress, QueryOptions, QueryProgress, WarehouseResult
from bigpato_magic.warehouse.connection import REQUEST_SECONDS, Connection

# How long the server may take before it makes a job of a query: the job can be cancelled and its progress shown.
_JOBLESS_MILLISECONDS = 1000
# Rows that the first answer may carry; more are fetched with the Storage Read API, which is faster from here on.
_FIRST_PAGE_ROWS = 10_000
_POLL_SECONDS = (0.1, 1.0)
_CANCEL_SECONDS = 0.7
_LABEL = re.compile(r"[^a-z0-9_-]")
_READS_ONLY = re.compile(r"(\s|\(|--[^\n]*\n|#[^\n]*\n|/\*.*?\*/)*(SELECT|WITH|FROM)\b", re.IGNORECASE | re.DOTALL)

Dataset = tuple[str, str]
Rows = tuple[tuple[OutputColumn, ...], Any]


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
        sql = str(self._body["query"])
        # A job that BigQuery itself lost is run again, but only where running it twice changes nothing.
        run = failures.retry_lost_jobs()(self._run) if _READS_ONLY.match(sql) else self._run
        try:
            return run()
        except Exception as error:
            raise failures.translate(error, sql=sql, job_id=self._name.id if self._name else None) from error

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
            return _jobless(response, *self._first_page(response))
        complete = bool(response.get("jobComplete"))
        job = self._finished(self._name, complete=complete)
        whole = complete and not response.get("pageToken")
        return _of_job(job, *(self._first_page(response) if whole else self._all_rows(job)))

    def _send(self) -> dict[str, Any]:
        # A repeated request with the same id is answered with the first one's query, not run again.
        extra: dict[str, Any] = {
            "requestId": str(uuid.uuid4()),
            "timeoutMs": _JOBLESS_MILLISECONDS,
            "maxResults": _FIRST_PAGE_ROWS,
            "formatOptions": {"useInt64Timestamp": True},
        }
        if _READS_ONLY.match(str(self._body["query"])):
            extra["jobCreationMode"] = "JOB_CREATION_OPTIONAL"
        return self._connection.request(
            "POST", f"/projects/{self._connection.project}/queries", {**self._body, **extra}
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
                sql=str(self._body["query"]),
                job_id=name.id,
            )
        return job

    def _first_page(self, response: Mapping[str, Any]) -> Rows:
        """The rows that came with the answer."""
        from google.cloud.bigquery import SchemaField
        from google.cloud.bigquery.table import RowIterator

        # DML and DDL have no rows, though some answers carry the schema of the table that they made.
        fields = schema.outputs(response.get("schema")) if response.get("totalRows") is not None else ()
        if not fields:
            return (), frames.empty(())
        rows = RowIterator(
            self._connection.bigquery,
            None,
            None,
            [SchemaField.from_api_repr(field) for field in response["schema"]["fields"]],
            total_rows=int(response["totalRows"]),
            first_page_response=dict(response),
        )
        return fields, _from_json(rows, fields)

    def _all_rows(self, job: Any) -> Rows:
        """All rows of a finished job, by the Storage Read API where that is possible."""
        rows = self._iterator(job)
        fields = schema.outputs({"fields": [field.to_api_repr() for field in rows.schema]})
        if not fields:
            return (), frames.empty(())
        if not rows.total_rows:
            return fields, frames.empty(fields)
        table = self._by_storage_api(rows) if self._storage_api else None
        return fields, _from_json(self._iterator(job), fields) if table is None else frames.conform(table, fields)

    def _iterator(self, job: Any) -> Any:
        return job.result(retry=failures.retry(), timeout=REQUEST_SECONDS)

    def _by_storage_api(self, rows: Any) -> Any:
        """The rows as an Arrow table, None where this person may not use the API, or the emulator has none."""
        import pyarrow as pa
        from google.api_core.exceptions import Forbidden, MethodNotImplemented

        batches = []
        try:
            for batch in rows.to_arrow_iterable(bqstorage_client=self._connection.reader):
                if self._stop.is_set():
                    raise Cancelled
                batches.append(batch)
        except (Forbidden, MethodNotImplemented):
            # It is a permission of its own: bigquery.readsessions.create.
            return None
        return pa.Table.from_batches(batches) if batches else None


def _from_json(rows: Iterable[Any], fields: tuple[OutputColumn, ...]) -> Any:
    """An Arrow table of rows that came as JSON. (The client's own `to_arrow` knows no INTERVAL.)"""
    import pyarrow as pa

    columns = list(zip(*(tuple(row) for row in rows), strict=True))
    if not columns:
        return frames.empty(fields)
    arrow = frames.arrow_schema(fields)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, arrow, strict=True)]
    return pa.Table.from_arrays(arrays, schema=arrow)


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
    )


def tables_of(job: Any) -> tuple[TableId, ...]:
    """The tables that a job read (or would read), as the server tells them."""
    return tuple(TableId(t.project, t.dataset_id, t.table_id) for t in job.referenced_tables)
