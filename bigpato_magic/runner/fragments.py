"""Fragments of a query that cannot be answered here alone: what would be asked of BigQuery, and what it would bill.

What a fragment is says `resolved.fragments`; `hybrid` asks for them and runs the rest here. Nothing is billed here: facts and
dry runs are free.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bigpato_magic import googlesql
from bigpato_magic.errors import BigPatoError, Cancelled
from bigpato_magic.lru import LruCache
from bigpato_magic.parameters import check
from bigpato_magic.resolved import fragments as parts
from bigpato_magic.resolved import tree
from bigpato_magic.resolved.cost_bound import most
from bigpato_magic.resolved.filter_pushdown import filters_pushed
from bigpato_magic.resolved.fragments import FragmentQuery
from bigpato_magic.resolved.substitution import substituted
from bigpato_magic.runner import checks
from bigpato_magic.runner.kept import compiled_over, reads, rests_on
from bigpato_magic.runner.narrowed import narrowed
from bigpato_magic.runner.unclear import unclear
from bigpato_magic.system import elapsed
from bigpato_magic.tier import containment
from bigpato_magic.tier.freshness import verdict
from bigpato_magic.traits import format_size
from bigpato_magic.types import (
    FIXED_BYTES,
    AnalyzedQuery,
    Basis,
    Fragment,
    Freshness,
    Parameter,
    QuerySource,
    Reason,
    Refused,
    Route,
    RunHybrid,
    RunOnBigQuery,
    TableCopy,
    TableFacts,
    TableId,
)

if TYPE_CHECKING:
    from bigpato_magic.runner.checks import EarlyCheck
    from bigpato_magic.runner.planner import QueryPlanner
    from bigpato_magic.runner.request import Request
    from bigpato_magic.tier.query_access import QueryAccess
    from bigpato_magic.warehouse.base import Warehouse

log = logging.getLogger(__name__)

MOST = 8
"""Fragments of one query: each is a job, and people wait for the sum."""
WAITING = 10.0
"""Seconds that a query waits for what BigQuery says of its tables, and then for dry runs; a large query's take a few."""
REST = 600.0
"""Seconds that a question is asked as a whole after its fragments gave no answer: they would be billed in vain again."""
_SPOKEN_AGAINST = frozenset(
    """
    analyzer-busy asked defect external invalid not-a-query parameter row-policies store unreachable view
    """.split()  # noqa: SIM905 - a list of words is read as one
)
Facts = Mapping[TableId, TableFacts]
Copies = Mapping[TableId, TableCopy]


@dataclass(frozen=True, slots=True)
class _Query:
    """A query over its tables as they are now.

    Args:
        named: its tables, by the names that its text has for them.
        facts: of them.
        meaning: of the text.
        copies: that are of these states and hold what it reads.
        kept: relations of these states.
    """

    named: Mapping[tuple[str, ...], TableId]
    facts: Facts
    meaning: AnalyzedQuery
    copies: Copies
    kept: tuple[TableCopy, ...]

    @property
    def described(self) -> Mapping[tuple[str, ...], TableFacts]:
        """The tables as the analyzer was told them."""
        return {path: self.facts[table] for path, table in self.named.items()}

    @property
    def held(self) -> dict[TableId, TableCopy]:
        """All that can be read here, by table."""
        return {**self.copies, **{relation.table: relation for relation in self.kept}}


@dataclass(frozen=True, slots=True)
class FragmentPlanner:
    """Finds the fragments of queries. Safe to use from several threads.

    Args:
        warehouse: makes dry runs.
        queries: what the tier does for queries.
        planner: tells the tables of a text.
        pool: to ask in.
    """

    warehouse: Warehouse
    queries: QueryAccess
    planner: QueryPlanner
    pool: Executor
    _whole_until: LruCache[float] = field(default_factory=LruCache)

    def has_failed(self, request: Request) -> None:
        """Remember that the fragments gave no answer, so that the same question is not asked by parts soon again."""
        self._whole_until.put(_question(request), elapsed() + REST)

    def offer(self, request: Request, decision: RunOnBigQuery, early: EarlyCheck) -> RunHybrid | Refused | None:
        """How the request is answered by fragments and what is here, why not, or None where that was not looked into.

        Asks BigQuery for the state of all its tables, and for what the fragments and the whole would bill.

        Args:
            request: what was asked.
            decision: why it does not run on this machine.
            early: asks about its tables.

        Raises:
            Cancelled: the request was.
        """
        if not self._wanted(request, decision):
            return None
        if elapsed() < (self._whole_until.get(_question(request)) or 0.0):
            return _refused("its parts gave no certain answer a moment ago")
        try:
            query = self._query(request, early)
            return None if query is None else self._planned(request, decision, query)
        except Cancelled:
            raise
        except BigPatoError as error:
            log.debug("a query has no fragments: %s", type(error).__name__)  # its words may have values of parameters
        except Exception:  # whatever is wrong with this package, BigQuery can answer
            log.debug("fragments could not be planned", exc_info=True)
        return None

    def _wanted(self, request: Request, decision: RunOnBigQuery) -> bool:
        options = request.options
        return (
            request.route is Route.AUTO
            and not request.reads_the_past
            and options.snapshot is None
            and options.use_query_cache
            and not _SPOKEN_AGAINST & {reason.code for reason in decision.reasons}
            and googlesql.ready()
            and self.queries.fragments_wanted()
        )

    # --------------------------------------------------------------------------- what it means now

    def _query(self, request: Request, early: EarlyCheck) -> _Query | None:
        """The query over its tables as BigQuery tells them now; None where nothing is here, or it does not tell of one.

        None, too, where it calls a function that lasts, or reads a wildcard: only the job knows what these are.
        """
        named = self.planner.tables_of(request)
        tables = set(named.values())
        if not self.planner.may_be_kept(request) or any(table.is_wildcard for table in tables):
            return None
        copies, kept = self.queries.copies(tables), self.queries.kept(tables)
        if not copies and not kept:
            return None
        told = early.now_in_time(tables, WAITING)
        facts = {table: answer for table, answer in told.items() if isinstance(answer, TableFacts)}
        if facts.keys() != tables:
            return None
        query = googlesql.analyze(request.sql, {path: facts[t] for path, t in named.items()}, request.parameters)
        if unclear(query, request.parameters):
            return None
        query = narrowed(query, request, facts)
        fresh = {table: copy for table, copy in copies.items() if table in query.tables and rests_on(copy, facts)}
        whole = {t: copy for t, copy in fresh.items() if containment.missing(copy, query.tables[t]) is None}
        return _Query(named, facts, query, whole, tuple(copy for copy in kept if rests_on(copy, facts)))

    # --------------------------------------------------------------------------------- fragments of it

    def _planned(self, request: Request, decision: RunOnBigQuery, query: _Query) -> RunHybrid | Refused | None:
        given, today = tuple(map(check, request.parameters)), request.moment.date() if request.moment else None
        base = substituted(query.meaning, query.kept, given, today) or query.meaning
        missing = base.tables.keys() - query.held.keys()
        if not missing or missing == base.tables.keys():
            return None
        if (why := self._unfit(query)) is not None:
            return Refused((why,))
        base = filters_pushed(base, lambda side: reads(side, missing))
        chosen = parts.fragments(base, missing, given, today, lambda part: self._fits(part, query.facts))
        if not chosen or len(chosen) > MOST:
            return _refused("what is missing here is not certain to be small, or cannot be asked alone")
        return self._worth_it(request, self._compiled(request, decision, query, base, chosen))

    def _unfit(self, query: _Query) -> Reason | None:
        """Why an answer over one of the tables may not be kept, or be joined with what is here."""
        for table, read in query.meaning.tables.items():
            facts = query.facts[table]
            freshness, reason = verdict.of_now(Basis(facts, read.columns, facts.checked_at))
            if freshness is not Freshness.FRESH:
                return reason or Reason("unchecked", f"the state of {table.table} is not known", table)
        return None

    def _fits(self, part: FragmentQuery, facts: Facts) -> bool:
        """Whether its answer is certain to be small enough, and the whole query would read no less of its tables."""
        if any(
            (table, name.lower()) in part.filtered for table in part.query.tables for name in facts[table].clustering
        ):
            return False  # where the rest of the query filters by that column, the whole may read fewer blocks
        return size_bound(part.query, facts) <= self.queries.largest_answer()

    def _compiled(
        self,
        request: Request,
        decision: RunOnBigQuery,
        query: _Query,
        base: AnalyzedQuery,
        chosen: Iterable[FragmentQuery],
    ) -> RunHybrid | Refused:
        """The rest of the query over the fragments, as if they were here."""
        fragments = tuple(_fragment(part, query, request) for part in chosen)
        expected = [self.queries.would_keep(fragment.source, fragment.query.outputs) for fragment in fragments]
        relations = [relation for relation in expected if relation is not None]
        given, today = tuple(map(check, request.parameters)), request.moment.date() if request.moment else None
        rest = substituted(base, relations, given, today) if len(relations) == len(fragments) else None
        held = query.held | {relation.table: relation for relation in relations}
        if rest is None or not rest.tables.keys() <= held.keys():
            return _refused("a part of the query has values that cannot be kept here as they are")
        compiled = compiled_over(rest, held, request, self.queries.quarantined())
        if isinstance(compiled, Refused):
            return compiled
        copies = tuple(held[table] for table in rest.tables if table in query.held)
        return RunHybrid(request.sql, query.meaning, base, fragments, compiled[1], copies, decision.reasons, 0)

    # ------------------------------------------------------------------------------------ its price

    def _worth_it(self, request: Request, plan: RunHybrid | Refused) -> RunHybrid | Refused | None:
        """The plan with what it bills, where that is less than what the whole bills; both are asked at once."""
        if isinstance(plan, Refused):
            return plan
        whole = self.pool.submit(self._dry_run, request.sql, request.parameters, len(_tables(plan)), request)
        alone = [
            self.pool.submit(self._dry_run, f.sql, f.parameters, len(f.query.tables), request) for f in plan.fragments
        ]
        if not all(checks.ended_in_time(future, request.cancel, WAITING) for future in (whole, *alone)):
            return None
        fragments = tuple(
            replace(fragment, bytes_billed=future.result())
            for fragment, future in zip(plan.fragments, alone, strict=True)
        )
        plan = replace(plan, fragments=fragments, bytes_whole=whole.result())
        if plan.bytes_billed < plan.bytes_whole:
            return plan
        alone_size, whole_size = format_size(plan.bytes_billed), format_size(plan.bytes_whole)
        return _refused(f"asking for what is missing here would bill {alone_size}, and the whole query {whole_size}")

    def _dry_run(self, sql: str, parameters: Iterable[Parameter], tables: int, request: Request) -> int:
        """Bytes that a query would bill, with the minimum of each table; 0 where BigQuery has the answer already."""
        place, options = request.default_dataset, replace(request.options, maximum_bytes_billed=None)
        run = self.warehouse.dry_run(sql, tuple(parameters), dataset=place, options=options)
        return self.queries.billed(run.bytes_processed, tables)


def _question(request: Request) -> Hashable:
    # As text: 0.0 and -0.0 are equal to Python, and not to a query.
    return (request.sql, request.default_dataset, tuple((p.name, p.type, repr(p.value)) for p in request.parameters))


def _tables(plan: RunHybrid) -> set[TableId]:
    """All tables that the whole query reads."""
    asked = {table for fragment in plan.fragments for table in fragment.query.tables}
    return asked | {basis.table for copy in plan.copies for basis in copy.bases}


def _fragment(part: FragmentQuery, query: _Query, request: Request) -> Fragment:
    sql = googlesql.build_sql(part.query.tree, query.described)
    facts = query.facts
    bases = tuple(Basis(facts[t], read.columns, facts[t].checked_at) for t, read in part.query.tables.items())
    source = QuerySource(part.digest, part.columns, None, bases, sql, 0, 0.0)
    return Fragment(part.query, source, parts.named(request.parameters, part.query.parameters))


def _refused(why: str) -> Refused:
    return Refused((Reason("no-fragment", why),))


def size_bound(query: AnalyzedQuery, facts: Facts) -> float:
    """Bytes that the answer to a query has at most, by the rows and bytes of its tables; infinity where that is not known.

    Args:
        query: over these tables.
        facts: of them.
    """
    rows = most(tree.node(query.tree).query, lambda scan: facts[TableId.parse(scan.table.full_name)].version.rows)
    versions = [facts[table].version for table in query.tables]
    # A text from a table is no longer than its row, on average.
    longest = max(version.bytes / max(1, version.rows) for version in versions)
    return rows * sum(FIXED_BYTES.get(output.type.kind, longest) for output in query.outputs)
