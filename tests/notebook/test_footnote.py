"""The footnote says where, how long, how fresh, what it cost; and why, one click further."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bigpato_magic.notebook.footnote import Note, clock
from bigpato_magic.types import (
    AnalyzedQuery,
    Compiled,
    Look,
    QueryResult,
    Reason,
    RunInEvaluator,
    RunLocal,
    RunOnBigQuery,
    RunRead,
    TableFacts,
    TableId,
    TableVersion,
)

ORDERS = TableId("acme", "shop", "orders")
NOT_LOCAL = Reason("not-local", "orders is not local yet", ORDERS)
NO_RULE = Reason("no-rule", "ST_AREA has no rule <yet>")
GIB = 2**30
NOW = datetime(2026, 11, 22, 14, 2, 5, tzinfo=UTC)


def price(size):
    return size / 2**40 * 6.25


def answer(decision, **more):
    return QueryResult(None, (), decision, **({"seconds": 0.04} | more))


def local(**more):
    return answer(RunLocal("SELECT 1", Compiled("SELECT 1 -- <duck>", ()), ()), **more)


def read(restriction="", **more):
    facts = TableFacts(ORDERS, TableVersion("e", NOW, NOW, 1, 1, "s"), (), NOW)
    look = Look(AnalyzedQuery("SELECT id FROM orders", None, {}, ()), facts, (), (), restriction)
    return answer(RunRead("SELECT id FROM orders", look, (NOT_LOCAL,)), fresh_as_of=NOW, **more)


def bigquery(*reasons, **more):
    return answer(RunOnBigQuery("SELECT 1", reasons or (NOT_LOCAL,)), seconds=2.1, **more)


@pytest.mark.parametrize(
    ("note", "line"),
    [
        (
            Note(local(bytes_saved=1503238553, fresh_as_of=NOW), price),
            f"local · 0.04 s · fresh as of {clock(NOW)} · 1.4 GiB not billed (≈ $0.0085)",
        ),
        (
            Note(
                answer(
                    RunLocal("SELECT 1", Compiled("SELECT 1", (), frozenset({"approx_quantiles(INT64, INT64)"})), ())
                )
            ),
            "local · 0.04 s · exact in place of approximate",
        ),
        (
            Note(bigquery(bytes_billed=1503238553), price),
            "BigQuery · 2.1 s · 1.4 GiB billed (≈ $0.0085) · orders is not local yet",
        ),
        (
            Note(bigquery(NOT_LOCAL, NO_RULE, bytes_billed=0), price),
            "BigQuery · 2.1 s · 0 B billed · orders is not local yet (and 1 more)",
        ),
        (
            Note(bigquery(cache_hit=True), price),
            "BigQuery · 2.1 s · from BigQuery's cache, not billed · orders is not local yet",
        ),
        (
            Note(local(unverified_since=NOW), price),
            f"local · 0.04 s · not verified since {clock(NOW)}",
        ),
        (
            Note(answer(RunInEvaluator("SELECT 1", (), (), (NO_RULE,))), price),
            "local (Google's evaluator) · 0.04 s",
        ),
        (
            Note(read(bytes_read=1258291), price),
            f"read from orders by Storage Read · no query job · 0.04 s · fresh as of {clock(NOW)} · nothing billed · "
            "1.2 MiB read",
        ),
        (
            Note(read(bytes_saved=GIB, bytes_read=GIB, read_price=0.00107), price),
            f"read from orders by Storage Read · no query job · 0.04 s · fresh as of {clock(NOW)} · "
            "1.0 GiB not billed (≈ $0.0061) · 1.0 GiB read (≈ $0.0011)",
        ),
        (
            Note(read(bytes_read=1258291, cache_hit=True), price),
            f"read from orders by Storage Read · no query job · 0.04 s · fresh as of {clock(NOW)} · "
            "BigQuery's cache would have had it too · 1.2 MiB read",
        ),
        (
            Note(bigquery(bytes_billed=GIB, slot_ms=12_300), price, slots=True),
            "BigQuery · 2.1 s · 12 slot-seconds · orders is not local yet",
        ),
        (Note(bigquery(bytes_billed=GIB), price, slots=True), "BigQuery · 2.1 s · orders is not local yet"),
        (
            Note(bigquery(cache_hit=True, slot_ms=0), price, slots=True),
            "BigQuery · 2.1 s · from BigQuery's cache · orders is not local yet",
        ),
        (Note(local(bytes_saved=GIB), price, slots=True), "local · 0.04 s"),
        (
            Note(local(bytes_saved=GIB, slot_ms_saved=5_400_000), price, slots=True),
            "local · 0.04 s · 1.5 slot-hours not used",
        ),
        (Note(local(cache_hit=True), price, slots=True), "local · 0.04 s · BigQuery's cache would have had it too"),
        (
            Note(read(bytes_saved=GIB, bytes_read=1258291), price, slots=True),
            f"read from orders by Storage Read · no query job · 0.04 s · fresh as of {clock(NOW)} · 1.2 MiB read",
        ),
        (Note(local(), rows=5, shown=5, name="df"), "df ← local · 0.04 s · 5 rows"),
        (Note(local(), rows=5000, shown=20), "local · 0.04 s · first 20 of 5,000 rows"),
    ],
)
def test_one_line(note, line):
    assert note.line() == line


def test_another_day_has_its_date():
    assert clock(NOW - timedelta(days=2)).startswith("20")


def test_the_html_opens_to_reasons_and_a_remedy_and_escapes_all():
    page = Note(bigquery(NOT_LOCAL)).html()
    assert "<li>orders is not local yet <code>not-local</code></li>" in page
    assert "<code>%bp_rebalance shop.orders</code>" in page
    assert "ST_AREA has no rule &lt;yet&gt;" in Note(bigquery(NO_RULE)).html()
    assert "SELECT 1 -- &lt;duck&gt;" in Note(local()).html()


def test_no_rebalance_is_promised_where_it_would_not_help():
    assert "%bp_rebalance" not in Note(bigquery(NOT_LOCAL, NO_RULE)).html()


def test_a_look_says_why_it_is_not_local_and_what_it_filtered_by():
    page = Note(read("(`id` < 3)")).html()
    assert "<li>orders is not local yet <code>not-local</code></li>" in page
    assert "(`id` &lt; 3)" in page
    assert "%bp_rebalance shop.orders" in page


def test_a_look_that_failed_is_in_no_rebalances_way():
    note = Note(bigquery(NOT_LOCAL, Reason("look", "Storage Read brought nothing within 10 s", ORDERS)))
    assert "%bp_rebalance shop.orders" in note.html()


def test_the_rebalance_that_helps_has_its_price():
    note = Note(bigquery(NOT_LOCAL), transfer=lambda tables: (GIB * len(tables), 0.0011))
    assert "%bp_rebalance shop.orders brings 1.0 GiB here at most (≈ $0.0011)." in note.full()
    assert "brings 1.0 GiB here at most (≈ $0.0011)." in note.html()


def test_the_job_has_a_link_where_there_is_a_console():
    result = bigquery(job_id="job_1", location="EU")
    link = "https://console.cloud.google.com/bigquery?project=acme&amp;j=bq%3AEU%3Ajob_1&amp;page=queryresults"
    assert f'href="{link}"' in Note(result, console_project="acme").html()
    assert "href" not in Note(result).html()


def test_machines_find_it_in_the_metadata():
    facts = Note(bigquery(NOT_LOCAL, NO_RULE, bytes_billed=7, job_id="j")).metadata()["bigpato"]
    assert facts == {
        "route": "bigquery",
        "seconds": 2.1,
        "bytes_billed": 7,
        "bytes_saved": 0,
        "slot_ms": None,
        "job_id": "j",
        "as_of": None,
        "fresh_as_of": None,
        "reasons": ["not-local", "no-rule"],
    }
