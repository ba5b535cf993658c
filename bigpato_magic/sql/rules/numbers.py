"""Arithmetic of INT64, FLOAT64 and NUMERIC.

INT64 `+ - *` raise on overflow in DuckDB as in GoogleSQL. FLOAT64 overflow is an error in GoogleSQL and infinity in
DuckDB: guarded, unless what is known of the values excludes it. NUMERIC rounds half away from zero to nine places.
"""

from __future__ import annotations

from bigpato_magic.sql import decimals
from bigpato_magic.sql.expr import Expr, Facts, between
from bigpato_magic.sql.rules.base import DOCS, TRY, Call, Rule, Template, route
from bigpato_magic.types import Kind

SOURCE = DOCS + "mathematical_functions"
OPERATORS = DOCS + "operators#arithmetic_operators"
MIN, MAX = -(2**63), 2**63 - 1
# Results below this are far from DuckDB's infinity.
SMALL = 1e300
# 10 to this power has few enough bits for an exact product with a FLOAT64's halves.
EXACT_DIGITS = 4
# Digits of a NUMERIC after the point.
SCALE = 9

MACROS = {
    "bp_fadd(a, b)": "CASE WHEN isinf(a + b) AND isfinite(a) AND isfinite(b) THEN error('float overflow') "
    "ELSE a + b END",
    "bp_fsub(a, b)": "CASE WHEN isinf(a - b) AND isfinite(a) AND isfinite(b) THEN error('float overflow') "
    "ELSE a - b END",
    "bp_fmul(a, b)": "CASE WHEN isinf(a * b) AND isfinite(a) AND isfinite(b) THEN error('float overflow') "
    "ELSE a * b END",
    "bp_fdiv(a, b)": "CASE WHEN b = 0 AND a IS NOT NULL THEN error('division by zero') "
    "WHEN isinf(a / b) AND isfinite(a) AND isfinite(b) THEN error('float overflow') ELSE a / b END",
    "bp_fsafediv(a, b)": "CASE WHEN b = 0 THEN NULL WHEN isinf(a / b) AND isfinite(a) AND isfinite(b) THEN "
    "NULL ELSE a / b END",
    "bp_finite(a, r)": "CASE WHEN isfinite(a) AND NOT isfinite(r) THEN error('float error') ELSE r END",
    "bp_safe_finite(a, r)": "CASE WHEN isfinite(a) AND NOT isfinite(r) THEN NULL ELSE r END",
    "bp_idiv(a, b)": "CASE WHEN a IS NULL THEN NULL WHEN b = 0 THEN error('division by zero') WHEN b = -1 "
    "THEN -a ELSE a // b END",
    "bp_imod(a, b)": "CASE WHEN a IS NULL THEN NULL WHEN b = 0 THEN error('division by zero') WHEN b = -1 "
    "THEN 0 ELSE a % b END",
    # What is lost when x * c is rounded to a FLOAT64 (Veltkamp's splitting), for c of at most 14 bits.
    "bp_product_rest(x, c)": "((x * 134217729 - (x * 134217729 - x)) * c - x * c) "
    "+ (x - (x * 134217729 - (x * 134217729 - x))) * c",
    # Half away from zero of the exact product: only where x * c came out as a tie, the rest tells on which side it is.
    # From 2e16 on, a FLOAT64 has no digits there to round.
    "bp_round_exact(x, c)": "CASE WHEN NOT isfinite(x) OR abs(x * c) > 2e16 THEN x "
    f"WHEN abs(x * c) > 1e15 THEN {route('ROUND of a large FLOAT64')} "
    "WHEN abs(x * c - trunc(x * c)) = 0.5 AND bp_product_rest(x, c) * x < 0 THEN trunc(x * c) / c ELSE "
    "round(x * c) / c END",
    # NUMERIC division over the unscaled integers, rounded half away from zero.
    "bp_round_div(n, d)": "(CASE WHEN (n < 0) = (d < 0) THEN 1 ELSE -1 END) * ((abs(n) + abs(d) // 2) // abs(d))",
    "bp_unscaled(a)": "CAST(CAST(a AS DECIMAL(38,9)) * 1000000000::DECIMAL(10,0) AS HUGEINT)",
    "bp_scaled(h)": "CAST(CAST(h AS DECIMAL(38,0)) * CAST('0.000000001' AS DECIMAL(9,9)) AS DECIMAL(38,9))",
    # Larger numbers leave no room for the unscaled quotient; the guard stands inside because constants are folded.
    "bp_small(a)": "CASE WHEN abs(a) < 100000000000000000000 THEN a END",
    "bp_nquotient(a, b)": "bp_scaled(bp_round_div(bp_unscaled(bp_small(a)) * 1000000000::HUGEINT, "
    "bp_unscaled(bp_small(b))))",
    "bp_ndiv(a, b)": "CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN b = 0 THEN error('division by zero') "
    "WHEN abs(a) >= 100000000000000000000 OR abs(b) >= 100000000000000000000 "
    "THEN bp_numeric_divide(a, b, false) ELSE bp_nquotient(a, b) END",
    # A quotient of less than 1e29 is certain.
    "bp_nsafediv(a, b)": "CASE WHEN a IS NULL OR b IS NULL OR b = 0 THEN NULL "
    "WHEN abs(a) >= 100000000000000000000 OR abs(b) >= 100000000000000000000 OR abs(b) < 0.00000001 "
    "THEN bp_numeric_divide(a, b, true) ELSE bp_nquotient(a, b) END",
    "bp_navg(s, n)": "CASE WHEN n = 0 THEN NULL ELSE bp_scaled(bp_round_div(bp_unscaled(s), CAST(n AS HUGEINT))) END",
}


def _int(op: str) -> Template:
    """INT64 `+ - *`, with the range of the result where those of the arguments are known."""

    def rule(call: Call) -> Expr:
        a, b = call.args
        return Expr(f"({a.sql} {op} {b.sql})", call.type, _range(op, a.facts, b.facts))

    return rule


def _attempt(template: str) -> Template:
    return lambda call: call.attempt(template)


def _range(op: str, a: Facts, b: Facts) -> Facts:
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return Facts()
    if op == "*":
        ends = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    elif op == "+":
        ends = [a.low + b.low, a.high + b.high]
    else:
        ends = [a.low - b.high, a.high - b.low]
    return between(max(min(ends), MIN), min(max(ends), MAX))


def _int_divide(op: str, macro: str) -> Template:
    def rule(call: Call) -> str:
        a, b = call.args
        if b.literal and b.value not in (None, 0, -1):
            return f"({a.sql} {op} {b.sql})"
        return f"{macro}({a.sql}, {b.sql})"

    return rule


def _float(op: str, macro: str) -> Template:
    def rule(call: Call) -> Expr | str:
        a, b = call.args
        bound = _bound(op, a.facts.magnitude, b.facts.magnitude)
        if bound is None:
            return f"{macro}({a.sql}, {b.sql})"
        return Expr(f"({a.sql} {op} {b.sql})", call.type, Facts(nan=False, magnitude=bound))

    return rule


def _bound(op: str, a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return None
    bound = a * b if op == "*" else a + b
    return bound if bound < SMALL else None


def _float_divide(call: Call) -> Expr | str:
    a, b = call.args
    size = a.facts.magnitude
    if size is None or b.facts.magnitude is None:
        return f"bp_fdiv({a.sql}, {b.sql})"
    if b.literal and b.value and size / abs(b.value) < SMALL:
        return Expr(f"({a.sql} / {b.sql})", call.type, Facts(nan=False, magnitude=size / abs(b.value)))
    if b.facts.whole:
        guard = f"{b.sql} = 0" + (f" AND {a.sql} IS NOT NULL" if a.facts.nulls else "")
        sql = f"(CASE WHEN {guard} THEN error('division by zero') ELSE {a.sql} / {b.sql} END)"
        return Expr(sql, call.type, Facts(nan=False, magnitude=size))
    return f"bp_fdiv({a.sql}, {b.sql})"


def _numeric(op: str) -> Template:
    return lambda call: decimals.add(op, *call.args)


def _numeric_multiply(call: Call) -> Expr:
    return decimals.multiply(*call.args) or call.refuse("a NUMERIC product of so many digits")


def _numeric_divide(call: Call) -> Expr | str:
    exact = decimals.divide(*call.args)
    if exact is not None:
        return exact
    facts = Facts(decimal=decimals.shape_of_quotient(*map(decimals.width, call.args)))
    if all(arg.properties.cheap for arg in call.args):
        return Expr(_quotient(*call.args), call.type, facts)
    return Expr(call.once(lambda bound: _quotient(*bound.args)), call.type, facts)


def _quotient(a: Expr, b: Expr) -> str:
    exact = decimals.quotient(a, b, decimals.width(a), decimals.width(b))
    zero = "" if not b.facts.zero else f"WHEN {_zero(a, b)} THEN error('division by zero') "
    return decimals.near(a, b, exact or f"bp_ndiv({a.sql}, {b.sql})", unless=zero)


def _zero(a: Expr, b: Expr) -> str:
    return f"{b.sql} = 0 AND {a.sql} IS NOT NULL" if a.facts.nulls else f"{b.sql} = 0"


def _same_width(call: Call) -> Facts:
    return Facts(decimal=call.args[0].facts.decimal)


def _same_nan(call: Call) -> Facts:
    first = call.args[0].facts
    return Facts(nan=first.nan, magnitude=first.magnitude)


def fits(answer: Expr) -> bool:
    """Is it known that a result fits its type?"""
    facts = answer.facts
    if answer.type.kind is Kind.INT64:
        return facts.low is not None and facts.high is not None and facts.low > MIN and facts.high < MAX
    return facts.magnitude is not None or (facts.decimal is not None and decimals.fits(*facts.decimal))


def overflows(_: Call, answer: Expr) -> bool:
    """May the result not fit?"""
    return not fits(answer)


def _not_by_one_or_more(call: Call, _: Expr) -> bool:
    """Is the divisor no constant that makes no number larger?"""
    divisor = call.args[1]
    return not divisor.literal or divisor.is_null or abs(divisor.value) < 1


def _next_whole(call: Call) -> Facts:
    """Of CEIL and its like: the whole number beside a value may be further from 0 than the value is."""
    first = call.args[0].facts
    return Facts(nan=first.nan, magnitude=None if first.magnitude is None else first.magnitude + 1)


def _round_float(*, safe: bool) -> Template:
    """Up to four digits the scaled value is known exactly; beyond, exact arithmetic tells which results are certain."""

    def rule(call: Call) -> str:
        digits = call.args[1].value if call.args[1].literal else None
        if digits is None or not 0 < digits <= EXACT_DIGITS:
            return f"bp_float_round({call.sql(0)}, {call.sql(1)}, {str(safe).lower()})"
        return call.once(lambda bound: f"bp_round_exact({bound.sql(0)}, '1e{digits}'::DOUBLE)")

    return rule


def _round_numeric(*, safe: bool) -> Template:
    def rule(call: Call) -> str:
        digits = call.args[1].value if call.args[1].literal else None
        if safe or digits is None or not 0 <= digits <= SCALE:
            return f"bp_numeric_round({call.sql(0)}, {call.sql(1)}, {str(safe).lower()})"
        return f"CAST(round({call.sql(0)}, {digits}) AS DECIMAL(38,9))"

    return rule


def _domain(name: str, excluded: str, *, lowest: bool = False) -> Rule:
    """A function that raises where `excluded` holds, and gives NULL there in SAFE mode.

    Args:
        name: GoogleSQL's.
        excluded: in DuckDB.
        lowest: of minus infinity it is NaN.
    """
    text = f"{'ln' if name == 'log' else name}({{a}})"
    if lowest:
        inside = text.replace("{a}", "CASE WHEN {a} > '-inf'::DOUBLE THEN {a} END")
        text = f"CASE WHEN {{a}} = '-inf'::DOUBLE THEN 'nan'::DOUBLE ELSE {inside} END"
        excluded = f"{excluded} AND isfinite({{a}})"
    return Rule(
        name,
        "FLOAT64",
        f"(CASE WHEN {excluded} THEN error('{name}: out of its domain') ELSE {text} END)",
        safe=f"(CASE WHEN {excluded} THEN NULL ELSE {text} END)",
    )


def _partial(name: str, known: str = "{a}") -> Rule:
    """A function that raises where its value would not be finite; DuckDB's may raise there too.

    Args:
        name: of both.
        known: for what arguments it has a value; NaN stands for the others.
    """
    call = f"{name}({known})"
    texts = [f"bp_finite({{a}}, {call})", f"bp_safe_finite({{a}}, TRY({call}))"]
    if known != "{a}":
        texts = [f"(CASE WHEN {{a}} IS NOT NULL AND {known} IS NULL THEN 'nan'::DOUBLE ELSE {t} END)" for t in texts]
    return Rule(name, "FLOAT64", texts[0], safe=texts[1])


INTS, FLOATS, NUMERICS = "INT64, INT64", "FLOAT64, FLOAT64", "NUMERIC, NUMERIC"
SERIES = "generate_series({a}, CASE WHEN abs(CAST({b} AS HUGEINT) - {a}) > 15999 THEN " + route("a long array")
SERIES += " ELSE {b} END, CAST(1 AS BIGINT))"
STEPS = "generate_series({a}, CASE WHEN {c} = 0 OR abs((CAST({b} AS HUGEINT) - {a}) // {c}) > 15999 THEN "
STEPS += route("a long array, or step 0") + " ELSE {b} END, {c})"
POWER = (
    "(CASE WHEN isfinite({{a}}) AND isfinite({{b}}) AND NOT isfinite(pow({{a}}, {{b}})) THEN {raised} "
    "ELSE pow({{a}}, {{b}}) END)"
)
RULES = (
    Rule("$add", INTS, _int("+"), can_throw=overflows, safe=TRY, source=OPERATORS),
    Rule("$subtract", INTS, _int("-"), can_throw=overflows, safe=TRY, source=OPERATORS),
    Rule("$multiply", INTS, _int("*"), can_throw=overflows, safe=TRY, source=OPERATORS),
    Rule("$unary_minus", "INT64", "(CAST(- ({a}) AS BIGINT))", can_throw=overflows, safe=TRY, source=OPERATORS),
    Rule("abs", "INT64", "abs({a})", can_throw=overflows, safe=TRY),
    Rule("div", INTS, _int_divide("//", "bp_idiv"), safe="(CASE WHEN {b} = 0 THEN NULL ELSE bp_idiv({a}, {b}) END)"),
    Rule("mod", INTS, _int_divide("%", "bp_imod"), safe="(CASE WHEN {b} = 0 THEN NULL ELSE bp_imod({a}, {b}) END)"),
    Rule("sign", "INT64", "CAST(sign({a}) AS BIGINT)", can_throw=False, facts=between(-1, 1)),
    Rule("$bitwise_and", INTS, "({a} & {b})", can_throw=False, source=OPERATORS),
    Rule("$bitwise_or", INTS, "({a} | {b})", can_throw=False, source=OPERATORS),
    Rule("$bitwise_xor", INTS, "xor({a}, {b})", can_throw=False, source=OPERATORS),
    Rule("$bitwise_not", "INT64", "(~ {a})", can_throw=False, source=OPERATORS),
    Rule("bit_count", "INT64", "CAST(bit_count({a}) AS BIGINT)", can_throw=False, facts=between(0, 64)),
    Rule("safe_add", INTS, _attempt("({a} + {b})"), can_throw=False),
    Rule("safe_subtract", INTS, _attempt("({a} - {b})"), can_throw=False),
    Rule("safe_multiply", INTS, _attempt("({a} * {b})"), can_throw=False),
    Rule("safe_negate", "INT64", _attempt("CAST(- ({a}) AS BIGINT)"), can_throw=False),
    Rule("generate_array", INTS, SERIES, safe=True, source=DOCS + "array_functions#generate_array"),
    Rule("generate_array", f"{INTS}, INT64", STEPS, safe=True, source=DOCS + "array_functions#generate_array"),
    Rule("$add", FLOATS, _float("+", "bp_fadd"), can_throw=overflows, source=OPERATORS),
    Rule("$subtract", FLOATS, _float("-", "bp_fsub"), can_throw=overflows, source=OPERATORS),
    Rule("$multiply", FLOATS, _float("*", "bp_fmul"), can_throw=overflows, source=OPERATORS),
    Rule("$divide", FLOATS, _float_divide, source=OPERATORS),
    Rule("ieee_divide", FLOATS, "({a} / {b})", can_throw=False),
    Rule("safe_divide", FLOATS, "bp_fsafediv({a}, {b})", can_throw=False),
    Rule("$unary_minus", "FLOAT64", "(- {a})", can_throw=False, facts=_same_nan, source=OPERATORS),
    Rule("abs", "FLOAT64", "abs({a})", can_throw=False, facts=_same_nan),
    Rule("is_nan", "FLOAT64", "isnan({a})", can_throw=False),
    Rule("is_inf", "FLOAT64", "isinf({a})", can_throw=False),
    Rule(
        "sign",
        "FLOAT64",
        "(CASE WHEN isnan({a}) THEN 'nan'::DOUBLE ELSE CAST(sign({a}) AS DOUBLE) END)",
        can_throw=False,
    ),
    _domain("sqrt", "{a} < 0"),
    *(_domain(name, "{a} <= 0", lowest=True) for name in ("ln", "log", "log10")),
    *(_partial(name) for name in ("exp", "atan", "sinh", "cosh", "tanh", "asinh", "cbrt")),
    *(_partial(name, "bp_only_finite({a})") for name in ("asin", "acos", "atanh")),
    _partial("acosh", "CASE WHEN {a} > '-inf'::DOUBLE THEN {a} END"),
    Rule("atan2", FLOATS, "atan2({a}, {b})", can_throw=False),
    Rule("pow", FLOATS, POWER.format(raised="error('pow')"), safe=POWER.format(raised="NULL")),
    *(
        Rule(name, "FLOAT64", f"{name}({{a}})", can_throw=False, facts=_next_whole)
        for name in ("floor", "ceil", "round")
    ),
    Rule("trunc", "FLOAT64", "trunc({a})", can_throw=False, facts=_same_nan),
    Rule(
        "round",
        "FLOAT64, INT64",
        _round_float(safe=False),
        safe=_round_float(safe=True),
        facts=lambda call: Facts(nan=call.args[0].facts.nan),
    ),
    Rule("$add", NUMERICS, _numeric("+"), can_throw=overflows, safe=TRY, narrow=True, source=OPERATORS),
    Rule("$subtract", NUMERICS, _numeric("-"), can_throw=overflows, safe=TRY, narrow=True, source=OPERATORS),
    Rule("$multiply", NUMERICS, _numeric_multiply, can_throw=overflows, narrow=True, source=OPERATORS),
    Rule(
        "$divide",
        NUMERICS,
        _numeric_divide,
        can_throw=_not_by_one_or_more,
        safe="bp_nsafediv({a}, {b})",
        narrow=True,
        source=OPERATORS,
    ),
    Rule("safe_divide", NUMERICS, "bp_nsafediv({a}, {b})", can_throw=False),
    *(
        Rule(f"safe_{name}", NUMERICS, _attempt(f"({{a}} {op} {{b}})"), can_throw=False)
        for name, op in (("add", "+"), ("subtract", "-"))
    ),
    Rule("safe_multiply", NUMERICS, "bp_numeric_multiply({a}, {b}, true)", can_throw=False),
    Rule("safe_negate", "NUMERIC", "(- {a})", can_throw=False),
    *(
        Rule(
            f"safe_{name}",
            FLOATS,
            f"(CASE WHEN isfinite({{a}}) AND isfinite({{b}}) AND NOT isfinite({{a}} {op} {{b}}) "
            f"THEN NULL ELSE {{a}} {op} {{b}} END)",
            can_throw=False,
        )
        for name, op in (("add", "+"), ("subtract", "-"), ("multiply", "*"))
    ),
    Rule("safe_negate", "FLOAT64", "(- {a})", can_throw=False, facts=_same_nan),
    Rule("$unary_minus", "NUMERIC", "(- {a})", can_throw=False, narrow=True, facts=_same_width, source=OPERATORS),
    Rule("abs", "NUMERIC", "abs({a})", can_throw=False, narrow=True, facts=_same_width),
    *(
        Rule(name, "NUMERIC", f"CAST({name}({{a}}) AS DECIMAL(38,9))", safe=TRY)
        for name in ("floor", "ceil", "round", "sign")
    ),
    Rule("round", "NUMERIC, INT64", _round_numeric(safe=False), safe=_round_numeric(safe=True)),
)
