"""PARSE_DATE and its kin: functions of `sql.udfs.parse`, and DuckDB's own strptime for texts of fixed width.

https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements#format_elements_date_time
"""

from __future__ import annotations

import re

from bigpato_magic.sql.physical import text
from bigpato_magic.sql.rules.base import DOCS, Call, Rule, Template, Udf
from bigpato_magic.sql.rules.zones import UTC, offset_micros

SOURCE = DOCS + "format-elements#format_elements_date_time"
UDFS = (Udf("bp_parse_moment", ("VARCHAR", "VARCHAR", "VARCHAR", "VARCHAR", "BOOLEAN"), "BIGINT"),)
# Texts of these forms are read alike by DuckDB. Years before 1000 are left to the function.
FIXED = {
    "%Y": r"[1-9]\d{3}",
    "%m": r"(0[1-9]|1[0-2])",
    "%d": r"(0[1-9]|[12]\d|3[01])",
    "%H": r"([01]\d|2[0-3])",
    "%M": r"[0-5]\d",
    "%S": r"[0-5]\d",
}
LITERALS = "-/:. T"
MADE = {
    "DATE": "CAST({} AS DATE)",
    "TIME": "CAST({} AS TIME)",
    "DATETIME": "{}",
    "TIMESTAMP": "make_timestamptz(epoch_us({}))",
}


def fixed_form(form: str) -> str | None:
    """The regular expression of the texts that DuckDB's strptime reads as GoogleSQL does; None if it may not."""
    pieces = re.findall(r"%.|.", form, re.DOTALL)
    directives = [piece for piece in pieces if piece.startswith("%")]
    if len(set(directives)) < len(directives) or not {"%Y", "%m", "%d"} <= set(directives):
        return None
    if any(piece not in FIXED and piece not in LITERALS for piece in pieces):
        return None
    return "".join(FIXED.get(piece) or re.escape(piece).replace("\\ ", " ") for piece in pieces)


def _parse(kind: str) -> Template:
    def rule(call: Call) -> str:
        if any(arg.is_null for arg in call.args):
            return f"CAST(NULL AS {call.duck_type})"
        zone = call.constant(2) if len(call.args) > 2 else "UTC"
        if zone not in UTC:
            offset_micros(call, zone)
        safe = str(call.safe).lower()
        if not call.args[0].literal:
            return _by_function(call, call.sql(0), zone, safe)
        form = call.constant(0)
        _check(call, form)
        fixed = fixed_form(form) if zone in UTC else None
        if fixed is None:
            return _by_function(call, text(form), zone, safe)
        return call.once(lambda bound: _by_form(bound, form, fixed, safe))

    def _by_form(call: Call, form: str, fixed: str, safe: str) -> str:
        function = "try_strptime" if call.safe else "strptime"
        quick = MADE[kind].format(f"{function}({call.sql(1)}, {text(form)})")
        other = _by_function(call, text(form), "UTC", safe)
        return f"(CASE WHEN regexp_full_match({call.sql(1)}, {text(fixed)}) THEN {quick} ELSE {other} END)"

    def _by_function(call: Call, form: str, zone: str, safe: str) -> str:
        micros = f"bp_parse_moment({form}, {call.sql(1)}, {text(zone)}, '{kind}', {safe})"
        return MADE[kind].format(f"make_timestamp({micros})")

    def _check(call: Call, form: str) -> None:
        from bigpato_magic.sql.udfs import parse

        try:
            parse.compile_format(form, kind)
        except ValueError as error:
            call.refuse(str(error).removeprefix("route: "))

    return rule


def _rule(name: str, kind: str, signature: str = "STRING, STRING") -> Rule:
    return Rule(name, signature, _parse(kind), safe=_parse(kind))


RULES = (
    _rule("parse_date", "DATE"),
    _rule("parse_time", "TIME"),
    _rule("parse_datetime", "DATETIME"),
    _rule("parse_timestamp", "TIMESTAMP"),
    _rule("parse_timestamp", "TIMESTAMP", "STRING, STRING, STRING"),
)
