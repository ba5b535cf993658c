"""Kept answers in the simulator's world: which are held, for how long, and which make room.

An answer of BigQuery is kept, and given again for nothing while none of its tables has changed. Together they take a
quarter of the budget at most, and only room that copies leave free: a table never makes way for them. What each is worth
is what the product's own `policy.kept` says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.policy_world import PRICES, Query, Table, Tally, cloud_seconds, instant
from bigpato_magic.tier.keeping.settings import Keep
from bigpato_magic.tier.policy import kept, score
from bigpato_magic.tier.policy.kept import KeptUse
from bigpato_magic.types import Holding, Part, QuerySource, TableCopy, TableId, TableVersion

MIB = 2**20

SHARE: float = Keep.share.default_value
"""Of the budget, that all kept answers together may take."""

LARGEST: float = Keep.largest.default_value
"""Bytes of one kept answer at most."""

HOLD_FOR: float = Keep.hold_for.default_value
"""Seconds since its last use, after which a kept answer goes."""

ESTIMATE = 0.001
"""Bytes of an answer for each byte that its query reads, where a trace does not tell: most answers are groups or samples."""

SMALLEST_ESTIMATE, LARGEST_ESTIMATE = 64 * 2**10, 16 * MIB
"""Bytes of an estimate, at least and at most: a file on disk has a least size, and a guess is no reason not to keep."""


def answer_bytes(query: Query) -> float:
    """Bytes of a query's answer: what the trace says, else the estimate."""
    if query.answer is not None:
        return query.answer
    return min(max(SMALLEST_ESTIMATE, ESTIMATE * query.bytes), LARGEST_ESTIMATE)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """One answer that is held.

    Args:
        relation: as the product sees it.
        states: of the tables that it rests on, as they were.
    """

    relation: TableCopy
    states: Mapping[str, tuple[int, int]]


def kept_answer(query: Query, states: Mapping[str, tuple[int, int]]) -> KeptAnswer:
    """A query's answer in the product's types."""
    at, size = instant(query.t), int(answer_bytes(query))
    billed = sum(score.billed(read.bytes, PRICES) for read in query.reads.values())
    source = QuerySource(query.name, (), None, (), "", billed, cloud_seconds(query.reads))
    table, version = TableId("p", "", query.name), TableVersion("", at, at, 0, size, "")
    part = Part(Path("x"), 0, size, "")
    copy = TableCopy(query.name, table, version, (), Holding(frozenset()), (part,), at, "", source=source)
    return KeptAnswer(copy, states)


@dataclass(slots=True)
class KeptAnswers:
    """One user's kept answers.

    Args:
        tables: as they are now.
        budget: bytes, of copies and kept answers together.
        tally: of what happens.
        room: bytes that copies leave free.
        held: by the name of their text; an answer takes the place of an older one.
        uses: of each name, also of answers that have gone.
    """

    tables: Mapping[str, Table]
    budget: float
    tally: Tally
    room: float = field(init=False)
    held: dict[str, KeptAnswer] = field(default_factory=dict)
    uses: dict[str, KeptUse] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.room = self.budget

    @property
    def taken(self) -> float:
        """Bytes that are held."""
        return sum(answer.relation.bytes for answer in self.held.values())

    def answers(self, query: Query) -> bool:
        """Whether one is held that answers this query; if so, that was a use of it."""
        self.tally.asked += 1
        self._forget(query.t)
        if query.name not in self.held:
            return False
        self._use(query)
        return True

    def _use(self, query: Query) -> None:
        now, before = instant(query.t), self.uses.get(query.name)
        self.uses[query.name] = before.again(now, 0.0) if before else KeptUse(now)

    def keep(self, query: Query) -> None:
        """BigQuery answered: the answer is kept, if it has a name, is not too large, and others are worth less."""
        if not query.name or answer_bytes(query) > min(LARGEST, SHARE * self.budget):
            return
        self._use(query)
        answer = kept_answer(query, {name: self.tables[name].state for name in query.reads})
        [newcomer] = kept.weigh([answer.relation], self.uses, instant(query.t), PRICES)
        if not self._free(newcomer.bytes, newcomer.density, query.t):
            return
        self.held[query.name] = answer
        self.tally.kept += 1
        self.tally.estimated += query.answer is None
        self.tally.most = max(self.tally.most, self.taken)

    def fit(self, room: float, now: float) -> None:
        """Copies leave so much room: what answers no more goes, then the least worth for its size."""
        self.room = room
        self._forget(now)
        self._free(0, math.inf, now)

    def _free(self, size: float, density: float, now: float) -> bool:
        """See that so much more fits; what is worth less for its size goes for it."""
        missing = self.taken + size - min(SHARE * self.budget, self.room)
        relations = [answer.relation for answer in self.held.values()]
        for one in kept.weigh(relations, self.uses, instant(now), PRICES) if missing > 0 else ():
            if missing <= 0 or one.density >= density:
                break
            del self.held[one.copy.table.table]
            missing -= one.bytes
            self.tally.evicted += 1
        return missing <= 0

    def _forget(self, now: float) -> None:
        """What can never answer again goes: a table has changed, or nobody asked for it for too long."""
        relations = [answer.relation for answer in self.held.values()]
        idle = kept.idle(relations, self.uses, instant(now - HOLD_FOR))
        changed = [name for name, answer in self.held.items() if not self._is_now(answer)]
        for name in {*changed, *(copy.table.table for copy in idle)}:
            del self.held[name]

    def _is_now(self, answer: KeptAnswer) -> bool:
        return all(self.tables[name].state == state for name, state in answer.states.items())
