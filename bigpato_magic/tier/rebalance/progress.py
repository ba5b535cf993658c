"""How far a rebalance is as a whole: tables, bytes, and how long it still takes, where that can be told truly."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bigpato_magic.traits import format_size
from bigpato_magic.types import Plan, Promotion, Refresh, TableId, TransferEvent

_LEAST_SECONDS = 2.0
_LEAST_SHARE = 0.1
"""Of the whole that must have come before its pace says anything of the rest."""
_STALLED = 5.0
"""Seconds without news after which nothing is promised any more."""
_ENDS = ("done", "failed")
_IN_BYTES = ("download", "read")


@dataclass(slots=True)
class _Move:
    """One table on its way: its bytes by the plan, those that came, and when."""

    bytes: float
    share: float = 0.0
    begun: float | None = None
    ended: float | None = None
    streamed: bool = False

    @property
    def moved(self) -> float:
        return self.bytes * self.share

    def worked(self, now: float) -> float:
        """Seconds that tell how fast it goes; none where another notebook brought it, or it failed."""
        if self.begun is None or not (self.streamed or self.ended):
            return 0.0
        return (now if self.ended is None else self.ended) - self.begun


@dataclass(slots=True)
class JobProgress:
    """Hears the steps of one rebalance, and says how far all of it is.

    Args:
        moves: the tables that are to be brought, with their logical bytes.
        clock: steady seconds.
    """

    moves: Mapping[TableId, float]
    clock: Callable[[], float] = time.monotonic
    _moves: dict[TableId, _Move] = field(init=False)
    _note: str = ""
    _news: float = 0.0

    def __post_init__(self) -> None:
        self._moves = {table: _Move(float(size)) for table, size in self.moves.items()}

    @staticmethod
    def of(plan: Plan) -> JobProgress:
        """The progress of a plan that is about to be carried out."""
        moves: tuple[Promotion | Refresh, ...] = (*plan.promote, *plan.refresh)
        return JobProgress({move.facts.id: move.bytes for move in moves})

    def note(self, event: TransferEvent) -> None:
        """Take a step into account."""
        move = self._moves.get(event.table)
        if move is None:
            return
        self._note = event.message if event.stage == "wait" else ""
        if event.stage == "wait" or move.ended is not None:
            return
        self._news = self.clock()
        if event.stage in _ENDS:
            move.share, move.ended = 1.0, self._news
            move.begun = None if event.stage == "failed" else move.begun
            return
        move.begun = self._news if move.begun is None else move.begun
        if event.stage in _IN_BYTES:
            self._moved(move, event)

    def _moved(self, move: _Move, event: TransferEvent) -> None:
        whole = event.total or move.bytes
        move.share = max(move.share, min(0.99, event.done / whole)) if whole else 0.0
        move.streamed = event.stage == "read"

    @property
    def fraction(self) -> float | None:
        """Of the whole job, 0 to 1; None where nothing is to be brought."""
        if not self._moves:
            return None
        total = sum(move.bytes for move in self._moves.values())
        if not total:
            return self._done / len(self._moves)
        return sum(move.moved for move in self._moves.values()) / total

    def seconds_left(self) -> float | None:
        """Seconds that the rest takes at the pace so far; None where that would be a guess.

        A table that comes as a stream of rows is written as it comes, so its own pace tells. One that is extracted and
        downloaded is written afterwards: only tables that are done tell how long such a one takes.
        """
        now, moves = self.clock(), self._moves.values()
        timed = [m for m in moves if m.worked(now) > 0]
        worked, moved = sum(m.worked(now) for m in timed), sum(m.moved for m in timed)
        total = sum(m.bytes for m in moves)
        stalled = now - self._news > _STALLED
        if self._note or stalled or not moved or worked < _LEAST_SECONDS or moved < _LEAST_SHARE * total:
            return None
        return (total - sum(m.moved for m in moves)) / moved * worked

    @property
    def _done(self) -> int:
        return sum(move.ended is not None for move in self._moves.values())

    def __str__(self) -> str:
        if not self._moves:
            return ""
        done, total = self._done, sum(m.bytes for m in self._moves.values())
        parts = [f"{done} of {len(self._moves)} {'table' if len(self._moves) == 1 else 'tables'}"]
        if total:
            parts.append(_of(sum(m.moved for m in self._moves.values()), total))
        left = self.seconds_left()
        if left is not None and done < len(self._moves):
            parts.append(_about(left))
        return ", ".join([*parts, self._note] if self._note else parts)


def _of(part: float, whole: float) -> str:
    """`1.2 of 3.4 GiB`; both in the unit of the whole."""
    number, unit = format_size(whole).rsplit(" ", 1)
    scale = {"B": 0, "KiB": 1, "MiB": 2, "GiB": 3, "TiB": 4}[unit]
    return f"{part / 1024**scale:,.{1 if scale else 0}f} of {number} {unit}"


def _about(seconds: float) -> str:
    """No more digits than are true."""
    if seconds < 5:
        return "a few seconds left"
    if seconds < 90:
        return f"about {5 * round(seconds / 5)} s"
    return f"about {round(seconds / 60)} min"
