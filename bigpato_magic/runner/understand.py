"""The first stops: the text's kind and names, copies of its tables, what it means, and how it could run."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bigpato_magic import googlesql
from bigpato_magic.decide import Situation
from bigpato_magic.errors import AnalyzerUnavailable, BigPatoError, QueryError
from bigpato_magic.runner.plans import Remembered, hashable
from bigpato_magic.runner.splits import split
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.sql import read
from bigpato_magic.types import (
    AnalyzedQuery,
    Compiled,
    LocalTable,
    Reason,
    Refused,
    Route,
    RunWithFinish,
    Split,
    TableCopy,
    TableFacts,
    TableId,
)

if TYPE_CHECKING:
    from bigpato_magic.runner.request import Request
    from bigpato_magic.tier.tier import Tier

log = logging.getLogger(__name__)

LOADING = 5.0
"""Seconds that a query waits for an analyzer that is being loaded."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What the text means over these copies, and how it could run; cached.

    Args:
        query: what it means.
        compiled: the DuckDB SQL for it, or why there is none.
        not_held: reasons of copies that do not hold all that the query reads.
        reference: the evaluator may run all of it.
        split: what DuckDB may begin and the evaluator finish, or why not; None where there is nothing to say.
    """

    query: AnalyzedQuery
    compiled: Compiled | Refused
    not_held: tuple[Reason, ...] = ()
    reference: bool = False
    split: Split | Refused | None = None


@dataclass(slots=True)
class Understanding:
    """Finds out all that a decision rests on, and remembers it. Safe to use from several threads.

    Args:
        tier: whose copies could answer.
        reference_rows: that the evaluator takes; 0 leaves it out.
    """

    tier: Tier
    reference_rows: int = 0
    _plans: Remembered[Understood] = field(default_factory=Remembered)
    _names: Remembered[tuple[tuple[str, ...], ...]] = field(default_factory=Remembered)
    _kinds: Remembered[str] = field(default_factory=Remembered)
    _too_many: Remembered[Reason] = field(default_factory=Remembered)

    def situation(self, request: Request) -> Situation:
        """All that is known before anything runs; never asks BigQuery for a table that has a copy."""
        blank = Situation(request.sql, request.route)
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
        missing = tuple(self.tier.absent(table) for table in tables.values() if table not in copies)
        if missing:
            return replace(blank, blockers=tuple(dict.fromkeys(missing)), copies=copies)
        return self._understand(request, blank, tables, copies)

    def kind(self, sql: str) -> str:
        """The statement's kind; a query with functions of its own is a query, if the analyzer is there to say so."""
        known = self._kinds.get(sql)
        if known is not None:
            return known
        kind = read.statement_kind(sql)
        if kind.is_query:
            return self._kinds.of(sql, lambda: str(kind))
        if not googlesql.ready():
            return str(kind)
        try:
            return self._kinds.of(sql, lambda: googlesql.statement_kind(sql))
        except (QueryError, AnalyzerUnavailable):
            return str(kind)

    def tables_of(self, request: Request) -> Mapping[tuple[str, ...], TableId]:
        """The tables that the text names, each spelling with its full name.

        Raises:
            QueryError: a syntax error.
            AnalyzerUnavailable: the analyzer is not ready.
            ValueError: a name has no dataset, and there is no default.
        """
        names = self._names.of(request.sql, lambda: googlesql.table_names(request.sql))
        return {path: self.resolve(request, path) for path in names}

    def resolve(self, request: Request, path: Sequence[str]) -> TableId:
        """The full name that a path of the text means.

        Raises:
            ValueError: it has no dataset, and there is no default.
        """
        return TableId.parse(".".join(path), project=request.project, dataset=request.dataset)

    def had_too_many(self, request: Request, decision: RunWithFinish, reason: Reason) -> None:
        """Remember that the rows were too many to be finished, so that DuckDB does not begin in vain again."""
        self._too_many.put(_beginning(request, decision), reason)

    def _blockers(self, request: Request) -> tuple[Reason, ...]:
        kind = self.kind(request.sql)
        if kind != "SELECT":
            return (Reason("not-a-query", f"{_article(kind)} statement runs on BigQuery"),)
        if not _analyzer_ready():
            return (
                Reason("analyzer-busy", f"Google's analyzer is not ready on this machine yet ({googlesql.state()})"),
            )
        return ()

    def _understand(
        self,
        request: Request,
        blank: Situation,
        tables: Mapping[tuple[str, ...], TableId],
        copies: Mapping[TableId, TableCopy],
    ) -> Situation:
        quarantined = self.tier.quarantined()
        key = (
            request.sql,
            tuple((p.name, p.type, p.value if tables else None) for p in request.parameters),
            tuple((path, table, copies[table].id) for path, table in tables.items()),
            quarantined,
            request.hour,
        )
        try:
            plan = self._plans.of(hashable(key), lambda: self._plan(request, tables, copies, quarantined))
        except (QueryError, AnalyzerUnavailable) as error:
            return replace(blank, blockers=(_reason_of(error),), copies=copies)
        except BigPatoError:
            raise
        except Exception as error:
            # Whatever is wrong with this package, BigQuery can answer.
            log.debug("a query could not be planned", exc_info=True)
            reason = Reason("defect", f"bigpato-magic failed to plan this query: a {type(error).__name__} of its own")
            return replace(blank, blockers=(reason,), copies=copies)
        return replace(
            blank,
            query=plan.query,
            compiled=plan.compiled,
            copies={table: copies[table] for table in plan.query.tables},
            not_held=plan.not_held,
            reference=plan.reference,
            split=self._few_enough(request, plan.split),
        )

    def _plan(
        self,
        request: Request,
        tables: Mapping[tuple[str, ...], TableId],
        copies: Mapping[TableId, TableCopy],
        quarantined: frozenset[str],
    ) -> Understood:
        facts = {path: facts_of(copies[table]) for path, table in tables.items()}
        query = googlesql.analyze(request.sql, facts, request.parameters)
        query = self.tier.reads(query, request.parameters, request.hour)
        local = {table: _local_table(copies[table]) for table in query.tables}
        not_held = self.tier.not_held(query, copies)
        compiled = compile_query(query, local, quarantined=quarantined)
        if isinstance(compiled, Compiled) or not self.reference_rows:
            return Understood(query, compiled, not_held)
        if self._small_enough(query, copies):
            return Understood(query, compiled, not_held, reference=True)
        parts = split(query, local, copies, quarantined, self.reference_rows)
        return Understood(query, compiled, not_held, split=parts)

    def _small_enough(self, query: AnalyzedQuery, copies: Mapping[TableId, TableCopy]) -> bool:
        rows = {table: copies[table].rows for table in query.tables}
        product = 1
        for count in rows.values():
            product *= max(1, count)
        return product <= self.reference_rows and googlesql.can_evaluate(query, rows)

    def _few_enough(self, request: Request, parts: Split | Refused | None) -> Split | Refused | None:
        """The split, unless it is known to have too many rows."""
        if not isinstance(parts, Split):
            return parts
        reason = self._too_many.get(_beginning(request, parts))
        return Refused((reason,)) if reason else parts


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


def _beginning(request: Request, parts: Split | RunWithFinish) -> tuple[object, ...]:
    """What tells one beginning from another; the SQL names copies, which do not change."""
    return (parts.compiled.sql, parts.finish.sql, hashable(tuple(p.value for p in request.parameters)))


def _article(kind: str) -> str:
    return f"{'an' if kind[:1] in 'AEIOU' else 'a'} {kind.replace('_', ' ')}"


def _local_table(copy: TableCopy) -> LocalTable:
    return LocalTable(copy.relation, copy.columns, copy.stats)


def _reason_of(error: Exception) -> Reason:
    if isinstance(error, AnalyzerUnavailable):
        return Reason("analyzer-busy", error.message)
    return Reason("invalid", str(error))
