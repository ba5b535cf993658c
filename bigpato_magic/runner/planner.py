"""The first stops: the text's kind and names, copies of its tables, what it means, and how it could run."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bigpato_magic import googlesql
from bigpato_magic.decide import QueryPlan, RoutingInputs
from bigpato_magic.errors import AnalyzerUnavailable, BigPatoError, QueryError, TierError
from bigpato_magic.googlesql import lexer
from bigpato_magic.lru import LruCache, hashable
from bigpato_magic.pruning.shards import UnclearShards
from bigpato_magic.runner.kept import Copies, KeptRelations, Named, plan_over
from bigpato_magic.runner.narrowed import narrowed
from bigpato_magic.runner.past import PastQuery, UnclearPast, out_of_reach, past_query
from bigpato_magic.runner.plan_keys import lower_key, plan_key, run_key
from bigpato_magic.runner.routines import Named as Called
from bigpato_magic.runner.routines import Routines
from bigpato_magic.runner.splits import split
from bigpato_magic.runner.unclear import unclear
from bigpato_magic.runner.wildcards import PAST_WILDCARD, Virtual, Wildcards, not_served, understood
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.tier import containment
from bigpato_magic.types import (
    AnalyzedQuery,
    Compiled,
    Freshness,
    LocalTable,
    Reason,
    Refused,
    Route,
    RunLocal,
    RunSplit,
    Split,
    TableCopy,
    TableFacts,
    TableId,
)

if TYPE_CHECKING:
    from bigpato_magic.runner.request import Request
    from bigpato_magic.tier.query_access import QueryAccess

log = logging.getLogger(__name__)

Hears = Callable[[Collection[TableCopy], Collection[TableId]], None]
"""Hears of the copies of a query's tables, and of its tables without one, before the query is understood."""


def _nobody(copies: Collection[TableCopy], others: Collection[TableId]) -> None:
    """Nobody wants to hear."""


LOADING = 5.0
"""Seconds that a query waits for an analyzer that is being loaded."""


@dataclass(slots=True)
class QueryPlanner:
    """Finds out all that a decision rests on, and remembers it. Safe to use from several threads.

    Args:
        queries: what the tier does for queries.
        routines: tells which functions a text calls.
        wildcards: tells which tables a wildcard stands for.
        evaluator_rows: that the evaluator takes; 0 leaves it out.
    """

    queries: QueryAccess
    routines: Routines
    wildcards: Wildcards
    evaluator_rows: int = 0
    _plans: LruCache[QueryPlan] = field(default_factory=LruCache)
    _names: LruCache[tuple[tuple[str, ...], ...]] = field(default_factory=LruCache)
    _kinds: LruCache[str] = field(default_factory=LruCache)
    _too_many: LruCache[Reason] = field(default_factory=LruCache)
    _kept_plans: LruCache[QueryPlan | Refused] = field(default_factory=LruCache)
    _past_plans: LruCache[tuple[QueryPlan, Copies]] = field(default_factory=LruCache)
    _queries: LruCache[AnalyzedQuery] = field(default_factory=LruCache)
    _failed: LruCache[bool] = field(default_factory=LruCache)

    def wake(self, request: Request) -> float:
        """Wait for an analyzer that is being loaded, if the request may need it; seconds that it took."""
        started = time.perf_counter()
        if googlesql.ready() or request.route is Route.BIGQUERY or not _analyzer_ready():
            return 0.0
        return time.perf_counter() - started

    def inputs(self, request: Request, named: Hears = _nobody) -> RoutingInputs:
        """All that is known before anything runs; never asks BigQuery for a table that has a copy.

        Args:
            request: what was asked.
            named: called as soon as the text's tables are known, which takes a twentieth of understanding it.
        """
        blank = RoutingInputs(request.sql, request.route)
        if request.route is Route.BIGQUERY:
            return blank
        blockers = self._blockers(request)
        if blockers:
            return replace(blank, blockers=blockers)
        copies: Mapping[TableId, TableCopy] = {}
        try:
            tables = self.tables_of(request)
            has_wildcard = any(table.is_wildcard for table in tables.values())
            if request.reads_the_past and has_wildcard:
                return replace(blank, blockers=(PAST_WILDCARD,))
            if request.reads_the_past:
                return self._in_the_past(blank, request, tables)
            if has_wildcard:
                return self._over_shards(blank, request, tables, named)
            copies = self.queries.copies(list(tables.values()))
            kept = self.queries.kept(list(tables.values())) if self.may_be_kept(request) else ()
            named((*copies.values(), *kept), set(tables.values()) - copies.keys())
            inputs = self._over_copies(blank, request, tables, copies)
            return (kept and self._with_kept(inputs, request, tables, copies, kept)) or inputs
        except (QueryError, AnalyzerUnavailable, TierError, UnclearShards) as error:
            return replace(blank, blockers=(_reason_of(error),), copies=copies)
        except BigPatoError:
            raise
        except Exception as error:
            # Whatever is wrong with this package, BigQuery can answer.
            log.debug("a query could not be planned", exc_info=True)
            reason = Reason("defect", f"bigpato-magic failed to plan this query: a {type(error).__name__} of its own")
            return replace(blank, blockers=(reason,), copies=copies)

    def may_be_kept(self, request: Request) -> bool:
        """Whether a kept answer may answer it: none is of the past, and none has called a function that lasts."""
        if not request.options.use_query_cache or request.reads_the_past:
            return False
        try:
            return not self.routines.are_called(request)
        except (QueryError, AnalyzerUnavailable):
            return False

    def _over_copies(self, blank: RoutingInputs, request: Request, tables: Named, copies: Copies) -> RoutingInputs:
        missing = dict.fromkeys(self.queries.absent(table) for table in tables.values() if table not in copies)
        if missing:
            return replace(blank, blockers=tuple(missing), copies=copies)
        plan = self._known_plan(request, tables, copies, self.routines.of(request))
        return replace(
            blank,
            blockers=unclear(plan.query, request.parameters),
            plan=self._few_enough(request, plan),
            copies={table: copies[table] for table in plan.query.tables},
        )

    def _over_shards(self, blank: RoutingInputs, request: Request, tables: Named, named: Hears) -> RoutingInputs:
        """The inputs of a query over wildcard tables: over copies of the shards that it needs.

        Raises:
            UnclearShards: it is not certain what BigQuery makes of the shards.
        """
        virtual = self.wildcards.before_it_runs(request, tables.values())
        copies = self.queries.copies([table for table in tables.values() if table not in virtual])
        missing = dict.fromkeys(self.queries.absent(t) for t in tables.values() if t not in copies and t not in virtual)
        if missing:
            return replace(blank, blockers=tuple(missing), copies=copies)
        query = self._query_over(request, tables, copies, virtual)
        # Those of plain tables stay: the query was analyzed over them, and newer ones may have other columns.
        shards = self.queries.copies([table for table in query.tables if table not in copies])
        copies = {table: copy for table, copy in {**shards, **copies}.items() if table in query.tables}
        named(copies.values(), ())
        reasons = not_served(query, virtual, copies)
        if reasons:
            return replace(blank, blockers=reasons, copies=copies)
        return replace(
            blank,
            blockers=unclear(query, request.parameters),
            plan=self._few_enough(request, self._plan_of(request, query, copies)),
            copies=copies,
        )

    def _query_over(self, request: Request, tables: Named, copies: Copies, virtual: Virtual) -> AnalyzedQuery:
        """What the query means over these shards, remembered while they are what they are."""
        described = {path: virtual.get(table) or facts_of(copies[table]) for path, table in tables.items()}
        routines = self.routines.of(request)
        shards = tuple((shard.id, shard.version.schema_digest) for one in virtual.values() for shard in one.shards)
        newest = tuple(one.newest.id for one in virtual.values())
        key = (*plan_key(request, tables, copies, frozenset()), shards, newest, tuple(routines.items()))
        return self._queries.of(hashable(key), lambda: understood(request, described, routines))

    def _plan_of(self, request: Request, query: AnalyzedQuery, copies: Copies) -> QueryPlan:
        """How a query over shards could run over these copies, remembered too."""
        quarantined, ids = self.queries.quarantined(), tuple(sorted(copy.id for copy in copies.values()))
        key = (
            id(query.tree),
            ids,
            quarantined,
            request.hour,
            request.exact,
            tuple(repr(p) for p in request.parameters),
        )
        # The query is in its plan, and so its tree is no other's while that is known.
        return self._plans.of(key, lambda: self._compiled(request, query, copies, quarantined))

    def _in_the_past(self, blank: RoutingInputs, request: Request, tables: Named) -> RoutingInputs:
        """The inputs of a query that may read tables as they were, over copies of what they were."""
        versions = self.queries.versions(tables.values())
        missing = dict.fromkeys(self.queries.absent(table) for table in tables.values() if table not in versions)
        if missing:
            return replace(blank, blockers=tuple(missing))
        quarantined = self.queries.quarantined()
        newest = {table: copies[0] for table, copies in versions.items()}
        key = plan_key(request, tables, newest, quarantined)
        ids = tuple(copy.id for copies in versions.values() for copy in copies)
        moment = request.moment if request.asks_the_time else None
        try:
            plan, copies = self._past_plans.of(
                hashable((*key, ids, moment, request.as_of)),
                lambda: self._past_plan(request, past_query(request, tables, versions), quarantined),
            )
        except UnclearPast as why:
            return replace(blank, blockers=(why.reason,), copies=newest)
        unsure = out_of_reach(copies.values(), request.moment) if request.moment and not request.as_of else ()
        return replace(
            blank,
            blockers=(*unsure, *unclear(plan.query, request.parameters)),
            plan=self._few_enough(request, plan),
            copies=copies,
        )

    def _past_plan(self, request: Request, past: PastQuery, quarantined: frozenset[str]) -> tuple[QueryPlan, Copies]:
        """The plan of the same query of now, over copies of then."""
        plan = self._compiled(request, past.present, past.copies, quarantined)
        return replace(plan, query=replace(past.query, tables=plan.query.tables)), past.copies

    def _with_kept(
        self, inputs: RoutingInputs, request: Request, tables: Named, copies: Copies, kept: Sequence[TableCopy]
    ) -> RoutingInputs | None:
        """The same over kept relations, where copies alone give no answer; None where those give none either."""
        if self._runs(request, inputs):
            return None
        try:
            return self._over_kept(request, tables, copies, kept)
        except (QueryError, AnalyzerUnavailable):
            return None
        except BigPatoError:
            raise
        except Exception:  # it may be answered as if nothing were kept
            log.debug("kept relations could not be looked through", exc_info=True)
            return None

    def _over_kept(
        self, request: Request, tables: Named, copies: Copies, kept: Sequence[TableCopy]
    ) -> RoutingInputs | None:
        if (over := KeptRelations.over(tables, copies, kept, self.queries.facts.known)) is None:
            return None
        quarantined = self.queries.quarantined()
        key = (*plan_key(request, tables, over.copies, quarantined), tuple(relation.id for relation in over.relations))
        plan = self._kept_plans.of(hashable(key), lambda: plan_over(over, request, tables, quarantined))
        if isinstance(plan, Refused):
            return None
        held = over.held
        blank = RoutingInputs(request.sql, request.route)
        return replace(blank, plan=plan, copies={table: held[table] for table in plan.tables})

    def _runs(self, request: Request, inputs: RoutingInputs) -> bool:
        """Whether these give an answer here, as far as is known before a run."""
        plan = inputs.plan
        if plan is None or inputs.blockers or plan.not_held or not plan.can_run_here:
            return False
        if any(self.queries.facts.judge(copy)[0] is Freshness.STALE for copy in inputs.copies.values()):
            return False
        return not (isinstance(plan.compiled, Compiled) and self._failed.get(run_key(request, plan.compiled)))

    def kind(self, sql: str) -> str:
        """The statement's kind; a query with functions of its own is a query, if the analyzer is there to say so."""
        known = self._kinds.get(sql)
        if known is not None:
            return known
        kind = lexer.statement_kind(sql)
        if kind.is_query:
            return self._kinds.of(sql, lambda: str(kind))
        if not googlesql.ready():
            return str(kind)
        try:
            return self._kinds.of(sql, lambda: googlesql.statement_kind(sql))
        except (QueryError, AnalyzerUnavailable):
            return str(kind)

    @staticmethod
    def name_of(kind: str) -> str:
        """A statement's kind with its article, as a sentence says it: `an INSERT statement`, `a script`."""
        if kind == "SCRIPT":
            return "a script"
        return f"{'an' if kind[:1] in 'AEIOU' else 'a'} {kind.replace('_', ' ')} statement"

    def tables_of(self, request: Request) -> Mapping[tuple[str, ...], TableId]:
        """The tables that the text names, each spelling with its full name.

        Raises:
            QueryError: a syntax error, or a name that has no dataset where there is no default.
            AnalyzerUnavailable: the analyzer is not ready.
        """
        names = self._names.of(request.sql, lambda: googlesql.table_names(request.sql))
        return {path: self.resolve(request, path) for path in names}

    def resolve(self, request: Request, path: Sequence[str]) -> TableId:
        """The full name that a path of the text means.

        Raises:
            QueryError: it has no dataset, and there is no default.
        """
        try:
            return TableId.parse(".".join(path), project=request.project, dataset=request.dataset)
        except ValueError as error:
            raise QueryError(str(error)) from None

    def had_too_many(self, request: Request, decision: RunSplit, reason: Reason) -> None:
        """Remember that the rows were too many to be finished, so that DuckDB does not begin in vain again."""
        self._too_many.put(lower_key(request, decision), reason)

    def has_failed(self, request: Request, decision: RunLocal) -> None:
        """Remember that DuckDB gave no answer, so that a kept one is looked for before it is tried again."""
        self._failed.put(run_key(request, decision.compiled), True)

    def _blockers(self, request: Request) -> tuple[Reason, ...]:
        kind = self.kind(request.sql)
        if kind != "SELECT":
            return (Reason("not-a-query", f"{self.name_of(kind)} runs on BigQuery"),)
        if not _analyzer_ready():
            why = googlesql.failure() or f"Google's analyzer is not ready on this machine yet ({googlesql.state()})"
            return (Reason("analyzer-busy", why),)
        return ()

    def _known_plan(self, request: Request, tables: Named, copies: Copies, routines: Called) -> QueryPlan:
        """The plan, made where the same was not planned before over the same copies."""
        quarantined = self.queries.quarantined()
        key = hashable((*plan_key(request, tables, copies, quarantined), tuple(routines.items())))
        return self._plans.of(key, lambda: self._plan(request, tables, copies, routines, quarantined))

    def _plan(
        self,
        request: Request,
        tables: Named,
        copies: Copies,
        routines: Called,
        quarantined: frozenset[str],
    ) -> QueryPlan:
        facts = {path: facts_of(copies[table]) for path, table in tables.items()}
        query = googlesql.analyze(request.sql, facts, request.parameters, routines)
        return self._compiled(request, query, copies, quarantined)

    def _compiled(
        self, request: Request, query: AnalyzedQuery, copies: Copies, quarantined: frozenset[str]
    ) -> QueryPlan:
        """How a query could run over these copies."""
        query = narrowed(query, request, {table: copies[table].facts for table in query.tables})
        local = {table: _local_table(copies[table]) for table in query.tables}
        not_held = containment.not_held(query.tables, copies)
        compiled = compile_query(query, local, quarantined=quarantined, exact=request.exact)
        if isinstance(compiled, Compiled) or not self.evaluator_rows:
            return QueryPlan(query, compiled, not_held)
        # The evaluator reads no table as of another time, and would not say so; nor does it know wildcards.
        if not request.names_a_past and not query.wildcards and self._small_enough(query, copies):
            return QueryPlan(query, compiled, not_held, evaluable=True)
        parts = split(query, local, copies, quarantined, self.evaluator_rows)
        return QueryPlan(query, compiled, not_held, split=parts)

    def _small_enough(self, query: AnalyzedQuery, copies: Mapping[TableId, TableCopy]) -> bool:
        rows = {table: copies[table].rows for table in query.tables}
        product = 1
        for count in rows.values():
            product *= max(1, count)
        return product <= self.evaluator_rows and googlesql.can_evaluate(query, rows)

    def _few_enough(self, request: Request, plan: QueryPlan) -> QueryPlan:
        """The plan, without its split where that is known to have too many rows."""
        if not isinstance(plan.split, Split):
            return plan
        reason = self._too_many.get(lower_key(request, plan.split))
        return replace(plan, split=Refused((reason,))) if reason else plan


def facts_of(copy: TableCopy) -> TableFacts:
    """The table as it was copied; a copy that the catalog shows always has it.

    Raises:
        AnalyzerUnavailable: this one has not.
    """
    if copy.facts is None:
        raise AnalyzerUnavailable(f"the copy of {copy.table.table} does not know its table's schema")
    return copy.facts


def _analyzer_ready() -> bool:
    """Whether it is; loading takes a moment, which is worth waiting for, compiling half a minute, which is not."""
    if googlesql.state() is googlesql.State.COLD:
        googlesql.warm()
    if googlesql.state() is googlesql.State.LOADING:
        googlesql.wait(LOADING)
    return googlesql.ready()


def _local_table(copy: TableCopy) -> LocalTable:
    return LocalTable(copy.relation, copy.columns, copy.stats)


def _reason_of(error: Exception) -> Reason:
    if isinstance(error, AnalyzerUnavailable):
        return Reason("analyzer-busy", error.message)
    if isinstance(error, UnclearShards):
        return Reason("wildcard", str(error))
    return Reason("store" if isinstance(error, TierError) else "invalid", str(error))
