"""What the first query needs is imported in the pauses between cells, and never beside one."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress

import pytest

import bigpato_magic
from bigpato_magic.notebook.warming import Warming, paused


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


def test_what_a_frame_is_made_with_is_imported_by_the_thread_of_the_query():
    script = """
import sys, threading
from types import SimpleNamespace
from bigpato_magic.notebook.results import ready_to_hand_over
answer = SimpleNamespace(relation=None, arrow=SimpleNamespace(num_columns=1))
ready_to_hand_over(answer, "arrow")
assert "pandas" not in sys.modules
thread = threading.Thread(target=ready_to_hand_over, args=(answer, "pandas"))
thread.start(), thread.join()
assert "pandas" in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=120).returncode == 0


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


def test_a_key_press_or_a_click_waits_for_the_step_that_runs_and_none_begins_beside_it(warming):
    begun, may_end, second = threading.Event(), threading.Event(), threading.Event()

    def step():
        begun.set()
        may_end.wait(30)

    warm = warming(step, second.set)
    assert begun.wait(30)
    threading.Timer(0.3, may_end.set).start()
    with paused():
        assert may_end.is_set()
        assert not second.wait(1.0)  # five times the pause that would be enough
    warm.join()
    assert second.is_set()


def test_a_step_that_is_like_a_key_press_does_not_wait_for_itself(warming):
    done = []

    def step():
        with paused():
            done.append(1)

    warming(step).join()
    assert done == [1]


@pytest.mark.parametrize("beside", ["completion", "inspection", "click", "job"])
def test_whatever_runs_beside_cells_pauses_the_steps(shell, client, monkeypatch, beside):
    """Each is at work when the cell ends, and until it has ended no step may begin."""
    inside, leave, step = threading.Event(), threading.Event(), threading.Event()

    def work(*_, **__):
        inside.set()
        leave.wait(30)
        return {"completions": []} if beside == "completion" else None

    def go():
        doing.start()
        inside.wait(30)

    panel = bigpato_magic.panel(client)
    doings = {
        "completion": (
            "bigpato_magic.notebook.complete.completions",
            lambda: shell.complete("%bpsql SELECT x", None, 15),
        ),
        "inspection": ("bigpato_magic.notebook.inspection.describe", lambda: shell.object_inspect_mime("no_such_name")),
        "click": ("bigpato_magic.tables.TableFace.pin", lambda: panel._receive(panel, PIN, [])),
        "job": ("bigpato_magic.tables.TableFace.plan", lambda: panel._receive(panel, {"action": "plan"}, [])),
    }
    where, do = doings[beside]
    monkeypatch.setattr(where, work)
    doing, warm = threading.Thread(target=_quietly, args=(do,)), Warming(shell, [step.set])
    shell.push({"begin": warm.start, "go": go})
    shell.run_cell("begin(); go()")
    assert inside.is_set()
    assert not step.wait(1.0)
    leave.set()
    warm.join()
    assert step.is_set()
    doing.join()
    warm.stop()
    panel.close()


PIN = {"action": "pin", "tables": ["bigpato-demo.shop.orders"]}


def _quietly(do):
    with suppress(KeyError):  # no such name
        do()


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
