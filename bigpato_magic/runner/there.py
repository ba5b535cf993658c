"""A run on BigQuery: what it may change is stale from its start on, and what it reads is learned for the books."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bigpato_magic import googlesql
from bigpato_magic.errors import BigPatoError
from bigpato_magic.types import AnalyzedQuery, QueryResult, RunOnBigQuery, TableFacts, TableId

if TYPE_CHECKING:
    from bigpato_magic.decide import Situation
    from bigpato_magic.runner.request import Request
    from bigpato_magic.runner.understand import Understanding
    from bigpato_magic.tier.tier import Tier
    from bigpato_magic.warehouse.base import Warehouse, WarehouseResult

log = logging.getLogger(__name__)


@dataclass(slots=True)
class CloudRuns:
    """Runs on BigQuery what has to."""

    warehouse: Warehouse
    tier: Tier
    understanding: Understanding

    def run(self, request: Request, decision: RunOnBigQuery, started: float) -> QueryResult:
        """BigQuery's answer.

        Raises:
            QueryError: the SQL is wrong; as BigQuery says it.
            WarehouseError: BigQuery cannot be reached or refuses.
            Cancelled: `request.cancel` was set.
        """
        with self._stale_while_running(request):
            answer = self.warehouse.query(
                request.sql,
                request.parameters,
                dataset=request.default_dataset,
                options=request.options,
                cancel=request.cancel,
                progress=request.progress,
            )
        return _result(decision, answer, time.perf_counter() - started)

    def learn(self, request: Request, situation: Situation) -> AnalyzedQuery | None:
        """What a query that BigQuery answers reads of its tables, so that a plan knows what to bring."""
        if situation.query is not None or not googlesql.ready() or self.understanding.kind(request.sql) != "SELECT":
            return situation.query
        try:
            tables = self.understanding.tables_of(request)
            found = self.tier.facts.fetch(dict.fromkeys(tables.values()))
            facts = {path: f for path, table in tables.items() if isinstance(f := found[table], TableFacts)}
            if len(facts) < len(tables):
                return None
            query = googlesql.analyze(request.sql, facts, request.parameters)
            return self.tier.reads(query, request.parameters, request.hour)
        except (BigPatoError, ValueError) as error:
            log.debug("nothing was learned of a query: %s", error)
            return None

    @contextmanager
    def _stale_while_running(self, request: Request) -> Iterator[None]:
        """Whatever the statement may change is stale from its start on, also when it fails half-way."""
        kind = self.understanding.kind(request.sql)
        if kind == "SELECT":
            yield
            return
        written = self._written(request)
        mark = partial(self.tier.mark_stale, written or (), everything=written is None, statement=kind)
        mark(running=True)
        try:
            yield
        finally:
            mark()

    def _written(self, request: Request) -> tuple[TableId, ...] | None:
        """The tables that the statement may change, None where it may be any."""
        try:
            paths = googlesql.written_tables(request.sql) if googlesql.ready() else None
            return None if paths is None else tuple(self.understanding.resolve(request, path) for path in paths)
        except (BigPatoError, ValueError):
            return None


def _result(decision: RunOnBigQuery, answer: WarehouseResult, seconds: float) -> QueryResult:
    return QueryResult(
        arrow=answer.arrow,
        outputs=answer.outputs,
        decision=decision,
        seconds=seconds,
        bytes_billed=answer.bytes_billed,
        job_id=answer.job_id,
        cache_hit=answer.cache_hit,
        statement=answer.statement,
        location=answer.location,
    )
