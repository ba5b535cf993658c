"""A query runs here only if nothing speaks against it; a run on BigQuery always says why."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest

from bigpato_magic.decide import REASONS, QueryPlan, RoutingInputs, decide, not_read, read_instead
from bigpato_magic.errors import RouteRefused
from bigpato_magic.types import (
    AnalyzedQuery,
    Compiled,
    Freshness,
    Holding,
    Kind,
    Look,
    OutputColumn,
    Reason,
    Refused,
    Route,
    RunInEvaluator,
    RunLocal,
    RunOnBigQuery,
    RunRead,
    RunSplit,
    Split,
    SqlType,
    TableCopy,
    TableFacts,
    TableId,
    TableRead,
    TableVersion,
    UpperPart,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORDERS = TableId("p", "shop", "orders")
OUT = (OutputColumn("f0_", SqlType(Kind.INT64)),)
QUERY = AnalyzedQuery("SELECT 1", None, {ORDERS: TableRead(ORDERS, frozenset({"id"}))}, OUT)
COPY = TableCopy("c1", ORDERS, TableVersion("e", NOW, NOW, 1, 1, "s"), (), Holding(frozenset()), (), NOW, "me")
YES = Compiled("SELECT 1", OUT)
NO = Refused((Reason("no-rule", "RAND has no rule"),))
SPLIT = Split(Compiled("SELECT c1", (), inner=True), UpperPart("SELECT c1 FROM b", "b", (), OUT, most=10))
STALE = (Freshness.STALE, Reason("stale", "orders has changed", ORDERS))
UNKNOWN = (Freshness.UNKNOWN, None)
FRESH = (Freshness.FRESH, None)
OFFLINE = (Freshness.FRESH, Reason("offline", "unverified since yesterday", ORDERS))
FAILED = Reason("local-run", "DuckDB stopped")
OF_A_PLAN = {"compiled", "not_held", "evaluable", "split"}


def inputs(**change) -> RoutingInputs:
    """Of a query that compiles over one copy, with changes of the plan or of what stands beside it."""
    plan = QueryPlan(**({"query": QUERY, "compiled": YES} | {k: v for k, v in change.items() if k in OF_A_PLAN}))
    beside = {k: v for k, v in change.items() if k not in OF_A_PLAN}
    return RoutingInputs(**({"sql": "q", "plan": plan, "copies": {ORDERS: COPY}} | beside))


def test_all_well_runs_here_over_its_copies():
    decision = decide(inputs())
    assert isinstance(decision, RunLocal)
    assert decision.copies == (COPY,)


BLOCKERS = {
    "blockers": (Reason("not-local", "orders is not local yet", ORDERS),),
    "not_held": (Reason("not-held", "the copy has fewer columns", ORDERS),),
    "verdicts": {ORDERS: STALE},
    "failures": (FAILED,),
    "compiled": NO,
}


@pytest.mark.parametrize("present", list(product((False, True), repeat=5)))
def test_whatever_speaks_against_it_sends_it_to_bigquery_with_all_reasons(present):
    change = {name: value for (name, value), on in zip(BLOCKERS.items(), present, strict=True) if on}
    decision = decide(inputs(**change))
    if not change:
        assert isinstance(decision, RunLocal)
        return
    assert isinstance(decision, RunOnBigQuery)
    wanted = {"blockers": "not-local", "not_held": "not-held", "verdicts": "stale", "compiled": "no-rule"}
    assert {r.code for r in decision.reasons} == {wanted.get(name, "local-run") for name in change}
    assert {r.code for r in decision.reasons} <= REASONS.keys()


@pytest.mark.parametrize("verdicts", [{ORDERS: UNKNOWN}, {ORDERS: STALE}, {}, {TableId("p", "shop", "items"): FRESH}])
def test_a_copy_that_is_not_known_to_be_fresh_once_it_was_checked_never_answers(verdicts):
    assert isinstance(decide(inputs(verdicts=verdicts)), RunOnBigQuery)


@pytest.mark.parametrize("verdicts", [None, {ORDERS: FRESH}, {ORDERS: OFFLINE}])
def test_a_copy_that_is_being_checked_or_was_found_fresh_answers(verdicts):
    assert decide(inputs(verdicts=verdicts)) == RunLocal(YES.sql, YES, (COPY,))


def test_a_run_that_gave_no_answer_goes_to_bigquery_whatever_was_found_of_its_copies():
    for verdicts in (None, {ORDERS: FRESH}):
        assert decide(inputs(verdicts=verdicts, failures=(FAILED,))).reasons == (FAILED,)


def test_the_evaluator_runs_what_has_no_rule_but_never_what_is_stale():
    assert isinstance(decide(inputs(compiled=NO, evaluable=True)), RunInEvaluator)
    stale = decide(inputs(compiled=NO, evaluable=True, verdicts={ORDERS: STALE}))
    assert isinstance(stale, RunOnBigQuery)


def test_duckdb_begins_and_the_evaluator_finishes_what_neither_may_do_alone():
    decision = decide(inputs(compiled=NO, split=SPLIT))
    assert isinstance(decision, RunSplit)
    assert (decision.compiled, decision.upper, decision.copies) == (SPLIT.compiled, SPLIT.upper, (COPY,))
    assert decision.outputs == OUT
    assert decision.reasons == NO.reasons
    assert isinstance(decide(inputs(compiled=NO, split=SPLIT, evaluable=True)), RunInEvaluator)
    assert isinstance(decide(inputs(split=SPLIT)), RunLocal)


@pytest.mark.parametrize("name", ["blockers", "not_held", "verdicts"])
def test_what_speaks_against_a_local_run_speaks_against_a_finish(name):
    assert isinstance(decide(inputs(compiled=NO, split=SPLIT, **{name: BLOCKERS[name]})), RunOnBigQuery)


def test_why_it_cannot_be_finished_comes_after_why_it_must_be():
    why = Reason("too-many-rows", "more than 10 rows are left")
    assert decide(inputs(compiled=NO, split=Refused((why,)))).reasons == (*NO.reasons, why)


def test_what_can_run_here_is_not_blamed_where_only_a_copy_is_in_the_way():
    """Refreshing the copy is enough; the way out says so."""
    for way in ({"evaluable": True}, {"split": SPLIT}):
        assert decide(inputs(compiled=NO, verdicts={ORDERS: STALE}, **way)).reasons == (STALE[1],)


def test_a_look_is_read_in_place_of_a_query_and_asked_for_where_it_cannot_be():
    facts = TableFacts(ORDERS, TableVersion("e", NOW, NOW, 1, 1, "s"), (), NOW)
    nowhere, look = RunOnBigQuery("q", (STALE[1],)), Look(QUERY, facts, (), ())
    assert read_instead(nowhere, None) == nowhere
    reading = read_instead(nowhere, look)
    assert reading == RunRead("q", look, (STALE[1],))
    assert not_read(reading, FAILED) == RunOnBigQuery("q", (STALE[1], FAILED))


def test_asking_for_bigquery_is_a_reason():
    assert decide(inputs(route=Route.BIGQUERY)) == RunOnBigQuery("q", (Reason("asked", "BigQuery was asked for"),))


def test_asking_for_local_refuses_with_the_way_out():
    with pytest.raises(RouteRefused, match="orders has changed") as caught:
        decide(inputs(route=Route.LOCAL, verdicts={ORDERS: STALE}))
    assert "%bp_rebalance orders" in caught.value.hint


def test_a_cloud_run_without_a_reason_cannot_be_built():
    with pytest.raises(ValueError, match="at least one reason"):
        RunOnBigQuery("q", ())
