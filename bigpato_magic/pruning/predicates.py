"""For which values of one column a predicate may be true, and for which false. Both sets are never too small.

SQL's logic has three values: where a predicate is NULL it is neither, and a row is kept only where it is true. Each set
is a superset of the truth whatever the other columns are, so AND meets, OR joins, and NOT swaps the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from bigpato_magic.pruning.abstract import AbstractValue, Constant, Monotone, Range, Unknown
from bigpato_magic.pruning.evaluate import ColumnScope, evaluate
from bigpato_magic.pruning.intervals import IntervalSet, at_least, at_most
from bigpato_magic.resolved import tree
from bigpato_magic.types import Kind

Node = Any


@dataclass(frozen=True, slots=True)
class Truth:
    """Where a predicate may be true, and where it may be false."""

    true: IntervalSet
    false: IntervalSet

    def negated(self) -> Truth:
        """Where its negation may be true, and where false."""
        return Truth(self.false, self.true)


def truth(predicate: Node, scope: ColumnScope, kind: Kind) -> Truth:
    """Where a predicate may be true and false, over the values of a column of that kind.

    Args:
        predicate: an expression of type BOOL.
        scope: what its columns mean.
        kind: of the partitioning column.
    """
    predicate = tree.node(predicate)
    if tree.name(predicate) == "FunctionCall" and tree.enum(predicate, "error_mode") == "DEFAULT_ERROR_MODE":
        rule = _PREDICATES.get(tree.function_name(predicate))
        if rule:
            return rule([tree.node(a) for a in tree.get(predicate, "argument_list")], scope, kind)
    value = evaluate(predicate, scope)
    return _constant(value.value, kind) if isinstance(value, Constant) else _unknown(kind)


def _unknown(kind: Kind) -> Truth:
    return Truth(IntervalSet.everything(kind), IntervalSet.everything(kind))


def _constant(value: Any, kind: Kind) -> Truth:
    everything, nothing = IntervalSet.everything(kind), IntervalSet(kind)
    if value is None:
        return Truth(nothing, nothing)
    return Truth(everything, nothing) if value is True else Truth(nothing, everything)


# ------------------------------------------------------------------------------------------ connectives


def _and(arguments: Sequence[Node], scope: ColumnScope, kind: Kind) -> Truth:
    return _all([truth(argument, scope, kind) for argument in arguments], kind)


def _or(arguments: Sequence[Node], scope: ColumnScope, kind: Kind) -> Truth:
    return _any([truth(argument, scope, kind) for argument in arguments], kind)


def _all(parts: Sequence[Truth], kind: Kind) -> Truth:
    true, false = IntervalSet.everything(kind), IntervalSet(kind)
    for part in parts:
        true, false = true & part.true, false | part.false
    return Truth(true, false)


def _any(parts: Sequence[Truth], kind: Kind) -> Truth:
    return _all([part.negated() for part in parts], kind).negated()


def _not(arguments: Sequence[Node], scope: ColumnScope, kind: Kind) -> Truth:
    return truth(arguments[0], scope, kind).negated()


def _is_true(arguments: Sequence[Node], scope: ColumnScope, kind: Kind) -> Truth:
    """Never NULL: false wherever it is not surely true, which is not known."""
    return Truth(truth(arguments[0], scope, kind).true, IntervalSet.everything(kind))


def _is_false(arguments: Sequence[Node], scope: ColumnScope, kind: Kind) -> Truth:
    return Truth(truth(arguments[0], scope, kind).false, IntervalSet.everything(kind))


def _is_null(arguments: Sequence[Node], scope: ColumnScope, kind: Kind) -> Truth:
    value = evaluate(arguments[0], scope)
    if isinstance(value, Constant):
        return _constant(value.value is None, kind)
    if isinstance(value, Monotone):
        return Truth(IntervalSet(kind, nulls=True), IntervalSet.everything(kind, nulls=False))
    return _unknown(kind)


# ------------------------------------------------------------------------------------------ comparisons


def _compare(
    true: Callable[[Monotone, Range, Kind], IntervalSet],
    false: Callable[[Monotone, Range, Kind], IntervalSet],
    mirror: str,
) -> Callable[[Sequence[Node], ColumnScope, Kind], Truth]:
    """A comparison of the column (or a function of it) with what is the same for every row; `mirror` the other way."""

    def compare(arguments: Sequence[Node], scope: ColumnScope, kind: Kind) -> Truth:
        left, right = evaluate(arguments[0], scope), evaluate(arguments[1], scope)
        if _is_nothing(left) or _is_nothing(right):
            return _constant(None, kind)
        if isinstance(left, Constant | Range) and isinstance(right, Monotone):
            return _COMPARISONS[mirror](list(reversed(arguments)), scope, kind)
        bound = _bound(right)
        if bound is not None and _settled(left) and _settled(right):
            function = _as_function(left)
            return Truth(_of_all_rows(true(function, bound, kind)), _of_all_rows(false(function, bound, kind)))
        if isinstance(left, Monotone) and bound is not None:
            return Truth(true(left, bound, kind), false(left, bound, kind))
        return _unknown(kind)

    return compare


def _is_nothing(value: AbstractValue) -> bool:
    return isinstance(value, Constant) and value.value is None


def _orders(value: Any) -> bool:
    """Whether bisection can compare with a value: a number, and not NaN, which is equal to nothing; or a text."""
    return not isinstance(value, bytes | bool | list | tuple) and bool(value == value)


def _settled(value: AbstractValue) -> TypeGuard[Constant | Range]:
    """Whether it is the same for every row, and of a type that Python orders as BigQuery does: texts by their letters."""
    if isinstance(value, Constant):
        return type(value.value) in (int, str)
    return isinstance(value, Range) and type(value.low) in (int, str)


def _as_function(value: Constant | Range) -> Monotone:
    """What is the same for every row as a function of the column, which never falls."""
    low, high = (value.low, value.high) if isinstance(value, Range) else (value.value, value.value)
    return Monotone(lambda _: low, lambda _: high)


def _of_all_rows(domain: IntervalSet) -> IntervalSet:
    """Where what is the same for every row may be so: in all rows, those where the column is NULL too, or in none."""
    return IntervalSet.everything(domain.kind) if domain else domain


def _bound(value: AbstractValue) -> Range | None:
    """What a column can be compared with, from its least to its greatest."""
    if isinstance(value, Constant):
        return Range(value.value, value.value) if _orders(value.value) else None
    return value if isinstance(value, Range) else None


def _below(strictly: bool) -> Callable[[Monotone, Range, Kind], IntervalSet]:
    return lambda f, bound, kind: at_most(kind, f.low, bound.high, strictly=strictly)


def _above(strictly: bool) -> Callable[[Monotone, Range, Kind], IntervalSet]:
    return lambda f, bound, kind: at_least(kind, f.high, bound.low, strictly=strictly)


def _at(f: Monotone, bound: Range, kind: Kind) -> IntervalSet:
    return at_most(kind, f.low, bound.high) & at_least(kind, f.high, bound.low)


def _apart(f: Monotone, bound: Range, kind: Kind) -> IntervalSet:
    """All but where both functions are exactly there, if it is known where that is."""
    everything = IntervalSet.everything(kind, nulls=False)
    if bound.low != bound.high:
        return everything
    sure = at_most(kind, f.high, bound.low) & at_least(kind, f.low, bound.low)
    return sure.complement() & everything


_COMPARISONS: dict[str, Callable[[Sequence[Node], ColumnScope, Kind], Truth]] = {
    "$equal": _compare(_at, _apart, "$equal"),
    "$greater": _compare(_above(True), _below(False), "$less"),
    "$greater_or_equal": _compare(_above(False), _below(True), "$less_or_equal"),
    "$less": _compare(_below(True), _above(False), "$greater"),
    "$less_or_equal": _compare(_below(False), _above(True), "$greater_or_equal"),
    "$not_equal": _compare(_apart, _at, "$not_equal"),
}


def _between(arguments: Sequence[Node], scope: ColumnScope, kind: Kind) -> Truth:
    value, low, high = arguments
    above = _COMPARISONS["$greater_or_equal"]([value, low], scope, kind)
    return _all([above, _COMPARISONS["$less_or_equal"]([value, high], scope, kind)], kind)


def _in(arguments: Sequence[Node], scope: ColumnScope, kind: Kind) -> Truth:
    value, *options = arguments
    return _any([_COMPARISONS["$equal"]([value, option], scope, kind) for option in options], kind)


def _in_array(arguments: Sequence[Node], scope: ColumnScope, kind: Kind) -> Truth:
    """`x IN UNNEST(constant)`: false for an empty array, also where x is NULL."""
    value, array = evaluate(arguments[0], scope), evaluate(arguments[1], scope)
    if not isinstance(array, Constant) or not isinstance(array.value, list):
        return _unknown(kind)
    function = _as_function(value) if _settled(value) else value
    if not isinstance(function, Monotone):
        return _unknown(kind)
    true = IntervalSet(kind)
    for item in array.value:
        if item is not None:
            bound = _bound(Constant(item))
            true |= IntervalSet.everything(kind) if bound is None else _at(function, bound, kind)
    return Truth(_of_all_rows(true) if _settled(value) else true, IntervalSet.everything(kind))


def _distinct(arguments: Sequence[Node], scope: ColumnScope, kind: Kind) -> Truth:
    """`a IS DISTINCT FROM b`, in which NULL is a value like others."""
    values = [evaluate(argument, scope) for argument in arguments]
    if any(isinstance(value, Unknown) for value in values):
        return _unknown(kind)
    # What depends on the moment may be NULL (a zone is): nothing is said of it.
    for value, other in (values, values[::-1]):
        if isinstance(value, Monotone) and isinstance(other, Constant):
            if other.value is None:
                return Truth(IntervalSet.everything(kind, nulls=False), IntervalSet(kind, nulls=True))
            bound = _bound(other)
            if bound is not None:
                null = IntervalSet(kind, nulls=True)
                return Truth(_apart(value, bound, kind) | null, _at(value, bound, kind))
    return _unknown(kind)


def _not_distinct(arguments: Sequence[Node], scope: ColumnScope, kind: Kind) -> Truth:
    return _distinct(arguments, scope, kind).negated()


_PREDICATES: dict[str, Callable[[Sequence[Node], ColumnScope, Kind], Truth]] = {
    **_COMPARISONS,
    "$and": _and,
    "$between": _between,
    "$in": _in,
    "$in_array": _in_array,
    "$is_distinct_from": _distinct,
    "$is_false": _is_false,
    "$is_not_distinct_from": _not_distinct,
    "$is_null": _is_null,
    "$is_true": _is_true,
    "$not": _not,
    "$or": _or,
}
