"""Moments (TIMESTAMP) and the clocks of time zones.

DuckDB's own zone rules agree with the `tzdata` package from 1970 on (tests hold them against each other, at every change of
every zone); before that, and from clocks back to moments, functions of `sql.udfs.zones` know.
"""

from __future__ import annotations

from bigpato_magic.sql.physical import text
from bigpato_magic.sql.rules.base import DOCS, Call, Udf, route

SOURCE = DOCS + "timestamp_functions#timezone_definitions"
UTC = ("UTC", "+00:00", "+00", "Etc/UTC")
MACROS = {
    # The clock of UTC, as a TIMESTAMP.
    "bp_utc(t)": "make_timestamp(epoch_us(t))",
    "bp_timestamp(us)": "CASE WHEN us < -62135596800000000 OR us > 253402300799999999 THEN error('timestamp "
    "out of range') "
    "ELSE make_timestamptz(CAST(us AS BIGINT)) END",
    "bp_datetime(t)": "CASE WHEN t < TIMESTAMP '0001-01-01' OR t >= TIMESTAMP '10000-01-01' "
    "THEN error('datetime out of range') ELSE t END",
    "bp_floor_div(a, b)": "(a - ((a % b) + b) % b) // b",
    "bp_far_clock(us)": "CASE WHEN us < -62135596800000000 OR us > 253402300799999999 THEN "
    + route("a clock before the year 1 or after 9999")
    + " ELSE make_timestamp(us) END",
    "bp_clock(t, z)": "CASE WHEN t >= TIMESTAMPTZ '1970-01-01 00:00:00+00' AND t < TIMESTAMPTZ '9999-12-30 00:00:00+00' "
    "THEN timezone(z, t) ELSE bp_far_clock(bp_zone_clock(epoch_us(t), z)) END",
    # Offsets that are no whole minutes (the last ended in January 1972) are cut: a formatted TIMESTAMP has none.
    "bp_minute_clock(t, z)": "CASE WHEN t >= TIMESTAMPTZ '1973-01-01 00:00:00+00' "
    "AND t < TIMESTAMPTZ '9999-12-30 00:00:00+00' THEN timezone(z, t) "
    "ELSE bp_far_clock(epoch_us(t) + (bp_zone_clock(epoch_us(t), z) - epoch_us(t)) // 60000000 * 60000000) END",
    "bp_any_clock(t, z)": "bp_far_clock(bp_zone_clock(epoch_us(t), z))",
    "bp_moment(c, z)": "bp_timestamp(bp_zone_moment(epoch_us(c), z))",
}
UDFS = (
    Udf("bp_zone_clock", ("BIGINT", "VARCHAR"), "BIGINT"),
    Udf("bp_zone_moment", ("BIGINT", "VARCHAR"), "BIGINT"),
)


def offset_micros(call: Call, name: str) -> int | None:
    """What to add to UTC for a constant offset, in microseconds; None for a zone's name. Refused where it is neither."""
    from bigpato_magic.sql.udfs import zones

    if name in UTC:
        return 0
    try:
        minutes = zones.offset_minutes(name)
    except ValueError:
        call.refuse(f"the time zone {name!r}")
    if minutes is None and not zones.is_zone(name):
        call.refuse(f"the time zone {name!r}")
    return None if minutes is None else minutes * 60_000_000


def clock_of(call: Call, moment: str, zone: int, named: str = "bp_clock") -> str:
    """The TIMESTAMP text that the clock of the zone in argument `zone` (UTC where there is none) shows at `moment`.

    `named` is the macro for a zone that is no constant offset.
    """
    if len(call.args) <= zone:
        return f"bp_utc({moment})"
    if not call.args[zone].literal:
        if named != "bp_clock":
            call.refuse("a time zone that is not a constant")
        return f"bp_any_clock({moment}, {call.sql(zone)})"
    name = call.constant(zone)
    micros = offset_micros(call, name)
    if micros == 0:
        return f"bp_utc({moment})"
    if micros is not None:
        return f"bp_far_clock(epoch_us({moment}) + {micros})"
    return f"{named}({moment}, {text(name)})"


def moment_of(call: Call, clock: str, zone: int) -> str:
    """The TIMESTAMPTZ text of the moment at which the clock of the zone in argument `zone` shows `clock`."""
    if len(call.args) <= zone:
        return f"bp_timestamp(epoch_us({clock}))"
    if not call.args[zone].literal:
        return f"bp_moment({clock}, {call.sql(zone)})"
    name = call.constant(zone)
    micros = offset_micros(call, name)
    if micros is not None:
        return f"bp_timestamp(epoch_us({clock}) - {micros})"
    return f"bp_moment({clock}, {text(name)})"


def local_clock(call: Call, value: int, zone: int) -> str:
    """`clock_of` the TIMESTAMP argument `value`."""
    return clock_of(call, call.sql(value), zone)
