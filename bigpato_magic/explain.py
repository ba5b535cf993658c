"""Why a query would run where it would: every table, every construct, and what would make it local. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bigpato_magic import decide as decisions
from bigpato_magic import googlesql
from bigpato_magic.errors import AnalyzerUnavailable, BigPatoError, QueryError
from bigpato_magic.runner import QueryRunner, Request
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.tier import score
from bigpato_magic.tier.plan import why_not
from bigpato_magic.traits import format_money, format_size
from bigpato_magic.types import (
    Compiled,
    Decision,
    Freshness,
    LocalTable,
    Reason,
    Refused,
    RunLocal,
    RunOnBigQuery,
    RunWithFinish,
    TableFacts,
    TableId,
)


@dataclass(frozen=True, slots=True)
class TableState:
    """One table of an explained query.

    Args:
        id: the table.
        where: `local` or `bigquery`.
        freshness: of its copy; UNKNOWN without one.
        reason: what speaks against a local answer, if anything.
        bytes: in BigQuery, None where it could not be asked.
    """

    id: TableId
    where: str
    freshness: Freshness
    reason: Reason | None = None
    bytes: int | None = None


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
    """

    decision: Decision
    tables: tuple[TableState, ...] = ()
    compiled: Compiled | Refused | None = None
    bytes_bigquery: int | None = None
    price: float = 0.0
    remedy: str = ""

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why it does not run in DuckDB; none for a local run."""
        return () if isinstance(self.decision, RunLocal) else self.decision.reasons

    @property
    def duckdb_sql(self) -> str | None:
        """The DuckDB SQL that runs, or would run if the tables were here."""
        if isinstance(self.decision, RunWithFinish):
            return self.decision.compiled.sql
        return self.compiled.sql if isinstance(self.compiled, Compiled) else None

    @property
    def finish_sql(self) -> str | None:
        """What Google's evaluator makes of the rows of the DuckDB SQL, where that is only a part of the query."""
        return self.decision.finish.sql if isinstance(self.decision, RunWithFinish) else None


def explain(runner: QueryRunner, request: Request) -> Explanation:
    """Ask for facts and a dry run (both free), and say where the query would run."""
    situation = runner.situation(request)
    paths = _paths(runner, request)
    facts = _facts(runner, tuple(paths.values()))
    verdicts = runner.tier.check(tuple(situation.copies.values()), request.max_staleness) if situation.copies else {}
    decision = decisions.decide(replace(situation, freshness=verdicts))
    compiled = situation.compiled or _compiled(request, paths, facts)
    obstacles = _obstacles({table: fact for table, fact in facts.items() if table not in situation.copies})
    states = tuple(_state(table, situation, verdicts, facts, obstacles) for table in dict.fromkeys(paths.values()))
    if isinstance(decision, RunOnBigQuery):
        more = compiled.reasons if isinstance(compiled, Refused) else ()
        decision = RunOnBigQuery(decision.sql, tuple(_told((*decision.reasons, *more), obstacles)))
    size = _billed(runner, request, len(states))
    return Explanation(
        decision=decision,
        tables=states,
        compiled=compiled,
        bytes_bigquery=size,
        price=runner.tier.price_of_query(size) if size else 0.0,
        remedy="" if obstacles else _remedy(runner, states, compiled),
    )


def _paths(runner: QueryRunner, request: Request) -> Mapping[tuple[str, ...], TableId]:
    try:
        return runner.tables_of(request)
    except (BigPatoError, ValueError):
        return {}


Facts = Mapping[TableId, TableFacts | BigPatoError]


def _facts(runner: QueryRunner, tables: Sequence[TableId]) -> Facts:
    try:
        return runner.warehouse.facts(tables) if tables else {}
    except BigPatoError:
        return {}


def _obstacles(facts: Facts) -> Mapping[TableId, Reason]:
    """Why some tables that have no copy can have none: views, row-level security, names of nothing."""
    found = ((table, why_not(fact, streaming_ok=True)) for table, fact in facts.items())
    return {table: Reason(*why, table) for table, why in found if why is not None}


def _told(reasons: Iterable[Reason], obstacles: Mapping[TableId, Reason]) -> dict[Reason, None]:
    """Each reason once; that a table is not here yet says nothing where it never can be."""
    told = (obstacles.get(r.table, r) if r.table and r.code == "not-local" else r for r in reasons)
    return dict.fromkeys(told)


def _compiled(request: Request, paths: Mapping[tuple[str, ...], TableId], facts: Facts) -> Compiled | Refused | None:
    """What compiling says as if all tables were here."""
    known = {table: fact for table, fact in facts.items() if isinstance(fact, TableFacts)}
    if not googlesql.ready() or any(table not in known for table in paths.values()):
        return None
    try:
        query = googlesql.analyze(
            request.sql, {path: known[table] for path, table in paths.items()}, request.parameters
        )
    except (QueryError, AnalyzerUnavailable) as error:
        return Refused((Reason("invalid", str(error)),))
    return compile_query(query, {t: LocalTable(f'"{t.table}"', known[t].columns) for t in query.tables})


def _state(
    table: TableId,
    situation: decisions.Situation,
    verdicts: Mapping[TableId, tuple[Freshness, Reason | None]],
    facts: Facts,
    obstacles: Mapping[TableId, Reason],
) -> TableState:
    freshness, reason = verdicts.get(table, (Freshness.UNKNOWN, None))
    blockers = (r for r in (*situation.blockers, *situation.not_held) if r.table == table)
    fact = facts.get(table)
    size = fact.version.bytes if isinstance(fact, TableFacts) else None
    where = "local" if table in situation.copies else "bigquery"
    return TableState(table, where, freshness, reason or obstacles.get(table) or next(blockers, None), size)


def _billed(runner: QueryRunner, request: Request, tables: int) -> int | None:
    """Bytes that BigQuery would bill: what a dry run says, and at least the minimum of each table."""
    try:
        run = runner.warehouse.dry_run(
            request.sql, request.parameters, dataset=request.default_dataset, options=request.options
        )
    except BigPatoError:
        return None
    prices = runner.tier.prices()
    return max(score.billed(run.bytes_processed, prices), int(prices.query_minimum) * tables)


def _remedy(runner: QueryRunner, states: Sequence[TableState], compiled: Compiled | Refused | None) -> str:
    if isinstance(compiled, Refused):
        return ""
    wanted = [state for state in states if state.reason is not None]
    if not wanted:
        return ""
    size = sum(state.bytes or 0 for state in wanted)
    price = format_money(runner.tier.price_of_transfer(size))
    names = " ".join(state.id.table for state in wanted)
    return f"%bp_rebalance {names} would bring {format_size(size)} here (≈ {price})"
