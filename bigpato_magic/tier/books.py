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

Sizes = Mapping[TableId, int]
"""Bytes that a query bills for each of its tables, by estimate: whole columns, and a minimum for each table."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a table that a query used: its facts and partitions, as far as they are."""

    facts: TableFacts | None = None
    partitions: tuple[PartitionFacts, ...] = ()


def sizes_of(
    query: AnalyzedQuery | None, tables: tuple[TableId, ...], known: Mapping[TableId, Known], prices: Prices
) -> Sizes:
    """What the query would bill for each table."""
    reads = query.tables if query is not None else {}
    return {table: score.billed(_size(reads.get(table), known.get(table, Known())), prices) for table in tables}


def with_savings(result: QueryResult, query: AnalyzedQuery | None, sizes: Sizes) -> QueryResult:
    """The result with the bytes that a local answer did not bill."""
    if isinstance(result.decision, RunOnBigQuery) or query is None:
        return result
    return replace(result, bytes_saved=sum(sizes[table] for table in query.tables))


def uses(
    result: QueryResult,
    query: AnalyzedQuery | None,
    known: Mapping[TableId, Known],
    sizes: Sizes,
) -> list[Use]:
    """One use for each of these tables, with its share of the query's bytes."""
    if not sizes or not (query or result.statement == "SELECT"):
        return []
    local = not isinstance(result.decision, RunOnBigQuery)
    reads = query.tables if query is not None else {}
    weights = {table: float(size) for table, size in sizes.items()}
    if not local:
        weights = score.shares(result.bytes_billed, weights)
    seconds = None if local else result.seconds
    return [
        Use(
            t,
            weights[t],
            seconds,
            reads[t].columns if t in reads else None,
            _partitions(reads.get(t), known.get(t, Known())),
        )
        for t in sizes
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
