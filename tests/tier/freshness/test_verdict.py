"""A copy answers only while it is known to be its table: whatever changes, and whatever the clocks say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bigpato_magic.errors import PermissionDenied, TableNotFound, WarehouseUnavailable
from bigpato_magic.tier.freshness.verdict import StaleMark, check
from bigpato_magic.types import (
    Column,
    Freshness,
    Holding,
    Kind,
    SqlType,
    TableCopy,
    TableFacts,
    TableId,
    TableKind,
    TableVersion,
    schema_digest,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
T = TableId("p", "d", "t")
COLUMNS = (Column("a", SqlType(Kind.INT64)), Column("b", SqlType(Kind.STRING)))
VERSION = TableVersion("e1", NOW - 5 * HOUR, NOW - 100 * HOUR, 10, 1000, schema_digest(COLUMNS))
COPY = TableCopy("c1", T, VERSION, COLUMNS, Holding(frozenset({"a", "b"})), (), NOW - HOUR, "me")
FACTS = TableFacts(T, VERSION, COLUMNS, NOW)


def verdict(facts=FACTS, copy=COPY, now=NOW, max_staleness=0.0, **more):
    return check(copy.bases[0], facts, now=now, max_staleness=max_staleness, **more)


def other(**changes):
    return replace(FACTS, version=replace(VERSION, **changes))


def test_equal_evidence_that_was_asked_for_this_query_is_fresh():
    assert verdict() == (Freshness.FRESH, None)


TAGGED = (replace(COLUMNS[0], policy_tagged=True), COLUMNS[1])


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (other(modified=NOW), "stale"),
        (other(rows=11), "stale"),
        (other(bytes=1001), "stale"),
        (other(etag="e2"), "stale"),
        (other(created=NOW - HOUR), "stale"),
        (other(schema_digest="x"), "stale"),
        (other(kind=TableKind.VIEW), "gone"),
        (other(kind=TableKind.EXTERNAL), "gone"),
        (other(kind=TableKind.SNAPSHOT), "stale"),
        (replace(FACTS, row_policies=True), "gone"),
        (replace(FACTS, columns=TAGGED), "gone"),
        (replace(FACTS, location="EU"), "gone"),
        (replace(FACTS, id=TableId("p", "d", "T")), "gone"),
        (TableNotFound("no such table"), "gone"),
        (PermissionDenied("no"), "gone"),
    ],
)
@pytest.mark.parametrize("max_staleness", [0.0, 300.0, float("inf")])
def test_what_is_known_to_have_changed_never_answers_whatever_was_allowed(facts, code, max_staleness):
    found, reason = verdict(facts, max_staleness=max_staleness)
    assert found is Freshness.STALE
    assert reason.code == code
    assert reason.table == T


def test_a_table_made_again_under_its_name_with_the_same_rows_is_another_one():
    again = other(created=NOW - 2 * HOUR, modified=VERSION.modified, etag=None)
    assert verdict(again, copy=replace(COPY, version=replace(VERSION, etag=None)))[0] is Freshness.STALE


def test_without_an_etag_the_rest_must_prove_it():
    blind = replace(VERSION, etag=None)
    copy, facts = replace(COPY, version=blind), replace(FACTS, version=blind)
    assert verdict(facts, copy)[0] is Freshness.FRESH
    nothing = replace(blind, created=None)
    assert verdict(replace(FACTS, version=nothing), replace(COPY, version=nothing))[0] is Freshness.UNKNOWN
    just_changed = replace(copy, as_of=VERSION.modified + timedelta(seconds=1))
    assert verdict(facts, just_changed)[0] is Freshness.UNKNOWN


def test_a_check_may_be_as_old_as_was_allowed_and_no_older():
    old = replace(FACTS, checked_at=NOW - timedelta(seconds=61))
    assert verdict(old, max_staleness=61)[0] is Freshness.FRESH
    assert verdict(old, max_staleness=60)[0] is Freshness.UNKNOWN
    assert verdict(old, max_staleness=0)[0] is Freshness.UNKNOWN
    assert verdict(FACTS, max_staleness=0, age=0.001)[0] is Freshness.UNKNOWN
    assert verdict(FACTS, max_staleness=0, age=-0.2)[0] is Freshness.FRESH


@pytest.mark.parametrize("wrong", [HOUR, -HOUR])
def test_a_clock_that_is_wrong_by_an_hour_serves_nothing_old(wrong):
    old = replace(FACTS, checked_at=NOW - timedelta(minutes=30))
    found, _ = verdict(old, now=NOW + wrong, max_staleness=600, age=1800.0)
    assert found is Freshness.UNKNOWN
    found, _ = verdict(FACTS, now=NOW - HOUR, max_staleness=0)
    assert found is Freshness.UNKNOWN


def test_rows_that_stream_in_leave_only_the_age_of_the_copy():
    streaming = replace(FACTS, streaming=True)
    assert verdict(streaming)[0] is Freshness.UNKNOWN
    assert verdict(streaming)[1].code == "streaming"
    assert verdict(streaming, max_staleness=3601)[0] is Freshness.FRESH
    assert verdict(streaming, max_staleness=3599)[0] is Freshness.UNKNOWN


def test_own_statements_make_a_copy_stale_until_it_is_checked_again():
    mark = StaleMark(7, "p", "d", "t", "INSERT", NOW)
    assert verdict(max_staleness=3600, stale_marks=[mark])[0] is Freshness.STALE
    assert "INSERT" in verdict(stale_marks=[mark])[1].message
    for scope in (("p", "d", None), ("", "", None)):
        assert verdict(stale_marks=[StaleMark(7, *scope, "SCRIPT", NOW)])[0] is Freshness.STALE
    for scope in (("p", "d", "u"), ("p", "x", None), ("q", "d", "t")):
        assert verdict(stale_marks=[StaleMark(7, *scope, "INSERT", NOW)])[0] is Freshness.FRESH


def test_while_an_own_statement_runs_old_checks_do_not_count():
    running = StaleMark(7, "p", "d", "t", "MERGE", NOW, open=True)
    assert verdict(max_staleness=3600, stale_marks=[running], age=5.0)[0] is Freshness.UNKNOWN
    assert verdict(max_staleness=3600, stale_marks=[running], age=-0.1)[0] is Freshness.FRESH


def test_offline_only_who_asked_for_no_check_gets_an_answer_and_hears_since_when():
    assert verdict(None, max_staleness=86400)[0] is Freshness.UNKNOWN
    found, reason = verdict(None, max_staleness=float("inf"))
    assert found is Freshness.FRESH
    assert reason.code == "offline"
    assert "2026-03-01 11:00" in reason.message
    marked = verdict(None, max_staleness=float("inf"), stale_marks=[StaleMark(1, "p", "d", "t", "INSERT", NOW)])
    assert marked[0] is Freshness.STALE
    assert verdict(WarehouseUnavailable("no network"), max_staleness=float("inf"))[0] is Freshness.UNKNOWN
