"""No rule mentions an argument twice that is more than a few words: nested calls would double at each level.

DuckDB itself says what it makes of a text: its unoptimized plan has all macros expanded.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import QueryError
from bigpato_magic.local.instance import define_functions
from bigpato_magic.resolved.vocabulary import OTHER
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.sql import rules
from bigpato_magic.sql.expressions import named_type
from bigpato_magic.sql.rules import FUNCTIONS, macros
from bigpato_magic.sql.rules.base import LETTERS, Rule
from bigpato_magic.sql.templates import BUILT_IN, mark, parse
from bigpato_magic.types import Column, Compiled, LocalTable
from tests.faithfulness import engine, grid
from tests.faithfulness.trials import values_of

# A letter of a grid's pattern, outside of its texts, names of fields and calls.
PLACE = re.compile(r"""[rb]*"(?:[^"\\]|\\.)*"|[rb]*'(?:[^'\\]|\\.)*'|(?<![.\w`])([a-h])\b(?![`(])""")
NAMES = {kind: f"c{i}" for i, kind in enumerate(grid.VALUES) if kind.count("ARRAY") < 2}
RULES = [rule for rule in FUNCTIONS if rule.template is not None and rule.name not in OTHER and rule.types]
# Nothing but constants, arrays of STRUCTs of other fields than the table has, and what nobody writes.
UNTRIED = {"$with_side_effects", "cosine_distance", "euclidean_distance", "format"}
AT_ONCE = 32
FIRST_MARK = 700_000_000
DEPTHS = (4, 8, 16)
# What can be nested in itself, {} being the place, by the type of it; $f is a FLOAT64.
NESTED = {
    "STRING": (
        "SUBSTR({}, 1, 3)",
        "REPLACE({}, 'a', 'b')",
        "LPAD({}, 7, 'x')",
        "REGEXP_EXTRACT({}, 'a(b)')",
        "TRIM({}, 'x')",
        "SPLIT({}, ',')[SAFE_OFFSET(0)]",
        "FORMAT('%s-%t', {}, k)",
        "ARRAY_TO_STRING([{}, 'x'], ',')",
    ),
    "DATE": (
        "DATE_ADD({}, INTERVAL k DAY)",
        "DATE_TRUNC(DATE_SUB({}, INTERVAL 1 MONTH), MONTH)",
        "LAST_DAY({})",
    ),
    "TIMESTAMP": ("TIMESTAMP_ADD({}, INTERVAL k DAY)", "TIMESTAMP_TRUNC({}, HOUR, 'Europe/Berlin')"),
    "FLOAT64": (
        "SAFE_DIVIDE({}, 3)",
        "({} + COALESCE($f, 0.5))",
        "(COALESCE($f, 0.5) - {})",
        "(1 / (1 + EXP(-{})))",
        "ROUND({} * 1.5, 2)",
        "GREATEST({}, $f, 1.5)",
        "NULLIF({}, $f)",
        "IF({} > 1, 2.5, $f)",
        "CASE {} WHEN 1.5 THEN 2.5 WHEN 2.5 THEN 3.5 ELSE 1.5 END",
    ),
    "INT64": (
        "CASE {} WHEN 1 THEN 2 WHEN 2 THEN 3 ELSE k END",
        "WITH(x AS {}, x + x * x)",
        "CAST(CAST({} AS STRING) AS INT64)",
        "SAFE_ADD({}, k)",
        "MOD(DIV({}, k), 7)",
    ),
    "BOOL": ("({} BETWEEN (k > 1) AND (k > 2))",),
    "NUMERIC": ("({} / 7)", "SAFE_MULTIPLY({}, 3)"),
    "JSON": ("JSON_SET({}, '$.a', k, '$.b', 2)", "TO_JSON(STRUCT({} AS a, k AS b))"),
    "ARRAY<INT64>": ("ARRAY_CONCAT({}, [k])",),
}


@pytest.fixture(scope="module", autouse=True)
def analyzer():
    engine.ready()


@cache
def table() -> engine.Described:
    values = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for kind, name in NAMES.items())
    outputs = googlesql.analyze(f"SELECT 1 AS k, {values}").outputs
    return engine.describe("ds.w", tuple(Column(output.name, output.type) for output in outputs))


@cache
def connection() -> duckdb.DuckDBPyConnection:
    found = duckdb.connect(config={"threads": 1})
    found.execute("SET explain_output = 'all'")
    define_functions(found)
    fields = ", ".join(f"{column.name} {named_type(column.type)}" for column in table().columns)
    found.execute(f"CREATE TABLE w ({fields})")
    return found


def compiled(expressions: Sequence[str]) -> str | None:
    """The DuckDB text of expressions over the table; None where one means nothing or is not ours."""
    place = table()
    listed = ", ".join(f"{expression} AS r{i}" for i, expression in enumerate(expressions))
    try:
        query = googlesql.analyze(f"SELECT {listed} FROM ds.w", {("ds", "w"): place})
    except QueryError:
        return None
    found = compile_query(query, {place.id: LocalTable("w", place.columns)})
    return found.sql if isinstance(found, Compiled) else None


def plan(sql: str) -> str:
    """DuckDB's plan before it is optimized; without their names the expressions are shown."""
    unnamed = re.sub(r' AS "r[0-9]+"', "", sql)
    shown = connection().execute(f"EXPLAIN (FORMAT json) {unnamed}").fetchall()[0][1]
    return re.sub(r"\s+", " ", shown)  # it is indented


def put(pattern: str, values: Mapping[str, str]) -> str:
    """The pattern with these texts in place of its letters."""
    return PLACE.sub(lambda found: values.get(found[1], found[0]) if found[1] else found[0], pattern)


def column(rule: Rule, letter: str) -> str | None:
    """A column of the type that a letter has."""
    kinds = (rule.signature.partition(" AS ")[0],) if rule.name == "cast_format" else grid.types(rule)
    place = LETTERS.index(letter)
    return NAMES.get(kinds[place]) if place < len(kinds) else None


def long(name: str, mark: int) -> str:
    """A long expression of a column's type, which mentions a number once."""
    return f"COALESCE({', '.join(f'IF(k = {n}, {name}, NULL)' for n in (mark, 1, 2, 3, 4, 5))})"


@dataclass(frozen=True)
class Use:
    """A call with long arguments.

    Args:
        rule: its id.
        sql: it.
        marks: how often it mentions each mark itself.
    """

    rule: str
    sql: str
    marks: Mapping[str, int]


def uses() -> list[Use]:
    """Two ways to write the first patterns of each rule: where literals are known for a letter, with and without them."""
    found = []
    numbers = itertools.count(FIRST_MARK)
    for rule in RULES:
        for pattern in grid.patterns(rule)[:2]:
            said = Counter(match[1] for match in PLACE.finditer(pattern) if match[1])
            named = {letter: name for letter in said if (name := column(rule, letter))}
            literals = {letter: texts[0] for letter, texts in values_of(rule).items() if letter in said}
            fewer = {letter: name for letter, name in named.items() if letter not in literals}
            for columns in (named, fewer) if fewer != named else (named,):
                marks = {letter: next(numbers) for letter in columns}
                texts = literals | {letter: long(name, marks[letter]) for letter, name in columns.items()}
                if columns:
                    found.append(Use(rule.id, put(pattern, texts), {str(marks[x]): said[x] for x in columns}))
    return found


def taken(some: list[Use]) -> Iterator[tuple[list[Use], str]]:
    """Those that compile, several in one text."""
    sql = compiled([use.sql for use in some])
    if sql is not None:
        yield some, sql
    elif len(some) > 1:
        yield from taken(some[: len(some) // 2])
        yield from taken(some[len(some) // 2 :])


def test_no_rule_mentions_a_long_argument_twice():
    everything, tried, wrong = uses(), set(), []
    for place in range(0, len(everything), AT_ONCE):
        for some, sql in taken(everything[place : place + AT_ONCE]):
            counts = Counter(re.findall(rf"\b{FIRST_MARK // 10**6}[0-9]{{6}}\b", plan(sql)))
            tried |= {use.rule for use in some}
            wrong += [use for use in some if any(counts[mark] > said for mark, said in use.marks.items())]
    assert wrong == []
    assert {rule.name for rule in RULES if rule.id not in tried} <= UNTRIED


@pytest.mark.parametrize(("kind", "pattern"), [(kind, each) for kind, some in NESTED.items() for each in some])
def test_nested_calls_grow_linearly(kind, pattern):
    call = pattern.replace("$f", NAMES["FLOAT64"])
    found, nested = [], NAMES[kind]
    for depth in range(1, DEPTHS[-1] + 1):
        nested = call.replace("{}", nested)
        if depth in DEPTHS:
            found.append(compiled([nested]) or "")
    assert all(found)
    for sizes in ([len(sql) for sql in found], [len(plan(sql)) for sql in found]):
        assert sizes[2] - sizes[1] <= 2.5 * (sizes[1] - sizes[0]) + 500, sizes


def test_the_macros_of_duckdb_that_rules_use_are_counted():
    rows = connection().execute(
        "SELECT function_name, parameters, macro_definition FROM duckdb_functions() WHERE function_type = 'macro' AND internal"
    )
    folder = Path(rules.__file__).parent
    texts = " ".join([*macros(), *(path.read_text() for path in [*folder.glob("*.py"), *folder.parent.glob("*.py")])])
    for name, parameters, body in rows.fetchall():
        times = tuple(len(re.findall(rf"(?<![\w.]){re.escape(each)}(?![\w(])", body)) for each in parameters)
        if max(times, default=0) > 1 and re.search(rf"\b{re.escape(name)}\(", texts):
            assert BUILT_IN.get(name) == times, name
    assert parse(f"nullif({mark(0)}, {mark(1)})").mentions == {mark(0): 2, mark(1): 1}
