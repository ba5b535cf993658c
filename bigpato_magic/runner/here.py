"""A run on this machine: in DuckDB, in Google's evaluator, or begun by the one and finished by the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bigpato_magic import frames, googlesql
from bigpato_magic.errors import AnalyzerUnavailable, Cancelled, LocalRunError, QueryError, RouteRefused
from bigpato_magic.local.relation import can_be_lazy
from bigpato_magic.runner.checks import Check, outcome, stops
from bigpato_magic.runner.understand import Understanding, facts_of
from bigpato_magic.status import Cancel
from bigpato_magic.types import (
    OutputColumn,
    QueryResult,
    Reason,
    Route,
    RunLocal,
    RunOnReference,
    RunWithFinish,
)

if TYPE_CHECKING:
    from bigpato_magic.local.duck import LocalEngine
    from bigpato_magic.runner.request import Request
    from bigpato_magic.tier.tier import Tier

Here = RunLocal | RunWithFinish | RunOnReference


@dataclass(slots=True)
class LocalRuns:
    """Runs what was decided to run here, over leased copies whose checks must pass.

    Args:
        tier: of the copies.
        engine: DuckDB.
        understanding: hears of beginnings that were in vain.
        now: tells the server's time.
    """

    tier: Tier
    engine: LocalEngine
    understanding: Understanding
    now: Callable[[], datetime]

    def run(
        self, request: Request, decision: Here, check: Check | None, started: float
    ) -> QueryResult | tuple[Reason, ...]:
        """The local answer, or the reasons why BigQuery has to give it.

        Raises:
            RouteRefused: BigQuery has to, and must not.
            Cancelled: the request was.
        """
        stop = Cancel()
        request.cancel.on_set(stop.set)
        stops(check, stop)
        with self.tier.lease(decision.copies):
            try:
                relation = self._relation(request, decision)
                arrow = self._rows(request, decision, stop) if relation is None else None
                failure: Reason | None = None
            except (LocalRunError, QueryError, AnalyzerUnavailable) as error:
                failure = self._failure(request, decision, error)
            except Cancelled:
                request.cancel.check()
                failure = None
            reasons = outcome(check, request.cancel)
        if failure or reasons:
            return _refused(request, (*reasons, *((failure,) if failure else ())))
        return self._result(decision, arrow, relation, started)

    def _relation(self, request: Request, decision: Here) -> Any:
        """The answer as a lazy relation, None where it was not asked for or where running may lead to BigQuery."""
        if isinstance(decision, RunLocal) and request.lazy and can_be_lazy(decision.compiled):
            return self.engine.relation(decision.compiled, decision.copies, request.parameters)
        return None

    def _rows(self, request: Request, decision: Here, stop: Cancel) -> Any:
        if isinstance(decision, RunOnReference):
            contents = {copy.table: (facts_of(copy), self.engine.rows(copy)) for copy in decision.copies}
            return googlesql.evaluate(decision.sql, contents, request.parameters)
        rows = self.engine.execute(
            decision.compiled,
            decision.copies,
            request.parameters,
            cancel=stop,
            progress=request.progress,
            now=lambda: request.moment or self.now(),
        )
        if isinstance(decision, RunLocal):
            return rows
        stop.check()
        return googlesql.finish(decision.finish, rows, request.parameters)

    def _failure(
        self, request: Request, decision: Here, error: LocalRunError | QueryError | AnalyzerUnavailable
    ) -> Reason:
        if isinstance(error, LocalRunError):
            return Reason("local-run", f"DuckDB stopped: {error.message}")
        if isinstance(error, googlesql.TooMany) and isinstance(decision, RunWithFinish):
            reason = Reason("too-many-rows", error.message)
            self.understanding.had_too_many(request, decision, reason)
            return reason
        return Reason("local-run", f"Google's evaluator stopped: {error.message}")

    def _result(self, decision: Here, arrow: Any, relation: Any, started: float) -> QueryResult:
        as_of, unverified = self.tier.fresh_as_of(decision.copies)
        outputs = outputs_of(decision)
        return QueryResult(
            arrow=frames.empty(outputs) if arrow is None else arrow,
            relation=relation,
            outputs=outputs,
            decision=decision,
            seconds=time.perf_counter() - started,
            fresh_as_of=as_of,
            unverified_since=unverified,
        )


def outputs_of(decision: Here) -> tuple[OutputColumn, ...]:
    """Names and types of the result."""
    return decision.compiled.outputs if isinstance(decision, RunLocal) else decision.outputs


def _refused(request: Request, found: tuple[Reason, ...]) -> tuple[Reason, ...]:
    if request.route is Route.LOCAL:
        raise RouteRefused("; ".join(map(str, found)), hint="--route auto")
    return found
