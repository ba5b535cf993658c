"""Comparison, logic and conditionals.

GoogleSQL's NaN equals nothing and sorts first; DuckDB's equals itself and sorts last. So FLOAT64 is compared as DuckDB
compares only where NaN is excluded by what is known of the values.
"""

from __future__ import annotations

import re
from dataclasses import replace

from bigpato_magic.sql import decimals, equality
from bigpato_magic.sql.equality import compare_floats
from bigpato_magic.sql.expr import Expr, either
from bigpato_magic.sql.rules.base import DOCS, Call, Rule, Template, is_null
from bigpato_magic.types import Kind

_LIKE = re.compile(r"\((\S+) LIKE ('(?:[^']|'')*')\)")
SOURCE = DOCS + "operators"
CONDITIONALS = DOCS + "conditional_expressions"
ORDERED = ("INT64", "NUMERIC", "BIGNUMERIC", "STRING", "BYTES", "DATE", "DATETIME", "TIMESTAMP", "TIME", "BOOL")
COMPARISONS = {
    "$equal": "=",
    "$not_equal": "<>",
    "$less": "<",
    "$less_or_equal": "<=",
    "$greater": ">",
    "$greater_or_equal": ">=",
}

MACROS = {
    **equality.MACROS,
    "bp_in_array(x, a)": "CASE WHEN a IS NULL OR len(a) = 0 THEN false WHEN x IS NULL THEN NULL "
    "WHEN list_contains(a, x) THEN true WHEN len(a) <> list_aggregate(a, 'count') THEN NULL ELSE false END",
}


def _floats(op: str) -> Template:
    return lambda call: compare_floats(op, call.args[0], call.args[1])


def _float_between(call: Call) -> str:
    x, low, high = call.args
    sides = [compare_floats(">=", x, low), compare_floats("<=", x, high)]
    # DuckDB may leave the second side out: what can raise comes first, as BigQuery evaluates both.
    return f"({' AND '.join(sides if high.simple else reversed(sides))})"


def _in(call: Call) -> str:
    return f"({call.sql(0)} IN ({', '.join(arg.sql for arg in call.args[1:])}))"


def _float_in(call: Call) -> str:
    if call.args[0].facts.nan and any(arg.facts.nan for arg in call.args[1:]):
        return _in_by_parts(call)
    return _in(call)


def _in_by_parts(call: Call) -> str:
    return call.once(lambda bound: equality.equals_any(bound.args[0], bound.args[1:]))


def _in_array_by_parts(call: Call) -> str:
    element = call.args[1].type.element or call.args[0].type
    return call.once(lambda bound: equality.in_array(bound.args[0], bound.sql(1), element, call.fresh()))


def _extreme(name: str) -> Template:
    def rule(call: Call) -> str:
        nulls = is_null([arg for arg in call.args if arg.facts.nulls])
        plain = f"{name}({', '.join(arg.sql for arg in call.args)})"
        return f"(CASE WHEN {nulls} THEN NULL ELSE {plain} END)" if nulls else plain

    return rule


def _float_extreme(name: str) -> Template:
    def rule(call: Call) -> str:
        nulls = is_null(call.args)
        nans = " OR ".join(f"isnan({arg.sql})" for arg in call.args)
        plain = f"{name}({', '.join(arg.sql for arg in call.args)})"
        return f"(CASE WHEN {nulls} THEN NULL WHEN {nans} THEN 'nan'::DOUBLE ELSE {plain} END)"

    return rule


def _not(call: Call) -> str:
    """DuckDB's optimizer sees through NOT LIKE, not through NOT (… LIKE …)."""
    like = _LIKE.fullmatch(call.sql(0))
    return f"({like[1]} NOT LIKE {like[2]})" if like else f"(NOT {call.sql(0)})"


def _junction(word: str) -> Template:
    return lambda call: f"({f' {word} '.join(arg.sql for arg in call.args)})"


def _value(call: Call, sql: str, values: list[Expr], *, nulls: bool = False) -> Expr:
    """The conditional `sql`, whose value is one of `values` (or NULL), with what is certain of it."""
    facts = either(values)
    held = decimals.width(values[0]) if call.type.kind is Kind.NUMERIC else None
    return Expr(sql, call.type, replace(facts, nulls=facts.nulls or nulls, decimal=held))


def _if(call: Call) -> Expr:
    yes, no = decimals.unify(call.args[1:], bare=True)
    return _value(call, f"(CASE WHEN {call.sql(0)} THEN {yes.sql} ELSE {no.sql} END)", [yes, no])


def _coalesce(call: Call) -> Expr:
    args = decimals.unify(call.args, bare=True)
    e = _value(call, f"coalesce({', '.join(arg.sql for arg in args)})", args)
    return e.known(nulls=all(arg.facts.nulls for arg in args))


def _case(call: Call) -> Expr:
    """CASE WHEN condition THEN value … [ELSE value] END."""
    conditions, values = call.args[: len(call.args) // 2 * 2 : 2], call.args[1::2]
    return _branches(call, "", conditions, values, call.args[-1] if len(call.args) % 2 else None)


def _case_value(call: Call) -> Expr:
    """CASE x WHEN key THEN value … [ELSE value] END."""
    rest = call.args[1:]
    keys, values = rest[: len(rest) // 2 * 2 : 2], rest[1::2]
    default = rest[-1] if len(rest) % 2 else None
    value = call.args[0]
    if (value.facts.nulls and keys[0].raises) or (value.raises and keys[0].folds):
        call.refuse("CASE over a NULL and what may raise")
    if value.type.kind is Kind.STRUCT or (
        value.type.kind is Kind.FLOAT64 and value.facts.nan and any(k.facts.nan for k in keys)
    ):
        if not value.simple and len(keys) > 1:
            call.refuse(f"CASE over {value.type.kind} values that are computed")
        conditions = [k.text(equality.equal(value, k)) for k in keys]
        return _branches(call, "", conditions, values, default)
    return _branches(call, f" {call.sql(0)}", keys, values, default)


def _branches(call: Call, head: str, keys: list[Expr], values: list[Expr], default: Expr | None) -> Expr:
    unified = decimals.unify([*values, *([default] if default else [])], bare=True)
    whens = "".join(f" WHEN {k.sql} THEN {v.sql}" for k, v in zip(keys, unified, strict=False))
    tail = f" ELSE {unified[-1].sql}" if default else ""
    return _value(call, f"(CASE{head}{whens}{tail} END)", unified, nulls=default is None)


def _nullif_by_parts(call: Call) -> str:
    return call.once(lambda c: f"(CASE WHEN {equality.equal(*c.args)} THEN NULL ELSE {c.sql(0)} END)")


def _equal_structs(call: Call) -> str:
    return call.once(lambda bound: equality.equal(*bound.args))


def _distinct_structs(word: str) -> Template:
    def rule(call: Call) -> str:
        # Inside a STRUCT, DuckDB compares FLOAT64 byte by byte.
        kinds = {inner.kind for arg in call.args for inner in arg.type.walk()}
        if kinds & {Kind.FLOAT64, *equality.UNEQUAL}:
            call.refuse(f"IS DISTINCT FROM over {call.args[0].type} values")
        return f"({call.sql(0)} {word} {call.sql(1)})"

    return rule


def _no_error(call: Call) -> str:
    """SAFE.ERROR(…); what its message raises is still raised."""
    if not call.args[0].simple:
        call.refuse("SAFE.ERROR of a text that is computed")
    return f"CAST(NULL AS {call.duck_type})"


def _comparisons(key: str) -> list[Rule]:
    pair, narrow = f"{key}, {key}", key == "NUMERIC"
    return [
        *(Rule(n, pair, f"({{a}} {op} {{b}})", safe=True, narrow=narrow) for n, op in COMPARISONS.items()),
        Rule("$between", f"{pair}, {key}", "({a} BETWEEN {b} AND {c})", safe=True, narrow=narrow),
        Rule("$in", f"{key}, ...", _in, safe=True, narrow=narrow, grid=("a IN (a, NULL)",)),
        Rule("$is_distinct_from", pair, "({a} IS DISTINCT FROM {b})", safe=True, narrow=narrow),
        Rule("$is_not_distinct_from", pair, "({a} IS NOT DISTINCT FROM {b})", safe=True, narrow=narrow),
        Rule("greatest", f"{key}, ...", _extreme("greatest"), safe=True),
        Rule("least", f"{key}, ...", _extreme("least"), safe=True),
        Rule("$in_array", f"{key}, ARRAY<{key}>", "bp_in_array({a}, {b})", safe=True),
        Rule("nullif", pair, "nullif({a}, {b})", safe=True, source=CONDITIONALS),
        Rule("$case_with_value", f"{pair}, ...", _case_value, narrow=True, source=CONDITIONALS),
    ]


FLOATS = "FLOAT64, FLOAT64"
STRUCTS = "STRUCT, STRUCT"
RULES = (
    *(rule for key in ORDERED for rule in _comparisons(key)),
    *(Rule(name, FLOATS, _floats(op), safe=True) for name, op in COMPARISONS.items()),
    Rule("$between", f"{FLOATS}, FLOAT64", _float_between, safe=True),
    Rule("$in", "FLOAT64, ...", _float_in, safe=True, grid=("a IN (1.5, 0.0)",)),
    Rule("$is_distinct_from", FLOATS, "({a} IS DISTINCT FROM {b})", safe=True),
    Rule("$is_not_distinct_from", FLOATS, "({a} IS NOT DISTINCT FROM {b})", safe=True),
    Rule("greatest", "FLOAT64, ...", _float_extreme("greatest"), safe=True),
    Rule("least", "FLOAT64, ...", _float_extreme("least"), safe=True),
    Rule("nullif", FLOATS, _nullif_by_parts, safe=True, source=CONDITIONALS),
    Rule("$case_with_value", f"{FLOATS}, ...", _case_value, source=CONDITIONALS),
    Rule("$in_array", "FLOAT64, ARRAY<FLOAT64>", _in_array_by_parts, safe=True),
    Rule("$equal", STRUCTS, _equal_structs, safe=True),
    Rule("$not_equal", STRUCTS, lambda call: f"(NOT {_equal_structs(call)})", safe=True),
    Rule("$in", f"{STRUCTS}, ...", _in_by_parts, safe=True),
    Rule("$in_array", "STRUCT, ARRAY<STRUCT>", _in_array_by_parts, safe=True),
    Rule("$is_distinct_from", STRUCTS, _distinct_structs("IS DISTINCT FROM"), safe=True),
    Rule("$is_not_distinct_from", STRUCTS, _distinct_structs("IS NOT DISTINCT FROM"), safe=True),
    Rule("nullif", STRUCTS, _nullif_by_parts, safe=True, source=CONDITIONALS),
    Rule("$case_with_value", f"{STRUCTS}, ...", _case_value, source=CONDITIONALS),
    Rule("$is_null", "ANY", "({a} IS NULL)", safe=True, narrow=True),
    Rule("$is_true", "BOOL", "({a} IS TRUE)", safe=True),
    Rule("$is_false", "BOOL", "({a} IS FALSE)", safe=True),
    Rule("$not", "BOOL", _not, safe=True),
    Rule("$and", "BOOL, ...", _junction("AND"), safe=True),
    Rule("$or", "BOOL, ...", _junction("OR"), safe=True),
    Rule("if", "BOOL, ANY, ANY", _if, safe=True, narrow=True, source=CONDITIONALS),
    Rule("ifnull", "ANY, ANY", _coalesce, safe=True, narrow=True, source=CONDITIONALS),
    Rule("coalesce", "ANY, ...", _coalesce, safe=True, narrow=True, source=CONDITIONALS),
    Rule("$case_no_value", "BOOL, ANY, ...", _case, narrow=True, source=CONDITIONALS),
    Rule("$with_side_effects", "ANY, BYTES", "{a}"),
    Rule(
        "error",
        "STRING",
        lambda call: f"CAST(error(coalesce({call.sql(0)}, 'ERROR of NULL')) AS {call.duck_type})",
        safe=_no_error,
        source=DOCS + "debugging_functions#error",
        grid=("ERROR(a)",),
    ),
)
