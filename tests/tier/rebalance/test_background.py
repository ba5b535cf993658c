"""`Tier.auto`: the kernel rebalances by itself when it is idle, only then, one kernel at a time, and lets go at once."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime

import pytest

from bigpato_magic.errors import TransferError
from bigpato_magic.tier.files.locks import try_lock
from bigpato_magic.tier.policy.score import Use
from bigpato_magic.types import TableId

ORDERS = TableId("demo", "shop", "orders")
SOON = 0.2
"""Seconds of idleness in these tests."""


def until(condition, seconds=30.0):
    """Whether it comes true; how long that takes is not judged."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def used(house, table=ORDERS):
    """The table has been paid for, so a plan brings it."""
    for _ in range(3):
        house.tier.usage.record([Use(table, 1 << 30, 5.0)], at=datetime.now(UTC))


@pytest.fixture
def idle(house):
    """A house whose kernel counts as idle soon; nothing is asked of it yet."""
    house.tier.automatic.idle = SOON
    used(house)
    return house


def is_here(house):
    return ORDERS in house.tier.copies()


def never_here(house):
    """It does not come while several times as long as the kernel's idleness passes."""
    return not until(lambda: is_here(house), SOON * 8)


def test_nobody_who_has_not_asked_for_it_gets_it(idle):
    idle.tier.automatic.touch()
    assert never_here(idle)


def test_an_idle_kernel_brings_what_pays(idle):
    idle.tier.auto = True
    assert until(lambda: is_here(idle))
    assert idle.rows(ORDERS) == idle.truth(ORDERS)


def test_a_query_that_ends_begins_the_wait(idle):
    idle.tier.auto = True
    with idle.tier.automatic.working():
        assert never_here(idle)
    assert until(lambda: is_here(idle))


def test_two_at_work_are_both_waited_for(idle):
    idle.tier.auto = True
    automatic = idle.tier.automatic
    automatic.begin()
    with automatic.working():
        pass
    assert never_here(idle)
    automatic.end()
    assert until(lambda: is_here(idle))


def test_a_cell_that_begins_stops_it_and_nothing_half_done_stays(idle):
    idle.warehouse.pace.bandwidth = 2000
    idle.tier.auto = True
    assert until(lambda: idle.tier.status.busy)
    with idle.tier.automatic.working():
        assert until(lambda: not idle.tier.status.busy)
        assert not is_here(idle)
        assert list(idle.tier.open().store.drafts.iterdir()) == []


def test_switching_it_off_stops_it(idle):
    idle.warehouse.pace.bandwidth = 2000
    idle.tier.auto = True
    assert until(lambda: idle.tier.status.busy)
    idle.tier.auto = False
    assert not idle.tier.status.busy
    idle.warehouse.pace.bandwidth = None
    assert never_here(idle)


def test_it_ends_with_the_kernel(idle):
    idle.warehouse.pace.bandwidth = 2000
    idle.tier.auto = True
    assert until(lambda: idle.tier.status.busy)
    idle.tier.close()
    assert not [t for t in threading.enumerate() if t.name == "bigpato-auto" and t.is_alive()]
    assert not idle.tier.status.busy


def test_who_rebalances_by_hand_does_not_meet_it(idle):
    idle.warehouse.pace.bandwidth = 2000
    idle.tier.auto = True
    assert until(lambda: idle.tier.status.busy)
    idle.warehouse.pace.bandwidth = None
    assert [p.facts.id for p in idle.tier.rebalance([ORDERS]).promote] == [ORDERS]
    assert idle.rows(ORDERS) == idle.truth(ORDERS)


def test_one_kernel_at_a_time(idle, another, caplog):
    kernel = another()
    kernel.tier.automatic.idle = SOON
    other = try_lock(idle.tier.open().store.home / "auto.lock")
    caplog.set_level(logging.INFO, "bigpato_magic")
    kernel.tier.auto = True
    assert until(lambda: "another notebook" in caplog.text)
    assert not is_here(kernel)
    other.release()
    kernel.tier.automatic.touch()
    assert until(lambda: is_here(kernel))


def test_many_idle_kernels_bring_it_once(idle, another):
    kernels = [another() for _ in range(3)]
    for kernel in kernels:
        kernel.tier.automatic.idle = SOON
        kernel.tier.auto = True
    assert until(lambda: all(not k.tier.status.busy and is_here(k) for k in kernels))
    assert len(idle.tier.open().catalog.all()) == 1


def test_a_failure_is_logged_and_not_tried_again(idle, caplog, monkeypatch):
    tried = []

    def fails(**_):
        tried.append(None)
        raise TransferError("the disk is full")

    monkeypatch.setattr(idle.tier, "rebalance", fails)
    idle.tier.auto = True
    assert until(lambda: "the background rebalance failed: the disk is full" in caplog.text)
    assert never_here(idle)
    assert len(tried) == 1


def test_what_nobody_foresaw_is_logged_too_and_the_next_one_begins(idle, caplog, monkeypatch):
    def fails(**_):
        raise RuntimeError("surprise")

    with monkeypatch.context() as patch:
        patch.setattr(idle.tier, "rebalance", fails)
        idle.tier.auto = True
        assert until(lambda: "surprise" in caplog.text)
    idle.tier.automatic.touch()
    assert until(lambda: is_here(idle))


def test_screens_see_its_progress(idle):
    seen = []
    idle.tier.status.observe(lambda change: seen.append(change.new), ["busy", "event"])
    idle.tier.auto = True
    assert until(lambda: is_here(idle) and not idle.tier.status.busy)
    assert seen[0] is True
    assert "Table orders is local: 1,000 rows" in seen
    assert seen[-1] is False


def test_a_table_that_nobody_paid_for_does_not_come(house):
    house.tier.automatic.idle = SOON
    house.tier.auto = True
    assert never_here(house)
