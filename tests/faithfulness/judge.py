"""Is a local answer the evaluator's? Two Arrow tables, or an error on either side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from bigpato_magic import googlesql
from bigpato_magic.errors import AnalyzerUnavailable, BigPatoError, QueryError
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.types import AnalyzedQuery, Refused
from tests.faithfulness import engine
from tests.faithfulness.world import NOWHERE, World

TOLERANCE = 1e-12


@dataclass(frozen=True)
class Verdict:
    """How a query ended: `same`, `refused`, `guarded` (stopped at run time), `both fail`, `unknown`, or `WRONG`.

    Args:
        kind: of these.
        sql: the query.
        local: the answer here, or why there is none.
        reference: the evaluator's answer, or its error.
        rules: what the answer rests on.
        answered: the evaluator has an answer.
        table: the answer here.
    """

    kind: str
    sql: str
    local: str = ""
    reference: str = ""
    rules: frozenset[str] = frozenset()
    answered: bool = True
    table: Any = None


def judge(sql: str, world: World = NOWHERE, *, ordered: bool = False, either_zero: bool = False) -> Verdict:
    """Run a query here and by Google's reference implementation.

    Args:
        sql: the query.
        world: its tables.
        ordered: its ORDER BY leaves nothing open, so rows must come in the same order.
        either_zero: 0.0 may stand for -0.0: of equal values a DISTINCT keeps one, no page says which.
    """
    engine.ready()
    try:
        query = googlesql.analyze(sql, world.paths, world.given)
        compiled = compile_query(query, world.local)
    except (QueryError, AnalyzerUnavailable) as error:
        return Verdict("unknown", sql, str(error))
    if isinstance(compiled, Refused):
        return Verdict("refused", sql, str(compiled.reasons[0]))
    expected = reference(query, world)
    if isinstance(expected, AnalyzerUnavailable):
        return Verdict("unknown", sql, reference=str(expected))
    try:
        local = engine.run(compiled, world.copies, world.parameters(query))
    except BigPatoError as error:
        kind = "both fail" if isinstance(expected, QueryError) else "guarded"
        return Verdict(kind, sql, str(error), rules=compiled.rules)
    equal = not isinstance(expected, QueryError) and same(local, expected, ordered=ordered, either_zero=either_zero)
    kind = "same" if equal else "WRONG"
    told = str(expected) if isinstance(expected, QueryError) else str(expected.to_pylist())
    answered = not isinstance(expected, QueryError)
    return Verdict(kind, sql, str(local.to_pylist()), told, compiled.rules, answered, local)


def reference(query: AnalyzedQuery, world: World = NOWHERE) -> Any:
    """The reference's Arrow table, or its error as a value."""
    try:
        return world.reference(query)
    except (QueryError, AnalyzerUnavailable) as error:
        return error


def same(local: Any, expected: Any, *, ordered: bool = False, either_zero: bool = False) -> bool:
    """Are two tables the same: names, types, values (FLOAT64 to 1e-12, NaN, -0.0), and order where it matters?"""
    if local.schema != expected.schema or local.num_rows != expected.num_rows:
        return False
    ones, others = rows_of(local), rows_of(expected)
    if either_zero:
        ones, others = unsigned(ones), unsigned(others)
    if all(same_value(a, b) for a, b in zip(ones, others, strict=True)):
        return True
    return not ordered and _same_multiset(ones, others)


def rows_of(table: Any) -> list[list[Any]]:
    return [list(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]


def unsigned(value: Any) -> Any:
    """The value with 0.0 for each -0.0 in it."""
    if isinstance(value, list):
        return [unsigned(each) for each in value]
    if isinstance(value, dict):
        return {key: unsigned(each) for key, each in value.items()}
    return abs(value) if isinstance(value, float) and value == 0 else value


def _same_multiset(ones: list[Any], others: list[Any]) -> bool:
    left = list(others)
    for one in ones:
        at = next((i for i, other in enumerate(left) if same_value(one, other)), None)
        if at is None:
            return False
        del left[at]
    return True


def same_value(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return _same_float(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(same_value(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same_value(x, y) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and a == b


def _same_float(a: float, b: float) -> bool:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if a == 0 and b == 0:
        return math.copysign(1, a) == math.copysign(1, b)
    return a == b or (math.isfinite(a) and math.isfinite(b) and abs(a - b) <= TOLERANCE * max(abs(a), abs(b)))
