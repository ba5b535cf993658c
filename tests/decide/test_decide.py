"""A query runs here only if nothing speaks against it; a run on BigQuery always says why."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest

from bigpato_magic.decide import REASONS, Situation, decide
from bigpato_magic.errors import RouteRefused
from bigpato_magic.types import (
    AnalyzedQuery,
    Compiled,
    Finish,
    Freshness,
    Holding,
    Kind,
    OutputColumn,
    Reason,
    Refused,
    Route,
    RunLocal,
    RunOnBigQuery,
    RunOnReference,
    RunWithFinish,
    Split,
    SqlType,
    TableCopy,
    TableId,
    TableRead,
    TableVersion,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORDERS = TableId("p", "shop", "orders")
OUT = (OutputColumn("f0_", SqlType(Kind.INT64)),)
QUERY = AnalyzedQuery("SELECT 1", None, {ORDERS: TableRead(ORDERS, frozenset({"id"}))}, OUT)
COPY = TableCopy("c1", ORDERS, TableVersion("e", NOW, NOW, 1, 1, "s"), (), Holding(frozenset()), (), NOW, "me")
YES = Compiled("SELECT 1", OUT)
NO = Refused((Reason("no-rule", "RAND has no rule"),))
HALVES = Split(Compiled("SELECT c1", (), inner=True), Finish("SELECT c1 FROM b", "b", (), OUT, most=10))
STALE = (Freshness.STALE, Reason("stale", "orders has changed", ORDERS))
UNKNOWN = (Freshness.UNKNOWN, None)


def situation(**change) -> Situation:
    return Situation(**({"sql": "q", "query": QUERY, "compiled": YES, "copies": {ORDERS: COPY}} | change))


def test_all_well_runs_here_over_its_copies():
    decision = decide(situation())
    assert isinstance(decision, RunLocal)
    assert decision.copies == (COPY,)


BLOCKERS = {
    "blockers": (Reason("not-local", "orders is not local yet", ORDERS),),
    "not_held": (Reason("not-held", "the copy has fewer columns", ORDERS),),
    "freshness": {ORDERS: STALE},
    "compiled": NO,
}


@pytest.mark.parametrize("present", list(product((False, True), repeat=4)))
def test_whatever_speaks_against_it_sends_it_to_bigquery_with_all_reasons(present):
    change = {name: value for (name, value), on in zip(BLOCKERS.items(), present, strict=True) if on}
    decision = decide(situation(**change))
    if not change:
        assert isinstance(decision, RunLocal)
        return
    assert isinstance(decision, RunOnBigQuery)
    wanted = {"blockers": "not-local", "not_held": "not-held", "freshness": "stale", "compiled": "no-rule"}
    assert {r.code for r in decision.reasons} == {wanted[name] for name in change}
    assert {r.code for r in decision.reasons} <= REASONS.keys()


def test_unknown_freshness_is_never_served():
    assert isinstance(decide(situation(freshness={ORDERS: UNKNOWN})), RunOnBigQuery)


def test_the_evaluator_runs_what_has_no_rule_but_never_what_is_stale():
    assert isinstance(decide(situation(compiled=NO, reference=True)), RunOnReference)
    stale = decide(situation(compiled=NO, reference=True, freshness={ORDERS: STALE}))
    assert isinstance(stale, RunOnBigQuery)


def test_duckdb_begins_and_the_evaluator_finishes_what_neither_may_do_alone():
    decision = decide(situation(compiled=NO, split=HALVES))
    assert isinstance(decision, RunWithFinish)
    assert (decision.compiled, decision.finish, decision.copies) == (HALVES.compiled, HALVES.finish, (COPY,))
    assert decision.outputs == OUT
    assert decision.reasons == NO.reasons
    assert isinstance(decide(situation(compiled=NO, split=HALVES, reference=True)), RunOnReference)
    assert isinstance(decide(situation(split=HALVES)), RunLocal)


@pytest.mark.parametrize("name", ["blockers", "not_held", "freshness"])
def test_what_speaks_against_a_local_run_speaks_against_a_finish(name):
    assert isinstance(decide(situation(compiled=NO, split=HALVES, **{name: BLOCKERS[name]})), RunOnBigQuery)


def test_why_it_cannot_be_finished_comes_after_why_it_must_be():
    why = Reason("too-many-rows", "more than 10 rows are left")
    assert decide(situation(compiled=NO, split=Refused((why,)))).reasons == (*NO.reasons, why)


def test_asking_for_bigquery_is_a_reason():
    assert decide(situation(route=Route.BIGQUERY)) == RunOnBigQuery("q", (Reason("asked", "BigQuery was asked for"),))


def test_asking_for_local_refuses_with_the_way_out():
    with pytest.raises(RouteRefused, match="orders has changed") as caught:
        decide(situation(route=Route.LOCAL, freshness={ORDERS: STALE}))
    assert "%bp_rebalance orders" in caught.value.hint


def test_a_cloud_run_without_a_reason_cannot_be_built():
    with pytest.raises(ValueError, match="at least one reason"):
        RunOnBigQuery("q", ())
