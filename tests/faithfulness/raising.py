"""Errors beside what settles an answer: each rule with one argument that raises and another that is NULL or a constant.

    python -m tests.faithfulness.raising             all of it (minutes)
    python -m tests.faithfulness.raising substr lpad these functions

GoogleSQL evaluates all arguments of a function, so `n + DIV(1, 0)` raises also where n is NULL. DuckDB may see the NULL
first, as a constant, in a CASE of a macro or by what it knows of a column, and then never looks at the other. A constant
(a divisor of 0, an empty array) may settle a rule's CASE alike. The evaluator is the judge.
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

from bigpato_magic.sql.rules import FUNCTIONS
from bigpato_magic.sql.rules.base import LETTERS, Rule
from tests.faithfulness.grid import LONG_TEXT, VALUES, patterns, types
from tests.faithfulness.judge import Verdict, judge
from tests.faithfulness.trials import values_of
from tests.faithfulness.world import World, table_of

# For each type a text that raises where z is 0.
RAISING = {
    "INT64": "DIV(1, z)",
    "FLOAT64": "(1 / z)",
    "NUMERIC": "(NUMERIC '1' / z)",
    "STRING": "CAST(DIV(1, z) AS STRING)",
    "BYTES": "CAST(CAST(DIV(1, z) AS STRING) AS BYTES)",
    "DATE": "DATE_ADD(DATE '2020-01-01', INTERVAL DIV(1, z) DAY)",
    "DATETIME": "DATETIME_ADD(DATETIME '2020-01-01', INTERVAL DIV(1, z) DAY)",
    "TIMESTAMP": "TIMESTAMP_ADD(TIMESTAMP '2020-01-01', INTERVAL DIV(1, z) DAY)",
    "TIME": "TIME_ADD(TIME '10:00:00', INTERVAL DIV(1, z) SECOND)",
    "BOOL": "(DIV(1, z) = 1)",
    "JSON": "TO_JSON(DIV(1, z))",
    "ARRAY<INT64>": "[DIV(1, z)]",
    "ARRAY<STRING>": "[CAST(DIV(1, z) AS STRING)]",
}
SIMPLE = tuple(kind for kind in RAISING if not kind.startswith("ARRAY"))


@cache
def world() -> World:
    """One row that raises and one that does not: z; for each type nulls (n_), a value in one row (p_), values (v_)."""
    names = [(f"{prefix}_{_name(kind)}", kind) for prefix in "npv" for kind in SIMPLE]
    rows = [", ".join([str(z), *(_value(name, kind, z) for name, kind in names)]) for z in (0, 1)]
    return World({"t": table_of("t", {"z": "INT64", **dict(names)}, [f"({row})" for row in rows])})


def _name(kind: str) -> str:
    return kind.lower()


def _value(name: str, kind: str, z: int) -> str:
    return f"CAST(NULL AS {kind})" if name[0] == "n" or (name[0] == "p" and not z) else VALUES[kind][0]


def trials(rule: Rule) -> Iterator[str]:
    """Queries: each pair of arguments of a rule, one that raises and one that is NULL in several ways, or a constant."""
    kinds = types(rule)
    for pattern in patterns(rule)[:2]:
        present = [i for i, letter in enumerate(LETTERS[: len(kinds)]) if re.search(rf"\b{letter}\b", pattern)]
        for raises, other in itertools.permutations(present, 2):
            if kinds[raises] in RAISING:
                for one in (*_nulls(kinds[other]), *_constants(rule, other, kinds[other])):
                    yield _query(rule, pattern, kinds, {raises: RAISING[kinds[raises]], other: one})


def _nulls(kind: str) -> Iterator[str]:
    if kind in SIMPLE:
        yield from (f"CAST(NULL AS {kind})", f"n_{_name(kind)}", f"p_{_name(kind)}")


def _constants(rule: Rule, place: int, kind: str) -> list[str]:
    values = values_of(rule).get(LETTERS[place]) or VALUES.get(kind, ())
    return [value for value in values if value not in ("NULL", LONG_TEXT)]


def _query(rule: Rule, pattern: str, kinds: tuple[str, ...], given: dict[int, str]) -> str:
    texts = {}
    for i, (letter, kind) in enumerate(zip(LETTERS, kinds, strict=False)):
        own = values_of(rule).get(letter)
        plain = own or VALUES.get(kind, ("NULL",))
        texts[letter] = given.get(i) or (f"v_{_name(kind)}" if kind in SIMPLE and not own else plain[0])
    place = re.compile(rf"(?<![.\w%'$])([{''.join(texts)}])(?![\w'(])")
    return f"SELECT {place.sub(lambda found: texts[found[1]], pattern)} AS x FROM t"


def run(names: list[str], share: float, seed: int) -> tuple[Counter[str], list[Verdict]]:
    """Judge a share of the trials; how many ended how, and the wrong ones."""
    chance, kinds, wrong = random.Random(seed), Counter[str](), []
    for rule in FUNCTIONS:
        if rule.template is None or (names and rule.name not in names):
            continue
        for sql in trials(rule):
            if chance.random() < share:
                verdict = judge(sql, world())
                kinds[verdict.kind] += 1
                if verdict.kind == "WRONG":
                    wrong.append(verdict)
    return kinds, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="functions; all without any")
    parser.add_argument("--share", type=float, default=1.0)
    asked = parser.parse_args()
    kinds, wrong = run(asked.names, asked.share, 7)
    print(dict(kinds))
    for verdict in wrong:
        print(f"{verdict.sql}\n  here:      {verdict.local}\n  reference: {verdict.reference}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
