"""What a query asks of the tier. Where the tier is unusable, there are no copies, and the query is BigQuery's."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from bigpato_magic.errors import TierError
from bigpato_magic.status import Cancel, Status
from bigpato_magic.tier.lifecycle import Lifecycle
from bigpato_magic.types import (
    AnalyzedQuery,
    OutputColumn,
    QueryResult,
    QuerySource,
    Reason,
    RunOnBigQuery,
    RunRead,
    TableCopy,
    TableId,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from bigpato_magic.tier.files.digests import Comparison
    from bigpato_magic.tier.freshness.facts import FactsCache
    from bigpato_magic.tier.journal.accounting import QueryText, TableKnowledge
    from bigpato_magic.tier.journal.result_cache import CacheKey
    from bigpato_magic.tier.keeping.making import AnswerToKeep
    from bigpato_magic.tier.open_tier import OpenTier

log = logging.getLogger("bigpato_magic")


@dataclass(frozen=True, slots=True)
class QueryAccess:
    """The tier as queries see it. Safe to use from several threads.

    Args:
        lifecycle: gives the parts.
        now: tells the server's time.
        status: hears that tables were used.
        used: called after each query.
    """

    lifecycle: Lifecycle
    now: Callable[[], datetime]
    status: Status
    used: Callable[[], None]

    @property
    def facts(self) -> FactsCache:
        """What BigQuery last said of each table.

        Raises:
            TierError: the tier is unusable.
        """
        return self.lifecycle.open().facts

    def copies(self, tables: Iterable[TableId] | None = None) -> Mapping[TableId, TableCopy]:
        """The newest copy of each of these tables that has one (None: of all). Cheap; none in an unusable tier."""
        opened = self.lifecycle.usable()
        return {} if opened is None else opened.catalog.copies(tables)

    def versions(self, tables: Iterable[TableId]) -> Mapping[TableId, tuple[TableCopy, ...]]:
        """All copies of each of these tables that has any, the newest first. None in an unusable tier."""
        opened = self.lifecycle.usable()
        versions = {} if opened is None else {table: opened.catalog.versions(table) for table in tables}
        return {table: copies for table, copies in versions.items() if copies}

    def kept(self, tables: Iterable[TableId]) -> tuple[TableCopy, ...]:
        """The kept relations that rest on these tables and no others; the newest of each. Cheap."""
        opened = self.lifecycle.usable()
        return opened.catalog.kept(tables) if opened is not None and opened.keep.on else ()

    def keep(self, source: QuerySource, outputs: Sequence[OutputColumn], rows: pa.Table) -> bool:
        """Keep what a job on BigQuery has answered, soon, if nothing it rests on has changed meanwhile.

        Nobody waits for it, and a failure is only logged.

        Args:
            source: the query; its `bases` are the tables as BigQuery told them before the job.
            outputs: the types of its columns, in the order of `source.columns`.
            rows: all rows that BigQuery gave, in their order.

        Returns:
            Whether that will be tried.
        """
        from bigpato_magic.tier.keeping.making import AnswerToKeep

        opened = self.lifecycle.usable()
        return opened is not None and opened.keeper.keep(AnswerToKeep(source, tuple(outputs), rows))

    def keep_now(self, answer: AnswerToKeep, cancel: Cancel) -> TableCopy:
        """Keep what a job on BigQuery has answered, before it is used; the kept relation, or one as good that was there.

        Args:
            answer: whole.
            cancel: stops it.

        Raises:
            BigPatoError: it could not be kept, or a table has changed meanwhile.
            Cancelled: `cancel` was set; nothing of it is left.
        """
        return self.lifecycle.open().keeper.keep_now(answer, cancel)

    def would_keep(self, source: QuerySource, outputs: Sequence[OutputColumn]) -> TableCopy | None:
        """The kept relation that an answer would become, without rows; None where it could not be kept."""
        from bigpato_magic import frames
        from bigpato_magic.tier.keeping.making import AnswerToKeep, kept_relation, why_not

        opened = self.lifecycle.usable()
        answer = AnswerToKeep(source, tuple(outputs), frames.empty(tuple(outputs)))
        if opened is None or why_not(answer, opened.keep.largest) is not None:
            return None
        return kept_relation(answer, opened.store.principal)

    def fragments_wanted(self) -> bool:
        """Whether parts of queries may be asked of BigQuery alone: that spares money, and takes time."""
        from bigpato_magic.tier.policy.score import Objective

        opened = self.lifecycle.usable()
        if opened is None or not (opened.keep.on and opened.keep.fragments):
            return False
        return opened.pricing.prices().objective is Objective.MONEY

    def largest_answer(self) -> float:
        """Bytes of the largest answer that is kept."""
        return float(self.lifecycle.open().keep.largest)

    def billed(self, size: float, tables: int) -> int:
        """Bytes that a query bills that reads `size`, of so many tables: nothing for nothing."""
        from bigpato_magic.tier.policy import score

        prices = self.lifecycle.open().pricing.prices()
        return max(score.billed(size, prices), int(prices.query_minimum) * tables) if size > 0 else 0

    def settle_over(self, tables: Collection[TableId], seconds: float, cancel: Cancel) -> bool:
        """Wait for answers over these tables that are just being kept; whether there were some, and all is kept in time.

        Raises:
            Cancelled: `cancel` was set meanwhile.
        """
        opened = self.lifecycle.usable()
        return opened is not None and opened.keeper.settle_over(tables, seconds, cancel)

    def forget(self, kept: Iterable[TableCopy] | None = None) -> tuple[TableCopy, ...]:
        """Take these kept relations away (None: all); those have gone that no kernel reads just now.

        Raises:
            TierError: the directory cannot be used.
        """
        opened = self.lifecycle.open()
        gone = opened.eviction.forget(kept)
        self.status.changed()
        return gone

    def absent(self, table: TableId) -> Reason:
        """Why a table has no copy: it can have none, as far as is known already, or it has not been brought yet."""
        from bigpato_magic.tier.policy.plan import why_not

        opened = self.lifecycle.usable()
        if opened is None:
            return Reason("store", self.lifecycle.trouble, table)
        facts = opened.facts.known(table)
        obstacle = why_not(facts, streaming_ok=True) if facts is not None else None
        return Reason(*(obstacle or ("not-local", f"{table.table} is not local yet")), table)

    def quarantined(self) -> frozenset[str]:
        """Rules that have given another answer than BigQuery, and are used no more."""
        opened = self.lifecycle.usable()
        return frozenset() if opened is None else opened.preferences.quarantined()

    @contextmanager
    def lease(self, copies: Sequence[TableCopy]) -> Iterator[None]:
        """Keep these copies on the disk until the block ends, whatever other kernels do."""
        opened = self.lifecycle.usable()
        with nullcontext() if opened is None else opened.leases.lease(copies):
            yield

    def compare(self, copies: Sequence[TableCopy]) -> Comparison | None:
        """Begin to compare the files of these copies with their digests, where that was not done yet.

        Raises:
            DamagedCopy: a file is missing; its copy goes.
            TierError: a file cannot be read now.
        """
        opened = self.lifecycle.usable()
        return None if opened is None else opened.digests.begin(copies)

    def mark_stale(self, tables: Iterable[TableId] | None, *, statement: str, running: bool = False) -> None:
        """A statement may have changed these tables: no copy of them answers before BigQuery was asked again.

        Where the mark cannot be written, this kernel forgets what it knew; others ask within their `max_staleness`.

        Args:
            tables: that it may change, None where that may be any.
            statement: its kind, for the reason that a person reads.
            running: it is about to run; call again without when it has ended, however it ended.
        """
        opened = self.lifecycle.usable()
        if opened is None:
            return
        try:
            opened.marks.add(tables, statement=statement, running=running, at=self.now())
        except TierError as error:
            opened.facts.forget()
            self.lifecycle.report(error)

    def record(
        self,
        query: AnalyzedQuery | None,
        result: QueryResult,
        tables: Sequence[TableId] = (),
        *,
        text: QueryText | None = None,
        at: datetime | None = None,
    ) -> QueryResult:
        """Note a query in the usage journal and the ledger.

        Args:
            query: what it means, None where that is not known.
            result: its answer.
            tables: that it read, as far as they are known.
            text: what was asked, for the account of BigQuery's result cache; None leaves that out.
            at: when it was answered, where its tables become known only now: its line is in the ledger already.

        Returns:
            The result with the bytes that it saved.
        """
        from bigpato_magic.tier.journal import accounting

        opened = self.lifecycle.usable()
        if opened is None:
            return result
        used, prices, now = tuple(tables), opened.pricing.prices(), at or self.now()
        copies = opened.catalog.copies(used)
        known = {table: _knowledge(opened, table, copies.get(table)) for table in used}
        sizes = accounting.sizes_of(query, used, known, prices)
        cached = _would_be_cached(opened, result, accounting.cache_key(text, query, result, known, now), now)
        result = accounting.with_savings(result, query, sizes, cached=cached)
        if isinstance(result.decision, RunRead):
            result = replace(result, read_price=_price_of_reading(opened, result.bytes_read))
        opened.usage.record(accounting.uses(result, query, known, sizes), at=now)
        _note_kept(opened, result, now)
        if at is None:
            entry = accounting.query_entry(result, used, prices, now)
            opened.ledger.note(entry)
            opened.history.note(result.sql, entry)
        self.status.changed()
        self.used()
        return result

    def note_unanswered(self, billed: int, job_id: str | None = None, location: str | None = None) -> None:
        """Note in the ledger what BigQuery billed for parts of a query that came to no answer; nothing where that is 0."""
        from bigpato_magic.tier.journal import accounting

        opened = self.lifecycle.usable()
        if opened is not None and billed:
            prices, now = opened.pricing.prices(), self.now()
            opened.ledger.note(accounting.unanswered_entry(billed, prices, now, job_id=job_id, location=location))
            self.status.changed()


def _price_of_reading(opened: OpenTier, size: int) -> float:
    """Dollars for bytes by Storage Read, after what is left of this month's allowance."""
    from bigpato_magic.tier.policy import score

    try:
        return score.transfer_price(size, opened.prices())
    except TierError as error:
        log.warning("what is left of the month's free bytes is not known: %s", error)
        return score.transfer_price(size, opened.pricing.prices())


def _would_be_cached(opened: OpenTier, result: QueryResult, key: CacheKey | None, at: datetime) -> bool:
    """Whether BigQuery's cache has, or would have, the answer; if not, it has it from now on."""
    if key is None:
        return False
    try:
        had = opened.result_cache.had(key, at)
    except TierError as error:
        log.warning("whether BigQuery's result cache would have had an answer is not known: %s", error)
        return False
    real = isinstance(result.decision, RunOnBigQuery)
    if not had or (real and not result.cache_hit):  # what really happened is true, whatever was reckoned
        opened.result_cache.fill(key, at)
    return had


def _note_kept(opened: OpenTier, result: QueryResult, at: datetime) -> None:
    """The uses of kept relations that an answer rests on."""
    if isinstance(result.decision, RunOnBigQuery | RunRead):
        return
    names = [copy.table.table for copy in result.decision.copies if copy.source is not None]
    if names:
        opened.kept_uses.used(names, result.bytes_saved, at)


def _knowledge(opened: OpenTier, table: TableId, copy: TableCopy | None) -> TableKnowledge:
    from bigpato_magic.tier.journal.accounting import TableKnowledge

    facts = opened.facts.known(table) or (copy.facts if copy else None)
    return TableKnowledge(facts, copy.partitions if copy else ())
