"""Every rule is proven by cases whose answers Google's reference implementation gave."""

from __future__ import annotations

import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import BigPatoError
from bigpato_magic.resolved.vocabulary import OTHER
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.sql.rules import AGGREGATES, FAMILIES, FUNCTIONS, macros
from bigpato_magic.sql.rules.base import Rule
from bigpato_magic.types import Compiled
from tests.faithfulness import engine
from tests.sql import recorded


@pytest.fixture(scope="module", autouse=True)
def analyzer():
    engine.ready()


@pytest.fixture(scope="module")
def proven() -> set[str]:
    """The rules that the cases of this run rested on."""
    return set()


@pytest.mark.parametrize("family", recorded.families())
def test_local_answers_are_the_recorded_ones(family, proven):
    answers = recorded.answers(family)
    wrong = []
    for sql in recorded.queries(family):
        compiled = compile_query(googlesql.analyze(sql), {})
        assert isinstance(compiled, Compiled), f"{sql}: {compiled}"
        try:
            found = recorded.as_json(engine.run(compiled, []))
        except BigPatoError:
            found = {"error": True}
        if not recorded.same(found, answers[sql]):
            wrong.append((sql, found, answers[sql]))
        proven |= compiled.rules
    assert not wrong


def test_every_rule_has_a_case(proven):
    if not proven:
        pytest.skip("runs after the cases")
    rules = [rule for table in (FUNCTIONS, AGGREGATES) for rule in table if rule.template is not None]
    assert sorted(rule.id for rule in rules if rule.id not in proven and rule.name not in OTHER) == []


def test_every_rule_says_where_its_truth_stands():
    for family in FAMILIES:
        for rule in (*getattr(family, "RULES", ()), *getattr(family, "AGGREGATES", ())):
            assert rule.source or getattr(family, "SOURCE", ""), rule.id
            assert rule.template is not None or rule.why, f"{rule.id} is refused and does not say why"


def test_a_rule_is_found_by_exact_types_before_patterns():
    assert FUNCTIONS.find("$is_null", ["FLOAT64"]) is FUNCTIONS.find("$is_null", ["STRING"])
    found = FUNCTIONS.find("$add", ["INT64", "INT64"])
    assert isinstance(found, Rule)
    assert found.signature == "INT64, INT64"
    assert FUNCTIONS.find("$add", ["INT64", "STRING"]) is None


def test_macros_have_names_of_their_own():
    names = [statement.split(" AS ")[0] for statement in macros()]
    assert len(set(names)) == len(names)
    assert all(" bp_" in name for name in names)
