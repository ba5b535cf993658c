"""What a rebalance says of itself as a whole, and of another kernel that it waits for."""

from __future__ import annotations

import threading

from bigpato_magic.status import Cancel
from bigpato_magic.types import TableId

ORDERS = TableId("demo", "shop", "orders")


def heard(status):
    found = []
    status.observe(lambda change: found.append(change.new), "job")
    return found


def test_a_rebalance_says_how_far_all_of_it_is_and_nothing_afterwards(house, large):
    said, shares = heard(house.tier.status), []
    house.tier.status.observe(lambda change: shares.append(change.new), "fraction")
    house.tier.promote([ORDERS, large])
    assert said[0].startswith("0 of 2 tables, 0.0 of ")
    assert any(text.startswith("1 of 2 tables, ") for text in said)
    assert said[-2].startswith("2 of 2 tables, ")
    assert (said[-1], house.tier.status.job, house.tier.status.fraction) == ("", "", None)
    known = [share for share in shares if share is not None]
    assert known == sorted(known)
    assert known[-1] == 1.0


def test_the_wait_for_another_kernel_that_brings_the_same_table_is_said(house, another):
    other = another()
    said = heard(house.tier.status)
    waiting = threading.Event()
    house.tier.status.observe(lambda change: "waiting" in change.new and waiting.set(), "job")
    with other.tier.open().store.table_lock(ORDERS, Cancel()):
        thread = threading.Thread(target=house.tier.promote, args=([ORDERS],))
        thread.start()
        assert waiting.wait(60)
    thread.join(60)
    assert not thread.is_alive()
    assert any(text.endswith("waiting for another notebook, which is bringing orders") for text in said)
    assert ORDERS in house.tier.copies()


def test_duckdb_shows_no_bar_of_its_own(house):
    house.tier.promote([ORDERS])
    copy = house.tier.copies([ORDERS])[ORDERS]
    assert house.count(copy) == 1000
    (shown,) = house.engine._open().execute("SELECT current_setting('enable_progress_bar_print')").fetchone()
    assert shown is False
