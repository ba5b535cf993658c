"""CAST of numbers AS STRING FORMAT with pictures of digits; formats that BigQuery may refuse go to it."""

from __future__ import annotations

from bigpato_magic.sql.expr import ASCII
from bigpato_magic.sql.physical import SCALARS, text
from bigpato_magic.sql.rules.base import DOCS, Call, Rule, Udf
from bigpato_magic.types import Kind

SOURCE = DOCS + "format-elements#format_numeric_type_as_string"
KINDS = (Kind.INT64, Kind.NUMERIC, Kind.FLOAT64)
UDFS = tuple(
    Udf(f"bp_shaped_{kind.lower()}", (SCALARS[kind], "VARCHAR"), "VARCHAR", "bp_format_number") for kind in KINDS
)


def _formatted(call: Call) -> str:
    from bigpato_magic.sql.udfs import number_formats

    if any(arg.is_null for arg in call.args) and not any(arg.can_throw for arg in call.args):
        return "CAST(NULL AS VARCHAR)"
    form = call.constant(1)
    if number_formats.picture(form) is None:
        call.refuse(f"the format {form!r} for a number")
    return f"bp_shaped_{call.args[0].key.lower()}({call.sql(0)}, {text(form)})"


RULES = tuple(Rule("cast_format", f"{kind} AS STRING", _formatted, safe=_formatted, facts=ASCII) for kind in KINDS)
