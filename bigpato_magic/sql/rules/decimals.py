"""BIGNUMERIC, and NUMERIC where DuckDB has no room for its digits: functions of `sql.udfs.decimals`.

A BIGNUMERIC is held as bytes in the numbers' own order, so comparing, sorting, grouping, MIN and MAX are DuckDB's.
"""

from __future__ import annotations

from bigpato_magic.sql.expr import ASCII, Facts
from bigpato_magic.sql.physical import SCALARS
from bigpato_magic.sql.rules.base import DOCS, AggregateRule, Call, Rule, Template, Udf, guarded
from bigpato_magic.sql.rules.numbers import OPERATORS
from bigpato_magic.types import Kind

SOURCE = DOCS + "mathematical_functions"
CASTS = DOCS + "conversion_functions#cast"
AGGREGATE_FUNCTIONS = DOCS + "aggregate_functions"
PARSING = DOCS + "conversion_functions"
BIG, NUMERIC = "BIGNUMERIC", "NUMERIC"
# How a NULL is written where a keyword stands.
NO_MODE = "None"
MODES = {"ROUND_HALF_AWAY_FROM_ZERO": "round", "ROUND_HALF_EVEN": "even"}

# Name, function, arguments.
_OPERATORS = {"$add": "add", "$subtract": "subtract", "$multiply": "multiply", "$divide": "divide"}
_PAIRS = ("add", "subtract", "multiply", "divide", "div", "mod")
_DIGITS = ("round", "even", "trunc")
_SINGLES = ("negate", "abs", "sign", "floor", "ceil")


def _udf(name: str, arguments: tuple[str, ...], result: str, *, safe: bool = True) -> Udf:
    held = (*(SCALARS[Kind(a)] for a in arguments), *(("BOOLEAN",) if safe else ()))
    return Udf(name, held, SCALARS[Kind(result)])


UDFS = (
    *(_udf(f"bp_big_{name}", (BIG, BIG), BIG) for name in _PAIRS),
    *(_udf(f"bp_numeric_{name}", (NUMERIC, NUMERIC), NUMERIC) for name in ("multiply", "divide", "div", "mod")),
    *(_udf(f"bp_big_{name}", (BIG, "INT64"), BIG) for name in _DIGITS),
    *(_udf(f"bp_numeric_{name}", (NUMERIC, "INT64"), NUMERIC) for name in _DIGITS),
    *(_udf(f"bp_big_{name}", (BIG,), BIG) for name in _SINGLES),
    _udf("bp_big_from_int", ("INT64",), BIG, safe=False),
    _udf("bp_big_from_numeric", (NUMERIC,), BIG, safe=False),
    *(_udf(f"bp_{n}_from_double", ("FLOAT64",), t) for n, t in (("big", BIG), ("numeric", NUMERIC))),
    _udf("bp_big_from_text", ("STRING",), BIG),
    _udf("bp_big_parse", ("STRING",), BIG),
    _udf("bp_big_to_int", (BIG,), "INT64"),
    _udf("bp_big_to_numeric", (BIG,), NUMERIC),
    _udf("bp_big_as_numeric", (BIG,), NUMERIC, safe=False),
    _udf("bp_big_to_double", (BIG,), "FLOAT64", safe=False),
    _udf("bp_big_text", (BIG,), "STRING", safe=False),
    Udf("bp_big_sum", ("BLOB[]",), "BLOB"),
    Udf("bp_big_avg", ("BLOB[]",), "BLOB"),
)


def _cast(source: str, target: str, template: str, safe: str | None = None, facts: Facts = Facts()) -> Rule:
    pair, can_throw = f"{source} AS {target}", safe is not None
    return Rule("cast", pair, template, can_throw=can_throw, safe=safe, facts=facts, source=CASTS)


def _safe_cast(source: str, target: str, function: str) -> Rule:
    return _cast(source, target, f"{function}({{a}}, false)", f"{function}({{a}}, true)")


def _rounded(kind: str, *, safe: bool) -> Template:
    def rule(call: Call) -> str:
        if call.keyword(2) == NO_MODE:
            return f"CAST(NULL AS {call.duck_type})"
        mode = MODES.get(call.keyword(2)) or call.refuse(f"the rounding mode {call.keyword(2)}")
        return f"bp_{kind}_{mode}({call.sql(0)}, {call.sql(1)}, {str(safe).lower()})"

    return rule


def _aggregate(name: str, function: str) -> AggregateRule:
    text = f"{function}(list({{distinct}}{{a}}){{tail}})"
    return AggregateRule(name, BIG, text, distinct=True, source=AGGREGATE_FUNCTIONS)


PAIR = f"{BIG}, {BIG}"
RULES = (
    *(guarded(name, PAIR, f"bp_big_{function}", source=OPERATORS) for name, function in _OPERATORS.items()),
    guarded("$unary_minus", BIG, "bp_big_negate", source=OPERATORS),
    *(guarded(name, PAIR, f"bp_big_{name}") for name in ("div", "mod")),
    *(guarded(name, f"{NUMERIC}, {NUMERIC}", f"bp_numeric_{name}") for name in ("div", "mod")),
    *(guarded(name, BIG, f"bp_big_{name}") for name in ("abs", "sign", "floor", "ceil")),
    *(
        Rule(f"safe_{name}", PAIR, f"bp_big_{name}({{a}}, {{b}}, true)", can_throw=False)
        for name in ("add", "subtract", "multiply", "divide")
    ),
    Rule("safe_negate", BIG, "bp_big_negate({a}, true)", can_throw=False),
    *(
        Rule(name, BIG, f"bp_big_{name}({{a}}, 0::BIGINT, false)", safe=f"bp_big_{name}({{a}}, 0::BIGINT, true)")
        for name in ("round", "trunc")
    ),
    *(guarded(name, f"{BIG}, INT64", f"bp_big_{name}") for name in ("round", "trunc")),
    guarded("trunc", f"{NUMERIC}, INT64", "bp_numeric_trunc"),
    *(
        Rule("round", f"{type_}, INT64, ENUM", _rounded(kind, safe=False), safe=_rounded(kind, safe=True))
        for kind, type_ in (("big", BIG), ("numeric", NUMERIC))
    ),
    _cast("INT64", BIG, "bp_big_from_int({a})"),
    _cast(NUMERIC, BIG, "bp_big_from_numeric({a})"),
    _safe_cast("FLOAT64", BIG, "bp_big_from_double"),
    _safe_cast("FLOAT64", NUMERIC, "bp_numeric_from_double"),
    _safe_cast("STRING", BIG, "bp_big_from_text"),
    _safe_cast(BIG, "INT64", "bp_big_to_int"),
    _safe_cast(BIG, NUMERIC, "bp_big_to_numeric"),
    _cast(BIG, "FLOAT64", "bp_big_to_double({a})", facts=Facts(nan=False, magnitude=1e39)),
    _cast(BIG, "STRING", "bp_big_text({a})", facts=ASCII),
    guarded("parse_bignumeric", "STRING", "bp_big_parse", source=PARSING),
)
AGGREGATES = (_aggregate("sum", "bp_big_sum"), _aggregate("avg", "bp_big_avg"))
