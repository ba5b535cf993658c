"""FORMAT_DATE and its kin: a constant format becomes DuckDB text, element by element.

GoogleSQL leaves elements that a type does not have as they are (`%H` of a DATE). What its C library adds beyond the documented
ones, and years before 1000, which C libraries print apart, go to BigQuery.
https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements#format_elements_date_time
"""

from __future__ import annotations

import re

from bigpato_magic.sql.physical import text
from bigpato_magic.sql.rules.base import DOCS, Call, Rule, Template, route
from bigpato_magic.sql.rules.zones import clock_of

SOURCE = DOCS + "format-elements#format_elements_date_time"
MACROS = {
    "bp_modern(t)": "CASE WHEN extract(year FROM t) < 1000 THEN "
    + route("a year before 1000 in a format")
    + " ELSE t END",
    "bp_two(n)": "lpad(CAST(n AS VARCHAR), 2, '0')",
    "bp_micros(t)": "CAST(extract(microseconds FROM t) % 1000000 AS BIGINT)",
    "bp_subseconds(us)": "CASE WHEN us = 0 THEN '' ELSE '.' || rtrim(lpad(CAST(us AS VARCHAR), 6, '0'), '0') END",
    # An offset from UTC in microseconds, cut to minutes, as GoogleSQL prints it.
    "bp_offset(us, between)": "CASE WHEN us < 0 THEN '-' ELSE '+' END || bp_two(abs(us) // 3600000000) || between "
    "|| bp_two(abs(us) // 60000000 % 60)",
    "bp_zone_text(us)": "'UTC' || CASE WHEN abs(us) < 60000000 THEN '' WHEN abs(us) // 60000000 % 60 <> 0 THEN bp_offset(us, '') "
    "ELSE CASE WHEN us < 0 THEN '-' ELSE '+' END || CAST(abs(us) // 3600000000 AS VARCHAR) END",
}
# Elements that DuckDB's strftime prints alike, and compositions of them.
SIMPLE = {"A": "%A", "B": "%B", "D": "%m/%d/%y", "a": "%a", "b": "%b", "d": "%d", "h": "%b", "j": "%j", "m": "%m"}
SIMPLE |= {"x": "%m/%d/%y", "y": "%y", "Ey": "%y", "Ex": "%m/%d/%y", "Od": "%d", "Om": "%m", "Oy": "%y"}
YEARS = {"F": "%Y-%m-%d", "G": "%G", "Y": "%Y", "EY": "%Y"}
WEEKS = {"U": "%U", "V": "%V", "W": "%W", "u": "%u", "w": "%w"}
CLOCK = {"H": "%H", "I": "%I", "M": "%M", "R": "%H:%M", "S": "%S", "T": "%H:%M:%S", "X": "%H:%M:%S", "p": "%p"}
CLOCK |= {"r": "%I:%M:%S %p"}
ALWAYS = {"%": "%%", "n": "\n", "t": "\t"}
# Elements of a date that need an expression over the value {t}.
DATE_TEXTS = {
    "C": "bp_two(extract(year FROM {t}) // 100)",
    "EC": "bp_two(extract(year FROM {t}) // 100)",
    "E4Y": "lpad(CAST(extract(year FROM {t}) AS VARCHAR), 4, '0')",
    "Q": "CAST(extract(quarter FROM {t}) AS VARCHAR)",
    # DuckDB's %g is milliseconds.
    "g": "bp_two(extract(isoyear FROM {t}) % 100)",
    "e": "lpad(CAST(extract(day FROM {t}) AS VARCHAR), 2, ' ')",
}
BOTH_TEXTS = {
    "c": "strftime(bp_modern({t}), '%a %b ') || lpad(CAST(extract(day FROM {t}) AS VARCHAR), 2, ' ') || "
    "strftime({t}, ' %H:%M:%S %Y')",
    "s": "CAST(bp_floor_div(epoch_us({m}), 1000000) AS VARCHAR)",
}
ZONE_TEXTS = {
    "Z": "bp_zone_text({o})",
    "z": "bp_offset({o}, '')",
    "Ez": "bp_offset({o}, ':')",
}
SECONDS = re.compile(r"E(\*|[0-9])S")
ELEMENT = re.compile(r"%(E\*S|E\dS|E4Y|[EO][a-zA-Z]|[^EO]|$|[EO])", re.DOTALL)
DATES, TIMES, ZONES = 1, 2, 4
KINDS = {"DATE": DATES, "TIME": TIMES, "DATETIME": DATES | TIMES, "TIMESTAMP": DATES | TIMES | ZONES}
# What a type must have for an element to be printed; else the element stays as it is written.
NEEDS = {
    **dict.fromkeys((*SIMPLE, *YEARS, *WEEKS, *DATE_TEXTS), DATES),
    **dict.fromkeys(CLOCK, TIMES),
    **dict.fromkeys(ALWAYS, 0),
    **dict.fromkeys(BOTH_TEXTS, DATES | TIMES),
    **dict.fromkeys(ZONE_TEXTS, ZONES),
}
DIRECTIVES = SIMPLE | YEARS | WEEKS | CLOCK | ALWAYS
TEXTS = DATE_TEXTS | BOTH_TEXTS | ZONE_TEXTS


def _seconds(digits: str) -> str:
    seconds = "strftime({t}, '%S')"
    if digits == "*":
        return f"{seconds} || bp_subseconds(bp_micros({{t}}))"
    if digits == "0":
        return seconds
    return f"{seconds} || '.' || rpad(substring(lpad(CAST(bp_micros({{t}}) AS VARCHAR), 6, '0'), 1, {digits}), {digits}, '0')"


def _pieces(call: Call, form: str, kind: int) -> list[str]:
    """DuckDB texts over {t}, {m} and {o} that give the format's parts; runs of plain directives are one strftime."""
    found: list[str] = []
    run = ""
    modern = False
    place = 0
    for match in ELEMENT.finditer(form):
        run += form[place : match.start()].replace("%", "%%")
        place = match.end()
        element = match[1]
        seconds = SECONDS.fullmatch(element)
        needs = TIMES if seconds else NEEDS.get(element)
        if needs is None:
            call.refuse(f"the format element %{element}")
        if needs & kind != needs:
            run += "%%" + element
        elif seconds or element in TEXTS:
            found += [*_run(run, modern), _seconds(seconds[1]) if seconds else TEXTS[element]]
            run, modern = "", False
        else:
            run += DIRECTIVES[element]
            modern = modern or element in YEARS
    return [*found, *_run(run + form[place:], modern)]


def _run(directives: str, modern: bool) -> list[str]:
    if not directives:
        return []
    if not re.search("%[^%]", directives):
        return [text(directives.replace("%%", "%"))]
    return [f"strftime({'bp_modern({t})' if modern else '{t}'}, {text(directives)})"]


def _format(kind: str) -> Template:
    def build(call: Call, pieces: list[str]) -> str:
        moment = clock = call.sql(1)
        if kind == "TIME":
            clock = f"(DATE '2000-01-01' + {moment})"
        if kind == "TIMESTAMP":
            clock = clock_of(call, moment, 2, "bp_minute_clock")
        offset = f"(epoch_us({clock}) - epoch_us({moment}))"
        parts = [piece.replace("{t}", clock).replace("{m}", moment).replace("{o}", offset) for piece in pieces]
        joined = " || ".join(parts)
        if all("{" not in piece for piece in pieces):
            return f"(CASE WHEN {moment} IS NOT NULL THEN {joined or repr('')} END)"
        return f"({joined})"

    def rule(call: Call) -> str:
        if call.args[0].is_null or any(arg.is_null for arg in call.args[1:]):
            return "CAST(NULL AS VARCHAR)"
        pieces = _pieces(call, call.constant(0), KINDS[kind])
        if sum(piece.count("{") for piece in pieces) > 1:
            return call.once(lambda bound: build(bound, pieces))
        return build(call, pieces)

    return rule


_TRIED = (
    "%Y-%m-%d|%F|%y|%C|%D|%x",
    "%A %a %B %b %h",
    "%G-W%V-%u %g",
    "%U %W %w %j %Q",
    "%e %d %m %% %n%t",
    "%E4Y%EY%Ey%Od",
)
_CLOCK_TRIED = ("%H:%M:%S %I %p %r", "%R %T %X", "%E*S %E3S %E0S %E6S %E9S")
_ZONES_TRIED = ("%Z %z %Ez", "%c %s")


def _grid(name: str, formats: tuple[str, ...], zones: tuple[str, ...] = ("",)) -> tuple[str, ...]:
    return tuple(f"{name}('{form}', b{zone})" for form in formats for zone in zones)


_SOME_ZONES = (", 'America/New_York'", ", 'Asia/Kathmandu'", ", '-03:30'", ", 'UTC'")
RULES = (
    *(
        Rule("format_date", f"STRING, {kind}", _format(kind), safe=True, grid=_grid("FORMAT_DATE", _TRIED))
        for kind in ("DATE", "DATETIME")
    ),
    Rule(
        "format_datetime",
        "STRING, DATETIME",
        _format("DATETIME"),
        safe=True,
        grid=_grid("FORMAT_DATETIME", (*_TRIED, *_CLOCK_TRIED, "%c %s %Z")),
    ),
    Rule(
        "format_time",
        "STRING, TIME",
        _format("TIME"),
        safe=True,
        grid=_grid("FORMAT_TIME", (*_CLOCK_TRIED, "%Y %c %n", "x")),
    ),
    Rule(
        "format_timestamp",
        "STRING, TIMESTAMP",
        _format("TIMESTAMP"),
        safe=True,
        grid=_grid("FORMAT_TIMESTAMP", _TRIED + _CLOCK_TRIED + _ZONES_TRIED),
    ),
    Rule(
        "format_timestamp",
        "STRING, TIMESTAMP, STRING",
        _format("TIMESTAMP"),
        safe=True,
        grid=_grid("FORMAT_TIMESTAMP", ("%F %T", "%c", "%E4Y %E*S %s", "%Z %z %Ez"), _SOME_ZONES),
        values={"c": ("'UTC'",)},
    ),
)
