"""DATE, DATETIME, TIMESTAMP and TIME.

GoogleSQL knows the years 1 to 9999; DuckDB knows more, so results are checked. A TIMESTAMP is a TIMESTAMPTZ, taken to
the clock of a zone by arithmetic where the zone is UTC, and by DuckDB's own zone rules elsewhere.
"""

from __future__ import annotations

from bigpato_magic.sql.expr import Facts, between
from bigpato_magic.sql.rules import casts
from bigpato_magic.sql.rules.base import DOCS, TRY, Call, Rule, Template, route
from bigpato_magic.sql.rules.zones import UTC, clock_of, local_clock, moment_of, offset_micros

SOURCE = DOCS + "date_functions"
DATETIMES = DOCS + "datetime_functions"
TIMESTAMPS = DOCS + "timestamp_functions"
TIMES = DOCS + "time_functions"

MACROS = {
    "bp_date(d)": "CASE WHEN d < DATE '0001-01-01' OR d > DATE '9999-12-31' THEN error('date out of range') ELSE d END",
    "bp_time_us(t)": "(extract(hour FROM t) * 3600000000 + extract(minute FROM t) * 60000000 "
    "+ extract(microseconds FROM t))",
    "bp_time(us)": "CAST(make_timestamp(CAST((us % 86400000000 + 86400000000) % 86400000000 AS BIGINT)) AS TIME)",
    "bp_short_offset(us)": "CASE WHEN us < 0 THEN '-' ELSE '+' END || lpad(CAST(abs(us) // 3600000000 AS VARCHAR), 2, '0') "
    "|| CASE WHEN abs(us) // 60000000 % 60 = 0 THEN '' "
    "ELSE ':' || lpad(CAST(abs(us) // 60000000 % 60 AS VARCHAR), 2, '0') END",
    "bp_zoned_text(t, c)": "bp_datetime_text(c) || bp_short_offset(epoch_us(c) - epoch_us(t))",
    "bp_month_number(d)": "(extract(year FROM d) * 12 + extract(month FROM d))",
    # From the 29th on it matters whether steps are taken from the first element or from the one before.
    "bp_months_array(a, b, s)": "CASE WHEN a IS NULL OR b IS NULL OR s IS NULL THEN NULL "
    f"WHEN extract(day FROM a) > 28 OR s = 0 THEN {route('months from the 29th on, or step 0')} "
    "ELSE list_filter(list_transform("
    "range(0, greatest(0, 1 + (bp_month_number(b) - bp_month_number(a)) // CASE WHEN s = 0 THEN 1 ELSE s END)), "
    "lambda i: CAST(a + to_months(CAST(i * s AS INTEGER)) AS DATE)), "
    "lambda d: CASE WHEN s > 0 THEN d <= b ELSE d >= b END) END",
    # The number of the week that begins on weekday k (Sunday is 0); only differences mean something.
    "bp_week(d, k)": "(d - DATE '0001-01-07' - k + 14) // 7",
    "bp_week_start(d, k)": "bp_date(CAST(d - CAST((d - DATE '0001-01-07' - k + 14) % 7 AS INTEGER) AS DATE))",
    # The Monday of the week of 4 January.
    "bp_iso_year_start(y)": "make_date(CAST(y AS BIGINT), 1, 4) "
    "- CAST(extract(isodow FROM make_date(CAST(y AS BIGINT), 1, 4)) - 1 AS INTEGER)",
}
WEEKDAYS = {
    "WEEK": 0,
    "WEEK_MONDAY": 1,
    "WEEK_TUESDAY": 2,
    "WEEK_WEDNESDAY": 3,
    "WEEK_THURSDAY": 4,
    "WEEK_FRIDAY": 5,
    "WEEK_SATURDAY": 6,
    "ISOWEEK": 1,
}
MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
MICROS = {
    "MICROSECOND": 1,
    "MILLISECOND": 1_000,
    "SECOND": 1_000_000,
    "MINUTE": 60_000_000,
    "HOUR": 3_600_000_000,
    "DAY": 86_400_000_000,
    "WEEK": 7 * 86_400_000_000,
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


def _on_clock(template: str, zone: int) -> Template:
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
        return f"bp_date(bp_week_start({day}, {WEEKDAYS[part]}) + 6)"
    if part == "ISOYEAR":
        return f"bp_date(CAST(bp_iso_year_start(extract(isoyear FROM {day}) + 1) - 1 AS DATE))"
    return call.refuse(f"LAST_DAY of {part}")


DAYS = (
    "list_transform(generate_series(CAST({a} AS TIMESTAMP), CAST(CASE WHEN %s abs({b} - {a}) > 15999 THEN "
    + route("a long array, or step 0")
    + " ELSE {b} END AS TIMESTAMP), %s), lambda x: CAST(x AS DATE))"
)


def _date_array(call: Call) -> str:
    part = call.keyword(3)
    if part in MONTHS:
        return call.once(lambda bound: bound.fill(f"bp_months_array({{a}}, {{b}}, {{c}} * {MONTHS[part]})"))
    if part not in ("DAY", "WEEK"):
        call.refuse(f"GENERATE_DATE_ARRAY with a step of {part}")
    return call.fill(DAYS % ("{c} = 0 OR", f"to_days(CAST({{c}} * {1 if part == 'DAY' else 7} AS INTEGER))"))


def _timestamp_array(call: Call) -> str:
    part = call.keyword(3)
    if part not in MICROS or part == "WEEK":
        call.refuse(f"GENERATE_TIMESTAMP_ARRAY with a step of {part}")
    first, last, step = f"epoch_us({call.sql(0)})", f"epoch_us({call.sql(1)})", f"{call.sql(2)} * {MICROS[part]}"
    long = f"{call.sql(2)} = 0 OR abs(({last} - {first}) // ({step})) > 15999"
    end = f"CASE WHEN {long} THEN {route('a long array, or step 0')} ELSE {last} END"
    return f"list_transform(generate_series({first}, {end}, {step}), lambda x: bp_timestamp(x))"


# One moment for the whole query, in BigQuery and here.
# The engine gives the moment: the server's, for this machine's clock may be wrong.
NOW = "make_timestamptz(CAST($bp_now AS BIGINT))"


def _current(template: str) -> Template:
    return lambda call: template.replace("{a}", clock_of(call, NOW, 0))


def _time_add(sign: str) -> Template:
    def rule(call: Call) -> str:
        part = call.keyword(2)
        if part not in MICROS or part in ("DAY", "WEEK"):
            call.refuse(f"TIME_ADD of a {part}")
        size = MICROS[part]
        return call.fill(f"bp_time(bp_time_us({{a}}) {sign} ({{b}} % {MICROS['DAY'] // size}) * {size})")

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


def _timestamp_of_text(call: Call) -> str:
    if any(arg.is_null for arg in call.args):
        return "CAST(NULL AS TIMESTAMPTZ)"
    if call.args[1].literal and call.constant(1) not in UTC:
        offset_micros(call, call.constant(1))
    return f"make_timestamptz(bp_text_timestamp({call.sql(0)}, {call.sql(1)}, false, {str(call.safe).lower()}))"


def _string_of_timestamp(call: Call) -> str:
    if any(arg.is_null for arg in call.args):
        return "CAST(NULL AS VARCHAR)"
    return call.once(
        lambda bound: f"bp_zoned_text({bound.sql(0)}, {clock_of(bound, bound.sql(0), 1, 'bp_minute_clock')})"
    )


def _from_cast(name: str, pair: str, signature: str, source: str) -> Rule:
    """As CAST, and its SAFE form as SAFE_CAST."""
    cast = casts.PAIRS[pair]
    return Rule(name, signature, cast.template, safe=cast.safe, source=source)


T, TZ = "TIMESTAMP", "TIMESTAMP, STRING"
UNITS = ["DAY", "WEEK", "WEEK(MONDAY)", "WEEK(FRIDAY)", "ISOWEEK", "MONTH", "QUARTER", "YEAR", "ISOYEAR"]
FINE = ["MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR"]


def _each(pattern: str, parts: list[str]) -> tuple[str, ...]:
    return tuple(pattern.replace("PART", part) for part in parts)


EXTRACTED = [
    "YEAR",
    "MONTH",
    "DAY",
    "DAYOFWEEK",
    "DAYOFYEAR",
    "QUARTER",
    "WEEK",
    "WEEK(MONDAY)",
    "WEEK(SATURDAY)",
    "ISOWEEK",
    "ISOYEAR",
]
CLOCK = ["HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND"]
ADDED = ["DAY", "WEEK", "MONTH", "QUARTER", "YEAR"]
SIX = "INT64, INT64, INT64, INT64, INT64, INT64"
# A 60th second is the first one of the next minute.
# DuckDB takes the hour 24 too. What is out of range stops at the hour, and only where nothing is NULL.
SIX_MADE = (
    "make_timestamp({a}, {b}, {c}, CASE WHEN {d} > 23 OR {f} NOT BETWEEN 0 AND 60 THEN {d} * 0 - 1 ELSE {d} END, {e}, 0.0) "
    "+ to_seconds({f})"
)
FROM_SIX = f"bp_datetime({SIX_MADE})"
SAFE_SIX = f"bp_quiet_datetime(TRY({SIX_MADE}))"
SAFE_DAY = "bp_quiet_date(TRY(make_date({a}, {b}, {c})))"
FROM_THREE = (
    "(CASE WHEN {a} NOT BETWEEN 0 AND 23 OR {b} NOT BETWEEN 0 AND 59 OR {c} NOT BETWEEN 0 AND 60 THEN error('time out of range') "
    "ELSE make_time({a}, {b}, 0.0) + to_seconds({c}) END)"
)
NAMES = ("date", "datetime", "timestamp")
TRUNCATED: dict[str, Template] = {"DATE": _date_trunc, "DATETIME": _datetime_trunc, "TIMESTAMP": _timestamp_trunc}
ADDERS = {"DATE": _date_add, "DATETIME": _datetime_add, "TIMESTAMP": _timestamp_add}
DIFFERED: dict[str, Template] = {"DATE": _date_diff, "DATETIME": _datetime_diff, "TIMESTAMP": _timestamp_diff}
TRIED = {
    ("trunc", "DATE"): UNITS,
    ("trunc", "DATETIME"): UNITS + FINE,
    ("trunc", "TIMESTAMP"): UNITS + FINE,
    ("diff", "DATE"): UNITS,
    ("diff", "DATETIME"): UNITS + FINE,
    ("diff", "TIMESTAMP"): [*FINE, "DAY"],
    ("add", "DATE"): ADDED,
    ("add", "DATETIME"): FINE + ADDED,
    ("add", "TIMESTAMP"): [*FINE, "DAY"],
}


def _by_kind(verb: str, more: str, templates: dict[str, Template], arguments: str) -> list[Rule]:
    """DATE_f, DATETIME_f and TIMESTAMP_f each take all three types; the argument's type decides.

    A DATE comes to DATETIME_f and TIMESTAMP_f as a DATETIME: the analyzer casts it.
    """
    return [
        Rule(
            f"{name}_{verb}",
            f"{kind}, {more.replace('SAME', kind)}",
            template,
            safe=True if verb == "diff" else TRY,
            grid=_each(f"{name}_{verb}(a, {arguments})", TRIED["add" if verb == "sub" else verb, kind])
            if name == kind.lower()
            else _each(f"{name}_{verb}(a, {arguments})", ["DAY"]),
        )
        for name in NAMES
        for kind, template in templates.items()
        if name == "date" or kind != "DATE"
    ]


NEARLY = {
    "a": ("2024", "1", "9999", "0", "10000"),
    "b": ("1", "2", "12", "13", "0"),
    "c": ("1", "29", "31", "0"),
    "d": ("0", "23", "24"),
    "e": ("0", "59", "60"),
    "f": ("0", "59", "60", "61", "-1"),
}
HOURS = {"a": ("0", "23", "24", "-1"), "b": ("0", "59", "60"), "c": ("0", "59", "60", "61", "NULL")}
ZONED = ("EXTRACT(PART FROM a AT TIME ZONE 'America/New_York')",)
RULES = (
    Rule("$extract", "DATE, ENUM", _extract("DATE"), facts=_extracted, grid=_each("EXTRACT(PART FROM a)", EXTRACTED)),
    Rule("$extract", "TIME, ENUM", _extract("TIME"), facts=_extracted, grid=_each("EXTRACT(PART FROM a)", CLOCK)),
    Rule(
        "$extract",
        "DATETIME, ENUM",
        _extract("DATETIME"),
        facts=_extracted,
        grid=_each("EXTRACT(PART FROM a)", EXTRACTED + CLOCK),
    ),
    Rule(
        "$extract", f"{T}, ENUM", _extract(T), facts=_extracted, grid=_each("EXTRACT(PART FROM a)", EXTRACTED + CLOCK)
    ),
    Rule(
        "$extract",
        f"{T}, ENUM, STRING",
        _extract(T),
        facts=_extracted,
        grid=_each(ZONED[0], ["HOUR", "DAY", "WEEK"]),
        values={"b": ("'America/New_York'",)},
    ),
    Rule("$extract_date", "DATETIME", "CAST({a} AS DATE)", grid=("EXTRACT(DATE FROM a)",)),
    Rule("$extract_date", T, "CAST(bp_utc({a}) AS DATE)", grid=("EXTRACT(DATE FROM a)",)),
    Rule("$extract_date", TZ, _on_clock("CAST({a} AS DATE)", 1), grid=_each(ZONED[0], ["DATE"])),
    Rule("$extract_time", "DATETIME", "CAST({a} AS TIME)", grid=("EXTRACT(TIME FROM a)",)),
    Rule("$extract_time", T, "CAST(bp_utc({a}) AS TIME)", grid=("EXTRACT(TIME FROM a)",)),
    Rule("$extract_time", TZ, _on_clock("CAST({a} AS TIME)", 1), grid=_each(ZONED[0], ["TIME"])),
    Rule("$extract_datetime", TZ, _on_clock("{a}", 1), grid=_each(ZONED[0], ["DATETIME"])),
    *_by_kind("trunc", "ENUM", TRUNCATED, "PART"),
    *(
        Rule(
            f"{name}_trunc",
            f"{T}, ENUM, STRING",
            _timestamp_trunc,
            safe=True,
            grid=tuple(
                pattern
                for zone in ("UTC", "America/New_York", "Asia/Kathmandu", "-03:30")
                for pattern in _each(
                    f"{name}_trunc(a, PART, '{zone}')", UNITS + FINE if name == "timestamp" else ["DAY"]
                )
            ),
            values={"b": ("'UTC'",)},
            source=TIMESTAMPS,
        )
        for name in NAMES
    ),
    *_by_kind("add", "INT64, ENUM", {kind: rule("") for kind, rule in ADDERS.items()}, "INTERVAL b PART"),
    *_by_kind("sub", "INT64, ENUM", {kind: rule("-") for kind, rule in ADDERS.items()}, "INTERVAL b PART"),
    *_by_kind("diff", "SAME, ENUM", DIFFERED, "b, PART"),
    Rule("time_add", "TIME, INT64, ENUM", _time_add("+"), safe=True, grid=_each("TIME_ADD(a, INTERVAL b PART)", FINE)),
    Rule("time_sub", "TIME, INT64, ENUM", _time_add("-"), safe=True, grid=_each("TIME_SUB(a, INTERVAL b PART)", FINE)),
    Rule("time_diff", "TIME, TIME, ENUM", _time_diff, safe=True, grid=_each("TIME_DIFF(a, b, PART)", FINE)),
    Rule("time_trunc", "TIME, ENUM", _time_trunc, safe=True, grid=_each("TIME_TRUNC(a, PART)", FINE)),
    Rule("$add", "DATE, INT64", "bp_date({a} + CAST({b} AS INTEGER))", safe=TRY),
    Rule("$subtract", "DATE, INT64", "bp_date({a} - CAST({b} AS INTEGER))", safe=TRY),
    *(Rule("last_day", kind, _last_day, safe=TRY) for kind in ("DATE", "DATETIME")),
    *(
        Rule("last_day", f"{kind}, ENUM", _last_day, safe=TRY, grid=_each("LAST_DAY(a, PART)", UNITS))
        for kind in ("DATE", "DATETIME")
    ),
    Rule("date", "INT64, INT64, INT64", "bp_date(make_date({a}, {b}, {c}))", safe=SAFE_DAY, values=NEARLY),
    Rule("date", T, _on_clock("CAST({a} AS DATE)", 1), safe=True),
    Rule("date", TZ, _on_clock("CAST({a} AS DATE)", 1), safe=True, grid=("DATE(a, 'Europe/Zurich')",)),
    Rule("date", "DATETIME", "CAST({a} AS DATE)", safe=True),
    Rule("date", "DATE", "{a}", safe=True),
    # DATE(text) reads a TIMESTAMP, unlike CAST.
    Rule(
        "date",
        "STRING",
        f"(CASE WHEN regexp_full_match({{a}}, '{casts.DAY}') THEN CAST({{a}} AS DATE) "
        "ELSE CAST(bp_utc(bp_read_timestamp({a})) AS DATE) END)",
        safe=f"(CASE WHEN regexp_full_match({{a}}, '{casts.DAY}') THEN TRY_CAST({{a}} AS DATE) "
        "ELSE CAST(bp_utc(bp_try_timestamp({a})) AS DATE) END)",
        values={"a": ("'2020-09-01 23:34:56-08'", "'2020-1-2'", "'2020-02-03'", "'2020-02-30'", "'x'", "NULL")},
    ),
    Rule("datetime", T, "bp_utc({a})", safe=True, source=DATETIMES),
    Rule("datetime", TZ, _on_clock("{a}", 1), safe=True, source=DATETIMES, grid=("DATETIME(a, 'Asia/Tokyo')",)),
    Rule("datetime", "DATE", "CAST({a} AS TIMESTAMP)", safe=True, source=DATETIMES),
    Rule("datetime", "DATETIME", "{a}", safe=True, source=DATETIMES),
    Rule("datetime", "DATE, TIME", "({a} + {b})", safe=True, source=DATETIMES),
    Rule("datetime", SIX, FROM_SIX, safe=SAFE_SIX, source=DATETIMES, values=NEARLY),
    _from_cast("datetime", "STRING AS DATETIME", "STRING", DATETIMES),
    Rule("timestamp", "DATETIME", "bp_timestamp(epoch_us({a}))", safe=True, source=TIMESTAMPS),
    Rule("timestamp", "DATE", "bp_timestamp(epoch_us(CAST({a} AS TIMESTAMP)))", safe=True, source=TIMESTAMPS),
    Rule("timestamp", T, "{a}", safe=True, source=TIMESTAMPS),
    *(
        Rule(
            "timestamp",
            f"{kind}, STRING",
            lambda call: moment_of(call, f"CAST({call.sql(0)} AS TIMESTAMP)", 1),
            safe=True,
            source=TIMESTAMPS,
            grid=("TIMESTAMP(a, 'America/New_York')", "TIMESTAMP(a, '+05:30')", "TIMESTAMP(a, 'UTC')"),
        )
        for kind in ("DATE", "DATETIME")
    ),
    Rule(
        "timestamp",
        "STRING, STRING",
        _timestamp_of_text,
        safe=_timestamp_of_text,
        source=TIMESTAMPS,
        grid=("SAFE.TIMESTAMP(a, 'America/New_York')",),
        values={"a": ("'2021-03-14 02:30:00'", "'2021-11-07 01:30:00'", "'2021-1-2'", "'2021-01-02Z'", "'x'", "NULL")},
    ),
    Rule(
        "string",
        TZ,
        _string_of_timestamp,
        safe=True,
        source=TIMESTAMPS,
        grid=("STRING(a, 'America/New_York')", "STRING(a, 'Asia/Kathmandu')", "STRING(a, '-03')"),
    ),
    *(_from_cast("string", f"{kind} AS STRING", kind, DOCS) for kind in ("DATE", "DATETIME", "TIME")),
    _from_cast("timestamp", "STRING AS TIMESTAMP", "STRING", TIMESTAMPS),
    _from_cast("string", "TIMESTAMP AS STRING", T, TIMESTAMPS),
    Rule("time", T, "CAST(bp_utc({a}) AS TIME)", safe=True, source=TIMES),
    Rule(
        "time", TZ, _on_clock("CAST({a} AS TIME)", 1), safe=True, source=TIMES, grid=("TIME(a, 'America/Sao_Paulo')",)
    ),
    Rule("time", "DATETIME", "CAST({a} AS TIME)", safe=True, source=TIMES),
    Rule("time", "TIME", "{a}", safe=True, source=TIMES),
    Rule("time", "INT64, INT64, INT64", FROM_THREE, safe=TRY, source=TIMES, values=HOURS),
    Rule("current_timestamp", "", NOW, safe=True, source=TIMESTAMPS),
    *(
        Rule(f"current_{kind}", zone, _current(f"CAST({{a}} AS {held})"), safe=True, source=DOCS + f"{kind}_functions")
        for kind, held in (("date", "DATE"), ("datetime", "TIMESTAMP"), ("time", "TIME"))
        for zone in ("", "STRING")
    ),
    Rule("unix_seconds", T, "bp_floor_div(epoch_us({a}), 1000000)", safe=True, source=TIMESTAMPS),
    Rule("unix_millis", T, "bp_floor_div(epoch_us({a}), 1000)", safe=True, source=TIMESTAMPS),
    Rule("unix_micros", T, "epoch_us({a})", safe=True, source=TIMESTAMPS),
    Rule("unix_date", "DATE", "({a} - DATE '1970-01-01')", safe=True),
    Rule("timestamp_seconds", "INT64", "bp_timestamp({a} * 1000000)", safe=TRY, source=TIMESTAMPS),
    Rule("timestamp_millis", "INT64", "bp_timestamp({a} * 1000)", safe=TRY, source=TIMESTAMPS),
    Rule("timestamp_micros", "INT64", "bp_timestamp({a})", safe=TRY, source=TIMESTAMPS),
    Rule("date_from_unix_date", "INT64", "bp_date(DATE '1970-01-01' + CAST({a} AS INTEGER))", safe=TRY),
    Rule("generate_date_array", "DATE, DATE", DAYS % ("", "INTERVAL 1 DAY"), safe=True),
    Rule(
        "generate_date_array",
        "DATE, DATE, INT64, ENUM",
        _date_array,
        safe=True,
        grid=_each("GENERATE_DATE_ARRAY(a, b, INTERVAL c PART)", ["DAY", "WEEK", "MONTH", "QUARTER", "YEAR"]),
        values={
            "a": ("DATE '2024-01-28'", "DATE '2024-03-15'", "NULL"),
            "b": ("DATE '2026-01-30'", "DATE '2023-01-31'"),
            "c": ("1", "-1", "2", "7", "NULL"),
        },
    ),
    Rule(
        "generate_timestamp_array",
        f"{T}, {T}, INT64, ENUM",
        _timestamp_array,
        safe=True,
        grid=_each("GENERATE_TIMESTAMP_ARRAY(a, b, INTERVAL c PART)", ["HOUR", "DAY"]),
        source=TIMESTAMPS,
    ),
)
