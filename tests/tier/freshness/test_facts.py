"""Checks and their age: what was asked before a change says nothing after it."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bigpato_magic.errors import WarehouseUnavailable
from bigpato_magic.status import Status
from bigpato_magic.tier.freshness.facts import FactsCache, Moment
from bigpato_magic.tier.freshness.settings import FreshnessPolicy
from bigpato_magic.tier.journal.database import Database
from bigpato_magic.tier.journal.stale_marks import StaleMarks
from bigpato_magic.types import Freshness, TableId

from .test_verdict import COPY, FACTS, NOW, T, other


class Asked:
    """A warehouse that says what it is told to, and counts."""

    project, location, principal = "p", None, "me"

    def __init__(self, answer=FACTS):
        self.answer, self.calls, self.during, self.event = answer, 0, None, threading.Event()

    def now(self):
        return NOW

    def facts(self, tables):
        self.calls += 1
        if self.during:
            self.during()
        self.event.set()
        return dict.fromkeys(tables, self.answer)


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.steady = self.wall = 1000.0

    def __call__(self):
        return Moment(self.steady, self.wall)

    def sleep(self, seconds, *, wall=None):
        self.steady += seconds
        self.wall += seconds if wall is None else wall


@pytest.fixture
def world(tmp_path):
    warehouse, clock = Asked(), Clock()
    marks = StaleMarks(Database(tmp_path))
    policy = FreshnessPolicy(poll=False)
    return FactsCache(lambda: warehouse, Status(), marks, policy, clock=clock), warehouse, clock, marks


def fresh(cache, **more):
    return cache.check([COPY], **more)[T][0] is Freshness.FRESH


def test_zero_asks_for_every_query(world):
    cache, warehouse, _, _ = world
    assert cache.known_fresh([COPY]) is None
    assert fresh(cache)
    assert fresh(cache)
    assert warehouse.calls == 2


def test_within_max_staleness_nobody_is_asked_again(world):
    cache, warehouse, clock, _ = world
    assert fresh(cache, max_staleness=60)
    clock.sleep(60)
    assert cache.known_fresh([COPY], 60) == {T: (Freshness.FRESH, None)}
    clock.sleep(1)
    assert cache.known_fresh([COPY], 60) is None
    assert fresh(cache, max_staleness=60)
    assert warehouse.calls == 2


@pytest.mark.parametrize(("steady", "wall"), [(1.0, 7200.0), (7200.0, 1.0), (7200.0, -7200.0)])
def test_neither_sleep_nor_a_clock_that_is_set_hides_age(world, steady, wall):
    cache, warehouse, clock, _ = world
    assert fresh(cache, max_staleness=60)
    clock.sleep(steady, wall=wall)
    assert cache.known_fresh([COPY], 60) is None
    warehouse.answer = other(rows=11)
    assert not fresh(cache, max_staleness=60)


def test_a_mark_of_another_kernel_voids_the_check_until_it_is_made_again(world, tmp_path):
    cache, warehouse, _, _ = world
    assert fresh(cache, max_staleness=3600)
    elsewhere = StaleMarks(Database(tmp_path))
    elsewhere.add([T], statement="DELETE", at=NOW + timedelta(seconds=1))
    assert cache.known_fresh([COPY], 3600) is None
    assert fresh(cache, max_staleness=3600)
    assert warehouse.calls == 2


def test_a_statement_that_ends_while_the_server_is_asked_voids_the_answer(world):
    cache, warehouse, _, marks = world
    warehouse.during = lambda: marks.add([T], statement="UPDATE", at=NOW)
    assert not fresh(cache, max_staleness=3600)
    warehouse.during = None
    assert fresh(cache, max_staleness=3600)


def test_a_lost_file_of_marks_voids_all_that_was_known(world, tmp_path):
    cache, warehouse, _, marks = world
    assert fresh(cache, max_staleness=3600)
    for path in tmp_path.glob("tier.sqlite*"):
        path.unlink()
    assert marks.all() == ()
    assert cache.known_fresh([COPY], 3600) is None
    assert fresh(cache, max_staleness=3600)
    assert warehouse.calls == 2


def test_a_damaged_file_is_put_aside_and_begun_anew(tmp_path):
    (tmp_path / "tier.sqlite").write_bytes(b"this is no database, and long enough to be looked at" * 100)
    marks = StaleMarks(Database(tmp_path))
    marks.add(None, at=NOW)
    assert marks.all()[0].touches(T)
    assert (tmp_path / "tier.sqlite.damaged").exists()


def test_the_file_is_for_its_owner_alone(tmp_path):
    (tmp_path / "tier").mkdir(mode=0o700)
    StaleMarks(Database(tmp_path / "tier")).add([T], at=NOW)
    for path in (tmp_path / "tier").iterdir():
        assert path.stat().st_mode & 0o077 == 0
    assert (tmp_path / "tier").stat().st_mode & 0o077 == 0


def test_marks_do_not_pile_up(tmp_path):
    marks = StaleMarks(Database(tmp_path))
    for i in range(50):
        marks.add([T, TableId("p", "d", "u")], at=NOW + timedelta(seconds=i))
    assert len(marks.all()) == 2
    assert marks.latest() == 100
    marks.add([TableId("p", "d", "v")], at=NOW + timedelta(days=60))
    assert len(marks.all()) == 1


def test_without_network_an_answer_is_given_only_to_who_allowed_it(world):
    cache, warehouse, _, _ = world
    assert fresh(cache)
    warehouse.answer = WarehouseUnavailable("no network")
    assert not fresh(cache)
    assert cache.offline_since == NOW
    cache.policy.offline = True
    found, reason = cache.check([COPY])[T]
    assert (found, reason.code) == (Freshness.FRESH, "offline")
    assert cache.fresh_as_of([COPY]) == (NOW, NOW)
    warehouse.answer = FACTS
    assert cache.check([COPY])[T] == (Freshness.FRESH, None)
    assert cache.offline_since is None
    assert cache.fresh_as_of([COPY]) == (NOW, None)


def test_a_check_that_finds_a_change_does_not_make_the_copy_fresh_until_then(world):
    cache, warehouse, _, _ = world
    warehouse.answer = replace(
        FACTS, version=replace(FACTS.version, etag="another"), checked_at=NOW + timedelta(hours=1)
    )
    assert cache.check([COPY], 0)[T][0] is Freshness.STALE
    assert cache.fresh_as_of([COPY])[0] == COPY.as_of


def test_a_network_that_is_back_takes_away_its_own_message_and_no_other(world):
    cache, warehouse, _, _ = world
    for said, left in ((None, ""), ("A local answer differs.", "A local answer differs.")):
        warehouse.answer = WarehouseUnavailable("no network")
        cache.check([COPY])
        assert cache._status.message == "BigQuery cannot be reached."
        cache._status.message = said or cache._status.message
        warehouse.answer = FACTS
        cache.check([COPY])
        assert cache._status.message == left


def test_what_was_seen_to_have_changed_does_not_answer_offline_either(world):
    cache, warehouse, _, _ = world
    cache.policy.offline = True
    warehouse.answer = other(rows=12)
    assert not fresh(cache)
    warehouse.answer = WarehouseUnavailable("no network")
    assert not fresh(cache)


def test_the_poller_keeps_checks_warm_and_ends_when_idle(tmp_path):
    warehouse = Asked(replace(FACTS, checked_at=datetime.now(UTC)))
    policy = FreshnessPolicy(poll_every=0.1, idle_after=0.5)
    cache = FactsCache(lambda: warehouse, Status(), StaleMarks(Database(tmp_path)), policy)
    cache.check([COPY], 60)
    warehouse.event.clear()
    assert warehouse.event.wait(20), "the poller asked"
    thread = cache._poller._thread
    if thread is not None:
        thread.join(20)
        assert not thread.is_alive()
    assert not cache._poller.running


def test_zero_needs_no_poller(world):
    cache, _, _, _ = world
    cache.policy.poll = True
    cache.check([COPY], 0)
    assert not cache._poller.running


def test_a_read_only_directory_is_a_clear_error(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    from bigpato_magic.errors import TierError

    tmp_path.chmod(0o500)
    with pytest.raises(TierError, match="cannot be"):
        Database(tmp_path / "x")
