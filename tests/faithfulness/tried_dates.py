"""What the grid tries of rules for dates, times and intervals, of what prints them and reads them; see `trials`."""

from __future__ import annotations

from bigpato_magic.sql.rules.intervals import COMPARED
from bigpato_magic.sql.rules.intervals import PARTS as INTERVAL_PARTS

Patterns = dict[str, tuple[str, ...]]
Values = dict[str, dict[str, tuple[str, ...]]]
UNITS = ["DAY", "WEEK", "WEEK(MONDAY)", "WEEK(FRIDAY)", "ISOWEEK", "MONTH", "QUARTER", "YEAR", "ISOYEAR"]
FINE = ["MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR"]
DATE_PARTS = ["YEAR", "MONTH", "DAY", "DAYOFWEEK", "DAYOFYEAR", "QUARTER", "WEEK", "WEEK(MONDAY)", "WEEK(SATURDAY)"]
DATE_PARTS += ["ISOWEEK", "ISOYEAR"]
CLOCK = ["HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND"]
ADDED = ["DAY", "WEEK", "MONTH", "QUARTER", "YEAR"]
NAMES = ("date", "datetime", "timestamp")
KINDS = ("DATE", "DATETIME", "TIMESTAMP")
T = "TIMESTAMP"


def each(pattern: str, parts: list[str]) -> tuple[str, ...]:
    """A pattern for each part of a date."""
    return tuple(pattern.replace("PART", part) for part in parts)


# ------------------------------------------------------------------------------------------ parts and sums

UNITS_OF = {
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
ZONED = "EXTRACT(PART FROM a AT TIME ZONE 'America/New_York')"
ZONES = ("UTC", "America/New_York", "Asia/Kathmandu", "-03:30")


def _by_kind(verb: str, more: str, arguments: str) -> Patterns:
    """Of DATE_f, DATETIME_f and TIMESTAMP_f, which take all three types, all parts where name and type are alike."""
    return {
        f"{name}_{verb}({kind}, {more.replace('SAME', kind)})": each(
            f"{name}_{verb}(a, {arguments})",
            UNITS_OF["add" if verb == "sub" else verb, kind] if name == kind.lower() else ["DAY"],
        )
        for name in NAMES
        for kind in KINDS
        if name == "date" or kind != "DATE"
    }


def _zoned_trunc(name: str) -> tuple[str, ...]:
    parts = UNITS + FINE if name == "timestamp" else ["DAY"]
    return tuple(pattern for zone in ZONES for pattern in each(f"{name}_trunc(a, PART, '{zone}')", parts))


DATES: Patterns = {
    "$extract(DATE, ENUM)": each("EXTRACT(PART FROM a)", DATE_PARTS),
    "$extract(TIME, ENUM)": each("EXTRACT(PART FROM a)", CLOCK),
    "$extract(DATETIME, ENUM)": each("EXTRACT(PART FROM a)", DATE_PARTS + CLOCK),
    f"$extract({T}, ENUM)": each("EXTRACT(PART FROM a)", DATE_PARTS + CLOCK),
    f"$extract({T}, ENUM, STRING)": each(ZONED, ["HOUR", "DAY", "WEEK"]),
    **{f"$extract_{part}({k})": (f"EXTRACT({part.upper()} FROM a)",) for part in ("date", "time") for k in KINDS[1:]},
    **{f"$extract_{part}({T}, STRING)": each(ZONED, [part.upper()]) for part in ("date", "time", "datetime")},
    **_by_kind("trunc", "ENUM", "PART"),
    **_by_kind("add", "INT64, ENUM", "INTERVAL b PART"),
    **_by_kind("sub", "INT64, ENUM", "INTERVAL b PART"),
    **_by_kind("diff", "SAME, ENUM", "b, PART"),
    **{f"{name}_trunc({T}, ENUM, STRING)": _zoned_trunc(name) for name in NAMES},
    "time_add(TIME, INT64, ENUM)": each("TIME_ADD(a, INTERVAL b PART)", FINE),
    "time_sub(TIME, INT64, ENUM)": each("TIME_SUB(a, INTERVAL b PART)", FINE),
    "time_diff(TIME, TIME, ENUM)": each("TIME_DIFF(a, b, PART)", FINE),
    "time_trunc(TIME, ENUM)": each("TIME_TRUNC(a, PART)", FINE),
    **{f"last_day({kind}, ENUM)": each("LAST_DAY(a, PART)", UNITS) for kind in KINDS[:2]},
}
DATE_VALUES: Values = {
    f"$extract({T}, ENUM, STRING)": {"b": ("'America/New_York'",)},
    **{f"{name}_trunc({T}, ENUM, STRING)": {"b": ("'UTC'",)} for name in NAMES},
}

# --------------------------------------------------------------------------------------- made of numbers, texts

SIX = "INT64, INT64, INT64, INT64, INT64, INT64"
NEARLY = {
    "a": ("2024", "1", "9999", "0", "10000"),
    "b": ("1", "2", "12", "13", "0"),
    "c": ("1", "29", "31", "0"),
    "d": ("0", "23", "24"),
    "e": ("0", "59", "60"),
    "f": ("0", "59", "60", "61", "-1"),
}
HOURS = {"a": ("0", "23", "24", "-1"), "b": ("0", "59", "60"), "c": ("0", "59", "60", "61", "NULL")}
CLOCK_TEXTS = ("'2021-03-14 02:30:00'", "'2021-11-07 01:30:00'", "'2021-1-2'", "'2021-01-02Z'", "'x'", "NULL")
MADE: Patterns = {
    f"date({T}, STRING)": ("DATE(a, 'Europe/Zurich')",),
    f"datetime({T}, STRING)": ("DATETIME(a, 'Asia/Tokyo')",),
    f"time({T}, STRING)": ("TIME(a, 'America/Sao_Paulo')",),
    **{
        f"timestamp({kind}, STRING)": tuple(f"TIMESTAMP(a, '{zone}')" for zone in ("America/New_York", "+05:30", "UTC"))
        for kind in KINDS[:2]
    },
    "timestamp(STRING, STRING)": ("SAFE.TIMESTAMP(a, 'America/New_York')",),
    f"string({T}, STRING)": tuple(f"STRING(a, '{zone}')" for zone in ("America/New_York", "Asia/Kathmandu", "-03")),
    "generate_date_array(DATE, DATE, INT64, ENUM)": each("GENERATE_DATE_ARRAY(a, b, INTERVAL c PART)", ADDED),
    f"generate_timestamp_array({T}, {T}, INT64, ENUM)": each(
        "GENERATE_TIMESTAMP_ARRAY(a, b, INTERVAL c PART)", ["HOUR", "DAY"]
    ),
}
MADE_VALUES: Values = {
    "date(INT64, INT64, INT64)": NEARLY,
    f"datetime({SIX})": NEARLY,
    "time(INT64, INT64, INT64)": HOURS,
    "date(STRING)": {
        "a": ("'2020-09-01 23:34:56-08'", "'2020-1-2'", "'2020-02-03'", "'2020-02-30'", "'x'", "NULL"),
    },
    "timestamp(STRING, STRING)": {"a": CLOCK_TEXTS},
    "generate_date_array(DATE, DATE, INT64, ENUM)": {
        "a": ("DATE '2024-01-28'", "DATE '2024-03-15'", "NULL"),
        "b": ("DATE '2026-01-30'", "DATE '2023-01-31'"),
        "c": ("1", "-1", "2", "7", "NULL"),
    },
}

# ------------------------------------------------------------------------------------------------- FORMAT_DATE

DAY_FORMS = (
    "%Y-%m-%d|%F|%y|%C|%D|%x",
    "%A %a %B %b %h",
    "%G-W%V-%u %g",
    "%U %W %w %j %Q",
    "%e %d %m %% %n%t",
    "%E4Y%EY%Ey%Od",
)
CLOCK_FORMS = ("%H:%M:%S %I %p %r", "%R %T %X", "%E*S %E3S %E0S %E6S %E9S")
ZONE_FORMS = ("%Z %z %Ez", "%c %s")
SOME_ZONES = (", 'America/New_York'", ", 'Asia/Kathmandu'", ", '-03:30'", ", 'UTC'")


def _formats(name: str, formats: tuple[str, ...], zones: tuple[str, ...] = ("",)) -> tuple[str, ...]:
    return tuple(f"{name}('{form}', b{zone})" for form in formats for zone in zones)


FORMATTED: Patterns = {
    **{f"format_date(STRING, {kind})": _formats("FORMAT_DATE", DAY_FORMS) for kind in KINDS[:2]},
    "format_datetime(STRING, DATETIME)": _formats("FORMAT_DATETIME", (*DAY_FORMS, *CLOCK_FORMS, "%c %s %Z")),
    "format_time(STRING, TIME)": _formats("FORMAT_TIME", (*CLOCK_FORMS, "%Y %c %n", "x")),
    "format_timestamp(STRING, DATETIME)": _formats("FORMAT_TIMESTAMP", (*DAY_FORMS, *CLOCK_FORMS, "%c %s", "x")),
    f"format_timestamp(STRING, {T})": _formats("FORMAT_TIMESTAMP", DAY_FORMS + CLOCK_FORMS + ZONE_FORMS),
    f"format_timestamp(STRING, {T}, STRING)": _formats(
        "FORMAT_TIMESTAMP", ("%F %T", "%c", "%E4Y %E*S %s", "%Z %z %Ez"), SOME_ZONES
    ),
}

# -------------------------------------------------------------------------------------------------- PARSE_DATE

READ_DAYS = {
    "%Y-%m-%d": ("2024-02-29", "2023-02-29", "2024-2-9", " 2024-02-09 ", "24-02-09", "2024-02-29x", "0999-01-02"),
    "%Y%m%d": ("20240229", "2024229", "202402290", "20241301"),
    "%d/%m/%y": ("01/02/68", "1/2/69", "31/4/20", "a/b/c"),
    "%b %d, %Y": ("Feb 29, 2024", "february 3, 2024", "Febr 3, 2024", "FEB 29,2023"),
    "%A %e %B %Y": ("Thursday 29 February 2024", "thu 9 mar 2023", "Foo 9 mar 2023"),
    "%Y %j": ("2024 366", "2023 366", "2023 1"),
    "%Y Q%Q": ("2024 Q3", "2024 Q5"),
}
READ_CLOCKS = {
    "%H:%M:%S": ("23:59:59", "1:2:3", "24:00:00", "23:59:60", "12:00"),
    "%I:%M %p": ("12:30 AM", "1:02 pm", "13:00 PM"),
    "%T": ("23:59:59", "7:8:9"),
    "%H:%M:%E*S": ("1:2:3.123456789", "1:2:3", "1:2:3."),
    "%R": ("23:59", "7:8"),
}
READ_DATETIMES = {
    "%Y-%m-%d %H:%M:%S": ("2024-02-29 12:34:56", "2024-02-30 12:34:56", "2024-2-9 1:2:3", "2024-02-29T12:34:56"),
    "%Y-%m-%dT%H:%M:%E*S": ("2024-02-29T12:34:56.5", "2024-02-29T12:34:56", "2024-02-29T12:34:60"),
    "%c": ("Thu Feb 29 12:34:56 2024", "x"),
}
READ_ZONED = READ_DATETIMES | {
    "%Y-%m-%dT%H:%M:%S%Ez": ("2024-02-29T12:34:56+05:30", "2024-02-29T12:34:56Z", "2024-02-29T12:34:56-0800"),
    "%Y-%m-%d %H:%M:%S %Z": ("2024-07-01 12:34:56 America/New_York", "2024-07-01 12:34:56 UTC"),
    "%s": ("1700000000", "-1", "9999999999999"),
}
READ = {
    "parse_date(STRING, STRING)": (READ_DAYS, ""),
    "parse_time(STRING, STRING)": (READ_CLOCKS, ""),
    "parse_datetime(STRING, STRING)": (READ_DATETIMES, ""),
    "parse_timestamp(STRING, STRING)": (READ_ZONED, ""),
    "parse_timestamp(STRING, STRING, STRING)": (READ_ZONED, ", 'America/New_York'"),
}
PARSED: Patterns = {
    rule: tuple(f"{safe}{rule.partition('(')[0]}('{f}', b{zone})" for f in forms for safe in ("SAFE.", ""))
    for rule, (forms, zone) in READ.items()
}
PARSED_VALUES: Values = {
    rule: {
        "a": ("'%Y'",),
        "b": (*(f"'{text}'" for texts in forms.values() for text in texts), "NULL"),
        "c": ("'UTC'",),
    }
    for rule, (forms, _) in READ.items()
}

# ------------------------------------------------------------------------------------------ CAST with FORMAT

PRINTED = {
    "DATE": ("YYYY-MM-DD", "yyyymmddd", "MON DD, YYYY", "Month/MON/mon/month", "DAY Day dy D", 'YY"y"RR Y YYY', ""),
    "TIME": ("HH24:MI:SS.FF3", "HH12:MI AM", "hh:mi p.m. SSSSS FF9 A.M."),
    "DATETIME": ("YYYY-MM-DD HH24:MI:SS", "DD.MM.YYYY HH:MI:SS.FF6 PM"),
    "TIMESTAMP": ("YYYY-MM-DD HH24:MI:SS TZH:TZM", "MONTH HH12 am"),
}
CAST_TEXTS: dict[str, dict[str, tuple[str, ...]]] = {
    "DATE": {
        "YYYY-MM-DD": ("2024-02-29", "2023-02-29", " 2024-2-9 ", "2024-02-09x", "2024/02/09", "2024-02"),
        "MM/DD/YYYY": ("02/29/2024", "2/9/2024", "13/01/2024"),
        "DD MON YY": ("09 feb 24", "9 FEB  99", "9 Febr 24"),
        "MONTH DD, RR": ("february 9, 49", "MAY 09, 50"),
        "YYYYMMDD": ("20240229", "2024229", "202402290"),
    },
    "TIME": {"HH24:MI:SS.FF3": ("13:02:03.456", "1:2:3.4", "1:2:3"), "HH:MI P.M.": ("03:30 p.m.", "12:30 A.M.")},
    "DATETIME": {"YYYY-MM-DD HH24:MI:SS": ("2024-02-29 13:02:03", "2024-2-9  1:2:3", "2024-2-9T1:2:3")},
    "TIMESTAMP": {
        "YYYY-MM-DD HH24:MI:SS": ("2024-02-29 13:02:03", "2024-2-9  1:2:3"),
        "YYYY-MM-DD HH24:MI:SSTZH:TZM": ("2024-02-29 13:02:03+05:30", "2024-02-29 13:02:03-08:00"),
        'YYYY"y"MM': ("2024y02",),
    },
}
CAST_VALUES = {
    "DATE": ("DATE '2024-02-09'", "DATE '0999-12-31'", "CAST(NULL AS DATE)"),
    "TIME": ("TIME '00:02:03.456'", "TIME '12:00:00'", "TIME '23:59:59.999999'"),
    "DATETIME": ("DATETIME '2024-02-09 13:02:03.456'", "DATETIME '0001-01-01 00:00:00'"),
    "TIMESTAMP": ("TIMESTAMP '2024-07-09 13:02:03.456+00'", "TIMESTAMP '1880-02-09 13:02:03+00'"),
}


def _printing(kind: str, zone: str = "") -> tuple[str, ...]:
    return tuple(f"CAST(a AS STRING FORMAT '{form}'{zone})" for form in PRINTED[kind])


CAST: Patterns = {
    **{f"cast_format({kind} AS STRING)": _printing(kind) for kind in PRINTED},
    f"cast_format({T} AS STRING)": (*_printing(T), *_printing(T, " AT TIME ZONE 'America/New_York'")),
    **{
        f"cast_format(STRING AS {kind})": tuple(
            f"{cast}(a AS {kind} FORMAT {form!r})" for form in texts for cast in ("CAST", "SAFE_CAST")
        )
        for kind, texts in CAST_TEXTS.items()
    },
}
CAST_VALUES_OF: Values = {
    **{f"cast_format({kind} AS STRING)": {"a": values} for kind, values in CAST_VALUES.items()},
    **{
        f"cast_format(STRING AS {kind})": {"a": tuple(f"'{text}'" for some in texts.values() for text in some)}
        for kind, texts in CAST_TEXTS.items()
    },
}

# ------------------------------------------------------------------------------------------------------- RANGE

# A RANGE is no result here: its bounds are.
RANGES: Patterns = {
    **{
        f"range({kind}, {kind})": tuple(
            f"{bound}({safe}RANGE(a, b))" for bound in ("RANGE_START", "RANGE_END") for safe in ("", "SAFE.")
        )
        for kind in ("DATE", "DATETIME", "TIMESTAMP")
    },
    **{
        f"range_contains(RANGE, {kind})": (
            f"RANGE_CONTAINS(RANGE(CAST(RANGE_START(a) AS {kind}), CAST(RANGE_END(a) AS {kind})), b)",
        )
        for kind in ("DATETIME", "TIMESTAMP")
    },
    "range_intersect(RANGE, RANGE)": tuple(
        f"{bound}({safe}RANGE_INTERSECT(a, b))" for bound in ("RANGE_START", "RANGE_END") for safe in ("", "SAFE.")
    ),
}

# ---------------------------------------------------------------------------------------------------- INTERVAL

INTERVALS = (
    "INTERVAL '1-2 3 4:5:6.789' YEAR TO SECOND",
    "INTERVAL '-1-2 30 -4:5:6.7' YEAR TO SECOND",
    "INTERVAL -35 DAY",
    "INTERVAL 100 HOUR",
    "INTERVAL '-0.000001' SECOND",
    "INTERVAL '1 -25' DAY TO HOUR",
    "INTERVAL 119999 MONTH",
    "NULL",
)
SPANS = ("INTERVAL 3 DAY", "INTERVAL 7 HOUR", "INTERVAL '0.1' SECOND", "INTERVAL -1 DAY", "INTERVAL 1 MONTH", "NULL")
# Some of them are equal to those above, though they are made otherwise.
EQUAL = {
    "b": (
        "INTERVAL '-1 -5' MONTH TO DAY",
        "INTERVAL '4 4' DAY TO HOUR",
        "INTERVAL '-1 23:59:59.999999' DAY TO SECOND",
        "INTERVAL -1 HOUR",
        "NULL",
    ),
    "c": ("INTERVAL 100 HOUR", "NULL"),
}
SMALL = ("0", "1", "-1", "7", "1000000", "9223372036854775807", "NULL")
PARTS = ("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND")
PAIR = "INTERVAL, INTERVAL"
A, B = {"a": INTERVALS}, {"b": INTERVALS}
JUSTIFY = ("justify_hours", "justify_days", "justify_interval")
OF_INTERVALS: Patterns = {
    "$in(INTERVAL, ...)": ("a IN (INTERVAL -1 MONTH, a, NULL)",),
    f"nullif({PAIR})": ("CAST(NULLIF(a, b) AS STRING)",),
    "$interval(INT64, ENUM)": tuple(f"CAST(INTERVAL a {part} AS STRING)" for part in PARTS),
    f"make_interval({SIX})": ("CAST(MAKE_INTERVAL(a, b, c, d, e, f) AS STRING)",),
    "$extract(INTERVAL, ENUM)": tuple(f"EXTRACT({part} FROM a)" for part in INTERVAL_PARTS),
    **{f"{name}(INTERVAL)": (f"CAST({name.upper()}(a) AS STRING)",) for name in JUSTIFY},
    f"$add({PAIR})": ("CAST(a + b AS STRING)",),
    **{f"$subtract({k}, {k})": ("CAST(a - b AS STRING)",) for k in ("INTERVAL", "TIME", *KINDS)},
    "$unary_minus(INTERVAL)": ("CAST(-a AS STRING)",),
    "$multiply(INTERVAL, INT64)": ("CAST(a * b AS STRING)",),
}
INTERVAL_VALUES: Values = {
    **{f"{name}({PAIR})": A | EQUAL for name in (*COMPARED, "nullif")},
    f"$between({PAIR}, INTERVAL)": A | EQUAL,
    "$interval(INT64, ENUM)": {"a": SMALL},
    f"make_interval({SIX})": dict.fromkeys("abcdef", ("0", "1", "-3", "20000")),
    **dict.fromkeys(("$in(INTERVAL, ...)", "$extract(INTERVAL, ENUM)", "cast(INTERVAL AS STRING)"), A),
    **{f"{name}(INTERVAL)": A for name in (*JUSTIFY, "$unary_minus")},
    **{f"{name}({PAIR})": A | B for name in ("$add", "$subtract")},
    "$multiply(INTERVAL, INT64)": A | {"b": SMALL},
    **{f"{name}({kind}, INTERVAL)": B for name in ("$add", "$subtract") for kind in KINDS},
    **{f"$add(INTERVAL, {kind})": A for kind in KINDS},
    **{
        f"{name}_bucket({kind}, INTERVAL{origin})": {"b": SPANS}
        for name in NAMES
        for kind in KINDS
        for origin in ("", f", {kind}")
    },
}
PATTERNS = DATES | MADE | FORMATTED | PARSED | CAST | RANGES | OF_INTERVALS
VALUES = DATE_VALUES | MADE_VALUES | PARSED_VALUES | CAST_VALUES_OF | INTERVAL_VALUES
VALUES |= {f"format_timestamp(STRING, {T}, STRING)": {"c": ("'UTC'",)}}
