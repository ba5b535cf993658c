"""The pool of instances: bounded, and whole again whatever has happened to those who had one."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from bigpato_magic.errors import Cancelled
from bigpato_magic.googlesql import calls, pool
from bigpato_magic.googlesql.pool import MOST, Pool
from bigpato_magic.status import Cancel

CODE = Path(pool.__file__)


class Instance:
    """As the pool sees one."""

    size = 0

    def __init__(self) -> None:
        self.dead = self.closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def instances(monkeypatch):
    """All that were made."""
    made: list[Instance] = []

    def make(_pool, _module):
        made.append(Instance())
        return made[-1]

    monkeypatch.setattr(Pool, "_made", make)
    return made


def lent_at_once(pool) -> int:
    """How many callers may have an instance at a time."""
    cancel = Cancel()
    with ExitStack() as callers, calls.stopped_by(cancel):
        for count in range(MOST + 1):
            if count == MOST:
                cancel.set()
            try:
                callers.enter_context(pool.lend(None))
            except Cancelled:
                return count
    raise AssertionError("more than there may be")


def interrupted_at(step: int, work) -> bool:
    """Whether Ctrl-C came, at the `step`-th line of the pool's code that `work` runs."""
    left, came = step, False

    def trace(frame, event, _argument):
        nonlocal left, came
        if frame.f_code.co_filename != str(CODE):
            return None
        if event == "line" and not came:
            left -= 1
            if left < 0:
                came = True
                raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
    return came


def test_one_is_kept_and_no_more_than_may_be_are_lent(instances):
    lender = Pool()
    with lender.lend(None) as first:
        pass
    with lender.lend(None) as again:
        assert again is first
    assert lent_at_once(lender) == MOST
    assert [one.closed for one in instances].count(False) == 1
    lender.close()
    assert all(one.closed for one in instances)
    assert lent_at_once(lender) == MOST


def test_what_a_trap_has_left_is_lent_to_nobody(instances):
    lender = Pool()
    with lender.lend(None) as first:
        first.dead = True
    with lender.lend(None) as other:
        assert other is not first
    assert first.closed


def test_ctrl_c_at_any_line_loses_no_place(instances):
    lender, step = Pool(), 0

    def use():
        with lender.lend(None):
            pass

    while interrupted_at(step, use):
        step += 1
        assert lent_at_once(lender) == MOST, f"after Ctrl-C at step {step}"
    assert step > 10
