"""Functions that only make sense with OVER: numbering and navigation."""

from __future__ import annotations

from bigpato_magic.sql.expr import UNKNOWN, Facts, between
from bigpato_magic.sql.rules.base import DOCS, AggregateRule, Call, FactsOf, Template
from bigpato_magic.sql.rules.operators import ORDERED

SOURCE = DOCS + "navigation_functions"
NUMBERING = DOCS + "numbering_functions"
NUMBER = between(1, 2**63 - 1)


def _rule(
    name: str, signature: str, template: Template, facts: FactsOf = UNKNOWN, *, framed: bool, source: str = ""
) -> AggregateRule:
    return AggregateRule(name, signature, template, aggregate=False, framed=framed, facts=facts, source=source)


def _same(call: Call) -> Facts:
    facts = call.args[0].facts
    return Facts(nan=facts.nan, ascii=facts.ascii, low=facts.low, high=facts.high, magnitude=facts.magnitude)


def _ntile(call: Call) -> str:
    call.constant(0)
    return "ntile({a}){tail}"


def _nth_value(call: Call) -> str:
    call.constant(1)
    return "nth_value({a}, {b}{nulls}){tail}"


def _navigation(key: str) -> list[AggregateRule]:
    rules = [
        _rule(name, key, f"{name}({{a}}{{nulls}}){{tail}}", _same, framed=True)
        for name in ("first_value", "last_value")
    ]
    rules.append(_rule("nth_value", f"{key}, INT64", _nth_value, _same, framed=True))
    for name in ("lead", "lag"):
        offset = "bp_not_negative({b})"
        rules += [
            _rule(name, key, f"{name}({{a}}{{nulls}}){{tail}}", _same, framed=False),
            _rule(name, f"{key}, INT64", f"{name}({{a}}, {offset}{{nulls}}){{tail}}", _same, framed=False),
            # `sql.windows` has seen that the default is one value for all rows.
            _rule(name, f"{key}, INT64, {key}", f"{name}({{a}}, {offset}, {{c}}{{nulls}}){{tail}}", framed=False),
        ]
    return rules


AGGREGATES = (
    *(
        _rule(n, "", f"{n}(){{tail}}", NUMBER, framed=False, source=NUMBERING)
        for n in ("row_number", "rank", "dense_rank")
    ),
    *(
        _rule(n, "", f"{n}(){{tail}}", Facts(nan=False, magnitude=1.0), framed=False, source=NUMBERING)
        for n in ("percent_rank", "cume_dist")
    ),
    _rule("ntile", "INT64", _ntile, NUMBER, framed=False, source=NUMBERING),
    *(rule for key in (*ORDERED, "FLOAT64", "ARRAY", "STRUCT", "JSON", "INTERVAL") for rule in _navigation(key)),
)
