"""Choose where an analyzed query runs. Pure: facts in, decision out.

What a query means comes from `googlesql`, whether DuckDB may answer it from `sql`, what is here and fresh from `tier`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bigpato_magic.errors import RouteRefused
from bigpato_magic.types import (
    AnalyzedQuery,
    Compiled,
    Decision,
    Freshness,
    OutputColumn,
    Reason,
    Refused,
    Route,
    RunLocal,
    RunOnBigQuery,
    RunOnReference,
    RunWithFinish,
    Split,
    TableCopy,
    TableId,
)

REASONS: dict[str, str] = {
    "analyzer-busy": "Google's analyzer is being made ready on this machine, or gave up on the text; BigQuery answers.",
    "asked": "BigQuery was asked for (`--route bigquery`).",
    "collation": "A column or an expression has a collation, which DuckDB would compare otherwise.",
    "defect": "bigpato-magic failed to plan the query, which is a mistake of its own: BigQuery answers; please report it.",
    "excluded": "You said that the table is never to be held here.",
    "external": "An external table's rows are not BigQuery's: there is no version to copy.",
    "failed": "The transfer failed; nothing of the table was changed here.",
    "gone": "The table is not what it was: deleted, replaced, or not to be seen any more.",
    "invalid": "Google's analyzer refuses the query: BigQuery gives its own error, or knows more.",
    "leased": "Another notebook reads the copy just now; it goes when that has ended.",
    "literal": "A constant of the query has no exact form in DuckDB.",
    "local-run": "DuckDB stopped while it ran the query: a guard of a rule, or an error of the data.",
    "missing": "There is no such table.",
    "names": "Names of the result that only BigQuery makes of the text.",
    "no-columns": "The table has no column that may be copied.",
    "no-node": "A clause of the query has no rule that is known to give BigQuery's answer.",
    "no-room": "The disk or the budget has no room for it, and nothing here is worth less.",
    "no-rule": "A function, cast or aggregate of the query has no rule that is known to give BigQuery's answer.",
    "not-a-query": "Statements that change something always run on BigQuery.",
    "not-held": "The copy holds a part of the table, and the query reads more.",
    "not-local": "A table has no copy here.",
    "not-worth-it": "Bringing it would cost more than it has cost to ask BigQuery so far.",
    "offline": "BigQuery cannot be reached; the answer is as old as the last check.",
    "quarantined": "A rule of the query gave another answer than BigQuery before, and is not used until it is cleared.",
    "refused": "The construct is known, and left to BigQuery.",
    "row-policies": "Row-level security decides query by query which rows you see.",
    "stale": "The table has changed since it was copied.",
    "statement": "Only queries run here.",
    "streaming": "Rows are being streamed into the table: it may change at any moment.",
    "too-big": "The table is larger than the budget, or than one rebalance may bring.",
    "too-many-rows": "DuckDB could begin, but leaves more rows than Google's evaluator takes to finish the query.",
    "type": "Values of that type have no exact form in DuckDB.",
    "unchecked": "It is not known whether the table has changed since it was copied.",
    "unfinished": "DuckDB could begin, but what is left of the query is not for Google's evaluator to finish.",
    "unreadable": "BigQuery could not say what the table is.",
    "unsupported": "The construct never runs here.",
    "view": "A view's rows are a query's, not a table's: there is no version to copy.",
}
"""Every code of a `Reason` that a decision can carry, and what it means; docs/reasons.md is made from it."""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision rests on.

    Args:
        sql: the person's text.
        route: that was asked for.
        blockers: reasons found before an analysis was worth while (no copy, no analyzer, not a query, …).
        query: what the text means, None where it was not analyzed.
        compiled: DuckDB SQL or the reasons why there is none.
        copies: of the tables that the query reads.
        freshness: of each copy; absent means that it is being checked while the query runs.
        not_held: reasons of copies that do not hold all that the query reads.
        reference: the evaluator may run it: inputs are small enough.
        split: what DuckDB may begin and the evaluator finish, or why not; None where there is nothing to say.
    """

    sql: str
    route: Route = Route.AUTO
    blockers: tuple[Reason, ...] = ()
    query: AnalyzedQuery | None = None
    compiled: Compiled | Refused | None = None
    copies: Mapping[TableId, TableCopy] = field(default_factory=dict)
    freshness: Mapping[TableId, tuple[Freshness, Reason | None]] = field(default_factory=dict)
    not_held: tuple[Reason, ...] = ()
    reference: bool = False
    split: Split | Refused | None = None


def decide(situation: Situation) -> Decision:
    """Where the query runs, and why.

    Raises:
        RouteRefused: only a local answer was asked for, and there is none.
    """
    if situation.route is Route.BIGQUERY:
        return RunOnBigQuery(situation.sql, (Reason("asked", "BigQuery was asked for"),))
    reasons = (*situation.blockers, *situation.not_held, *_stale(situation))
    if not reasons and situation.query is not None:
        if isinstance(situation.compiled, Compiled):
            return RunLocal(situation.compiled.sql, situation.compiled, _copies(situation))
        refused = situation.compiled.reasons if situation.compiled else (Reason("no-rule", "it was not compiled"),)
        if situation.reference:
            return RunOnReference(situation.sql, _copies(situation), _outputs(situation), refused)
        if isinstance(situation.split, Split):
            parts = situation.split
            return RunWithFinish(situation.sql, parts.compiled, parts.finish, _copies(situation), refused)
        reasons = refused
    reasons = tuple(dict.fromkeys((*reasons, *_refusals(situation))))
    if not reasons:
        raise ValueError("a situation without an analysis must say why")
    if situation.route is Route.LOCAL:
        raise RouteRefused(_sentence(reasons), hint=_remedy(reasons))
    return RunOnBigQuery(situation.sql, reasons)


def _stale(situation: Situation) -> tuple[Reason, ...]:
    found = (situation.freshness.get(table) for table in situation.copies)
    return tuple(
        reason or Reason("unchecked", "it is not known whether the table has changed")
        for freshness, reason in filter(None, found)
        if freshness is not Freshness.FRESH
    )


def _refusals(situation: Situation) -> Iterator[Reason]:
    for found in (situation.compiled, situation.split):
        if isinstance(found, Refused):
            yield from found.reasons


def _copies(situation: Situation) -> tuple[TableCopy, ...]:
    tables = situation.query.tables if situation.query else {}
    return tuple(situation.copies[table] for table in tables)


def _outputs(situation: Situation) -> tuple[OutputColumn, ...]:
    return situation.query.outputs if situation.query else ()


def _sentence(reasons: tuple[Reason, ...]) -> str:
    return "It cannot be answered locally: " + "; ".join(reason.message for reason in reasons)


def _remedy(reasons: tuple[Reason, ...]) -> str:
    tables = dict.fromkeys(r.table.table for r in reasons if r.table and r.code in ("not-local", "stale", "not-held"))
    return f"%bp_rebalance {' '.join(tables)}, or --route auto" if tables else "--route auto"
