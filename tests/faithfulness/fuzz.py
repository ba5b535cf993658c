"""Random typed queries over random rows, each answer compared with Google's reference implementation.

    python -m tests.faithfulness.fuzz --queries 100000          other queries each run; prints what differs, shrunk
    python -m tests.faithfulness.fuzz --seed 7 --queries 500    the same queries again

A query is a tree: a production of the grammar below for each type, columns and constants at the leaves. One whose
answers differ is shrunk by putting leaves for its branches and leaving clauses out, as long as the answers still differ;
what remains belongs among the cases of `tests/sql/cases`.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.faithfulness.grid import VALUES
from tests.faithfulness.judge import Verdict, judge

COLUMNS = {
    "i": "INT64",
    "j": "INT64",
    "f": "FLOAT64",
    "n": "NUMERIC",
    "s": "STRING",
    "u": "STRING",
    "b": "BYTES",
    "d": "DATE",
    "dt": "DATETIME",
    "ts": "TIMESTAMP",
    "tm": "TIME",
    "o": "BOOL",
    "a": "ARRAY<INT64>",
}
# Values that seldom overflow, so that most queries have an answer; the grid's edge values come among them.
COMMON = {
    "INT64": ("0", "1", "2", "3", "-1", "-5", "10", "42", "NULL"),
    "FLOAT64": ("0.0", "1.0", "0.5", "-1.25", "2.75", "100.0", "NULL"),
    "NUMERIC": ("NUMERIC '0'", "NUMERIC '1.5'", "NUMERIC '-2.25'", "NUMERIC '10'", "NULL"),
    "STRING": ("'a'", "'b'", "'abc'", "'Zürich'", "''", "'a b'", "'10'", "NULL"),
    "BYTES": ("b'a'", "b'abc'", "b''", "NULL"),
    "DATE": ("DATE '2024-02-29'", "DATE '2023-12-31'", "DATE '1969-07-20'", "NULL"),
    "DATETIME": ("DATETIME '2024-02-29 12:34:56'", "DATETIME '1969-12-31 23:59:59.5'", "NULL"),
    "TIMESTAMP": ("TIMESTAMP '2024-02-29 12:34:56+00'", "TIMESTAMP '1969-12-31 23:59:59.5+00'", "NULL"),
    "TIME": ("TIME '12:34:56'", "TIME '00:00:00'", "NULL"),
    "BOOL": ("TRUE", "FALSE", "NULL"),
    "ARRAY<INT64>": ("[1, 2, 3]", "ARRAY<INT64>[]", "[0]", "[5, 5]"),
}
ORDERED = ("INT64", "FLOAT64", "NUMERIC", "STRING", "BYTES", "DATE", "DATETIME", "TIMESTAMP", "TIME", "BOOL")
DATE_UNITS = ("DAY", "WEEK", "ISOWEEK", "MONTH", "QUARTER", "YEAR")

# type → (text, types of its arguments)
GRAMMAR: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "INT64": [
        ("({0} + {1})", ("INT64", "INT64")),
        ("({0} - {1})", ("INT64", "INT64")),
        ("({0} * {1})", ("INT64", "INT64")),
        ("DIV({0}, {1})", ("INT64", "INT64")),
        ("MOD({0}, {1})", ("INT64", "INT64")),
        ("ABS({0})", ("INT64",)),
        ("SIGN({0})", ("INT64",)),
        ("LENGTH({0})", ("STRING",)),
        ("LENGTH({0})", ("BYTES",)),
        ("BYTE_LENGTH({0})", ("STRING",)),
        ("STRPOS({0}, {1})", ("STRING", "STRING")),
        ("SAFE_CAST({0} AS INT64)", ("STRING",)),
        ("CAST({0} AS INT64)", ("FLOAT64",)),
        ("CAST({0} AS INT64)", ("NUMERIC",)),
        ("CAST({0} AS INT64)", ("BOOL",)),
        ("EXTRACT(YEAR FROM {0})", ("DATE",)),
        ("EXTRACT(DAYOFWEEK FROM {0})", ("DATE",)),
        ("EXTRACT(ISOWEEK FROM {0})", ("DATETIME",)),
        ("EXTRACT(HOUR FROM {0})", ("TIMESTAMP",)),
        ("EXTRACT(MICROSECOND FROM {0})", ("TIME",)),
        *((f"DATE_DIFF({{0}}, {{1}}, {unit})", ("DATE", "DATE")) for unit in DATE_UNITS),
        ("TIMESTAMP_DIFF({0}, {1}, HOUR)", ("TIMESTAMP", "TIMESTAMP")),
        ("DATETIME_DIFF({0}, {1}, MINUTE)", ("DATETIME", "DATETIME")),
        ("UNIX_SECONDS({0})", ("TIMESTAMP",)),
        ("UNIX_DATE({0})", ("DATE",)),
        ("ARRAY_LENGTH({0})", ("ARRAY<INT64>",)),
        ("{0}[SAFE_OFFSET({1})]", ("ARRAY<INT64>", "INT64")),
        ("(SELECT SUM(e) FROM UNNEST({0}) AS e)", ("ARRAY<INT64>",)),
        ("({0} & {1})", ("INT64", "INT64")),
        ("SAFE_ADD({0}, {1})", ("INT64", "INT64")),
    ],
    "FLOAT64": [
        ("({0} + {1})", ("FLOAT64", "FLOAT64")),
        ("({0} * {1})", ("FLOAT64", "FLOAT64")),
        ("({0} / {1})", ("FLOAT64", "FLOAT64")),
        ("({0} / {1})", ("INT64", "INT64")),
        ("SAFE_DIVIDE({0}, {1})", ("INT64", "INT64")),
        ("IEEE_DIVIDE({0}, {1})", ("FLOAT64", "FLOAT64")),
        ("ROUND({0})", ("FLOAT64",)),
        ("TRUNC({0})", ("FLOAT64",)),
        ("FLOOR({0})", ("FLOAT64",)),
        ("-{0}", ("FLOAT64",)),
        ("ABS({0})", ("FLOAT64",)),
        ("CAST({0} AS FLOAT64)", ("INT64",)),
        ("CAST({0} AS FLOAT64)", ("NUMERIC",)),
        ("SAFE_CAST({0} AS FLOAT64)", ("STRING",)),
    ],
    "NUMERIC": [
        ("({0} + {1})", ("NUMERIC", "NUMERIC")),
        ("({0} - {1})", ("NUMERIC", "INT64")),
        ("({0} * {1})", ("NUMERIC", "NUMERIC")),
        ("({0} / {1})", ("NUMERIC", "NUMERIC")),
        ("SAFE_DIVIDE({0}, {1})", ("NUMERIC", "NUMERIC")),
        ("ROUND({0}, 1)", ("NUMERIC",)),
        ("TRUNC({0})", ("NUMERIC",)),
        ("CAST({0} AS NUMERIC)", ("INT64",)),
        ("SAFE_CAST({0} AS NUMERIC)", ("STRING",)),
    ],
    "STRING": [
        ("CONCAT({0}, {1})", ("STRING", "STRING")),
        ("SUBSTR({0}, {1})", ("STRING", "INT64")),
        ("SUBSTR({0}, {1}, 2)", ("STRING", "INT64")),
        ("UPPER({0})", ("STRING",)),
        ("LOWER({0})", ("STRING",)),
        ("TRIM({0})", ("STRING",)),
        ("REVERSE({0})", ("STRING",)),
        ("REPLACE({0}, {1}, {2})", ("STRING", "STRING", "STRING")),
        ("LPAD({0}, 5, {1})", ("STRING", "STRING")),
        ("REGEXP_EXTRACT({0}, r'[a-z]+')", ("STRING",)),
        ("REGEXP_REPLACE({0}, r'[a-c]', 'x')", ("STRING",)),
        ("CAST({0} AS STRING)", ("INT64",)),
        ("CAST({0} AS STRING)", ("FLOAT64",)),
        ("CAST({0} AS STRING)", ("NUMERIC",)),
        ("CAST({0} AS STRING)", ("DATE",)),
        ("CAST({0} AS STRING)", ("TIMESTAMP",)),
        ("FORMAT_DATE('%Y-%m-%d %a', {0})", ("DATE",)),
        ("FORMAT('%d|%s', {0}, {1})", ("INT64", "STRING")),
        ("TO_JSON_STRING({0})", ("INT64",)),
        ("TO_JSON_STRING(STRUCT({0} AS x, {1} AS y))", ("STRING", "DATE")),
        ("TO_HEX({0})", ("BYTES",)),
        ("ARRAY_TO_STRING([{0}, {1}], ',')", ("STRING", "STRING")),
        ("SPLIT({0}, 'b')[SAFE_OFFSET(0)]", ("STRING",)),
    ],
    "BYTES": [("CAST({0} AS BYTES)", ("STRING",)), ("CONCAT({0}, {1})", ("BYTES", "BYTES")), ("MD5({0})", ("STRING",))],
    "DATE": [
        *((f"DATE_ADD({{0}}, INTERVAL MOD({{1}}, 50) {unit})", ("DATE", "INT64")) for unit in ("DAY", "MONTH", "YEAR")),
        *((f"DATE_TRUNC({{0}}, {unit})", ("DATE",)) for unit in DATE_UNITS),
        ("LAST_DAY({0})", ("DATE",)),
        ("DATE({0})", ("TIMESTAMP",)),
        ("DATE({0})", ("DATETIME",)),
        ("SAFE_CAST({0} AS DATE)", ("STRING",)),
    ],
    "DATETIME": [
        ("DATETIME_ADD({0}, INTERVAL MOD({1}, 100) HOUR)", ("DATETIME", "INT64")),
        ("DATETIME_TRUNC({0}, MONTH)", ("DATETIME",)),
        ("DATETIME({0}, {1})", ("DATE", "TIME")),
        ("DATETIME({0}, 'America/New_York')", ("TIMESTAMP",)),
    ],
    "TIMESTAMP": [
        ("TIMESTAMP_ADD({0}, INTERVAL MOD({1}, 100) MINUTE)", ("TIMESTAMP", "INT64")),
        ("TIMESTAMP_TRUNC({0}, DAY)", ("TIMESTAMP",)),
        ("TIMESTAMP({0})", ("DATE",)),
        ("TIMESTAMP({0})", ("DATETIME",)),
    ],
    "TIME": [("TIME({0})", ("DATETIME",)), ("TIME_ADD({0}, INTERVAL MOD({1}, 100) MINUTE)", ("TIME", "INT64"))],
    "BOOL": [
        *((f"({{0}} {op} {{1}})", (kind, kind)) for kind in ORDERED for op in ("=", "<", ">=", "!=")),
        *(("({0} BETWEEN {1} AND {2})", (kind, kind, kind)) for kind in ("INT64", "FLOAT64", "DATE")),
        *(("({0} IN ({1}, {2}))", (kind, kind, kind)) for kind in ("INT64", "STRING", "NUMERIC")),
        *(("({0} IS NULL)", (kind,)) for kind in ("INT64", "STRING", "FLOAT64")),
        ("({0} AND {1})", ("BOOL", "BOOL")),
        ("({0} OR {1})", ("BOOL", "BOOL")),
        ("(NOT {0})", ("BOOL",)),
        ("({0} LIKE 'a%')", ("STRING",)),
        ("STARTS_WITH({0}, {1})", ("STRING", "STRING")),
        ("IS_NAN({0})", ("FLOAT64",)),
        ("({0} IN UNNEST({1}))", ("INT64", "ARRAY<INT64>")),
        ("({0} IN (SELECT i FROM t))", ("INT64",)),
        ("EXISTS (SELECT 1 FROM t AS r WHERE r.i = {0})", ("INT64",)),
    ],
    "ARRAY<INT64>": [
        ("ARRAY_CONCAT({0}, {1})", ("ARRAY<INT64>", "ARRAY<INT64>")),
        ("ARRAY_REVERSE({0})", ("ARRAY<INT64>",)),
        ("ARRAY(SELECT e + 1 FROM UNNEST({0}) AS e WHERE e > 0 ORDER BY e)", ("ARRAY<INT64>",)),
    ],
}
for _kind in (*ORDERED,):
    GRAMMAR[_kind] += [
        ("IF({0}, {1}, {2})", ("BOOL", _kind, _kind)),
        ("COALESCE({0}, {1})", (_kind, _kind)),
        ("CASE WHEN {0} THEN {1} WHEN {2} THEN {3} END", ("BOOL", _kind, "BOOL", _kind)),
        ("NULLIF({0}, {1})", (_kind, _kind)),
        ("GREATEST({0}, {1})", (_kind, _kind)),
    ]
# No sums of FLOAT64: their order is not fixed, so neither are their last digits.
AGGREGATES = [
    ("COUNT(*)", ()),
    ("COUNT({0})", ("STRING",)),
    ("COUNT(DISTINCT {0})", ("INT64",)),
    ("COUNTIF({0})", ("BOOL",)),
    ("SUM({0})", ("INT64",)),
    ("SUM({0})", ("NUMERIC",)),
    ("AVG({0})", ("INT64",)),
    ("AVG({0})", ("NUMERIC",)),
    *((f"{name}({{0}})", (kind,)) for name in ("MIN", "MAX") for kind in ORDERED),
    ("LOGICAL_OR({0})", ("BOOL",)),
    ("STRING_AGG({0}, '|' ORDER BY {0})", ("STRING",)),
    ("ARRAY_AGG({0} IGNORE NULLS ORDER BY {0})", ("INT64",)),
]
WINDOWS = [
    ("SUM({0}) OVER (PARTITION BY o ORDER BY k)", ("INT64",)),
    ("COUNT({0}) OVER (ORDER BY k ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)", ("STRING",)),
    ("LAG({0}) OVER (ORDER BY k)", ("DATE",)),
    ("FIRST_VALUE({0} IGNORE NULLS) OVER (ORDER BY k)", ("STRING",)),
    ("RANK() OVER (ORDER BY {0})", ("INT64",)),
    ("DENSE_RANK() OVER (PARTITION BY o ORDER BY {0} DESC)", ("FLOAT64",)),
    ("MAX({0}) OVER (PARTITION BY {1})", ("NUMERIC", "BOOL")),
]


@dataclass(frozen=True)
class Tree:
    """An expression: a text with places for its branches."""

    text: str
    type: str
    branches: tuple[Tree, ...] = ()

    def __str__(self) -> str:
        return self.text.format(*map(str, self.branches)) if self.branches else self.text


@dataclass(frozen=True)
class Query:
    """A query over `t`, the parts of which can be left out one by one."""

    rows: tuple[str, ...]
    outputs: tuple[Tree, ...]
    where: Tree | None = None
    keys: tuple[Tree, ...] = ()
    ordered: bool = False

    def __str__(self) -> str:
        columns = ", ".join(["k INT64", *(f"{name} {kind}" for name, kind in COLUMNS.items())])
        table = f"WITH t AS (SELECT * FROM UNNEST(ARRAY<STRUCT<{columns}>>[{', '.join(self.rows)}]))"
        outputs = ", ".join(f"{tree} AS c{i}" for i, tree in enumerate((*self.keys, *self.outputs)))
        where = f" WHERE {self.where}" if self.where else ""
        group = f" GROUP BY {', '.join(f'c{i}' for i in range(len(self.keys)))}" if self.keys else ""
        return f"{table} SELECT {outputs} FROM t{where}{group}{' ORDER BY k' if self.ordered else ''}"


class Generator:
    """Makes queries from one source of chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def query(self) -> Query:
        rows = tuple(self._row(k) for k in range(self.chance.choice((0, 1, 3, 5))))
        where = self.tree("BOOL", 2) if self.chance.random() < 0.4 else None
        shape = self.chance.random()
        if shape < 0.3:
            keys = tuple(self.tree(self.chance.choice(ORDERED), 1) for _ in range(self.chance.choice((0, 1, 2))))
            return Query(rows, tuple(self._filled(AGGREGATES, 2) for _ in range(3)), where, keys)
        if shape < 0.45:
            return Query(rows, tuple(self._filled(WINDOWS, 1) for _ in range(2)), where)
        outputs = tuple(self.tree(self.chance.choice(tuple(GRAMMAR)), 3) for _ in range(3))
        return Query(rows, outputs, where, ordered=self.chance.random() < 0.3)

    def tree(self, kind: str, depth: int) -> Tree:
        if depth == 0 or self.chance.random() < 0.15:
            return self.leaf(kind)
        text, kinds = self.chance.choice(GRAMMAR[kind])
        return Tree(text, kind, tuple(self.tree(inner, depth - 1) for inner in kinds))

    def leaf(self, kind: str) -> Tree:
        columns = [name for name, its in COLUMNS.items() if its == kind]
        if columns and self.chance.random() < 0.75:
            return Tree(self.chance.choice(columns), kind)
        return Tree(self._value(kind, 0.1), kind)

    def _filled(self, table: list[tuple[str, tuple[str, ...]]], depth: int) -> Tree:
        text, kinds = self.chance.choice(table)
        return Tree(text, "", tuple(self.tree(kind, depth) for kind in kinds))

    def _row(self, k: int) -> str:
        return f"({k}, {', '.join(self._value(kind, 0.12) for kind in COLUMNS.values())})"

    def _value(self, kind: str, edge: float) -> str:
        values = VALUES.get(kind) if self.chance.random() < edge else None
        found = self.chance.choice(values or COMMON[kind])
        return f"CAST(NULL AS {kind})" if found == "NULL" else found


# ------------------------------------------------------------------------------------------------- shrinking


def smaller(query: Query) -> Iterator[Query]:
    """The query with one thing less, the largest steps first."""
    for i in range(len(query.outputs)):
        if len(query.outputs) > 1:
            yield replace(query, outputs=query.outputs[:i] + query.outputs[i + 1 :])
    if query.where:
        yield replace(query, where=None)
    for i in range(len(query.rows)):
        yield replace(query, rows=query.rows[:i] + query.rows[i + 1 :])
    for i in range(len(query.keys)):
        yield replace(query, keys=query.keys[:i] + query.keys[i + 1 :])
    if query.ordered:
        yield replace(query, ordered=False)
    for i, tree in enumerate(query.outputs):
        for less in simpler(tree):
            yield replace(query, outputs=(*query.outputs[:i], less, *query.outputs[i + 1 :]))
    if query.where:
        yield from (replace(query, where=less) for less in simpler(query.where))


def simpler(tree: Tree) -> Iterator[Tree]:
    """The tree with a branch in its own place, or one of its branches simpler."""
    yield from (branch for branch in tree.branches if branch.type == tree.type)
    for i, branch in enumerate(tree.branches):
        leaves = () if not branch.branches or not branch.type else (Tree(COMMON[branch.type][0], branch.type),)
        for less in (*leaves, *simpler(branch)):
            yield replace(tree, branches=(*tree.branches[:i], less, *tree.branches[i + 1 :]))


def shrunk(query: Query, steps: int = 300) -> Query:
    """The smallest query found whose answers still differ."""
    while steps > 0:
        for less in smaller(query):
            steps -= 1
            if judge(str(less)).kind == "WRONG":
                query = less
                break
            if steps <= 0:
                return query
        else:
            return query
    return query


@dataclass
class Report:
    """What came of a run."""

    kinds: Counter[str]
    wrong: list[tuple[int, Verdict]]


def run(seed: int, queries: int, *, seconds: float = float("inf")) -> Report:
    """Judge queries of seeds `seed`, `seed + 1`, …; those that differ come shrunk."""
    report, stop = Report(Counter(), []), time.monotonic() + seconds
    for number in range(seed, seed + queries):
        query = Generator(number).query()
        verdict = judge(str(query))
        report.kinds[verdict.kind] += 1
        if verdict.kind == "WRONG":
            report.wrong.append((number, judge(str(shrunk(query)))))
        if time.monotonic() > stop:
            break
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 40))
    parser.add_argument("--seconds", type=float, default=float("inf"))
    asked = parser.parse_args()
    started = time.monotonic()
    report = run(asked.seed, asked.queries, seconds=asked.seconds)
    spent = time.monotonic() - started
    print(f"seed {asked.seed}: {sum(report.kinds.values())} queries in {spent:.0f} s: {dict(report.kinds)}")
    for seed, verdict in report.wrong:
        print(f"\nseed {seed}\n  {verdict.sql}\n  here:      {verdict.local}\n  reference: {verdict.reference}")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
