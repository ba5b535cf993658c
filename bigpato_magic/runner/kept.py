"""A plan over kept relations: answers of BigQuery that still hold, in place of the whole of a query or of parts of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bigpato_magic import googlesql
from bigpato_magic.decide import QueryPlan
from bigpato_magic.resolved import tree
from bigpato_magic.resolved.filter_pushdown import filters_pushed
from bigpato_magic.resolved.substitution import substituted
from bigpato_magic.runner.narrowed import narrowed
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.tier import containment
from bigpato_magic.tier.freshness import verdict
from bigpato_magic.types import (
    AnalyzedQuery,
    Compiled,
    LocalTable,
    Reason,
    Refused,
    TableCopy,
    TableFacts,
    TableId,
)

if TYPE_CHECKING:
    from bigpato_magic.runner.request import Request

Named = Mapping[tuple[str, ...], TableId]
Copies = Mapping[TableId, TableCopy]
Known = Callable[[TableId], TableFacts | None]


@dataclass(frozen=True, slots=True)
class KeptRelations:
    """The kept relations over a query's tables, and the tables' copies, all of one state of each table.

    Args:
        facts: of each table of the query: the newest that are known.
        relations: that rest on these states.
        copies: of these states.
    """

    facts: Mapping[TableId, TableFacts]
    relations: tuple[TableCopy, ...]
    copies: Copies

    @property
    def held(self) -> Copies:
        """All that can be read, by table; a kept relation lies over a table of its own."""
        return {**self.copies, **{relation.table: relation for relation in self.relations}}

    @classmethod
    def over(cls, tables: Named, copies: Copies, kept: Sequence[TableCopy], known: Known) -> KeptRelations | None:
        """None where none rests on one state, or a table's schema is not known.

        Args:
            tables: of the query.
            copies: of them.
            kept: relations over some of them.
            known: what BigQuery last said of a table; nobody is asked.
        """
        told = [known(table) for table in tables.values()]
        told += [basis.facts for copy in (*copies.values(), *kept) for basis in copy.bases]
        newest = sorted((facts for facts in told if facts is not None), key=lambda facts: facts.checked_at)
        facts = {of_table.id: of_table for of_table in newest}
        relations = tuple(relation for relation in kept if rests_on(relation, facts))
        if not relations or not set(tables.values()) <= facts.keys():
            return None
        return cls(facts, relations, {table: copy for table, copy in copies.items() if rests_on(copy, facts)})


def rests_on(copy: TableCopy, facts: Mapping[TableId, TableFacts]) -> bool:
    """Whether a copy, or a kept relation, is of these states of its tables."""
    return all(verdict.difference(b.version, facts[b.table].version) is None for b in copy.bases)


def plan_over(kept: KeptRelations, request: Request, tables: Named, quarantined: frozenset[str]) -> QueryPlan | Refused:
    """A plan over copies and kept relations, or why they do not give the whole answer.

    Args:
        kept: over the query's tables.
        request: what was asked.
        tables: that its text names.
        quarantined: rules that must not be used.

    Raises:
        QueryError: Google's analyzer refuses the query.
        AnalyzerUnavailable: it has no answer.
    """
    query = googlesql.analyze(request.sql, {path: kept.facts[t] for path, t in tables.items()}, request.parameters)
    rewritten = _rewritten(query, kept, request)
    if rewritten is None or not rewritten.tables.keys() <= kept.held.keys():
        return Refused((Reason("not-local", "no kept relation is all that is missing here"),))
    compiled = compiled_over(rewritten, kept.held, request, quarantined)
    if isinstance(compiled, Refused):
        return compiled
    return QueryPlan(query, compiled[1], rewritten=compiled[0])


def _rewritten(query: AnalyzedQuery, kept: KeptRelations, request: Request) -> AnalyzedQuery | None:
    """The query over kept relations; where they are not enough, its filters come before joins, as those of fragments do."""
    today = request.moment.date() if request.moment else None
    once = substituted(query, kept.relations, request.parameters, today)
    missing = (once or query).tables.keys() - kept.held.keys()
    if not missing:
        return once
    pushed = filters_pushed(once or query, lambda side: reads(side, missing))
    return substituted(pushed, kept.relations, request.parameters, today)


def reads(scan: Any, tables: Collection[TableId]) -> bool:
    """Whether a scan may read one of these tables."""
    names = set(map(str, tables))
    inner = tree.walk(scan, ("TableScan", "WithRefScan"))
    return any(tree.name(one) == "WithRefScan" or one.table.full_name in names for one in inner)


def compiled_over(
    query: AnalyzedQuery, held: Copies, request: Request, quarantined: frozenset[str]
) -> tuple[AnalyzedQuery, Compiled] | Refused:
    """A query over copies and kept relations, with what its predicates leave of them, and its DuckDB SQL; or why not.

    Args:
        query: that reads nothing else.
        held: what it reads, by table.
        request: whose values and moment its predicates have.
        quarantined: rules that must not be used.
    """
    query = narrowed(query, request, {table: held[table].facts for table in query.tables})
    local = {table: LocalTable(held[table].relation, held[table].columns, held[table].stats) for table in query.tables}
    compiled = compile_query(query, local, quarantined=quarantined, exact=request.exact)
    if isinstance(compiled, Refused):
        return compiled
    not_held = containment.not_held(query.tables, held)
    return Refused(not_held) if not_held else (query, compiled)
