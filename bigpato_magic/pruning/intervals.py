"""Sets of values of one column: closed intervals of whole numbers, and whether NULL is among them. Pure arithmetic.

Dates are days and instants are microseconds since 1970 UTC, so that every partitioning column's values are whole
numbers and a set of them is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bigpato_magic.types import Kind

Bounds = tuple[int, int]

BOUNDS: dict[Kind, Bounds] = {
    Kind.INT64: (-(2**63), 2**63 - 1),
    Kind.DATE: (-719_162, 2_932_896),
    Kind.DATETIME: (-62_135_596_800_000_000, 253_402_300_799_999_999),
    Kind.TIMESTAMP: (-62_135_596_800_000_000, 253_402_300_799_999_999),
}
"""The smallest and the largest value of each kind of partitioning column (years 1 to 9999)."""


@dataclass(frozen=True, slots=True)
class IntervalSet:
    """A set of values of a column of kind `kind`.

    Args:
        kind: INT64, DATE, DATETIME or TIMESTAMP.
        intervals: closed, sorted, apart from each other.
        nulls: NULL is in it.
    """

    kind: Kind
    intervals: tuple[Bounds, ...] = ()
    nulls: bool = False

    @classmethod
    def everything(cls, kind: Kind, *, nulls: bool = True) -> IntervalSet:
        """All values, with or without NULL."""
        return cls(kind, (BOUNDS[kind],), nulls)

    @classmethod
    def between(cls, kind: Kind, low: int, high: int) -> IntervalSet:
        """The values from `low` to `high`, both included; none if they are the wrong way round.

        Args:
            kind: of the column.
            low: the least, as a number of that kind (days of a DATE, microseconds of an instant).
            high: the greatest.
        """
        smallest, largest = BOUNDS[kind]
        low, high = max(low, smallest), min(high, largest)
        return cls(kind, ((low, high),) if low <= high else ())

    def __or__(self, other: IntervalSet) -> IntervalSet:
        return IntervalSet(self.kind, _joined((*self.intervals, *other.intervals)), self.nulls or other.nulls)

    def __and__(self, other: IntervalSet) -> IntervalSet:
        common = ((max(a, c), min(b, d)) for a, b in self.intervals for c, d in other.intervals)
        return IntervalSet(self.kind, _joined((a, b) for a, b in common if a <= b), self.nulls and other.nulls)

    def complement(self) -> IntervalSet:
        """All values that are not in this; NULL too, unless this has it."""
        low, largest = BOUNDS[self.kind]
        gaps = []
        for a, b in self.intervals:
            gaps.append((low, a - 1))
            low = b + 1
        gaps.append((low, largest))
        return IntervalSet(self.kind, tuple((a, b) for a, b in gaps if a <= b), not self.nulls)

    def __contains__(self, value: int | None) -> bool:
        return self.nulls if value is None else any(a <= value <= b for a, b in self.intervals)

    def meets(self, low: int, high: int) -> bool:
        """Whether a value from `low` to `high` is in it."""
        return any(a <= high and low <= b for a, b in self.intervals)

    def __bool__(self) -> bool:
        return bool(self.intervals) or self.nulls

    @property
    def is_everything(self) -> bool:
        """Whether it has every value and NULL, and so excludes no partition."""
        return self.nulls and self.intervals == (BOUNDS[self.kind],)


def _joined(intervals: Iterable[Bounds]) -> tuple[Bounds, ...]:
    joined: list[Bounds] = []
    for low, high in sorted(intervals):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return tuple(joined)


def at_least(kind: Kind, rising: Callable[[int], Any], bound: Any, *, strictly: bool = False) -> IntervalSet:
    """The values at which a function that never falls is at least (or above) `bound`, by bisection.

    Args:
        kind: of the column.
        rising: from a value of the column to what is compared; it never falls.
        bound: what it is compared with.
        strictly: above, not at.
    """
    low, high = BOUNDS[kind]
    end = high + 1
    while low < end:
        middle = (low + end) // 2
        reached = rising(middle) > bound if strictly else rising(middle) >= bound
        low, end = (low, middle) if reached else (middle + 1, end)
    return IntervalSet.between(kind, low, high)


def at_most(kind: Kind, rising: Callable[[int], Any], bound: Any, *, strictly: bool = False) -> IntervalSet:
    """The values at which a function that never falls is at most (or below) `bound`.

    Args:
        kind: of the column.
        rising: from a value of the column to what is compared; it never falls.
        bound: what it is compared with.
        strictly: below, not at.
    """
    above = at_least(kind, rising, bound, strictly=not strictly)
    return IntervalSet(kind, above.complement().intervals)
