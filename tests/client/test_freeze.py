"""A frozen client answers as of one instant: from copies, else by BigQuery's time travel, else not at all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bigpato_magic.errors import ConfigurationError, RouteRefused, WarehouseUnavailable
from bigpato_magic.types import RunLocal, RunOnBigQuery

COUNT = "SELECT COUNT(*) AS n FROM orders"


@pytest.fixture(autouse=True)
def later(warehouse):
    """Lets time go by on the server."""

    def go(**how):
        warehouse.clock_offset += timedelta(**how)
        return warehouse.now()

    for name in ("orders", "items"):
        rows = "SELECT n AS order_id, MOD(n, 3) AS kind FROM UNNEST(GENERATE_ARRAY(1, 50)) AS n"
        warehouse.execute(f"CREATE TABLE samples.{name} AS {rows}")
    warehouse.execute("CREATE VIEW samples.seen AS SELECT * FROM samples.orders")
    go(minutes=5)
    return go


def add(warehouse):
    warehouse.execute("INSERT INTO samples.orders (order_id) VALUES (-1)")


def test_a_copy_answers_as_of_then_after_its_table_has_changed(client, warehouse, later):
    client.promote("orders")
    later(minutes=5)
    at = client.freeze("now")
    assert client.run(COUNT).arrow.to_pylist() == [{"n": 50}]
    later(minutes=5)
    client.run(COUNT)
    add(warehouse)
    later(days=30)
    result = client.run(COUNT)
    assert isinstance(result.decision, RunLocal)
    assert result.arrow.to_pylist() == [{"n": 50}]
    assert result.as_of == result.fresh_as_of == at
    client.freeze(None)
    assert client.run(COUNT).arrow.to_pylist() == [{"n": 51}]


def test_bigquery_is_asked_as_of_then_where_no_copy_can_tell(client, warehouse, later):
    at = client.freeze("now")
    later(minutes=5)
    add(warehouse)
    client.promote("orders")
    later(minutes=5)
    result = client.run(
        "SELECT COUNT(*), kind, MAX(order_id) AS most FROM orders o WHERE kind = @k GROUP BY 2", params={"k": 1}
    )
    assert isinstance(result.decision, RunOnBigQuery)
    assert result.bytes_billed > 0
    assert result.as_of == at
    assert result.arrow.to_pylist() == [{"f0_": 17, "kind": 1, "most": 49}]
    assert [output.name for output in result.outputs] == ["f0_", "kind", "most"]
    assert client.run("SELECT COUNT(*) AS n FROM orders", route="bigquery").arrow.to_pylist() == [{"n": 50}]


def test_an_answer_of_then_is_none_of_now(client, warehouse, later):
    client.freeze("now")
    later(minutes=5)
    add(warehouse)
    later(minutes=5)
    assert client.run(COUNT).arrow.to_pylist() == [{"n": 50}]
    client.tier.open().keeper.settle()
    client.freeze(None)
    assert client.run(COUNT).arrow.to_pylist() == [{"n": 51}]


def test_a_first_look_is_as_of_then_too(client, warehouse, later):
    client.freeze("now")
    later(minutes=5)
    warehouse.execute("DELETE FROM samples.orders WHERE true")
    later(minutes=5)
    result = client.run("SELECT order_id FROM orders LIMIT 100")
    assert result.arrow.num_rows == 50


def test_what_a_kept_answer_says_of_today_is_not_said_of_then(client, warehouse, later):
    at = warehouse.now()
    later(minutes=5)
    add(warehouse)
    later(minutes=5)
    assert client.run(COUNT).arrow.to_pylist() == [{"n": 51}]
    client.tier.open().keeper.settle()
    client.freeze(at)
    assert client.run(COUNT).arrow.to_pylist() == [{"n": 50}]


def test_today_is_the_day_of_then(client, warehouse, later):
    client.promote("items")
    later(minutes=5)
    at = client.freeze("now")
    later(days=3)
    result = client.run("SELECT CURRENT_TIMESTAMP() AS now, COUNT(*) AS n FROM items")
    assert result.arrow.to_pylist() == [{"now": at, "n": 50}]


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("INSERT INTO orders (order_id) VALUES (1)", "nothing is changed: this is an INSERT statement"),
        ("CREATE TABLE other AS SELECT 1 AS x", "nothing is changed: this is a CREATE TABLE AS SELECT statement"),
        ("SELECT 1; SELECT 2", "nothing is changed: this is a script"),
        ("SELECT * FROM orders FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()", "an instant of its own"),
        ("SELECT * FROM orders FOR SYSTEM TIME AS OF CURRENT_TIMESTAMP()", "an instant of its own"),
        ("SELECT COUNT(*) FROM seen", "seen is a view"),
        ("SELECT COUNT(*), CURRENT_DATE() AS day FROM orders", "asks for the current time"),
        ("SELECT COUNT(*) FROM missing", "was not found"),
        ("SELECT nothing FROM orders", "Unrecognized name"),
    ],
)
def test_what_cannot_be_had_as_of_then_is_an_error_in_one_sentence(client, warehouse, later, sql, why):
    client.freeze("now")
    later(minutes=5)
    with pytest.raises(RouteRefused, match=why) as refused:
        client.run(sql)
    assert "\n" not in refused.value.message
    assert "%bp_freeze off" in str(refused.value)
    assert warehouse.jobs == []


@pytest.mark.parametrize("change", ["DROP COLUMN kind", "RENAME COLUMN kind TO sort", "ADD COLUMN more INT64"])
def test_a_question_by_other_columns_than_those_of_then_is_not_asked(client, warehouse, later, change):
    client.freeze("now")
    later(minutes=5)
    warehouse.execute(f"ALTER TABLE samples.orders {change}")
    later(minutes=5)
    with pytest.raises(RouteRefused, match="orders had other columns then"):
        client.run("SELECT * FROM orders")
    with pytest.raises(RouteRefused, match="orders had other columns then"):
        client.run("SELECT order_id FROM orders")


def test_a_table_that_needs_a_filter_is_asked_as_of_then(client, warehouse, later):
    warehouse.execute(
        "CREATE TABLE samples.days PARTITION BY day OPTIONS (require_partition_filter = TRUE) AS "
        "SELECT DATE '2024-01-31' AS day, 1 AS x"
    )
    later(minutes=5)
    client.freeze("now")
    later(minutes=5)
    warehouse.execute("INSERT INTO samples.days (day, x) VALUES (DATE '2024-01-31', 2)")
    later(minutes=5)
    assert client.run("SELECT * FROM days WHERE day > '2024-01-01'").arrow["x"].to_pylist() == [1]


def test_a_table_that_was_not_there_then_is_an_error(client, warehouse, later):
    client.freeze("now")
    later(minutes=5)
    warehouse.execute("CREATE TABLE samples.newer AS SELECT 1 AS x")
    client.promote("newer")
    later(minutes=5)
    with pytest.raises(RouteRefused, match="There is no answer as of"):
        client.run("SELECT * FROM newer")


def test_beyond_bigquerys_memory_only_copies_answer(client, warehouse, later):
    client.freeze("now")
    later(days=8)
    with pytest.raises(RouteRefused, match="There is no answer as of"):
        client.run(COUNT)


def test_offline_it_says_so(client, warehouse, later):
    client.freeze("now")
    warehouse.faults.set("network:away")
    with pytest.raises(WarehouseUnavailable):
        client.run(COUNT)


@pytest.mark.parametrize("at", ["tomorrow", "2126-01-01 00:00+00", "", 7])
def test_only_an_instant_that_is_over_is_one(client, at):
    with pytest.raises(ConfigurationError):
        client.freeze(at)
    assert client.frozen is None


def test_an_instant_may_be_written_with_its_zone(client, later):
    at = later(minutes=5) - timedelta(minutes=1)
    assert client.freeze(f"{at:%Y-%m-%d %H:%M:%S.%f}+00:00") == at
    assert client.explain(COUNT).as_of == at
