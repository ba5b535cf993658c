"""Aggregate functions, in GROUP BY and with OVER."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bigpato_magic.sql import decimals
from bigpato_magic.sql.expr import UNKNOWN, Expr, Facts, between
from bigpato_magic.sql.rules.base import DOCS, AggregateRule, AggregateTemplate, Call, FactsOf, route
from bigpato_magic.sql.rules.operators import ORDERED
from bigpato_magic.sql.staged import PostAggregate
from bigpato_magic.types import Kind, SqlType

SOURCE = DOCS + "aggregate_functions"
COUNT = between(0, 2**63 - 1)


def _same(call: Call) -> Facts:
    facts = call.args[0].facts
    return Facts(
        nan=facts.nan,
        ascii=facts.ascii,
        low=facts.low,
        high=facts.high,
        magnitude=facts.magnitude,
        zero=facts.zero,
        decimal=facts.decimal,
    )


def _sum_float(call: Call) -> str:
    plain = "sum({distinct}{a}){tail}"
    # DuckDB sums infinity for an overflow, where GoogleSQL raises.
    if call.args[0].facts.magnitude is not None and call.args[0].facts.magnitude < 1e280:
        return plain
    return (
        f"(CASE WHEN isinf({plain}) AND NOT bool_or(isinf({{a}})){{tail}} THEN error('float overflow') "
        f"ELSE {plain} END)"
    )


def _sum_numeric(call: Call) -> Expr:
    held = decimals.total(call.args[0])
    if decimals.fits(*held):
        return Expr("sum({distinct}{a}){tail}", call.type, Facts(decimal=held))
    return Expr("CAST(sum({distinct}{a}){tail} AS DECIMAL(38,9))", call.type)


def _avg_int64(call: Call) -> str:
    """Beyond what a FLOAT64 holds exactly, the order of addition shows in the mean; BigQuery's is its own."""
    known = call.args[0].facts
    if known.low is not None and known.high is not None and known.low >= -EXACT and known.high <= EXACT:
        return "avg({distinct}{a}){tail}"
    beyond = f"max({{a}}){{tail}} > {EXACT} OR min({{a}}){{tail}} < -{EXACT}"
    return f"(CASE WHEN {beyond} THEN {route('AVG of integers beyond 2^53')} ELSE avg({{distinct}}{{a}}){{tail}} END)"


def _avg_numeric(call: Call) -> PostAggregate:
    """The sum over the count, above the GROUP BY or the window."""
    held, kind = decimals.total(call.args[0]), call.type
    facts = Facts(decimal=decimals.shape_of_quotient(decimals.width(call.args[0])))
    parts = (
        Expr("sum({distinct}{a}){tail}", kind, Facts(decimal=held)),
        Expr("count({distinct}{a}){tail}", SqlType(Kind.INT64), COUNT),
    )

    def finish(columns: Sequence[Expr]) -> Expr:
        total, count = columns
        # Of nothing the sum is NULL.
        exact = decimals.quotient(total, count, held, (19, 0)) or f"bp_navg({total.sql}, {count.sql})"
        return Expr(decimals.near(total, count, exact), kind, facts)

    return PostAggregate(parts, finish)


def _extreme_float(name: str) -> Callable[[Call], str]:
    """MIN or MAX: NaN where there is one; of two equal zeros, which one depends on the order of rows."""

    def template(call: Call) -> str:
        kinds = f"bit_or({ODD}){{tail}}"
        plain = f"CASE WHEN {name}({{a}}){{tail}} = 0 AND {kinds} & 3 = 3 THEN {ZEROS} ELSE {name}({{a}}){{tail}} END"
        if name == "max" or not call.args[0].facts.nan:
            return f"({plain})"
        return f"(CASE WHEN coalesce({kinds} & 4 = 4, false) THEN 'nan'::DOUBLE ELSE {plain} END)"

    return template


def _rule(
    name: str,
    signature: str,
    template: AggregateTemplate,
    *,
    distinct: bool | str = False,
    window: bool = True,
    facts: FactsOf = UNKNOWN,
    narrow: bool = False,
    source: str = "",
) -> AggregateRule:
    return AggregateRule(
        name, signature, template, window=window, distinct=distinct, facts=facts, narrow=narrow, source=source
    )


def _extremes(key: str) -> list[AggregateRule]:
    names = ("min", "max", "any_value")
    return [_rule(n, key, f"{n}({{a}}){{tail}}", distinct="ignored", facts=_same, narrow=True) for n in names]


def _joined(key: str, *, given: bool) -> AggregateRule:
    """STRING_AGG; with a LIMIT it is a list that is joined, NULL where nothing is left."""
    separator, signature = ("{b}", f"{key}, {key}") if given else ("','", key)
    if key == "STRING":
        plain = f"string_agg({{distinct}}{{a}}, {separator}{{order}}){{tail}}"
        first = f"list_filter({LIST}{{tail}}, lambda s: s IS NOT NULL){{limit}}"
        limited = f"array_to_string(nullif({first}, []), {separator})"
        return AggregateRule("string_agg", signature, _separated(plain), distinct=True, limited=_separated(limited))
    plain = f"unhex(string_agg({{distinct}}hex({{a}}), hex({separator}){{order}}){{tail}})"
    return AggregateRule("string_agg", signature, _separated(plain), distinct=True)


def _separated(plain: str) -> Callable[[Call], str]:
    """The text, with an error for each group where the separator is a parameter that is NULL."""

    def template(call: Call) -> str:
        if len(call.args) < 2 or not call.args[1].facts.nulls:
            return plain
        return f"(CASE WHEN {{b}} IS NULL THEN error('Illegal NULL separator in STRING_AGG') ELSE {plain} END)"

    return template


# What any two values of it are is not told apart here.
UNCOMPARED = ("JSON", "INTERVAL")
LIST = "list({distinct}{a}{order})"
FIRST_ONES = f"nullif(({LIST}{{tail}}){{limit}}, [])"
EXACT = 2**53
# Bits for what makes MIN and MAX of FLOAT64 special: each of the two zeros, and NaN.
ODD = "CASE WHEN {a} = 0 THEN CASE WHEN signbit({a}) THEN 1 ELSE 2 END WHEN isnan({a}) THEN 4 ELSE 0 END"
ZEROS = route("the smaller or larger one of 0.0 and -0.0")
AVERAGE = Facts(nan=False, magnitude=float(2**63))
AGGREGATES = (
    _rule("$count_star", "", "count(*){tail}", facts=COUNT),
    _rule("count", "ANY", "count({distinct}{a}){tail}", distinct=True, facts=COUNT, narrow=True),
    _rule("countif", "BOOL", "count({distinct}CASE WHEN {a} THEN true END){tail}", distinct=True, facts=COUNT),
    _rule("sum", "INT64", "CAST(sum({distinct}{a}){tail} AS BIGINT)", distinct=True),
    _rule("sum", "FLOAT64", _sum_float, distinct=True),
    _rule("sum", "NUMERIC", _sum_numeric, distinct=True, narrow=True),
    _rule("avg", "INT64", _avg_int64, distinct=True, facts=AVERAGE),
    _rule("avg", "NUMERIC", _avg_numeric, distinct=True, narrow=True),
    *(rule for key in ORDERED for rule in _extremes(key)),
    *(_rule(n, "FLOAT64", _extreme_float(n), distinct="ignored", facts=_same) for n in ("min", "max")),
    *(
        _rule("any_value", key, "any_value({a}){tail}", distinct="ignored", facts=_same)
        for key in ("FLOAT64", "ARRAY", "STRUCT", *UNCOMPARED)
    ),
    _rule("logical_and", "BOOL", "bool_and({a}){tail}", distinct="ignored"),
    _rule("logical_or", "BOOL", "bool_or({a}){tail}", distinct="ignored"),
    *(_rule(n, "INT64", f"{n}({{distinct}}{{a}}){{tail}}", distinct=True) for n in ("bit_and", "bit_or", "bit_xor")),
    *(_joined(key, given=given) for key in ("STRING", "BYTES") for given in (False, True)),
    *(
        AggregateRule(
            "array_agg",
            key,
            f"{LIST}{{tail}}",
            distinct=key not in UNCOMPARED,
            limited=f"nullif(({LIST}{{tail}}){{limit}}, [])",
        )
        for key in (*ORDERED, "FLOAT64", "STRUCT", *UNCOMPARED)
    ),
    AggregateRule(
        "array_concat_agg",
        "ARRAY",
        f"flatten({LIST}{{tail}})",
        limited=f"flatten({FIRST_ONES})",
        skips_nulls=True,
    ),
)
