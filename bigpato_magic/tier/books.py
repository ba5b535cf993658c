"""What a query's answer means for the books: bytes not billed, the tables' uses, a line of the ledger. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bigpato_magic.tier import contain, score
from bigpato_magic.tier.ledger import Entry
from bigpato_magic.tier.score import Prices, Use
from bigpato_magic.types import (
    AnalyzedQuery,
    PartitionFacts,
    QueryResult,
    RunOnBigQuery,
    TableFacts,
    TableId,
    TableRead,
)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a table that a query used: its facts and partitions, as far as they are."""

    facts: TableFacts | None = None
    partitions: tuple[PartitionFacts, ...] = ()


def with_savings(
    result: QueryResult, query: AnalyzedQuery | None, known: Mapping[TableId, Known], prices: Prices
) -> QueryResult:
    """The result with the bytes that a local answer did not bill: whole columns, and a minimum for each table."""
    if isinstance(result.decision, RunOnBigQuery) or query is None:
        return result
    sizes = (_size(read, known.get(table, Known())) for table, read in query.tables.items())
    return replace(result, bytes_saved=sum(score.billed(size, prices) for size in sizes))


def uses(
    result: QueryResult,
    query: AnalyzedQuery | None,
    tables: tuple[TableId, ...],
    known: Mapping[TableId, Known],
    prices: Prices,
) -> list[Use]:
    """One use for each table, with its share of the query's bytes."""
    if not tables or not (query or result.statement == "SELECT"):
        return []
    local = not isinstance(result.decision, RunOnBigQuery)
    reads = query.tables if query is not None else {}
    sizes = {t: float(score.billed(_size(reads.get(t), known.get(t, Known())), prices)) for t in tables}
    if not local:
        sizes = score.shares(result.bytes_billed, sizes)
    seconds = None if local else result.seconds
    return [
        Use(
            t,
            sizes[t],
            seconds,
            reads[t].columns if t in reads else None,
            _partitions(reads.get(t), known.get(t, Known())),
        )
        for t in tables
    ]


def entry(result: QueryResult, tables: tuple[TableId, ...], prices: Prices, at: datetime) -> Entry:
    """The ledger's line."""
    return Entry(
        at=at,
        kind="query",
        route=result.decision.where,
        bytes_billed=result.bytes_billed,
        bytes_saved=result.bytes_saved,
        dollars=score.query_price(result.bytes_billed, prices),
        dollars_saved=score.query_price(result.bytes_saved, prices),
        seconds=result.seconds,
        job_id=result.job_id,
        location=result.location,
        cache_hit=result.cache_hit,
        statement=result.statement,
        tables=" ".join(map(str, tables)),
    )


def _size(read: TableRead | None, known: Known) -> float:
    if known.facts is None:
        return 0.0
    if read is None:
        return float(known.facts.version.bytes)
    return score.read_bytes(known.facts, read.columns, _partitions(read, known), known.partitions)


def _partitions(read: TableRead | None, known: Known) -> frozenset[str] | None:
    partitioning = known.facts.partitioning if known.facts else None
    if read is None or read.partitions is None or partitioning is None or not known.partitions:
        return None
    return contain.needed(read.partitions, partitioning, known.partitions)
