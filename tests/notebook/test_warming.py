"""What the first query needs is imported in the pauses between cells, and never beside one."""

from __future__ import annotations

import threading

import pytest

from bigpato_magic.notebook.warming import Warming


@pytest.fixture
def warming(ipython):
    """Make one over these steps, begun inside a cell; it is stopped at the end."""
    made = []

    def make(*steps):
        made.append(Warming(ipython, steps))
        ipython.push({"begin": made[0].start})
        ipython.run_cell("begin()")
        return made[0]

    yield make
    made[0].stop()


def test_the_steps_are_done_in_their_order_and_an_error_of_one_is_left_alone(warming):
    done = []
    warming(lambda: done.append(1), lambda: 1 / 0, lambda: done.append(3)).join()
    assert done == [1, 3]


def test_nothing_is_done_while_a_cell_runs(warming, ipython):
    first, second = threading.Event(), threading.Event()
    warm = warming(first.set, second.set)
    assert first.wait(30)
    ipython.push({"second": second})
    ipython.run_cell("seen = second.wait(1.0)")  # five times the pause that would be enough
    assert ipython.user_ns["seen"] is False
    warm.join()
    assert second.is_set()


def test_a_cell_waits_for_the_step_that_runs(warming, ipython):
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def step():
        begun.set()
        may_end.wait(30)
        ended.set()

    warming(step)
    assert begun.wait(30)
    ipython.push({"ended": ended})
    threading.Timer(0.3, may_end.set).start()
    ipython.run_cell("seen = ended.is_set()")
    assert ipython.user_ns["seen"] is True


def test_leaving_leaves_out_what_was_not_begun(warming):
    begun, may_end, done = threading.Event(), threading.Event(), []

    def step():
        begun.set()
        may_end.wait(30)

    warm = warming(step, lambda: done.append(1))
    assert begun.wait(30)
    threading.Timer(0.3, may_end.set).start()
    warm.stop()
    assert done == []
