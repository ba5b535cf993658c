"""Nothing to do, nothing found, and nothing that worked are three things."""

from __future__ import annotations

import pytest

from bigpato_magic.notebook.cards import plan_card
from bigpato_magic.types import Plan, Reason, Refusal, TableId

A, B = TableId("p", "d", "a"), TableId("p", "d", "b")


def refused(*codes):
    return Plan(refused=tuple(Refusal(t, Reason(code, "because", t)) for t, code in zip((A, B), codes, strict=False)))


@pytest.mark.parametrize(
    ("plan", "done", "title"),
    [
        (Plan(), True, "Nothing to do: no table is worth bringing, and no copy is behind."),
        (Plan(), False, "Nothing to do: no table is worth bringing, and no copy is behind."),
        (refused("missing"), True, "Nothing was moved: a was not found."),
        (refused("missing", "missing"), True, "Nothing was moved: a, b were not found."),
        (refused("missing", "view"), True, "Nothing was moved. Beside each table is the reason."),
        (refused("not-worth-it"), False, "Nothing would be moved. Beside each table is the reason."),
        (refused("failed"), True, "Nothing was moved. Beside each table is the reason."),
    ],
)
def test_each_has_its_sentence(plan, done, title):
    assert plan_card(plan, done=done).text.splitlines()[0] == title


def test_a_name_of_nothing_is_not_nothing_to_do(cell):
    done = cell("%bp_rebalance items orderz")
    assert "orderz was not found" in done.error.message
    assert done.error.hint == "did you mean orders?"
    assert "1 promoted." in str(cell("%bp_rebalance items").result)


def test_tables_of_the_default_project_are_named_without_it(cell):
    assert "promote  shop.orders" in str(cell("%bp_rebalance orders").result)


def test_a_table_that_is_here_and_fresh_is_nothing_to_do(cell):
    cell("%bp_rebalance orders")
    assert str(cell("%bp_rebalance orders").result).startswith("Nothing to do: what you asked for is here, and fresh.")
    cell("%bp_demote orders")
    assert str(cell("%bp_demote orders").result).startswith("Nothing to do: there is no copy of it here.")
