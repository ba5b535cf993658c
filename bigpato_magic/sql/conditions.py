"""For which values of one column a predicate may be true, and for which false. Both sets are never too small.

SQL's logic has three values: where a predicate is NULL it is neither, and a row is kept only where it is true. Each set
is a superset of the truth whatever the other columns are, so AND meets, OR joins, and NOT swaps the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bigpato_magic.googlesql import tree
from bigpato_magic.sql.domains import Domain, at_least, at_most
from bigpato_magic.sql.folding import Scope, function_name, worth
from bigpato_magic.sql.worths import Anything, Between, Constant, Rising, Worth
from bigpato_magic.types import Kind

Node = Any


@dataclass(frozen=True, slots=True)
class Truth:
    """Where a predicate may be true, and where it may be false."""

    true: Domain
    false: Domain

    def negated(self) -> Truth:
        """Of NOT."""
        return Truth(self.false, self.true)


def truth(predicate: Node, scope: Scope, kind: Kind) -> Truth:
    """Where a predicate may be true and false, over the values of a column of that kind."""
    predicate = tree.node(predicate)
    if tree.name(predicate) == "FunctionCall" and tree.enum(predicate, "error_mode") == "DEFAULT_ERROR_MODE":
        found = _PREDICATES.get(function_name(predicate))
        if found:
            return found([tree.node(a) for a in tree.get(predicate, "argument_list")], scope, kind)
    value = worth(predicate, scope)
    return _constant(value.value, kind) if isinstance(value, Constant) else _unknown(kind)


def conjuncts(predicate: Node) -> list[Node]:
    """The parts of an AND, or the predicate alone."""
    predicate = tree.node(predicate)
    if tree.name(predicate) == "FunctionCall" and function_name(predicate) == "$and":
        return [part for argument in tree.get(predicate, "argument_list") for part in conjuncts(argument)]
    return [predicate]


def _unknown(kind: Kind) -> Truth:
    return Truth(Domain.everything(kind), Domain.everything(kind))


def _constant(value: Any, kind: Kind) -> Truth:
    everything, nothing = Domain.everything(kind), Domain(kind)
    if value is None:
        return Truth(nothing, nothing)
    return Truth(everything, nothing) if value is True else Truth(nothing, everything)


# ------------------------------------------------------------------------------------------ connectives


def _and(arguments: Sequence[Node], scope: Scope, kind: Kind) -> Truth:
    parts = [truth(argument, scope, kind) for argument in arguments]
    true, false = Domain.everything(kind), Domain(kind)
    for part in parts:
        true, false = true & part.true, false | part.false
    return Truth(true, false)


def _or(arguments: Sequence[Node], scope: Scope, kind: Kind) -> Truth:
    parts = [truth(argument, scope, kind) for argument in arguments]
    true, false = Domain(kind), Domain.everything(kind)
    for part in parts:
        true, false = true | part.true, false & part.false
    return Truth(true, false)


def _not(arguments: Sequence[Node], scope: Scope, kind: Kind) -> Truth:
    return truth(arguments[0], scope, kind).negated()


def _is_true(arguments: Sequence[Node], scope: Scope, kind: Kind) -> Truth:
    """Never NULL: false wherever it is not surely true, which is not known."""
    return Truth(truth(arguments[0], scope, kind).true, Domain.everything(kind))


def _is_false(arguments: Sequence[Node], scope: Scope, kind: Kind) -> Truth:
    return Truth(truth(arguments[0], scope, kind).false, Domain.everything(kind))


def _is_null(arguments: Sequence[Node], scope: Scope, kind: Kind) -> Truth:
    value = worth(arguments[0], scope)
    if isinstance(value, Constant):
        return _constant(value.value is None, kind)
    if isinstance(value, Rising):
        return Truth(Domain(kind, nulls=True), Domain.everything(kind, nulls=False))
    return _unknown(kind)


# ------------------------------------------------------------------------------------------ comparisons


def _compare(
    true: Callable[[Rising, Between, Kind], Domain], false: Callable[[Rising, Between, Kind], Domain], mirror: str
) -> Callable[[Sequence[Node], Scope, Kind], Truth]:
    """A comparison of the column (or a function of it) with what is the same for every row; `mirror` the other way."""

    def compare(arguments: Sequence[Node], scope: Scope, kind: Kind) -> Truth:
        left, right = worth(arguments[0], scope), worth(arguments[1], scope)
        if _is_nothing(left) or _is_nothing(right):
            return _constant(None, kind)
        if isinstance(left, Constant | Between) and isinstance(right, Rising):
            return _COMPARISONS[mirror](list(reversed(arguments)), scope, kind)
        bound = _bound(right)
        if isinstance(left, Rising) and bound is not None:
            return Truth(true(left, bound, kind), false(left, bound, kind))
        return _unknown(kind)

    return compare


def _is_nothing(value: Worth) -> bool:
    return isinstance(value, Constant) and value.value is None


def _orders(value: Any) -> bool:
    """NaN is equal to nothing, and bisection needs an order."""
    return not isinstance(value, str | bytes | bool | list | tuple) and bool(value == value)


def _bound(value: Worth) -> Between | None:
    """What a column can be compared with, from its least to its greatest."""
    if isinstance(value, Constant):
        return Between(value.value, value.value) if _orders(value.value) else None
    return value if isinstance(value, Between) else None


def _below(strictly: bool) -> Callable[[Rising, Between, Kind], Domain]:
    return lambda f, bound, kind: at_most(kind, f.low, bound.high, strictly=strictly)


def _above(strictly: bool) -> Callable[[Rising, Between, Kind], Domain]:
    return lambda f, bound, kind: at_least(kind, f.high, bound.low, strictly=strictly)


def _at(f: Rising, bound: Between, kind: Kind) -> Domain:
    return at_most(kind, f.low, bound.high) & at_least(kind, f.high, bound.low)


def _apart(f: Rising, bound: Between, kind: Kind) -> Domain:
    """All but where both functions are exactly there, if it is known where that is."""
    everything = Domain.everything(kind, nulls=False)
    if bound.low != bound.high:
        return everything
    sure = at_most(kind, f.high, bound.low) & at_least(kind, f.low, bound.low)
    return sure.complement() & everything


_COMPARISONS: dict[str, Callable[[Sequence[Node], Scope, Kind], Truth]] = {
    "$equal": _compare(_at, _apart, "$equal"),
    "$greater": _compare(_above(True), _below(False), "$less"),
    "$greater_or_equal": _compare(_above(False), _below(True), "$less_or_equal"),
    "$less": _compare(_below(True), _above(False), "$greater"),
    "$less_or_equal": _compare(_below(False), _above(True), "$greater_or_equal"),
    "$not_equal": _compare(_apart, _at, "$not_equal"),
}


def _between(arguments: Sequence[Node], scope: Scope, kind: Kind) -> Truth:
    value, low, high = arguments
    first = _COMPARISONS["$greater_or_equal"]([value, low], scope, kind)
    second = _COMPARISONS["$less_or_equal"]([value, high], scope, kind)
    return Truth(first.true & second.true, first.false | second.false)


def _in(arguments: Sequence[Node], scope: Scope, kind: Kind) -> Truth:
    value, *options = arguments
    parts = [_COMPARISONS["$equal"]([value, option], scope, kind) for option in options]
    true, false = Domain(kind), Domain.everything(kind)
    for part in parts:
        true, false = true | part.true, false & part.false
    return Truth(true, false)


def _in_array(arguments: Sequence[Node], scope: Scope, kind: Kind) -> Truth:
    """`x IN UNNEST(constant)`: false for an empty array, also where x is NULL."""
    value, array = worth(arguments[0], scope), worth(arguments[1], scope)
    if not isinstance(value, Rising) or not isinstance(array, Constant) or not isinstance(array.value, list):
        return _unknown(kind)
    true = Domain(kind)
    for item in array.value:
        if item is not None:
            bound = _bound(Constant(item))
            true |= Domain.everything(kind) if bound is None else _at(value, bound, kind)
    return Truth(true, Domain.everything(kind))


def _distinct(arguments: Sequence[Node], scope: Scope, kind: Kind) -> Truth:
    """IS DISTINCT FROM: NULL is a value like others."""
    values = [worth(argument, scope) for argument in arguments]
    if any(isinstance(value, Anything) for value in values):
        return _unknown(kind)
    # What depends on the moment may be NULL (a zone is): nothing is said of it.
    for value, other in (values, values[::-1]):
        if isinstance(value, Rising) and isinstance(other, Constant):
            if other.value is None:
                return Truth(Domain.everything(kind, nulls=False), Domain(kind, nulls=True))
            bound = _bound(other)
            if bound is not None:
                null = Domain(kind, nulls=True)
                return Truth(_apart(value, bound, kind) | null, _at(value, bound, kind))
    return _unknown(kind)


def _not_distinct(arguments: Sequence[Node], scope: Scope, kind: Kind) -> Truth:
    return _distinct(arguments, scope, kind).negated()


_PREDICATES: dict[str, Callable[[Sequence[Node], Scope, Kind], Truth]] = {
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
