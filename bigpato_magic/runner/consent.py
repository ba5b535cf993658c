"""A query that would bill more than the person lets pass without a word: it stops before it runs, with the cheaper ways.

What its tables are all in all tells of most queries that they are small; else a dry run does, which is free.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from bigpato_magic import googlesql
from bigpato_magic.errors import BigPatoError, BytesLimitExceeded, ConsentNeeded
from bigpato_magic.googlesql import lexer
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.tier.policy import score
from bigpato_magic.tier.policy.plan import why_not
from bigpato_magic.traits import format_money, format_size
from bigpato_magic.types import STORED, AnalyzedQuery, Compiled, LocalTable, TableFacts, TableId

if TYPE_CHECKING:
    from bigpato_magic.runner.planner import QueryPlanner
    from bigpato_magic.runner.request import Request
    from bigpato_magic.tier.tier import Tier

log = logging.getLogger(__name__)

MOST_WAYS = 4
"""Cheaper ways that are named: a card is read, a page is not."""
_SLACK = 8
"""A query whose tables are together that many times smaller than the limit is small: it may read one of them several times."""
_BEFORE_TABLES = frozenset({"FROM", "JOIN", ",", "."})
_NO_FUNCTIONS = frozenset({"ARRAY", "CAST", "COALESCE", "EXTRACT", "IF", "SAFE_CAST", "STRUCT", "UNNEST"})
MOST_BROUGHT = 4
"""Tables that are named in one command."""
_HINT = "--yes runs it, `client.run(…, yes=True)` in a script; BigPato.ask_above is the limit, 0 never asks"

Facts = Mapping[TableId, TableFacts]


@dataclass(frozen=True, slots=True)
class Consent:
    """Says what a query would cost that BigQuery has refused for its size.

    Args:
        tier: knows prices, and what BigQuery has said of the tables.
        learn: what a request means over its tables as they are now, None where that is not known.
    """

    tier: Tier
    learn: Callable[[Request], AnalyzedQuery | None]

    def needed(self, request: Request, error: BytesLimitExceeded) -> BigPatoError:
        """What the person is asked; the same error where it was their own limit.

        Args:
            request: that was refused.
            error: as BigQuery says it.
        """
        if not request.asks_first:
            return error
        size = None if error.required is None else error.billed + error.required
        told = "more" if size is None else f"{format_size(size)} (≈ {format_money(self._price(size))}), more"
        message = f"It would bill {told} than BigPato.ask_above lets pass ({format_size(request.ask_above or 0)})"
        if error.billed:
            message += f"; {format_size(error.billed)} of it are billed already, for parts that gave no answer"
        return ConsentNeeded(message, bytes_billed=size, ways=self._ways(request), hint=_HINT)

    def certainly_small(
        self, request: Request, planner: QueryPlanner, told: Callable[[Collection[TableId]], Facts]
    ) -> bool:
        """Whether a query is certain to bill less than the person is asked about, by the sizes of its tables alone.

        Args:
            request: the query.
            planner: tells its kind and its tables.
            told: gives what BigQuery has said of tables.
        """
        if request.ask_above is None:
            return True
        try:
            if not _only_reads_its_tables(request, planner):
                return False
            tables = set(planner.tables_of(request).values())
            facts = told(tables)
        except BigPatoError:
            return False
        known = [facts[table].version for table in tables if table in facts and not facts[table].streaming]
        stored = [version.bytes for version in known if version.kind in STORED]
        least = self.tier.pricing.query_minimum * len(tables)
        return len(stored) == len(tables) and max(least, _SLACK * sum(stored)) <= request.ask_above

    def _price(self, size: float) -> float:
        return score.query_price(size, self.tier.pricing.prices())

    def _ways(self, request: Request) -> tuple[str, ...]:
        """The cheaper ways, those of the largest table first."""
        query = self.learn(request)
        if query is None:
            return ()
        known = {table: self.tier.queries.facts.known(table) for table in query.tables}
        facts = {table: told for table, told in known.items() if told is not None}
        largest = sorted(facts.values(), key=lambda told: told.version.bytes, reverse=True)
        bringing = self._bringing(largest) if _can_run_here(query, facts) else []
        ways = [way for told in largest for way in self._ways_of(query, told)]
        return (*ways[: MOST_WAYS - len(bringing)], *bringing)

    def _ways_of(self, query: AnalyzedQuery, facts: TableFacts) -> Iterator[str]:
        name, read, partitioning = facts.id.table, query.tables[facts.id], facts.partitioning
        if partitioning is not None and read.partitions is None:
            column = partitioning.column or "_PARTITIONTIME"
            yield f"{name} is partitioned by {column}: a filter on it bills only the partitions that it leaves"
        names = {column.name.lower() for column in facts.columns}
        used = names & read.columns
        if len(used) > 1:
            size = format_size(score.read_bytes(facts, used))
            yield f"{len(used)} of the {len(names)} columns of {name} are read (≈ {size}): fewer bill less, a LIMIT does not"

    def _bringing(self, tables: Sequence[TableFacts]) -> list[str]:
        """That all tables of a query may be brought here; one alone would not make it free. Not of very many."""
        size = sum(facts.version.bytes for facts in tables)
        if len(tables) > MOST_BROUGHT or size > self.tier.budget or any(map(why_not, tables)):
            return []
        names, them = " ".join(facts.id.table for facts in tables), "it" if len(tables) == 1 else "them"
        price = format_money(score.transfer_price(size, self.tier.pricing.prices()))
        return [
            f"%bp_rebalance {names} brings {them} here ({format_size(size)}, ≈ {price}): then such queries bill nothing"
        ]


def _can_run_here(query: AnalyzedQuery, facts: Facts) -> bool:
    """Whether it could be answered here if its tables were."""
    if facts.keys() != query.tables.keys():
        return False
    tables = {table: LocalTable(f'"{table.table}"', told.columns) for table, told in facts.items()}
    try:
        return isinstance(compile_query(query, tables), Compiled)
    except Exception:  # what is wrong with this package is no reason to hide what a query would bill
        log.debug("a query could not be compiled", exc_info=True)
        return False


def _only_reads_its_tables(request: Request, planner: QueryPlanner) -> bool:
    """A query of the tables that it names, as they are now: no function stands in it that may read others."""
    if not googlesql.ready() or planner.kind(request.sql) != "SELECT" or request.reads_the_past:
        return False
    return not (planner.routines.are_called(request) or _may_call_a_table_function(request.sql))


def _may_call_a_table_function(sql: str) -> bool:
    """After FROM, JOIN or a comma stands a call of what is no function that Google's analyzer knows; True where in doubt."""
    names = set(_called_where_tables_stand(sql)) - _NO_FUNCTIONS
    return bool(names) and not names <= _functions()


def _called_where_tables_stand(sql: str) -> Iterator[str]:
    before, name = "", ""
    for match in lexer.tokens(sql):
        if match[0] == "(" and name and before in _BEFORE_TABLES:
            yield name
        word = match["word"] or match["quoted"]
        before, name = (name or before, word.strip("`").upper()) if word else (match[0], "")


@cache
def _functions() -> frozenset[str]:
    return frozenset(googlesql.builtin_functions())
