"""Processes that are forked from a clean one with everything imported: cheap enough to kill hundreds of them."""

from __future__ import annotations

import importlib.util
import inspect
import multiprocessing
import signal
import sys
from pathlib import Path

import pytest

PRELOAD = [
    "duckdb",
    "pyarrow.parquet",
    "pyarrow.compute",
    "sqlglot",
    "bigpato_magic.demo.warehouse",
    "bigpato_magic.demo.engine",
    "bigpato_magic.demo.transfers",
    "bigpato_magic.frames",
    "bigpato_magic.local.views",
    "bigpato_magic.pruning.pushdown",
    "bigpato_magic.sql.rules",
    "bigpato_magic.sql.udfs",
    "bigpato_magic.tier.open_tier",
    "bigpato_magic.tier.rebalance.gather",
]
WORKER = Path(__file__).with_name("worker.py")


def worker():
    if "tier_worker" not in sys.modules:
        spec = importlib.util.spec_from_file_location("tier_worker", WORKER)
        sys.modules["tier_worker"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["tier_worker"]


def call(name, answers, path, arguments):
    """Runs in the other process."""
    spec = importlib.util.spec_from_file_location("tier_worker", path)
    sys.modules["tier_worker"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function = getattr(module, name)
    if "answers" in inspect.signature(function).parameters:
        function(*arguments, answers)
    else:
        answers.send(function(*arguments))


class Processes:
    """Starts functions of a file in processes of their own."""

    def __init__(self, worker=WORKER):
        self.worker = str(worker)
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(PRELOAD)

    def start(self, name, *arguments):
        # The notebook's tests leave IPython's main module in its place, and multiprocessing looks for this there.
        vars(sys.modules["__main__"]).setdefault("__spec__", None)
        mine, theirs = self.context.Pipe()
        process = self.context.Process(target=_enter, args=(str(Path(__file__)), name, theirs, self.worker, arguments))
        process.start()
        theirs.close()
        return process, mine

    def run(self, name, *arguments):
        """The function's answer, or None if the process died; and its exit code."""
        process, answers = self.start(name, *arguments)
        try:
            answer = answers.recv()
        except EOFError:
            answer = None
        process.join()
        return answer, process.exitcode


def _enter(path, name, answers, worker_path, arguments):
    call(name, answers, worker_path, arguments)


KILLED = -signal.SIGKILL


@pytest.fixture(scope="session")
def processes():
    return Processes()


@pytest.fixture(scope="session")
def template(processes, tmp_path_factory):
    home = tmp_path_factory.mktemp("template")
    _, code = processes.run("prepare", home)
    assert code == 0
    return home
