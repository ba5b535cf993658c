"""Why a query would run where it would: every table, every construct, and what would make it local. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bigpato_magic import googlesql
from bigpato_magic.decide import RoutingInputs, decide, fetch_instead, read_instead
from bigpato_magic.errors import (
    AnalyzerUnavailable,
    BigPatoError,
    PermissionDenied,
    QueryError,
    TableNotFound,
    WarehouseUnavailable,
)
from bigpato_magic.pruning.shards import UnclearShards
from bigpato_magic.runner import QueryRunner, Request
from bigpato_magic.runner.checks import EarlyCheck
from bigpato_magic.runner.frozen import see_that_it_reads
from bigpato_magic.runner.looks import read_bytes
from bigpato_magic.runner.offline import way_out
from bigpato_magic.runner.wildcards import Virtual, understood
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.tier.policy import score
from bigpato_magic.tier.policy.plan import why_not
from bigpato_magic.traits import format_money, format_size
from bigpato_magic.types import (
    AnalyzedQuery,
    Compiled,
    Decision,
    Freshness,
    LocalTable,
    Reason,
    Refused,
    RunHybrid,
    RunOnBigQuery,
    RunSplit,
    TableCopy,
    TableFacts,
    TableId,
    WildcardTable,
)


@dataclass(frozen=True, slots=True)
class ExplainedTable:
    """One table of an explained query.

    Args:
        id: the table.
        where: `local`, `kept` (a kept answer stands in for it) or `bigquery`.
        freshness: of its copy, or of the kept answer; UNKNOWN without one.
        as_of: the instant up to which the copy is known to be the table's content, None without one.
        reason: what speaks against a local answer, if anything.
        bytes: in BigQuery, None where it could not be asked.
        missing: bytes of the tables behind a wildcard that are not here; None of what is no wildcard.
    """

    id: TableId
    where: str
    freshness: Freshness
    reason: Reason | None = None
    bytes: int | None = None
    as_of: datetime | None = None
    missing: int | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a query would run where it would.

    Args:
        decision: where it would run now.
        tables: all that it reads.
        compiled: DuckDB SQL, or the constructs without a rule; None where it was not analyzed.
        bytes_bigquery: that BigQuery would read, None where it could not be asked.
        price: dollars for them.
        remedy: what would make it local, and what that costs; empty where it is, or never can be.
        reading: what Storage Read would bring in place of a query, or why it cannot; '' where that is no question.
        parts: what BigQuery would be asked for instead of the whole, and at what price, or why not; '' where that is no
            question.
        as_of: the instant that every table is read as of, where the client is frozen.
        asks_first: it would stop before it runs, because it bills more than `BigPato.ask_above`.
        error: what BigQuery's dry run said instead of a size, or Google's analyzer where BigQuery cannot be asked.
    """

    decision: Decision
    tables: tuple[ExplainedTable, ...] = ()
    compiled: Compiled | Refused | None = None
    bytes_bigquery: int | None = None
    price: float = 0.0
    remedy: str = ""
    reading: str = ""
    parts: str = ""
    error: BigPatoError | None = None
    as_of: datetime | None = None
    asks_first: bool = False

    @property
    def fails(self) -> bool:
        """Running it would fail, with `error`, as far as can be known before it runs."""
        return self.error is not None and isinstance(self.decision, RunOnBigQuery)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why it does not run in DuckDB; none for a local run."""
        return self.decision.reasons

    @property
    def duckdb_sql(self) -> str | None:
        """The DuckDB SQL that runs, or would run if the tables were here."""
        if isinstance(self.decision, RunSplit | RunHybrid):
            return self.decision.compiled.sql
        return self.compiled.sql if isinstance(self.compiled, Compiled) else None

    @property
    def upper_sql(self) -> str | None:
        """What Google's evaluator makes of the rows of the DuckDB SQL, where that is only a part of the query."""
        return self.decision.upper.sql if isinstance(self.decision, RunSplit) else None


def explain(runner: QueryRunner, request: Request) -> Explanation:
    """Ask for facts and a dry run (both free), and say where the query would run."""
    request = runner.settled(request)
    if request.as_of is not None:
        see_that_it_reads(request, runner.planner)
    early, inputs = runner.early_check(request), runner.inputs(request)
    paths = _paths(runner, request)
    virtual = _virtual(runner, request, paths)
    facts = _facts(runner, tuple(table for table in paths.values() if not table.is_wildcard))
    copies = tuple(inputs.copies.values())
    verdicts = runner.tier.facts.check(copies, request.max_staleness, request.offline) if copies else {}
    checked = replace(inputs, verdicts=verdicts)
    is_query = not any(reason.code == "not-a-query" for reason in inputs.blockers)
    query = (
        inputs.plan.query if inputs.plan else _query(runner, request, paths, {**facts, **virtual}) if is_query else None
    )
    compiled = inputs.plan.compiled if inputs.plan else _compiled(query, facts, virtual, exact=request.exact)
    standing_in = {basis.table: copy for copy in copies for basis in copy.bases}
    obstacles = _obstacles({table: fact for table, fact in facts.items() if table not in standing_in})
    states = tuple(
        _state_of_shards(runner, table, checked, query)
        if table.is_wildcard
        else _state(runner, table, checked, standing_in.get(table), facts, obstacles)
        for table in dict.fromkeys(paths.values())
    )
    # Where it can run here all the same, what has no rule is in nobody's way.
    hindrance = None if inputs.plan and inputs.plan.can_run_here else compiled
    decision, reading = _reading(runner, request, decide(checked), early)
    decision, parts = _parts(runner, request, decision, early)
    decision = _in_full(decision, hindrance, obstacles)
    wildcards = query.wildcards.values() if isinstance(query, AnalyzedQuery) else ()
    size, error = _dry_run(runner, request, len(states) + sum(len(shards) - 1 for shards in wildcards))
    if error is not None and isinstance(decision, RunOnBigQuery):
        _show_ways_out(error, runner, request, inputs, decision)
        error = error if _has_place(error) else _invalid(runner, request, paths, facts, copies) or error
    return Explanation(
        decision=decision,
        tables=states,
        compiled=compiled,
        bytes_bigquery=size,
        price=runner.tier.price_of_query(size) if size else 0.0,
        reading=reading,
        parts=parts,
        remedy="" if obstacles or error or request.as_of else _remedy(runner, states, hindrance),
        error=error,
        as_of=request.as_of,
        asks_first=_asks_first(request, decision, size or 0),
    )


def _asks_first(request: Request, decision: Decision, size: int) -> bool:
    """Whether the run would stop and ask; `size` is what the whole query bills."""
    bills = size if isinstance(decision, RunOnBigQuery) else 0
    bills = decision.bytes_billed if isinstance(decision, RunHybrid) else bills
    return request.asks_first and request.limit is not None and bills > request.limit


def _reading(runner: QueryRunner, request: Request, decision: Decision, early: EarlyCheck) -> tuple[Decision, str]:
    """The decision, with a look in place of a query job where it is one; and what would be read, or why not."""
    look = runner.looks.offer(request, decision, early) if isinstance(decision, RunOnBigQuery) else None
    if not isinstance(decision, RunOnBigQuery) or look is None:
        return decision, ""
    if isinstance(look, Refused):
        return decision, f"not possible: {look.reasons[0].message}"
    if look.limit is not None and not look.restriction:
        return read_instead(decision, look), "nothing is billed for a query; reading ends after the last row"
    size = read_bytes(look)
    price = format_money(runner.tier.price_of_transfer(size))
    return read_instead(decision, look), f"nothing is billed for a query; {format_size(size)} would be read (≈ {price})"


def _parts(runner: QueryRunner, request: Request, decision: Decision, early: EarlyCheck) -> tuple[Decision, str]:
    """The decision, with fragments in place of the whole where they bill less; and what they would bill, or why not."""
    plan = runner.fragments.offer(request, decision, early) if isinstance(decision, RunOnBigQuery) else None
    if not isinstance(decision, RunOnBigQuery) or plan is None:
        return decision, ""
    if isinstance(plan, Refused):
        return decision, f"not possible: {plan.reasons[0].message}"
    asked, whole = plan.bytes_billed, format_size(plan.bytes_whole)
    price = format_money(runner.tier.price_of_query(asked))
    words = f"{format_size(asked)} would be billed (≈ {price}) instead of {whole}, and nothing the next time"
    return fetch_instead(decision, plan), words


def _in_full(decision: Decision, compiled: Compiled | Refused | None, obstacles: Mapping[TableId, Reason]) -> Decision:
    """The decision with all that speaks against a local answer, also what a run would not have come to."""
    if not isinstance(decision, RunOnBigQuery):
        return decision
    more = compiled.reasons if isinstance(compiled, Refused) else ()
    return RunOnBigQuery(decision.sql, tuple(_distinct((*decision.reasons, *more), obstacles)))


def _paths(runner: QueryRunner, request: Request) -> Mapping[tuple[str, ...], TableId]:
    try:
        return runner.planner.tables_of(request)
    except BigPatoError:
        return {}


Facts = Mapping[TableId, TableFacts | BigPatoError]


def _facts(runner: QueryRunner, tables: Sequence[TableId]) -> Facts:
    try:
        return runner.warehouse.facts(tables) if tables else {}
    except BigPatoError:
        return {}


def _obstacles(facts: Facts) -> Mapping[TableId, Reason]:
    """Why some tables that have no copy can have none: views, row-level security, names of nothing."""
    obstacles = ((table, why_not(fact, streaming_ok=True)) for table, fact in facts.items())
    return {table: Reason(*why, table) for table, why in obstacles if why is not None}


def _distinct(reasons: Iterable[Reason], obstacles: Mapping[TableId, Reason]) -> dict[Reason, None]:
    """Each reason once; that a table is not here yet says nothing where it never can be."""
    known = (obstacles.get(r.table, r) if r.table and r.code == "not-local" else r for r in reasons)
    return dict.fromkeys(known)


def _virtual(runner: QueryRunner, request: Request, paths: Mapping[tuple[str, ...], TableId]) -> Virtual:
    """The virtual tables of its wildcards; none where BigQuery cannot say what one is."""
    try:
        return runner.planner.wildcards.before_it_runs(request, paths.values())
    except (BigPatoError, UnclearShards):
        return {}


def _query(
    runner: QueryRunner,
    request: Request,
    paths: Mapping[tuple[str, ...], TableId],
    facts: Mapping[TableId, TableFacts | WildcardTable | BigPatoError],
) -> AnalyzedQuery | Refused | None:
    """What the query means by what BigQuery says of its tables, or what is wrong with it; None where too little is known."""
    known = {table: fact for table, fact in facts.items() if not isinstance(fact, BigPatoError)}
    if not googlesql.ready() or any(table not in known for table in paths.values()):
        return None
    try:
        described = {path: known[table] for path, table in paths.items()}
        return understood(request, described, runner.planner.routines.of(request))
    except (QueryError, AnalyzerUnavailable, UnclearShards) as error:
        return Refused((Reason("invalid", str(error)),))


def _compiled(
    query: AnalyzedQuery | Refused | None, facts: Facts, virtual: Virtual, *, exact: bool
) -> Compiled | Refused | None:
    """What compiling says as if all tables were here."""
    if not isinstance(query, AnalyzedQuery):
        return query
    columns = {table: fact.columns for table, fact in facts.items() if isinstance(fact, TableFacts)}
    columns |= {shard.id: shard.columns for wildcard in virtual.values() for shard in wildcard.shards}
    return compile_query(query, {t: LocalTable(f'"{t.table}"', columns[t]) for t in query.tables}, exact=exact)


def _state_of_shards(
    runner: QueryRunner, wildcard: TableId, inputs: RoutingInputs, query: AnalyzedQuery | Refused | None
) -> ExplainedTable:
    """Of all tables behind a wildcard that the query reads: as fresh as the one that is behind the most."""
    shards = query.wildcards.get(wildcard, ()) if isinstance(query, AnalyzedQuery) else ()
    copies = [inputs.copies[shard] for shard in shards if shard in inputs.copies]
    verdicts = inputs.verdicts or {}
    judged = [(copy, *verdicts.get(copy.table, (Freshness.UNKNOWN, None))) for copy in copies]
    is_here = bool(shards) and len(copies) == len(shards)
    freshness = (
        next((f for _, f, _ in judged if f is not Freshness.FRESH), Freshness.FRESH) if is_here else Freshness.UNKNOWN
    )
    instants = [runner.tier.facts.equal_until(copy, f) for copy, f, _ in judged] if is_here else []
    behind = (reason for _, f, reason in judged if f is not Freshness.FRESH)
    blockers = (
        r
        for r in inputs.blockers
        if r.code == "wildcard" or (r.table and r.table.table.startswith(wildcard.table[:-1]))
    )
    sizes = {shard: fact.version.bytes for shard in shards if (fact := runner.tier.facts.known(shard)) is not None}
    return ExplainedTable(
        wildcard,
        "local" if is_here else "bigquery",
        freshness,
        next(behind, None) or next(blockers, None),
        sum(sizes.values()) if shards else None,
        min((at for at in instants if at is not None), default=None),
        sum(size for shard, size in sizes.items() if shard not in inputs.copies),
    )


def _state(
    runner: QueryRunner,
    table: TableId,
    inputs: RoutingInputs,
    copy: TableCopy | None,
    facts: Facts,
    obstacles: Mapping[TableId, Reason],
) -> ExplainedTable:
    """Of one table; the copy is its own, or the kept relation that stands in for it."""
    verdicts = inputs.verdicts or {}
    freshness, reason = verdicts.get(copy.table, (Freshness.UNKNOWN, None)) if copy else (Freshness.UNKNOWN, None)
    not_held = inputs.plan.not_held if inputs.plan else ()
    blockers = (r for r in (*inputs.blockers, *not_held) if r.table == table)
    fact = facts.get(table)
    size = fact.version.bytes if isinstance(fact, TableFacts) else None
    where = "bigquery" if copy is None else "local" if copy.source is None else "kept"
    as_of = runner.tier.facts.equal_until(copy, freshness) if copy else None
    return ExplainedTable(table, where, freshness, reason or obstacles.get(table) or next(blockers, None), size, as_of)


def _dry_run(runner: QueryRunner, request: Request, tables: int) -> tuple[int | None, BigPatoError | None]:
    """Bytes that BigQuery would bill, at least the minimum of each table; or the error of the dry run."""
    try:
        run = runner.warehouse.dry_run(
            request.sql, request.parameters, dataset=request.default_dataset, options=request.options
        )
    except BigPatoError as error:
        return None, error
    prices = runner.tier.prices()
    size = max(score.billed(run.bytes_processed, prices), int(prices.query_minimum) * tables)
    limit = request.options.maximum_bytes_billed
    if limit is None or size <= limit:
        return size, None
    message = f"{format_size(size)} would be billed, more than the limit of {format_size(limit)}."
    return size, QueryError(message, hint="raise maximum_bytes_billed, or read less")


def _has_place(error: BigPatoError) -> bool:
    """It says all that can be said of the query; else the analyzer may know more: a line, or that it is wrong at all."""
    return isinstance(error, PermissionDenied) or (isinstance(error, QueryError) and error.line is not None)


def _show_ways_out(
    error: BigPatoError,
    runner: QueryRunner,
    request: Request,
    inputs: RoutingInputs,
    decision: RunOnBigQuery,
) -> None:
    """Let the error name the ways out that a run would name."""
    if isinstance(error, TableNotFound):
        runner.enrich(error, request.sql)
    if isinstance(error, WarehouseUnavailable):
        error.hint = way_out(runner.tier.queries, decide(inputs), decision.reasons) or error.hint


def _invalid(
    runner: QueryRunner,
    request: Request,
    paths: Mapping[tuple[str, ...], TableId],
    facts: Facts,
    copies: Sequence[TableCopy],
) -> QueryError | None:
    """What Google's analyzer says against the query, by what is known of its tables."""
    held = {copy.table: copy.facts for copy in copies}
    described = {
        path: fact if isinstance(fact := facts.get(t), TableFacts) else held.get(t) for path, t in paths.items()
    }
    known = {path: fact for path, fact in described.items() if fact is not None}
    try:
        if googlesql.ready() and len(known) == len(paths):
            googlesql.table_names(request.sql)
            googlesql.analyze(request.sql, known, request.parameters, runner.planner.routines.of(request))
    except QueryError as error:
        return error
    except AnalyzerUnavailable:
        pass
    return None


def _remedy(runner: QueryRunner, states: Sequence[ExplainedTable], compiled: Compiled | Refused | None) -> str:
    if isinstance(compiled, Refused):
        return ""
    wanted = [state for state in states if state.reason is not None]
    if not wanted:
        return ""
    size = sum((state.bytes if state.missing is None else state.missing) or 0 for state in wanted)
    price = format_money(runner.tier.price_of_transfer(size))
    named = ((state.reason.table if state.reason and state.id.is_wildcard else None) or state.id for state in wanted)
    names = " ".join(table.table for table in named)
    return f"%bp_rebalance {names} would bring {format_size(size)} here (≈ {price})"
