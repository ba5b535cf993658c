"""FORMAT_DATE and its kin: a constant format becomes DuckDB text, element by element.

GoogleSQL leaves elements that a type does not have as they are (`%H` of a DATE). What its C library adds beyond the documented
ones, and years before 1000, which C libraries print apart, go to BigQuery.
https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements#format_elements_date_time
"""

from __future__ import annotations

import re
from collections.abc import Callable

from bigpato_magic.resolved.format_elements import ELEMENT, SECONDS
from bigpato_magic.sql.physical import text
from bigpato_magic.sql.rules.base import DOCS, Call, Rule, route
from bigpato_magic.sql.rules.zones import clock_of
from bigpato_magic.sql.templates import fill, mark, split_at_marks

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
# In texts that hold parts of the query's own format: the clock, the moment, and its offset from UTC in microseconds.
CLOCK_MARK, MOMENT_MARK, OFFSET_MARK = mark(100), mark(101), mark(102)
MARKED = {"t": CLOCK_MARK, "m": MOMENT_MARK, "o": OFFSET_MARK}
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
    """DuckDB texts with marks that give the format's parts; runs of plain directives are one strftime."""
    pieces: list[str] = []
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
            own = _seconds(seconds[1]) if seconds else TEXTS[element]
            pieces += [*_run(run, modern), fill(own, MARKED)]
            run, modern = "", False
        else:
            run += DIRECTIVES[element]
            modern = modern or element in YEARS
    return [*pieces, *_run(run + form[place:], modern)]


def _run(directives: str, modern: bool) -> list[str]:
    if not directives:
        return []
    if not re.search("%[^%]", directives):
        return [text(directives.replace("%%", "%"))]
    clock = f"bp_modern({CLOCK_MARK})" if modern else CLOCK_MARK
    return [f"strftime({clock}, {text(directives)})"]


def join(pieces: list[str], clock: str, moment: str) -> str:
    """The pieces one after the other, with texts for their marks."""
    texts = {CLOCK_MARK: clock, MOMENT_MARK: moment, OFFSET_MARK: f"(epoch_us({clock}) - epoch_us({moment}))"}
    return " || ".join("".join(texts.get(part, part) for part in split_at_marks(piece)) for piece in pieces)


def marked(pieces: list[str]) -> int:
    """How many marks they have."""
    return sum(len(split_at_marks(piece)) // 2 for piece in pieces)


def _format(kind: str) -> Callable[[Call], str]:
    def build(call: Call, pieces: list[str]) -> str:
        moment = clock = call.sql(1)
        if kind == "TIME":
            clock = f"(DATE '2000-01-01' + {moment})"
        if kind == "TIMESTAMP":
            clock = clock_of(call, moment, 2, "bp_minute_clock")
        joined = join(pieces, clock, moment)
        if not marked(pieces):
            return f"(CASE WHEN {moment} IS NOT NULL THEN {joined or repr('')} END)"
        return f"({joined})"

    def rule(call: Call) -> str:
        if call.args[0].is_null or any(arg.is_null for arg in call.args[1:]):
            return "CAST(NULL AS VARCHAR)"
        pieces = _pieces(call, call.constant(0), KINDS[kind])
        if marked(pieces) > 1:
            return call.once(lambda bound: build(bound, pieces))
        return build(call, pieces)

    return rule


def _of_clock(call: Call) -> str:
    """FORMAT_TIMESTAMP of a DATETIME, as a DATE or a DATETIME comes to it: the analyzer has a signature for it, the page has not.

    So its zone is left out: as a DATETIME it has none, and as a TIMESTAMP it would be UTC.
    """
    if call.args[0].literal and any(match[1] in ZONE_TEXTS for match in ELEMENT.finditer(call.args[0].value or "")):
        call.refuse("the zone of a DATETIME in FORMAT_TIMESTAMP")
    return _FORMAT_DATETIME(call)


_FORMAT_DATETIME = _format("DATETIME")
RULES = (
    *(Rule("format_date", f"STRING, {kind}", _format(kind), can_throw=False) for kind in ("DATE", "DATETIME")),
    Rule("format_datetime", "STRING, DATETIME", _format("DATETIME"), can_throw=False),
    Rule("format_time", "STRING, TIME", _format("TIME"), can_throw=False),
    Rule("format_timestamp", "STRING, DATETIME", _of_clock, can_throw=False),
    Rule("format_timestamp", "STRING, TIMESTAMP", _format("TIMESTAMP"), can_throw=False),
    Rule("format_timestamp", "STRING, TIMESTAMP, STRING", _format("TIMESTAMP"), can_throw=False),
)
