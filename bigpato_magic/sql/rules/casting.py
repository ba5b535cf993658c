"""CAST(… AS STRING FORMAT '…') of dates, times and BYTES; other formats go to BigQuery.

https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements#formatting_syntax
"""

from __future__ import annotations

import re

from bigpato_magic.sql.expr import ASCII, Facts
from bigpato_magic.sql.physical import text
from bigpato_magic.sql.rules.base import DOCS, Call, Rule, Template, Udf
from bigpato_magic.sql.rules.formats import DATES, KINDS, MARKED, TIMES, ZONES, join
from bigpato_magic.sql.rules.zones import UTC, clock_of, offset_micros
from bigpato_magic.sql.templates import fill

SOURCE = DOCS + "format-elements#format_date_time_as_string"
_YEAR = "extract(year FROM {t})"
_HALF = "strftime({t}, '%p')"
# What each element prints of the clock {t}, or of its offset {o} in microseconds; the longest fits.
ELEMENTS: dict[str, tuple[int, str]] = {
    **dict.fromkeys(("YYYY", "RRRR"), (DATES, f"lpad(CAST({_YEAR} AS VARCHAR), 4, '0')")),
    "YYY": (DATES, f"lpad(CAST({_YEAR} % 1000 AS VARCHAR), 3, '0')"),
    **dict.fromkeys(("YY", "RR"), (DATES, f"bp_two({_YEAR} % 100)")),
    "Y": (DATES, f"CAST({_YEAR} % 10 AS VARCHAR)"),
    "MONTH": (DATES, "strftime({t}, '%B')"),
    "MON": (DATES, "strftime({t}, '%b')"),
    "MM": (DATES, "strftime({t}, '%m')"),
    "DAY": (DATES, "strftime({t}, '%A')"),
    "DDD": (DATES, "strftime({t}, '%j')"),
    "DD": (DATES, "strftime({t}, '%d')"),
    "DY": (DATES, "strftime({t}, '%a')"),
    "D": (DATES, "CAST(extract(dow FROM {t}) + 1 AS VARCHAR)"),
    "HH24": (TIMES, "strftime({t}, '%H')"),
    "HH12": (TIMES, "strftime({t}, '%I')"),
    "HH": (TIMES, "strftime({t}, '%I')"),
    "MI": (TIMES, "strftime({t}, '%M')"),
    "SSSSS": (
        TIMES,
        "lpad(CAST(extract(hour FROM {t}) * 3600 + extract(minute FROM {t}) * 60 + extract(second FROM {t}) "
        "AS VARCHAR), 5, '0')",
    ),
    "SS": (TIMES, "strftime({t}, '%S')"),
    "AM": (TIMES, _HALF),
    "PM": (TIMES, _HALF),
    "A.M.": (TIMES, f"replace(replace({_HALF}, 'AM', 'A.M.'), 'PM', 'P.M.')"),
    "P.M.": (TIMES, f"replace(replace({_HALF}, 'AM', 'A.M.'), 'PM', 'P.M.')"),
    "TZH": (ZONES, "substring(bp_offset({o}, ''), 1, 3)"),
    "TZM": (ZONES, "substring(bp_offset({o}, ''), 4, 2)"),
    **{
        f"FF{n}": (TIMES, f"substring(rpad(lpad(CAST(bp_micros({{t}}) AS VARCHAR), 6, '0'), 9, '0'), 1, {n})")
        for n in range(1, 10)
    },
}
NAMES = ("MONTH", "MON", "DAY", "DY")
HALVES = ("AM", "PM", "A.M.", "P.M.")
# Elements that GoogleSQL knows and BigQuery does not print alike, or at all: the longest fits there too.
OTHERS: tuple[str, ...] = (
    "Y,YYY",
    "IYYY",
    "IYY",
    "IY",
    "I",
    "SYYYY",
    "YEAR",
    "SYEAR",
    "RM",
    "J",
    "CC",
    "SCC",
    "Q",
    "IW",
    "WW",
    "W",
)
OTHERS += ("AD", "BC", "A.D.", "B.C.", "TH", "SP", "SPTH", "THSP", "FM")
_KNOWN = "|".join(re.escape(e) for e in sorted([*ELEMENTS, *OTHERS], key=len, reverse=True))
PIECE = re.compile(
    rf'(?P<element>{_KNOWN})|"(?P<quoted>(?:[^"\\]|\\["\\])*)"|(?P<literal>[-./,\';: ])', re.IGNORECASE | re.ASCII
)


def _cased(element: str, sql: str) -> str:
    """The letters of an element say in which case its text is printed."""
    if element.upper() in HALVES:
        return sql if element[0].isupper() else f"lower({sql})"
    if element.upper() not in NAMES or (element[0].isupper() and not element[1].isupper()):
        return sql
    return f"upper({sql})" if element[0].isupper() else f"lower({sql})"


def _pieces(call: Call, form: str, kind: int) -> list[str]:
    pieces = []
    place = 0
    while place < len(form):
        match = PIECE.match(form, place)
        if not match:
            call.refuse(f"the format {form!r}")
        place = match.end()
        if match["element"] is None:
            quoted = match["quoted"]
            pieces.append(text(match["literal"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)))
            continue
        needs, sql = ELEMENTS.get(match["element"].upper(), (0, ""))
        if not sql or needs & kind != needs:
            call.refuse(f"the format element {match['element']}")
        pieces.append(_cased(match["element"], fill(sql, MARKED)))
    return pieces


def _to_text(kind: str) -> Template:
    def build(call: Call, pieces: list[str]) -> str:
        value = call.sql(0)
        clock = f"(DATE '2000-01-01' + {value})" if kind == "TIME" else value
        if kind == "TIMESTAMP":
            clock = clock_of(call, value, 2, "bp_minute_clock")
        printed = join(pieces, clock, value) or "''"
        return f"(CASE WHEN {value} IS NOT NULL THEN {printed} END)"

    def rule(call: Call) -> str:
        if any(arg.is_null for arg in call.args):
            return "CAST(NULL AS VARCHAR)"
        pieces = _pieces(call, call.constant(1), KINDS[kind])
        return call.once(lambda bound: build(bound, pieces))

    return rule


MADE = {
    "DATE": "CAST(make_timestamp({}) AS DATE)",
    "TIME": "CAST(make_timestamp({}) AS TIME)",
    "DATETIME": "make_timestamp({})",
    "TIMESTAMP": "make_timestamptz({})",
}
UDFS = (
    Udf("bp_cast_moment", ("VARCHAR", "VARCHAR", "VARCHAR", "VARCHAR", "BOOLEAN"), "BIGINT"),
    Udf("bp_to_base2", ("BLOB",), "VARCHAR"),
)


def _from_text(kind: str) -> Template:
    def rule(call: Call) -> str:
        from bigpato_magic.sql.udfs import casting

        if any(arg.is_null for arg in call.args):
            return f"CAST(NULL AS {call.duck_type})"
        form, zone = call.constant(1), call.constant(2) if len(call.args) > 2 else "UTC"
        try:
            casting.compile_format(form, kind)
        except ValueError as error:
            call.refuse(str(error).removeprefix("route: "))
        if zone not in UTC:
            offset_micros(call, zone)
        arguments = f"{text(form)}, {call.sql(0)}, {text(zone)}, '{kind}', {str(call.safe).lower()}"
        return MADE[kind].format(f"bp_cast_moment({arguments})")

    return rule


_ENCODED = {"HEX": "lower(hex({a}))", "BASE16": "lower(hex({a}))", "BASE64": "to_base64({a})"}
_ENCODED |= {
    "BASE2": "bp_to_base2({a})",
    "ASCII": "bp_ascii_text({a}, {safe})",
    "UTF8": "decode({a})",
    "UTF-8": "decode({a})",
}
MACROS = {
    "bp_ascii_text(b, safe)": "CASE WHEN length(TRY(decode(b))) = octet_length(b) THEN TRY(decode(b)) "
    "WHEN b IS NOT NULL AND NOT safe THEN error('not ASCII') END",
    "bp_ascii_bytes(s, safe)": "CASE WHEN length(s) = strlen(s) THEN encode(s) "
    "WHEN s IS NOT NULL AND NOT safe THEN error('not ASCII') END",
}


def _of_bytes(call: Call) -> Facts:
    return Facts() if call.args[1].literal and str(call.args[1].value).upper().startswith("UTF") else ASCII


def _bytes_to_text(call: Call) -> str:
    if any(arg.is_null for arg in call.args):
        return "CAST(NULL AS VARCHAR)"
    form = call.constant(1)
    if not form.isascii() or form.upper() not in _ENCODED:
        call.refuse(f"CAST(BYTES AS STRING FORMAT {form!r})")
    return _filled(call, _ENCODED[form.upper()])


_DECODED = dict.fromkeys(("HEX", "BASE16"), "bp_from_hex({a}, {safe})")
_DECODED |= {"BASE64": "bp_from_base64({a}, {safe})", "UTF8": "encode({a})", "UTF-8": "encode({a})"}
_DECODED |= {"ASCII": "bp_ascii_bytes({a}, {safe})"}


def _text_to_bytes(call: Call) -> str:
    if any(arg.is_null for arg in call.args):
        return "CAST(NULL AS BLOB)"
    form = call.constant(1)
    if not form.isascii() or form.upper() not in _DECODED:
        call.refuse(f"CAST(STRING AS BYTES FORMAT {form!r})")
    return _filled(call, _DECODED[form.upper()])


def _filled(call: Call, template: str) -> str:
    """The text; what of it is not a function of ours is NULL in a SAFE cast where it raises."""
    ours = template.replace("{safe}", str(call.safe).lower())
    if call.safe and ours == template:
        return call.attempt(template)
    return call.once(lambda bound: bound.fill(ours))


RULES = (
    *(Rule("cast_format", f"{kind} AS STRING", _to_text(kind), safe=_to_text(kind)) for kind in KINDS),
    *(Rule("cast_format", f"STRING AS {kind}", _from_text(kind), safe=_from_text(kind)) for kind in KINDS),
    Rule(
        "cast_format",
        "STRING AS BYTES",
        _text_to_bytes,
        safe=_text_to_bytes,
        source=DOCS + "format-elements#format_string_as_bytes",
    ),
    Rule("cast_format", "BYTES AS STRING", _bytes_to_text, safe=_bytes_to_text, facts=_of_bytes),
)
