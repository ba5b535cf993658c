"""Approximate aggregate functions, exactly: only for who asks for that, because BigQuery's answer is an estimate of its own.

What is estimated has one exact value: a count, the value at a rank, the values that occur most. How BigQuery estimates it is
not published, so no rule here gives its answer; these give what it estimates.
"""

from __future__ import annotations

from bigpato_magic.sql.rules.base import DOCS, AggregateRule, AggregateTemplate, Call, bind, route
from bigpato_magic.sql.rules.operators import ORDERED

SOURCE = DOCS + "approximate_aggregate_functions"
MOST = 10_000
"""Quantiles, or values, that one call is given here."""


def _count(call: Call, place: int) -> int:
    count: int = call.constant(place)
    return count if 0 < count <= MOST else call.refuse(f"{call.label} of {count}")


def _quantiles(call: Call) -> str:
    """The least value, then for each quantile the first one that has its share of the rows at or below it."""
    count = _count(call, 1)
    if call.respects_nulls:
        call.refuse("RESPECT NULLS in APPROX_QUANTILES")
    value = "{a}"
    if call.args[0].key == "FLOAT64" and call.args[0].facts.nan:
        value = f"CASE WHEN isnan({{a}}) THEN {route('NaN among quantiles')} ELSE {{a}} END"
    rank = f"greatest(1, (i * len({{v}}) + {count - 1}) // {count})"
    return bind(
        call.names,
        f"list({{distinct}}{value} ORDER BY {value}){{tail}}",
        lambda v: (
            f"list_transform(CASE WHEN {v} IS NOT NULL THEN range(0, {count + 1}) END, "
            f"lambda i: {v}[{rank.replace('{v}', v)}])"
        ),
    )


def _top_count(call: Call) -> str:
    """The values that occur most, the most frequent first, NULL among them; of equally frequent ones any."""
    count = _count(call, 1)
    return bind(
        call.names,
        "struct_pack(all_ := count(*){tail}, known := count({a}){tail}, times := histogram({a}){tail})",
        lambda v: (
            f"CASE WHEN {v}.all_ > 0 THEN list_transform(list_sort(list_concat("
            f"list_transform(map_entries({v}.times), lambda e: struct_pack(n := CAST(e.value AS BIGINT), x := e.key)), "
            f"CASE WHEN {v}.all_ > {v}.known THEN [struct_pack(n := {v}.all_ - {v}.known, x := NULL)] ELSE [] END), "
            f"'DESC', 'NULLS LAST')[1:{count}], lambda e: struct_pack(f0 := e.x, f1 := e.n)) END"
        ),
    )


def _rule(name: str, signature: str, template: AggregateTemplate, *, skips_nulls: bool = False) -> AggregateRule:
    return AggregateRule(
        name, signature, template, distinct=name == "approx_quantiles", window=False, skips_nulls=skips_nulls
    )


ESTIMATES = (
    *(_rule("approx_count_distinct", key, "count(DISTINCT {a}){tail}") for key in (*ORDERED, "FLOAT64")),
    *(_rule("approx_quantiles", f"{key}, INT64", _quantiles, skips_nulls=True) for key in (*ORDERED, "FLOAT64")),
    *(_rule("approx_top_count", f"{key}, INT64", _top_count) for key in ORDERED),
)
NAMES = frozenset(rule.name for rule in ESTIMATES)
