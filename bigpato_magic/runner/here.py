"""A run on this machine: in DuckDB, in Google's evaluator, or begun by the one and finished by the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bigpato_magic import frames, googlesql
from bigpato_magic.decide import LocalDecision, Verdicts, not_fresh
from bigpato_magic.errors import (
    AnalyzerUnavailable,
    Cancelled,
    DamagedCopy,
    LocalRunError,
    QueryError,
    TierError,
)
from bigpato_magic.local.bound import normalized
from bigpato_magic.local.relation import can_be_lazy
from bigpato_magic.runner.planner import QueryPlanner, facts_of
from bigpato_magic.status import Cancel
from bigpato_magic.types import (
    OutputColumn,
    QueryResult,
    Reason,
    RunInEvaluator,
    RunLocal,
    RunSplit,
)

if TYPE_CHECKING:
    from bigpato_magic.local.duck import LocalEngine
    from bigpato_magic.runner.checks import FreshnessCheck
    from bigpato_magic.runner.request import Request
    from bigpato_magic.tier.query_access import QueryAccess

_STOPPED = Reason("local-run", "the run was stopped")


@dataclass(frozen=True, slots=True)
class LocalRun:
    """What a run here has given; whether that may be shown, `decide` says.

    Args:
        arrow: the answer's rows, None where they stay in DuckDB or there are none.
        relation: the answer as a lazy relation, if it was asked for and can be one.
        verdicts: on the copies that it has read; None where it had to end before they were there.
        failures: why there is no answer.
        fresh_as_of: up to when its copies equal their tables.
        unverified_since: since when that is unverified, None where it is verified.
    """

    arrow: Any = None
    relation: Any = None
    verdicts: Verdicts | None = None
    failures: tuple[Reason, ...] = ()
    fresh_as_of: datetime | None = None
    unverified_since: datetime | None = None


@dataclass(slots=True)
class LocalRuns:
    """Runs what was decided to run here, over leased copies, beside the check of their tables.

    Args:
        queries: what the tier does for queries.
        engine: DuckDB.
        planner: hears of splits whose lower part has too many rows.
        now: tells the server's time.
    """

    queries: QueryAccess
    engine: LocalEngine
    planner: QueryPlanner
    now: Callable[[], datetime]

    def run(self, request: Request, decision: LocalDecision, check: FreshnessCheck) -> LocalRun:
        """Run it.

        Args:
            request: what was asked.
            decision: how it runs here.
            check: of the copies; one that finds something stops the run.

        Raises:
            Cancelled: the request was.
        """
        stop = Cancel()
        request.cancel.on_set(stop.set)
        check.stop_if_stale(stop)
        try:
            with self.queries.lease(decision.copies):
                return self._leased(request, decision, check, stop)
        except TierError as error:
            return LocalRun(failures=(Reason("store", str(error)),))

    def _leased(self, request: Request, decision: LocalDecision, check: FreshnessCheck, stop: Cancel) -> LocalRun:
        arrow = relation = failure = None
        try:
            files = self.queries.compare(decision.copies)
            relation = self._relation(request, decision)
            with googlesql.stopped_by(stop):
                arrow = self._rows(request, decision, stop) if relation is None else None
            if files is not None:
                files.outcome(stop)
        except (LocalRunError, QueryError, AnalyzerUnavailable) as error:
            failure = self._failure(request, decision, error)
        except Cancelled:
            request.cancel.check()
            failure = _STOPPED
        verdicts = check.wait(request.cancel)
        if failure is _STOPPED and any(not_fresh(decision.copies, verdicts)):
            failure = None  # the check has stopped it, and says why
        if failure:
            return LocalRun(verdicts=verdicts, failures=(failure,))
        return LocalRun(arrow, relation, verdicts, (), *self.queries.facts.fresh_as_of(decision.copies))

    def _relation(self, request: Request, decision: LocalDecision) -> Any:
        """The answer as a lazy relation, None where it was not asked for or where running may lead to BigQuery."""
        if isinstance(decision, RunLocal) and request.lazy and can_be_lazy(decision.compiled):
            return self.engine.relation(decision.compiled, decision.copies, request.parameters)
        return None

    def _rows(self, request: Request, decision: LocalDecision, stop: Cancel) -> Any:
        if isinstance(decision, RunInEvaluator):
            contents = {copy.table: (facts_of(copy), self.engine.rows(copy)) for copy in decision.copies}
            parameters = normalized(request.parameters)
            return googlesql.evaluate(decision.sql, contents, parameters, routines=decision.routines)
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
        return googlesql.evaluate_upper(decision.upper, rows, normalized(request.parameters))

    def _failure(
        self, request: Request, decision: LocalDecision, error: LocalRunError | QueryError | AnalyzerUnavailable
    ) -> Reason:
        if isinstance(error, DamagedCopy):
            return Reason("damaged", error.message)
        if isinstance(error, LocalRunError):
            return Reason("local-run", f"DuckDB stopped: {error.message}")
        if isinstance(error, googlesql.TooManyRows) and isinstance(decision, RunSplit):
            reason = Reason("too-many-rows", error.message)
            self.planner.had_too_many(request, decision, reason)
            return reason
        return Reason("local-run", f"Google's evaluator stopped: {error.message}")


def result_of(decision: LocalDecision, run: LocalRun, seconds: float) -> QueryResult:
    """The answer of a run that took so many seconds."""
    outputs = outputs_of(decision)
    return QueryResult(
        arrow=frames.empty(outputs) if run.arrow is None else run.arrow,
        relation=run.relation,
        outputs=outputs,
        decision=decision,
        seconds=seconds,
        fresh_as_of=run.fresh_as_of,
        unverified_since=run.unverified_since,
    )


def outputs_of(decision: LocalDecision) -> tuple[OutputColumn, ...]:
    """Names and types of the result."""
    return decision.compiled.outputs if isinstance(decision, RunLocal) else decision.outputs
