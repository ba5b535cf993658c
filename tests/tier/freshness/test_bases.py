"""A kept relation answers only while every table that its query read is as it was: one is enough to take it away."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bigpato_magic.errors import PermissionDenied, TableNotFound, WarehouseUnavailable
from bigpato_magic.status import Status
from bigpato_magic.tier.files import manifest
from bigpato_magic.tier.freshness.facts import FactsCache
from bigpato_magic.tier.freshness.settings import FreshnessPolicy
from bigpato_magic.tier.journal.database import Database
from bigpato_magic.tier.journal.stale_marks import StaleMarks
from bigpato_magic.types import (
    Basis,
    Column,
    Freshness,
    Holding,
    Kind,
    Part,
    QuerySource,
    SqlType,
    TableCopy,
    TableFacts,
    TableId,
    TableKind,
    TableVersion,
)

from .test_facts import Clock
from .test_verdict import COLUMNS, FACTS, HOUR, NOW, VERSION, T

U = TableId("p", "d", "u")
OTHER = TableFacts(U, replace(VERSION, etag="u1", rows=3), COLUMNS, NOW - HOUR)
BASES = (
    Basis(replace(FACTS, checked_at=NOW - HOUR), frozenset({"a"}), NOW - HOUR),
    Basis(OTHER, frozenset({"a"}), NOW - HOUR),
)
SOURCE = QuerySource("digest", ("c0", "c1"), None, BASES, "SELECT …\udcff", 10_485_760, 1.5)
K = TableId("p", "", "kept_0123456789abcdef")
OUTPUTS = (Column("c0", SqlType(Kind.INT64)), Column("c1", SqlType(Kind.NUMERIC)))
KEPT = TableCopy(
    "k1",
    K,
    TableVersion(None, NOW - HOUR, NOW - HOUR, 2, 16, "s"),
    OUTPUTS,
    Holding(frozenset({"c0", "c1"})),
    (Part(Path("/x/parts/a.duckdb"), 2, 100, "xxh3:0"),),
    NOW - HOUR,
    "me",
    source=SOURCE,
)
NOW_FACTS = {T: FACTS, U: replace(OTHER, checked_at=NOW)}


class Told:
    """A warehouse that says of each table what it is told to, and notes who was asked about."""

    project, location, principal = "p", None, "me"

    def __init__(self):
        self.answers, self.asked = dict(NOW_FACTS), []

    def now(self):
        return NOW

    def facts(self, tables):
        self.asked.append(list(tables))
        return {table: self.answers[table] for table in tables}

    def change(self, table=U, **changes):
        old = self.answers[table]
        self.answers[table] = replace(old, version=replace(old.version, **changes))


@pytest.fixture
def world(tmp_path):
    warehouse, clock, marks = Told(), Clock(), StaleMarks(Database(tmp_path))
    return FactsCache(lambda: warehouse, Status(), marks, FreshnessPolicy(poll=False), clock=clock), warehouse, clock


def verdict(cache, copies=(KEPT,), **more):
    return cache.check(list(copies), **more)[K]


def test_it_is_fresh_while_all_its_tables_are_as_they_were_and_each_is_asked_once(world):
    cache, warehouse, _ = world
    copy = replace(KEPT, id="c", table=T, version=VERSION, columns=COLUMNS, source=None)
    found = cache.check([KEPT, copy], 0)
    assert found == {K: (Freshness.FRESH, None), T: (Freshness.FRESH, None)}
    assert warehouse.asked == [[T, U]]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rows": 4}, "u has 1 row more than when it was copied"),
        ({"etag": "u2"}, "u has changed"),
        ({"created": NOW - HOUR}, "u was deleted and created again"),
        ({"schema_digest": "x"}, "u has another schema now"),
        ({"kind": TableKind.VIEW}, "u is a view now"),
    ],
)
def test_one_table_that_changes_takes_it_away(world, changes, said):
    cache, warehouse, _ = world
    warehouse.change(**changes)
    found, reason = verdict(cache)
    assert found is Freshness.STALE
    assert said in reason.message
    assert reason.table == U


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (replace(OTHER, row_policies=True), "row-level access policy"),
        (replace(OTHER, columns=(replace(COLUMNS[0], policy_tagged=True), COLUMNS[1])), "policy tag on a"),
        (replace(OTHER, location="EU"), "another table of the same name"),
        (TableNotFound("no"), "does not exist any more"),
        (PermissionDenied("no"), "may not be seen any more"),
    ],
)
def test_one_table_that_may_not_be_seen_so_any_more_takes_it_away(world, answer, said):
    cache, warehouse, _ = world
    warehouse.answers[U] = answer
    found, reason = verdict(cache)
    assert (found, reason.code) == (Freshness.STALE, "gone")
    assert said in reason.message


def test_a_policy_tag_on_a_column_that_was_not_read_does_not_matter(world):
    cache, warehouse, _ = world
    warehouse.answers[U] = replace(OTHER, columns=(COLUMNS[0], replace(COLUMNS[1], policy_tagged=True)))
    assert verdict(cache)[0] is Freshness.FRESH


def test_rows_that_stream_into_one_table_make_it_unsure(world):
    cache, warehouse, _ = world
    warehouse.answers[U] = replace(NOW_FACTS[U], streaming=True)
    found, reason = verdict(cache)
    assert (found, reason.code) == (Freshness.UNKNOWN, "streaming")
    assert verdict(cache, max_staleness=3601)[0] is Freshness.FRESH


def test_what_is_stale_is_told_before_what_is_unsure(world):
    cache, warehouse, _ = world
    warehouse.answers[T] = replace(FACTS, streaming=True)
    warehouse.change(rows=4)
    assert verdict(cache)[0] is Freshness.STALE


def test_only_the_tables_whose_checks_are_too_old_are_asked_again(world):
    cache, warehouse, clock = world
    cache.fetch([T])
    clock.sleep(50)
    assert verdict(cache, max_staleness=60)[0] is Freshness.FRESH
    clock.sleep(20)
    assert cache.known_fresh([KEPT], 60) is None
    assert verdict(cache, max_staleness=60)[0] is Freshness.FRESH
    assert warehouse.asked == [[T], [U], [T]]
    assert cache.known_fresh([KEPT], 60) == {K: (Freshness.FRESH, None)}


def test_a_mark_of_another_kernel_on_one_table_voids_the_check(world, tmp_path):
    cache, warehouse, _ = world
    assert verdict(cache, max_staleness=3600)[0] is Freshness.FRESH
    StaleMarks(Database(tmp_path)).add([U], statement="MERGE", at=NOW)
    assert cache.known_fresh([KEPT], 3600) is None
    found, reason = cache.judge(KEPT)
    assert found is Freshness.STALE
    assert "MERGE" in reason.message
    assert verdict(cache, max_staleness=3600)[0] is Freshness.FRESH
    assert warehouse.asked == [[T, U], [U]]


def test_a_clock_that_is_set_back_hides_no_age(world):
    cache, _, clock = world
    assert verdict(cache, max_staleness=60)[0] is Freshness.FRESH
    clock.sleep(7200, wall=-7200)
    assert cache.known_fresh([KEPT], 60) is None
    clock.sleep(1, wall=7200)
    assert cache.known_fresh([KEPT], 60) is None


def test_offline_it_answers_whom_that_is_allowed_and_says_since_when_the_oldest_is_unverified(world):
    cache, warehouse, _ = world
    assert verdict(cache)[0] is Freshness.FRESH
    warehouse.answers = dict.fromkeys((T, U), WarehouseUnavailable("no network"))
    assert verdict(cache)[0] is Freshness.UNKNOWN
    cache.policy.offline = True
    assert verdict(cache)[1].code == "offline"
    assert cache.fresh_as_of([KEPT]) == (NOW, NOW)
    cache.forget()
    found, reason = verdict(cache)
    assert found is Freshness.FRESH
    assert "2026-03-01 11:00" in reason.message


def test_offline_what_was_seen_to_have_changed_does_not_answer(world):
    cache, warehouse, _ = world
    cache.policy.offline = True
    warehouse.change(rows=9)
    assert verdict(cache)[0] is Freshness.STALE
    warehouse.answers = dict.fromkeys((T, U), WarehouseUnavailable("no network"))
    assert verdict(cache)[0] is Freshness.STALE


def test_it_is_fresh_as_of_the_oldest_check_of_its_tables(world):
    cache, warehouse, _ = world
    warehouse.answers[U] = replace(OTHER, checked_at=NOW - timedelta(minutes=5))
    verdict(cache)
    assert cache.fresh_as_of([KEPT])[0] == NOW - timedelta(minutes=5)


def test_what_rests_on_nothing_is_not_known_to_be_fresh(world):
    cache, _, _ = world
    nothing = replace(KEPT, source=replace(SOURCE, bases=()))
    assert verdict(cache, [nothing])[0] is Freshness.UNKNOWN
    assert cache.judge(nothing)[0] is Freshness.UNKNOWN


def test_a_manifest_says_all_of_a_kept_relation():
    assert manifest.loads(manifest.dumps(KEPT), Path("/x/parts")) == KEPT


def test_a_manifest_of_an_earlier_version_is_a_tables():
    copy = replace(KEPT, source=None)
    content = json.loads(manifest.dumps(copy))
    del content["copy"]["source"]
    content["sha256"] = manifest._digest(content["copy"])
    assert manifest.loads(json.dumps(content), Path("/x/parts")) == copy
