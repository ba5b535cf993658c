"""What an answer or a transfer means for journal and ledger: bytes not billed, uses of tables, entries. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bigpato_magic.pruning import partition_ids
from bigpato_magic.resolved.determinism import repeatable
from bigpato_magic.resolved.empty import needs_no_row
from bigpato_magic.tier.journal import result_cache
from bigpato_magic.tier.journal.ledger import LedgerEntry
from bigpato_magic.tier.journal.result_cache import CacheKey
from bigpato_magic.tier.policy import score
from bigpato_magic.tier.policy.score import Prices, Use
from bigpato_magic.types import (
    AnalyzedQuery,
    PartitionFacts,
    QueryResult,
    RunLocal,
    RunOnBigQuery,
    RunRead,
    TableCopy,
    TableFacts,
    TableId,
    TableRead,
)

Sizes = Mapping[TableId, int]
"""Bytes that a query bills for each of its tables, by estimate: whole columns, and a minimum for each table."""


@dataclass(frozen=True, slots=True)
class TableKnowledge:
    """What is known of a table that a query used: its facts and partitions, as far as they are."""

    facts: TableFacts | None = None
    partitions: tuple[PartitionFacts, ...] = ()


def sizes_of(
    query: AnalyzedQuery | None, tables: tuple[TableId, ...], known: Mapping[TableId, TableKnowledge], prices: Prices
) -> Sizes:
    """What the query would bill for each table, in bytes.

    Args:
        query: what it means, None where that is not known: then it reads all of each table.
        tables: that it reads.
        known: of them; nothing is billed for a table of which nothing is known.
        prices: with the least that is billed for a table.
    """
    if query is not None and needs_no_row(query.tree):
        return dict.fromkeys(tables, 0)  # nobody says what it bills: nothing is claimed of it
    reads = query.tables if query is not None else {}
    return {
        table: score.billed(_size(reads.get(table), known.get(table, TableKnowledge())), prices) for table in tables
    }


@dataclass(frozen=True, slots=True)
class QueryText:
    """What a person asked, as far as BigQuery's result cache looks at it.

    Args:
        digest: of the text, its parameters and where it runs.
        reuse: the cache may answer.
    """

    digest: str
    reuse: bool = True


def cache_key(
    text: QueryText | None,
    query: AnalyzedQuery | None,
    result: QueryResult,
    known: Mapping[TableId, TableKnowledge],
    at: datetime,
) -> CacheKey | None:
    """The query as BigQuery's result cache sees it; None where it keeps no such answer, or too little is known.

    Args:
        text: what was asked.
        query: what that means.
        result: its answer.
        known: of its tables: as they were when it was answered, or later.
        at: when it was answered, by the server's clock.
    """
    if text is None or query is None or not repeatable(query.tree) or query.wildcards:
        return None  # a query over a wildcard is billed each time
    facts = [known[t].facts for t in query.tables if t in known]
    told = [f for f in facts if f is not None]
    if len(told) < len(query.tables) or not result_cache.kept(told, result.arrow.nbytes):
        return None
    versions = {f.id: f.version for f in told}
    if isinstance(result.decision, RunOnBigQuery | RunRead):
        if any(version.modified > at for version in versions.values()):
            return None  # it changed while it was asked, or since
    else:
        versions |= {basis.table: basis.version for copy in result.decision.copies for basis in copy.bases}
    return CacheKey(text.digest, result_cache.tables_digest(versions), text.reuse)


def with_savings(result: QueryResult, query: AnalyzedQuery | None, sizes: Sizes, *, cached: bool) -> QueryResult:
    """The result with the bytes that an answer without BigQuery did not bill: none where its cache would have had it."""
    if isinstance(result.decision, RunOnBigQuery) or query is None:
        return result
    saved = 0 if cached else max(0, sum(sizes[table] for table in query.tables) - result.bytes_billed)
    if isinstance(result.decision, RunRead) and result.decision.look.facts.clustering:
        # Of a clustered table a query bills only the blocks that it needs, which nobody can tell before it has run.
        # https://cloud.google.com/bigquery/docs/best-practices-costs#clustered_tables
        saved = min(saved, result.bytes_read)
    return replace(result, bytes_saved=saved, cache_hit=cached, slot_ms_saved=None if cached else _slots_of(result))


def _slots_of(result: QueryResult) -> int | None:
    """What the jobs of its kept answers used, where these are all that it read: nothing else is known of what it would."""
    if not isinstance(result.decision, RunLocal) or result.decision.where != "kept":
        return None
    used = [copy.source.slot_ms for copy in result.decision.copies if copy.source is not None]
    told = [slots for slots in used if slots is not None]
    return sum(told) if told and len(told) == len(used) else None


def uses(
    result: QueryResult,
    query: AnalyzedQuery | None,
    known: Mapping[TableId, TableKnowledge],
    sizes: Sizes,
) -> list[Use]:
    """One use for each of these tables, with its share of the bytes that BigQuery billed, or would have.

    A query that a kept relation answered counts as if BigQuery had: a copy would have earned it, and has not.

    Args:
        result: with the seconds and the bytes.
        query: what was asked, None where that is not known.
        known: of the tables.
        sizes: of the tables, as `sizes_of` gives them.
    """
    if not sizes or not (query or result.statement == "SELECT"):
        return []
    # A look bills nothing, and is waited for: a copy would save the seconds, and no money.
    local = not isinstance(result.decision, RunOnBigQuery | RunRead)
    reads = query.tables if query is not None else {}
    weights = {table: float(size) for table, size in sizes.items()}
    if not local or result.cache_hit:
        weights = score.shares(0 if local else result.bytes_billed, weights)
    seconds = None if local else result.seconds
    behind_kept = _behind_kept(result)
    return [
        Use(
            t,
            weights[t],
            behind_kept.get(t, seconds),
            reads[t].columns if t in reads else None,
            _partitions(reads.get(t), known.get(t, TableKnowledge())),
        )
        for t in sizes
    ]


def _behind_kept(result: QueryResult) -> dict[TableId, float]:
    """The tables of a local answer that only kept relations rest on, with the seconds that BigQuery took for these."""
    if isinstance(result.decision, RunOnBigQuery | RunRead):
        return {}
    copies = result.decision.copies
    read = {copy.table for copy in copies if copy.source is None}
    kept = [copy.source for copy in copies if copy.source is not None]
    return {b.table: source.seconds for source in kept for b in source.bases if b.table not in read}


def query_entry(result: QueryResult, tables: tuple[TableId, ...], prices: Prices, at: datetime) -> LedgerEntry:
    """The ledger's line of a query, answered at this instant by the server's clock."""
    return LedgerEntry(
        at=at,
        kind="query",
        route=result.decision.where,
        bytes_billed=result.bytes_billed,
        bytes_saved=result.bytes_saved,
        bytes_moved=result.bytes_read,
        dollars=score.query_price(result.bytes_billed, prices) + result.read_price,
        dollars_saved=score.query_price(result.bytes_saved, prices),
        seconds=result.seconds,
        job_id=result.job_id,
        location=result.location,
        cache_hit=result.cache_hit,
        statement=result.statement,
        tables=" ".join(map(str, tables)),
        slot_ms=result.slot_ms,
        slot_ms_saved=result.slot_ms_saved,
    )


def unanswered_entry(
    billed: int, prices: Prices, at: datetime, *, job_id: str | None = None, location: str | None = None
) -> LedgerEntry:
    """The ledger's line of what BigQuery billed for parts of a query that was stopped, or failed, before its answer.

    Args:
        billed: bytes.
        prices: of now.
        at: when, UTC.
        job_id: of the last part, where it is known.
        location: of that job.
    """
    return LedgerEntry(
        at=at,
        kind="query",
        route="bigquery",
        bytes_billed=billed,
        dollars=score.query_price(billed, prices),
        job_id=job_id,
        location=location,
        statement="SELECT",
    )


def transfer_entry(
    copy: TableCopy, method: str, moved: int, seconds: float, prices: Prices, at: datetime
) -> LedgerEntry:
    """The ledger's line of a transfer.

    Args:
        copy: that it made.
        method: of the transfer: `read`, `extract` or `appends`.
        moved: logical bytes.
        seconds: that it took.
        prices: of now.
        at: when it was published, by the server's clock.
    """
    # Appended rows come by a query, which bills what was written; the extract pool is free.
    billed = score.billed(moved, prices) if method == "appends" else 0
    return LedgerEntry(
        at=at,
        kind="transfer",
        route=method,
        bytes_billed=billed,
        bytes_moved=moved,
        dollars=score.transfer_price(moved, prices) if method == "read" else score.query_price(billed, prices),
        seconds=seconds,
        location=copy.location,
        tables=str(copy.table),
    )


def listing_entry(table: TableId, prices: Prices, at: datetime) -> LedgerEntry:
    """The ledger's line of a listing of a table's partitions: a query that bills the least there is.

    https://cloud.google.com/bigquery/docs/information-schema-intro
    """
    billed = score.billed(1, prices)
    price = score.query_price(billed, prices)
    return LedgerEntry(at, "listing", "partitions", bytes_billed=billed, dollars=price, tables=str(table))


def _size(read: TableRead | None, known: TableKnowledge) -> float:
    if known.facts is None:
        return 0.0
    if read is None:
        return float(known.facts.version.bytes)
    return score.read_bytes(known.facts, read.columns, _partitions(read, known), known.partitions)


def _partitions(read: TableRead | None, known: TableKnowledge) -> frozenset[str] | None:
    partitioning = known.facts.partitioning if known.facts else None
    if read is None or read.partitions is None or partitioning is None or not known.partitions:
        return None
    return partition_ids.needed(read.partitions, partitioning, known.partitions)
