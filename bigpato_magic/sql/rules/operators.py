"""Comparison, logic and conditionals.

GoogleSQL's NaN equals nothing and sorts first; DuckDB's equals itself and sorts last. So FLOAT64 is compared as DuckDB
compares only where NaN is excluded by what is known of the values.
"""

from __future__ import annotations

from dataclasses import replace

from bigpato_magic.sql import decimals, equality
from bigpato_magic.sql.equality import compare_floats
from bigpato_magic.sql.expr import Expr, either
from bigpato_magic.sql.rules.base import DOCS, Call, Rule, Template, bind, is_null
from bigpato_magic.types import Kind

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


def is_in(call: Call) -> str:
    """`a IN (b, c, …)`."""
    return f"({call.sql(0)} IN ({', '.join(arg.sql for arg in call.args[1:])}))"


def _float_in(call: Call) -> str:
    if call.args[0].facts.nan and any(arg.facts.nan for arg in call.args[1:]):
        return _in_by_parts(call)
    return is_in(call)


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
    negated = call.args[0].negated
    return negated.sql if negated else f"(NOT {call.sql(0)})"


def _junction(word: str) -> Template:
    return lambda call: f"({f' {word} '.join(arg.sql for arg in call.args)})"


def _value(call: Call, sql: str, values: list[Expr], *, nulls: bool = False) -> Expr:
    """The conditional `sql`, whose value is one of `values` (or NULL), with what is certain of it."""
    facts = either(values)
    held = decimals.width(values[0]) if call.type.kind is Kind.NUMERIC else None
    return Expr(sql, call.type, replace(facts, nulls=facts.nulls or nulls, decimal=held))


def _if(call: Call) -> Expr:
    return _branches(call, "", call.args[:1], call.args[1:2], call.args[2])


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
    if (value.facts.nulls and keys[0].can_throw) or (value.can_throw and keys[0].folds_to_null):
        call.refuse("CASE over a NULL and what may raise")
    if value.type.kind is Kind.STRUCT or (
        value.type.kind is Kind.FLOAT64 and value.facts.nan and any(k.facts.nan for k in keys)
    ):
        if not value.simple and len(keys) > 1:
            call.refuse(f"CASE over {value.type.kind} values that are computed")
        conditions = [_is_key(call, value, k) for k in keys]
        return _branches(call, "", conditions, values, default)
    return _branches(call, f" {call.sql(0)}", keys, values, default)


def _is_key(call: Call, value: Expr, key: Expr) -> Expr:
    """`value = key`. A key is evaluated where it is compared, and once; a lambda has no subqueries."""
    if key.simple or value.properties.subquery:
        return key.text(equality.equal(value, key))
    return key.text(bind(call.names, key.sql, lambda name: equality.equal(value, replace(key, sql=name))))


def _branches(call: Call, head: str, keys: list[Expr], values: list[Expr], default: Expr | None) -> Expr:
    unified = decimals.unify([*values, *([default] if default else [])], bare=True)
    texts = [v.sql for v in unified]
    if any(arg.can_throw for arg in [*keys, *(call.args[:1] if head else ())]) and _may_be_one(unified, default):
        # Never so, which DuckDB does not know.
        never = f"WHEN random() < 0 THEN CAST(error('never') AS {call.duck_type})"
        texts[len(keys) :] = [f"CASE {never} ELSE {texts[-1] if default else 'NULL'} END"]
    whens = "".join(f" WHEN {k.sql} THEN {text}" for k, text in zip(keys, texts, strict=False))
    tail = f" ELSE {texts[-1]}" if len(texts) > len(keys) else ""
    return _value(call, f"(CASE{head}{whens}{tail} END)", unified, nulls=default is None)


def _may_be_one(values: list[Expr], default: Expr | None) -> bool:
    """May DuckDB know of one value that all of them are? It would not look at the conditions then.

    It computes what is made of constants, also of constants of a query below.
    """
    known = {"NULL" if v.is_null else v.sql for v in values if v.literal}
    return len(known if default else known | {"NULL"}) < 2


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
        *(Rule(n, pair, f"({{a}} {op} {{b}})", can_throw=False, narrow=narrow) for n, op in COMPARISONS.items()),
        Rule("$between", f"{pair}, {key}", "({a} BETWEEN {b} AND {c})", can_throw=False, narrow=narrow),
        Rule("$in", f"{key}, ...", is_in, can_throw=False, narrow=narrow),
        Rule("$is_distinct_from", pair, "({a} IS DISTINCT FROM {b})", can_throw=False, narrow=narrow),
        Rule("$is_not_distinct_from", pair, "({a} IS NOT DISTINCT FROM {b})", can_throw=False, narrow=narrow),
        Rule("greatest", f"{key}, ...", _extreme("greatest"), can_throw=False),
        Rule("least", f"{key}, ...", _extreme("least"), can_throw=False),
        Rule("$in_array", f"{key}, ARRAY<{key}>", "bp_in_array({a}, {b})", can_throw=False),
        Rule("nullif", pair, "nullif({a}, {b})", can_throw=False, source=CONDITIONALS),
        Rule("$case_with_value", f"{pair}, ...", _case_value, can_throw=False, narrow=True, source=CONDITIONALS),
    ]


FLOATS = "FLOAT64, FLOAT64"
STRUCTS = "STRUCT, STRUCT"
RULES = (
    *(rule for key in ORDERED for rule in _comparisons(key)),
    *(Rule(name, FLOATS, _floats(op), can_throw=False) for name, op in COMPARISONS.items()),
    Rule("$between", f"{FLOATS}, FLOAT64", _float_between, can_throw=False),
    Rule("$in", "FLOAT64, ...", _float_in, can_throw=False),
    Rule("$is_distinct_from", FLOATS, "({a} IS DISTINCT FROM {b})", can_throw=False),
    Rule("$is_not_distinct_from", FLOATS, "({a} IS NOT DISTINCT FROM {b})", can_throw=False),
    Rule("greatest", "FLOAT64, ...", _float_extreme("greatest"), can_throw=False),
    Rule("least", "FLOAT64, ...", _float_extreme("least"), can_throw=False),
    Rule("nullif", FLOATS, _nullif_by_parts, can_throw=False, source=CONDITIONALS),
    Rule("$case_with_value", f"{FLOATS}, ...", _case_value, can_throw=False, source=CONDITIONALS),
    Rule("$in_array", "FLOAT64, ARRAY<FLOAT64>", _in_array_by_parts, can_throw=False),
    Rule("$equal", STRUCTS, _equal_structs, can_throw=False),
    Rule("$not_equal", STRUCTS, lambda call: f"(NOT {_equal_structs(call)})", can_throw=False),
    Rule("$in", f"{STRUCTS}, ...", _in_by_parts, can_throw=False),
    Rule("$in_array", "STRUCT, ARRAY<STRUCT>", _in_array_by_parts, can_throw=False),
    Rule("$is_distinct_from", STRUCTS, _distinct_structs("IS DISTINCT FROM"), can_throw=False),
    Rule("$is_not_distinct_from", STRUCTS, _distinct_structs("IS NOT DISTINCT FROM"), can_throw=False),
    Rule("nullif", STRUCTS, _nullif_by_parts, can_throw=False, source=CONDITIONALS),
    Rule("$case_with_value", f"{STRUCTS}, ...", _case_value, can_throw=False, source=CONDITIONALS),
    Rule("$is_null", "ANY", "({a} IS NULL)", can_throw=False, narrow=True),
    Rule("$is_true", "BOOL", "({a} IS TRUE)", can_throw=False),
    Rule("$is_false", "BOOL", "({a} IS FALSE)", can_throw=False),
    Rule("$not", "BOOL", _not, can_throw=False),
    Rule("$and", "BOOL, ...", _junction("AND"), can_throw=False),
    Rule("$or", "BOOL, ...", _junction("OR"), can_throw=False),
    Rule("if", "BOOL, ANY, ANY", _if, can_throw=False, narrow=True, source=CONDITIONALS),
    Rule("ifnull", "ANY, ANY", _coalesce, can_throw=False, narrow=True, source=CONDITIONALS),
    Rule("coalesce", "ANY, ...", _coalesce, can_throw=False, narrow=True, source=CONDITIONALS),
    Rule("$case_no_value", "BOOL, ANY, ...", _case, can_throw=False, narrow=True, source=CONDITIONALS),
    Rule("$with_side_effects", "ANY, BYTES", "{a}", can_throw=False),
    Rule(
        "error",
        "STRING",
        lambda call: f"CAST(error(coalesce({call.sql(0)}, 'ERROR of NULL')) AS {call.duck_type})",
        safe=_no_error,
        source=DOCS + "debugging_functions#error",
    ),
)
