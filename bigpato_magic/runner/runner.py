"""The whole way of a query.

The runner owns no setting and no store: `client` hands it the warehouse, the tier, the engine and the status.
"""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bigpato_magic import googlesql
from bigpato_magic.decide import (
    LocalDecision,
    RoutingInputs,
    decide,
    fetch_instead,
    not_fetched,
    not_fresh,
    not_read,
    read_instead,
)
from bigpato_magic.errors import (
    BigPatoError,
    BytesLimitExceeded,
    Cancelled,
    RouteRefused,
    TableNotFound,
    WarehouseUnavailable,
)
from bigpato_magic.googlesql import State
from bigpato_magic.runner.checks import EarlyCheck, ended_in_time
from bigpato_magic.runner.consent import Consent
from bigpato_magic.runner.fragments import FragmentPlanner
from bigpato_magic.runner.frozen import failure_of_then, past_question, see_that_it_reads
from bigpato_magic.runner.here import LocalRuns, result_of
from bigpato_magic.runner.hybrid import HybridRuns, NotAnswered
from bigpato_magic.runner.keeping import source_of
from bigpato_magic.runner.looks import Looks, NotRead
from bigpato_magic.runner.missing import enrich
from bigpato_magic.runner.offline import UNREACHABLE, way_out
from bigpato_magic.runner.planner import QueryPlanner
from bigpato_magic.runner.routines import Routines
from bigpato_magic.runner.there import CloudRuns
from bigpato_magic.runner.unnamed import Unnamed, Waiting
from bigpato_magic.runner.wildcards import Wildcards
from bigpato_magic.tier.journal.accounting import QueryText
from bigpato_magic.tier.journal.result_cache import text_digest
from bigpato_magic.types import (
    AnalyzedQuery,
    Look,
    QueryResult,
    Reason,
    Route,
    RunHybrid,
    RunLocal,
    RunOnBigQuery,
    TableFacts,
    TableId,
)

if TYPE_CHECKING:
    from bigpato_magic.local.duck import LocalEngine
    from bigpato_magic.runner.request import Request
    from bigpato_magic.status import Cancel, Status
    from bigpato_magic.tier.tier import Tier
    from bigpato_magic.warehouse.base import Warehouse

log = logging.getLogger(__name__)

_ASKING = 16
"""Threads that wait for BigQuery's answers on tables, beside all queries: some that hang keep the others' from nothing."""
KEEPING = 1.0
"""Seconds that a query for BigQuery waits for an answer over its tables that is just being kept: it may be its own."""
LEARNING = 2.0
"""Seconds that an answer of BigQuery waits for the journal to learn which columns the query read."""


@dataclass(slots=True)
class _Known:
    """What is known of one query on its way from stop to stop.

    Args:
        request: what was asked.
        started: by `time.perf_counter`, when the whole run began.
        early: asks about its tables.
        inputs: of the first decision.
        presumed: that decision.
        query: what it means, as far as is known.
        billed: bytes, for fragments that were asked in vain.
    """

    request: Request
    started: float
    early: EarlyCheck
    inputs: RoutingInputs
    presumed: LocalDecision | RunOnBigQuery
    query: AnalyzedQuery | None
    billed: int = 0


class QueryRunner:
    """Runs requests. Safe to use from several threads.

    Args:
        warehouse: BigQuery.
        tier: the local store.
        engine: DuckDB.
        status: hears of every answer.
        evaluator_rows: that Google's evaluator takes; 0 leaves it out.
        look_below: bytes of a table that are read by Storage Read in place of a query; 0 leaves that out.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        tier: Tier,
        engine: LocalEngine,
        status: Status,
        evaluator_rows: int = 0,
        look_below: int = 0,
    ) -> None:
        self.warehouse, self.tier, self.status = warehouse, tier, status
        self._pool = ThreadPoolExecutor(_ASKING, "bigpato-check")
        routines = Routines(warehouse, tier.freshness)
        wildcards = Wildcards(warehouse, tier.queries, tier.freshness)
        self.planner = QueryPlanner(tier.queries, routines, wildcards, evaluator_rows)
        self._here = LocalRuns(tier.queries, engine, self.planner, warehouse.now)
        self._there = CloudRuns(warehouse, tier.queries, self.planner)
        self.looks = Looks(warehouse, tier.queries, self.planner, self._pool, look_below)
        self.fragments = FragmentPlanner(warehouse, tier.queries, self.planner, self._pool)
        self._hybrid = HybridRuns(warehouse, tier.queries, self._here, self._pool, warehouse.now)
        self._consent = Consent(tier, lambda request: self._there.learn(request, self.early_check(request)))
        self._unnamed = Waiting()
        googlesql.listen(partial(_ready, weakref.ref(self)))

    def run(self, request: Request) -> QueryResult:
        """The answer, from where it is right and cheapest.

        Raises:
            QueryError: the SQL is wrong; as BigQuery says it.
            ConsentNeeded: it would bill more than `request.ask_above`.
            RouteRefused: `request.route` is local and it cannot be.
            WarehouseError: BigQuery cannot be reached or refuses.
            Cancelled: `request.cancel` was set.
        """
        with self.tier.automatic.working(), googlesql.stopped_by(request.cancel):
            try:
                return self._run(self.settled(request))
            except BytesLimitExceeded as error:
                raise self._consent.needed(request, error) from error

    def _run(self, request: Request) -> QueryResult:
        started = time.perf_counter()
        starting = self.planner.wake(request)
        answer = self._answer(request, started)
        return replace(answer, starting=starting) if starting else answer

    def _answer(self, request: Request, started: float) -> QueryResult:
        if request.as_of is not None:
            see_that_it_reads(request, self.planner)
        known = self._known(request, started)
        answer: QueryResult | RunOnBigQuery
        if isinstance(known.presumed, RunOnBigQuery):
            answer = known.presumed
        else:
            answer = self._run_here(known, known.inputs, known.presumed)
        for stop in (self._kept_instead, self._ask_of_then, self._read, self._fetch):
            if isinstance(answer, RunOnBigQuery):
                answer = stop(known, answer)
        if isinstance(answer, RunOnBigQuery):
            answer = self._ask(known, answer)
        return self._note(request, known.query, replace(answer, as_of=request.as_of))

    def _known(self, request: Request, started: float) -> _Known:
        early = self.early_check(request)
        inputs = self.planner.inputs(request, early.begin)
        return _Known(request, started, early, inputs, decide(inputs), inputs.plan.query if inputs.plan else None)

    def early_check(self, request: Request) -> EarlyCheck:
        """What asks BigQuery about the tables of a request that begins now."""
        return EarlyCheck(self.tier.queries, self._pool, request)

    def _ask_of_then(self, known: _Known, decision: RunOnBigQuery) -> QueryResult | RunOnBigQuery:
        """BigQuery's answer as of the instant of a frozen client; an error where it has none, never one of today."""
        request = known.request
        if request.as_of is None:
            return decision
        try:
            question = past_question(request, self.tier.queries, self.planner, self.warehouse)
            return question.answer(self._there.run(question.request, decision, known.started))
        except BigPatoError as error:
            raise failure_of_then(request, error) from error

    def _ask(self, known: _Known, decision: RunOnBigQuery) -> QueryResult:
        """BigQuery's answer to the person's own text, which is kept."""
        request, early = known.request, known.early
        before = early.facts(self._used(request, known.query))
        learned = self._pool.submit(self._there.learn, request, early)
        try:
            answer = self._run_there(known, decision)
        except BaseException:  # also one that is interrupted: what its parts have billed is billed
            self.tier.queries.note_unanswered(known.billed)
            raise
        # A plan's query is what the text means over copies: its tables may have had other columns then.
        now = _within(learned, LEARNING, request.cancel)
        self._keep(request, now, answer, before)
        known.query = now or known.query
        return replace(answer, bytes_billed=answer.bytes_billed + known.billed)

    def _keep(
        self,
        request: Request,
        query: AnalyzedQuery | None,
        result: QueryResult,
        before: Mapping[TableId, TableFacts],
    ) -> None:
        """Keep BigQuery's answer, in the background; the query does not wait for it, nor for what is wrong with it."""
        try:
            source = query and source_of(request, query, result, before, self.warehouse.now())
            if source:
                self.tier.queries.keep(source, result.outputs, result.arrow)
        except Exception:
            log.debug("an answer could not be kept", exc_info=True)

    def _run_here(self, known: _Known, inputs: RoutingInputs, presumed: LocalDecision) -> QueryResult | RunOnBigQuery:
        """The answer of a local run, or the decision that it is BigQuery's."""
        request = known.request
        run = self._here.run(request, presumed, known.early.of(presumed.copies))
        # Without verdicts nothing is presumed any more: an answer without a check is none.
        verdicts = run.verdicts if run.failures else run.verdicts or {}
        decision = self._decide_again(replace(inputs, verdicts=verdicts, failures=run.failures), presumed)
        if isinstance(decision, RunOnBigQuery):
            if run.failures and isinstance(presumed, RunLocal):
                self.planner.has_failed(request, presumed)
            return decision
        return result_of(decision, run, time.perf_counter() - known.started)

    def _kept_instead(self, known: _Known, decision: RunOnBigQuery) -> QueryResult | RunOnBigQuery:
        """A kept answer's that was not there, or not looked for, when the query was planned; else the same decision.

        Copies may have turned out to be stale, and the answer to a question of a moment ago may just have been kept.
        """
        request = known.request
        if request.route is not Route.AUTO or not self.planner.may_be_kept(request):
            return decision
        tables, queries = self._used(request, None), self.tier.queries
        stale = any(reason.code == "stale" for reason in decision.reasons)
        if not queries.settle_over(tables, KEEPING, request.cancel) and not (stale and queries.kept(tables)):
            return decision
        inputs = self.planner.inputs(request)
        again = decide(inputs)
        if not isinstance(again, RunLocal) or not again.kept:
            return decision
        answer = self._run_here(known, inputs, again)
        if isinstance(answer, RunOnBigQuery):
            return decision
        known.query = inputs.plan.query if inputs.plan else known.query
        return answer

    def _read(self, known: _Known, decision: RunOnBigQuery) -> QueryResult | RunOnBigQuery:
        """The rows, where they can be read without a query job."""
        look = self.looks.offer(known.request, decision, known.early)
        reading = read_instead(decision, look if isinstance(look, Look) else None)
        if isinstance(reading, RunOnBigQuery):
            return reading
        known.query = reading.look.query
        try:
            return self.looks.read(known.request, reading, known.started)
        except NotRead as why:
            return not_read(reading, Reason("look", str(why), reading.look.table))

    def _fetch(self, known: _Known, decision: RunOnBigQuery) -> QueryResult | RunOnBigQuery:
        """The answer by fragments, where it has one."""
        plan = self.fragments.offer(known.request, decision, known.early)
        fetching = fetch_instead(decision, plan if isinstance(plan, RunHybrid) else None)
        if isinstance(fetching, RunOnBigQuery):
            return fetching
        limit, size = known.request.limit, fetching.bytes_billed
        if limit is not None and size > limit:
            raise BytesLimitExceeded(f"The parts that are missing here would bill {size} bytes.", required=size)
        try:
            answer = self._hybrid.run(known.request, fetching, known.started)
        except NotAnswered as why:
            self.fragments.has_failed(known.request)
            known.billed += why.billed
            return not_fetched(fetching, str(why))
        known.query = fetching.query
        return answer

    def _run_there(self, known: _Known, decision: RunOnBigQuery) -> QueryResult:
        """BigQuery's answer; an error tells which table is near, or which copies could answer offline."""
        try:
            small = not known.billed and self._consent.certainly_small(known.request, self.planner, known.early.facts)
            return self._there.run(known.request, decision, known.started, known.billed, small=small)
        except TableNotFound as error:
            self.enrich(error, known.request.sql)
            raise
        except WarehouseUnavailable as error:
            error.hint = way_out(self.tier.queries, known.presumed, decision.reasons) or error.hint
            raise

    def _decide_again(self, inputs: RoutingInputs, presumed: LocalDecision) -> LocalDecision | RunOnBigQuery:
        """The decision once the copies are checked, and the run here has ended; an error names the way out."""
        try:
            return decide(inputs)
        except RouteRefused as error:
            reasons = [*not_fresh(presumed.copies, inputs.verdicts or {}), *inputs.failures]
            if any(reason.code == UNREACHABLE for reason in reasons):
                error.hint = way_out(self.tier.queries, presumed, reasons) or error.hint
            raise

    def answer_here(self, request: Request) -> QueryResult | RunOnBigQuery:
        """The local answer to a query that reads no table, or why there is none. Nothing of it is noted.

        Raises:
            Cancelled: `request.cancel` was set.
        """
        known = self._known(self.settled(request), time.perf_counter())
        if isinstance(known.presumed, RunOnBigQuery):
            return known.presumed
        return self._run_here(known, known.inputs, known.presumed)

    def inputs(self, request: Request) -> RoutingInputs:
        """All that is known before anything runs; never asks BigQuery for a table that has a copy."""
        return self.planner.inputs(self.settled(request))

    def settled(self, request: Request) -> Request:
        """With one moment for all that follows: which partitions today's are, and what the query takes for today."""
        if request.moment is not None or not (request.asks_the_time or request.reads_the_past):
            return request
        return replace(request, moment=request.as_of or self.warehouse.now())

    def await_names(self, cancel: Cancel, say: Callable[[str], None]) -> None:
        """Wait until it is known which tables the queries so far have read, as a plan needs it.

        Args:
            cancel: stops the waiting.
            say: hears why one waits: the analyzer is being compiled.

        Raises:
            Cancelled: `cancel` was set.
        """
        self._unnamed.wait(cancel, say, self._name)

    def enrich(self, error: TableNotFound, sql: str = "") -> None:
        """Let an error tell where the query names a table that is not there, and which names are near."""
        enrich(error, sql, self.warehouse, self.tier, self._pool)

    def _note(self, request: Request, query: AnalyzedQuery | None, result: QueryResult) -> QueryResult:
        named = googlesql.ready()
        tables = self._used(request, query)
        result = self.tier.queries.record(query, replace(result, sql=request.sql), tables, text=self._text(request))
        self.status.note_query(result)
        # Where the analyzer has become ready in this moment, its tables are noted already.
        if not named and not tables and result.statement == "SELECT":
            without_rows = replace(result, arrow=result.arrow.schema.empty_table())  # a slice would keep them all
            self._unnamed.add(Unnamed(request, without_rows, self.warehouse.now()), self._name)
        return result

    def _name(self, unnamed: Unnamed) -> None:
        """Note the uses of a query whose tables can be named now."""
        request = unnamed.request
        query = self._there.learn(request, self.early_check(request))
        tables, text = self._used(request, query), self._text(request)
        self.tier.queries.record(query, unnamed.result, tables, text=text, at=unnamed.at)

    def _text(self, request: Request) -> QueryText:
        past = request.as_of.isoformat() if request.as_of else None  # another question each time, whatever its text
        place = (self.warehouse.project, request.project, request.dataset, *([past] if past else []))
        return QueryText(text_digest(request.sql, request.parameters, *place), request.options.use_query_cache)

    def _used(self, request: Request, query: AnalyzedQuery | None) -> tuple[TableId, ...]:
        if query is not None:
            return tuple(query.tables)
        try:
            named = self.planner.tables_of(request).values() if googlesql.ready() else ()
            return tuple(table for table in named if not table.is_wildcard)
        except BigPatoError:
            return ()


def _ready(runner: weakref.ref[QueryRunner], state: State) -> None:
    """What the analyzer's thread calls with each of its states; runners come and go."""
    if state is State.READY and (live := runner()) is not None:
        live._unnamed.name_all(live._name)


def _within(future: Future[Any], seconds: float, cancel: Cancel) -> Any:
    """What it gives, if that is soon; who stops the query does not wait for it, and still has the answer."""
    try:
        return future.result() if ended_in_time(future, cancel, seconds) else None
    except Cancelled:
        return None
