"""What kept relations are worth beside one another, and which of them nobody asks for. Pure.

The rule is GreedyDual-Size-Frequency: frequency × cost / size (L. Cherkasova, HP Laboratories HPL-98-69R1, 1998), where
the cost is what the query billed and how long it took. In place of that rule's clock, which every eviction moves on and
all kernels would have to share, the frequency decays with time, as in LRFU (D. Lee et al., IEEE Trans. Computers 50,
2001) and as the use of tables does here. What a copy is worth does not come in: copies have the room first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bigpato_magic.tier.policy.score import HALF_LIFE, Account, Prices, query_price
from bigpato_magic.types import TableCopy


@dataclass(frozen=True, slots=True)
class KeptUse:
    """How much a kept relation is used, over all kernels of the tier.

    Args:
        last_used: instant of the last use; of its keeping, where there was none.
        weight: decayed number of times that it was asked for, its keeping included.
        uses: answers that it gave, ever.
        not_billed: bytes that these did not bill, ever.
    """

    last_used: datetime
    weight: float = 1.0
    uses: int = 0
    not_billed: float = 0.0

    def at(self, now: datetime, half_life: float = HALF_LIFE) -> KeptUse:
        """As it weighs at a later instant: half after every half-life (seconds)."""
        seconds = max(0.0, (now - self.last_used).total_seconds())
        return replace(self, weight=self.weight * 0.5 ** (seconds / half_life))

    def again(self, now: datetime, not_billed: float) -> KeptUse:
        """After one more answer, which did not bill so many bytes."""
        before = self.at(now)
        return KeptUse(now, before.weight + 1, self.uses + 1, self.not_billed + not_billed)


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept relation, and the dollars that holding it is expected to save."""

    copy: TableCopy
    worth: float

    @property
    def bytes(self) -> int:
        """On the disk."""
        return self.copy.bytes

    @property
    def density(self) -> float:
        """Dollars a byte: who has the least goes first."""
        return self.worth / max(1, self.bytes)


def worth(copy: TableCopy, use: KeptUse | None, now: datetime, prices: Prices) -> float:
    """Dollars that a kept relation is expected to save if it is asked for as it was, over the days that a habit lasts.

    Args:
        copy: the kept relation.
        use: of it, None where nothing is known: as if it had been kept when its tables were looked at.
        now: by the server's clock.
        prices: of queries and time.
    """
    if copy.source is None:
        return 0.0
    spared = max(0.0, copy.source.seconds - prices.local_seconds)
    once = Account(query_price(copy.source.bytes_billed, prices), spared)
    return (use or KeptUse(copy.as_of)).at(now).weight * once.worth(prices)


def weigh(
    copies: Iterable[TableCopy],
    uses: Mapping[str, KeptUse],
    now: datetime,
    prices: Prices,
    lost: Iterable[str] = (),
) -> tuple[Kept, ...]:
    """What each is worth, the least per byte first.

    Args:
        copies: kept relations.
        uses: by the name of its invented table.
        now: by the server's clock.
        prices: of queries and time.
        lost: ids of those that answer no more, because a table has changed or a newer one is there: worth nothing.
    """
    nothing = frozenset(lost)
    weighed = [
        Kept(c, 0.0 if c.id in nothing else worth(c, uses.get(c.table.table), now, prices))
        for c in copies
        if c.source is not None
    ]
    return tuple(sorted(weighed, key=lambda kept: (kept.density, kept.copy.as_of, kept.copy.id)))


def idle(copies: Sequence[TableCopy], uses: Mapping[str, KeptUse], before: datetime) -> tuple[TableCopy, ...]:
    """Those that nobody has asked for since an instant."""
    return tuple(c for c in copies if c.source is not None and _last(c, uses.get(c.table.table)) < before)


def _last(copy: TableCopy, use: KeptUse | None) -> datetime:
    return max(copy.as_of, use.last_used) if use else copy.as_of
