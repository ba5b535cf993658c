"""The grid of aggregates and window functions: each rule over groups of edge values, judged by the evaluator.

Groups: one value, several, all NULL, none; DISTINCT where the rule has it; frames of one row, of all rows, and between.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from bigpato_magic.sql.rules import AGGREGATES
from bigpato_magic.sql.rules.base import LETTERS, AggregateRule
from tests.faithfulness.grid import ALIASES, ANY, VALUES
from tests.faithfulness.judge import judge

STRUCTS = ("STRUCT(1 AS x, 'a' AS y)", "STRUCT(2 AS x, CAST(NULL AS STRING) AS y)", "NULL")
TYPES = {"STRUCT": "STRUCT<x INT64, y STRING>", "ARRAY": "ARRAY<INT64>", "ANY": ANY}
# Their answer depends on the order of rows, which only ORDER BY inside fixes.
ORDERED = ("array_agg", "string_agg", "array_concat_agg")
# Any value of a group is right: only groups of one row have one answer.
ANY_OF = ("any_value",)
# An array of a result must not hold a NULL.
WHOLE = tuple(v for v in VALUES["ARRAY<INT64>"] if v != "[1, NULL]")
# An INTERVAL is no result here: its text is, or an array's length.
SHOWN = {"array_agg": "ARRAY_LENGTH(r)"}
CONSTANTS = {
    "string_agg": {"b": ("', '",)},
    "ntile": {"a": ("3",)},
    "nth_value": {"b": ("2",)},
    "lead": {"b": ("1",), "c": ("NULL",)},
    "lag": {"b": ("1",), "c": ("NULL",)},
}
# The percentile is a constant, of the values' own type where that is a number.
SHARES = {"FLOAT64": "0.3", "NUMERIC": "NUMERIC '0.3'", "BIGNUMERIC": "BIGNUMERIC '0.3'"}
UNFRAMED = ("(PARTITION BY g)", "()")
FRAMES = (
    "(PARTITION BY g ORDER BY i)",
    "(PARTITION BY g ORDER BY i ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)",
    "(ORDER BY i ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
    "(ORDER BY i ROWS BETWEEN 2 FOLLOWING AND 3 FOLLOWING)",
)
ROWS = 8
# BigQuery itself adds FLOAT64 in any order, so sums that cancel have no one answer.
TAME = tuple(v for v in VALUES["FLOAT64"] if "e308" not in v and "123456789" not in v)


def types(rule: AggregateRule) -> list[str]:
    """The GoogleSQL types of a, b, …."""
    items = rule.signature.split(", ") if rule.signature else []
    return [TYPES.get(item, ALIASES.get(item, item) or ANY) for item in items]


def queries(rule: AggregateRule, random_: random.Random) -> Iterator[str]:
    """Queries that try a rule."""
    kinds = [kind for kind in types(rule) if kind != "ENUM"]
    grids = [STRUCTS if kind.startswith("STRUCT") else _values(kind) for kind in kinds]
    if not all(grids):
        return
    constants = CONSTANTS.get(rule.name, {})
    if rule.name.startswith("percentile_"):
        constants = {"b": (SHARES[kinds[1]],)}
    if kinds[1:] == ["BYTES"]:
        constants = {"b": ("b', '",)}
    calls = [
        letter if letter not in constants else constants[letter][0] for letter, _ in zip(LETTERS, kinds, strict=False)
    ]
    if rule.signature.endswith("ENUM"):
        calls.append("mode => 'PAD'")
    rows = _rows(kinds, grids, random_)
    found = [*(_grouped(rule, ", ".join(calls), rows) if rule.aggregate else ())]
    found += _windowed(rule, ", ".join(calls), rows) if rule.window else ()
    if kinds[:1] == ["INTERVAL"]:
        shown = SHOWN.get(rule.name, "CAST(r AS STRING)")
        found = [f"SELECT * REPLACE ({shown} AS r) FROM ({sql})" for sql in found]
    yield from found


def _values(kind: str) -> tuple[str, ...]:
    return {"FLOAT64": TAME, "ARRAY<INT64>": WHOLE}.get(kind) or VALUES.get(kind, ())


def _rows(kinds: list[str], grids: list[tuple[str, ...]], random_: random.Random) -> str:
    found = []
    for i in range(ROWS):
        values = [random_.choice(grid) if i < ROWS - 2 else "NULL" for grid in grids]
        columns = "".join(
            f", CAST({v} AS {kind}) AS {letter}" for v, kind, letter in zip(values, kinds, LETTERS, strict=False)
        )
        found.append(f"SELECT {i} AS i, {i // 3} AS g{columns}")
    return " UNION ALL ".join(found)


def _call(rule: AggregateRule, arguments: str, inside: str = "") -> str:
    if rule.name == "$count_star":
        return "COUNT(*)"
    return f"{rule.name}({arguments}{inside})"


def _grouped(rule: AggregateRule, arguments: str, rows: str) -> Iterator[str]:
    inside = " ORDER BY i" if rule.name in ORDERED else ""
    key = "i" if rule.name in ANY_OF else "g"
    # An array with a NULL cannot be a result.
    nulls = " IGNORE NULLS" if rule.name == "array_agg" else ""
    call = _call(rule, arguments, nulls + inside)
    yield f"SELECT {key}, {call} AS r FROM ({rows}) GROUP BY {key}"
    yield f"SELECT {call} AS r FROM ({rows}) WHERE i < 0"
    if rule.distinct and rule.name not in ORDERED:
        yield f"SELECT {key}, {_call(rule, f'DISTINCT {arguments}')} AS r FROM ({rows}) GROUP BY {key}"


def _windowed(rule: AggregateRule, arguments: str, rows: str) -> Iterator[str]:
    nulls = " IGNORE NULLS" if rule.name == "array_agg" else ""
    if rule.name in ANY_OF:
        yield f"SELECT i, {_call(rule, arguments)} OVER (PARTITION BY i) AS r FROM ({rows})"
        return
    frames = UNFRAMED if rule.name.startswith("percentile_") else FRAMES
    for frame in frames if rule.framed else frames[:1]:
        yield f"SELECT i, {_call(rule, arguments, nulls)} OVER {frame} AS r FROM ({rows})"


def unproven(seed: int) -> list[str]:
    """Rules of which no query is answered here as the evaluator answers it: what is tried is no trial then."""
    proven: set[str] = set()
    for rule, sql in sample([], seed, 1):
        if rule not in proven and judge(sql).kind == "same":
            proven.add(rule)
    return sorted({rule.id for rule in AGGREGATES if rule.template is not None} - proven)


def sample(names: list[str], seed: int, most: int) -> list[tuple[str, str]]:
    """(rule, query) for these functions, or for all; `most` sets of rows for each."""
    random_ = random.Random(seed)
    chosen = (
        rule
        for rule in AGGREGATES
        if rule.template is not None and (not names or rule.name in names or rule.id in names)
    )
    found = [(rule.id, sql) for rule in chosen for _ in range(most) for sql in queries(rule, random_)]
    random_.shuffle(found)
    return found
