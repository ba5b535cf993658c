"""A query that would bill more than the person lets pass without a word: it stops before it runs, with the cheaper ways.

BigQuery itself refuses the job, by its `maximumBytesBilled`, so nothing is asked before a small one, and nothing of a large one
is ever billed: https://cloud.google.com/bigquery/docs/best-practices-costs#limit_query_costs_by_restricting_the_number_of_bytes_billed
Of a clustered table that limit counts all blocks, as a dry run does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bigpato_magic.errors import BigPatoError, BytesLimitExceeded, ConsentNeeded
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.tier.policy import score
from bigpato_magic.tier.policy.plan import why_not
from bigpato_magic.traits import format_money, format_size
from bigpato_magic.types import AnalyzedQuery, Compiled, LocalTable, TableFacts, TableId

if TYPE_CHECKING:
    from bigpato_magic.runner.request import Request
    from bigpato_magic.tier.tier import Tier

MOST_WAYS = 4
"""Cheaper ways that are named: a card is read, a page is not."""
_HINT = "--yes runs it, `client.run(…, yes=True)` in a script; BigPato.ask_above is the limit, 0 asks never"

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
        here = _can_run_here(query, facts)
        ways = [way for told in largest for way in self._ways_of(query, told, here=here)]
        return tuple(ways[:MOST_WAYS])

    def _ways_of(self, query: AnalyzedQuery, facts: TableFacts, *, here: bool) -> Iterator[str]:
        name, read, partitioning = facts.id.table, query.tables[facts.id], facts.partitioning
        if partitioning is not None and read.partitions is None:
            column = partitioning.column or "_PARTITIONTIME"
            yield f"{name} is partitioned by {column}: a filter on it bills only the partitions that it leaves"
        names = {column.name.lower() for column in facts.columns}
        used = names & read.columns
        if len(used) > 1:
            size = format_size(score.read_bytes(facts, used))
            yield f"{len(used)} of the {len(names)} columns of {name} are read (≈ {size}): fewer bill less, a LIMIT does not"
        if here and why_not(facts) is None and (size_here := facts.version.bytes) <= self.tier.budget:
            price = format_money(score.transfer_price(size_here, self.tier.pricing.prices()))
            yield f"%bp_rebalance {name} brings it here ({format_size(size_here)}, ≈ {price}): then such queries bill nothing"


def _can_run_here(query: AnalyzedQuery, facts: Facts) -> bool:
    """Whether it could be answered here if its tables were."""
    if facts.keys() != query.tables.keys():
        return False
    tables = {table: LocalTable(f'"{table.table}"', told.columns) for table, told in facts.items()}
    return isinstance(compile_query(query, tables), Compiled)
