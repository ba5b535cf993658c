"""`BigQueryWarehouse`: BigQuery, or an emulator of it, behind the `Warehouse` Protocol, with Google's own clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from bigpato_magic.errors import BigPatoError, QueryError, WarehouseError
from bigpato_magic.status import Cancel
from bigpato_magic.system import elapsed
from bigpato_magic.types import (
    STORED,
    Kind,
    ListedTable,
    Parameter,
    PartitionFacts,
    RoutineFacts,
    RoutineId,
    SqlType,
    TableFacts,
    TableId,
)
from bigpato_magic.warehouse import failures, jobs, schema
from bigpato_magic.warehouse.base import (
    DryRun,
    OfferedTransfer,
    Progress,
    QueryOptions,
    WarehouseResult,
)
from bigpato_magic.warehouse.connection import REQUEST_SECONDS, Connection
from bigpato_magic.warehouse.extract import ExtractTransfer
from bigpato_magic.warehouse.read import ReadTransfer

T = TypeVar("T")

_LISTED_AT_ONCE = 1_000
"""Tables that one page of a listing has: the default is 50."""
_PARTITIONS = """\
SELECT partition_id, total_rows, total_logical_bytes, last_modified_time
FROM `{project}.{dataset}.INFORMATION_SCHEMA.PARTITIONS`
WHERE table_name = @table AND partition_id IS NOT NULL
ORDER BY partition_id"""


class BigQueryWarehouse:
    """BigQuery with Google's clients; nothing is connected before the first call.

    Args:
        project: that is billed and whose datasets are listed; None for the key's or the environment's.
        key: a service-account key file; None for Application Default Credentials.
        location: of jobs; None lets BigQuery find it.
        bucket: of Cloud Storage, for `extract`; `gs://` may be left out.
        max_streams: that `read` and `extract` use at once.
        credentials: ready ones of `google.auth`, instead of `key`.
        endpoint: URL of the REST API, None for BigQuery or `BIGQUERY_EMULATOR_HOST`.
        read_endpoint: `host:port` of an emulator's Storage Read API, None for BigQuery's or
            `BIGQUERY_STORAGE_GRPC_ENDPOINT`.
        storage_endpoint: URL of Cloud Storage, None for Google's or `STORAGE_EMULATOR_HOST`.
        emulated: whether an emulator answers; None tells it by the endpoint: any that is not Google's.

    Raises:
        CredentialsError: the key file is missing or is not one.
    """

    def __init__(
        self,
        project: str | None = None,
        *,
        key: str | Path | None = None,
        location: str | None = None,
        bucket: str | None = None,
        max_streams: int = 4,
        credentials: Any = None,
        endpoint: str | None = None,
        read_endpoint: str | None = None,
        storage_endpoint: str | None = None,
        emulated: bool | None = None,
    ) -> None:
        self.location = location
        self._bucket = bucket
        self._max_streams = max_streams
        self._connection = Connection(
            project,
            key=key,
            location=location,
            credentials=credentials,
            endpoint=endpoint,
            read_endpoint=read_endpoint,
            storage_endpoint=storage_endpoint,
            emulated=emulated,
        )
        # Datasets whose row policies this principal may not list: the other way is asked at once.
        self._unlistable: set[tuple[str, str]] = set()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._connection!r})"

    @property
    def project(self) -> str:
        """The project that is billed.

        Raises:
            ConfigurationError: none was given, and the credentials do not tell one.
            CredentialsError: there are none.
        """
        return self._connection.project

    @property
    def principal(self) -> str:
        """Who asks: an e-mail, or a stable digest of the credentials; `anonymous` with an emulator.

        Raises:
            CredentialsError: there are none, or they are malformed.
        """
        return self._connection.principal

    def now(self) -> datetime:
        """The server's clock, UTC, up to two seconds behind; the local one where no server can be reached."""
        if not self._connection.clock.seen:
            self._listen()
        return self._connection.clock.now()

    def _listen(self) -> None:
        """Any answer tells the time, also an error."""
        # Without a server there is only the local clock.
        with suppress(Exception):
            self._connection.request("GET", f"/projects/{self.project}/datasets?maxResults=1", seconds=5)

    # -------------------------------------------------------------------------------------- tables

    def facts(self, tables: Sequence[TableId]) -> Mapping[TableId, TableFacts | BigPatoError]:
        """What is true of each table now, asked in parallel; an error in place of facts where one is met."""
        wanted = list(dict.fromkeys(tables))
        policies = [self._connection.pool.submit(self._row_policies, table) for table in wanted]
        resources = [self._connection.pool.submit(self._resource, table) for table in wanted]
        answers: dict[TableId, TableFacts | BigPatoError] = {}
        for table, policy, resource in zip(wanted, policies, resources, strict=True):
            try:
                asked, content = resource.result()
                checked_at = self._connection.clock.at(asked)
                answers[table] = schema.facts(
                    content, checked_at=checked_at, row_policies=_applies(content, policy.result)
                )
            except Exception as error:
                answers[table] = _about(table, error)
        return answers

    def _resource(self, table: TableId) -> tuple[float, dict[str, Any]]:
        """`tables.get`, and when it was asked: what it says was true then or later."""
        asked = elapsed()
        return asked, self._connection.request("GET", _path(table))

    def routines(self, routines: Sequence[RoutineId]) -> Mapping[RoutineId, RoutineFacts | BigPatoError]:
        """What each routine is now, asked in parallel; an error in place of facts where one is met."""
        wanted = list(dict.fromkeys(routines))
        asked = [self._connection.pool.submit(self._connection.request, "GET", _routine_path(r)) for r in wanted]
        answers: dict[RoutineId, RoutineFacts | BigPatoError] = {}
        for routine, answer in zip(wanted, asked, strict=True):
            try:
                answers[routine] = schema.routine(answer.result())
            except Exception as error:
                answers[routine] = failures.translate(error)
        return answers

    def _row_policies(self, table: TableId) -> bool:
        """Whether row-level security may hide rows from this principal; True where that cannot be told.

        `tables.get` does not tell. Who may not list the policies learns it from `tabledata.list`, which is no query, so
        that it needs the whole table: https://cloud.google.com/bigquery/docs/using-row-level-security-with-features
        """
        if (table.project, table.dataset) not in self._unlistable:
            try:
                policies = self._connection.request("GET", f"{_path(table)}/rowAccessPolicies?pageSize=1")
                return bool(policies.get("rowAccessPolicies"))
            except Exception as error:
                if not _is_refused(error):
                    raise
                if _is_forbidden(error):
                    self._unlistable.add((table.project, table.dataset))
        try:
            self._connection.request("GET", f"{_path(table)}/data?maxResults=1")
        except Exception as error:
            if _is_refused(error):
                return True
            raise
        return False

    def datasets(self, project: str | None = None) -> list[str]:
        """Names of the datasets of a project (default: the warehouse's).

        Raises:
            WarehouseError: they may not be listed.
        """
        client = self._connection.bigquery
        listing = partial(client.list_datasets, project or self.project)
        return _asked(lambda: [d.dataset_id for d in listing(retry=failures.retry(), timeout=REQUEST_SECONDS)])

    def tables(self, project: str | None = None, dataset: str | None = None) -> list[TableId]:
        """All tables of a dataset, or of all datasets of the project.

        Raises:
            WarehouseError: the dataset does not exist or may not be listed.
        """
        home = project or self.project
        if dataset is None:
            return [table for name in self.datasets(home) for table in self.tables(home, name)]
        return [table.id for table in self.listed(home, dataset)]

    def listed(self, project: str, dataset: str) -> list[ListedTable]:
        """All tables of a dataset, with what its list tells of them.

        Raises:
            WarehouseError: the dataset does not exist or may not be listed.
        """
        listing = partial(self._connection.bigquery.list_tables, f"{project}.{dataset}")
        how = {"page_size": _LISTED_AT_ONCE, "retry": failures.retry(), "timeout": REQUEST_SECONDS}
        items = _asked(lambda: list(listing(**how)))
        return [schema.listed_table(item.to_api_repr()) for item in items]

    def partitions(self, table: TableId) -> tuple[PartitionFacts, ...]:
        """The partitions of a partitioned table now. Bills at least 10 MB on BigQuery.

        Raises:
            WarehouseError: they cannot be listed.
        """
        location = _asked(lambda: self._resource(table))[1].get("location")
        answer = self.query(
            _PARTITIONS.format(project=_quoted(table.project), dataset=_quoted(table.dataset)),
            [Parameter("table", SqlType(Kind.STRING), table.table)],
            options=QueryOptions(location=location, use_query_cache=False),
        )
        return tuple(
            PartitionFacts(
                row["partition_id"], row["total_rows"] or 0, row["total_logical_bytes"] or 0, row["last_modified_time"]
            )
            for row in answer.arrow.to_pylist()
        )

    # ------------------------------------------------------------------------------------- queries

    def query(
        self,
        sql: str,
        parameters: Sequence[Parameter] = (),
        *,
        dataset: tuple[str, str] | None = None,
        options: QueryOptions = QueryOptions(),
        cancel: Cancel | None = None,
        progress: Progress | None = None,
    ) -> WarehouseResult:
        """Run any statement; `dataset` is the (project, dataset) of unqualified names.

        Raises:
            QueryError: the SQL is wrong (line and column where the server gives them).
            ParameterError: a parameter's value does not fit its type.
            WarehouseError: anything else.
            Cancelled: `cancel` was set; the job was asked to stop.
        """
        body = jobs.request_body(sql, parameters, dataset, options, self.location)
        run = jobs.QueryRun(
            self._connection, body, storage_api=options.use_storage_api, cancel=cancel, progress=progress
        )
        return run.result()

    def dry_run(
        self,
        sql: str,
        parameters: Sequence[Parameter] = (),
        *,
        dataset: tuple[str, str] | None = None,
        options: QueryOptions = QueryOptions(),
    ) -> DryRun:
        """What the statement would read, for free. Raises as `query` does."""
        from google.cloud import bigquery

        body = jobs.request_body(sql, parameters, dataset, options, self.location)
        outer = {"labels": body.pop("labels"), "dryRun": True}
        location, text = body.pop("location", None), body.pop("query")
        config = bigquery.QueryJobConfig.from_api_repr({**outer, "query": body})
        start = partial(self._connection.bigquery.query, text, job_config=config, location=location, job_retry=None)
        try:
            job = start(retry=failures.retry(), timeout=REQUEST_SECONDS)
        except Exception as error:
            raise failures.translate(error, sql=sql) from error
        return DryRun(
            bytes_processed=job.total_bytes_processed or 0,
            statement=job.statement_type or "SELECT",
            outputs=schema.outputs({"fields": [f.to_api_repr() for f in job.schema or ()]}),
            tables=jobs.tables_of(job),
        )

    # ----------------------------------------------------------------------------------- transfers

    def transfers(self) -> Mapping[str, OfferedTransfer]:
        """`read` (where there is a Storage Read API) and `extract`, the preferred one first."""
        ways: list[OfferedTransfer] = [ReadTransfer(self._connection, max_streams=self._max_streams)]
        ways = ways if self._connection.can_read else []
        ways.append(ExtractTransfer(self._connection, bucket=self._bucket, max_workers=self._max_streams))
        return {way.method: way for way in ways}


def _path(table: TableId) -> str:
    project, dataset, name = (quote(part, safe="") for part in (table.project, table.dataset, table.table))
    return f"/projects/{project}/datasets/{dataset}/tables/{name}"


def _routine_path(routine: RoutineId) -> str:
    project, dataset, name = (quote(part, safe="") for part in (routine.project, routine.dataset, routine.routine))
    return f"/projects/{project}/datasets/{dataset}/routines/{name}"


def _quoted(name: str) -> str:
    """A project or dataset to stand between backquotes; neither may hold one, nor a backslash."""
    if "`" in name or "\\" in name:
        raise WarehouseError(f"{name!r} is no name of a project or dataset.")
    return name


def _applies(resource: Mapping[str, Any], row_policies: Callable[[], bool]) -> bool:
    """Views and external tables have no row policies of their own, and are never copied as they are."""
    return schema.table_kind(resource) in STORED and row_policies()


def _is_refused(error: Exception) -> bool:
    from google.api_core.exceptions import ClientError, MethodNotImplemented

    return isinstance(error, ClientError | MethodNotImplemented)


def _is_forbidden(error: Exception) -> bool:
    from google.api_core.exceptions import Forbidden

    return isinstance(error, Forbidden)


def _asked(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except Exception as error:
        failure = failures.translate(error)
        raise (
            WarehouseError(failure.message, hint=failure.hint) if isinstance(failure, QueryError) else failure
        ) from error


def _about(table: TableId, error: Exception) -> BigPatoError:
    failure = failures.translate(error)
    if type(failure) is WarehouseError and str(table.table) not in failure.message:
        return WarehouseError(f"{table}: {failure.message}", hint=failure.hint)
    return failure
