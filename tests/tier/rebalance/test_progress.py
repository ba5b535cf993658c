"""One line for the whole rebalance; what it says of the time that is left is true or not said."""

from __future__ import annotations

import pytest

from bigpato_magic.tier.rebalance.progress import JobProgress
from bigpato_magic.types import TableId, TransferEvent

GIB = 1 << 30
A, B, C = (TableId("p", "d", name) for name in "abc")


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def job(clock, **sizes):
    return JobProgress({TableId("p", "d", name): size for name, size in sizes.items()}, clock)


def read(table, done, total=None, stage="read"):
    return TransferEvent(table, stage, int(done), None if total is None else int(total))


def test_it_tells_tables_bytes_and_time(clock):
    it = job(clock, a=1 * GIB, b=3 * GIB)
    assert (str(it), it.fraction) == ("0 of 2 tables, 0.0 of 4.0 GiB", 0)
    it.note(read(A, 0, GIB))
    clock.now += 10
    it.note(read(A, GIB, GIB))
    it.note(TransferEvent(A, "done"))
    assert (str(it), it.fraction) == ("1 of 2 tables, 1.0 of 4.0 GiB, about 30 s", 0.25)
    it.note(read(B, 0, 3 * GIB))
    clock.now += 10
    it.note(read(B, GIB, 3 * GIB))
    assert (str(it), it.fraction) == ("1 of 2 tables, 2.0 of 4.0 GiB, about 20 s", 0.5)
    clock.now += 20
    it.note(TransferEvent(B, "done"))
    assert (str(it), it.fraction) == ("2 of 2 tables, 4.0 of 4.0 GiB", 1.0)


def test_a_share_of_the_columns_is_measured_by_what_the_transfer_says_of_its_own_whole(clock):
    it = job(clock, a=1 * GIB)
    it.note(read(A, 50, 100))
    assert str(it) == "0 of 1 table, 0.5 of 1.0 GiB"


def test_nothing_is_promised_too_early_nor_when_it_stands_still(clock):
    it = job(clock, a=10 * GIB)
    it.note(read(A, 0, 100))
    clock.now += 60
    it.note(read(A, 5, 100))
    assert it.seconds_left() is None  # a twentieth tells little
    it.note(read(A, 20, 100))
    assert it.seconds_left() == pytest.approx(240)
    clock.now += 6
    assert it.seconds_left() is None  # no news


def test_what_is_written_after_the_download_is_timed_by_tables_that_are_done(clock):
    it = job(clock, a=GIB, b=GIB)
    it.note(TransferEvent(A, "extract"))
    clock.now += 10
    it.note(read(A, 50, 100, "download"))
    assert it.seconds_left() is None  # extracted in 10 s, but how long will writing take?
    clock.now += 20
    it.note(TransferEvent(A, "done"))
    assert it.seconds_left() == pytest.approx(30)


def test_waiting_for_another_notebook_is_said_and_is_no_work(clock):
    it = job(clock, a=GIB, b=GIB)
    it.note(TransferEvent(A, "wait", message="waiting for another notebook, which is bringing a"))
    assert str(it) == "0 of 2 tables, 0.0 of 2.0 GiB, waiting for another notebook, which is bringing a"
    clock.now += 500
    it.note(TransferEvent(A, "done"))
    assert it.seconds_left() is None  # nothing was brought, so nothing is known of the pace
    it.note(read(B, 0, 100))
    clock.now += 5
    it.note(read(B, 50, 100))
    assert it.seconds_left() == pytest.approx(5)


def test_a_table_that_fails_does_not_keep_the_rest_from_its_end(clock):
    it = job(clock, a=GIB, b=GIB)
    it.note(TransferEvent(A, "failed", message="a: no"))
    it.note(TransferEvent(B, "done"))
    assert (str(it), it.fraction) == ("2 of 2 tables, 2.0 of 2.0 GiB", 1.0)


def test_small_tables_are_counted_and_a_plan_without_moves_says_nothing(clock):
    it = job(clock, a=0, b=0)
    it.note(TransferEvent(A, "done"))
    assert (str(it), it.fraction) == ("1 of 2 tables", 0.5)
    nothing = job(clock)
    nothing.note(TransferEvent(C, "demote"))
    assert (str(nothing), nothing.fraction) == ("", None)
