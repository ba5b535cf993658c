"""What a rule is, and how to add one in five minutes.

Google's analyzer names every function by its signature: `SUBSTR(name, 2)` is `substr(STRING, INT64)`, `a + b` is
`$add(INT64, INT64)`, `CAST(x AS STRING)` is `cast(DATE AS STRING)`. A rule says what DuckDB text gives BigQuery's
answer for one signature. What has no rule is refused, and the query runs on BigQuery. To add one:

1. Find the signature: the reason of a refused query shows it (`%bp_explain`).
2. Add an entry to the table of the family in this folder (`strings.py`, `dates.py`, …):

       Rule("starts_with", "STRING, STRING", "starts_with({a}, {b})", can_throw=False),

   `{a}`, `{b}`, … are the arguments, already compiled. Where text alone cannot tell, write a function of the `Call`:

       def _date_trunc(call: Call) -> str:
           unit = call.keyword(1)                        # MONTH, of DATE_TRUNC(d, MONTH)
           if unit not in UNITS:
               call.refuse(f"DATE_TRUNC to {unit}")      # known when the query is compiled
           return f"CAST(date_trunc('{unit}', {call.args[0].sql}) AS DATE)"

   - DuckDB must raise where BigQuery raises: `error('…')` inside the text. Put shared text in a macro of the family's
     `MACROS` (name `bp_…`). An argument may be mentioned as often as needed: where it is more than a name or a few
     words, the compiler binds it first (`sql.templates`).
   - What depends on the data is refused at run time: `error('route: …')`; `route("…")` writes it.
     DuckDB folds constant arguments before it looks at a CASE, so put a guard *inside* the dangerous argument:
     `repeat({a}, CASE WHEN {b} > 100000 THEN error('route: long text') ELSE {b} END)`.
   - `strict=True`: BigQuery gives NULL for any NULL argument and DuckDB's text would not; the guard is generated.
   - `can_throw`: may the function raise, whatever its arguments do? False, or a function of the call and of what the rule
     made of it; True if nothing is said. Beside what may settle the value (a NULL, a constant) `sql.raising` changes the
     text of what may raise.
   - `safe`: what `SAFE.f(…)` or SAFE_CAST is, where it can throw. TRY: DuckDB's TRY around the same text (only where the
     text has no `route`). Or another text or function. True: the same text, which BigQuery answers where this cannot.
     None: the SAFE form is refused.
   - `facts`: what is certain of the result: `between(0, 9999)`, or a function of the call.
   - `why`: one sentence for a person, when the text is not what one expects, or when `template` is None: refused.
   - `source`: Google's page, when it is not the family's `SOURCE`.
   - Where only code can be faithful: a `Udf` in the family's `UDFS`, its body in `bigpato_magic.sql.udfs`.
3. `python -m tests.faithfulness.grid starts_with` compares every answer with Google's reference implementation. It tries
   `name(a, b)`, where a, b, … run through edge values of their types; say in `tests/faithfulness/trials.py` what else.
4. Add a query that uses it to `suite/cases/<family>.sql` and run `python -m tests.sql.record`: the expected answers
   come from the evaluator, never from DuckDB.

Signatures: `INT64`, `ARRAY` (any), `ARRAY<STRING>`, `STRUCT`, `ENUM` (a keyword: a date part, a normalisation form),
`ANY` (one argument of any type that DuckDB holds), and a last `...` for any further arguments. An exact signature wins
over a pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from bigpato_magic.sql.expr import UNKNOWN, Expr, Facts, assemble
from bigpato_magic.sql.physical import duck_type
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.templates import fill
from bigpato_magic.types import SqlType

if TYPE_CHECKING:
    from bigpato_magic.sql.staged import PostAggregate

LETTERS = "abcdefgh"
DOCS = "https://cloud.google.com/bigquery/docs/reference/standard-sql/"


class Try:
    """The marker `TRY`: the SAFE form is DuckDB's TRY around the same text."""


TRY = Try()


class Names(Protocol):
    """What a call needs of the compiler."""

    def fresh(self, prefix: str) -> str:
        """A name that is used nowhere else in the query."""


@dataclass(slots=True)
class Call:
    """One call of a function, as a rule sees it.

    Args:
        name: GoogleSQL's, as in the rule.
        args: compiled arguments.
        type: of the result.
        names: makes names.
        safe: `SAFE.` or SAFE_CAST.
        over: a window function.
        respects_nulls: the query asks for RESPECT NULLS.
    """

    name: str
    args: list[Expr]
    type: SqlType
    names: Names
    safe: bool = False
    over: bool = False
    respects_nulls: bool = False

    @property
    def signature(self) -> str:
        """The arguments' types, as rules spell them."""
        return ", ".join(arg.key for arg in self.args)

    @property
    def duck_type(self) -> str:
        """The DuckDB type of the result."""
        return duck_type(self.type)

    def sql(self, i: int) -> str:
        """The text of an argument."""
        return self.args[i].sql

    def keyword(self, i: int) -> str:
        """The keyword that argument `i` is (`DAY`, `WEEK_MONDAY`)."""
        word = self.args[i].keyword
        return word if word is not None else self.refuse(f"{self.name} without a keyword")

    def constant(self, i: int) -> Any:
        """The value of argument `i`, which must be a literal that is not NULL; refused otherwise."""
        arg = self.args[i]
        if not arg.literal or arg.value is None:
            self.refuse(f"{self.label} whose argument {i + 1} is not a constant")
        return arg.value

    @property
    def label(self) -> str:
        """The function's name for a person."""
        return self.name.lstrip("$").upper()

    def refuse(self, what: str) -> NoReturn:
        """Refuse the query because of `what`, a noun phrase."""
        refuse(what)

    def assembled(self, build: Callable[[Call], Expr]) -> Expr:
        """What is built of the call with marks for its arguments' texts (`expr.assemble`)."""
        return assemble(self.args, lambda args: build(replace(self, args=args)))

    def once(self, build: Callable[[Call], str]) -> str:
        """The text of `build`, whose arguments are evaluated once, before it, however often it mentions them.

        DuckDB copies the text of a macro's argument: a deep expression that is mentioned twice at each level doubles at
        each.
        """
        return self.bound(lambda call: Expr(build(call), self.type)).sql

    def bound(self, build: Callable[[Call], Expr], *, first: bool = False) -> Expr:
        """As `once`, of an expression; with `first` only the first argument is evaluated before it."""
        chosen = self.args[:1] if first else self.args
        if all((arg.simple and not arg.can_throw) or arg.keyword for arg in chosen):
            return build(self)
        name = self.names.fresh("v")
        kept = [
            arg
            if arg.literal or arg.keyword or i >= len(chosen)
            else replace(arg, sql=f"{name}.a{i}", plain=True, can_throw=False, negated=None, integer=None)
            for i, arg in enumerate(self.args)
        ]
        pack = ", ".join(f"a{i} := {a.sql}" for i, (a, k) in enumerate(zip(self.args, kept, strict=True)) if a is not k)
        answer = build(replace(self, args=kept))
        return answer.text(_where(name, f"struct_pack({pack})", answer.sql))

    def attempt(self, template: str) -> str:
        """DuckDB's TRY around a template: NULL where it raises. What its arguments raise is still raised."""
        return self.once(lambda call: f"TRY({call.fill(template)})")

    def fill(self, template: str) -> str:
        """A template with the arguments' texts."""
        return fill(template, {letter: arg.sql for letter, arg in zip(LETTERS, self.args, strict=False)})

    def fresh(self, prefix: str = "x") -> str:
        """A name for a lambda's variable that is used nowhere else in the query."""
        return self.names.fresh(prefix)


def bind(names: Names, value: str, build: Callable[[str], str]) -> str:
    """The text of `build`, which mentions the name of a value; that is evaluated once, before it."""
    name = names.fresh("v")
    return _where(name, value, build(name))


def _where(name: str, value: str, text: str) -> str:
    """A text in which a name is that of a value."""
    return f"(list_transform([{value}], lambda {name}: {text})[1])"


Template = str | Callable[[Call], "str | Expr"]
AggregateTemplate = str | Callable[[Call], "str | Expr | PostAggregate"]
FactsOf = Facts | Callable[[Call], Facts]
CanThrow = bool | Callable[[Call, Expr], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """DuckDB text that gives BigQuery's answer for one signature of a function, or the reason why there is none.

    Args:
        name: GoogleSQL's name: `$add`, `substr`, `cast`.
        signature: of the arguments (see the module's text); `INT64 AS STRING` of a cast.
        template: the text, a function of the call, or None: refused.
        strict: NULL in, NULL out, by a generated guard.
        can_throw: see the module's text.
        safe: the SAFE form; the same text where it cannot throw.
        facts: of the result.
        narrow: takes NUMERIC arguments as they are held (`Facts.decimal`); else they come as DECIMAL(38,9).
        why: a sentence for a person.
        source: Google's page.
    """

    name: str
    signature: str
    template: Template | None
    strict: bool = False
    can_throw: CanThrow = True
    safe: bool | Template | Try | None = None
    facts: FactsOf = UNKNOWN
    narrow: bool = False
    why: str = ""
    source: str = ""

    @property
    def id(self) -> str:
        """Its unique name: `substr(STRING, INT64)`."""
        return f"{self.name}({self.signature})"

    @property
    def verdict(self) -> str:
        """`as is`, `template` or `refuse`."""
        if self.template is None:
            return "refuse"
        arguments = ", ".join(f"{{{letter}}}" for letter, _ in zip(LETTERS, self.types, strict=False))
        return "as is" if self.template == f"{self.name}({arguments})" else "template"

    @property
    def same_if_safe(self) -> bool:
        """The SAFE form has the same text."""
        return self.safe is True or self.can_throw is False

    @property
    def types(self) -> list[str]:
        """The signature's items."""
        return self.signature.split(", ") if self.signature else []


@dataclass(frozen=True, slots=True)
class AggregateRule:
    """As `Rule`, for an aggregate or a window function.

    The template knows `{a}`, `{b}`, …, `{distinct}` (`DISTINCT ` or nothing), `{order}` (` ORDER BY …` inside the
    call), `{nulls}` (` IGNORE NULLS`), and `{tail}` (` FILTER (…) OVER (…)`), which every DuckDB aggregate of it must
    be followed by.

    Args:
        name: GoogleSQL's name: `sum`, `$count_star`, `row_number`.
        signature: of the arguments.
        template: the text, or a function of the call that gives a text with these placeholders; None: refused.
        aggregate: may be used in GROUP BY.
        window: may be used with OVER.
        distinct: DISTINCT may be asked for; "ignored" where it cannot change the answer.
        framed: its window frame is written (ranking functions have none).
        facts: of the result.
        narrow: takes NUMERIC arguments as they are held.
        why: a sentence for a person.
        source: Google's page.
        limited: the template where there is a LIMIT inside; it knows `{limit}` too (`[1:3]`, to follow a list).
        skips_nulls: rows whose first argument is NULL are left out by a FILTER.
    """

    name: str
    signature: str
    template: AggregateTemplate | None
    aggregate: bool = True
    window: bool = True
    distinct: bool | str = False
    framed: bool = True
    facts: FactsOf = UNKNOWN
    narrow: bool = False
    why: str = ""
    source: str = ""
    limited: AggregateTemplate | None = None
    skips_nulls: bool = False

    @property
    def id(self) -> str:
        """Its unique name: `sum(INT64)`."""
        return f"{self.name}({self.signature})"


@dataclass(frozen=True, slots=True)
class Udf:
    """A vectorised function that DuckDB calls, where only code can be faithful.

    Args:
        name: in DuckDB: starts with `bp_`.
        arguments: DuckDB types.
        result: DuckDB type.
        body: name of a function in `bigpato_magic.sql.udfs`, its own where nothing is said: pyarrow arrays in, one array of
            the same length out; it sees NULLs.
    """

    name: str
    arguments: tuple[str, ...]
    result: str
    body: str = ""


AnyRule = Rule | AggregateRule


def guarded(name: str, signature: str, function: str, source: str = "", *, can_throw: CanThrow = True) -> Rule:
    """A rule for a function of `sql.udfs` whose last argument says that it is the SAFE form."""
    letters = ", ".join(f"{{{letter}}}" for letter, _ in zip(LETTERS, signature.split(", "), strict=False))
    text, safe = (f"{function}({letters}, {flag})" for flag in ("false", "true"))
    return Rule(name, signature, text, can_throw=can_throw, safe=safe, source=source)


def route(why: str) -> str:
    """DuckDB text that stops the local run, so that the query goes to BigQuery."""
    return "error('route: " + why.replace("'", "''") + "')"


def is_null(args: Iterable[Expr]) -> str:
    """DuckDB text: is one of these NULL? Empty without arguments.

    OR stops at the first that is, and DuckDB knows columns of nothing but NULLs: where one may raise, all are looked at,
    because BigQuery evaluates all arguments.
    """
    ordered = sorted(args, key=lambda arg: arg.simple)
    tests = [f"{arg.sql} IS NULL" for arg in ordered]
    if len(tests) > 1 and any(arg.can_throw for arg in ordered):
        return f"greatest({', '.join(tests)})"
    return " OR ".join(tests)


def matches(signature: str, keys: list[str]) -> bool:
    """Does a signature with wildcards take arguments of these types?"""
    items = signature.split(", ") if signature else []
    rest = bool(items) and items[-1] == "..."
    if rest:
        items.pop()
    if len(items) > len(keys) or (len(items) < len(keys) and not rest):
        return False
    return all(
        item in (key, "ANY") or (item == "ARRAY" and key.startswith("ARRAY<"))
        for item, key in zip(items, keys, strict=False)
    )


class Table:
    """Rules by name and signature. Looking one up is one dictionary access after the first time."""

    def __init__(self, rules: Iterable[AnyRule] = ()) -> None:
        self._exact: dict[tuple[str, str], AnyRule] = {}
        self._patterns: dict[str, list[AnyRule]] = {}
        self._answers: dict[tuple[str, str], AnyRule | None] = {}
        for rule in rules:
            self._add(rule)

    def _add(self, rule: AnyRule) -> None:
        key = rule.name, rule.signature
        if key in self._exact:
            raise ValueError(f"two rules for {rule.id}")
        self._exact[key] = rule
        if re.search(r"\bANY\b|\bARRAY\b(?!<)|\.\.\.", rule.signature):
            self._patterns.setdefault(rule.name, []).append(rule)

    def find(self, name: str, keys: list[str]) -> AnyRule | None:
        """The rule for these argument types, None if there is none."""
        key = name, ", ".join(keys)
        if key not in self._answers:
            candidates = (rule for rule in self._patterns.get(name, ()) if matches(rule.signature, keys))
            self._answers[key] = self._exact.get(key) or next(candidates, None)
        return self._answers[key]

    def __iter__(self) -> Any:
        return iter(self._exact.values())

    def __len__(self) -> int:
        return len(self._exact)
