"""Choose where an analyzed query runs. Pure: facts in, decision out.

What a query means comes from `googlesql`, whether DuckDB may answer it from `sql`, what is here and fresh from `tier`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bigpato_magic.errors import RouteRefused
from bigpato_magic.types import (
    AnalyzedQuery,
    Compiled,
    Freshness,
    Look,
    Reason,
    Refused,
    Route,
    RunHybrid,
    RunInEvaluator,
    RunLocal,
    RunOnBigQuery,
    RunRead,
    RunSplit,
    Split,
    TableCopy,
    TableId,
    TableRead,
)

REASONS: dict[str, str] = {
    "analyzer-busy": "Google's analyzer is being made ready on this machine, or gave up on the text; BigQuery answers.",
    "as-of": "The query reads a table as it was, and it is not certain that this is what was copied.",
    "asked": "BigQuery was asked for (`--route bigquery`).",
    "collation": "A column or an expression has a collation, which DuckDB would compare otherwise.",
    "damaged": "A file of the copy cannot be read, or is not what was written: a damaged copy goes, and BigQuery answers.",
    "defect": "bigpato-magic failed to plan the query, which is a mistake of its own: BigQuery answers; please report it.",
    "excluded": "You said that the table is never to be held here.",
    "external": "An external table's rows are not BigQuery's: there is no version to copy.",
    "failed": "The transfer failed; nothing of the table was changed here.",
    "fragment": "Parts of the query were asked alone, which gave no certain answer: BigQuery answered the whole.",
    "gone": "The table is not what it was: deleted, replaced, or not to be seen any more.",
    "invalid": "Google's analyzer refuses the query: BigQuery gives its own error, or knows more.",
    "leased": "A query or a lazy result, of this notebook or another, still reads the copy; ask again when that has ended.",
    "literal": "A constant of the query has no exact form in DuckDB.",
    "local-run": "DuckDB stopped while it ran the query: a guard of a rule, or an error of the data.",
    "look": "The rows could not be read without a query job: a permission, the network, or the table changed meanwhile.",
    "missing": "There is no such table.",
    "names": "Names of the result that only BigQuery makes of the text.",
    "no-columns": "The table has no column that may be copied.",
    "no-look": "Storage Read gives columns of one table, filtered by constants; the query, or the table, is more.",
    "no-node": "A clause of the query has no rule that is known to give BigQuery's answer.",
    "no-room": "The disk or the budget has no room for it, and nothing here is worth less.",
    "no-rule": "A function, cast or aggregate of the query has no rule that is known to give BigQuery's answer.",
    "not-a-query": "Statements that change something always run on BigQuery.",
    "not-held": "The copy holds a part of the table, and the query reads more.",
    "not-local": "A table has no copy here.",
    "no-fragment": "BigQuery would not bill less for parts of the query alone, or they are not certain to be small.",
    "not-worth-it": "Bringing it would cost more than it has cost to ask BigQuery so far.",
    "offline": "BigQuery cannot be reached; the answer is as old as the last check.",
    "parameter": "Only BigQuery knows what a parameter's value is: its API does not say, or only it has the type.",
    "quarantined": "A rule of the query gave another answer than BigQuery before, and is not used until it is cleared.",
    "refused": "The construct is known, and left to BigQuery.",
    "row-policies": "Row-level security decides query by query which rows you see.",
    "stale": "The table has changed since it was copied.",
    "statement": "Only queries run here.",
    "store": "The local store cannot be used now (its disk, its rights, its locks): BigQuery answers.",
    "streaming": "Rows are being streamed into the table: it may change at any moment.",
    "too-big": "What would be brought of the table is larger than the budget.",
    "too-many-rows": "DuckDB could begin, but leaves more rows than Google's evaluator takes to finish the query.",
    "type": "Values of that type have no exact form in DuckDB.",
    "unchecked": "It is not known whether the table has changed since it was copied.",
    "unfinished": "DuckDB could begin, but what is left of the query is not for Google's evaluator to finish.",
    "unreadable": "BigQuery could not say what the table is.",
    "unreachable": "BigQuery cannot be reached, so nobody can say whether the table has changed since it was copied.",
    "unsupported": "The construct never runs here.",
    "wildcard": "It is not certain what BigQuery makes of the tables that a wildcard (`events_*`) matches, or which these are.",
    "view": "A view's rows are a query's, not a table's: there is no version to copy.",
}
"""Every code of a `Reason` that a decision can carry, and what it means; docs/reasons.md is made from it."""


LocalDecision = RunLocal | RunSplit | RunInEvaluator
"""A decision for this machine."""

Verdicts = Mapping[TableId, tuple[Freshness, Reason | None]]
"""Whether the copy of each table may answer, and why not."""


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """What a text means over certain copies, and how it could run.

    Args:
        query: what it means.
        compiled: the DuckDB SQL for it, or why there is none.
        not_held: reasons of copies that do not hold all that the query reads.
        evaluable: the evaluator may run all of it: inputs are small enough.
        split: what DuckDB may begin and the evaluator finish, or why not; None where there is nothing to say.
        rewritten: the same over kept relations in place of parts of it; None where none serves. It is what is compiled.
    """

    query: AnalyzedQuery
    compiled: Compiled | Refused
    not_held: tuple[Reason, ...] = ()
    evaluable: bool = False
    split: Split | Refused | None = None
    rewritten: AnalyzedQuery | None = None

    @property
    def tables(self) -> Mapping[TableId, TableRead]:
        """What is read here: tables, and kept relations."""
        return (self.rewritten or self.query).tables

    @property
    def can_run_here(self) -> bool:
        """Whether DuckDB, the evaluator or both together can answer it."""
        return isinstance(self.compiled, Compiled) or self.evaluable or isinstance(self.split, Split)


@dataclass(frozen=True, slots=True)
class RoutingInputs:
    """All that a decision rests on.

    Args:
        sql: the person's text.
        route: that was asked for.
        blockers: reasons found before or beside the plan (no copy, no analyzer, not a query, a parameter, …).
        plan: what the text means, and how it could run; None where it was not analyzed.
        copies: of the tables that the query reads.
        verdicts: on the copies; None while they are being checked, and then they are taken for fresh. One that is missing
            from verdicts that were given speaks against a local answer.
        failures: why a run here has given no answer.
    """

    sql: str
    route: Route = Route.AUTO
    blockers: tuple[Reason, ...] = ()
    plan: QueryPlan | None = None
    copies: Mapping[TableId, TableCopy] = field(default_factory=dict)
    verdicts: Verdicts | None = None
    failures: tuple[Reason, ...] = ()


def decide(inputs: RoutingInputs) -> LocalDecision | RunOnBigQuery:
    """Where the query runs, and why: asked before a run, and again once the copies are checked and it has ended.

    Raises:
        RouteRefused: only a local answer was asked for, and there is none.
    """
    if inputs.route is Route.BIGQUERY:
        return RunOnBigQuery(inputs.sql, (Reason("asked", "BigQuery was asked for"),))
    reasons = tuple(_against(inputs))
    if not (inputs.plan and inputs.plan.can_run_here):
        reasons = tuple(dict.fromkeys((*reasons, *_refusals(inputs.plan))))
    elif not reasons:
        return _local(inputs.sql, inputs.plan, inputs.copies)
    if not reasons:
        raise ValueError("inputs without a plan must say why")
    if inputs.route is Route.LOCAL:
        raise RouteRefused(_sentence(reasons), hint=_remedy(reasons))
    return RunOnBigQuery(inputs.sql, reasons)


def read_instead(decision: RunOnBigQuery, look: Look | None) -> RunRead | RunOnBigQuery:
    """What becomes of a query that has no answer here: rows of one table are read, all else is BigQuery's.

    Args:
        decision: why there is none.
        look: that the query is, None where it is none or may not be read now.
    """
    return decision if look is None else RunRead(decision.sql, look, decision.reasons)


def not_read(decision: RunRead, why: Reason) -> RunOnBigQuery:
    """BigQuery answers after all, because the rows could not be read."""
    return RunOnBigQuery(decision.sql, (*decision.reasons, why))


def fetch_instead(decision: RunOnBigQuery, plan: RunHybrid | None) -> RunHybrid | RunOnBigQuery:
    """What becomes of a query of which only parts are missing here: these are asked alone, or all of it is BigQuery's.

    Args:
        decision: why there is no answer here.
        plan: how it would be answered by fragments, None where it cannot be, or where that would not bill less.
    """
    return decision if plan is None else plan


def not_fetched(plan: RunHybrid, why: str) -> RunOnBigQuery:
    """BigQuery answers the whole after all, because its fragments gave no certain answer."""
    return RunOnBigQuery(plan.sql, (*plan.reasons, Reason("fragment", why)))


def not_fresh(copies: Iterable[TableCopy], verdicts: Verdicts) -> Iterator[Reason]:
    """What speaks against each of the copies that is not known to equal its table."""
    for copy in copies:
        freshness, reason = verdicts.get(copy.table, (Freshness.UNKNOWN, None))
        if freshness is not Freshness.FRESH:
            yield reason or Reason("unchecked", "it is not known whether the table has changed", copy.table)


def _against(inputs: RoutingInputs) -> Iterator[Reason]:
    """What keeps the query from running here, whatever its SQL is."""
    yield from inputs.blockers
    if inputs.plan is not None:
        yield from inputs.plan.not_held
    if inputs.verdicts is not None:
        yield from not_fresh(inputs.copies.values(), inputs.verdicts)
    yield from inputs.failures


def _local(sql: str, plan: QueryPlan, copies: Mapping[TableId, TableCopy]) -> LocalDecision:
    """The best way to run here what can run here."""
    read = tuple(copies[table] for table in plan.tables)
    if isinstance(plan.compiled, Compiled):
        return RunLocal(plan.compiled.sql, plan.compiled, read)
    if plan.evaluable:
        return RunInEvaluator(sql, read, plan.query.outputs, plan.compiled.reasons, plan.query.routines)
    if isinstance(plan.split, Split):
        return RunSplit(sql, plan.split.compiled, plan.split.upper, read, plan.compiled.reasons)
    raise ValueError("the plan cannot run here")


def _refusals(plan: QueryPlan | None) -> Iterator[Reason]:
    for refused in (plan.compiled, plan.split) if plan else ():
        if isinstance(refused, Refused):
            yield from refused.reasons


def _sentence(reasons: tuple[Reason, ...]) -> str:
    return "It cannot be answered locally: " + "; ".join(reason.message for reason in reasons)


def _remedy(reasons: tuple[Reason, ...]) -> str:
    tables = dict.fromkeys(r.table.table for r in reasons if r.table and r.code in ("not-local", "stale", "not-held"))
    return f"%bp_rebalance {' '.join(tables)}, or --route auto" if tables else "--route auto"
