"""Copies are checked beside a run: what the check finds stops it, and what it cannot find out speaks against an answer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from bigpato_magic.decide import not_fresh
from bigpato_magic.errors import Cancelled, TierError
from bigpato_magic.runner import checks
from bigpato_magic.runner.checks import EarlyCheck, begin_check
from bigpato_magic.runner.request import Request
from bigpato_magic.status import Cancel
from bigpato_magic.types import Freshness, Holding, Reason, TableCopy, TableId, TableVersion

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORDERS = TableId("p", "shop", "orders")
COPY = TableCopy("c1", ORDERS, TableVersion("e", NOW, NOW, 1, 1, "s"), (), Holding(frozenset()), (), NOW, "me")
FRESH = {ORDERS: (Freshness.FRESH, None)}
STALE = {ORDERS: (Freshness.STALE, Reason("stale", "orders has changed", ORDERS))}
REQUEST = Request("SELECT 1", max_staleness=5.0, offline=True)


class Queries:
    """What a tier says of copies: at once, or when it has asked."""

    def __init__(self, check, known=None):
        self.asked = []
        self.facts = SimpleNamespace(check=self._check, known_fresh=lambda *_: known)
        self._answer = check

    def _check(self, *asked):
        self.asked.append(asked)
        return self._answer()


@pytest.fixture
def begin():
    with ThreadPoolExecutor(1) as pool:
        yield lambda queries, copies=(COPY,): begin_check(queries, pool, REQUEST, copies)


def fails():
    raise TierError("the marks cannot be read")


def test_what_is_known_to_be_fresh_is_not_asked_for(begin):
    queries = Queries(fails, known=FRESH)
    assert begin(queries).wait(Cancel()) == FRESH
    assert queries.asked == []


def test_a_query_without_tables_asks_nobody(begin):
    queries = Queries(fails)
    assert begin(queries, copies=()).wait(Cancel()) == {}
    assert queries.asked == []


def test_what_is_not_known_is_asked_for_as_the_request_says(begin):
    queries = Queries(lambda: FRESH)
    assert begin(queries).wait(Cancel()) == FRESH
    assert queries.asked == [((COPY,), 5.0, True)]


def test_a_check_that_fails_is_known_of_no_copy(begin):
    (reason,) = not_fresh((COPY,), begin(Queries(fails)).wait(Cancel()))
    assert (reason.code, reason.message) == ("unchecked", "the tables could not be checked: the marks cannot be read")


@pytest.mark.parametrize(("answer", "stopped"), [(lambda: FRESH, False), (lambda: STALE, True), (fails, True)])
def test_a_check_that_speaks_against_the_run_stops_it(begin, answer, stopped):
    check, stop = begin(Queries(answer)), Cancel()
    check.stop_if_stale(stop)
    check.wait(Cancel())
    assert stop.wait(5.0 if stopped else 0.2) is stopped


def test_who_waits_for_a_check_can_be_stopped(begin):
    hangs, cancel = threading.Event(), Cancel()
    check = begin(Queries(lambda: hangs.wait() and FRESH))
    threading.Timer(0.2, cancel.set).start()
    try:
        with pytest.raises(Cancelled):
            check.wait(cancel)
    finally:
        hangs.set()


class Tables:
    """What BigQuery says of tables, in its own time."""

    def __init__(self, ask):
        self.facts = SimpleNamespace(known=lambda _: None, fetch=lambda _: ask())


def facts(ask, request=REQUEST):
    with ThreadPoolExecutor(1) as pool:
        early = EarlyCheck(Tables(ask), pool, request)
        early.begin((), {ORDERS})
        return early.facts([ORDERS])


def test_tables_that_nobody_tells_hold_no_query_up(monkeypatch):
    """`tables.get` may hang for a minute: the query goes on without, and its answer is not kept."""
    monkeypatch.setattr(checks, "LONGEST", 0.2)
    told, went_on = threading.Event(), []

    def hang():
        told.wait(30)
        went_on.append(True)

    with ThreadPoolExecutor(1) as pool:
        early = EarlyCheck(Tables(hang), pool, Request("SELECT 1"))
        early.begin((), {ORDERS})
        assert early.facts([ORDERS]) == {}
        assert went_on == []
        monkeypatch.setattr(checks, "ended_in_time", lambda *_: pytest.fail("it is waited for twice"))
        assert early.facts([ORDERS]) == {}
        told.set()


@pytest.mark.parametrize("error", [TimeoutError, RuntimeError])
def test_what_is_wrong_with_the_question_is_not_the_querys(error):
    def fail():
        raise error

    assert facts(fail) == {}


def test_a_query_that_is_stopped_waits_for_no_table():
    cancel, told = Cancel(), threading.Event()
    cancel.on_set(told.set)
    threading.Timer(0.2, cancel.set).start()
    with pytest.raises(Cancelled):
        facts(lambda: told.wait(30), Request("SELECT 1", cancel=cancel))


def test_a_check_that_takes_too_long_by_itself_is_an_error_and_no_wait(begin):
    def late():
        raise TimeoutError("the disk does not answer")

    with pytest.raises(TimeoutError):
        begin(Queries(late)).wait(Cancel())
