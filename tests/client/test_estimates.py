"""APPROX_COUNT_DISTINCT and its kin: BigQuery's estimate, unless somebody wants the exact figure."""

from __future__ import annotations

import pytest

from bigpato_magic.errors import ConfigurationError, RouteRefused
from bigpato_magic.types import RunLocal, RunOnBigQuery

USERS = "SELECT APPROX_COUNT_DISTINCT(user_id) AS users FROM events"
EXACTLY = "SELECT COUNT(DISTINCT user_id) AS users FROM events"


@pytest.fixture
def held(client):
    client.rebalance(["events"])
    return client


def test_an_estimate_is_bigquerys_and_the_reason_says_how_to_have_the_exact_figure(held):
    result = held.run(USERS)
    assert isinstance(result.decision, RunOnBigQuery)
    assert "--approximate exact" in result.decision.reasons[0].message


def test_whoever_asks_for_the_exact_figure_has_it_from_here(held):
    result = held.run(USERS, approximate="exact")
    assert isinstance(result.decision, RunLocal)
    assert result.arrow.equals(held.run(EXACTLY).arrow)


def test_the_setting_holds_until_a_query_says_otherwise(held):
    held.approximate = "exact"
    assert isinstance(held.run(USERS).decision, RunLocal)
    assert isinstance(held.explain(USERS).decision, RunLocal)
    assert isinstance(held.explain(USERS, approximate="bigquery").decision, RunOnBigQuery)
    with pytest.raises(RouteRefused):
        held.run(USERS, approximate="bigquery", route="local")


def test_the_exact_figure_is_no_answer_to_who_wants_the_estimate(held):
    held.run(USERS, approximate="exact")
    assert not isinstance(held.run(USERS).decision, RunLocal)


def test_a_comparison_with_the_estimate_decides_nothing(held, monkeypatch):
    estimate = held.run(USERS).arrow
    off = estimate.set_column(0, estimate.schema.field(0), [[int(estimate["users"][0].as_py()) + 1]])
    monkeypatch.setattr(type(held.engine), "execute", lambda *_args, **_more: off)
    held.run(USERS, approximate="exact", use_query_cache=False)
    verdict = held.verify_last()
    assert verdict.outcome == "undecided"
    assert "approx_count_distinct" in verdict.detail


def test_a_word_that_is_no_choice_is_an_error(held):
    with pytest.raises(ConfigurationError, match="approximate"):
        held.run(USERS, approximate="roughly")
