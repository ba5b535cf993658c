"""The grid: every scalar rule over edge values, each answer compared with Google's reference implementation.

    python -m tests.faithfulness.grid                    all of it (minutes)
    python -m tests.faithfulness.grid substr date_trunc  these functions
    python -m tests.faithfulness.grid --seconds 60 --seed 7   a sample
    python -m tests.faithfulness.grid --part 1/2         every second batch, for two processes

The queries are made from the tables of rules themselves, with what `trials` adds: a rule cannot be forgotten. Many
combinations of values are tried in one query; where it fails on either side, it is halved until one row is left.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from bigpato_magic.resolved import vocabulary
from bigpato_magic.sql.rules import FUNCTIONS
from bigpato_magic.sql.rules.base import LETTERS, Rule
from tests.faithfulness.judge import Verdict, judge
from tests.faithfulness.trials import patterns_of, values_of

LONG_TEXT = "REPEAT('xyz', 500)"
VALUES: dict[str, tuple[str, ...]] = {
    "INT64": (
        "0",
        "1",
        "-1",
        "2",
        "7",
        "-7",
        "63",
        "100",
        "9223372036854775807",
        "-9223372036854775808",
        "1000000000",
        "NULL",
    ),
    "FLOAT64": (
        "0.0",
        "-0.0",
        "1.5",
        "-2.5",
        "0.5",
        "3.14159",
        "123456789.125",
        "1e308",
        "-1e308",
        "1e-308",
        "CAST('nan' AS FLOAT64)",
        "CAST('inf' AS FLOAT64)",
        "CAST('-inf' AS FLOAT64)",
        "NULL",
    ),
    "NUMERIC": (
        "NUMERIC '0'",
        "NUMERIC '1.5'",
        "NUMERIC '-2.5'",
        "NUMERIC '0.000000001'",
        "NUMERIC '-3.333333333'",
        "NUMERIC '7'",
        "NUMERIC '99999999999999999999999999999.999999999'",
        "NUMERIC '-99999999999999999999999999999.999999999'",
        "NULL",
    ),
    "BIGNUMERIC": (
        "BIGNUMERIC '0'",
        "BIGNUMERIC '1.5'",
        "BIGNUMERIC '-2.5'",
        "BIGNUMERIC '1e-38'",
        "BIGNUMERIC '-3.33333333333333333333333333333333333333'",
        "BIGNUMERIC '7'",
        "BIGNUMERIC '99999999999999999999999999999999999999'",
        "BIGNUMERIC '-57896044618658097711785492504343953926'",
        "NULL",
    ),
    "STRING": (
        "''",
        "'a'",
        "'abc'",
        "'Hello World'",
        "'  pad\\t'",
        "'é'",
        "'日本語'",
        "'a,b,c'",
        "'123'",
        "'%a_'",
        "'2024-02-29'",
        "'true'",
        "'1.5'",
        "'x\\ny'",
        "'12:34:56'",
        "'🐟'",
        LONG_TEXT,
        "NULL",
    ),
    "BYTES": ("b''", "b'abc'", "b'\\xff\\x00'", "b'\\xc3\\xa9'", "NULL"),
    "DATE": (
        "DATE '2024-02-29'",
        "DATE '0001-01-01'",
        "DATE '9999-12-31'",
        "DATE '1969-12-31'",
        "DATE '2020-01-05'",
        "DATE '2021-01-03'",
        "DATE '1600-03-01'",
        "NULL",
    ),
    "DATETIME": (
        "DATETIME '2024-02-29 12:34:56.789'",
        "DATETIME '0001-01-01 00:00:00'",
        "DATETIME '9999-12-31 23:59:59.999999'",
        "DATETIME '1969-12-31 23:59:59.5'",
        "DATETIME '2021-03-14 02:30:00'",
        "NULL",
    ),
    "TIMESTAMP": (
        "TIMESTAMP '2024-02-29 12:34:56.789+00'",
        "TIMESTAMP '0001-01-01 00:00:00+00'",
        "TIMESTAMP '9999-12-31 23:59:59.999999+00'",
        "TIMESTAMP '1969-12-31 23:59:59.000001+00'",
        "TIMESTAMP '2021-03-14 09:59:59+00'",
        "TIMESTAMP '2021-11-07 05:30:00+00'",
        "NULL",
    ),
    "TIME": ("TIME '12:34:56.789'", "TIME '00:00:00'", "TIME '23:59:59.999999'", "NULL"),
    "BOOL": ("true", "false", "NULL"),
    "JSON": (
        "JSON '1'",
        "JSON 'null'",
        "JSON '\"a\"'",
        "JSON '{\"a\": [1, 2.5, null]}'",
        "JSON '[]'",
        "JSON 'true'",
        "NULL",
    ),
    "INTERVAL": ("INTERVAL 1 DAY", "INTERVAL '1-2 3 4:5:6.789' YEAR TO SECOND", "INTERVAL -5 HOUR", "NULL"),
    "RANGE<DATE>": (
        "RANGE<DATE> '[2024-01-01, 2024-02-29)'",
        "RANGE<DATE> '[2024-02-29, 9999-12-31)'",
        "RANGE<DATE> '[0001-01-01, UNBOUNDED)'",
        "RANGE<DATE> '[UNBOUNDED, 2020-01-05)'",
        "RANGE<DATE> '[UNBOUNDED, UNBOUNDED)'",
        "NULL",
    ),
    "ARRAY<INT64>": ("[1, 2, 3]", "CAST([] AS ARRAY<INT64>)", "[1, NULL]", "NULL"),
    "ARRAY<STRING>": ("['a', 'b']", "CAST([] AS ARRAY<STRING>)", "['é', NULL, '']", "NULL"),
    "ARRAY<FLOAT64>": ("[1.5, -0.0]", "[CAST('nan' AS FLOAT64)]", "NULL"),
}
for _kind, _values in list(VALUES.items()):
    VALUES.setdefault(f"ARRAY<{_kind}>", (f"[{_values[0]}, {_values[1]}]", f"CAST([] AS ARRAY<{_kind}>)", "NULL"))
ANY = "INT64"
RECORD = "STRUCT<x INT64, y STRING>"
ALIASES = {
    "ANY": ANY,
    "ARRAY": "ARRAY<INT64>",
    "...": None,
    "RANGE": "RANGE<DATE>",
    "STRUCT": RECORD,
    "ARRAY<STRUCT>": f"ARRAY<{RECORD}>",
}
VALUES[RECORD] = (
    "STRUCT(1 AS x, 'a' AS y)",
    "STRUCT(1 AS x, CAST(NULL AS STRING) AS y)",
    "STRUCT(2 AS x, 'a' AS y)",
    "NULL",
)
VALUES[f"ARRAY<{RECORD}>"] = (f"[{VALUES[RECORD][0]}, {VALUES[RECORD][2]}]", f"CAST([] AS ARRAY<{RECORD}>)", "NULL")
OPERATORS = {
    "$add": "+",
    "$subtract": "-",
    "$multiply": "*",
    "$divide": "/",
    "$equal": "=",
    "$not_equal": "<>",
    "$less": "<",
    "$greater": ">",
    "$less_or_equal": "<=",
    "$greater_or_equal": ">=",
    "$and": "AND",
    "$or": "OR",
    "$like": "LIKE",
    "$bitwise_and": "&",
    "$bitwise_or": "|",
    "$bitwise_xor": "^",
    "$bitwise_left_shift": "<<",
    "$bitwise_right_shift": ">>",
    "$is_distinct_from": "IS DISTINCT FROM",
    "$is_not_distinct_from": "IS NOT DISTINCT FROM",
}
PATTERNS = {
    "$is_null": "a IS NULL",
    "$not": "NOT a",
    "$unary_minus": "-a",
    "$between": "a BETWEEN b AND c",
    "$bitwise_not": "~a",
    "$is_true": "a IS TRUE",
    "$is_false": "a IS FALSE",
    "$in": "a IN (b, a)",
    "$in_array": "a IN UNNEST(b)",
    "$array_at_offset": "a[OFFSET(b)]",
    "$array_at_ordinal": "a[ORDINAL(b)]",
    "$safe_array_at_offset": "a[SAFE_OFFSET(b)]",
    "$safe_array_at_ordinal": "a[SAFE_ORDINAL(b)]",
    "$make_array": "[a, b]",
    "$case_no_value": "CASE WHEN a THEN b END",
    "$case_with_value": "CASE a WHEN b THEN 'same' ELSE 'other' END",
    "$with_side_effects": "IFERROR(a, b)",
}
MOST = 60
BATCH = 16


@dataclass(frozen=True)
class Trial:
    """A rule, a pattern over a, b, …, and the values to put there."""

    rule: str
    pattern: str
    values: tuple[str, ...]
    types: tuple[str, ...]

    @property
    def columns(self) -> str:
        """The values as columns, so that the rule sees no constants."""
        return ", ".join(
            f"CAST({v} AS {t}) AS {letter}" if v == "NULL" else f"{v} AS {letter}"
            for v, t, letter in zip(self.values, self.types, LETTERS, strict=False)
        )


def query(batch: list[Trial]) -> str:
    """One query for trials of one pattern."""
    rows = " UNION ALL ".join(f"SELECT {i} AS i, {trial.columns}" for i, trial in enumerate(batch))
    return f"SELECT i, {batch[0].pattern} AS r FROM ({rows})"


def patterns(rule: Rule) -> tuple[str, ...]:
    """What to try for a rule: what `trials` says, or the function itself."""
    if said := patterns_of(rule):
        return said
    if rule.name == "cast":
        target = rule.signature.partition(" AS ")[2]
        return (f"CAST(a AS {target})", f"SAFE_CAST(a AS {target})")
    letters = LETTERS[: len(types(rule))]
    if rule.name in PATTERNS:
        return (PATTERNS[rule.name],)
    if rule.name in OPERATORS:
        return (f" {OPERATORS[rule.name]} ".join(letters),)
    call = f"{rule.name}({', '.join(letters)})"
    return (
        (call, f"SAFE.{call}")
        if (rule.safe is not None or rule.same_if_safe) and not rule.name.startswith("safe_")
        else (call,)
    )


def types(rule: Rule) -> tuple[str, ...]:
    """The GoogleSQL types of a, b, …: the signature's, keywords left out, and one more for `...`."""
    items = rule.signature.partition(" AS ")[:1] if rule.name == "cast" else tuple(rule.types)
    found = [ALIASES.get(item, item) for item in items if item != "ENUM"]
    last = next((item for item in reversed(found) if item), ANY)
    return tuple(item or last for item in found)


def trials(rule: Rule, random_: random.Random, most: int = MOST) -> Iterator[Trial]:
    """Up to `most` trials for each pattern of a rule."""
    names = types(rule)
    grids = [values_of(rule).get(letter) or VALUES.get(name, ()) for letter, name in zip(LETTERS, names, strict=False)]
    if not all(grids):
        return
    combinations = list(itertools.islice(itertools.product(*grids), 20_000))
    for pattern in patterns(rule):
        for values in random_.sample(combinations, min(most, len(combinations))):
            yield Trial(rule.id, pattern, values, names)


def without_grid() -> list[str]:
    """Rules that nothing can be tried for: each needs an entry in `trials`, or edge values of its types."""
    return [rule.id for rule in FUNCTIONS if rule.template is not None and not any(trials(rule, random.Random(0), 1))]


# The evaluator has no answer (CURRENT_DATE, TO_BASE32), the answer is an error, or no function is spelled so.
UNPROVABLE = frozenset({*vocabulary.OTHER, "error", "$with_side_effects"})


def unproven(seed: int) -> list[str]:
    """Rules of which no trial is answered here as the evaluator answers it: what is tried is no trial then."""
    random_ = random.Random(seed)
    rules = [rule for rule in FUNCTIONS if rule.template is not None and rule.name not in UNPROVABLE]
    return [r.id for r in rules if not any(judge(query([trial])).kind == "same" for trial in trials(r, random_))]


def sample(names: list[str], seed: int, most: int = MOST) -> list[list[Trial]]:
    """All trials of these functions (of all where none is named), in batches of one pattern, in random order."""
    random_ = random.Random(seed)
    chosen = (r for r in FUNCTIONS if r.template is not None and (not names or r.name in names or r.id in names))
    found: dict[tuple[str, str], list[Trial]] = {}
    for rule in chosen:
        for trial in trials(rule, random_, most):
            found.setdefault((rule.id, trial.pattern), []).append(trial)
    batches = [group[i : i + BATCH] for group in found.values() for i in range(0, len(group), BATCH)]
    random_.shuffle(batches)
    return batches


@dataclass
class Outcome:
    """How trials ended: counts, wrong ones, and the rules that gave a right answer."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, Verdict]] = field(default_factory=list)
    proven: set[str] = field(default_factory=set)

    def add(self, batch: list[Trial]) -> None:
        """Judge a batch; one that is not simply right is halved until each row stands for itself."""
        verdict = judge(query(batch))
        if len(batch) > 1 and verdict.kind not in ("same", "refused"):
            self.add(batch[: len(batch) // 2])
            self.add(batch[len(batch) // 2 :])
        else:
            self.note(batch[0].rule, verdict, len(batch))

    def note(self, rule: str, verdict: Verdict, rows: int = 1) -> None:
        """Count a verdict."""
        self.counts[verdict.kind] += rows
        if verdict.kind == "WRONG":
            self.wrong.append((rule, verdict))
            sys.stderr.write(f"{rule}: {verdict.sql}\n")
        elif verdict.kind == "same":
            self.proven.add(rule)


def run(todo: list[list[Trial]], more: list[tuple[str, str]], seconds: float) -> Outcome:
    """Judge batches of scalar trials, and queries of aggregates, until the time is over."""
    outcome, end = Outcome(), time.monotonic() + seconds
    jobs: list[list[Trial] | tuple[str, str]] = [*more, *todo]
    random.Random(len(jobs)).shuffle(jobs)
    for done, job in enumerate(jobs):
        if done % 500 == 499:
            sys.stderr.write(f"{done + 1} of {len(jobs)} batches: {dict(outcome.counts)}\n")
        if time.monotonic() > end:
            break
        if isinstance(job, list):
            outcome.add(job)
        else:
            outcome.note(job[0], judge(job[1]))
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="functions or rules; all without any")
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--most", type=int, default=MOST, help="trials of each pattern")
    parser.add_argument("--part", default="1/1", help="a part of it: 1/2 and 2/2 are all")
    asked = parser.parse_args()
    from tests.faithfulness import groups

    part, parts = map(int, asked.part.split("/"))
    todo = sample(asked.names, asked.seed, asked.most)[part - 1 :: parts]
    more = groups.sample(asked.names, asked.seed, max(1, asked.most // 10))[part - 1 :: parts]
    outcome = run(todo, more, asked.seconds)
    counts, wrong = outcome.counts, outcome.wrong
    sys.stdout.write(
        f"{counts.total()} of {sum(map(len, todo)) + len(more)} trials, {len(outcome.proven)} rules proven: {dict(counts)}\n"
    )
    sys.stdout.write(f"wrong by rule: {Counter(rule for rule, _ in wrong).most_common()}\n")
    shown: Counter[str] = Counter()
    for rule, verdict in wrong:
        shown[rule] += 1
        if shown[rule] <= 2:
            sys.stdout.write(f"{rule}\n  {verdict.sql}\n  local {verdict.local}\n  reference {verdict.reference}\n")
    if not asked.names:
        sys.stdout.write(f"without a grid: {without_grid()}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
