"""Where only the outermost part of a query has no rule, DuckDB begins it and Google's evaluator finishes it."""

from __future__ import annotations

import threading
from datetime import date

import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import Cancelled, RouteRefused
from bigpato_magic.local.duck import LocalEngine
from bigpato_magic.notebook.cards import explanation_card
from bigpato_magic.notebook.footnote import Note
from bigpato_magic.status import Cancel
from bigpato_magic.types import Kind, Parameter, RunInEvaluator, RunLocal, RunOnBigQuery, RunSplit, SqlType

# RANGEs are not compared in DuckDB; the evaluator takes 10,000 rows, and there are 20,000 events.
PICTURE = (
    'FORMAT("%\'8d", UNIX_DATE(RANGE_START(NULLIF(RANGE(DATE_FROM_UNIX_DATE({}), NULL), '
    "RANGE<DATE> '[0001-01-01, UNBOUNDED)'))))"
)
KINDS = f"SELECT kind, {PICTURE.format('COUNT(*)')} AS n, SUM(amount) AS total FROM events GROUP BY kind ORDER BY kind"


def rows(result):
    return [tuple(row.values()) for row in result.arrow.to_pylist()]


def finished(client, sql, **how):
    result = client.run(sql, route="local", **how)
    assert isinstance(result.decision, RunSplit)
    return rows(result)


def codes(result):
    return [reason.code for reason in result.decision.reasons]


# ----------------------------------------------------------------------------------------- what is finished


def test_a_select_list_without_rules_over_an_aggregate_of_a_large_table(client):
    assert finished(client, KINDS) == [
        (None, "   5,000", sum_of(client, "kind IS NULL")),
        ("buy", "   5,000", sum_of(client, "kind = 'buy'")),
        ("click", "   5,000", sum_of(client, "kind = 'click'")),
        ("view", "   5,000", sum_of(client, "kind = 'view'")),
    ]


def sum_of(client, condition):
    result = client.run(f"SELECT SUM(amount) FROM events WHERE {condition}", route="local")
    assert isinstance(result.decision, RunLocal)
    return result.arrow[0][0].as_py()


def test_having(client):
    sql = f"SELECT user_id FROM events GROUP BY user_id HAVING {PICTURE.format('COUNT(*)')} LIKE '%39' AND user_id < 9"
    plain = "SELECT user_id FROM events GROUP BY user_id HAVING MOD(COUNT(*), 100) = 39 AND user_id < 9"
    assert sorted(finished(client, sql)) == sorted(rows(client.run(plain, route="local")))


def test_order_by_with_limit_and_offset(client):
    sql = (
        f"SELECT day, COUNT(*) AS n FROM events GROUP BY day "
        f"ORDER BY {PICTURE.format('EXTRACT(DAY FROM day)')} DESC LIMIT 2 OFFSET 1"
    )
    assert [day for day, _ in finished(client, sql)] == [date(2024, 1, 29), date(2024, 1, 28)]


def test_a_filter_that_leaves_few_rows(client):
    sql = f"SELECT event_id, {PICTURE.format('event_id * 7')} AS x, device FROM events WHERE event_id <= 3 ORDER BY 1"
    assert finished(client, sql) == [
        (1, "       7", {"os": "ios", "version": 1}),
        (2, "      14", {"os": "android", "version": 2}),
        (3, "      21", {"os": "ios", "version": 3}),
    ]


def test_a_table_expression_below_and_a_window_above(client):
    sql = f"""WITH days AS (SELECT day, COUNT(*) AS n FROM events GROUP BY day)
              SELECT day, {PICTURE.format("SUM(n) OVER (ORDER BY day)")} AS so_far FROM days ORDER BY day LIMIT 2"""
    assert [n for _, n in finished(client, sql)] == ["     666", "   1,333"]


def test_a_table_expression_without_rules_that_is_used_once(client):
    sql = f"""WITH kinds AS (SELECT kind, {PICTURE.format("COUNT(*)")} AS n FROM events GROUP BY kind),
                   named AS (SELECT kind AS name, n FROM kinds WHERE kind IS NOT NULL)
              SELECT name, n FROM named ORDER BY name LIMIT 2"""
    assert finished(client, sql) == [("buy", "   5,000"), ("click", "   5,000")]


def test_a_limit_without_an_order_comes_before_the_projection(client):
    some = f"SELECT event_id, {PICTURE.format('event_id')} AS x FROM events LIMIT 3"
    assert all(x == f"{number:>8,}" for number, x in finished(client, some))


def test_parameters_reach_both_parts(client):
    sql = f"SELECT {PICTURE.format('COUNT(*) + @more')} AS n FROM events WHERE kind = @kind"
    told = (Parameter("more", SqlType(Kind.INT64), 2), Parameter("kind", SqlType(Kind.STRING), "buy"))
    assert finished(client, sql, params=told) == [("   5,002",)]
    positional = sql.replace("@more", "?").replace("@kind", "?")
    assert finished(client, positional, params=[Parameter(None, p.type, p.value) for p in told]) == [("   5,002",)]


def test_no_column_of_the_lower_part_may_be_needed(client):
    sql = f"SELECT {PICTURE.format('7')} AS x FROM events WHERE event_id < 3"
    assert finished(client, sql) == [("       7",), ("       7",)]


def test_the_same_query_gives_its_rows_in_the_same_order(client):
    sql = f"SELECT {PICTURE.format('user_id')} AS x, kind FROM events WHERE user_id < 20 ORDER BY kind LIMIT 50"
    assert finished(client, sql) == finished(client, sql + " ")


def test_small_tables_are_the_evaluators_alone(client):
    client.evaluator_rows = 20_000
    assert isinstance(client.run(KINDS).decision, RunInEvaluator)


# ------------------------------------------------------------------------------------------- what it is told


def test_it_counts_as_a_local_answer(client):
    result = client.run(KINDS)
    assert isinstance(result.decision, RunSplit)
    assert result.bytes_billed == 0
    assert result.bytes_saved > 0
    assert result.fresh_as_of is not None
    assert codes(result) == ["no-rule"]
    assert client.savings().local == 1
    assert [entry.route for entry in client.tier.ledger.entries()][-1] == "split"
    assert next(row for row in client.tables() if row.id.table == "events").uses >= 1


def test_the_footnote_and_the_explanation_tell_both_parts(client):
    result = client.run(KINDS)
    note = Note(result)
    assert "local, finished by Google's evaluator" in note.line()
    for text in (note.full(), note.html(), explanation_card(client.explain(KINDS)).text):
        assert "GROUP BY" in text  # DuckDB's part
        assert "FORMAT" in text  # the evaluator's
    explained = client.explain(KINDS)
    assert explained.duckdb_sql == result.decision.compiled.sql
    assert explained.upper_sql == result.decision.upper.sql
    assert note.metadata()["bigpato"]["route"] == "split"


def test_it_is_understood_once(client, monkeypatch):
    first = finished(client, KINDS)
    monkeypatch.setattr(googlesql, "analyze", None)
    monkeypatch.setattr(googlesql, "prepare_upper", None)
    assert finished(client, KINDS) == first


def test_it_is_off_where_the_evaluator_is(client):
    client.evaluator_rows = 0
    assert isinstance(client.explain(KINDS).decision, RunOnBigQuery)


# ---------------------------------------------------------------------------------------------- what is not


def test_too_many_rows_go_to_bigquery_and_are_not_tried_again(client, monkeypatch):
    sql = f"SELECT {PICTURE.format('event_id')} AS x FROM events WHERE event_id > 5"
    with pytest.raises(RouteRefused, match="more than 10,000 rows are left for Google's evaluator"):
        client.run(sql, route="local")
    monkeypatch.setattr(LocalEngine, "execute", None)
    explained = client.explain(sql)
    assert [reason.code for reason in explained.reasons] == ["no-rule", "too-many-rows"]


def test_too_many_rows_that_are_known_beforehand_are_not_computed(client, monkeypatch):
    monkeypatch.setattr(LocalEngine, "execute", None)
    explained = client.explain(f"SELECT {PICTURE.format('event_id')} AS x FROM events ORDER BY event_id LIMIT 10")
    assert [reason.code for reason in explained.reasons] == ["no-rule", "too-many-rows"]


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT DISTINCT {} FROM events WHERE event_id < 9 LIMIT 3", "LIMIT without ORDER BY"),
        ("SELECT ARRAY_AGG({}) FROM events WHERE event_id < 9", "ARRAY_AGG without ORDER BY"),
        ("SELECT ANY_VALUE({}) FROM events WHERE event_id < 9", "ANY_VALUE without ORDER BY"),
        ("SELECT ROW_NUMBER() OVER (PARTITION BY {}) FROM events WHERE event_id < 9", "ROW_NUMBER without ORDER BY"),
        ("SELECT {} IN (SELECT kind FROM events) FROM events WHERE event_id < 9", "a subquery that reads a table"),
        ("WITH k AS (SELECT kind FROM events) SELECT {} IN (SELECT * FROM k) FROM events WHERE event_id < 9", "a subq"),
    ],
)
def test_what_the_evaluator_could_answer_otherwise_is_refused(client, sql, why):
    explained = client.explain(sql.format(PICTURE.format("event_id")))
    assert isinstance(explained.decision, RunOnBigQuery)
    assert [r.code for r in explained.reasons] == ["no-rule", "unfinished"]
    assert why in explained.reasons[1].message


@pytest.mark.parametrize("foreign", ["SESSION_USER()", "CURRENT_DATE()", "RAND()", "APPROX_COUNT_DISTINCT(user_id)"])
def test_what_only_bigquery_can_do_is_not_the_evaluators(client, foreign):
    explained = client.explain(f"SELECT {PICTURE.format('COUNT(*)')}, {foreign} FROM events GROUP BY kind")
    assert isinstance(explained.decision, RunOnBigQuery)


def test_order_by_inside_makes_such_an_aggregate_right(client):
    sql = (
        f"SELECT ARRAY_AGG({PICTURE.format('event_id')} ORDER BY event_id DESC LIMIT 2) FROM events WHERE event_id < 9"
    )
    assert finished(client, sql) == [(["       8", "       7"],)]


def test_an_interval_does_not_go_from_one_part_to_the_other(client):
    sql = f"""SELECT {PICTURE.format("COUNT(*)")}, EXTRACT(DAY FROM MAX(MAKE_INTERVAL(day => user_id))) FROM events"""
    assert isinstance(client.explain(sql).decision, RunOnBigQuery)


def test_where_no_lower_part_has_rules_nothing_more_is_said(client):
    explained = client.explain(
        f"SELECT COUNT(*) FROM (SELECT DISTINCT {PICTURE.format('event_id')} FROM events), events"
    )
    assert [reason.code for reason in explained.reasons] == ["no-rule"]


# ---------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT {}, 1 / (COUNT(*) - 20000) FROM events", "Google's evaluator stopped: division by zero"),
        ("SELECT {}, SUM(1 / (event_id - 1)) FROM events", "DuckDB stopped: "),
    ],
)
def test_an_error_of_either_part_is_bigquerys_to_tell(client, sql, why):
    with pytest.raises(RouteRefused, match=why):
        client.run(sql.format(PICTURE.format("COUNT(*)")), route="local")


def test_it_stops_within_a_moment(client):
    cancel = Cancel()
    threading.Timer(0.5, cancel.set).start()
    endless = f"""SELECT {PICTURE.format("COUNT(*)")} FROM events AS a, events AS b, events AS c, events AS d
                  WHERE a.amount + b.amount > c.amount + d.amount"""
    with pytest.raises(Cancelled):
        client.run(endless, cancel=cancel, route="local")


def test_a_copy_stays_until_it_is_finished(client, monkeypatch):
    finish = googlesql.evaluate_upper

    def meanwhile(*arguments):
        client.demote("events")
        return finish(*arguments)

    monkeypatch.setattr(googlesql, "evaluate_upper", meanwhile)
    assert len(finished(client, KINDS)) == 4


def test_what_is_stale_is_not_finished(client, warehouse):
    assert finished(client, KINDS)
    warehouse.execute("DELETE FROM samples.events WHERE kind = 'view'")
    with pytest.raises(RouteRefused, match="events"):
        client.run(KINDS, route="local", max_staleness=0)


# ---------------------------------------------------------------------------------------------- verification


def test_it_is_verified_as_any_local_answer(client, monkeypatch):
    result = client.run(KINDS)
    runner = client.verifier.runner
    there = result.arrow
    monkeypatch.setattr(type(runner), "run", lambda *_: answered(result, there))
    assert client.verify_last().outcome == "equal"
    there = there.slice(1)
    verdict = client.verify_last()
    assert verdict.outcome == "different"
    assert "split" in verdict.rules
    assert "FORMAT" in verdict.case.read_text()
    monkeypatch.undo()
    assert isinstance(client.explain(KINDS).decision, RunOnBigQuery)
    client.clear_quarantine()
    assert finished(client, KINDS) == rows(result)


def answered(result, arrow):
    from dataclasses import replace

    return replace(result, arrow=arrow, bytes_billed=10, job_id="j")
