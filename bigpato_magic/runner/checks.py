"""Whether the copies are fresh, asked beside the analysis and the run: it costs a local query nothing.

What the verdicts mean, `decide` says.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from bigpato_magic import threads
from bigpato_magic.decide import Verdicts, not_fresh
from bigpato_magic.errors import BigPatoError, TierError
from bigpato_magic.status import Cancel
from bigpato_magic.system import elapsed
from bigpato_magic.types import Freshness, Reason, TableCopy, TableFacts, TableId

if TYPE_CHECKING:
    from bigpato_magic.runner.request import Request
    from bigpato_magic.tier.query_access import QueryAccess

T = TypeVar("T")

_LOOKING = 0.1
"""Seconds between two looks at the token of who waits."""

LONGEST = 2.0
"""Seconds that a query for BigQuery waits until its tables are told, after its analysis: without them it is not kept."""


@dataclass(frozen=True, slots=True)
class FreshnessCheck:
    """The verdicts on the copies of one query, while they are fetched.

    Args:
        copies: that are checked.
        verdicts: when they are there.
    """

    copies: tuple[TableCopy, ...]
    verdicts: Future[Verdicts]

    def stop_if_stale(self, stop: Cancel) -> None:
        """Let a check that finds something, or fails, stop the run."""

        def done(verdicts: Future[Verdicts]) -> None:
            if verdicts.exception() or any(not_fresh(self.copies, verdicts.result())):
                stop.set()

        self.verdicts.add_done_callback(done)

    def wait(self, cancel: Cancel) -> Verdicts:
        """The verdicts, once they are there.

        Raises:
            Cancelled: `cancel` was set meanwhile.
        """
        return _awaited(self.verdicts, cancel)


@dataclass(slots=True)
class EarlyCheck:
    """What BigQuery is asked of a query's tables as soon as they are named, while Google's analyzer reads the text.

    What was asked since the query began is of now for all of its stops: a table is asked for once.

    Args:
        queries: what the tier does for queries.
        pool: to ask in.
        request: with the seconds that a check may be old.
        begun: by `system.elapsed`, when the query did.
    """

    queries: QueryAccess
    pool: Executor
    request: Request
    begun: float = field(default_factory=elapsed)
    _check: FreshnessCheck | None = None
    _facts: Future[None] | None = None
    _late: bool = False

    def begin(self, copies: Collection[TableCopy], others: Collection[TableId]) -> None:
        """Begin to check the copies, and to ask for the tables without one of which nothing is known."""
        self._check = begin_check(self.queries, self.pool, self.request, tuple(copies))
        with suppress(TierError):
            unknown = [table for table in others if self.queries.facts.known(table) is None]
            self._facts = self.pool.submit(_ask, self.queries, unknown) if unknown else None

    def of(self, copies: tuple[TableCopy, ...]) -> FreshnessCheck:
        """The check of these copies: the one that was begun, where that is of them too."""
        if self._check is not None and {c.id for c in copies} <= {c.id for c in self._check.copies}:
            return replace(self._check, copies=copies)
        return begin_check(self.queries, self.pool, self.request, copies)

    def told(self) -> bool:
        """Whether BigQuery has told of all tables that were asked for. Waits `LONGEST`, once: not again for what was late.

        Raises:
            Cancelled: the request was, meanwhile.
        """
        if self._facts is None:
            return True
        if not self._late:
            self._late = not ended_in_time(self._facts, self.request.cancel)
        return self._facts.done()

    def facts(self, tables: Collection[TableId]) -> Mapping[TableId, TableFacts]:
        """What BigQuery has said of these tables before the query runs there, as far as it has.

        Raises:
            Cancelled: the request was, meanwhile.
        """
        self.told()
        try:
            known = {table: self.queries.facts.known(table) for table in tables}
        except TierError:
            return {}
        return {table: facts for table, facts in known.items() if facts is not None}

    def now(
        self, tables: Collection[TableId], max_staleness: float | None = 0.0
    ) -> Mapping[TableId, TableFacts | BigPatoError]:
        """What BigQuery says of these tables since the query began; it is asked for those of which it has said nothing yet.

        Args:
            tables: which.
            max_staleness: seconds before the query that do, too; None for the policy's.

        Raises:
            TierError: the local store cannot be used.
        """
        return self.queries.facts.current(tables, max_staleness, within=elapsed() - self.begun)

    def now_in_time(
        self, tables: Collection[TableId], longest: float, max_staleness: float | None = 0.0
    ) -> Mapping[TableId, TableFacts | BigPatoError]:
        """The same, where it comes within so many seconds; else nothing.

        Args:
            tables: which.
            longest: seconds that one waits.
            max_staleness: see `now`.

        Raises:
            Cancelled: the request was, meanwhile.
            TierError: the local store cannot be used.
        """
        asked = self.pool.submit(self.now, tables, max_staleness)
        return asked.result() if ended_in_time(asked, self.request.cancel, longest) else {}


def begin_check(
    queries: QueryAccess, pool: Executor, request: Request, copies: tuple[TableCopy, ...]
) -> FreshnessCheck:
    """Begin to check the copies; it has ended already where the last checks are young enough.

    Args:
        queries: what the tier does for queries.
        pool: to ask in.
        request: with the seconds that a check may be old.
        copies: that would answer.
    """
    try:
        known: Verdicts | None = queries.facts.known_fresh(copies, request.max_staleness) if copies else {}
    except TierError:
        known = None
    if known is None:
        return FreshnessCheck(copies, pool.submit(_fetch, queries, request, copies))
    verdicts: Future[Verdicts] = Future()
    verdicts.set_result(known)
    return FreshnessCheck(copies, verdicts)


def _ask(queries: QueryAccess, tables: Collection[TableId]) -> None:
    """What is wrong with it, the query itself will tell."""
    with suppress(BigPatoError):
        queries.facts.fetch(tables)


def ended_in_time(future: Future[Any], cancel: Cancel, longest: float = LONGEST) -> bool:
    """Wait for its end, for so many seconds at most, however it ends; whether it has.

    Raises:
        Cancelled: `cancel` was set meanwhile.
    """
    last = time.monotonic() + longest
    while not future.done() and (left := last - time.monotonic()) > 0:
        cancel.check()
        threads.ended(future, min(_LOOKING, left))
    cancel.check()
    return future.done()


def _awaited(future: Future[T], cancel: Cancel) -> T:
    """What it gives, once it is there; looks at the token meanwhile."""
    cancel.check()
    while not threads.ended(future, _LOOKING):
        cancel.check()
    return future.result()


def _fetch(queries: QueryAccess, request: Request, copies: tuple[TableCopy, ...]) -> Verdicts:
    try:
        return queries.facts.check(copies, request.max_staleness, request.offline)
    except BigPatoError as error:
        reason = Reason("unchecked", f"the tables could not be checked: {error.message}")
        return {copy.table: (Freshness.UNKNOWN, reason) for copy in copies}
