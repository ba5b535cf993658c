"""Parts of DATE, DATETIME, TIMESTAMP and TIME, sums and differences, and cutting them.

GoogleSQL knows the years 1 to 9999; DuckDB knows more, so results are checked. A TIMESTAMP is a TIMESTAMPTZ, taken to
the clock of a zone by arithmetic where the zone is UTC, and by DuckDB's own zone rules elsewhere.
"""

from __future__ import annotations

from bigpato_magic.sql.expr import Facts, between
from bigpato_magic.sql.rules.base import DOCS, TRY, Call, Rule, Template
from bigpato_magic.sql.rules.zones import UTC, local_clock, moment_of
from bigpato_magic.types.date_parts import DAY_MICROS, MICROS, MONTHS, WEEKDAYS

SOURCE = DOCS + "date_functions"
DATETIMES = DOCS + "datetime_functions"
TIMESTAMPS = DOCS + "timestamp_functions"
TIMES = DOCS + "time_functions"

MACROS = {
    "bp_date(d)": "CASE WHEN d < DATE '0001-01-01' OR d > DATE '9999-12-31' THEN error('date out of range') ELSE d END",
    "bp_time_us(t)": "(extract(hour FROM t) * 3600000000 + extract(minute FROM t) * 60000000 "
    "+ extract(microseconds FROM t))",
    "bp_time(us)": f"CAST(make_timestamp(CAST((us % {DAY_MICROS} + {DAY_MICROS}) % {DAY_MICROS} AS BIGINT)) AS TIME)",
    # The number of the week that begins on weekday k (Sunday is 0); only differences mean something.
    "bp_week(d, k)": "(d - DATE '0001-01-07' - k + 14) // 7",
    "bp_week_start(d, k)": "bp_date(CAST(d - CAST((d - DATE '0001-01-07' - k + 14) % 7 AS INTEGER) AS DATE))",
    # The first week of the year 1 begins before it.
    "bp_week_end(d, k)": "bp_date(CAST(d + CAST(6 - (d - DATE '0001-01-07' - k + 14) % 7 AS INTEGER) AS DATE))",
    # The Monday of the week of 4 January.
    "bp_iso_year_start(y)": "make_date(CAST(y AS BIGINT), 1, 4) "
    "- CAST(extract(isodow FROM make_date(CAST(y AS BIGINT), 1, 4)) - 1 AS INTEGER)",
}
CLOCK_PARTS = {
    "HOUR": "extract(hour FROM {a})",
    "MINUTE": "extract(minute FROM {a})",
    "SECOND": "extract(second FROM {a})",
    "MILLISECOND": "(extract(microseconds FROM {a}) % 1000000 // 1000)",
    "MICROSECOND": "(extract(microseconds FROM {a}) % 1000000)",
}
DATE_PARTS = {
    "YEAR": "extract(year FROM {a})",
    "MONTH": "extract(month FROM {a})",
    "DAY": "extract(day FROM {a})",
    "DAYOFWEEK": "(extract(dow FROM {a}) + 1)",
    "DAYOFYEAR": "extract(doy FROM {a})",
    "QUARTER": "extract(quarter FROM {a})",
    "ISOYEAR": "extract(isoyear FROM {a})",
    "ISOWEEK": "extract(week FROM {a})",
    **{
        week: f"((extract(doy FROM {{a}}) + 6 - (extract(dow FROM {{a}}) + {7 - day}) % 7) // 7)"
        for week, day in WEEKDAYS.items()
        if week != "ISOWEEK"
    },
}
PARTS = {"DATE": DATE_PARTS, "TIME": CLOCK_PARTS, "DATETIME": {**DATE_PARTS, **CLOCK_PARTS}}
RANGES = {"MILLISECOND": (0, 999), "MICROSECOND": (0, 999_999), "YEAR": (1, 9999), "ISOYEAR": (0, 10_000)}


def on_clock(template: str, zone: int) -> Template:
    """A template whose `{a}` is the TIMESTAMP on the clock of a zone."""
    return lambda call: template.replace("{a}", local_clock(call, 0, zone))


def _extract(kind: str) -> Template:
    def rule(call: Call) -> str:
        part = call.keyword(1)
        source = local_clock(call, 0, 2) if kind == "TIMESTAMP" else call.sql(0)
        parts = PARTS["DATETIME" if kind == "TIMESTAMP" else kind]
        if part not in parts:
            call.refuse(f"EXTRACT({part} FROM {kind})")
        return f"CAST({parts[part].replace('{a}', source)} AS BIGINT)"

    return rule


def _extracted(call: Call) -> Facts:
    return between(*RANGES.get(call.keyword(1), (0, 366)))


def truncate_date(call: Call, day: str, part: str) -> str:
    """The DATE text `day`, cut to `part`."""
    if part == "DAY":
        return day
    if part in MONTHS:
        return f"CAST(date_trunc('{part}', {day}) AS DATE)"
    if part in WEEKDAYS:
        return f"bp_week_start({day}, {WEEKDAYS[part]})"
    if part == "ISOYEAR":
        return f"bp_date(CAST(bp_iso_year_start(extract(isoyear FROM {day})) AS DATE))"
    return call.refuse(f"truncation to {part}")


def _truncate_clock(call: Call, value: str, part: str) -> str:
    if part in ("MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", *MONTHS):
        return f"CAST(date_trunc('{part}', {value}) AS TIMESTAMP)"
    return f"CAST({truncate_date(call, f'CAST({value} AS DATE)', part)} AS TIMESTAMP)"


def _timestamp_trunc(call: Call) -> str:
    part, moment = call.keyword(1), call.sql(0)
    if part == "MICROSECOND":
        return moment
    if part in ("SECOND", "MILLISECOND") or len(call.args) < 3 or (call.args[2].literal and call.constant(2) in UTC):
        return f"bp_timestamp(epoch_us({_truncate_clock(call, f'bp_utc({moment})', part)}))"
    return call.once(lambda bound: _zoned_trunc(bound, part))


def _zoned_trunc(call: Call, part: str) -> str:
    clock = local_clock(call, 0, 2)
    cut = _truncate_clock(call, clock, part)
    if part in ("MINUTE", "HOUR"):
        # What the clock shows more than the full hour is taken away, whatever the zone did within it.
        return f"bp_timestamp(epoch_us({call.sql(0)}) - (epoch_us({clock}) - epoch_us({cut})))"
    return moment_of(call, cut, 2)


def _datetime_trunc(call: Call) -> str:
    part = call.keyword(1)
    return call.sql(0) if part == "MICROSECOND" else _truncate_clock(call, call.sql(0), part)


def _date_trunc(call: Call) -> str:
    return truncate_date(call, call.sql(0), call.keyword(1))


def _date_add(sign: str) -> Template:
    def rule(call: Call) -> str:
        part, day, count = call.keyword(2), call.sql(0), f"{sign}({call.sql(1)})"
        if part == "DAY":
            return f"bp_date({day} + CAST({count} AS INTEGER))"
        if part == "WEEK":
            return f"bp_date({day} + CAST({count} * 7 AS INTEGER))"
        if part in MONTHS:
            return f"bp_date(CAST({day} + to_months(CAST({count} * {MONTHS[part]} AS INTEGER)) AS DATE))"
        return call.refuse(f"DATE_ADD of a {part}")

    return rule


def _timestamp_add(sign: str) -> Template:
    def rule(call: Call) -> str:
        part = call.keyword(2)
        if part not in MICROS or part == "WEEK":
            call.refuse(f"TIMESTAMP_ADD of a {part}")
        return f"bp_timestamp(epoch_us({call.sql(0)}) + {sign}({call.sql(1)}) * {MICROS[part]})"

    return rule


def _datetime_add(sign: str) -> Template:
    def rule(call: Call) -> str:
        part, value, count = call.keyword(2), call.sql(0), f"{sign}({call.sql(1)})"
        if part in MICROS:
            return f"bp_datetime(make_timestamp(epoch_us({value}) + {count} * {MICROS[part]}))"
        if part in MONTHS:
            return f"bp_datetime({value} + to_months(CAST({count} * {MONTHS[part]} AS INTEGER)))"
        return call.refuse(f"DATETIME_ADD of a {part}")

    return rule


YEARS = {
    "YEAR": "extract(year FROM {a})",
    "ISOYEAR": "extract(isoyear FROM {a})",
    "MONTH": "(extract(year FROM {a}) * 12 + extract(month FROM {a}))",
    "QUARTER": "(extract(year FROM {a}) * 4 + extract(quarter FROM {a}))",
}


def date_difference(call: Call, later: str, earlier: str, part: str) -> str:
    """How many boundaries of `part` lie between two DATE texts."""
    if part == "DAY":
        return f"({later} - {earlier})"
    if part in WEEKDAYS:
        return f"(bp_week({later}, {WEEKDAYS[part]}) - bp_week({earlier}, {WEEKDAYS[part]}))"
    if part in YEARS:
        return f"({YEARS[part].replace('{a}', later)} - {YEARS[part].replace('{a}', earlier)})"
    return call.refuse(f"DATE_DIFF in {part}")


def _date_diff(call: Call) -> str:
    return date_difference(call, call.sql(0), call.sql(1), call.keyword(2))


def _timestamp_diff(call: Call) -> str:
    part = call.keyword(2)
    if part not in MICROS or part == "WEEK":
        call.refuse(f"TIMESTAMP_DIFF in {part}")
    return f"((epoch_us({call.sql(0)}) - epoch_us({call.sql(1)})) // {MICROS[part]})"


def _datetime_diff(call: Call) -> str:
    part, later, earlier = call.keyword(2), call.sql(0), call.sql(1)
    if part in MICROS and part not in ("DAY", "WEEK"):
        size = MICROS[part]
        return f"(bp_floor_div(epoch_us({later}), {size}) - bp_floor_div(epoch_us({earlier}), {size}))"
    return date_difference(call, f"CAST({later} AS DATE)", f"CAST({earlier} AS DATE)", part)


def _last_day(call: Call) -> str:
    part = call.keyword(1) if len(call.args) > 1 else "MONTH"
    day = f"CAST({call.sql(0)} AS DATE)"
    if part in MONTHS:
        return f"CAST(date_trunc('{part}', {day}) + to_months({MONTHS[part]}) - to_days(1) AS DATE)"
    if part in WEEKDAYS:
        return f"bp_week_end({day}, {WEEKDAYS[part]})"
    if part == "ISOYEAR":
        return f"bp_date(CAST(bp_iso_year_start(extract(isoyear FROM {day}) + 1) - 1 AS DATE))"
    return call.refuse(f"LAST_DAY of {part}")


def _time_add(sign: str) -> Template:
    def rule(call: Call) -> str:
        part = call.keyword(2)
        if part not in MICROS or part in ("DAY", "WEEK"):
            call.refuse(f"TIME_ADD of a {part}")
        size = MICROS[part]
        return call.fill(f"bp_time(bp_time_us({{a}}) {sign} ({{b}} % {DAY_MICROS // size}) * {size})")

    return rule


def _time_diff(call: Call) -> str:
    part = call.keyword(2)
    if part not in MICROS or part in ("DAY", "WEEK"):
        call.refuse(f"TIME_DIFF in {part}")
    return call.fill(f"(bp_time_us({{a}}) // {MICROS[part]} - bp_time_us({{b}}) // {MICROS[part]})")


def _time_trunc(call: Call) -> str:
    part = call.keyword(1)
    if part not in MICROS or part in ("DAY", "WEEK"):
        call.refuse(f"TIME_TRUNC to {part}")
    return call.fill(f"bp_time(bp_time_us({{a}}) // {MICROS[part]} * {MICROS[part]})")


T, TZ = "TIMESTAMP", "TIMESTAMP, STRING"
NAMES = ("date", "datetime", "timestamp")
TRUNCATED: dict[str, Template] = {"DATE": _date_trunc, "DATETIME": _datetime_trunc, "TIMESTAMP": _timestamp_trunc}
ADDERS = {"DATE": _date_add, "DATETIME": _datetime_add, "TIMESTAMP": _timestamp_add}
DIFFERED: dict[str, Template] = {"DATE": _date_diff, "DATETIME": _datetime_diff, "TIMESTAMP": _timestamp_diff}


def _by_kind(verb: str, more: str, templates: dict[str, Template]) -> list[Rule]:
    """DATE_f, DATETIME_f and TIMESTAMP_f each take all three types; the argument's type decides.

    A DATE comes to DATETIME_f and TIMESTAMP_f as a DATETIME: the analyzer casts it.
    """
    return [
        Rule(f"{name}_{verb}", f"{kind}, {more.replace('SAME', kind)}", template, can_throw=verb != "diff", safe=TRY)
        for name in NAMES
        for kind, template in templates.items()
        if name == "date" or kind != "DATE"
    ]


RULES = (
    Rule("$extract", "DATE, ENUM", _extract("DATE"), can_throw=False, facts=_extracted),
    Rule("$extract", "TIME, ENUM", _extract("TIME"), can_throw=False, facts=_extracted),
    Rule("$extract", "DATETIME, ENUM", _extract("DATETIME"), can_throw=False, facts=_extracted),
    Rule("$extract", f"{T}, ENUM", _extract(T), can_throw=False, facts=_extracted),
    Rule("$extract", f"{T}, ENUM, STRING", _extract(T), facts=_extracted),
    Rule("$extract_date", "DATETIME", "CAST({a} AS DATE)"),
    Rule("$extract_date", T, "CAST(bp_utc({a}) AS DATE)"),
    Rule("$extract_date", TZ, on_clock("CAST({a} AS DATE)", 1)),
    Rule("$extract_time", "DATETIME", "CAST({a} AS TIME)"),
    Rule("$extract_time", T, "CAST(bp_utc({a}) AS TIME)"),
    Rule("$extract_time", TZ, on_clock("CAST({a} AS TIME)", 1)),
    Rule("$extract_datetime", TZ, on_clock("{a}", 1)),
    *_by_kind("trunc", "ENUM", TRUNCATED),
    *(Rule(f"{name}_trunc", f"{T}, ENUM, STRING", _timestamp_trunc, safe=True, source=TIMESTAMPS) for name in NAMES),
    *_by_kind("add", "INT64, ENUM", {kind: rule("") for kind, rule in ADDERS.items()}),
    *_by_kind("sub", "INT64, ENUM", {kind: rule("-") for kind, rule in ADDERS.items()}),
    *_by_kind("diff", "SAME, ENUM", DIFFERED),
    Rule("time_add", "TIME, INT64, ENUM", _time_add("+"), can_throw=False),
    Rule("time_sub", "TIME, INT64, ENUM", _time_add("-"), can_throw=False),
    Rule("time_diff", "TIME, TIME, ENUM", _time_diff, can_throw=False),
    Rule("time_trunc", "TIME, ENUM", _time_trunc, can_throw=False),
    Rule("$add", "DATE, INT64", "bp_date({a} + CAST({b} AS INTEGER))", safe=TRY),
    Rule("$subtract", "DATE, INT64", "bp_date({a} - CAST({b} AS INTEGER))", safe=TRY),
    *(Rule("last_day", kind, _last_day, safe=TRY) for kind in ("DATE", "DATETIME")),
    *(Rule("last_day", f"{kind}, ENUM", _last_day, safe=TRY) for kind in ("DATE", "DATETIME")),
)
