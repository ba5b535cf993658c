"""The promise, from a person's side: where a query runs, the same answer from either engine, and nothing stale."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bigpato_magic import frames, googlesql
from bigpato_magic.errors import (
    Cancelled,
    ConfigurationError,
    QueryError,
    RouteRefused,
    TableNotFound,
    WarehouseUnavailable,
)
from bigpato_magic.status import Cancel
from bigpato_magic.types import Kind, Parameter, RunInEvaluator, RunLocal, RunOnBigQuery, SqlType

COUNTS = "SELECT kind, COUNT(*) AS n, SUM(amount) AS total FROM events GROUP BY kind ORDER BY kind"


def reasons(result):
    return [reason.code for reason in result.decision.reasons]


def codes_of(client, sql, **how):
    return reasons(client.run(sql, **how))


# ------------------------------------------------------------------------------------------- the main job


def test_a_decision_is_told_in_one_line_wherever_it_was_made_for(client):
    assert repr(client.run(COUNTS).decision) == "<RunOnBigQuery bigquery; reasons: not-local>"
    client.rebalance(["events"])
    here = client.run(COUNTS).decision
    assert (here.where, here.reasons) == ("local", ())
    assert repr(here) == "<RunLocal local; copies: bigpato-demo.samples.events>"


def test_a_table_moves_here_and_the_same_query_gives_the_same_frame(client):
    before = client.run(COUNTS)
    assert isinstance(before.decision, RunOnBigQuery)
    assert reasons(before) == ["not-local"]
    assert before.bytes_billed > 0
    assert before.job_id

    client.rebalance(["events"])
    after = client.run(COUNTS)
    assert isinstance(after.decision, RunLocal)
    assert (after.bytes_billed, after.job_id) == (0, None)
    assert (after.bytes_saved, after.cache_hit) == (0, True)  # BigQuery's own cache has the text since `before`
    assert after.fresh_as_of is not None
    assert after.arrow.schema.equals(before.arrow.schema, check_metadata=True)
    assert frames.to_pandas(after.arrow).equals(frames.to_pandas(before.arrow))


def test_every_type_gives_the_same_frame_from_either_engine(client):
    names = "id, int64, float64, bool, string, bytes, date, datetime, timestamp, time, numeric, json, `array`, `struct`"
    sql = f"SELECT {names} FROM all_types ORDER BY id"
    there = client.run(sql, route="bigquery")
    client.rebalance(["all_types"])
    here = client.run(sql, route="local")
    assert here.arrow.schema.equals(there.arrow.schema, check_metadata=True)
    assert here.arrow.to_pylist() == there.arrow.to_pylist()
    empty = client.run(sql.replace("ORDER BY", "WHERE FALSE ORDER BY"), route="local")
    assert empty.arrow.num_rows == 0
    assert list(frames.to_pandas(empty.arrow).dtypes) == list(frames.to_pandas(there.arrow.slice(0, 0)).dtypes)


def test_a_change_of_the_table_is_seen_at_once(client, warehouse):
    client.rebalance(["events"])
    warehouse.execute("DELETE FROM samples.events WHERE kind = 'view'")
    result = client.run(COUNTS, max_staleness=0)
    assert reasons(result) == ["stale"]
    assert "view" not in result.arrow["kind"].to_pylist()
    client.rebalance()
    again = client.run(COUNTS)
    assert isinstance(again.decision, RunLocal)
    assert again.arrow.equals(result.arrow)


def test_ones_own_statement_makes_copies_stale_without_a_check(client):
    client.rebalance(["events"])
    update = client.run("UPDATE events SET kind = 'x' WHERE TRUE")
    assert reasons(update) == ["not-a-query"]
    assert codes_of(client, COUNTS, max_staleness=3600.0) == ["stale"]


def test_several_statements_are_told_as_a_script(client):
    assert client.run("SELECT 1; SELECT 2").decision.reasons[0].message == "a script runs on BigQuery"


def test_a_failed_statement_may_have_changed_something(client, warehouse):
    client.rebalance(["events"])
    with pytest.raises(QueryError):
        client.run("UPDATE events SET no_such_column = 1 WHERE TRUE")
    with warehouse.faults.during("facts:403"):
        assert codes_of(client, COUNTS, max_staleness=3600.0) != []
    assert isinstance(client.run(COUNTS, max_staleness=3600.0).decision, RunLocal)


def test_streaming_rows_are_never_missed(client, warehouse):
    client.rebalance(["events"])
    row = {"event_id": 10**6, "user_id": 1, "day": datetime(2024, 1, 1).date(), "kind": "streamed"}
    warehouse.stream_rows("samples.events", [row])
    result = client.run(COUNTS, max_staleness=0)
    assert isinstance(result.decision, RunOnBigQuery)
    assert "streamed" in result.arrow["kind"].to_pylist()


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE samples.events ADD COLUMN note STRING",
        "DROP TABLE samples.events",
        "CREATE OR REPLACE VIEW samples.events AS SELECT 'v' AS kind, 1 AS amount",
    ],
)
def test_another_table_under_the_name_never_answers_as_the_old_one(client, warehouse, change):
    client.rebalance(["events"])
    if "VIEW" in change:
        warehouse.execute("DROP TABLE samples.events")
    warehouse.execute(change)
    try:
        result = client.run(COUNTS, max_staleness=0)
    except TableNotFound:
        return
    assert isinstance(result.decision, RunOnBigQuery)


# --------------------------------------------------------------------------------------------- other routes


def test_what_has_no_rule_is_answered_by_the_evaluator_if_it_is_small(client):
    sql = "SELECT RANGE<DATE> '[2024-01-01, 2024-02-01)' = RANGE(DATE '2024-01-01', DATE '2024-02-01') AS inside"
    result = client.run(sql)
    assert isinstance(result.decision, RunInEvaluator)
    assert result.arrow["inside"].to_pylist() == [True]
    client.evaluator_rows = 0
    assert isinstance(client.explain(sql).decision, RunOnBigQuery)


def test_local_only_refuses_with_the_way_out(client):
    with pytest.raises(RouteRefused) as caught:
        client.run(COUNTS, route="local")
    assert "events is not local yet" in caught.value.message
    assert "%bp_rebalance events" in caught.value.hint


def test_asking_for_bigquery_gives_bigquery(client):
    client.rebalance(["events"])
    assert codes_of(client, COUNTS, route="bigquery") == ["asked"]


def test_other_datasets_work_by_their_names(client, warehouse):
    warehouse.execute("CREATE SCHEMA other")
    warehouse.execute("CREATE TABLE other.events AS SELECT 'elsewhere' AS kind")
    client.rebalance(["events", "other.events"])
    for name in ("other.events", f"`{warehouse.project}.other.events`", f"`{warehouse.project}`.other.events"):
        result = client.run(f"SELECT kind FROM {name}")
        assert isinstance(result.decision, RunLocal)
        assert result.arrow["kind"].to_pylist() == ["elsewhere"]
    both = client.run("SELECT COUNT(*) AS n FROM events AS a CROSS JOIN other.events AS b", route="local")
    alone = client.run("SELECT COUNT(*) AS n FROM events", route="local")
    assert both.arrow.equals(alone.arrow)


def test_names_of_tables_are_case_sensitive(client):
    client.rebalance(["events"])
    with pytest.raises(TableNotFound):
        client.run("SELECT COUNT(*) FROM Events")


def test_a_cte_is_no_table(client):
    client.rebalance(["events"])
    result = client.run("WITH events AS (SELECT 1 AS a) SELECT a FROM events")
    assert isinstance(result.decision, RunLocal)
    assert result.arrow.to_pylist() == [{"a": 1}]


def test_parameters_are_bound_on_both_routes(client):
    sql = "SELECT COUNT(*) AS n FROM events WHERE kind = @kind AND amount >= @least"
    params = (
        Parameter("kind", SqlType(Kind.STRING), "it's; DROP TABLE x"),
        Parameter("least", SqlType(Kind.NUMERIC), Decimal("0.5")),
    )
    there = client.run(sql, params=params)
    client.rebalance(["events"])
    here = client.run(sql, params=params)
    assert isinstance(here.decision, RunLocal)
    assert here.arrow.equals(there.arrow)


def test_sql_functions_of_a_cell_are_inlined(client):
    client.rebalance(["events"])
    sql = "CREATE TEMP FUNCTION double(x INT64) AS (x * 2); SELECT double(COUNT(*)) AS n FROM events"
    result = client.run(sql)
    assert isinstance(result.decision, RunLocal)
    assert result.arrow["n"][0].as_py() == 2 * client.run("SELECT COUNT(*) AS n FROM events").arrow["n"][0].as_py()


# ----------------------------------------------------------------------------------------------- bad input


def test_an_unknown_table_is_one_sentence_with_its_name(client):
    with pytest.raises(TableNotFound, match="nothing_here"):
        client.run("SELECT * FROM nothing_here")


def test_a_syntax_error_has_its_place(client):
    with pytest.raises(QueryError) as caught:
        client.run("SELECT 1\nFROM events WHERE (")
    assert caught.value.line == 2
    card = "\n".join(caught.value._render_traceback_())
    assert "FROM events WHERE (" in card
    assert "^" in card


def test_where_the_local_run_fails_bigquery_gives_its_own_answer_or_error(client):
    client.rebalance(["events"])
    assert codes_of(client, "SELECT LENGTH(REPEAT('x', 100001 + 0 * event_id)) AS x FROM events LIMIT 1") == [
        "local-run"
    ]
    with pytest.raises(QueryError, match="division by zero"):
        client.run("SELECT 1 / (event_id - event_id) AS x FROM events")


def test_a_name_without_a_dataset_says_what_to_set(warehouse, tmp_path):
    client = BigPatoWithoutDataset(warehouse, tmp_path)
    with pytest.raises(ConfigurationError, match="dataset") as caught:
        client.rebalance(["events"])
    assert "BigPato.dataset" in caught.value.hint
    client.close()


def test_settings_name_tables_as_queries_do(client):
    tables = {client.table_id("events")}
    for setting in ("pinned", "excluded", "append_only"):
        setattr(client.tier, setting, ["events"])
        assert getattr(client.tier.preferences, setting)() == tables
        setattr(client.tier, setting, [])


def test_a_setting_that_names_no_table_is_named(warehouse, tmp_path):
    client = BigPatoWithoutDataset(warehouse, tmp_path)
    client.tier.excluded = ["mine"]
    with pytest.raises(ConfigurationError, match=r"Tier\.excluded: 'mine' needs a dataset"):
        client.tables()
    client.close()


def test_a_dropped_table_is_forgotten_and_no_hint_for_itself(client):
    client.run("CREATE TABLE scratch AS SELECT 1 AS a")
    client.run("SELECT * FROM scratch WHERE a > 0 ORDER BY a")
    client.run("SELECT COUNT(*) FROM events")
    client.run("DROP TABLE scratch")
    with pytest.raises(TableNotFound) as caught:
        client.run("SELECT * FROM scratch")
    assert caught.value.hint is None
    assert "scratch" in {row.id.table for row in client.tables()}
    assert "scratch" not in {refused.table.table for refused in client.rebalance().refused}
    assert "scratch" not in {row.id.table for row in client.tables()}


def test_a_dropped_table_is_forgotten_by_its_name(client):
    client.run("CREATE TABLE scratch AS SELECT 1 AS a")
    client.run("SELECT COUNT(*) FROM scratch")
    client.demote("scratch")
    assert [row.uses for row in client.tables()] == [1]
    client.run("DROP TABLE scratch")
    client.demote("scratch")
    assert client.tables() == []


def BigPatoWithoutDataset(warehouse, tmp_path):  # noqa: N802 - reads as what it makes
    from bigpato_magic.client import BigPato

    return BigPato(warehouse=warehouse, project="p", directory=str(tmp_path / "tier"))


def test_an_unknown_setting_is_an_error(warehouse):
    from bigpato_magic.client import BigPato

    with pytest.raises(ConfigurationError, match="no_such_setting"):
        BigPato(warehouse=warehouse, no_such_setting=1)


# ------------------------------------------------------------------------------------------- stop, explain


def test_a_local_query_stops_within_a_moment(client):
    client.rebalance(["events"])
    cancel = Cancel()
    threading.Timer(0.5, cancel.set).start()
    endless = (
        "SELECT COUNT(*) FROM events AS a, events AS b, events AS c, events AS d WHERE a.amount + b.amount > d.amount"
    )
    with pytest.raises(Cancelled):
        client.run(endless, cancel=cancel, route="local")


def test_an_explanation_names_tables_constructs_and_the_remedy(client):
    explained = client.explain("SELECT kind FROM events")
    assert [reason.code for reason in explained.reasons] == ["not-local"]
    assert explained.duckdb_sql
    assert explained.bytes_bigquery
    assert "%bp_rebalance events" in explained.remedy


@pytest.mark.parametrize(
    ("table", "code", "says"),
    [("events_view", "view", "events_view is a view"), ("nothing", "missing", "not found")],
)
def test_nobody_is_told_to_bring_what_can_never_be_here(client, table, code, says):
    explained = client.explain(f"SELECT COUNT(*) AS n FROM {table}")
    assert explained.remedy == ""
    assert [reason.code for reason in explained.reasons] == [code]
    assert says in explained.reasons[0].message


def test_a_local_answer_is_explained_as_one_also_while_the_network_is_away(client, warehouse):
    client.promote("events")
    client.run(COUNTS)
    with warehouse.faults.during("network:away"):
        explained = client.explain(COUNTS, max_staleness=300)
    assert isinstance(explained.decision, RunLocal)
    assert [table.reason for table in explained.tables] == [None]


def test_once_it_is_known_that_a_table_is_a_view_its_queries_say_so(client):
    # Its table is asked about while the query is understood: what is said of it may be there in time, or not.
    assert codes_of(client, "SELECT COUNT(*) AS n FROM events_view") in (["not-local"], ["view"])
    client.promote("events_view")
    assert codes_of(client, "SELECT COUNT(*) AS n FROM events_view") == ["view"]


def test_what_tables_did_not_bill_adds_up_to_what_the_ledger_has(client, warehouse):
    client.promote(["events", "buckets"])
    client.run("SELECT COUNT(*) AS n, SUM(amount) AS total FROM events JOIN buckets ON id = user_id")
    warehouse.execute("UPDATE samples.events SET amount = 1 WHERE event_id = 1")
    client.refresh()
    client.run(COUNTS)
    rows = client.tables()
    assert sum(row.not_billed_bytes for row in rows) == client.savings().bytes_saved > 0
    assert sum(row.not_billed_dollars for row in rows) == pytest.approx(client.savings().dollars_saved)


def test_a_refresh_without_names_is_one_of_the_copies_and_of_nothing_else(client, warehouse):
    client.promote("buckets")
    client.pin("arrivals")  # a rebalance would bring it
    warehouse.execute("DELETE FROM samples.buckets WHERE id = 1")
    done = client.refresh()
    assert [step.facts.id.table for step in done.refresh] == ["buckets"]
    assert done.promote == ()
    assert not client.promote([])
    client.rebalance(["events"])
    assert isinstance(client.explain("SELECT kind FROM events").decision, RunLocal)


def test_until_the_analyzer_is_ready_bigquery_answers_and_says_so(client, monkeypatch):
    client.rebalance(["events"])
    monkeypatch.setattr(googlesql, "ready", lambda: False)
    monkeypatch.setattr(googlesql, "state", lambda: googlesql.State.COMPILING)
    assert codes_of(client, COUNTS) == ["analyzer-busy"]


def test_the_network_away_leaves_old_answers_only_to_those_who_allow_it(client, warehouse):
    client.rebalance(["events"])
    with warehouse.faults.during("network:away"):
        offline = client.run(COUNTS, max_staleness=float("inf"))
        assert isinstance(offline.decision, RunLocal)
        assert offline.fresh_as_of is not None
        with pytest.raises(WarehouseUnavailable):
            client.run(COUNTS, max_staleness=0)


# ------------------------------------------------------------------------------------------- verification


def test_a_right_answer_is_verified_equal(client):
    client.rebalance(["events"])
    client.run(COUNTS)
    verdict = client.verify_last()
    assert verdict.outcome == "equal"
    assert verdict.job_id


def test_a_sample_is_drawn_here_anew_in_each_run_and_never_verified(client):
    client.rebalance(["events"])
    sql = "SELECT event_id FROM events WHERE RAND() < 0.5 ORDER BY event_id"
    first, again = client.run(sql), client.run(sql)
    assert isinstance(first.decision, RunLocal)
    assert isinstance(again.decision, RunLocal)
    assert not first.arrow.equals(again.arrow)
    verdict = client.verify_last()
    assert (verdict.outcome, verdict.bytes_billed, verdict.job_id) == ("undecided", 0, None)


def test_what_asks_the_time_has_another_answer_later_which_is_no_mistake(client):
    client.rebalance(["events"])
    assert isinstance(client.run("SELECT CURRENT_TIMESTAMP() AS now, COUNT(*) AS n FROM events").decision, RunLocal)
    assert client.verify_last().outcome == "undecided"
    assert isinstance(client.run(COUNTS).decision, RunLocal)


def test_a_function_that_changes_after_the_answer_is_no_mistake(client, warehouse):
    client.rebalance(["events"])
    warehouse.execute("CREATE FUNCTION samples.one(x INT64) AS (x)")
    client.run("SELECT SUM(samples.one(event_id)) AS n FROM events")
    warehouse.execute("CREATE OR REPLACE FUNCTION samples.one(x INT64) AS (x + 1)")
    assert client.verify_last().outcome == "undecided"
    assert isinstance(client.run(COUNTS).decision, RunLocal)


def test_a_table_that_a_wildcard_matches_later_is_no_mistake(client, warehouse):
    warehouse.execute("CREATE TABLE samples.day_1 AS SELECT 1 AS id")
    client.promote("day_*")
    assert isinstance(client.run("SELECT COUNT(*) AS n FROM `day_*`").decision, RunLocal)
    warehouse.execute("CREATE TABLE samples.day_2 AS SELECT 2 AS id")
    assert client.verify_last().outcome == "undecided"
    assert client.tier.queries.quarantined() == frozenset()


def test_a_mistake_of_ours_in_planning_leaves_the_query_to_bigquery(client, monkeypatch):
    client.rebalance(["events"])
    expected = client.run(COUNTS).arrow
    monkeypatch.setattr("bigpato_magic.runner.planner.compile_query", lambda *_, **__: 1 / 0)
    result = client.run(f"{COUNTS} -- anew")
    assert reasons(result) == ["defect"]
    assert "ZeroDivisionError" in str(result.decision.reasons[0])
    assert result.arrow.equals(expected)


def test_a_wrong_answer_is_shown_kept_and_its_rules_are_not_used_again(client, monkeypatch):
    client.rebalance(["events"])
    result = client.run(COUNTS)
    wrong = result.arrow.set_column(2, result.arrow.schema.field(2), result.arrow.column(2).take([3, 2, 1, 0]))
    assert not wrong.equals(result.arrow)
    monkeypatch.setattr(type(client.engine), "execute", lambda *_args, **_more: wrong)
    client.run(COUNTS)
    verdict = client.verify_last()
    assert verdict.outcome == "different"
    assert COUNTS.split()[1].strip(",") in verdict.case.read_text()
    assert "differs" in client.status.message
    monkeypatch.undo()
    assert codes_of(client, COUNTS) == ["quarantined"]
    assert client.clear_quarantine() == verdict.rules
    assert isinstance(client.run(COUNTS).decision, RunLocal)


def test_a_sample_is_verified_in_the_background(client):
    client.rebalance(["events"])
    client.verify = 1.0
    client.run(COUNTS)
    client.verifier.last_thread.join(30)
    assert any(q.job_id for q in client.status.queries)


def test_the_present_moment_is_the_servers_not_this_machines(client, warehouse):
    client.rebalance(["events"])
    warehouse.clock_offset = timedelta(hours=1)
    result = client.run("SELECT CURRENT_TIMESTAMP() AS now", route="local")
    assert abs((result.arrow["now"][0].as_py() - timedelta(hours=1) - datetime.now(UTC)).total_seconds()) < 60
