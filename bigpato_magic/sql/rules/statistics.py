"""Averages, moments and percentiles, in GROUP BY and with OVER.

FLOAT64: an infinity or NaN among the values makes a moment NaN; what overflows on the way is left to BigQuery.
NUMERIC and BIGNUMERIC: from exact sums, in `sql.udfs.statistics`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from bigpato_magic.sql.expr import Facts
from bigpato_magic.sql.physical import duck_type
from bigpato_magic.sql.rules.base import DOCS, AggregateRule, Call, Template, Udf, route
from bigpato_magic.sql.rules.operators import ORDERED
from bigpato_magic.types import Kind, SqlType

SOURCE = DOCS + "statistical_aggregate_functions"
AVERAGES = DOCS + "aggregate_functions#avg"
NAVIGATION = DOCS + "navigation_functions"
MOMENTS = {"var_pop": 1, "var_samp": 2, "stddev_pop": 1, "stddev_samp": 2}
COMOMENTS = {"covar_pop": 1, "covar_samp": 2, "corr": 2}
"""How many values they need; NULL for fewer."""
EXACT = {"NUMERIC": "numeric", "BIGNUMERIC": "big"}
SMALL = 1e140
NAN = "'nan'::DOUBLE"

# ---------------------------------------------------------------------------------------------- FLOAT64


def _average(call: Call) -> str:
    """One infinity makes an average infinite or NaN, by the order in which BigQuery sees the values."""
    a, plain = call.args[0], "avg({distinct}{a}){tail}"
    if a.facts.magnitude is not None and a.facts.magnitude < SMALL:
        return plain
    certain = (
        "coalesce(bool_or(isnan({a})){tail}, false) OR "
        "(coalesce(bool_or({a} = 'inf'::DOUBLE){tail}, false) AND coalesce(bool_or({a} = '-inf'::DOUBLE){tail}, false))"
    )
    why = route("infinity in an average")
    return (
        f"(CASE WHEN {certain} THEN {NAN} WHEN NOT bool_and(isfinite({{a}})){{tail}} OR NOT isfinite({plain}) "
        f"THEN {why} ELSE {plain} END)"
    )


# DuckDB loses a digit of a moment for each digit by which the mean is larger than the deviation.
FAR = 3e3
# Where squares of what differs have no digits left.
TINY = 1e-140
# Whole numbers up to here have a mean that is off by far less than 1.
COUNTABLE = 1e9
# Below it, as a share of both deviations, a comoment is made of what rounding left.
NEAR = 1e-4


def _moment(name: str, least: int) -> Template:
    def rule(call: Call) -> str:
        a, why = call.args[0], route(f"{name.upper()} of values that are large or far from 0")
        small = a.facts.magnitude is not None and a.facts.magnitude < SMALL
        values = "{distinct}{a}" if small else "{distinct}CASE WHEN isfinite({a}) THEN {a} END"
        plain, mean = f"{name}({values}){{tail}}", f"abs(avg({values}){{tail}})"
        spread = plain if name.startswith("stddev") else f"sqrt({plain})"
        far = (
            f"CASE WHEN {plain} < {TINY} THEN min({values}){{tail}} < max({values}){{tail}} "
            f"ELSE {mean} > {FAR} * {spread} END"
        )
        if a.facts.whole and a.facts.magnitude is not None and a.facts.magnitude <= COUNTABLE:
            # They are all the same, or differ by 1 at least: nothing between is made of what rounding left.
            far = f"{plain} > 0 AND {mean} > {FAR} * {spread}"
        if small:
            return f"(CASE WHEN {far} THEN {why} ELSE {plain} END)"
        return (
            f"(CASE WHEN NOT bool_and(isfinite({{a}})){{tail}} "
            f"THEN CASE WHEN count({{distinct}}{{a}}){{tail}} >= {least} THEN {NAN} END "
            f"WHEN NOT isfinite({plain}) OR ({far}) THEN {why} ELSE {plain} END)"
        )

    return rule


BOTH = "{a} IS NOT NULL AND {b} IS NOT NULL"
X, Y = (f"CASE WHEN isfinite({{a}}) AND isfinite({{b}}) THEN {{{letter}}} END" for letter in "ab")
NOT_ALL_FINITE = f"NOT bool_and(CASE WHEN {BOTH} THEN isfinite({{a}}) AND isfinite({{b}}) END){{tail}}"
PAIRS = f"count(CASE WHEN {BOTH} THEN 1 END){{tail}}"


def _comoment(name: str, least: int) -> str:
    plain = f"{name}({X}, {Y}){{tail}}"
    level = f"WHEN min({X}){{tail}} = max({X}){{tail}} OR min({Y}){{tail}} = max({Y}){{tail}} THEN {NAN} "
    x, y = f"stddev_pop({X}){{tail}}", f"stddev_pop({Y}){{tail}}"
    far = " OR ".join(f"abs(avg({value}){{tail}}) > {FAR} * {spread}" for value, spread in ((X, x), (Y, y)))
    near = f"abs({plain}) < {NEAR}" + ("" if name == "corr" else f" * {x} * {y}")
    return (
        f"(CASE WHEN {PAIRS} < {least} THEN NULL WHEN {NOT_ALL_FINITE} THEN {NAN} {level if name == 'corr' else ''}"
        f"WHEN NOT isfinite({plain}) OR ({plain} <> 0 AND ({near} OR {far})) "
        f"THEN {route(f'{name.upper()} of values that are large, far from 0 or nearly independent')} ELSE {plain} END)"
    )


# ------------------------------------------------------------------------------------------ percentiles

SHORT = 64
"""With OVER, so many values of a partition are handed to Python for each of its rows."""
# DuckDB's place between two values is off by less than 2e-16 of the whole; a move of 1e-12 shows what that matters.
STEP, HARMLESS = 1e-12, 5e-10


def _share(call: Call) -> Any:
    share = call.constant(1)
    if not 0 <= share <= 1:
        call.refuse(f"{call.label} at {share}")
    return share


def _nulls(call: Call) -> str:
    return "(count(*){tail} - count({a}){tail})" if call.respects_nulls else "0::BIGINT"


def _continuous(kind: str) -> Template:
    def rule(call: Call) -> str:
        share = _share(call)
        given = f"{_nulls(call)}, {call.args[1].sql}"
        if not call.over:
            return f"bp_{kind}_percentile(list({{a}}){{tail}}, {given})"
        short = f"bp_{kind}_percentile(min({{a}}, {SHORT}::BIGINT){{tail}}, {given})"
        long = route(f"{call.label} of so many values")
        if kind == "float" and not call.respects_nulls:
            long = _native(float(share), long)
        return f"(CASE WHEN count({{a}}){{tail}} <= {SHORT} THEN {short} ELSE {long} END)"

    return rule


def _native(share: float, otherwise: str) -> str:
    """DuckDB's own, where all values are finite and its place among them is exact enough."""
    low, high = max(share - STEP, 0.0), min(share + STEP, 1.0)
    three = f"quantile_cont(CASE WHEN isfinite({{a}}) THEN {{a}} END, [{low!r}, {share!r}, {high!r}]){{tail}}"
    exact = Fraction(share).denominator <= 1 << 10
    near = "true" if exact else f"abs(({three})[3] - ({three})[1]) <= {HARMLESS} * abs(({three})[2])"
    return f"CASE WHEN bool_and(isfinite({{a}})){{tail}} AND {near} THEN ({three})[2] ELSE {otherwise} END"


def _discrete(call: Call) -> str:
    """The values' own type; NaN sorts first in GoogleSQL and last in DuckDB."""
    share = _share(call)
    kind = {Kind.NUMERIC: "numeric", Kind.BIGNUMERIC: "big"}.get(call.args[1].type.kind, "float")
    place = f"bp_{kind}_place(count({{a}}){{tail}}, {_nulls(call)}, {call.args[1].sql})"
    sorted_ = f"list_sort(min({{a}}, {SHORT}::BIGINT){{tail}})"
    value = f"({sorted_})[{place}]"
    if call.args[0].type.kind is Kind.FLOAT64:
        nans = "count(CASE WHEN isnan({a}) THEN 1 END){tail}"
        value = f"(CASE WHEN {place} <= {nans} THEN {NAN} ELSE ({sorted_})[{place} - {nans}] END)"
    long = route(f"{call.label} of so many values")
    if not call.respects_nulls and call.args[0].type.kind is not Kind.FLOAT64:
        long = _native_place(share, long)
    return f"(CASE WHEN count({{a}}){{tail}} <= {SHORT} THEN {value} ELSE {long} END)"


def _native_place(share: Any, otherwise: str) -> str:
    """DuckDB counts exactly with a DECIMAL; so many digits of a FLOAT64 decide for fewer than 1e8 rows."""
    exact = Fraction(share)
    if 0 < exact < Fraction(1, 1000):
        return otherwise
    scaled = round(exact * 10**28)
    text = f"CAST('{scaled // 10**28}.{scaled % 10**28:028d}' AS DECIMAL(29,28))"
    return f"CASE WHEN count({{a}}){{tail}} < 100000000 THEN quantile_disc({{a}}, {text}){{tail}} ELSE {otherwise} END"


# ------------------------------------------------------------------------------------------------ tables


def _rule(name: str, signature: str, template: Template, **more: Any) -> AggregateRule:
    return AggregateRule(name, signature, template, **({"source": SOURCE} | more))


def _exact(type_: str) -> list[AggregateRule]:
    kind = EXACT[type_]
    pairs = "list(struct_pack(x := {a}, y := {b})){tail}"
    return [
        *(_rule(name, type_, f"bp_{kind}_{name}(list({{distinct}}{{a}}){{tail}})", distinct=True) for name in MOMENTS),
        *(_rule(name, f"{type_}, {type_}", f"bp_{kind}_{name}({pairs})") for name in COMOMENTS),
    ]


def _udfs(kind: str, held: str) -> list[Udf]:
    return [
        *(Udf(f"bp_{kind}_{name}", (f"{held}[]",), "DOUBLE") for name in MOMENTS if kind != "float"),
        *(
            Udf(f"bp_{kind}_{name}", (f"STRUCT(x {held}, y {held})[]",), "DOUBLE")
            for name in COMOMENTS
            if kind != "float"
        ),
        Udf(f"bp_{kind}_percentile", (f"{held}[]", "BIGINT", held), held),
        Udf(f"bp_{kind}_place", ("BIGINT", "BIGINT", held), "BIGINT"),
    ]


KINDS = (("float", "FLOAT64"), ("numeric", "NUMERIC"), ("big", "BIGNUMERIC"))
UDFS = tuple(udf for kind, type_ in KINDS for udf in _udfs(kind, duck_type(SqlType(Kind(type_)))))
AGGREGATES = (
    _rule("avg", "FLOAT64", _average, distinct=True, source=AVERAGES),
    *(_rule(name, "FLOAT64", _moment(name, least), distinct=True) for name, least in MOMENTS.items()),
    *(_rule(name, "FLOAT64, FLOAT64", _comoment(name, least)) for name, least in COMOMENTS.items()),
    *(rule for type_ in EXACT for rule in _exact(type_)),
    *(
        _rule("percentile_cont", f"{type_}, {type_}", _continuous(kind), source=NAVIGATION, facts=Facts())
        for kind, type_ in KINDS
    ),
    *(
        _rule("percentile_disc", f"{key}, {share}", _discrete, aggregate=False, source=NAVIGATION)
        for key in (*ORDERED, "FLOAT64")
        for _, share in KINDS
    ),
)
