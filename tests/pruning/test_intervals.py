"""Sets of values: exact, whatever is done to them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bigpato_magic.pruning.intervals import BOUNDS, IntervalSet, at_least, at_most
from bigpato_magic.types import Kind

LOW, HIGH = BOUNDS[Kind.DATE]
SMALL = range(-12, 13)
VALUES = [*SMALL, LOW, LOW + 1, HIGH - 1, HIGH, None]

pieces = st.tuples(st.sampled_from(SMALL), st.sampled_from(SMALL)).map(lambda p: IntervalSet.between(Kind.DATE, *p))
leaves = st.one_of(pieces, st.just(IntervalSet.everything(Kind.DATE)), st.just(IntervalSet(Kind.DATE, nulls=True)))
domains = st.recursive(
    leaves, lambda d: st.one_of(st.tuples(d, d).map(lambda p: p[0] | p[1]), d.map(IntervalSet.complement)), max_leaves=6
)


@given(domains, domains)
def test_union_and_intersection_are_those_of_sets(a, b):
    for value in VALUES:
        assert (value in (a | b)) == (value in a or value in b)
        assert (value in (a & b)) == (value in a and value in b)


@given(domains)
def test_a_complement_has_exactly_what_the_set_has_not(a):
    assert all((value in a.complement()) == (value not in a) for value in VALUES)
    assert a.complement().complement() == a


@given(domains, st.sampled_from(SMALL), st.integers(0, 6))
def test_a_set_meets_an_interval_where_it_has_a_value_of_it(a, low, width):
    assert a.meets(low, low + width) == any(value in a for value in range(low, low + width + 1))


@given(st.integers(1, 7), st.integers(-10, 10), st.booleans())
def test_bisection_finds_where_a_function_reaches_a_bound(unit, bound, strictly):
    def rising(value):
        return value // unit

    above, below = (
        at_least(Kind.DATE, rising, bound, strictly=strictly),
        at_most(Kind.DATE, rising, bound, strictly=strictly),
    )
    for value in range(-90, 90):
        assert (value in above) == (rising(value) > bound if strictly else rising(value) >= bound)
        assert (value in below) == (rising(value) < bound if strictly else rising(value) <= bound)
    assert None not in above
    assert None not in below
