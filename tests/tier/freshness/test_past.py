"""What speaks against a copy as of an instant in the past, in words that are true."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bigpato_magic.tier.freshness import past
from bigpato_magic.types import Basis, Freshness, Instants, TableKind

from .test_verdict import FACTS, HOUR, NOW, VERSION

BASIS = Basis(replace(FACTS, checked_at=NOW - HOUR), frozenset({"a"}), NOW - HOUR)
THEN = Instants(NOW - HOUR / 2, NOW - HOUR / 2)


def judged(basis=BASIS, facts=FACTS, seen=NOW):
    return past.check(basis, THEN, facts, seen=seen, max_staleness=0.0, age=0.0)


def test_a_copy_is_its_table_of_then_where_it_was_seen_so_afterwards():
    assert judged() == (Freshness.FRESH, None)


@pytest.mark.parametrize(
    ("change", "freshness", "why"),
    [
        ({"created": NOW - timedelta(minutes=1)}, Freshness.STALE, "was deleted and created again"),
        ({"created": None}, Freshness.UNKNOWN, "nobody says when"),
        ({"schema_digest": "other"}, Freshness.STALE, "has another schema now"),
        ({"kind": TableKind.VIEW}, Freshness.STALE, "is a view now"),
    ],
)
def test_what_the_table_is_now_may_speak_against_it(change, freshness, why):
    verdict, reason = judged(facts=replace(FACTS, version=replace(VERSION, **change)))
    assert verdict is freshness
    assert why in reason.message


def test_a_state_that_nobody_has_seen_after_then_proves_nothing():
    changed = replace(FACTS, version=replace(VERSION, etag="later", modified=NOW))
    verdict, reason = judged(facts=changed, seen=THEN.high)
    assert verdict is Freshness.UNKNOWN
    assert "nobody looked after that before it changed" in reason.message
