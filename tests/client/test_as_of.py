"""`FOR SYSTEM_TIME AS OF`: a copy answers for every instant at which it is known to have been its table, and no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bigpato_magic.types import RunLocal, RunOnBigQuery, TableId

COUNT = "SELECT COUNT(*) AS n FROM orders FOR SYSTEM_TIME AS OF "


@pytest.fixture(autouse=True)
def later(warehouse):
    """Lets time go by on the server."""

    def go(**how):
        warehouse.clock_offset += timedelta(**how)
        return warehouse.now()

    for name in ("orders", "items"):
        rows = "SELECT n AS order_id, MOD(n, 3) AS kind FROM UNNEST(GENERATE_ARRAY(1, 50)) AS n"
        warehouse.execute(f"CREATE TABLE samples.{name} AS {rows}")
    go(minutes=5)
    return go


def literal(instant):
    return f"TIMESTAMP '{instant:%Y-%m-%d %H:%M:%S.%f+00}'"


def count(warehouse):
    return warehouse.execute("SELECT COUNT(*) AS n FROM samples.orders").to_pylist()


def add(warehouse):
    warehouse.execute("INSERT INTO samples.orders (order_id) VALUES (-1)")


def test_a_copy_answers_for_an_instant_since_the_last_change(client, warehouse, later):
    client.promote("orders")
    at, n = later(minutes=10), count(warehouse)
    later(minutes=10)
    result = client.run(COUNT + literal(at))
    assert isinstance(result.decision, RunLocal)
    assert result.arrow.to_pylist() == n
    assert result.fresh_as_of == at
    assert warehouse.jobs == []


def test_it_answers_for_the_past_after_its_table_has_changed(client, warehouse, later):
    client.promote("orders")
    at, n = later(minutes=10), count(warehouse)
    later(minutes=10)
    client.run("SELECT COUNT(*) AS n FROM orders")
    add(warehouse)
    later(minutes=10)
    assert client.run("SELECT COUNT(*) AS n FROM orders").decision.where == "bigquery"
    result = client.run(COUNT + literal(at))
    assert isinstance(result.decision, RunLocal)
    assert result.arrow.to_pylist() == n != count(warehouse)


def test_what_another_kernel_has_seen_counts(client, warehouse, later):
    client.promote("orders")
    at = later(minutes=10)
    later(minutes=10)
    client.run("SELECT COUNT(*) AS n FROM orders")
    client.close()
    add(warehouse)
    assert client.run(COUNT + literal(at)).decision.where == "local"


def test_nobody_knows_what_was_between_the_last_look_and_a_change(client, warehouse, later):
    client.promote("orders")
    client.run("SELECT COUNT(*) AS n FROM orders")
    at = later(minutes=10)
    later(minutes=10)
    add(warehouse)
    at_least = client.runner.inputs(client._request(COUNT + literal(at)))
    assert at_least.blockers == ()
    assert client.explain(COUNT + literal(at)).decision.where == "bigquery"


@pytest.mark.parametrize(
    "expression",
    [
        "TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR)",
        "CURRENT_TIMESTAMP() - INTERVAL 60 MINUTE",
        "TIMESTAMP_ADD(TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 DAY), INTERVAL 23 HOUR)",
        "@then",
    ],
)
def test_constant_expressions_are_followed(client, warehouse, later, expression):
    later(hours=2)
    client.promote("orders")
    then = later(hours=3) - timedelta(hours=1)
    result = client.run(COUNT + expression, params={"then": then} if "@" in expression else ())
    assert isinstance(result.decision, RunLocal)
    assert result.arrow.to_pylist() == count(warehouse)


def test_a_time_without_a_zone_is_answered_where_both_readings_have_one_answer(client, later):
    client.promote("orders")
    local = later(days=1)
    later(hours=9)
    assert client.run(f"{COUNT}'{local:%Y-%m-%d %H:%M:%S}'").decision.where == "local"


def planned(client, sql, **how):
    return client.explain(sql, **how).decision


def test_a_time_without_a_zone_is_bigquerys_where_they_may_differ(client, later):
    client.promote("orders")
    local = later(days=1)
    later(hours=1)
    decision = planned(client, f"{COUNT}'{local:%Y-%m-%d %H:%M:%S}'")
    assert isinstance(decision, RunOnBigQuery)
    assert {r.code for r in decision.reasons} == {"as-of"}


@pytest.mark.parametrize("words", ["FOR SYSTEM TIME AS OF", "for system /* … */ time as of", "FOR SYSTEM_TIME\nAS OF"])
@pytest.mark.parametrize("rest", [False, True])
def test_however_it_is_written_it_is_no_question_about_now(client, warehouse, later, words, rest):
    client.promote("orders")
    at, n = later(minutes=5), count(warehouse)
    later(minutes=5)
    client.run("SELECT COUNT(*) AS n FROM orders")
    add(warehouse)
    later(minutes=5)
    client.rebalance(["orders"])
    having = " HAVING APPROX_COUNT_DISTINCT(kind) > 0" if rest else ""
    sql = f"SELECT COUNT(*) AS n FROM orders {words} {literal(at)}{having}"
    assert client.run(sql).arrow.to_pylist() == n


@pytest.mark.parametrize(
    "expression",
    [
        "TIMESTAMP_TRUNC(CURRENT_TIMESTAMP(), DAY)",
        "TIMESTAMP('2026-01-01 00:00:00+00')",
        "TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR)",
        "TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 49 HOUR)",
        "(SELECT CURRENT_TIMESTAMP())",
        "CAST(NULL AS TIMESTAMP)",
        "TIMESTAMP '2126-01-01 00:00:00+00'",
    ],
)
def test_what_bigquery_may_refuse_or_read_otherwise_is_left_to_it(client, later, expression):
    client.promote("orders")
    later(days=5)
    decision = planned(client, COUNT + expression)
    assert isinstance(decision, RunOnBigQuery)
    assert "as-of" in {r.code for r in decision.reasons}


def test_before_its_last_change_a_table_was_another(client, warehouse, later):
    before = warehouse.now()
    later(minutes=5)
    add(warehouse)
    later(minutes=5)
    client.promote("orders")
    later(minutes=5)
    assert {r.code for r in planned(client, COUNT + literal(before)).reasons} == {"as-of"}


def test_one_table_at_two_times_is_bigquerys(client, later):
    client.promote("orders")
    at = later(minutes=5)
    later(minutes=5)
    sql = f"SELECT COUNT(*) AS n FROM orders FOR SYSTEM_TIME AS OF {literal(at)}, orders AS now"
    assert "as-of" in {r.code for r in planned(client, sql).reasons}


def test_two_tables_each_of_a_time_of_its_own(client, warehouse, later):
    client.promote(["orders", "items"])
    at, n = later(minutes=5), count(warehouse)
    later(minutes=5)
    client.run(COUNT + literal(at))
    add(warehouse)
    sql = f"SELECT (SELECT COUNT(*) FROM orders FOR SYSTEM_TIME AS OF {literal(at)}) AS n, COUNT(*) > 0 AS more FROM items"
    result = client.run(sql)
    assert isinstance(result.decision, RunLocal)
    assert result.arrow.to_pylist() == [{"n": n[0]["n"], "more": True}]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda w: w.add_row_policy("samples.orders", "order_id > 0"), "gone"),
        (lambda w: w.execute("DROP TABLE samples.orders"), "gone"),
        (lambda w: w.execute("CREATE OR REPLACE TABLE samples.orders AS SELECT 1 AS order_id"), "gone"),
        (lambda w: w.execute("ALTER TABLE samples.orders ADD COLUMN more INT64"), "as-of"),
    ],
    ids=["secured", "dropped", "replaced", "altered"],
)
def test_a_table_that_is_another_now_is_bigquerys(client, warehouse, later, change, code):
    client.promote("orders")
    at = later(minutes=5)
    later(minutes=5)
    assert client.run(COUNT + literal(at)).decision.where == "local"
    change(warehouse)
    checked = client.runner.inputs(client._request(COUNT + literal(at)))
    verdicts = client.tier.facts.check(list(checked.copies.values()))
    [(_, reason)] = verdicts.values()
    assert reason.code == code


def test_a_copy_of_a_table_with_rows_on_their_way_answers_for_no_past(client, warehouse, later):
    warehouse.stream_rows("samples.orders", [{"order_id": -5}])
    client.promote("orders")
    at = later(minutes=5)
    later(minutes=5)
    warehouse.flush_buffer("samples.orders")
    later(minutes=5)
    assert planned(client, COUNT + literal(at)).where == "bigquery"


def test_the_moment_within_two_seconds_of_a_change_is_bigquerys(client, warehouse, later):
    add(warehouse)
    at = warehouse.now() + timedelta(seconds=1)
    later(minutes=5)
    client.promote("orders")
    later(minutes=5)
    assert planned(client, COUNT + literal(at)).where == "bigquery"


def test_offline_it_answers_where_that_is_allowed(client, warehouse, later):
    client.promote("orders")
    at, n = later(minutes=5), count(warehouse)
    later(minutes=5)
    client.run("SELECT COUNT(*) AS n FROM orders")
    warehouse.faults.set("network:away")
    result = client.run(COUNT + literal(at), offline=True)
    assert result.arrow.to_pylist() == n
    assert result.decision.where == "local"


def test_an_older_version_answers_for_its_own_time_and_the_new_one_for_its(client, warehouse, later):
    client.promote("orders")
    first, n = later(minutes=5), count(warehouse)
    later(minutes=5)
    client.run("SELECT COUNT(*) AS n FROM orders")
    add(warehouse)
    later(minutes=5)
    client.rebalance(["orders"])
    second, m = later(minutes=5), count(warehouse)
    later(minutes=5)
    for at, rows in ((first, n), (second, m)):
        result = client.run(COUNT + literal(at))
        assert isinstance(result.decision, RunLocal)
        assert result.arrow.to_pylist() == rows
    assert n != m


def test_the_copy_is_found_whose_table_it_was(client, warehouse, later):
    table = TableId(warehouse.project, "samples", "orders")
    client.promote("orders")
    later(minutes=5)
    versions = client.tier.queries.versions([table])[table]
    assert [copy.id for copy in versions] == [client.tier.copies()[table].id]
    assert datetime.now(UTC) - timedelta(hours=1) < versions[0].version.modified
