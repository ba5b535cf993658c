"""A run on BigQuery: what it may change is stale from its start on, and what it reads is learned for the journal."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from bigpato_magic import googlesql
from bigpato_magic.errors import BigPatoError, BytesLimitExceeded, QueryError, TierError
from bigpato_magic.runner.narrowed import narrowed
from bigpato_magic.runner.wildcards import understood
from bigpato_magic.types import AnalyzedQuery, QueryResult, RunOnBigQuery, TableFacts, TableId

if TYPE_CHECKING:
    from bigpato_magic.runner.checks import EarlyCheck
    from bigpato_magic.runner.planner import QueryPlanner
    from bigpato_magic.runner.request import Request
    from bigpato_magic.tier.query_access import QueryAccess
    from bigpato_magic.warehouse.base import DryRun, Warehouse, WarehouseResult

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CloudRuns:
    """Runs on BigQuery what has to."""

    warehouse: Warehouse
    queries: QueryAccess
    planner: QueryPlanner

    def run(
        self, request: Request, decision: RunOnBigQuery, started: float, billed: int = 0, *, small: bool = False
    ) -> QueryResult:
        """BigQuery's answer.

        Args:
            request: what was asked.
            decision: why BigQuery is asked.
            started: by `time.perf_counter`, when the whole run began.
            billed: bytes of the request's limit that are used already.
            small: it is certain to bill less than the person wants to be asked about (`Consent.certainly_small`).

        Raises:
            QueryError: the SQL is wrong; as BigQuery says it.
            BytesLimitExceeded: it would bill more than is left of `request.limit`.
            WarehouseError: BigQuery cannot be reached or refuses.
            Cancelled: `request.cancel` was set.
        """
        try:
            answer = self._asked(request, billed, small=small)
        except BytesLimitExceeded as error:
            error.billed = billed
            raise
        return _result(decision, answer, time.perf_counter() - started)

    def _asked(self, request: Request, billed: int, *, small: bool) -> WarehouseResult:
        if request.asks_first and not small:
            self._see_that_it_may(request, billed)
        limit = request.options.maximum_bytes_billed
        left = None if limit is None else max(1, limit - billed)
        with self._stale_while_running(request):
            return self.warehouse.query(
                request.sql,
                request.parameters,
                dataset=request.default_dataset,
                options=replace(request.options, maximum_bytes_billed=left),
                cancel=request.cancel,
                progress=request.progress,
            )

    def _see_that_it_may(self, request: Request, billed: int) -> None:
        """Ask for a dry run, which is free: no job is given a limit for that, as it would take the place of the project's own.

        Raises:
            BytesLimitExceeded: it tells of more than is left of the request's limit.
        """
        try:
            told = self.warehouse.dry_run(
                request.sql, request.parameters, dataset=request.default_dataset, options=request.options
            )
        except QueryError:
            return  # the run will say what is wrong
        size = self._billed(told)
        if request.limit is not None and billed + size > request.limit:
            raise BytesLimitExceeded(f"Its dry run tells of {size} bytes.", required=size)

    def _billed(self, told: DryRun) -> int:
        try:
            return self.queries.billed(told.bytes_processed, max(1, len(told.tables)))
        except TierError:  # without a tier there are no settings of prices
            return told.bytes_processed

    def learn(self, request: Request, early: EarlyCheck) -> AnalyzedQuery | None:
        """What a query that BigQuery answers means over its tables as they are now; None where that is not known.

        Args:
            request: what was asked.
            early: asks about its tables.
        """
        if not googlesql.ready() or self.planner.kind(request.sql) != "SELECT":
            return None
        try:
            return self._analyzed(request, early)
        except Exception:  # BigQuery's answer does not wait for what is wrong here
            log.debug("nothing was learned of a query", exc_info=True)
            return None

    def _analyzed(self, request: Request, early: EarlyCheck) -> AnalyzedQuery | None:
        """What the query means over its tables as they are now; None where BigQuery does not tell of one."""
        tables = self.planner.tables_of(request)
        wildcards = self.planner.wildcards.of(request, tables.values())
        answers = early.now(set(tables.values()) - wildcards.keys())
        facts = {table: answer for table, answer in answers.items() if isinstance(answer, TableFacts)}
        if len(facts) < len(answers):
            return None
        described = {path: wildcards.get(table) or facts[table] for path, table in tables.items()}
        query = understood(request, described, self.planner.routines.of(request))
        shards = {shard.id: shard for wildcard in wildcards.values() for shard in wildcard.shards}
        return narrowed(query, request, {**facts, **shards})

    @contextmanager
    def _stale_while_running(self, request: Request) -> Iterator[None]:
        """Whatever the statement may change is stale from its start on, also when it fails half-way."""
        kind = self.planner.kind(request.sql)
        if kind == "SELECT":
            yield
            return
        mark = partial(self.queries.mark_stale, self._written(request), statement=kind)
        mark(running=True)
        try:
            yield
        finally:
            mark()
            self.planner.routines.forget()

    def _written(self, request: Request) -> tuple[TableId, ...] | None:
        """The tables that the statement may change, None where it may be any."""
        try:
            paths = googlesql.written_tables(request.sql) if googlesql.ready() else None
            return None if paths is None else tuple(self.planner.resolve(request, path) for path in paths)
        except BigPatoError:
            return None


def _result(decision: RunOnBigQuery, answer: WarehouseResult, seconds: float) -> QueryResult:
    return QueryResult(
        arrow=answer.arrow,
        outputs=answer.outputs,
        decision=decision,
        seconds=seconds,
        bytes_billed=answer.bytes_billed,
        slot_ms=answer.slot_ms,
        job_id=answer.job_id,
        cache_hit=answer.cache_hit,
        statement=answer.statement,
        location=answer.location,
        affected_rows=answer.affected_rows,
        statements=tuple(_result(decision, statement, statement.seconds) for statement in answer.statements),
    )
