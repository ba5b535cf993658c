"""A call that takes too long can be stopped, and keeps no other waiting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import AnalyzerUnavailable, Cancelled
from bigpato_magic.googlesql import analysis, calls, functions, service
from bigpato_magic.googlesql.evaluation import WorkLimits
from bigpato_magic.status import Cancel

ENDLESS = """
SELECT COUNT(*) AS n
FROM UNNEST(GENERATE_ARRAY(1, 9999)) AS a, UNNEST(GENERATE_ARRAY(1, 9999)) AS b WHERE a + b < 0
"""
AMPLE = WorkLimits(measured=False)


def doubling(count: int) -> str:
    """Functions each of which calls the one before twice."""
    bodies = ("x", *(f"f{i}(x) + f{i}(x)" for i in range(count - 1)))
    declared = (f"CREATE TEMP FUNCTION f{i}(x INT64) AS ({body});" for i, body in enumerate(bodies))
    return f"{' '.join(declared)} SELECT f{count - 1}(1) AS x"


def evaluate_endlessly():
    return googlesql.evaluate(ENDLESS, limits=AMPLE)


@pytest.fixture
def no_limit(monkeypatch):
    """Texts of functions may come to any number of calls."""
    monkeypatch.setattr(functions, "MOST_CALLS", 10**9)
    monkeypatch.setattr(analysis, "_too_long", type(analysis._too_long)())


def stopped_after(seconds: float, work) -> None:
    cancel = Cancel()
    timer = threading.Timer(seconds, cancel.set)
    timer.start()
    with googlesql.stopped_by(cancel), pytest.raises(Cancelled):
        work()
    timer.join()


@pytest.mark.parametrize(
    "work", [evaluate_endlessly, lambda: googlesql.analyze(doubling(20))], ids=["evaluate", "analyze"]
)
def test_a_token_stops_it_and_the_next_call_has_its_answer(no_limit, work):
    stopped_after(0.5, work)
    assert googlesql.evaluate("SELECT 1 + 1 AS n").to_pylist() == [{"n": 2}]
    assert len(googlesql.analyze("SELECT 1, 2").outputs) == 2


def test_a_token_that_is_set_already_stops_it_at_once():
    cancel = Cancel()
    cancel.set()
    with googlesql.stopped_by(cancel), pytest.raises(Cancelled):
        googlesql.analyze("SELECT 1")
    assert len(googlesql.analyze("SELECT 1").outputs) == 1


def test_others_have_their_answers_meanwhile(no_limit):
    cancel = Cancel()

    def busy():
        with googlesql.stopped_by(cancel), pytest.raises(Cancelled):
            googlesql.analyze(doubling(20))
        return cancel

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(busy) for _ in range(3)]
        assert [len(googlesql.analyze(f"SELECT {i}").outputs) for i in range(5)] == [1] * 5
        assert not any(future.done() for future in running)
        cancel.set()
        assert all(future.result() for future in running)
    assert len(googlesql.analyze("SELECT 1").outputs) == 1


def test_who_waits_for_an_instance_can_be_stopped(monkeypatch):
    monkeypatch.setattr("bigpato_magic.googlesql.pool.MOST", 1)
    with service.lend():
        stopped_after(0.3, lambda: googlesql.table_names("SELECT 1 FROM t"))


def test_what_takes_too_long_is_left_to_bigquery_and_not_begun_again(no_limit, monkeypatch):
    monkeypatch.setattr(calls, "PATIENCE", 0.5)
    for work in (evaluate_endlessly, lambda: googlesql.analyze(doubling(20))):
        with pytest.raises(AnalyzerUnavailable, match="takes longer than"):
            work()
    monkeypatch.setattr(calls, "PATIENCE", 3600.0)  # if it were begun again, the test would not end
    with pytest.raises(AnalyzerUnavailable, match="takes longer than"):
        evaluate_endlessly()


@pytest.mark.parametrize("count", [9, 12, 200])
def test_functions_that_multiply_are_left_to_bigquery_before_they_do(count):
    with pytest.raises(AnalyzerUnavailable, match="more than 300 calls"):
        googlesql.analyze(doubling(count))


def test_functions_that_call_one_another_a_few_times_are_understood():
    assert len(googlesql.analyze(doubling(5)).outputs) == 1
    plain = "CREATE TEMP FUNCTION f(x INT64) AS (x + 1); SELECT " + ", ".join(f"f({i}) AS c{i}" for i in range(50))
    assert len(googlesql.analyze(plain).outputs) == 50


MAIN = """
import os, signal, sys, threading
from bigpato_magic import googlesql
from bigpato_magic.googlesql.evaluation import WorkLimits
googlesql.warm(background=False)
"""
INTERRUPTED = f"""{MAIN}
threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    googlesql.evaluate({ENDLESS!r}, limits=WorkLimits(measured=False))
except KeyboardInterrupt:
    print("interrupted", googlesql.evaluate("SELECT 1 AS n").to_pylist())
"""
WITHOUT_MEMORY = f"""{MAIN}
import resource
from bigpato_magic.errors import AnalyzerUnavailable
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
before = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (size + 2**26, before[1]))
for _ in range(2):
    try:
        googlesql.evaluate("SELECT 1 AS n")
    except AnalyzerUnavailable as error:
        print("cannot be started" in error.message)
resource.setrlimit(resource.RLIMIT_AS, before)
print(googlesql.evaluate("SELECT 1 AS n").to_pylist())
"""
AT_THE_END = f"""{MAIN}
threading.Thread(target=lambda: googlesql.evaluate({ENDLESS!r}, limits=WorkLimits(measured=False)), daemon=True).start()
threading.Event().wait(1)
print("over")
"""


def said(code: str) -> tuple[str, int]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    return done.stdout, done.returncode


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no SIGINT to send to itself")
def test_ctrl_c_stops_it_in_the_main_thread():
    assert said(INTERRUPTED) == ("interrupted [{'n': 1}]\n", 0)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the size of its process from /proc")
def test_without_memory_for_an_instance_there_is_a_reason_and_later_an_answer():
    assert said(WITHOUT_MEMORY) == ("True\nTrue\n[{'n': 1}]\n", 0)


def test_the_interpreter_ends_while_a_call_runs():
    assert said(AT_THE_END) == ("over\n", 0)


def test_what_a_call_works_in_is_let_go_of_after_the_call(monkeypatch):
    monkeypatch.setattr(calls, "_ENDING", 0.01)
    order, ends, closed = [], threading.Event(), threading.Event()
    worker, cancel = calls.Worker(), Cancel()
    cancel.set()
    with googlesql.stopped_by(cancel), pytest.raises(Cancelled):
        worker.do(lambda: order.append(ends.wait()), lambda: None)
    worker.close(lambda: (order.append("closed"), closed.set()))
    assert order == []
    ends.set()
    assert closed.wait(60)
    assert order == [True, "closed"]
