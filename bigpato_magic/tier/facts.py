"""What BigQuery last said of each table, and how long ago.

The verdict on a copy is `tier.freshness`'s; this module asks, remembers and keeps clocks honest.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from traitlets import Bool, Int
from traitlets.config import LoggingConfigurable

from bigpato_magic.errors import BigPatoError, WarehouseUnavailable
from bigpato_magic.status import Status
from bigpato_magic.tier import freshness
from bigpato_magic.tier.freshness import StaleMark, Verdict
from bigpato_magic.tier.marks import StaleMarks
from bigpato_magic.tier.poller import Poller
from bigpato_magic.traits import Duration
from bigpato_magic.types import Freshness, Reason, TableCopy, TableFacts, TableId
from bigpato_magic.warehouse.base import Warehouse

Answers = dict[TableId, TableFacts | BigPatoError]

_AWAY = "BigQuery cannot be reached."


class FreshnessPolicy(LoggingConfigurable):
    """How fresh a local answer must be."""

    max_staleness = Duration(
        0.0, help="A check of a table may be this old; 0 checks for every query, 'inf' never ('30 s', '5 min')."
    ).tag(config=True)
    offline = Bool(
        False, help="While BigQuery cannot be reached, copies may answer; the answer says since when it is unverified."
    ).tag(config=True)
    poll = Bool(True, help="Keep the checks of the tables in use warm in the background (max_staleness above 0).").tag(
        config=True
    )
    poll_every = Duration(20.0, help="Longest time between two background checks of a table in use.").tag(config=True)
    idle_after = Duration(300.0, help="Background checks stop this long after the last query.").tag(config=True)
    hot_tables = Int(16, min=1, help="How many of the last used tables are checked in the background.").tag(config=True)


# ---------------------------------------------------------------------------------------------- clocks


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time on two local clocks: `steady` cannot be set, `wall` goes on while the machine sleeps."""

    steady: float
    wall: float

    def since(self, earlier: Moment) -> float:
        """Seconds since `earlier`: the larger of what the clocks say; neither sleep nor a set clock hides age."""
        return max(self.steady - earlier.steady, self.wall - earlier.wall)


def moment() -> Moment:
    """Now. Where there is a steady clock that counts sleep too (Linux), it is used."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return Moment(time.monotonic() if boot is None else time.clock_gettime(boot), time.time())


@dataclass(frozen=True, slots=True)
class Known:
    """What BigQuery said of a table.

    Args:
        facts: the last that it said.
        asked: when it was asked (not when it answered: the state may be that of any instant between).
        mark: the highest mark when it was asked.
        generation: of the marks.
        unreachable: asked again since, and there was no answer.
    """

    facts: TableFacts
    asked: Moment
    mark: int
    generation: int
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """What all verdicts of one check see alike.

    Args:
        now: by the server's clock.
        marks: of all kernels.
        generation: of the marks.
    """

    now: datetime
    marks: tuple[StaleMark, ...]
    generation: int


class FactsCache:
    """Asks BigQuery for facts, remembers them with their age, and judges copies by them. Safe in several threads.

    Args:
        warehouse: gives the warehouse; called when it is first asked.
        status: hears when the network goes and comes back.
        marks: of the tier.
        policy: how fresh answers must be.
        clock: for tests.
    """

    def __init__(
        self,
        warehouse: Callable[[], Warehouse],
        status: Status,
        marks: StaleMarks,
        policy: FreshnessPolicy | None = None,
        *,
        clock: Callable[[], Moment] = moment,
    ) -> None:
        self.policy = policy or FreshnessPolicy()
        self.marks = marks
        self.offline_since: datetime | None = None
        self._warehouse = warehouse
        self._status = status
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[TableId, Known] = {}
        self._poller = Poller(self)

    # ------------------------------------------------------------------------------------------- facts

    def known(self, table: TableId) -> TableFacts | None:
        """The last that BigQuery said, however old."""
        found = self._known.get(table)
        return found.facts if found else None

    def age(self, table: TableId) -> float:
        """Seconds since BigQuery was last asked with success; infinite if never."""
        found = self._known.get(table)
        return self._clock().since(found.asked) if found else math.inf

    def fetch(self, tables: Iterable[TableId]) -> Mapping[TableId, TableFacts | BigPatoError]:
        """What BigQuery says now of each table, asked in parallel; an error in place of facts where one is met."""
        wanted = list(dict.fromkeys(tables))
        if not wanted:
            return {}
        # The marks are read before the server is asked: a statement that ends in between makes the answer void.
        generation, mark, asked = self.marks.generation, self.marks.latest(), self._clock()
        answers = self._ask(wanted)
        with self._lock:
            for table, answer in answers.items():
                self._remember(table, answer, asked, mark, generation)
        self._note_network(answers)
        return answers

    def _ask(self, tables: Sequence[TableId]) -> Answers:
        try:
            found = self._warehouse().facts(tables)
        except BigPatoError as error:
            return dict.fromkeys(tables, error)
        missing = WarehouseUnavailable("BigQuery did not answer")
        return {table: found.get(table, missing) for table in tables}

    def _remember(
        self, table: TableId, answer: TableFacts | BigPatoError, asked: Moment, mark: int, generation: int
    ) -> None:
        before = self._known.get(table)
        if isinstance(answer, TableFacts):
            if before is None or before.asked.steady <= asked.steady:
                self._known[table] = Known(answer, asked, mark, generation)
        elif not isinstance(answer, WarehouseUnavailable):
            self._known.pop(table, None)
        elif before is not None:
            self._known[table] = replace(before, unreachable=True)

    def _note_network(self, answers: Answers) -> None:
        away = all(isinstance(answer, WarehouseUnavailable) for answer in answers.values())
        if away and self.offline_since is None:
            self.offline_since = self._warehouse_now()
            self._status.message = _AWAY
        elif not away and self.offline_since is not None:
            self.offline_since = None
            if self._status.message == _AWAY:
                self._status.message = ""

    def _warehouse_now(self) -> datetime:
        try:
            return self._warehouse().now()
        except BigPatoError:
            return datetime.now(UTC)

    # ---------------------------------------------------------------------------------------- verdicts

    def checked(self, copies: Iterable[TableCopy], max_staleness: float | None = None) -> bool:
        """Whether the last checks of all these copies are young enough, so that nobody needs to be asked."""
        limit = self._limit(max_staleness)
        return limit > 0 and not self._unsure(copies, self._clock(), limit)

    def check(self, copies: Sequence[TableCopy], max_staleness: float | None = None) -> dict[TableId, Verdict]:
        """The verdict on each copy for a query that is asked now; BigQuery is asked where the last check is too old.

        Args:
            copies: that would answer.
            max_staleness: seconds, in place of the policy's.

        Raises:
            TierError: the marks of other kernels cannot be read.
        """
        limit, asked = self._limit(max_staleness), self._clock()
        self._poller.touch([copy.table for copy in copies], limit)
        answers = self.fetch([copy.table for copy in copies] if limit == 0 else self._unsure(copies, asked, limit))
        sight = self._sight()
        return {copy.table: self._judge(copy, answers.get(copy.table), asked, limit, sight) for copy in copies}

    def _unsure(self, copies: Iterable[TableCopy], asked: Moment, limit: float) -> list[TableId]:
        """The tables of the copies that may not answer by what is known already."""
        sight = self._sight()
        return [c.table for c in copies if self._judge(c, None, asked, limit, sight)[0] is not Freshness.FRESH]

    def judge(self, copy: TableCopy) -> Verdict:
        """The verdict by what is known already, whatever its age: for screens and plans, never for an answer."""
        known = self._known.get(copy.table)
        if known is None:
            return Freshness.UNKNOWN, Reason("unchecked", f"{copy.table.table} has not been checked yet", copy.table)
        return self._verdict(copy, known, known.asked, math.inf, self._sight())

    def fresh_as_of(self, copies: Iterable[TableCopy]) -> tuple[datetime | None, datetime | None]:
        """Up to which instant the copies are known to equal their tables, and since when that is unverified (or None).

        Unverified is an answer that was given without BigQuery: the network is away, or nobody asked for an hour.
        """
        instants, unverified = [], []
        for copy in copies:
            known = self._known.get(copy.table)
            certain = copy.as_of if known is None or known.facts.streaming else max(copy.as_of, known.facts.checked_at)
            instants.append(certain)
            if known is None or known.unreachable or self._clock().since(known.asked) > 3600:
                unverified.append(certain)
        return min(instants, default=None), min(unverified, default=None)

    def _limit(self, max_staleness: float | None) -> float:
        return float(self.policy.max_staleness if max_staleness is None else max_staleness)

    def _sight(self) -> Sight:
        marks = self.marks.all()  # first: only then the generation is theirs
        return Sight(self._warehouse_now(), marks, self.marks.generation)

    def _judge(
        self,
        copy: TableCopy,
        answer: TableFacts | BigPatoError | None,
        asked: Moment,
        limit: float,
        sight: Sight,
    ) -> Verdict:
        known = self._known.get(copy.table)
        if isinstance(answer, WarehouseUnavailable) and self.policy.offline:
            limit = math.inf
        elif isinstance(answer, BigPatoError):
            return freshness.check(copy, answer, now=copy.as_of, max_staleness=limit)
        verdict = self._verdict(copy, known, asked, limit, sight)
        if verdict[0] is Freshness.FRESH and isinstance(answer, WarehouseUnavailable):
            since = copy.as_of if known is None else max(copy.as_of, known.facts.checked_at)
            return Freshness.FRESH, Reason("offline", f"unverified since {since:%Y-%m-%d %H:%M} UTC", copy.table)
        return verdict

    def _verdict(self, copy: TableCopy, known: Known | None, asked: Moment, limit: float, sight: Sight) -> Verdict:
        return freshness.check(
            copy,
            known.facts if known else None,
            now=sight.now,
            max_staleness=limit,
            stale_marks=_marks_after(copy, known, sight),
            age=asked.since(known.asked) if known else None,
        )

    def close(self) -> None:
        """Stop the poller."""
        self._poller.stop()


def _marks_after(copy: TableCopy, known: Known | None, sight: Sight) -> list[StaleMark]:
    """Marks that the check has not seen; by the server's clock where nothing but the copy itself is known."""
    if known is not None and known.generation != sight.generation:
        return [StaleMark(0, "", "", None, "statement (its mark was lost)", copy.as_of)]
    running = [m for m in sight.marks if m.open and sight.now - m.at < StaleMarks.LONGEST_JOB]
    if known is None:
        return [m for m in sight.marks if m.at >= copy.as_of - freshness.SETTLED]
    return [m for m in sight.marks if m.number > known.mark or m in running]
