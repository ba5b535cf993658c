"""Killed while a part of a query is kept: the next kernel gives the right answer, and nothing is left behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bigpato_magic.tier.files.crashpoints import STEPS
from tests.faults import fragments_worker

from .conftest import KILLED, Processes

NEVER = ("keep:forgotten",)
"""On the way of what is taken away."""
STEPS_OF_KEEPING = [step for step in STEPS if step.startswith(("keep:", "publish:")) and step not in NEVER]


@pytest.fixture(scope="module")
def kernels(analyzer):
    return Processes(Path(fragments_worker.__file__))


@pytest.fixture(scope="module")
def made(analyzer, tmp_path_factory):
    home = tmp_path_factory.mktemp("fragments")
    fragments_worker.prepare(home)
    return home


@pytest.mark.parametrize("step", STEPS_OF_KEEPING)
def test_killed_while_a_part_is_kept(step, kernels, made, tmp_path):
    home = shutil.copytree(made, tmp_path / "home")
    _, code = kernels.run("ask", home, step)
    assert code == KILLED, f"{step} was never reached"
    (where, right), code = kernels.run("ask", home, None)
    assert (right, code) == (True, 0)
    assert where in ("hybrid", "local")
    assert kernels.run("look", home) == ([], 0)
