"""CURRENT_TIMESTAMP and its kin: this moment, the same one in the whole query, on the clock of a zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.faithfulness.engine import answer


def test_the_moment_is_now_and_the_same_everywhere() -> None:
    before = datetime.now(UTC)
    engine, table = answer(
        "SELECT CURRENT_TIMESTAMP() AS t, CURRENT_DATETIME() AS d, CURRENT_DATETIME('+05:30') AS i, "
        "CURRENT_DATE() AS day, CURRENT_DATE('Asia/Tokyo') AS tokyo, CURRENT_TIME() AS c, CURRENT_TIME('-01') AS w"
    )
    assert engine == "local"
    row = table.to_pylist()[0]
    assert before <= row["t"] <= datetime.now(UTC)
    clock = row["t"].replace(tzinfo=None)
    assert row["d"] == clock
    assert row["i"] == clock + timedelta(hours=5, minutes=30)
    assert row["day"] == clock.date()
    assert row["tokyo"] == (clock + timedelta(hours=9)).date()
    assert row["c"] == clock.time()
    assert row["w"] == (clock - timedelta(hours=1)).time()


def test_the_moment_may_be_the_default_of_a_window() -> None:
    engine, table = answer(
        "SELECT x, LEAD(x, 1, CURRENT_DATE()) OVER (ORDER BY x) AS next, CURRENT_DATE() AS today "
        "FROM UNNEST([DATE '2024-01-01', DATE '2024-05-06']) AS x ORDER BY x"
    )
    assert engine == "local"
    first, last = table.to_pylist()
    assert (first["next"], last["next"]) == (last["x"], last["today"])
