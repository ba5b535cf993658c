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

from bigpato_magic.errors import BigPatoError, WarehouseUnavailable
from bigpato_magic.status import Status
from bigpato_magic.system import elapsed
from bigpato_magic.tier.freshness import past, verdict
from bigpato_magic.tier.freshness.poller import Poller
from bigpato_magic.tier.freshness.settings import FreshnessPolicy
from bigpato_magic.tier.freshness.verdict import StaleMark, Verdict
from bigpato_magic.tier.journal.sightings import Sightings
from bigpato_magic.tier.journal.stale_marks import StaleMarks
from bigpato_magic.types import Basis, Freshness, Reason, TableCopy, TableFacts, TableId
from bigpato_magic.warehouse.base import Warehouse

Answers = Mapping[TableId, TableFacts | BigPatoError]

_NOTED_EVERY = 60.0
"""Seconds after which it is noted again that a table is still what it was."""
_AWAY = "BigQuery cannot be reached."


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time on two local clocks: `steady` cannot be set, `wall` goes on while the machine sleeps."""

    steady: float
    wall: float

    def since(self, earlier: Moment) -> float:
        """Seconds since `earlier`: the larger of what the clocks say; neither sleep nor a set clock hides age."""
        return max(self.steady - earlier.steady, self.wall - earlier.wall)


def moment() -> Moment:
    """Now."""
    return Moment(elapsed(), time.time())


@dataclass(frozen=True, slots=True)
class LastCheck:
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
        offline: copies may answer while BigQuery cannot be reached.
    """

    now: datetime
    marks: tuple[StaleMark, ...]
    generation: int
    offline: bool = False


class FactsCache:
    """Asks BigQuery for facts, remembers them with their age, and judges copies by them. Safe in several threads.

    Args:
        warehouse: gives the warehouse; called when it is first asked.
        status: hears when the network goes and comes back.
        marks: of the tier.
        policy: how fresh answers must be.
        sightings: hears until when each state of a table was seen; None where nobody wants to know.
        clock: for tests.
    """

    def __init__(
        self,
        warehouse: Callable[[], Warehouse],
        status: Status,
        marks: StaleMarks,
        policy: FreshnessPolicy | None = None,
        sightings: Sightings | None = None,
        *,
        clock: Callable[[], Moment] = moment,
    ) -> None:
        self.policy = policy or FreshnessPolicy()
        self.marks, self.sightings = marks, sightings
        self.offline_since: datetime | None = None
        self._warehouse = warehouse
        self._status = status
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[TableId, LastCheck] = {}
        self._noted: dict[TableId, datetime] = {}
        self._poller = Poller(self.policy, self.age, self.fetch)

    # ------------------------------------------------------------------------------------------- facts

    def known(self, table: TableId) -> TableFacts | None:
        """The last that BigQuery said, however old."""
        known = self._known.get(table)
        return known.facts if known else None

    def age(self, table: TableId) -> float:
        """Seconds since BigQuery was last asked with success; infinite if never."""
        known = self._known.get(table)
        return self._clock().since(known.asked) if known else math.inf

    def fetch(self, tables: Iterable[TableId]) -> Mapping[TableId, TableFacts | BigPatoError]:
        """What BigQuery says now of each table, asked in parallel; an error in place of facts where one is met."""
        wanted = list(dict.fromkeys(tables))
        if not wanted:
            return {}
        # The marks are read before the server is asked: a statement that ends in between makes the answer void.
        generation, mark, asked = self.marks.generation, self.marks.latest(), self._clock()
        answers = self._ask(wanted)
        with self._lock:
            before = {table: self._known[table].facts for table in wanted if table in self._known}
            for table, answer in answers.items():
                self._remember(table, answer, asked, mark, generation)
        self._note_sightings(before, answers)
        self._note_network(answers)
        return answers

    def current(
        self, tables: Iterable[TableId], max_staleness: float | None = None, *, within: float = 0.0
    ) -> Mapping[TableId, TableFacts | BigPatoError]:
        """What BigQuery says of tables: what it said last, where that is young enough and no statement ran since.

        Args:
            tables: which.
            max_staleness: seconds that it may be old, in place of the policy's.
            within: seconds that it may be old anyway: since then the query is on its way that asks.

        Raises:
            TierError: the marks of other kernels cannot be read.
        """
        wanted = list(tables)
        young = self.young(wanted, max(within, self._limit(max_staleness)))
        return {**young, **self.fetch(table for table in wanted if table not in young)}

    def young(self, tables: Iterable[TableId], limit: float) -> Mapping[TableId, TableFacts]:
        """What BigQuery said last of those tables of which it is at most `limit` seconds old, and no statement ran since.

        Raises:
            TierError: the marks of other kernels cannot be read.
        """
        if limit <= 0:
            return {}
        generation, mark, now = self.marks.generation, self.marks.latest(), self._clock()
        known = {table: self._known.get(table) for table in tables}
        return {
            table: last.facts
            for table, last in known.items()
            if last and (last.generation, last.mark) == (generation, mark) and now.since(last.asked) <= limit
        }

    def forget(self) -> None:
        """Nothing is known any more: each table is asked for before its copy answers again."""
        with self._lock:
            self._known = {}

    def _ask(self, tables: Sequence[TableId]) -> Answers:
        try:
            answers = self._warehouse().facts(tables)
        except BigPatoError as error:
            return dict.fromkeys(tables, error)
        missing = WarehouseUnavailable("BigQuery did not answer")
        return {table: answers.get(table, missing) for table in tables}

    def _remember(
        self, table: TableId, answer: TableFacts | BigPatoError, asked: Moment, mark: int, generation: int
    ) -> None:
        before = self._known.get(table)
        if isinstance(answer, TableFacts):
            if before is None or before.asked.steady <= asked.steady:
                self._known[table] = LastCheck(answer, asked, mark, generation)
        elif not isinstance(answer, WarehouseUnavailable):
            self._known.pop(table, None)
        elif before is not None:
            self._known[table] = replace(before, unreachable=True)

    def _note_sightings(self, before: Mapping[TableId, TableFacts], answers: Answers) -> None:
        """A state that has ended was there until its last check; one that lasts is noted now and then."""
        ended = {t: f for t, f in before.items() if (now := answers[t]) and not _same_state(f, now)}
        lasting = {t: f for t, f in answers.items() if isinstance(f, TableFacts) and self._is_news(f)}
        self._note_seen(ended)
        self._note_seen(lasting)

    def _is_news(self, facts: TableFacts) -> bool:
        noted = self._noted.get(facts.id)
        return noted is None or not 0 <= (facts.checked_at - noted).total_seconds() < _NOTED_EVERY

    def _note_seen(self, states: Mapping[TableId, TableFacts]) -> None:
        sure = {table: facts for table, facts in states.items() if past.is_sighting(facts)}
        if self.sightings is not None and sure:
            self._noted |= {table: facts.checked_at for table, facts in sure.items()}
            self.sightings.note({table: (facts.version, facts.checked_at) for table, facts in sure.items()})

    def _seen(self, basis: Basis) -> datetime | None:
        return None if self.sightings is None else self.sightings.last(basis.table, basis.version)

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

    def known_fresh(
        self, copies: Sequence[TableCopy], max_staleness: float | None = None
    ) -> Mapping[TableId, Verdict] | None:
        """The verdicts by what is known already, where all copies may answer by it; None where BigQuery must be asked.

        Args:
            copies: that would answer.
            max_staleness: seconds, in place of the policy's.
        """
        limit = self._limit(max_staleness)
        verdicts = {} if limit == 0 else self._judged(copies, {}, self._clock(), limit, self._sight())
        fresh = all(verdicts.get(c.table, (None,))[0] is Freshness.FRESH for c in copies)
        return verdicts if fresh else None

    def check(
        self, copies: Sequence[TableCopy], max_staleness: float | None = None, offline: bool | None = None
    ) -> dict[TableId, Verdict]:
        """The verdict on each copy for a query that is asked now; BigQuery is asked where the last check is too old.

        Args:
            copies: that would answer.
            max_staleness: seconds, in place of the policy's.
            offline: copies may answer while BigQuery cannot be reached; None for what the policy says.

        Raises:
            TierError: the marks of other kernels cannot be read.
        """
        limit, asked = self._limit(max_staleness), self._clock()
        bases = _bases(copies)
        self._poller.touch([basis.table for basis in bases], limit)
        unsure = [basis.table for basis in self._unsure(bases, asked, limit)]
        return self._judged(copies, self.fetch(unsure), asked, limit, self._sight(offline))

    def _unsure(self, bases: Sequence[Basis], asked: Moment, limit: float) -> Sequence[Basis]:
        """Those of whose tables too little is known already."""
        if limit == 0 or not bases:
            return bases
        sight = self._sight()
        return [b for b in bases if self._judge(b, None, asked, limit, sight)[0] is not Freshness.FRESH]

    def _judged(
        self, copies: Iterable[TableCopy], answers: Answers, asked: Moment, limit: float, sight: Sight
    ) -> dict[TableId, Verdict]:
        """The verdict on each copy: the worst of those on its bases."""
        return {
            copy.table: verdict.worst(
                self._judge(basis, answers.get(basis.table), asked, limit, sight) for basis in copy.bases
            )
            for copy in copies
        }

    def judge(self, copy: TableCopy) -> Verdict:
        """The verdict by what is known already, whatever its age: for screens and plans, never for an answer."""
        sight = self._sight()
        return verdict.worst(self._judge_anyhow(basis, sight) for basis in copy.bases)

    def _judge_anyhow(self, basis: Basis, sight: Sight) -> Verdict:
        known = self._known.get(basis.table)
        if known is None:
            return Freshness.UNKNOWN, Reason("unchecked", f"{basis.table.table} has not been checked yet", basis.table)
        return self._verdict(basis, known, known.asked, math.inf, sight)

    def fresh_as_of(self, copies: Iterable[TableCopy]) -> tuple[datetime | None, datetime | None]:
        """Up to which instant the copies are known to equal their tables, and since when that is unverified (or None).

        Unverified is an answer that was given without BigQuery: the network is away, or nobody asked for an hour.
        """
        instants, unverified = [], []
        for basis in _bases(copies):
            known = self._known.get(basis.table)
            if basis.past is not None:
                instants.append(basis.past.low)
                continue
            certain = max(basis.as_of, known.facts.checked_at) if known and _equals(basis, known.facts) else basis.as_of
            instants.append(certain)
            if known is None or known.unreachable or self._clock().since(known.asked) > 3600:
                unverified.append(certain)
        return min(instants, default=None), min(unverified, default=None)

    def equal_until(self, copy: TableCopy, freshness: Freshness) -> datetime | None:
        """The instant up to which a copy is known to be its table's content, as screens show it."""
        if copy.past is not None and freshness is not Freshness.FRESH:
            return None
        # A check that finds a change does not make the copy equal its table until then.
        return copy.as_of if freshness is Freshness.STALE else self.fresh_as_of([copy])[0]

    def _limit(self, max_staleness: float | None) -> float:
        return float(self.policy.max_staleness if max_staleness is None else max_staleness)

    def _sight(self, offline: bool | None = None) -> Sight:
        marks = self.marks.all()  # first: only then the generation is theirs
        allowed = self.policy.offline if offline is None else offline
        return Sight(self._warehouse_now(), marks, self.marks.generation, allowed)

    def _judge(
        self,
        basis: Basis,
        answer: TableFacts | BigPatoError | None,
        asked: Moment,
        limit: float,
        sight: Sight,
    ) -> Verdict:
        known = self._known.get(basis.table)
        if isinstance(answer, WarehouseUnavailable) and sight.offline:
            limit = math.inf
        elif isinstance(answer, BigPatoError):
            return verdict.check(basis, answer, now=basis.as_of, max_staleness=limit)
        judged = self._verdict(basis, known, asked, limit, sight)
        if judged[0] is Freshness.FRESH and isinstance(answer, WarehouseUnavailable):
            since = basis.as_of if known is None else max(basis.as_of, known.facts.checked_at)
            return Freshness.FRESH, Reason("offline", f"unverified since {since:%Y-%m-%d %H:%M} UTC", basis.table)
        return judged

    def _verdict(self, basis: Basis, known: LastCheck | None, asked: Moment, limit: float, sight: Sight) -> Verdict:
        facts = known.facts if known else None
        if basis.past is not None:
            age = asked.since(known.asked) if known else math.inf
            return past.check(basis, basis.past, facts, seen=self._seen(basis), max_staleness=limit, age=age)
        return verdict.check(
            basis,
            facts,
            now=sight.now,
            max_staleness=limit,
            stale_marks=_marks_after(basis, known, sight),
            age=asked.since(known.asked) if known else None,
        )

    def close(self) -> None:
        """End the background checks; a query begins them again."""
        self._poller.stop()
        self._note_seen({table: known.facts for table, known in self._known.items()})


def _marks_after(basis: Basis, known: LastCheck | None, sight: Sight) -> list[StaleMark]:
    """Marks that the check has not seen; by the server's clock where nothing but the copy itself is known."""
    if known is not None and known.generation != sight.generation:
        return [StaleMark(0, "", "", None, "statement (its mark was lost)", basis.as_of)]
    running = [m for m in sight.marks if m.open and sight.now - m.at < StaleMarks.LONGEST_JOB]
    if known is None:
        return [m for m in sight.marks if m.at >= basis.as_of - verdict.SETTLED]
    return [m for m in sight.marks if m.number > known.mark or m in running]


def _same_state(old: TableFacts, now: TableFacts | BigPatoError) -> bool:
    return isinstance(now, WarehouseUnavailable) or (isinstance(now, TableFacts) and now.version == old.version)


def _bases(copies: Iterable[TableCopy]) -> list[Basis]:
    return [basis for copy in copies for basis in copy.bases]


def _equals(basis: Basis, facts: TableFacts) -> bool:
    """Whether the table was in this state when these facts were told; rows that are streamed tell of no version."""
    return not facts.streaming and verdict.difference(basis.version, facts.version) is None
