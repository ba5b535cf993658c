"""Clocks of time zones, by Python's zoneinfo over the `tzdata` package: the same on every machine.

In a gap, and where a clock shows a time twice, the offset before the change counts: Google's `pre`, Python's `fold=0`.
https://cloud.google.com/bigquery/docs/reference/standard-sql/timestamp_functions#timezone_definitions
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

import pyarrow as pa

from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure, strict

__all__ = ["bp_zone_clock", "bp_zone_moment"]
EPOCH = datetime(1970, 1, 1)
EPOCH_UTC = EPOCH.replace(tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
OFFSET = re.compile(r"([+-])(\d{1,2})(?::?(\d{1,2}))?", re.ASCII)
NAME = re.compile(r"[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*)*")
FARTHEST_MINUTES = 14 * 60


def offset_minutes(text: str) -> int | None:
    """Minutes east of UTC of `+05:30`, `-8`, `+0530`; None if it is no such offset.

    Raises:
        InvalidValue: more than 14 hours.
    """
    found = OFFSET.fullmatch(text)
    if not found:
        return None
    hours, minutes = int(found[2]), int(found[3] or 0)
    total = hours * 60 + minutes
    if minutes > 59 or total > FARTHEST_MINUTES:
        raise InvalidValue(f"Invalid time zone: {text}")
    return -total if found[1] == "-" else total


def is_zone(name: str) -> bool:
    """Is it the exact name of a zone, so that DuckDB knows the same one?"""
    return NAME.fullmatch(name) is not None and _load(name) is not None


@lru_cache
def _load(name: str) -> ZoneInfo | None:
    try:
        with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (ModuleNotFoundError, FileNotFoundError, IsADirectoryError, ValueError):
        return None


@lru_cache(maxsize=1000)
def zone(name: str) -> tzinfo:
    """The zone that a name or an offset means."""
    minutes = offset_minutes(name)
    if minutes is not None:
        from datetime import timezone

        return timezone(timedelta(minutes=minutes))
    found = _load(name) if NAME.fullmatch(name) else None
    if found is None:
        raise Unsure(f"the time zone {name!r}")
    return found


def clock(micros: int, name: str) -> int:
    """What the clock of a zone shows at a moment: microseconds, as if it were UTC."""
    try:
        offset = (EPOCH_UTC + timedelta(microseconds=micros)).astimezone(zone(name)).utcoffset()
    except OverflowError:
        raise Unsure("a moment at the edge of time in a time zone") from None
    return micros + (offset or timedelta()) // MICROSECOND


def moment(micros: int, name: str) -> int:
    """The (first) moment at which the clock of a zone shows this."""
    try:
        offset = (EPOCH + timedelta(microseconds=micros)).replace(tzinfo=zone(name)).utcoffset()
    except OverflowError:
        raise Unsure("a moment at the edge of time in a time zone") from None
    return micros - (offset or timedelta()) // MICROSECOND


bp_zone_clock = strict(clock, pa.int64())
bp_zone_moment = strict(moment, pa.int64())
