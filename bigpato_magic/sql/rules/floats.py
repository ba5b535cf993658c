"""Logarithms and trigonometry of FLOAT64, distances of vectors, buckets, far shifts, and the bits of BYTES."""

from __future__ import annotations

from bigpato_magic.sql.rules.base import DOCS, AggregateRule, Call, Rule, Template, Udf, guarded, route
from bigpato_magic.sql.rules.operators import ORDERED
from bigpato_magic.types import Kind

SOURCE = DOCS + "mathematical_functions"
AGGREGATE_FUNCTIONS = DOCS + "aggregate_functions"
BITS = DOCS + "bit_functions"
NAN = "'nan'::DOUBLE"

MACROS = {
    # Of a finite number 1 / r must be finite.
    "bp_reciprocal(x, r)": "CASE WHEN isfinite(x) AND NOT isfinite(1.0::DOUBLE / r) THEN error('float error') "
    "ELSE 1.0::DOUBLE / r END",
    "bp_safe_reciprocal(x, r)": "CASE WHEN isfinite(x) AND NOT isfinite(1.0::DOUBLE / r) THEN NULL "
    "ELSE 1.0::DOUBLE / r END",
    # Sine and its like know no infinity.
    "bp_only_finite(x)": "CASE WHEN isfinite(x) THEN x END",
    "bp_logarithm(x, b)": f"CASE WHEN x IS NULL OR b IS NULL THEN NULL WHEN NOT isfinite(b) OR b <= 0 THEN {NAN} "
    f"WHEN isnan(x) OR x < 0 THEN {NAN} WHEN isinf(x) THEN CASE WHEN b < 1 THEN -x ELSE x END "
    "ELSE ln(x) / ln(b) END",
    "bp_sorted(a)": "len(a) = list_aggregate(a, 'count') AND list_sort(a) = a",
    "bp_shifted_left(a, b)": "CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN b > 63 THEN 0::BIGINT "
    "WHEN a >= 0 AND a < (1::HUGEINT << (63 - b)) THEN a << b "
    "ELSE bp_signed((CAST(a AS HUGEINT) & ((1::HUGEINT << (64 - b)) - 1)) << b) END",
    "bp_signed(h)": "CAST(CASE WHEN h >= 9223372036854775808::HUGEINT THEN h - 18446744073709551616::HUGEINT "
    "ELSE h END AS BIGINT)",
    "bp_shifted_right(a, b)": "CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN b > 63 THEN 0::BIGINT "
    "WHEN a >= 0 OR b = 0 THEN a >> b "
    "ELSE CAST((CAST(a AS HUGEINT) + 18446744073709551616::HUGEINT) >> b AS BIGINT) END",
}


def _bad_logarithm(call: Call) -> str:
    x, b = call.sql(0), call.sql(1)
    return f"isfinite({x}) AND isfinite({b}) AND ({x} <= 0 OR {b} <= 0 OR {b} = 1)"


def _logarithm(otherwise: str) -> Template:
    def rule(call: Call) -> str:
        return call.once(
            lambda c: f"(CASE WHEN {_bad_logarithm(c)} THEN {otherwise} ELSE bp_logarithm({c.sql(0)}, {c.sql(1)}) END)"
        )

    return rule


def _reciprocal(name: str, of: str, *, wave: bool) -> Rule:
    """Of a wave the value at infinity is NaN."""
    inner = f"{of}(bp_only_finite({{a}}))" if wave else f"{of}({{a}})"

    def text(macro: str) -> str:
        plain = f"{macro}({{a}}, {inner})"
        return f"(CASE WHEN isinf({{a}}) OR isnan({{a}}) THEN {NAN} ELSE {plain} END)" if wave else plain

    return Rule(name, "FLOAT64", text("bp_reciprocal"), safe=text("bp_safe_reciprocal"))


# ------------------------------------------------------------------------------------- arrays and bits

_INDEXES = {
    Kind.INT64: ("sparse", "STRUCT(f0 BIGINT, f1 DOUBLE)[]"),
    Kind.STRING: ("named", "STRUCT(f0 VARCHAR, f1 DOUBLE)[]"),
}


def _distance(name: str, *, safe: bool) -> Template:
    def rule(call: Call) -> str:
        element = call.args[0].type.element
        form = "dense"
        if element is not None and element.kind is Kind.STRUCT:
            kinds = [field.type.kind for field in element.fields]
            if len(kinds) != 2 or kinds[0] not in _INDEXES or kinds[1] is not Kind.FLOAT64:
                call.refuse(f"{call.label} of such vectors")
            form = _INDEXES[kinds[0]][0]
        return f"bp_{name}_{form}({call.sql(0)}, {call.sql(1)}, {str(safe).lower()})"

    return rule


def _distances(name: str) -> list[Rule]:
    return [
        Rule(f"{name}_distance", f"{key}, {key}", _distance(name, safe=False), safe=_distance(name, safe=True))
        for key in ("ARRAY<FLOAT64>", "ARRAY<STRUCT>")
    ]


def _bucket(key: str) -> Rule:
    """Google looks at the bounds that its bisection visits: in what order others are is not told."""
    nan = "WHEN isnan({a}) THEN NULL " if key == "FLOAT64" else ""
    bad = "NOT bp_sorted({b})" + (" OR list_contains({b}, 'nan'::DOUBLE)" if key == "FLOAT64" else "")
    text = (
        f"(CASE WHEN {{a}} IS NULL OR {{b}} IS NULL THEN NULL {nan}WHEN len({{b}}) = 0 THEN 0::BIGINT "
        f"WHEN {bad} THEN {route('bounds of RANGE_BUCKET that are not in order')} "
        "ELSE CAST(len(list_filter({b}, lambda bound: bound <= {a})) AS BIGINT) END)"
    )
    return Rule("range_bucket", f"{key}, ARRAY<{key}>", text, safe=True)


def _shift(way: str) -> Rule:
    def rule(call: Call) -> str:
        return call.once(
            lambda c: (
                f"(CASE WHEN {c.sql(0)} IS NOT NULL AND {c.sql(1)} < 0 THEN error('a negative shift') "
                f"ELSE bp_shifted_{way}({c.sql(0)}, CASE WHEN {c.sql(1)} < 0 THEN 0 ELSE {c.sql(1)} END) END)"
            )
        )

    return Rule(f"$bitwise_{way}_shift", "INT64, INT64", rule, source=DOCS + "operators#bitwise_operators")


def _bitwise(name: str) -> AggregateRule:
    def rule(call: Call) -> str:
        return f"bp_bytes_bitwise(list({{distinct}}{{a}}){{tail}}, '{name}', '{call.keyword(1)}')"

    return AggregateRule(name, "BYTES, ENUM", rule, distinct=True, source=AGGREGATE_FUNCTIONS)


UDFS = (
    *(Udf(f"bp_float_{n}", ("DOUBLE", "BIGINT", "BOOLEAN"), "DOUBLE") for n in ("round", "trunc")),
    *(
        Udf(f"bp_{name}_{form}", (held, held, "BOOLEAN"), "DOUBLE")
        for name in ("cosine", "euclidean")
        for form, held in (("dense", "DOUBLE[]"), *_INDEXES.values())
    ),
    Udf("bp_bytes_bitwise", ("BLOB[]", "VARCHAR", "VARCHAR"), "BLOB"),
)
RULES = (
    Rule("log", "FLOAT64, FLOAT64", _logarithm("error('LOG: out of its domain')"), safe=_logarithm("NULL")),
    *(
        Rule(
            name,
            "FLOAT64",
            f"(CASE WHEN isinf({{a}}) OR isnan({{a}}) THEN {NAN} ELSE {name}(bp_only_finite({{a}})) END)",
            can_throw=False,
        )
        for name in ("sin", "cos", "tan")
    ),
    *(
        _reciprocal(name, of, wave=of in ("sin", "cos", "tan"))
        for name, of in (
            ("cot", "tan"),
            ("coth", "tanh"),
            ("csc", "sin"),
            ("csch", "sinh"),
            ("sec", "cos"),
            ("sech", "cosh"),
        )
    ),
    guarded("trunc", "FLOAT64, INT64", "bp_float_trunc"),
    *(_shift(way) for way in ("left", "right")),
    Rule(
        "bit_count",
        "BYTES",
        # DuckDB has no empty BIT; the guard stands inside, because it may cast before it looks at a CASE.
        "CAST(bit_count(CAST(CASE WHEN octet_length({a}) = 0 THEN unhex('00') ELSE {a} END AS BIT)) AS BIGINT)",
        can_throw=False,
        source=BITS,
    ),
    *(rule for name in ("cosine", "euclidean") for rule in _distances(name)),
    *(_bucket(key) for key in (*ORDERED, "FLOAT64")),
)
AGGREGATES = tuple(_bitwise(name) for name in ("bit_and", "bit_or", "bit_xor"))
