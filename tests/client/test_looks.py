"""A look at a table's rows runs no query job, has just BigQuery's answer, and leaves everything in doubt to BigQuery."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from bigpato_magic import frames
from bigpato_magic.errors import Cancelled, QueryError, RouteRefused
from bigpato_magic.notebook.cards import explanation_card
from bigpato_magic.notebook.footnote import Note
from bigpato_magic.notebook.savings import savings_card
from bigpato_magic.runner import checks, looks
from bigpato_magic.status import Cancel
from bigpato_magic.traits import format_size
from bigpato_magic.types import RunLocal, RunOnBigQuery, RunRead

VIEWS = "SELECT event_id, kind AS k FROM events WHERE kind = 'view'"


def rows_of(result):
    return sorted(map(repr, result.arrow.to_pylist()))


@pytest.mark.parametrize(
    ("sql", "params"),
    [
        ("SELECT * FROM all_types", ()),
        ("SELECT string AS s, `int64`, string FROM all_types", ()),
        (
            "SELECT * FROM events WHERE day >= @since AND (kind IN ('view', 'buy') OR user_id IS NULL)",
            {"since": date(2024, 1, 5)},
        ),
        ("SELECT device, event_id FROM events WHERE NOT event_id BETWEEN 3 AND 100000 AND amount >= 2.5", ()),
        ("SELECT event_id FROM events WHERE `at` < TIMESTAMP '2024-01-02 00:00:00+01'", ()),
        ("SELECT event_id FROM events WHERE kind = 'it\\'s nothing'", ()),
        ("SELECT e.kind FROM `samples.events` AS e WHERE event_id = ? -- one", [7]),
    ],
)
def test_its_answer_is_bigquerys_and_no_job_runs(client, warehouse, sql, params):
    jobs = len(warehouse.jobs)
    found = client.run(sql, params=params)
    assert len(warehouse.jobs) == jobs
    asked = client.run(sql, params=params, route="bigquery")
    assert (found.decision.where, asked.decision.where) == ("read", "bigquery")
    assert found.outputs == asked.outputs
    assert found.arrow.schema.equals(asked.arrow.schema, check_metadata=True)
    assert rows_of(found) == rows_of(asked)
    one, other = frames.to_pandas(found.arrow), frames.to_pandas(asked.arrow)
    pd.testing.assert_series_equal(one.dtypes, other.dtypes)


@pytest.mark.parametrize("limit", [0, 1, 10, 10**9])
def test_a_limit_brings_so_many_rows_of_the_table(client, warehouse, limit):
    found = client.run(f"SELECT event_id, kind FROM events LIMIT {limit}")
    there = {
        (r["event_id"], r["kind"]) for r in warehouse.execute("SELECT event_id, kind FROM samples.events").to_pylist()
    }
    rows = [(r["event_id"], r["kind"]) for r in found.arrow.to_pylist()]
    assert found.decision.where == "read"
    assert len(rows) == len(set(rows)) == min(limit, len(there))
    assert set(rows) <= there


def test_the_stream_ends_where_there_are_enough_rows(client, monkeypatch):
    from bigpato_magic.demo import transfers

    monkeypatch.setattr(transfers, "BATCH_ROWS", 100)
    few, all_of_it = client.run("SELECT * FROM events LIMIT 150"), client.run("SELECT * FROM events")
    assert 0 < few.bytes_read < all_of_it.bytes_read / 10


def test_with_a_limit_a_table_of_any_size_is_looked_at_but_not_searched(client):
    client.look_below, client.tier.keep.on = 1000, False
    assert client.run("SELECT * FROM events LIMIT 5").decision.where == "read"
    for sql in ("SELECT * FROM events", f"{VIEWS} LIMIT 5", "SELECT * FROM events LIMIT 500"):
        assert client.run(sql).decision.where == "bigquery"
        assert "more than 1000 B" in client.explain(sql).reading


def test_looks_can_be_switched_off(client):
    client.look_below = 0
    assert client.run("SELECT * FROM events LIMIT 5").decision.where == "bigquery"


def test_who_asks_for_bigquery_gets_it_and_who_asks_for_local_a_refusal(client):
    client.tier.keep.on = False
    assert client.run(VIEWS, route="bigquery").decision.where == "bigquery"
    assert client.run(VIEWS, use_storage_api=False).decision.where == "bigquery"
    assert client.run(VIEWS, location="EU").decision.where == "bigquery"
    with pytest.raises(RouteRefused, match="not local yet"):
        client.run(VIEWS, route="local")


def test_a_fresh_copy_answers_before_anything_is_read(client, warehouse):
    client.rebalance(["events"])
    assert isinstance(client.run(VIEWS).decision, RunLocal)
    warehouse.execute("INSERT INTO samples.events (event_id, kind) VALUES (-1, 'view')")
    stale = client.run(VIEWS)
    assert isinstance(stale.decision, RunRead)
    assert [reason.code for reason in stale.decision.reasons] == ["stale"]
    assert -1 in stale.arrow["event_id"].to_pylist()


def test_what_is_wrong_is_bigquerys_to_say(client):
    for sql in (
        "SELECT nothing FROM events LIMIT 1",
        "SELECT * FROM no_such_table LIMIT 1",
        "SELECT * FROM events WHERE",
    ):
        with pytest.raises(QueryError):
            client.run(sql)


# ------------------------------------------------------------------------------- what is in doubt


def _stream(warehouse):
    warehouse.stream_rows("samples.events", [{"event_id": -1, "kind": "view"}])


def _policy(warehouse):
    warehouse.add_row_policy("samples.events", "event_id > 5", [warehouse.principal])


def _tag(warehouse):
    warehouse.tag_column("samples.events", "kind", readers=[warehouse.principal])


@pytest.mark.parametrize("change", [_stream, _policy, _tag])
def test_a_table_with_more_to_it_than_rows_is_bigquerys(client, warehouse, change):
    change(warehouse)
    found = client.run(VIEWS)
    assert isinstance(found.decision, RunOnBigQuery)
    assert "look" not in {reason.code for reason in found.decision.reasons}


def test_a_view_is_bigquerys(client, warehouse):
    warehouse.execute("CREATE VIEW samples.v AS SELECT * FROM samples.events")
    assert client.run("SELECT event_id FROM v LIMIT 3").decision.where == "bigquery"
    assert client.explain("SELECT event_id FROM v LIMIT 3").decision.reasons[0].code == "view"


def test_a_required_filter_that_is_missing_is_bigquerys_error(client, warehouse):
    warehouse.execute(
        "CREATE TABLE samples.days PARTITION BY day OPTIONS (require_partition_filter = TRUE) AS "
        "SELECT day, event_id FROM samples.events"
    )
    with pytest.raises(QueryError, match="without a filter"):
        client.run("SELECT * FROM days LIMIT 3")
    (day,) = set(warehouse.execute("SELECT MIN(day) AS d FROM samples.events")["d"].to_pylist())
    found = client.run(f"SELECT * FROM days WHERE day = '{day}'")
    assert found.decision.where == "read"
    assert rows_of(found) == rows_of(client.run(f"SELECT * FROM days WHERE day = '{day}'", route="bigquery"))


# --------------------------------------------------------------------------------------- failures


def test_a_missing_permission_is_asked_for_once_in_a_while(client, warehouse, monkeypatch):
    client.tier.keep.on = False
    warehouse.faults.set("read:403")
    found = client.run(VIEWS)
    assert [reason.code for reason in found.decision.reasons] == ["not-local", "look"]
    assert "Access Denied" in found.decision.reasons[1].message
    assert client.run(VIEWS).decision.where == "bigquery"
    assert warehouse.faults.hits["read:403"] == 1
    warehouse.faults.clear()
    assert client.run(VIEWS).decision.where == "bigquery"
    now = looks.elapsed()
    monkeypatch.setattr(looks, "elapsed", lambda: now + looks.REST)
    assert client.run(VIEWS).decision.where == "read"


@pytest.mark.parametrize("fault", ["read:503", "read:cut-after-bytes"])
def test_a_read_that_breaks_has_the_whole_answer_all_the_same(client, warehouse, monkeypatch, fault):
    from bigpato_magic.demo import transfers

    monkeypatch.setattr(transfers, "BATCH_ROWS", 100)
    warehouse.faults.set(fault, after=20_000)
    found = client.run("SELECT * FROM events")
    assert warehouse.faults.hits[fault] == 1
    assert found.decision.where == "bigquery"
    assert [reason.code for reason in found.decision.reasons] == ["not-local", "look"]
    assert rows_of(found) == rows_of(client.run("SELECT * FROM events", route="bigquery"))


def test_a_question_that_hangs_is_not_waited_for(client, warehouse, monkeypatch):
    known, hangs = warehouse.facts, threading.Event()
    monkeypatch.setattr(checks, "LONGEST", 0.1)
    monkeypatch.setattr(warehouse, "facts", lambda tables: hangs.wait(60) and known(tables))
    unknown = client.run(VIEWS)
    hangs.set()
    assert unknown.decision.where == "bigquery"
    client.tier.keep.on = False
    client.run("SELECT event_id FROM events LIMIT 1")
    answers = iter([True, False])
    hangs.clear()
    monkeypatch.setattr(warehouse, "facts", lambda tables: (next(answers, False) or hangs.wait(60)) and known(tables))
    late = client.run("SELECT event_id FROM events LIMIT 3")
    hangs.set()
    assert late.decision.where == "bigquery"
    assert "does not say whether" in late.decision.reasons[-1].message


def test_without_the_api_it_is_said_so(client, warehouse, monkeypatch):
    ways = iter([warehouse.transfers(), {}])
    monkeypatch.setattr(warehouse, "transfers", lambda: next(ways))
    assert client.run(VIEWS).decision.reasons[-1].message == "there is no Storage Read API"


def test_facts_that_cannot_be_had_leave_it_to_bigquery(client, warehouse):
    with warehouse.faults.during("facts:503"):
        found = client.run(VIEWS)
    assert [reason.code for reason in found.decision.reasons] == ["not-local"]
    assert found.arrow.num_rows


def test_a_table_that_is_another_when_it_has_been_read_is_asked_for_anew(client, warehouse, monkeypatch):
    from bigpato_magic.demo.transfers import Read

    fetch = Read.fetch

    def meanwhile(self, request, **how):
        warehouse.execute("CREATE OR REPLACE TABLE samples.events AS SELECT 1 AS event_id, 'view' AS kind")
        return fetch(self, replace(request, facts=warehouse.facts([request.facts.id])[request.facts.id]), **how)

    monkeypatch.setattr(Read, "fetch", meanwhile)
    found = client.run(VIEWS)
    assert [reason.message for reason in found.decision.reasons][1:] == ["events has changed meanwhile"]
    assert found.arrow.to_pylist() == [{"event_id": 1, "k": "view"}]


def test_fewer_rows_than_the_table_has_are_no_answer(client, monkeypatch):
    from bigpato_magic.demo import transfers

    monkeypatch.setattr(transfers, "BATCH_ROWS", 100)
    rows = looks._rows

    def without_the_last(look, fetched, opened):
        batches, ended = rows(look, fetched, opened)
        return batches[:-1], ended

    monkeypatch.setattr(looks, "_rows", without_the_last)
    found = client.run("SELECT * FROM events")
    assert "were expected" in found.decision.reasons[-1].message
    assert rows_of(found) == rows_of(client.run("SELECT * FROM events", route="bigquery"))


def test_a_service_that_does_not_begin_is_not_waited_for(client, monkeypatch):
    from bigpato_magic.demo.transfers import Read

    def silent(self, request, *, cancel, **how):
        assert cancel.wait(60)
        cancel.check()

    monkeypatch.setattr(Read, "fetch", silent)
    monkeypatch.setattr(looks, "WAITING", 0.05)
    found = client.run(VIEWS)
    assert found.decision.where == "bigquery"
    assert "brought nothing" in found.decision.reasons[-1].message


def test_a_stream_that_brings_no_more_is_not_waited_for(client, monkeypatch):
    from bigpato_magic.demo.transfers import Read

    first_rows = Read.fetch

    @contextmanager
    def halting(self, request, *, cancel, **how):
        with first_rows(self, request, cancel=cancel, **how) as fetched:

            def one_batch():
                yield next(iter(fetched.batches))
                assert cancel.wait(60)
                cancel.check()

            yield replace(fetched, batches=one_batch())

    monkeypatch.setattr(Read, "fetch", halting)
    monkeypatch.setattr(looks, "WAITING", 0.3)
    found = client.run(VIEWS)
    assert found.decision.where == "bigquery"
    assert "brought nothing" in found.decision.reasons[-1].message


def test_a_stopped_look_is_stopped_and_asks_nobody_else(client, warehouse):
    cancel, jobs, heard = Cancel(), len(warehouse.jobs), []

    def progress(event):
        heard.append(event)
        cancel.set()

    with pytest.raises(Cancelled):
        client.run("SELECT * FROM events", cancel=cancel, progress=progress)
    assert heard[0].stage == "read"
    assert len(warehouse.jobs) == jobs


# ----------------------------------------------------------------------------------------- accounts


def test_the_facts_of_a_known_table_are_asked_as_often_as_a_copys(client, warehouse, monkeypatch):
    client.tier.keep.on = False
    asked, facts = [], warehouse.facts
    monkeypatch.setattr(warehouse, "facts", lambda tables: asked.append(tables) or facts(tables))
    client.run("SELECT kind, COUNT(*) AS n FROM events GROUP BY kind")
    client.tier.queries.facts.forget()
    asked.clear()
    client.run(VIEWS, max_staleness=600)
    assert len(asked) == 2  # before, and beside the reading: is it still the same
    client.run(VIEWS, max_staleness=600)
    assert len(asked) == 3
    client.run(VIEWS)
    assert len(asked) == 5


def test_what_it_saved_and_what_it_read_is_in_the_ledger(client):
    first, again = client.run(VIEWS), client.run(VIEWS)
    assert (first.bytes_billed, first.bytes_saved, first.read_price) == (0, min(10 << 20, first.bytes_read), 0.0)
    assert again.cache_hit
    assert again.bytes_saved == 0
    lines = [line for line in client.tier.ledger.entries() if line.kind == "query"]
    assert [(line.route, line.bytes_billed, line.bytes_moved, line.dollars) for line in lines] == [
        ("read", 0, first.bytes_read, 0.0),
        ("read", 0, again.bytes_read, 0.0),
    ]
    sums = client.savings()
    assert (sums.local, sums.read, sums.bigquery, sums.transfers) == (2, 2, 0, 0)
    assert sums.bytes_moved == first.bytes_read + again.bytes_read
    assert (sums.read_bytes_saved, sums.read_dollars_saved) == (first.bytes_saved, sums.dollars_saved)
    row = next(line for line in savings_card(sums).text.splitlines() if "read without a query job" in line)
    assert format_size(first.bytes_saved) in row


@pytest.mark.parametrize("end", ["LIMIT 0", "WHERE FALSE", "WHERE 1 = 0 AND kind IS NOT NULL LIMIT 5"])
def test_of_what_needs_no_row_nothing_is_claimed(client, end):
    assert client.run(f"SELECT * FROM events {end}").bytes_saved == 0
    client.rebalance(["events"])
    here = client.run(f"SELECT kind, COUNT(*) AS n FROM (SELECT * FROM events {end}) GROUP BY kind")
    assert (here.decision.where, here.bytes_saved) == ("local", 0)


def test_beyond_the_free_allowance_reading_has_its_price_and_is_no_saving(client):
    client.tier.pricing.read_free = 0
    client.tier.pricing.read_per_tib = 2**40
    found = client.run("SELECT * FROM events")
    assert found.read_price == found.bytes_read
    sums = client.savings()
    assert (sums.dollars_billed, sums.dollars_moved) == (0.0, found.read_price)
    assert sums.net == pytest.approx(sums.dollars_saved - found.read_price)
    assert f"read (≈ ${found.bytes_read:,}" in Note(found).line().replace(".00", "")


def test_what_was_read_counts_for_this_months_allowance(client):
    found = client.run("SELECT * FROM events")
    assert client.tier.ledger.read_this_month(client.warehouse.now()) == found.bytes_read


def test_a_look_is_a_use_that_cost_seconds_and_no_money(client):
    client.run(VIEWS)
    (usage,) = client.tier.usage.totals().values()
    assert (usage.uses, usage.paid, usage.saved_uses, usage.not_billed) == (1, 0.0, 0.0, 0)
    assert usage.seconds_per_query > 0
    assert usage.columns == {"event_id", "kind"}


# ------------------------------------------------------------------------------------------ screens


def test_the_footnote_says_where_the_rows_are_from(client):
    line = Note(client.run(VIEWS)).line()
    assert line.startswith("read from events by Storage Read · no query job · ")
    assert line.endswith(" read")
    assert "fresh as of" in line
    client.run(VIEWS)
    assert "(`kind` = 'view')" in Note(client.last).full()


def test_a_value_of_a_parameter_is_on_no_screen(client):
    found = client.run("SELECT event_id FROM events WHERE kind = @secret", params={"secret": "hunter2"})
    assert found.decision.where == "read"
    assert "hunter2" not in Note(found).full() + Note(found).html() + repr(found.decision)


def test_an_explanation_says_that_rows_would_be_read_or_why_not(client):
    text = explanation_card(client.explain(VIEWS)).text
    assert "It would run without a query job" in text
    assert "would be read (≈ $0)" in text
    assert "events is not local yet" in text
    against = explanation_card(client.explain("SELECT event_id FROM events WHERE kind LIKE 'v%'")).text
    assert "Storage Read: not possible: the filter calls LIKE" in against
