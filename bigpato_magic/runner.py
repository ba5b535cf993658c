"""A query's way, one stop after the other: text → names → copies → analyzed → compiled → decided → run → result.

The runner owns no setting and no store: `client` hands it the warehouse, the tier, the engine and the status.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from bigpato_magic import decide as decisions
from bigpato_magic import frames, googlesql
from bigpato_magic.errors import (
    AnalyzerUnavailable,
    BigPatoError,
    Cancelled,
    LocalRunError,
    QueryError,
    RouteRefused,
)
from bigpato_magic.local.relation import can_be_lazy
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.sql import read
from bigpato_magic.status import Cancel
from bigpato_magic.types import (
    AnalyzedQuery,
    Compiled,
    Freshness,
    LocalTable,
    Parameter,
    QueryResult,
    Reason,
    Refused,
    Route,
    RunLocal,
    RunOnBigQuery,
    RunOnReference,
    TableCopy,
    TableFacts,
    TableId,
)
from bigpato_magic.warehouse.base import QueryOptions, QueryProgress, Warehouse, WarehouseResult

if TYPE_CHECKING:
    from bigpato_magic.local.duck import LocalEngine
    from bigpato_magic.status import Status
    from bigpato_magic.tier.tier import Tier

log = logging.getLogger(__name__)
T = TypeVar("T")
RunProgress = Callable[[QueryProgress | float], None]

PLANS = 500
"""Analyzed and compiled queries that are kept, the least recently used goes first."""

LOADING = 5.0
"""Seconds that a query waits for an analyzer that is being loaded."""

LEARNING = 2.0
"""Seconds that the books wait, after BigQuery's answer, to learn which columns the query read."""


@dataclass(frozen=True, slots=True)
class Request:
    """One query as a person asked for it.

    Args:
        sql: GoogleSQL.
        parameters: typed values.
        route: where it may run.
        max_staleness: seconds that a check of a table may be old, None for the policy's own.
        project: of unqualified dataset names.
        dataset: of unqualified table names.
        options: for BigQuery.
        cancel: stops it.
        progress: hears of a BigQuery job, and of a local run the share done, 0 to 1.
        lazy: leave a local answer in DuckDB, where that can be.
    """

    sql: str
    parameters: tuple[Parameter, ...] = ()
    route: Route = Route.AUTO
    max_staleness: float | None = None
    project: str | None = None
    dataset: str | None = None
    options: QueryOptions = field(default_factory=QueryOptions)
    cancel: Cancel = field(default_factory=Cancel)
    progress: RunProgress | None = None
    lazy: bool = False

    @property
    def default_dataset(self) -> tuple[str, str] | None:
        """(project, dataset) of unqualified names, if known."""
        return (self.project, self.dataset) if self.project and self.dataset else None


@dataclass(frozen=True, slots=True)
class Understood:
    """What the text means over these copies, and the DuckDB SQL for it; cached."""

    query: AnalyzedQuery
    compiled: Compiled | Refused
    not_held: tuple[Reason, ...] = ()


@dataclass(slots=True)
class QueryRunner:
    """Runs requests. Safe to use from several threads."""

    warehouse: Warehouse
    tier: Tier
    engine: LocalEngine
    status: Status
    reference_rows: int = 0
    _plans: OrderedDict[Any, Understood] = field(default_factory=OrderedDict)
    _names: OrderedDict[str, tuple[tuple[str, ...], ...]] = field(default_factory=OrderedDict)
    _kinds: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4, "bigpato-check"))

    # ------------------------------------------------------------------------------ the way itself

    def run(self, request: Request) -> QueryResult:
        """The answer, from where it is right and cheapest.

        Raises:
            QueryError: the SQL is wrong; as BigQuery says it.
            RouteRefused: `request.route` is local and it cannot be.
            WarehouseError: BigQuery cannot be reached or refuses.
            Cancelled: `request.cancel` was set.
        """
        started = time.perf_counter()
        situation = self.situation(request)
        check = self._check(request, situation)
        decision = decisions.decide(situation)
        if not isinstance(decision, RunOnBigQuery):
            result = self._run_here(request, decision, check, started)
            if isinstance(result, QueryResult):
                return self._note(request, situation.query, result)
            decision = RunOnBigQuery(request.sql, result)
        learned = self._pool.submit(self._learn, request, situation)
        answer = self._run_there(request, decision, started)
        return self._note(request, _within(learned, LEARNING), answer)

    def situation(self, request: Request) -> decisions.Situation:
        """All that is known before anything runs; never asks BigQuery for a table that has a copy."""
        blank = decisions.Situation(request.sql, request.route)
        if request.route is Route.BIGQUERY:
            return blank
        blockers = self._blockers(request)
        if blockers:
            return replace(blank, blockers=blockers)
        try:
            tables = self.tables_of(request)
        except (QueryError, AnalyzerUnavailable, ValueError) as error:
            return replace(blank, blockers=(_reason_of(error),))
        copies = self.tier.copies(list(tables.values()))
        missing = tuple(_not_local(table) for table in tables.values() if table not in copies)
        if missing:
            return replace(blank, blockers=tuple(dict.fromkeys(missing)), copies=copies)
        return self._understand(request, blank, tables, copies)

    def _blockers(self, request: Request) -> tuple[Reason, ...]:
        kind = self._kind(request.sql)
        if kind != "SELECT":
            return (Reason("not-a-query", f"{_article(kind)} statement runs on BigQuery"),)
        if not self._analyzer_ready():
            return (
                Reason("analyzer-busy", f"Google's analyzer is not ready on this machine yet ({googlesql.state()})"),
            )
        return ()

    def _analyzer_ready(self) -> bool:
        """Whether it is; loading takes a moment, which is worth waiting for, compiling half a minute, which is not."""
        if googlesql.state() is googlesql.State.LOADING:
            googlesql.wait(LOADING)
        return googlesql.ready()

    def _kind(self, sql: str) -> str:
        """The statement's kind; a query with functions of its own is a query, if the analyzer is there to say so."""
        if sql in self._kinds:
            return self._kinds[sql]
        kind = read.statement_kind(sql)
        if kind.is_query:
            return _remember(self._kinds, sql, lambda: str(kind))
        if not googlesql.ready():
            return str(kind)
        try:
            return _remember(self._kinds, sql, lambda: googlesql.statement_kind(sql))
        except (QueryError, AnalyzerUnavailable):
            return str(kind)

    def tables_of(self, request: Request) -> Mapping[tuple[str, ...], TableId]:
        """The tables that the text names, each spelling with its full name.

        Raises:
            QueryError: a syntax error.
            AnalyzerUnavailable: the analyzer is not ready.
            ValueError: a name has no dataset, and there is no default.
        """
        return {path: self._resolve(request, path) for path in self._table_names(request.sql)}

    def _table_names(self, sql: str) -> tuple[tuple[str, ...], ...]:
        return _remember(self._names, sql, lambda: googlesql.table_names(sql))

    def _resolve(self, request: Request, path: Sequence[str]) -> TableId:
        return TableId.parse(".".join(path), project=request.project, dataset=request.dataset)

    def _understand(
        self,
        request: Request,
        blank: decisions.Situation,
        tables: Mapping[tuple[str, ...], TableId],
        copies: Mapping[TableId, TableCopy],
    ) -> decisions.Situation:
        quarantined = self.tier.quarantined()
        key = (
            request.sql,
            tuple((p.name, p.type, p.value if tables else None) for p in request.parameters),
            tuple((path, table, copies[table].id) for path, table in tables.items()),
            quarantined,
        )
        try:
            plan = _remember(self._plans, _hashable(key), lambda: self._plan(request, tables, copies, quarantined))
        except (QueryError, AnalyzerUnavailable) as error:
            return replace(blank, blockers=(_reason_of(error),), copies=copies)
        return replace(
            blank,
            query=plan.query,
            compiled=plan.compiled,
            copies={table: copies[table] for table in plan.query.tables},
            not_held=plan.not_held,
            reference=self._small_enough(plan.query, copies),
        )

    def _plan(
        self,
        request: Request,
        tables: Mapping[tuple[str, ...], TableId],
        copies: Mapping[TableId, TableCopy],
        quarantined: frozenset[str],
    ) -> Understood:
        facts = {path: _facts(copies[table]) for path, table in tables.items()}
        query = googlesql.analyze(request.sql, facts, request.parameters)
        query = self.tier.reads(query, request.parameters)
        local = {table: _local_table(copies[table]) for table in query.tables}
        not_held = self.tier.not_held(query, copies)
        return Understood(query, compile_query(query, local, quarantined=quarantined), not_held)

    def _small_enough(self, query: AnalyzedQuery, copies: Mapping[TableId, TableCopy]) -> bool:
        rows = 1
        for table in query.tables:
            rows *= max(1, copies[table].rows)
        return rows <= self.reference_rows

    # ----------------------------------------------------------------------------------- freshness

    def _check(self, request: Request, situation: decisions.Situation) -> Future[tuple[Reason, ...]] | None:
        """Begin to check the copies; None where the last checks are young enough, or nothing runs here anyway."""
        copies = tuple(situation.copies.values())
        runs_here = situation.query is not None and not situation.not_held and not situation.blockers
        if not copies or not runs_here or self.tier.checked(copies, request.max_staleness):
            return None
        return self._pool.submit(self._stale, copies, request.max_staleness)

    def _stale(self, copies: Sequence[TableCopy], max_staleness: float | None) -> tuple[Reason, ...]:
        found = self.tier.check(copies, max_staleness)
        return tuple(
            reason or Reason("unchecked", "it is not known whether the table has changed", copy.table)
            for copy in copies
            for freshness, reason in (found[copy.table],)
            if freshness is not Freshness.FRESH
        )

    # ----------------------------------------------------------------------------------------- runs

    def _run_here(
        self,
        request: Request,
        decision: RunLocal | RunOnReference,
        check: Future[tuple[Reason, ...]] | None,
        started: float,
    ) -> QueryResult | tuple[Reason, ...]:
        """The local answer, or the reasons why BigQuery has to give it."""
        stop = Cancel()
        request.cancel.on_set(stop.set)
        if check is not None:
            check.add_done_callback(lambda done: stop.set() if done.exception() or done.result() else None)
        with self.tier.lease(decision.copies):
            try:
                relation = self._relation(decision, request)
                arrow = self._evaluate(decision, request, stop) if relation is None else None
                failure: Reason | None = None
            except (LocalRunError, QueryError, AnalyzerUnavailable) as error:
                failure = Reason("local-run", f"DuckDB stopped: {error.message}")
            except Cancelled:
                request.cancel.check()
                failure = None
            reasons = self._await(check, request.cancel)
        if failure or reasons:
            found = (*reasons, *((failure,) if failure else ()))
            if request.route is Route.LOCAL:
                raise RouteRefused("; ".join(map(str, found)), hint="--route auto")
            return found
        return self._local_result(decision, arrow, relation, started)

    def _relation(self, decision: RunLocal | RunOnReference, request: Request) -> Any:
        """The answer as a lazy relation, None where it was not asked for or where running may lead to BigQuery."""
        if isinstance(decision, RunLocal) and request.lazy and can_be_lazy(decision.compiled):
            return self.engine.relation(decision.compiled, decision.copies, request.parameters)
        return None

    def _evaluate(self, decision: RunLocal | RunOnReference, request: Request, stop: Cancel) -> Any:
        if isinstance(decision, RunLocal):
            return self.engine.execute(
                decision.compiled,
                decision.copies,
                request.parameters,
                cancel=stop,
                progress=request.progress,
                now=self.warehouse.now,
            )
        contents = {copy.table: (_facts(copy), self.engine.rows(copy)) for copy in decision.copies}
        return googlesql.evaluate(decision.sql, contents, request.parameters)

    def _await(self, check: Future[tuple[Reason, ...]] | None, cancel: Cancel) -> tuple[Reason, ...]:
        while check is not None:
            cancel.check()
            try:
                return check.result(timeout=0.1)
            except TimeoutError:
                continue
            except BigPatoError as error:
                return (Reason("unchecked", f"the tables could not be checked: {error.message}"),)
        return ()

    def _local_result(
        self, decision: RunLocal | RunOnReference, arrow: Any, relation: Any, started: float
    ) -> QueryResult:
        as_of, unverified = self.tier.fresh_as_of(decision.copies)
        outputs = decision.compiled.outputs if isinstance(decision, RunLocal) else decision.outputs
        return QueryResult(
            arrow=frames.empty(outputs) if arrow is None else arrow,
            relation=relation,
            outputs=outputs,
            decision=decision,
            seconds=time.perf_counter() - started,
            fresh_as_of=as_of,
            unverified_since=unverified,
        )

    def _run_there(self, request: Request, decision: RunOnBigQuery, started: float) -> QueryResult:
        with self._stale_while_running(request):
            answer = self.warehouse.query(
                request.sql,
                request.parameters,
                dataset=request.default_dataset,
                options=request.options,
                cancel=request.cancel,
                progress=request.progress,
            )
        return _bigquery_result(decision, answer, time.perf_counter() - started)

    @contextmanager
    def _stale_while_running(self, request: Request) -> Iterator[None]:
        """Whatever the statement may change is stale from its start on, also when it fails half-way."""
        kind = self._kind(request.sql)
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
            return None if paths is None else tuple(self._resolve(request, path) for path in paths)
        except (BigPatoError, ValueError):
            return None

    def _learn(self, request: Request, situation: decisions.Situation) -> AnalyzedQuery | None:
        """What a query that BigQuery answers reads of its tables, so that a plan knows what to bring."""
        if situation.query is not None or not googlesql.ready() or self._kind(request.sql) != "SELECT":
            return situation.query
        try:
            tables = self.tables_of(request)
            found = self.tier.facts.fetch(dict.fromkeys(tables.values()))
            facts = {path: f for path, table in tables.items() if isinstance(f := found[table], TableFacts)}
            if len(facts) < len(tables):
                return None
            query = googlesql.analyze(request.sql, facts, request.parameters)
            return self.tier.reads(query, request.parameters)
        except (BigPatoError, ValueError) as error:
            log.debug("nothing was learned of a query: %s", error)
            return None

    def _note(self, request: Request, query: AnalyzedQuery | None, result: QueryResult) -> QueryResult:
        result = self.tier.record(request.sql, query, replace(result, sql=request.sql), self._used(request, query))
        self.status.note_query(result)
        return result

    def _used(self, request: Request, query: AnalyzedQuery | None) -> tuple[TableId, ...]:
        if query is not None:
            return tuple(query.tables)
        try:
            return tuple(self.tables_of(request).values()) if googlesql.ready() else ()
        except (BigPatoError, ValueError):
            return ()


def _remember(cache: OrderedDict[Any, T], key: Any, make: Callable[[], T]) -> T:
    if key in cache:
        cache.move_to_end(key)
        return cache[key]
    value = cache[key] = make()
    while len(cache) > PLANS:
        cache.popitem(last=False)
    return value


def _hashable(key: Any) -> Any:
    try:
        hash(key)
    except TypeError:
        return repr(key)
    return key


def _within(future: Future[Any], seconds: float) -> Any:
    try:
        return future.result(seconds)
    except TimeoutError:
        return None


def _article(kind: str) -> str:
    return f"{'an' if kind[:1] in 'AEIOU' else 'a'} {kind.replace('_', ' ')}"


def _facts(copy: TableCopy) -> TableFacts:
    """The table as it was copied; a copy that the catalog shows always has it."""
    if copy.facts is None:
        raise AnalyzerUnavailable(f"the copy of {copy.table.table} does not know its table's schema")
    return copy.facts


def _local_table(copy: TableCopy) -> LocalTable:
    return LocalTable(copy.relation, copy.columns, copy.stats)


def _not_local(table: TableId) -> Reason:
    return Reason("not-local", f"{table.table} is not local yet", table)


def _reason_of(error: Exception) -> Reason:
    if isinstance(error, AnalyzerUnavailable):
        return Reason("analyzer-busy", error.message)
    return Reason("invalid", str(error))


def _bigquery_result(decision: RunOnBigQuery, answer: WarehouseResult, seconds: float) -> QueryResult:
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
