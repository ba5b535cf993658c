"""What an expression can be known to be worth, and what functions make of that. Pure; `folding` finds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is the same for every row; None is NULL. Dates are days, instants microseconds."""

    value: Any


@dataclass(frozen=True, slots=True)
class Rising:
    """A value that is NULL exactly where the column is, and otherwise between two functions of it that never fall.

    Both are the same function but for what a time zone leaves open.
    """

    low: Callable[[int], Any]
    high: Callable[[int], Any]

    def through(self, function: Callable[[Any], Any]) -> Rising:
        """The same after another function that never falls."""
        low, high = self.low, self.high
        if low is high:
            both = lambda c: function(low(c))  # noqa: E731
            return Rising(both, both)
        return Rising(lambda c: function(low(c)), lambda c: function(high(c)))

    def within(self, below: Any, above: Any) -> Rising:
        """The same, with so much left open."""
        low, high = self.low, self.high
        return Rising(lambda c: low(c) - below, lambda c: high(c) + above)


@dataclass(frozen=True, slots=True)
class Between:
    """A value that is the same for every row and somewhere from `low` to `high`: what depends on the moment of the run.

    It may be NULL only where a comparison with it may be NULL too.
    """

    low: Any
    high: Any

    def through(self, function: Callable[[Any], Any]) -> Worth:
        """The same after a function that never falls."""
        low, high = constant(function, self.low), constant(function, self.high)
        return Between(low.value, high.value) if isinstance(low, Constant) and isinstance(high, Constant) else ANYTHING


@dataclass(frozen=True, slots=True)
class Anything:
    """Nothing is known."""


Worth = Constant | Between | Rising | Anything
ANYTHING = Anything()
IDENTITY = Rising(*([lambda c: c] * 2))


def apply(function: Callable[[Any], Any] | None, argument: Worth, *, rises: bool = True) -> Worth:
    """What `function` makes of it; it never falls, unless `rises` is False."""
    if function is None:
        return ANYTHING
    if isinstance(argument, Constant):
        return constant(function, argument.value)
    return argument.through(function) if isinstance(argument, Rising | Between) and rises else ANYTHING


def constant(function: Callable[..., Any], *values: Any) -> Worth:
    """What `function` makes of constants; NULL of NULL, and nothing is known where it fails."""
    if any(value is None for value in values):
        return Constant(None)
    try:
        return Constant(function(*values))
    except (ValueError, OverflowError, ArithmeticError):
        return ANYTHING


def constants(function: Callable[..., Any], arguments: Sequence[Worth]) -> Worth:
    """The same where all arguments are constants; otherwise nothing is known."""
    values = [a.value for a in arguments if isinstance(a, Constant)]
    return constant(function, *values) if len(values) == len(arguments) else ANYTHING
