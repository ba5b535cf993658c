"""RANGE inside a query: the start and the end, held as a STRUCT of both; NULL is unbounded. No copy holds one, no result has one.

https://cloud.google.com/bigquery/docs/reference/standard-sql/range-functions
"""

from __future__ import annotations

from bigpato_magic.sql.expr import Expr
from bigpato_magic.sql.physical import duck_type
from bigpato_magic.sql.rules.base import DOCS, TRY, Call, Rule, Template

SOURCE = DOCS + "range-functions"
KINDS = ("DATE", "DATETIME", "TIMESTAMP")
MACROS = {
    "bp_before(a, b)": "a IS NULL OR b IS NULL OR a < b",
    "bp_overlap(r, s)": "(bp_before((r).f0, (s).f1)) AND (bp_before((s).f0, (r).f1))",
    "bp_holds(r, x)": "coalesce((r).f0 <= x, true) AND coalesce(x < (r).f1, true)",
    # A start that is unbounded is only before another one, an end only after one.
    "bp_holds_range(r, s)": "((r).f0 IS NULL OR coalesce((r).f0 <= (s).f0, false)) "
    "AND ((r).f1 IS NULL OR coalesce((s).f1 <= (r).f1, false))",
}


def _range(call: Call) -> Expr:
    def packed(bound: Call) -> Expr:
        start, end = bound.sql(0), bound.sql(1)
        pack = f"CAST(struct_pack(f0 := {start}, f1 := {end}) AS {duck_type(call.type)})"
        return Expr(
            f"CASE WHEN bp_before({start}, {end}) THEN {pack} ELSE error('a RANGE that ends before it starts') END",
            call.type,
        )

    return call.bound(packed)


def _once(template: str) -> Template:
    return lambda call: call.once(lambda bound: bound.fill(template))


_CUT = (
    "CASE WHEN bp_overlap({a}, {b}) "
    "THEN struct_pack(f0 := greatest(({a}).f0, ({b}).f0), f1 := least(({a}).f1, ({b}).f1)) "
    "ELSE error('RANGEs that do not overlap') END"
)
PAIR = "RANGE, RANGE"
RULES = (
    *(Rule("range", f"{kind}, {kind}", _range, safe=TRY) for kind in KINDS),
    Rule("range_start", "RANGE", "({a}).f0", can_throw=False),
    Rule("range_end", "RANGE", "({a}).f1", can_throw=False),
    Rule("range_overlaps", PAIR, _once("bp_overlap({a}, {b})"), strict=True, can_throw=False),
    Rule("range_contains", PAIR, _once("bp_holds_range({a}, {b})"), strict=True, can_throw=False),
    *(
        Rule("range_contains", f"RANGE, {kind}", _once("bp_holds({a}, {b})"), strict=True, can_throw=False)
        for kind in KINDS
    ),
    Rule("range_intersect", PAIR, _once(_CUT), strict=True, safe=TRY),
)
