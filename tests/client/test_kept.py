"""Asked once, paid once: BigQuery's answers are kept while their tables stay as they are, and serve again."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from bigpato_magic.client import BigPato
from bigpato_magic.errors import WarehouseUnavailable
from bigpato_magic.overview import kept_rows
from bigpato_magic.types import Kind, Parameter, RunLocal, RunOnBigQuery, SqlType

KINDS = "SELECT kind, COUNT(*) AS n FROM events GROUP BY kind ORDER BY kind"
PER_USER = "SELECT user_id, kind, COUNT(*) AS n, SUM(amount) AS total FROM events GROUP BY user_id, kind"


@pytest.fixture
def asked(client):
    """Runs a query, waits until its answer is kept, and gives the result."""

    def run(sql, client=client, **how):
        result = client.run(sql, **how)
        client.tier.open().keeper.settle(60)
        return result

    return run


@pytest.fixture
def another_kernel(warehouse, tmp_path):
    """A client of another kernel on the same tier."""
    place = {"project": warehouse.project, "dataset": "samples", "directory": str(tmp_path / "tier")}
    client = BigPato(warehouse=warehouse, **place)
    yield client
    client.close()


def kept(result):
    return isinstance(result.decision, RunLocal) and result.decision.where == "kept"


def test_a_copy_that_is_stale_is_in_no_kept_answers_way(asked, client, warehouse, another_kernel):
    asked(KINDS)
    client.rebalance(["events"])
    warehouse.execute("INSERT INTO samples.events (event_id, kind) VALUES (-1, 'view')")
    stale = asked(KINDS)
    assert [reason.code for reason in stale.decision.reasons] == ["stale"]
    again = asked(f"{KINDS} -- again")
    assert kept(again)
    assert again.arrow == stale.arrow
    # Another kernel learns that the copy is stale when it has begun.
    assert kept(another_kernel.run(KINDS))
    with warehouse.faults.during("network:away"):
        assert kept(client.run(KINDS, offline=True, max_staleness=0))


def test_the_same_question_is_billed_once(asked):
    first, again = asked(KINDS), asked(KINDS)
    assert isinstance(first.decision, RunOnBigQuery)
    assert kept(again)
    assert (again.bytes_billed, again.arrow, again.outputs) == (0, first.arrow, first.outputs)


@pytest.fixture
def patient(monkeypatch):
    """However slow this machine is, the answer that is being kept is waited for."""
    monkeypatch.setattr("bigpato_magic.runner.runner.KEEPING", 60.0)


def test_asked_again_at_once_it_is_billed_once_too(client, patient):
    first, again = client.run(KINDS), client.run(KINDS.replace("events", "events AS e"))
    assert isinstance(first.decision, RunOnBigQuery)
    assert kept(again)
    assert again.arrow == first.arrow
    assert again.bytes_saved == first.bytes_billed > 0


def test_the_same_text_asked_again_at_once_is_said_to_be_in_bigquerys_cache_too(client, patient):
    client.run(KINDS)
    again = client.run(KINDS)
    assert kept(again)
    assert (again.bytes_saved, again.cache_hit) == (0, True)


def test_it_is_kept_for_another_kernel_and_after_a_restart(asked, another_kernel):
    first = asked(KINDS)
    assert kept(again := another_kernel.run(KINDS))
    assert again.arrow == first.arrow


@pytest.mark.parametrize(
    "sql",
    [
        "select kind, count(*) as n\nfrom events -- all of them\ngroup by 1 order by 1",
        "SELECT e.kind, COUNT(*) AS n FROM samples.events AS e GROUP BY e.kind ORDER BY e.kind",
        "SELECT k.kind, COUNT(*) AS n FROM `bigpato-demo`.samples.events k GROUP BY k.kind ORDER BY kind",
    ],
)
def test_how_it_is_written_does_not_matter(asked, sql):
    first = asked(KINDS)
    assert kept(again := asked(sql))
    assert again.arrow == first.arrow


def test_other_names_of_columns_are_those_that_are_asked_for(asked):
    first = asked(KINDS)
    again = asked("SELECT kind AS what, COUNT(*) AS many FROM events GROUP BY kind ORDER BY kind")
    assert kept(again)
    assert [o.name for o in again.outputs] == again.arrow.column_names == ["what", "many"]
    assert again.arrow.rename_columns(["kind", "n"]) == first.arrow


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT kind, COUNT(*) AS n FROM events WHERE kind = 'buy' GROUP BY kind ORDER BY kind",
        "SELECT kind, COUNT(user_id) AS n FROM events GROUP BY kind ORDER BY kind",
        "SELECT kind, COUNT(*) AS n FROM buckets, events GROUP BY kind ORDER BY kind",
    ],
)
def test_another_question_is_asked(asked, sql):
    asked(KINDS)
    assert isinstance(asked(sql).decision, RunOnBigQuery)


def test_a_table_that_changes_is_asked_anew(asked, warehouse):
    asked(KINDS)
    warehouse.execute("DELETE FROM samples.events WHERE event_id < 100")
    anew = asked(KINDS, max_staleness=0)
    assert isinstance(anew.decision, RunOnBigQuery)
    assert kept(again := asked(KINDS))
    assert again.arrow == anew.arrow


def test_what_is_known_to_have_changed_is_not_begun(asked, client, warehouse):
    asked(KINDS)
    warehouse.execute("DELETE FROM samples.events WHERE event_id < 100")
    client.tier.facts.fetch([client.table_id("events")])
    assert [reason.code for reason in client.explain(KINDS).decision.reasons] == ["not-local"]


def test_a_statement_of_the_persons_own_makes_it_stale_at_once(asked):
    asked(KINDS)
    asked("DELETE FROM events WHERE event_id < 100")
    assert isinstance(asked(KINDS).decision, RunOnBigQuery)


def test_a_table_that_changes_while_it_is_asked_is_not_kept(asked, client, warehouse, monkeypatch):
    query = warehouse.query

    def changing(*given, **how):
        answer = query(*given, **how)
        warehouse.execute("INSERT INTO samples.events (event_id) VALUES (-1)")
        return answer

    monkeypatch.setattr(warehouse, "query", changing)
    asked(KINDS)
    monkeypatch.setattr(warehouse, "query", query)
    assert client.tier.open().catalog.kept() == ()
    assert isinstance(asked(KINDS).decision, RunOnBigQuery)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT kind, RAND() AS r FROM events",
        "SELECT COUNT(*) AS n, CURRENT_TIMESTAMP() AS moment FROM events",
        "SELECT COUNT(*) AS n, GENERATE_UUID() AS id FROM events",
        "SELECT COUNT(*) AS n, SESSION_USER() AS who FROM events",
        "SELECT event_id FROM events TABLESAMPLE SYSTEM (10 PERCENT)",
    ],
)
def test_what_bigquery_would_not_reuse_is_not_kept(asked, client, sql):
    asked(sql)
    assert client.tier.open().catalog.kept() == ()


def test_today_is_part_of_the_question(asked, warehouse):
    from datetime import timedelta

    sql = "SELECT COUNT(*) AS n FROM events WHERE day < CURRENT_DATE()"
    asked(sql)
    assert kept(asked(sql))
    warehouse.clock_offset += timedelta(days=1)
    assert isinstance(asked(sql).decision, RunOnBigQuery)


def test_values_of_parameters_are_part_of_the_question(asked):
    sql = "SELECT COUNT(*) AS n FROM events WHERE kind = @kind"
    first, other, again = (
        asked(sql, params=[Parameter("kind", SqlType(Kind.STRING), value)]) for value in ("buy", "view", "buy")
    )
    assert [kept(first), kept(other), kept(again)] == [False, False, True]
    assert again.arrow == first.arrow
    assert kept(asked("SELECT COUNT(*) AS n FROM events WHERE kind = 'view'"))


def test_a_zero_with_a_sign_is_another_value(asked):
    sql = "SELECT COUNT(*) AS n, IEEE_DIVIDE(1, @x) AS y FROM events"
    answers = [asked(sql, params=[Parameter("x", SqlType(Kind.FLOAT64), value)]) for value in (0.0, 0.0, -0.0)]
    assert [answer.arrow["y"][0].as_py() for answer in answers] == [math.inf, math.inf, -math.inf]
    assert kept(answers[1])


def test_an_answer_over_other_columns_is_kept_as_what_it_is(asked, client, warehouse):
    """The text was understood over the copy; BigQuery answered over the table that has taken its place."""
    warehouse.execute("CREATE TABLE samples.pairs AS SELECT 1 AS a, 2 AS b")
    client.promote("pairs")
    assert asked("SELECT * FROM pairs ORDER BY a").arrow.to_pylist() == [{"a": 1, "b": 2}]
    warehouse.execute("CREATE OR REPLACE TABLE samples.pairs AS SELECT 2 AS b, 1 AS a")
    assert isinstance(asked("SELECT * FROM pairs ORDER BY a", max_staleness=0).decision, RunOnBigQuery)
    client.demote("pairs")
    assert kept(one := asked("SELECT a FROM pairs ORDER BY a"))
    assert one.arrow.to_pylist() == [{"a": 1}]


def test_without_the_query_cache_it_is_asked_anew(asked):
    asked(KINDS)
    assert isinstance(asked(KINDS, use_query_cache=False).decision, RunOnBigQuery)
    assert isinstance(asked(KINDS, route="bigquery").decision, RunOnBigQuery)


def test_a_local_answer_may_be_asked_for(asked):
    asked(KINDS)
    assert kept(asked(KINDS, route="local"))


@pytest.mark.parametrize(
    ("sql", "where"),
    [
        ("SELECT kind, SUM(n) AS n FROM ({}) GROUP BY kind ORDER BY kind", "kept"),
        ("SELECT * FROM ({}) WHERE n > 1 AND kind = 'buy' ORDER BY total DESC, user_id LIMIT 10", "kept"),
        ("WITH u AS ({}) SELECT user_id, MAX(total) AS most FROM u GROUP BY user_id ORDER BY 1", "kept"),
        ("SELECT u.user_id, b.name FROM ({}) AS u JOIN buckets AS b ON b.id = u.user_id ORDER BY 1, 2", "local"),
    ],
)
def test_the_next_step_over_it_is_free(asked, client, sql, where):
    asked(PER_USER)
    client.promote("buckets")
    composed = sql.format(PER_USER)
    result = asked(composed)
    assert (result.decision.where, result.bytes_billed) == (where, 0)
    assert result.arrow == asked(composed, route="bigquery").arrow


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT kind, COUNT(*) AS n, SUM(amount) AS total FROM events GROUP BY kind ORDER BY kind",
        "SELECT COUNT(*) AS n FROM events",
        "SELECT user_id, SUM(amount) AS total FROM events GROUP BY user_id HAVING COUNT(*) > 3 ORDER BY 1",
    ],
)
def test_larger_groups_of_what_is_kept_are_free(asked, sql):
    asked(PER_USER)
    assert kept(result := asked(sql))
    assert result.arrow == asked(sql, route="bigquery").arrow


def test_who_asks_for_fewer_of_the_kept_rows_pays_nothing(asked, client):
    client.look_below = 0  # a look is not kept
    rows = "SELECT user_id, kind, amount FROM events WHERE event_id < 500"
    asked(rows)
    fewer = f"{rows} AND kind = 'buy' ORDER BY user_id, amount"
    assert kept(result := asked(fewer))
    assert result.arrow == asked(fewer, route="bigquery").arrow
    assert isinstance(asked(f"{rows} AND 100 / user_id > 7").decision, RunOnBigQuery)


def test_an_explanation_says_so(asked, client):
    asked(KINDS)
    explained = client.explain(KINDS)
    assert (explained.decision.where, [table.where for table in explained.tables]) == ("kept", ["kept"])
    assert explained.remedy == ""


def test_what_was_not_billed_is_told_once(asked, client):
    asked(KINDS)
    assert asked(KINDS).bytes_saved == 0  # BigQuery's own cache has this very text
    other = asked(KINDS.replace("ORDER", "  ORDER"))
    assert (kept(other), other.bytes_saved) == (True, 10 << 20)
    assert [entry.route for entry in client.tier.ledger.entries() if entry.kind == "query"] == [
        "bigquery",
        "kept",
        "kept",
    ]


def test_it_may_be_switched_off_and_forgotten(asked, client):
    asked(KINDS)
    assert len(client.tier.open().catalog.kept()) == 1
    client.tier.queries.forget()
    assert client.tier.open().catalog.kept() == ()
    client.tier.keep.on = False
    asked(KINDS)
    assert isinstance(asked(KINDS).decision, RunOnBigQuery)


def test_offline_it_answers_as_copies_do(asked, warehouse):
    asked(KINDS)
    with warehouse.faults.during("network:away"):
        assert kept(asked(KINDS, offline=True, max_staleness=0))


def test_offline_the_way_out_names_what_the_answer_is_over(asked, warehouse):
    asked(KINDS)
    with warehouse.faults.during("network:away"), pytest.raises(WarehouseUnavailable) as caught:
        asked(KINDS, max_staleness=0)
    assert re.match(
        r"a kept answer of .* UTC over events is here, as of .*: --offline answers from it", caught.value.hint
    )


def differing(warehouse, monkeypatch):
    """From now on BigQuery has another choice among the rows that a query leaves open."""
    query = warehouse.query

    def otherwise(*given, **how):
        answer = query(*given, **how)
        return replace(answer, arrow=answer.arrow.slice(1))

    monkeypatch.setattr(warehouse, "query", otherwise)


def test_what_bigquery_does_not_fix_is_no_difference_of_a_kept_answer(asked, client, warehouse, monkeypatch):
    sql = "SELECT kind, COUNT(*) AS n FROM events GROUP BY kind LIMIT 2"
    asked(sql)
    assert kept(asked(sql))
    differing(warehouse, monkeypatch)
    verdict = client.verify_last()
    assert (verdict.outcome, verdict.case) == ("undecided", None)
    assert "BigQuery does not fix the answer of limitoffsetscan" in verdict.detail


def test_a_kept_answer_that_differs_where_bigquery_fixes_it_is_told(asked, client, warehouse, monkeypatch):
    asked(KINDS)
    assert kept(asked(KINDS))
    differing(warehouse, monkeypatch)
    assert client.verify_last().outcome == "different"
    assert client.tier.open().catalog.kept() == ()


def test_a_cte_that_nobody_reads_is_in_nobodys_way(asked, client, warehouse, monkeypatch):
    sql = f"WITH unread AS (SELECT id FROM buckets) {KINDS}"
    asked(sql)
    client.rebalance(["events"])
    warehouse.execute("INSERT INTO samples.events (event_id, kind) VALUES (-1, 'view')")
    asked(KINDS)
    assert kept(asked(sql))
    differing(warehouse, monkeypatch)
    assert client.verify_last().outcome == "different"


def test_when_it_was_answered_is_not_when_its_tables_were_told(asked, client, warehouse):
    asked("SELECT MIN(event_id) AS first FROM events")
    before = warehouse.now()
    asked(KINDS)
    (row,) = [row for row in kept_rows(client.tier) if row.query.startswith("SELECT kind,")]
    assert before <= row.answered <= warehouse.now()
