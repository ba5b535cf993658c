"""A copy whose table has changed answers for the past, goes first where room is needed, and not for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bigpato_magic.tier.superseded import MOST
from tests.tier.conftest import ORDERS, make_tier


@pytest.fixture
def house(warehouse, tmp_path):
    house = make_tier(warehouse, tmp_path / "tier", hold_superseded="7 days")
    warehouse.clock_offset += timedelta(minutes=5)
    house.tier.promote([ORDERS])
    yield house
    house.tier.close()


def change(house, number=1, **later):
    house.warehouse.clock_offset += timedelta(**(later or {"minutes": 5}))
    house.tier.open().facts.fetch([ORDERS])
    house.warehouse.execute(f"INSERT INTO shop.orders VALUES ({number + 5000}, 'x', 1)")
    house.warehouse.clock_offset += timedelta(minutes=5)
    house.tier.rebalance([ORDERS])


def rows(house):
    return [copy.rows for copy in house.tier.queries.versions([ORDERS])[ORDERS]]


def test_it_stays_beside_the_new_one_and_is_counted(house):
    change(house)
    assert rows(house) == [1001, 1000]
    assert house.tier.copies()[ORDERS].rows == 1001
    count, size = house.tier.superseded()
    assert count == 1
    assert 0 < size < house.tier.used_bytes()
    house.tier.clean()
    assert rows(house) == [1001, 1000]


def test_it_goes_when_its_time_is_over(house):
    change(house)
    house.warehouse.clock_offset += timedelta(days=8)
    house.tier.clean()
    assert rows(house) == [1001]
    assert house.tier.superseded() == (0, 0)


def test_with_no_time_it_goes_at_once(house):
    house.tier.hold_superseded = 0
    change(house)
    assert rows(house) == [1001]


def test_it_goes_first_where_room_is_needed(house):
    change(house, 1)
    change(house, 2)
    assert rows(house) == [1002, 1001, 1000]
    house.tier.budget = house.tier.used_bytes()
    change(house, 3)
    assert rows(house)[0] == 1003
    assert 1000 not in rows(house)
    assert house.tier.used_bytes() <= house.tier.budget


def test_a_smaller_budget_is_kept_to_by_the_next_clean_up(house):
    change(house)
    house.tier.budget = house.tier.used_bytes() - 1
    house.tier.clean()
    assert rows(house) == [1001]


def test_demoted_with_its_table(house):
    change(house)
    house.tier.demote([ORDERS])
    assert house.tier.open().catalog.all() == ()


def test_one_of_rows_that_were_on_their_way_answers_for_no_past_and_does_not_stay(house):
    house.warehouse.stream_rows("shop.orders", [{"id": -1, "name": "s", "price": 1}])
    house.tier.freshness.max_staleness = 3600
    house.tier.rebalance([ORDERS])
    house.warehouse.flush_buffer("shop.orders")
    house.warehouse.clock_offset += timedelta(minutes=5)
    house.tier.rebalance([ORDERS])
    assert all(not copy.facts.streaming for copy in house.tier.queries.versions([ORDERS])[ORDERS])


def test_however_often_a_table_changes_there_are_not_many(house):
    for number in range(MOST + 3):
        change(house, number, seconds=30)
    assert len(rows(house)) == MOST + 1
