"""DATE, DATETIME, TIMESTAMP and TIME made of numbers, texts and each other; arrays of them; what time it is."""

from __future__ import annotations

from bigpato_magic.sql.rules import casts
from bigpato_magic.sql.rules.arrays import MOST_STEPS
from bigpato_magic.sql.rules.base import DOCS, TRY, Call, Rule, Template, route
from bigpato_magic.sql.rules.dates import (
    DATETIMES,
    SOURCE,
    TIMES,
    TIMESTAMPS,
    TZ,
    T,
    on_clock,
)
from bigpato_magic.sql.rules.zones import UTC, clock_of, moment_of, offset_micros
from bigpato_magic.types import MOMENT
from bigpato_magic.types.date_parts import MICROS, MONTHS

__all__ = ["MACROS", "RULES", "SOURCE"]
MACROS = {
    "bp_short_offset(us)": "CASE WHEN us < 0 THEN '-' ELSE '+' END || lpad(CAST(abs(us) // 3600000000 AS VARCHAR), 2, '0') "
    "|| CASE WHEN abs(us) // 60000000 % 60 = 0 THEN '' "
    "ELSE ':' || lpad(CAST(abs(us) // 60000000 % 60 AS VARCHAR), 2, '0') END",
    "bp_zoned_text(t, c)": "bp_datetime_text(c) || bp_short_offset(epoch_us(c) - epoch_us(t))",
    "bp_month_number(d)": "(extract(year FROM d) * 12 + extract(month FROM d))",
    # From the 29th on it matters whether steps are taken from the first element or from the one before.
    "bp_months_array(a, b, s)": "CASE WHEN a IS NULL OR b IS NULL OR s IS NULL THEN NULL "
    f"WHEN extract(day FROM a) > 28 OR s = 0 THEN {route('months from the 29th on, or step 0')} "
    f"WHEN abs(bp_month_number(b) - bp_month_number(a)) > {MOST_STEPS} * abs(CAST(s AS DOUBLE)) THEN {route('a long array')} "
    "ELSE list_filter(list_transform("
    "range(0, greatest(0, 1 + (bp_month_number(b) - bp_month_number(a)) // CASE WHEN s = 0 THEN 1 ELSE s END)), "
    "lambda i: CAST(a + to_months(CAST(i * s AS INTEGER)) AS DATE)), "
    "lambda d: CASE WHEN s > 0 THEN d <= b ELSE d >= b END) END",
}
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
NOW = f"make_timestamptz(CAST(${MOMENT} AS BIGINT))"


def _current(template: str) -> Template:
    return lambda call: template.replace("{a}", clock_of(call, NOW, 0))


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
    return Rule(name, signature, cast.template, can_throw=cast.can_throw, safe=cast.safe, source=source)


SIX = "INT64, INT64, INT64, INT64, INT64, INT64"
# A 60th second is the first one of the next minute.
# DuckDB takes the hour 24 too. What is out of range stops at the hour, and only where nothing is NULL.
SIX_MADE = (
    "make_timestamp({a}, {b}, {c}, CASE WHEN {d} > 23 OR {f} NOT BETWEEN 0 AND 60 THEN {d} * 0 - 1 ELSE {d} END, {e}, 0.0) "
    "+ to_seconds({f})"
)
FROM_SIX = f"bp_datetime({SIX_MADE})"


def _of_32_bits(letters: str, text: str) -> str:
    """A text over numbers of 32 bits. Google's library cuts longer ones; no page says whether BigQuery does."""
    long = " OR ".join(f"{{{letter}}} NOT BETWEEN -2147483648 AND 2147483647" for letter in letters)
    return f"(CASE WHEN {long} THEN {route('a number beyond 32 bits as a part of a date or time')} ELSE {text} END)"


SAFE_SIX = _of_32_bits("abcdef", f"bp_quiet_datetime(TRY({SIX_MADE}))")
SAFE_DAY = _of_32_bits("abc", "bp_quiet_date(TRY(make_date({a}, {b}, {c})))")
BEYOND = "{a} NOT BETWEEN 0 AND 23 OR {b} NOT BETWEEN 0 AND 59 OR {c} NOT BETWEEN 0 AND 60"
THREE_MADE = "make_time({a}, {b}, 0.0) + to_seconds({c})"
FROM_THREE = f"(CASE WHEN {BEYOND} THEN error('time out of range') ELSE {THREE_MADE} END)"
SAFE_THREE = _of_32_bits("abc", f"CASE WHEN {BEYOND} THEN NULL ELSE {THREE_MADE} END")
RULES = (
    Rule("date", "INT64, INT64, INT64", "bp_date(make_date({a}, {b}, {c}))", safe=SAFE_DAY),
    Rule("date", T, on_clock("CAST({a} AS DATE)", 1), can_throw=False),
    Rule("date", TZ, on_clock("CAST({a} AS DATE)", 1), safe=True),
    Rule("date", "DATETIME", "CAST({a} AS DATE)", can_throw=False),
    Rule("date", "DATE", "{a}", can_throw=False),
    # DATE(text) reads a TIMESTAMP, unlike CAST.
    Rule(
        "date",
        "STRING",
        f"(CASE WHEN regexp_full_match({{a}}, '{casts.DAY}') THEN CAST({{a}} AS DATE) "
        "ELSE CAST(bp_utc(bp_read_timestamp({a})) AS DATE) END)",
        safe=f"(CASE WHEN regexp_full_match({{a}}, '{casts.DAY}') THEN TRY_CAST({{a}} AS DATE) "
        "ELSE CAST(bp_utc(bp_try_timestamp({a})) AS DATE) END)",
    ),
    Rule("datetime", T, "bp_utc({a})", can_throw=False, source=DATETIMES),
    Rule("datetime", TZ, on_clock("{a}", 1), safe=True, source=DATETIMES),
    Rule("datetime", "DATE", "CAST({a} AS TIMESTAMP)", can_throw=False, source=DATETIMES),
    Rule("datetime", "DATETIME", "{a}", can_throw=False, source=DATETIMES),
    Rule("datetime", "DATE, TIME", "({a} + {b})", can_throw=False, source=DATETIMES),
    Rule("datetime", SIX, FROM_SIX, safe=SAFE_SIX, source=DATETIMES),
    _from_cast("datetime", "STRING AS DATETIME", "STRING", DATETIMES),
    Rule("timestamp", "DATETIME", "bp_timestamp(epoch_us({a}))", can_throw=False, source=TIMESTAMPS),
    Rule("timestamp", "DATE", "bp_timestamp(epoch_us(CAST({a} AS TIMESTAMP)))", can_throw=False, source=TIMESTAMPS),
    Rule("timestamp", T, "{a}", can_throw=False, source=TIMESTAMPS),
    *(
        Rule(
            "timestamp",
            f"{kind}, STRING",
            lambda call: moment_of(call, f"CAST({call.sql(0)} AS TIMESTAMP)", 1),
            safe=True,
            source=TIMESTAMPS,
        )
        for kind in ("DATE", "DATETIME")
    ),
    Rule("timestamp", "STRING, STRING", _timestamp_of_text, safe=_timestamp_of_text, source=TIMESTAMPS),
    Rule("string", TZ, _string_of_timestamp, safe=True, source=TIMESTAMPS),
    *(_from_cast("string", f"{kind} AS STRING", kind, DOCS) for kind in ("DATE", "DATETIME", "TIME")),
    _from_cast("timestamp", "STRING AS TIMESTAMP", "STRING", TIMESTAMPS),
    _from_cast("string", "TIMESTAMP AS STRING", T, TIMESTAMPS),
    Rule("time", T, "CAST(bp_utc({a}) AS TIME)", can_throw=False, source=TIMES),
    Rule("time", TZ, on_clock("CAST({a} AS TIME)", 1), safe=True, source=TIMES),
    Rule("time", "DATETIME", "CAST({a} AS TIME)", can_throw=False, source=TIMES),
    Rule("time", "TIME", "{a}", can_throw=False, source=TIMES),
    Rule("time", "INT64, INT64, INT64", FROM_THREE, safe=SAFE_THREE, source=TIMES),
    Rule("current_timestamp", "", NOW, can_throw=False, source=TIMESTAMPS),
    *(
        Rule(
            f"current_{kind}",
            zone,
            _current(f"CAST({{a}} AS {held})"),
            can_throw=False,
            source=DOCS + f"{kind}_functions",
        )
        for kind, held in (("date", "DATE"), ("datetime", "TIMESTAMP"), ("time", "TIME"))
        for zone in ("", "STRING")
    ),
    Rule("unix_seconds", T, "bp_floor_div(epoch_us({a}), 1000000)", can_throw=False, source=TIMESTAMPS),
    Rule("unix_millis", T, "bp_floor_div(epoch_us({a}), 1000)", can_throw=False, source=TIMESTAMPS),
    Rule("unix_micros", T, "epoch_us({a})", can_throw=False, source=TIMESTAMPS),
    Rule("unix_date", "DATE", "({a} - DATE '1970-01-01')", can_throw=False),
    Rule("timestamp_seconds", "INT64", "bp_timestamp({a} * 1000000)", safe=TRY, source=TIMESTAMPS),
    Rule("timestamp_millis", "INT64", "bp_timestamp({a} * 1000)", safe=TRY, source=TIMESTAMPS),
    Rule("timestamp_micros", "INT64", "bp_timestamp({a})", safe=TRY, source=TIMESTAMPS),
    Rule("date_from_unix_date", "INT64", "bp_date(DATE '1970-01-01' + CAST({a} AS INTEGER))", safe=TRY),
    Rule("generate_date_array", "DATE, DATE", DAYS % ("", "INTERVAL 1 DAY"), safe=True),
    Rule("generate_date_array", "DATE, DATE, INT64, ENUM", _date_array, safe=True),
    Rule("generate_timestamp_array", f"{T}, {T}, INT64, ENUM", _timestamp_array, safe=True, source=TIMESTAMPS),
)
