"""A sample of the grid, other values each day; `python -m tests.faithfulness.grid` tries all of it."""

from __future__ import annotations

from datetime import date

import pytest

from bigpato_magic.sql.rules import FUNCTIONS
from tests.faithfulness import engine, grid, groups, trials

SECONDS = 60


@pytest.fixture(scope="module", autouse=True)
def analyzer():
    engine.ready()


@pytest.mark.slow
def test_no_edge_value_is_answered_wrongly():
    seed = date.today().toordinal()
    outcome = grid.run(grid.sample([], seed, 16), groups.sample([], seed, 1), SECONDS)
    assert outcome.counts["same"] > 0
    assert not outcome.wrong, f"seed {seed}: {outcome.wrong}"


def test_every_scalar_rule_has_a_grid():
    assert grid.without_grid() == []


def test_what_is_tried_is_tried_of_rules_that_there_are():
    ids = {rule.id for rule in FUNCTIONS}
    assert {*trials.PATTERNS, *trials.VALUES} - ids == set()


@pytest.mark.slow
def test_every_rule_gives_an_answer_somewhere_on_its_grid():
    seed = date.today().toordinal()
    assert grid.unproven(seed) == []
    assert groups.unproven(seed) == []
