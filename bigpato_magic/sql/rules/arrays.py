"""ARRAY functions and subscripts."""

from __future__ import annotations

from bigpato_magic.sql.rules.base import DOCS, Call, Rule

SOURCE = DOCS + "array_functions"
SUBSCRIPTS = DOCS + "operators#array_subscript_operator"

MACROS = {
    "bp_at(a, i)": "CASE WHEN a IS NULL OR i IS NULL THEN NULL WHEN i >= 0 AND i < len(a) THEN a[CAST(i + 1 "
    "AS BIGINT)] "
    "ELSE error('array index out of bounds') END",
    "bp_safe_at(a, i)": "CASE WHEN i >= 0 AND i < len(a) THEN a[CAST(i + 1 AS BIGINT)] ELSE NULL END",
}


def _concat(call: Call) -> str:
    nulls = " OR ".join(f"{arg.sql} IS NULL" for arg in call.args)
    return f"(CASE WHEN {nulls} THEN NULL ELSE {' || '.join(f'({arg.sql})' for arg in call.args)} END)"


def _make(call: Call) -> str:
    return f"CAST([{', '.join(arg.sql for arg in call.args)}] AS {call.duck_type})"


RULES = (
    Rule("array_length", "ARRAY", "CAST(len({a}) AS BIGINT)", safe=True),
    Rule("$array_at_offset", "ARRAY, INT64", "bp_at({a}, {b})", source=SUBSCRIPTS),
    Rule("$array_at_ordinal", "ARRAY, INT64", "bp_at({a}, {b} - 1)", source=SUBSCRIPTS),
    Rule("$safe_array_at_offset", "ARRAY, INT64", "bp_safe_at({a}, {b})", source=SUBSCRIPTS),
    Rule("$safe_array_at_ordinal", "ARRAY, INT64", "bp_safe_at({a}, {b} - 1)", source=SUBSCRIPTS),
    Rule("array_concat", "ARRAY, ...", _concat),
    Rule("array_reverse", "ARRAY", "list_reverse({a})", safe=True),
    Rule("array_to_string", "ARRAY<STRING>, STRING", "array_to_string(list_filter({a}, lambda x: x IS NOT NULL), {b})"),
    Rule(
        "array_to_string",
        "ARRAY<STRING>, STRING, STRING",
        "array_to_string(list_transform({a}, lambda x: coalesce(x, {c})), {b})",
    ),
    Rule("$make_array", "...", _make),
)
