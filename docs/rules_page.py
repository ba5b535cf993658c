"""docs/faithfulness.md: every rule with its verdict and source, and every function of BigQuery with its state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import ModuleType

from bigpato_magic.googlesql import added
from bigpato_magic.resolved import vocabulary
from bigpato_magic.sql.rules import AGGREGATES, FAMILIES, FUNCTIONS, estimates
from bigpato_magic.sql.rules.base import AggregateRule, AnyRule, Rule

FUNCTION_PAGE = "https://cloud.google.com/bigquery/docs/reference/standard-sql/functions-all"

HEAD = """# What is faithful

A query runs locally only if every function signature, cast and clause in it has a rule here. Each rule is compared with
Google's reference implementation over a grid of edge values. What has no rule is
answered by that implementation itself, where the tables are small, or by BigQuery.

There are NUMBER OF RULES rules. *As is*: DuckDB's own function of that name gives BigQuery's answer. *Rewritten*: other DuckDB text
does. *Routed*: known, and left to BigQuery, with the reason.

## What is evaluated

An error is an answer: a query that fails on BigQuery never gets a frame here.

- *Within a row*, everything is evaluated that Google's pages say is: all arguments of a function and an operator, whatever
  stands beside them (`NULL + 1/x`), both sides of `AND` and `OR` wherever they stand (`IF(x <> 0 AND 1/x > 2, …)` raises where
  x is 0), fields and elements that nobody takes, subqueries. Only `CASE`, `IF`, `COALESCE` and `IFNULL`
  [stop at what they choose](https://cloud.google.com/bigquery/docs/reference/standard-sql/conditional_expressions).
- *For which rows*, the pages leave open: the parts of a `WHERE`, `ON`, `HAVING` or `QUALIFY` that `AND` joins may be looked at
  [in any order](https://cloud.google.com/bigquery/docs/reference/standard-sql/debugging_functions#error), and a column may be
  computed before or after a join, a filter or a `LIMIT` around it leaves its row out, or not at all where nothing needs it
  (an ORDER BY inside, the columns of an `EXISTS`). There a local answer is one that some order gives, and no order gives
  another value: at most an error, for what is left out. If DuckDB meets that error, the query goes to BigQuery.

How this is kept from DuckDB's optimizer: [rule by rule](optimizer.md).

## Wildcard tables

`` FROM `d.events_*` `` is answered here [as Google's page has it](https://cloud.google.com/bigquery/docs/querying-wildcard-tables),
once the tables that it needs are here:

- The columns are those of the table that was made last. What another table lacks is NULL; an array that it lacks is BigQuery's.
- `_TABLE_SUFFIX` is a column of each row that `SELECT *` leaves out. Tables for whose suffix a filter is surely not true need not
  be here: comparisons, `BETWEEN`, `IN`, `LIKE`, `STARTS_WITH`, `REGEXP_CONTAINS`, `SUBSTR`, `CAST` and `PARSE_DATE` of it, with
  constants, parameters, and `FORMAT_DATE('%Y%m%d', …)` of a constant or of today.
- It is BigQuery's to answer, or to refuse, if *any* table that matches is a view, an external table or a snapshot, has a column of
  another type, or spelt otherwise, a collation, row-level security, a key of its owner's or other tags than the others, or is
  partitioned or clustered otherwise.

Tables are listed, and those that are read are checked, with each query; so is the newest. Of the others only the list is new:
their columns are those of an hour ago at most. What is not known of hundreds of tables is learned while BigQuery answers; more
than 4,000 behind one wildcard stay BigQuery's. A column that was renamed shows in nothing that BigQuery tells.

## What is left open

- `RAND()` in a SELECT list or a condition on rows: each row has a draw of its own, one value wherever it is read, and another in
  the next run. Any draw is a right answer; it is never kept, and never compared with BigQuery's. Elsewhere (in an aggregate
  function, a join's ON, a subquery of an expression) it is BigQuery's.
- `APPROX_COUNT_DISTINCT`, `APPROX_QUANTILES`, `APPROX_TOP_COUNT`: BigQuery's estimate is its own, and how it is made is on no page,
  so they are BigQuery's. `%config BigPato.approximate = "exact"`, or `--approximate exact`, lets a local answer have the exact
  figure instead, and the footnote says so: distinct values counted, values at their ranks (the first one that has its share of
  the rows at or below it), and the most frequent values; where it is asked of BigQuery after all, it is the estimate. A comparison
  with BigQuery's answer (`%bp_verify`) decides nothing there.
- Numbers of the JSON type have the digits that BigQuery prints, which always give the same FLOAT64 and now and then are more than
  needed: `TO_JSON(67.174118)` is `67.17411800000001`, and `PARSE_JSON('67.174118')` an error, here as
  [there](https://github.com/airbytehq/airbyte/issues/29594); `wide_number_mode => 'round'` takes it.
- Functions of a dataset (`SELECT tools.clean(x)`) are written out where they are SQL; those that read a table, ask for the time, or
  are called by names that differ in case alone are BigQuery's. What calls one, asks for the time or reads a wildcard may have
  another answer when `%bp_verify` asks BigQuery later, so a difference decides nothing there.
- The last digit of `POW`, `EXP`, `SQRT` and logarithms of NUMERIC: Google's implementation has some 25 digits. A result that so
  many digits do not settle is BigQuery's.
- Elements of formats that the reference's C library does not know (`%k`, `%l`, `%P`; `%F` where it reads) or that are on no page
  (`%EZ`), and formats of `FORMAT_DATE` and its kin that are no constants: BigQuery's, also over small tables.
"""

FOR_EVER = {
    "GEOGRAPHY": "Its functions compute on a sphere with Google's own library; there is no other exact one.",
    "RANGE in a table or a result": "DuckDB has no such type; inside a query it is a start and an end.",
    "ML, AI, remote functions": "They run on Google's machines.",
    "JavaScript functions": "Their engine is not here.",
    "Scripts, procedures, DML, DDL": "They change something; BigQuery is where the tables live.",
    "Collation": "DuckDB's collations are not BigQuery's.",
    "Differential privacy": "Its noise is the point.",
    "TABLESAMPLE, GENERATE_UUID, SESSION_USER": "Another answer each time, or who asks.",
}


def page() -> str:
    """The whole page, as Markdown."""
    return "".join((*_head(), *_for_ever(), *_functions(), *(line for f in FAMILIES for line in _family(f))))


def _head() -> Iterator[str]:
    yield HEAD.replace("NUMBER OF RULES", str(len(FUNCTIONS) + len(AGGREGATES)))


def _for_ever() -> Iterator[str]:
    yield "\n## Never in DuckDB\n\n| What | Why |\n|---|---|\n"
    yield from (f"| {what} | {why} |\n" for what, why in sorted(FOR_EVER.items()))


def _functions() -> Iterator[str]:
    rules: dict[str, list[AnyRule]] = {}
    for rule in (*FUNCTIONS, *AGGREGATES):
        rules.setdefault(rule.name, []).append(rule)
    yield f"\n## Every function of BigQuery\n\nThe list is Google's: <{FUNCTION_PAGE}>.\n\n"
    yield "| Function | State |\n|---|---|\n"
    names = sorted(vocabulary.PURE | vocabulary.OTHER | added.NAMES)
    yield from (f"| `{name.upper()}` | {_state(name, rules.get(name, []))} |\n" for name in names)


def _state(name: str, rules: Iterable[AnyRule]) -> str:
    if name in added.BODIES:
        return f"local, as `{added.BODIES[name]}`"
    if name in vocabulary.REWRITTEN:
        return f"local, as {vocabulary.REWRITTEN[name]}"
    if name in estimates.NAMES:
        return "routed; here the exact figure, if you ask for it (`approximate`)"
    local = [rule for rule in rules if rule.template is not None]
    if not local:
        return "routed"
    return f"local, {len(local)} signature{'s' if len(local) > 1 else ''}"


def _family(family: ModuleType) -> Iterator[str]:
    rules = [*getattr(family, "RULES", ()), *getattr(family, "AGGREGATES", ())]
    if not rules:
        return
    yield f"\n## {family.__name__.rsplit('.', 1)[-1].capitalize()}\n\n{_first_line(family)}\n\n"
    yield "| Signature | Verdict | Why | Source |\n|---|---|---|---|\n"
    for rule in sorted(rules, key=lambda r: r.id):
        source = rule.source or getattr(family, "SOURCE", "")
        yield f"| `{rule.id.replace('|', chr(92) + '|')}` | {_verdict(rule)} | {rule.why} | [page]({source}) |\n"


def _first_line(family: ModuleType) -> str:
    return (family.__doc__ or "").strip().splitlines()[0]


def _verdict(rule: Rule | AggregateRule) -> str:
    if rule.template is None:
        return "routed"
    return "as is" if isinstance(rule, Rule) and rule.verdict == "as is" else "rewritten"
