"""A forked child has the analyzer too, whatever the parent's threads were doing with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bigpato_magic import googlesql
from bigpato_magic.googlesql import service
from bigpato_magic.googlesql.service import State

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def in_child(work) -> str:
    """What `work` gives in a forked child, or "hangs"."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # no child is left behind
        try:
            said = str(work())
        except BaseException as error:
            said = repr(error)
        os.write(writing, said.encode())
        sys.stdout.flush()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        said = answer.read().decode()
    os.waitpid(child, 0)
    return said or "hangs"


def outputs() -> int:
    return len(googlesql.analyze("SELECT 1 AS a, 2 AS b").outputs)


def test_a_child_is_told_at_once_that_there_is_no_analyzer_and_the_parent_has_it_still():
    assert outputs() == 2
    assert "forked" in in_child(outputs)
    assert in_child(googlesql.ready) == "False"
    assert (
        in_child(lambda: (googlesql.warm(), googlesql.wait(1), googlesql.state())[1:]) == f"(False, {State.FAILED!r})"
    )
    assert outputs() == 2


@pytest.mark.parametrize("role", list(service.Role))
def test_what_another_thread_holds_at_the_fork_is_not_waited_for(role):
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with service.lend(role), service._service._changed:
            held.set()
            over.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(60)
    try:
        assert "forked" in in_child(lambda: googlesql.evaluate("SELECT 1 + 1 AS n"))
        assert "forked" in in_child(outputs)
    finally:
        over.set()
        thread.join()


def test_a_child_of_a_process_that_has_not_used_it_loads_its_own():
    code = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from bigpato_magic import googlesql
child = os.fork()
if child == 0:
    googlesql.warm(background=False)
    print(googlesql.evaluate("SELECT 1 + 1 AS n").to_pylist(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "[{'n': 2}]\n", done.stderr
