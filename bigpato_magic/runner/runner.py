"""The whole way of a query.

The runner owns no setting and no store: `client` hands it the warehouse, the tier, the engine and the status.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bigpato_magic import googlesql
from bigpato_magic.decide import Situation, decide
from bigpato_magic.errors import BigPatoError
from bigpato_magic.runner.checks import Checks
from bigpato_magic.runner.here import LocalRuns
from bigpato_magic.runner.there import CloudRuns
from bigpato_magic.runner.understand import Understanding
from bigpato_magic.types import AnalyzedQuery, QueryResult, RunOnBigQuery, TableId

if TYPE_CHECKING:
    from bigpato_magic.local.duck import LocalEngine
    from bigpato_magic.runner.request import Request
    from bigpato_magic.status import Status
    from bigpato_magic.tier.tier import Tier
    from bigpato_magic.warehouse.base import Warehouse

LEARNING = 2.0
"""Seconds that the books wait, after BigQuery's answer, to learn which columns the query read."""


class QueryRunner:
    """Runs requests. Safe to use from several threads.

    Args:
        warehouse: BigQuery.
        tier: the local store.
        engine: DuckDB.
        status: hears of every answer.
        reference_rows: that Google's evaluator takes; 0 leaves it out.
    """

    def __init__(
        self, warehouse: Warehouse, tier: Tier, engine: LocalEngine, status: Status, reference_rows: int = 0
    ) -> None:
        self.warehouse, self.tier, self.status = warehouse, tier, status
        self._pool = ThreadPoolExecutor(4, "bigpato-check")
        self._understanding = Understanding(tier, reference_rows)
        self._checks = Checks(tier, self._pool)
        self._here = LocalRuns(tier, engine, self._understanding, warehouse.now)
        self._there = CloudRuns(warehouse, tier, self._understanding)

    def run(self, request: Request) -> QueryResult:
        """The answer, from where it is right and cheapest.

        Raises:
            QueryError: the SQL is wrong; as BigQuery says it.
            RouteRefused: `request.route` is local and it cannot be.
            WarehouseError: BigQuery cannot be reached or refuses.
            Cancelled: `request.cancel` was set.
        """
        with self.tier.automatic.working():
            return self._run(self._settled(request))

    def _run(self, request: Request) -> QueryResult:
        started = time.perf_counter()
        situation = self.situation(request)
        check = self._checks.begin(request, situation)
        decision = decide(situation)
        if not isinstance(decision, RunOnBigQuery):
            result = self._here.run(request, decision, check, started)
            if isinstance(result, QueryResult):
                return self._note(request, situation.query, result)
            decision = RunOnBigQuery(request.sql, result)
        learned = self._pool.submit(self._there.learn, request, situation)
        answer = self._there.run(request, decision, started)
        return self._note(request, _within(learned, LEARNING), answer)

    def situation(self, request: Request) -> Situation:
        """All that is known before anything runs; never asks BigQuery for a table that has a copy."""
        return self._understanding.situation(self._settled(request))

    def _settled(self, request: Request) -> Request:
        """With one moment for all that follows: which partitions today's are, and what the query takes for today."""
        if request.moment is not None or not request.asks_the_time:
            return request
        return replace(request, moment=self.warehouse.now())

    def tables_of(self, request: Request) -> Mapping[tuple[str, ...], TableId]:
        """The tables that the text names, each spelling with its full name.

        Raises:
            QueryError: a syntax error.
            AnalyzerUnavailable: the analyzer is not ready.
            ValueError: a name has no dataset, and there is no default.
        """
        return self._understanding.tables_of(request)

    def _note(self, request: Request, query: AnalyzedQuery | None, result: QueryResult) -> QueryResult:
        result = self.tier.record(query, replace(result, sql=request.sql), self._used(request, query))
        self.status.note_query(result)
        return result

    def _used(self, request: Request, query: AnalyzedQuery | None) -> tuple[TableId, ...]:
        if query is not None:
            return tuple(query.tables)
        try:
            return tuple(self.tables_of(request).values()) if googlesql.ready() else ()
        except (BigPatoError, ValueError):
            return ()


def _within(future: Future[Any], seconds: float) -> Any:
    try:
        return future.result(seconds)
    except TimeoutError:
        return None
