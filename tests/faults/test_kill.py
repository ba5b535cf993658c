"""`kill -9` at any moment leaves whole copies, no litter after the next start, and a tier that goes on working."""

from __future__ import annotations

import random
import signal
import time

import pytest

from bigpato_magic.tier.files.crashpoints import STEPS

KILLED = -signal.SIGKILL
OFTEN = ("publish:part-moved", "publish:manifest-renamed", "part:synced", "staging:removed")
"""Steps that come several times on the way: the second time is another table's."""


def clone(template, tmp_path):
    import shutil

    return shutil.copytree(template, tmp_path / "home")


def test_there_are_enough_steps_to_die_at():
    assert len(STEPS) >= 30
    assert len(set(STEPS)) == len(STEPS)


@pytest.mark.parametrize("step", [*STEPS, *(f"{step}#2" for step in OFTEN)])
def test_killed_at_a_step(step, processes, template, tmp_path):
    home = clone(template, tmp_path)
    _, code = processes.run("run", home, step)
    assert code == KILLED, f"{step} was never reached"
    wrong, code = processes.run("look", home)
    assert code == 0
    assert wrong == []


KEEPING = [s for s in STEPS if s.startswith(("keep:", "publish:", "part:", "staging:", "demote:"))]
"""On the way of a kept answer, which takes the place of an older one."""


@pytest.mark.parametrize("step", [*KEEPING, "publish:manifest-renamed#2", "keep:done#2", "demote:manifest-gone#2"])
def test_killed_while_an_answer_is_kept(step, processes, template, tmp_path):
    home = clone(template, tmp_path)
    _, code = processes.run("keeping", home, step)
    assert code == KILLED, f"{step} was never reached"
    assert processes.run("look", home) == ([], 0)


def test_nothing_is_wrong_without_a_kill(processes, template, tmp_path):
    home = clone(template, tmp_path)
    assert processes.run("keeping", home, None) == (None, 0)
    assert processes.run("run", home, None) == (None, 0)
    assert processes.run("look", home) == ([], 0)


def _killed_at_random(processes, template, home, generator, longest):
    import shutil

    shutil.copytree(template, home)
    process, _ = processes.start("run", home, None)
    time.sleep(generator.uniform(0.0, longest))
    process.kill()
    process.join()
    wrong, code = processes.run("look", home)
    shutil.rmtree(home)
    return wrong if code == 0 else [f"the look ended with {code}"]


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_a_random_moment(seed, processes, template, tmp_path):
    assert _killed_at_random(processes, template, tmp_path / "home", random.Random(seed), 1.5) == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("batch", range(20))
def test_killed_at_many_random_moments(batch, processes, template, tmp_path):
    generator = random.Random(1000 + batch)
    for number in range(10):
        assert _killed_at_random(processes, template, tmp_path / str(number), generator, 2.0) == []
