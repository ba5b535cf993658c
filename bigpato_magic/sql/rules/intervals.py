"""INTERVAL: months, days and microseconds, held as DuckDB's INTERVAL, which compares and groups as GoogleSQL does.

https://cloud.google.com/bigquery/docs/reference/standard-sql/interval_functions
"""

from __future__ import annotations

from bigpato_magic.sql.expr import ASCII, between
from bigpato_magic.sql.rules.base import DOCS, TRY, Call, Rule, Template, route
from bigpato_magic.sql.rules.operators import COMPARISONS, is_in
from bigpato_magic.types.date_parts import CLOCK_MICROS, DAY_MICROS, MONTHS

SOURCE = DOCS + "interval_functions"
FARTHEST = (120_000, 3_660_000, 3_660_000 * DAY_MICROS)
FIELDS = {
    **{part: f"{{a}} * {size}, 0, 0" for part, size in MONTHS.items()},
    **{part: f"0, {{a}} * {size}, 0" for part, size in {"DAY": 1, "WEEK": 7}.items()},
    **{part: f"0, 0, {{a}} * {size}" for part, size in CLOCK_MICROS.items()},
}
PARTS = {
    "YEAR": "bp_im({a}) // 12",
    "MONTH": "bp_im({a}) % 12",
    "DAY": "bp_id({a})",
    "HOUR": "bp_iu({a}) // 3600000000",
    "MINUTE": "bp_iu({a}) // 60000000 % 60",
    "SECOND": "bp_iu({a}) // 1000000 % 60",
    "MILLISECOND": "bp_iu({a}) % 1000000 // 1000",
    "MICROSECOND": "bp_iu({a}) % 1000000",
}
MACROS = {
    "bp_im(i)": "(extract(year FROM i) * 12 + extract(month FROM i))",
    "bp_id(i)": "extract(day FROM i)",
    "bp_iu(i)": "(extract(hour FROM i) * 3600000000 + extract(minute FROM i) * 60000000 "
    "+ extract(microseconds FROM i))",
    "bp_interval(m, d, u)": f"CASE WHEN abs(m) > {FARTHEST[0]} OR abs(d) > {FARTHEST[1]} OR abs(u) > {FARTHEST[2]} "
    "THEN error('interval out of range') "
    "ELSE to_months(CAST(m AS INTEGER)) + to_days(CAST(d AS INTEGER)) + to_microseconds(CAST(u AS BIGINT)) END",
    # Days and what is left, of one sign.
    "bp_one_sign(m, d, u)": f"CASE WHEN d > 0 AND u < 0 THEN bp_interval(m, d - 1, u + {DAY_MICROS}) "
    f"WHEN d < 0 AND u > 0 THEN bp_interval(m, d + 1, u - {DAY_MICROS}) ELSE bp_interval(m, d, u) END",
    "bp_one_sign_months(m, d, u)": "CASE WHEN m > 0 AND (d < 0 OR (d = 0 AND u < 0)) "
    "THEN bp_one_sign(m - 1, d + 30, u) "
    "WHEN m < 0 AND (d > 0 OR (d = 0 AND u > 0)) THEN bp_one_sign(m + 1, d - 30, u) ELSE bp_one_sign(m, d, u) END",
    "bp_justify_days(m, d, u)": "CASE WHEN m > 0 AND d < 0 THEN bp_interval(m - 1, d + 30, u) "
    "WHEN m < 0 AND d > 0 THEN bp_interval(m + 1, d - 30, u) ELSE bp_interval(m, d, u) END",
    "bp_add_interval(t, m, d, u)": "bp_datetime(bp_datetime(bp_datetime(t + to_months(CAST(m AS INTEGER))) "
    "+ to_days(CAST(d AS INTEGER))) + to_microseconds(CAST(u AS BIGINT)))",
    "bp_exact_interval(i)": "CASE WHEN bp_im(i) <> 0 THEN error('an interval with months or years') "
    f"ELSE bp_id(i) * {DAY_MICROS} + bp_iu(i) END",
    "bp_hms(u)": "(u // 3600000000) || ':' || (u // 60000000 % 60) || ':' || (u // 1000000 % 60) || bp_fraction(u)",
    "bp_interval_text(i)": "CASE WHEN bp_im(i) < 0 THEN '-' ELSE '' END || (abs(bp_im(i)) // 12) || '-' "
    "|| (abs(bp_im(i)) % 12) "
    "|| ' ' || bp_id(i) || ' ' || CASE WHEN bp_iu(i) < 0 THEN '-' ELSE '' END || bp_hms(abs(bp_iu(i)))",
    # The width of a bucket in microseconds; months, and days beside a time, are not for here.
    "bp_bucket_width(i)": "CASE WHEN bp_im(i) <> 0 OR (bp_id(i) <> 0 AND bp_iu(i) <> 0) "
    f"OR bp_id(i) * {DAY_MICROS} + bp_iu(i) <= 0 THEN {route('such a width of a bucket')} "
    f"ELSE bp_id(i) * {DAY_MICROS} + bp_iu(i) END",
    "bp_bucket(t, w, o)": "o + bp_floor_div(t - o, w) * w",
}
_PLUS = "bp_interval(bp_im({a}) + bp_im({b}), bp_id({a}) + bp_id({b}), bp_iu({a}) + bp_iu({b}))"
_MINUS = "bp_interval(bp_im({a}) - bp_im({b}), bp_id({a}) - bp_id({b}), bp_iu({a}) - bp_iu({b}))"
_TIMES = "bp_interval(bp_im({a}) * {b}, bp_id({a}) * {b}, bp_iu({a}) * {b})"
_DAYS = f"bp_id({{a}}) + bp_iu({{a}}) // {DAY_MICROS}"


def _interval(call: Call) -> str:
    part = call.keyword(1)
    return f"bp_interval({call.fill(FIELDS[part])})" if part in FIELDS else call.refuse(f"an INTERVAL of {part}")


def _extract(call: Call) -> str:
    part = call.keyword(1)
    if part not in PARTS:
        call.refuse(f"EXTRACT({part} FROM INTERVAL)")
    return call.once(lambda bound: f"CAST({bound.fill(PARTS[part])} AS BIGINT)")


def _once(template: str) -> Template:
    return lambda call: call.once(lambda bound: bound.fill(template))


def _moved(kind: str, moment: str, interval: str, sign: str) -> Template:
    if kind == "TIMESTAMP":
        return _once(f"bp_timestamp(epoch_us({moment}) {sign} bp_exact_interval({interval}))")
    parts = ", ".join(f"{sign}bp_{part}({interval})" for part in ("im", "id", "iu")).replace("+bp", "bp")
    return _once(f"bp_add_interval(CAST({moment} AS TIMESTAMP), {parts})")


_KINDS = ("DATE", "DATETIME", "TIMESTAMP")
_ORIGIN = {
    "DATE": "DATE '1950-01-01'",
    "DATETIME": "TIMESTAMP '1950-01-01'",
    "TIMESTAMP": "TIMESTAMPTZ '1950-01-01 00:00:00+00'",
}
_NUMBER = "epoch_us(CAST({x} AS TIMESTAMP))"
_BUCKETED = {
    "DATE": "bp_date(CAST(make_timestamp(CAST({r} AS BIGINT)) AS DATE))",
    "DATETIME": "bp_datetime(make_timestamp(CAST({r} AS BIGINT)))",
    "TIMESTAMP": "bp_timestamp({r})",
}


def _bucket(kind: str, origin: bool) -> Template:
    number = "epoch_us({x})" if kind == "TIMESTAMP" else _NUMBER
    start = number.replace("{x}", "{c}" if origin else _ORIGIN[kind])
    width = "bp_bucket_width({b})"
    if kind == "DATE":
        width = f"CASE WHEN bp_iu({{b}}) <> 0 THEN {route('such a width of a bucket')} ELSE {width} END"
    bucket = f"bp_bucket({number.replace('{x}', '{a}')}, {width}, {start})"
    return _once(_BUCKETED[kind].replace("{r}", bucket))


COMPARED = COMPARISONS | {"$is_distinct_from": "IS DISTINCT FROM", "$is_not_distinct_from": "IS NOT DISTINCT FROM"}
PAIR = "INTERVAL, INTERVAL"
RULES = (
    *(Rule(name, PAIR, f"({{a}} {op} {{b}})", can_throw=False) for name, op in COMPARED.items()),
    Rule("$between", f"{PAIR}, INTERVAL", "({a} BETWEEN {b} AND {c})", can_throw=False),
    Rule("$in", "INTERVAL, ...", is_in, can_throw=False),
    Rule("nullif", PAIR, "nullif({a}, {b})", can_throw=False),
    Rule("$interval", "INT64, ENUM", _interval, safe=TRY),
    Rule(
        "make_interval",
        "INT64, INT64, INT64, INT64, INT64, INT64",
        "bp_interval({a} * 12 + {b}, {c}, {d} * 3600000000 + {e} * 60000000 + {f} * 1000000)",
        safe=TRY,
    ),
    Rule("$extract", "INTERVAL, ENUM", _extract, can_throw=False, facts=between(-FARTHEST[2], FARTHEST[2])),
    Rule("cast", "INTERVAL AS STRING", _once("bp_interval_text({a})"), can_throw=False, facts=ASCII),
    Rule(
        "justify_hours", "INTERVAL", _once(f"bp_one_sign(bp_im({{a}}), {_DAYS}, bp_iu({{a}}) % {DAY_MICROS})"), safe=TRY
    ),
    Rule(
        "justify_days",
        "INTERVAL",
        _once("bp_justify_days(bp_im({a}) + bp_id({a}) // 30, bp_id({a}) % 30, bp_iu({a}))"),
        safe=TRY,
    ),
    Rule(
        "justify_interval",
        "INTERVAL",
        _once(f"bp_one_sign_months(bp_im({{a}}) + ({_DAYS}) // 30, ({_DAYS}) % 30, bp_iu({{a}}) % {DAY_MICROS})"),
        safe=TRY,
    ),
    Rule("$add", "INTERVAL, INTERVAL", _once(_PLUS)),
    Rule("$subtract", "INTERVAL, INTERVAL", _once(_MINUS)),
    Rule("$unary_minus", "INTERVAL", _once("bp_interval(-bp_im({a}), -bp_id({a}), -bp_iu({a}))")),
    Rule("$multiply", "INTERVAL, INT64", _once(_TIMES)),
    *(Rule("$add", f"{kind}, INTERVAL", _moved(kind, "{a}", "{b}", "+")) for kind in _KINDS),
    *(Rule("$add", f"INTERVAL, {kind}", _moved(kind, "{b}", "{a}", "+")) for kind in _KINDS),
    *(Rule("$subtract", f"{kind}, INTERVAL", _moved(kind, "{a}", "{b}", "-")) for kind in _KINDS),
    Rule("$subtract", "DATE, DATE", "bp_interval(0, {a} - {b}, 0)"),
    Rule("$subtract", "TIMESTAMP, TIMESTAMP", "bp_interval(0, 0, epoch_us({a}) - epoch_us({b}))"),
    Rule(
        "$subtract",
        "DATETIME, DATETIME",
        _once(
            f"bp_interval(0, (epoch_us({{a}}) - epoch_us({{b}})) // {DAY_MICROS}, "
            f"(epoch_us({{a}}) - epoch_us({{b}})) % {DAY_MICROS})"
        ),
    ),
    Rule("$subtract", "TIME, TIME", "bp_interval(0, 0, bp_time_us({a}) - bp_time_us({b}))"),
    *(
        Rule(f"{name}_bucket", f"{kind}, INTERVAL", _bucket(kind, False), can_throw=False)
        for name in ("date", "datetime", "timestamp")
        for kind in _KINDS
    ),
    *(
        Rule(f"{name}_bucket", f"{kind}, INTERVAL, {kind}", _bucket(kind, True), can_throw=False)
        for name in ("date", "datetime", "timestamp")
        for kind in _KINDS
    ),
)
