"""Clocks of time zones: DuckDB's own rules, where the compiled text trusts them, are those of the `tzdata` package."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from importlib import resources

import pytest

from bigpato_magic.sql.udfs import zones
from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure

EPOCH = datetime(1970, 1, 1)


def transitions(name: str) -> list[int]:
    """The seconds at which the rules of a zone change, from the second (64-bit) part of its file."""
    data = resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()

    def header(at: int) -> tuple[int, ...]:
        return struct.unpack(">6l", data[at + 20 : at + 44])

    isut, isstd, leap, changes, types, chars = header(0)
    second = 44 + changes * 5 + types * 6 + chars + leap * 8 + isstd + isut
    count = header(second)[3]
    return list(struct.unpack(f">{count}q", data[second + 44 : second + 44 + 8 * count]))


def names() -> list[str]:
    listed = resources.files("tzdata").joinpath("zones").read_text().split()
    return [name for name in listed if zones.is_zone(name)]


def test_duckdb_shows_the_same_clocks_at_every_change_since_1970() -> None:
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'")
    far = [4_102_444_800, 5_000_000_000, 32_503_680_000, 253_402_000_000]
    for name in names():
        points = [t + d for t in transitions(name) if t > 0 for d in (-1, 0, 1)] + far
        rows = connection.execute(
            "SELECT epoch_us(timezone($1, make_timestamptz(x * 1000000))) // 1000000 FROM (SELECT unnest($2::BIGINT[]) AS x)",
            [name, points],
        ).fetchall()
        assert [row[0] for row in rows] == [zones.clock(p * 1_000_000, name) // 1_000_000 for p in points], name


def test_no_offset_since_1973_has_seconds() -> None:
    for name in names():
        points = [t for t in transitions(name) if t >= 94_694_400] or [94_694_400]
        assert all((zones.clock(p * 1_000_000, name) - p * 1_000_000) % 60_000_000 == 0 for p in points), name


@pytest.mark.parametrize(
    ("clock", "moment"),
    [
        ("2021-03-14 02:30:00", "2021-03-14 07:30:00"),  # in the gap: the offset before it
        ("2021-11-07 01:30:00", "2021-11-07 05:30:00"),  # twice: the first
        ("2021-07-01 00:00:00", "2021-07-01 04:00:00"),
    ],
)
def test_a_gap_and_an_overlap_take_the_offset_before_the_change(clock: str, moment: str) -> None:
    shown = (datetime.fromisoformat(clock) - EPOCH) // timedelta(microseconds=1)
    expected = (datetime.fromisoformat(moment) - EPOCH) // timedelta(microseconds=1)
    assert zones.moment(shown, "America/New_York") == expected


@pytest.mark.parametrize(
    ("text", "minutes"), [("+05:30", 330), ("-8", -480), ("+0530", 330), ("+14", 840), ("UTC", None)]
)
def test_offsets(text: str, minutes: int | None) -> None:
    assert zones.offset_minutes(text) == minutes


@pytest.mark.parametrize("text", ["+15", "+14:30", "-05:60", "+530"])
def test_an_offset_beyond_fourteen_hours_is_an_error(text: str) -> None:
    with pytest.raises(InvalidValue):
        zones.offset_minutes(text)


@pytest.mark.parametrize("name", ["america/new_york", "utc", "Nowhere/City", "../etc/passwd", ""])
def test_a_name_that_is_not_exactly_a_zones_is_unsure(name: str) -> None:
    with pytest.raises(Unsure):
        zones.clock(0, name)


def test_the_clock_of_utc_is_utc() -> None:
    now = (datetime.now(UTC).replace(tzinfo=None) - EPOCH) // timedelta(microseconds=1)
    assert zones.clock(now, "UTC") == zones.moment(now, "UTC") == now
