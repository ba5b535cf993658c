"""The soak, short; and that its judge sees what is wrong."""

from __future__ import annotations

import pytest

from tests.faults.soak import judge, soak


@pytest.mark.slow
def test_several_kernels_while_everything_goes_wrong(tmp_path):
    verdict = soak(tmp_path / "soak", minutes=0.6, kernels=2, seed=1)
    assert verdict.wrong == []
    assert verdict.counts["actions ask"] > 0
    assert verdict.counts["written"] > 3


def line(kind, at, **more):
    return {"kind": kind, "at": at, "pid": 1, "table": "log"} | more


HISTORY = [
    line("writing", 0, version=0),
    line("written", 1, version=0),
    line("writing", 10, version=1),
    line("written", 12, version=1),
]


def answer(version, started, ended, staleness=0.0):
    how = {"rows": [], "where": "local", "reasons": []}
    return line("answer", ended, version=version, started=started, staleness=staleness, **how)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (answer(0, 2, 3), None),
        (answer(0, 11, 13), None),  # while it is replaced, either is right
        (answer(1, 9, 11), None),
        (answer(0, 13, 14), "stale"),
        (answer(0, 13, 14, staleness=2), None),
        (answer(0, 20, 21, staleness=2), "stale"),
        (answer(1, 5, 6), "from nowhere"),
        (answer(7, 20, 21), "from nowhere"),
        (answer(None, 20, 21), "torn"),
    ],
)
def test_the_judge(given, wrong):
    found = judge([*HISTORY, given]).wrong
    assert [sentence.partition(":")[0] for sentence in found] == ([wrong] if wrong else [])


def test_an_error_that_is_not_the_packages_own_is_wrong():
    assert judge([line("defect", 1, action="ask", text="KeyError")]).wrong
    assert not judge([line("error", 1, action="ask", type="TierError")]).wrong
