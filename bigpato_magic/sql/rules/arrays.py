"""ARRAY functions and subscripts."""

from __future__ import annotations

from collections.abc import Callable

from bigpato_magic.sql.rules.base import DOCS, Call, Rule, Template, route

SOURCE = DOCS + "array_functions"
SUBSCRIPTS = DOCS + "operators#array_subscript_operator"

# BigQuery's own limit is higher for some types; longer arrays are left to it.
MOST_STEPS = 15_998
# 0, 1, … one more than fits, which the comparison with the end takes away again.
_STEPS = (
    "range(CAST(least(greatest(floor((CAST(b AS DOUBLE) - CAST(a AS DOUBLE)) / CAST(s AS DOUBLE)), -1), 16000) "
    "AS BIGINT) + 2)"
)

MACROS = {
    "bp_at(a, i)": "CASE WHEN a IS NULL OR i IS NULL THEN NULL WHEN i >= 0 AND i < len(a) THEN a[CAST(i + 1 "
    "AS BIGINT)] "
    "ELSE error('array index out of bounds') END",
    "bp_float_steps(a, b, s)": "CASE WHEN a IS NULL OR b IS NULL OR s IS NULL THEN NULL "
    f"WHEN NOT isfinite(s) OR NOT isfinite((b - a) / s) OR s = 0 OR abs((b - a) / s) > {MOST_STEPS} "
    f"THEN {route('a long array, or no step')} "
    "WHEN a = b THEN [a] "
    # Less than about four units in the last place: rounding may make more elements than one.
    f"WHEN abs(s) < greatest(abs(a), abs(b)) * 1e-15 THEN {route('a step that is lost in rounding')} "
    f"ELSE list_filter(list_transform({_STEPS}, lambda i: CASE WHEN i = 0 THEN a ELSE a + CAST(i AS DOUBLE) * s END), "
    "lambda v: CASE WHEN s > 0 THEN v <= b ELSE v >= b END) END",
    # The products are exact in DECIMAL(32,9); a step beyond DECIMAL(27,9) stops the query.
    "bp_numeric_steps(a, b, s)": "CASE WHEN a IS NULL OR b IS NULL OR s IS NULL THEN NULL "
    f"WHEN s = 0 OR abs(CAST(b AS DOUBLE) - a) > {MOST_STEPS} * abs(CAST(s AS DOUBLE)) "
    f"THEN {route('a long array, or no step')} WHEN a = b THEN [a] "
    # The steps are counted in DOUBLE, where the difference of two numbers of 29 digits may be off by many of them.
    "WHEN abs(CAST(s AS DOUBLE)) < greatest(abs(CAST(a AS DOUBLE)), abs(CAST(b AS DOUBLE))) * 1e-15 "
    f"THEN {route('a step that is lost in rounding')} ELSE list_filter(list_transform({_STEPS}, "
    "lambda i: CAST(a + CAST(i AS DECIMAL(5,0)) * CAST(s AS DECIMAL(27,9)) AS DECIMAL(38,9))), "
    "lambda v: CASE WHEN s > 0 THEN v <= b ELSE v >= b END) END",
    "bp_safe_at(a, i)": "CASE WHEN i >= 0 AND i < len(a) THEN a[CAST(i + 1 AS BIGINT)] ELSE NULL END",
}


def _concat(call: Call) -> str:
    nulls = " OR ".join(f"{arg.sql} IS NULL" for arg in call.args)
    return f"(CASE WHEN {nulls} THEN NULL ELSE {' || '.join(f'({arg.sql})' for arg in call.args)} END)"


def _make(call: Call) -> str:
    return f"CAST([{', '.join(arg.sql for arg in call.args)}] AS {call.duck_type})"


def _joined(items: str, separator: str = "{b}") -> Callable[[Call], str]:
    """`items` with the separator between them. DuckDB's own function wants a constant one."""

    def rule(call: Call) -> str:
        if call.args[1].literal:
            return call.fill(f"array_to_string({items}, {separator})")
        before_each = f"list_reduce({items}, lambda x, y: x || {separator} || y, '')"
        return call.fill(f"substr({before_each}, length({separator}) + 1)")

    return rule


def _joined_bytes(items: str) -> Template:
    joined = _joined(items, "hex({b})")
    return lambda call: f"unhex({joined(call)})"


RULES = (
    Rule("array_length", "ARRAY", "CAST(len({a}) AS BIGINT)", can_throw=False),
    Rule("$array_at_offset", "ARRAY, INT64", "bp_at({a}, {b})", source=SUBSCRIPTS),
    Rule("$array_at_ordinal", "ARRAY, INT64", "bp_at({a}, {b} - 1)", source=SUBSCRIPTS),
    Rule("$safe_array_at_offset", "ARRAY, INT64", "bp_safe_at({a}, {b})", source=SUBSCRIPTS),
    Rule("$safe_array_at_ordinal", "ARRAY, INT64", "bp_safe_at({a}, {b} - 1)", source=SUBSCRIPTS),
    Rule("array_concat", "ARRAY, ...", _concat, can_throw=False),
    Rule("array_reverse", "ARRAY", "list_reverse({a})", can_throw=False),
    Rule(
        "array_to_string",
        "ARRAY<STRING>, STRING",
        _joined("list_filter({a}, lambda x: x IS NOT NULL)"),
        strict=True,
        can_throw=False,
    ),
    Rule(
        "array_to_string",
        "ARRAY<STRING>, STRING, STRING",
        _joined("list_transform({a}, lambda x: coalesce(x, {c}))"),
        strict=True,
        can_throw=False,
    ),
    Rule(
        "array_to_string",
        "ARRAY<BYTES>, BYTES",
        _joined_bytes("list_transform(list_filter({a}, lambda x: x IS NOT NULL), lambda x: hex(x))"),
        strict=True,
        can_throw=False,
    ),
    Rule(
        "array_to_string",
        "ARRAY<BYTES>, BYTES, BYTES",
        _joined_bytes(
            "list_transform(list_filter(list_transform({a}, lambda x: coalesce(x, {c})), lambda x: x IS NOT NULL), "
            "lambda x: hex(x))"
        ),
        strict=True,
        can_throw=False,
    ),
    Rule("generate_array", "FLOAT64, FLOAT64", "bp_float_steps({a}, {b}, 1.0::DOUBLE)", safe=True),
    Rule("generate_array", "FLOAT64, FLOAT64, FLOAT64", "bp_float_steps({a}, {b}, {c})", safe=True),
    Rule("generate_array", "NUMERIC, NUMERIC", "bp_numeric_steps({a}, {b}, 1)", safe=True),
    Rule("generate_array", "NUMERIC, NUMERIC, NUMERIC", "bp_numeric_steps({a}, {b}, {c})", safe=True),
    Rule("$make_array", "...", _make),
)
