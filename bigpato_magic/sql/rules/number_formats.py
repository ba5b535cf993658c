"""CAST of numbers AS STRING FORMAT with digits, groups, a point and `$`; other elements go to BigQuery."""

from __future__ import annotations

from bigpato_magic.sql.expr import ASCII
from bigpato_magic.sql.physical import text
from bigpato_magic.sql.rules.base import DOCS, Call, Rule, Udf

SOURCE = DOCS + "format-elements#format_numeric_type_as_string"
_HELD = {"INT64": "BIGINT", "NUMERIC": "DECIMAL(38,9)", "FLOAT64": "DOUBLE"}
UDFS = tuple(
    Udf(f"bp_shaped_{kind.lower()}", (held, "VARCHAR"), "VARCHAR", "bp_format_number") for kind, held in _HELD.items()
)


def _formatted(call: Call) -> str:
    from bigpato_magic.sql.udfs import number_formats

    if call.args[1].is_null or call.args[0].is_null:
        return call.refuse("CAST with FORMAT of NULL")
    form = call.constant(1)
    if number_formats.parts(form) is None:
        call.refuse(f"the format {form!r} for a number")
    return f"bp_shaped_{call.args[0].key.lower()}({call.sql(0)}, {text(form)})"


_FORMS = (
    "9",
    "999",
    "0999",
    "9,999",
    "0,000",
    "9,999.99",
    "$999",
    "$9,990.00",
    "9.9",
    ".99",
    "999.",
    "$0.99",
    "99,0,9.09",
)
_NUMBERS = ("0", "5", "-5", "12", "-123", "1234", "-99999", "NULL")
_REALS = (
    *_NUMBERS,
    "0.5",
    "-0.5",
    "1.5",
    "2.5",
    "1234.565",
    "0.005",
    "-0.004",
    "99.995",
    "999.99",
    "9.95",
    "0.125",
    "2.675",
)
_VALUES = {
    "INT64": (*_NUMBERS, "9223372036854775807", "-9223372036854775808"),
    "NUMERIC": tuple(
        f"NUMERIC '{v}'" if v != "NULL" else v for v in (*_REALS, "99999999999999999999999999999.999999999")
    ),
    "FLOAT64": (
        *(f"{v}e0" if v != "NULL" else v for v in (*_REALS, "-0.0", "-0.0001")),
        "1e20",
        "-1e308",
        "5e-324",
    ),
}
RULES = tuple(
    Rule(
        "cast_format",
        f"{kind} AS STRING",
        _formatted,
        safe=_formatted,
        facts=ASCII,
        grid=(
            *(f"CAST(a AS STRING FORMAT '{form}')" for form in _FORMS),
            "SAFE_CAST(a AS STRING FORMAT '$0,000.9')",
        ),
        values={"a": _VALUES[kind]},
    )
    for kind in _HELD
)
