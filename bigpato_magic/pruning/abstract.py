"""Abstract values: what is known of an expression in every row, and what functions make of that. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is the same for every row; None is NULL. Dates are days, instants microseconds."""

    value: Any


@dataclass(frozen=True, slots=True)
class Monotone:
    """A value that is NULL exactly where the column is, and otherwise between two functions of it that never fall.

    Both are the same function but for what a time zone leaves open.
    """

    low: Callable[[int], Any]
    high: Callable[[int], Any]

    def through(self, function: Callable[[Any], Any]) -> Monotone:
        """The same after another function that never falls."""
        low, high = self.low, self.high
        if low is high:
            both = lambda c: function(low(c))  # noqa: E731
            return Monotone(both, both)
        return Monotone(lambda c: function(low(c)), lambda c: function(high(c)))

    def within(self, below: Any, above: Any) -> Monotone:
        """The same, with its lower bound less by `below`, and its upper one more by `above`."""
        low, high = self.low, self.high
        return Monotone(lambda c: low(c) - below, lambda c: high(c) + above)


@dataclass(frozen=True, slots=True)
class Range:
    """A value that is the same for every row and somewhere from `low` to `high`: what depends on the moment of the run.

    It may be NULL only where a comparison with it may be NULL too.
    """

    low: Any
    high: Any

    def through(self, function: Callable[[Any], Any]) -> AbstractValue:
        """The same after a function that never falls."""
        low, high = constant(function, self.low), constant(function, self.high)
        return Range(low.value, high.value) if isinstance(low, Constant) and isinstance(high, Constant) else UNKNOWN


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value of which nothing is known."""


AbstractValue = Constant | Range | Monotone | Unknown
UNKNOWN = Unknown()
IDENTITY = Monotone(*([lambda c: c] * 2))


def apply(function: Callable[[Any], Any] | None, argument: AbstractValue, *, rises: bool = True) -> AbstractValue:
    """What `function` makes of a value: a constant of a constant, and of what varies only where it never falls.

    Args:
        function: of a value that is not NULL; None where there is none.
        argument: what is known of its argument.
        rises: it never falls.
    """
    if function is None:
        return UNKNOWN
    if isinstance(argument, Constant):
        return constant(function, argument.value)
    return argument.through(function) if isinstance(argument, Monotone | Range) and rises else UNKNOWN


def constant(function: Callable[..., Any], *values: Any) -> AbstractValue:
    """What `function` makes of constants; NULL of NULL, and nothing is known where it fails."""
    if any(value is None for value in values):
        return Constant(None)
    try:
        return Constant(function(*values))
    except (ValueError, OverflowError, ArithmeticError):
        return UNKNOWN


def constants(function: Callable[..., Any], arguments: Sequence[AbstractValue]) -> AbstractValue:
    """The same where all arguments are constants; otherwise nothing is known."""
    values = [a.value for a in arguments if isinstance(a, Constant)]
    return constant(function, *values) if len(values) == len(arguments) else UNKNOWN
