"""Only what is missing here is asked of BigQuery, and kept: all of one instant, or the whole is asked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bigpato_magic.errors import BigPatoError, Cancelled, PermissionDenied, QueryError
from bigpato_magic.notebook.cards import explanation_card
from bigpato_magic.notebook.footnote import Note
from bigpato_magic.status import Cancel
from bigpato_magic.types import Kind, Parameter, RunHybrid, RunLocal, RunOnBigQuery, SqlType

MIB = 1 << 20
SALES = """
SELECT b.name, COUNT(*) AS n, SUM(e.amount) AS total FROM events AS e JOIN buckets AS b ON b.id = e.user_id
WHERE e.kind = 'buy' AND b.name != 'name 7' GROUP BY b.name ORDER BY b.name
"""


@pytest.fixture
def client(client):
    """With a copy of `buckets` alone."""
    client.promote("buckets")
    client.look_below = 0
    return client


@pytest.fixture
def between(warehouse, monkeypatch):
    """Does something after each of BigQuery's answers to a query, or before it is asked."""

    def then(action, *, after=True):
        query = warehouse.query

        def meddled(*given, **how):
            monkeypatch.setattr(warehouse, "query", query)
            if not after:
                action()
            answer = query(*given, **how)
            if after:
                action()
            return answer

        monkeypatch.setattr(warehouse, "query", meddled)

    return then


def hybrid(result):
    return isinstance(result.decision, RunLocal) and result.decision.where == "hybrid"


def whole(result):
    return isinstance(result.decision, RunOnBigQuery)


def codes(result):
    return [reason.code for reason in result.decision.reasons]


def test_what_is_here_stays_here_and_only_the_rest_is_billed(client):
    first = client.run(SALES)
    assert hybrid(first)
    assert (first.bytes_billed, first.bytes_saved) == (10 * MIB, 10 * MIB)
    right = client.run(SALES, route="bigquery")
    assert (first.arrow, first.outputs, right.bytes_billed) == (right.arrow, right.outputs, 20 * MIB)


def test_the_next_time_it_is_free_and_so_are_other_questions_to_the_same_part(client):
    client.run(SALES)
    again = client.run(SALES)
    other = client.run(SALES.replace("COUNT(*) AS n", "MAX(e.amount) AS n").replace("!= 'name 7'", "> 'name 2'"))
    assert [(one.decision.where, one.bytes_billed) for one in (again, other)] == [("local", 0)] * 2
    assert [len(one.decision.kept) for one in (again, other)] == [1, 1]


def test_the_part_has_the_columns_and_the_rows_that_are_needed(client):
    (fragment,) = client.run(SALES).decision.fragments
    assert fragment.query.tables.keys() == {client.table_id("events")}
    assert len(fragment.query.outputs) == 2
    assert "buy" in fragment.sql
    assert "name 7" not in fragment.sql


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT b.name, (SELECT MAX(amount) FROM events) AS most FROM buckets AS b ORDER BY 1",
        "SELECT id FROM buckets WHERE id IN (SELECT user_id FROM events WHERE kind IS NULL) ORDER BY id",
        "SELECT name FROM buckets AS b WHERE EXISTS (SELECT 1 FROM events AS e WHERE e.user_id = b.id) ORDER BY 1",
        "SELECT id FROM buckets UNION ALL (SELECT COUNT(*) FROM events) ORDER BY 1",
        "SELECT b.id, e.event_id FROM buckets AS b LEFT JOIN events AS e ON e.user_id = b.id AND e.kind = 'buy' ORDER BY 1, 2",
        "SELECT b.id, COUNT(e.kind) AS n FROM events AS e RIGHT JOIN buckets AS b ON e.user_id = b.id AND e.event_id < 900 "
        "GROUP BY 1 ORDER BY 1",
        "SELECT b.id, e.kind FROM buckets AS b FULL JOIN events AS e ON e.user_id = b.id WHERE e.event_id < 90 ORDER BY 1, 2",
        "WITH per AS (SELECT user_id, COUNT(*) AS n FROM events GROUP BY 1) SELECT name, n FROM per JOIN buckets ON id = user_id "
        "WHERE n > 3 ORDER BY 1, 2",
        "WITH big AS (SELECT * FROM events WHERE amount > 50), per AS (SELECT user_id, kind FROM big) SELECT name, "
        "(SELECT COUNT(*) FROM big) AS n FROM per JOIN buckets ON id = user_id ORDER BY 1",
        "SELECT e.day, b.name FROM events AS e, buckets AS b, arrivals AS a WHERE e.user_id = b.id AND a.id = b.id AND "
        "e.day > DATE '2024-01-20' ORDER BY 1, 2",
        "SELECT b.name, e.device.os, COUNT(*) AS n FROM events AS e JOIN buckets AS b ON b.id = e.user_id GROUP BY 1, 2 "
        "ORDER BY 1, 2",
        "SELECT name, n FROM buckets JOIN (SELECT user_id, ROW_NUMBER() OVER (ORDER BY event_id) AS n FROM events) "
        "ON id = user_id ORDER BY n LIMIT 7",
    ],
)  # fmt: skip
def test_the_answer_is_bigquerys(client, sql):
    result = client.run(sql)
    assert hybrid(result), result.decision
    right = client.run(sql, route="bigquery")
    assert (result.arrow, result.outputs) == (right.arrow, right.outputs)
    assert result.bytes_billed < right.bytes_billed
    assert client.run(sql).bytes_billed == 0


def test_rows_that_are_chosen_are_chosen_once(client, warehouse):
    sql = """
    WITH five AS (SELECT event_id, user_id FROM events LIMIT 5)
    SELECT (SELECT STRING_AGG(CAST(event_id AS STRING), ',' ORDER BY event_id) FROM five) AS one, COUNT(b.id) AS n,
      STRING_AGG(CAST(s.event_id AS STRING), ',' ORDER BY s.event_id) AS other
    FROM five AS s LEFT JOIN buckets AS b ON b.id = s.user_id
    """
    before = len(warehouse.jobs)
    result = client.run(sql)
    assert hybrid(result)
    assert len(warehouse.jobs) == before + 1
    assert result.arrow["one"] == result.arrow["other"]


def test_values_of_parameters_are_bound_with_their_types(client):
    named = (
        "SELECT id, COUNT(*) AS n FROM events JOIN buckets ON id = user_id WHERE kind = @kind AND id > @id GROUP BY 1"
    )
    given = [Parameter("id", SqlType(Kind.INT64), 30), Parameter("kind", SqlType(Kind.STRING), "buy")]
    by_place = named.replace("@kind", "?").replace("@id", "?")
    one = client.run(named + " ORDER BY 1", params=given)
    client.tier.queries.forget()
    two = client.run(by_place + " ORDER BY 1", params=[Parameter(None, p.type, p.value) for p in reversed(given)])
    right = client.run(named + " ORDER BY 1", params=given, route="bigquery")
    assert [hybrid(one), hybrid(two)] == [True, True]
    assert one.arrow == two.arrow == right.arrow
    assert "buy" not in one.decision.fragments[0].sql
    assert "buy" not in repr(one.decision.fragments)


@pytest.mark.parametrize("change", [
    "DELETE FROM samples.events WHERE event_id < 10000",
    "DELETE FROM samples.buckets WHERE id > 20",
    "ALTER TABLE samples.events ADD COLUMN more INT64",
])  # fmt: skip
@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
def test_a_table_that_changes_between_is_asked_as_a_whole(client, warehouse, between, change, after):
    between(lambda: warehouse.execute(change), after=after)
    result = client.run(SALES)
    assert whole(result)
    assert codes(result)[-1] == "fragment"
    assert result.bytes_billed == 30 * MIB
    assert result.arrow == client.run(SALES, route="bigquery").arrow
    assert [*client.tier.ledger.entries()][-2].bytes_billed == 30 * MIB


def test_a_copy_that_is_behind_is_no_part_of_an_answer(client, warehouse):
    warehouse.execute("DELETE FROM samples.buckets WHERE id > 20")
    result = client.run(SALES, max_staleness=3600)
    assert whole(result)
    assert result.arrow == client.run(SALES, route="bigquery").arrow


def test_an_error_that_only_the_part_has_is_never_seen(client):
    """Rows that the join leaves out are evaluated by the part, and not by the whole."""
    sql = "SELECT COUNT(*) AS n FROM events e JOIN buckets b ON b.id = e.user_id WHERE DIV(1, e.user_id - 200) >= 0 AND b.id > 50"
    result = client.run(sql)
    assert whole(result)
    assert result.arrow == client.run(sql, route="bigquery").arrow
    assert result.bytes_billed == 20 * MIB


def test_an_error_of_the_person_is_the_wholes(client):
    with pytest.raises(QueryError) as hit:
        client.run(
            "SELECT COUNT(*) AS n FROM events e JOIN buckets b ON b.id = e.user_id WHERE DIV(1, e.event_id - 5) >= 0"
        )
    assert "bigpato_scan" not in str(hit.value)


def test_a_fault_of_the_part_is_the_wholes_chance(client, warehouse):
    warehouse.faults.set("query:out-of-resources", times=2)  # both dry runs
    assert codes(client.run(SALES.replace("buy", "view")))[-1] == "not-local"


@pytest.mark.parametrize("sql", [
    "SELECT b.name, COUNT(*) AS n FROM events_view e JOIN buckets b ON b.name = e.kind GROUP BY 1",
    "SELECT b.name, COUNT(*) AS n FROM events e JOIN buckets b ON b.id = e.user_id WHERE RAND() < 2 GROUP BY 1 ORDER BY 1",
    "SELECT COUNT(*) AS n FROM events e",
])  # fmt: skip
def test_what_cannot_be_kept_is_asked_as_a_whole(client, sql):
    client.tier.keep.largest = 100_000 if "RAND" in sql else client.tier.keep.largest
    assert whole(client.run(sql))


@pytest.mark.parametrize("mark", [
    lambda w: w.add_row_policy("samples.events", "TRUE", [w.principal]),
    lambda w: w.tag_column("samples.events", "amount", readers=[w.principal]),
    lambda w: w.stream_rows("samples.events", [{"event_id": -1}]),
    lambda w: w.add_row_policy("samples.buckets", "TRUE", [w.principal]),
])  # fmt: skip
def test_what_depends_on_who_asks_or_when_is_asked_as_a_whole(client, warehouse, mark):
    mark(warehouse)
    assert whole(client.run(SALES))


def test_a_part_that_may_be_large_is_not_asked_alone(client):
    client.tier.keep.largest = 100_000
    result = client.run(SALES)
    assert whole(result)
    assert (
        "hybrid: not possible: what is missing here is not certain to be small"
        in explanation_card(client.explain(SALES)).text
    )


def test_it_is_taken_only_where_it_bills_less(client):
    """Two parts over one table would bill its minimum twice, which is what the whole bills."""
    sql = "SELECT user_id, f.kind FROM events JOIN buckets ON id = user_id JOIN (SELECT DISTINCT kind FROM events) f ON TRUE"
    assert whole(client.run(sql))
    assert (
        "hybrid: not possible: asking for what is missing here would bill 20.0 MiB, and the whole query 20.0 MiB"
        in (explanation_card(client.explain(sql)).text)
    )


def test_it_may_be_switched_off(client):
    client.tier.keep.fragments = False
    assert whole(client.run(SALES))


def test_who_pays_for_slots_waits_for_one_job(client):
    client.tier.pricing.objective = "time"
    assert whole(client.run(SALES))


@pytest.mark.parametrize("how", [{"route": "bigquery"}, {"use_query_cache": False}])
def test_who_wants_bigquerys_own_answer_gets_it(client, how):
    assert whole(client.run(SALES, **how))


def test_a_limit_in_bytes_is_the_persons_for_all_parts(client):
    assert hybrid(client.run(SALES, maximum_bytes_billed=10 * MIB))


def test_a_stopped_query_stops_the_part(client, between, warehouse):
    cancel = Cancel()
    between(cancel.set, after=False)
    with pytest.raises(Cancelled):
        client.run(SALES, cancel=cancel)
    assert client.tier.open().catalog.kept() == ()
    assert hybrid(client.run(SALES))


def test_at_midnight_the_whole_is_asked(client, warehouse, between):
    sql = "SELECT COUNT(*) AS n FROM events e JOIN buckets b ON b.id = e.user_id WHERE e.day < CURRENT_DATE()"
    client.run(sql)
    assert client.tier.open().catalog.kept() != ()
    client.tier.queries.forget()

    def next_day():
        warehouse.clock_offset += timedelta(days=1)

    between(next_day)
    assert whole(client.run(sql))


def test_another_kernel_has_it_too(client, warehouse, tmp_path):
    from bigpato_magic.client import BigPato

    first = client.run(SALES)
    other = BigPato(warehouse=warehouse, project=warehouse.project, dataset="samples", directory=str(tmp_path / "tier"))
    again = other.run(SALES)
    assert (again.arrow, again.bytes_billed) == (first.arrow, 0)
    other.close()


def test_a_store_that_is_full_costs_a_second_job_and_no_answer(client, warehouse):
    client.tier.keep.share = 0.0
    result = client.run(SALES)
    assert whole(result)
    assert codes(result)[-1] == "fragment"
    assert result.arrow == client.run(SALES, route="bigquery").arrow


def test_what_a_stopped_query_has_billed_is_in_the_ledger(client, between):
    cancel = Cancel()
    between(cancel.set)
    with pytest.raises(Cancelled):
        client.run(SALES, cancel=cancel)
    (entry,) = [entry for entry in client.tier.ledger.entries() if entry.kind == "query"]
    assert (entry.route, entry.bytes_billed, entry.bytes_saved) == ("bigquery", 10 * MIB, 0)


def test_what_the_parts_of_a_failed_query_have_billed_is_in_the_ledger(client, warehouse, between):
    client.tier.keep.share = 0.0
    between(lambda: warehouse.faults.set("query:403"))
    with pytest.raises(PermissionDenied):
        client.run(SALES)
    assert [entry.bytes_billed for entry in client.tier.ledger.entries() if entry.kind == "query"] == [10 * MIB]


def test_parts_that_gave_no_answer_are_not_billed_in_vain_again(client, warehouse):
    client.tier.keep.share = 0.0
    assert client.run(SALES).bytes_billed == 30 * MIB
    again = client.run(SALES)
    assert (again.bytes_billed, codes(again)) == (0, ["not-local"])  # from BigQuery's cache, all of it
    text = explanation_card(client.explain(SALES)).text
    assert "hybrid: not possible: its parts gave no certain answer a moment ago" in text
    client.tier.keep.share = 0.25
    assert hybrid(client.run(SALES.replace("name 7", "name 8")))


def test_it_is_explained_before_and_told_after(client):
    explained = client.explain(SALES)
    assert isinstance(explained.decision, RunHybrid)
    text = explanation_card(explained).text
    assert "It would run as a hybrid: a part over events from BigQuery, the rest locally, in DuckDB." in text
    assert "hybrid: 10.0 MiB would be billed (≈ $0.00006) instead of 20.0 MiB, and nothing the next time" in text
    line = Note(client.run(SALES), price=client.tier.price_of_query).line()
    assert line.startswith("hybrid, a part over events from BigQuery, the rest local · ")
    assert "10.0 MiB billed (≈ $0.00006) · 10.0 MiB not billed (≈ $0.00006)" in line
    *_, entry = client.tier.ledger.entries()
    assert (entry.route, entry.bytes_billed, entry.bytes_saved) == ("hybrid", 10 * MIB, 10 * MIB)


def test_what_asks_for_the_day_is_explained_as_it_would_run(client):
    sql = "SELECT COUNT(*) AS n FROM events e JOIN buckets b ON b.id = e.user_id WHERE e.day < CURRENT_DATE()"
    assert isinstance(client.explain(sql).decision, RunHybrid)
    assert hybrid(client.run(sql))


def test_nothing_is_billed_for_an_explanation(client, warehouse):
    before = list(warehouse.jobs)
    client.explain(SALES)
    assert warehouse.jobs == before


def test_bigquery_away_is_what_the_person_hears_of(client, warehouse):
    with warehouse.faults.during("network:away"), pytest.raises(BigPatoError):
        client.run(SALES)
