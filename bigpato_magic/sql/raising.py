"""What an argument raises is raised, whatever stands beside it: GoogleSQL evaluates all arguments of a function.

DuckDB may not. It knows of some expressions beforehand that they are NULL (constants, parameters) and drops what stands
beside them; it stops at an argument that is NULL in a whole vector; and the texts of rules look at some arguments in
some rows only (`eager`). Where an argument may raise and another may be NULL, all are bound first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from bigpato_magic.sql.expr import Expr
from bigpato_magic.sql.rules import EAGER
from bigpato_magic.sql.rules.base import Call, Rule
from bigpato_magic.sql.rules.numbers import MAX, MIN
from bigpato_magic.types import Kind

# What GoogleSQL evaluates only where it is needed.
LAZY = ("if", "ifnull", "coalesce", "$case_no_value", "$case_with_value", "$with_side_effects", "error")
# What raises only where its result does not fit.
BOUNDED = ("$add", "$subtract", "$multiply", "$unary_minus", "abs")
# What one argument may settle, so that DuckDB does not look at the others.
SETTLED = ("$between", "$in")
# What GoogleSQL evaluates as a whole too, but for the parts of a WHERE.
JUNCTIONS = ("$and", "$or")
# Comparisons, and what they are when their sides change places.
MIRRORED = {
    "$equal": "$equal",
    "$not_equal": "$not_equal",
    "$less": "$greater",
    "$greater": "$less",
    "$less_or_equal": "$greater_or_equal",
    "$greater_or_equal": "$less_or_equal",
}
# In a condition over several tables DuckDB's optimizer must see these: they are what joins are made of.
JOINING = (*MIRRORED, *SETTLED)
# Their CASE looks at both arguments in every row, whichever way it goes.
EAGER_TEXTS = ("$divide",)

# A TIMESTAMP, DATETIME or DATE with a time zone.
ZONED = re.compile(r"^(TIMESTAMP|DATETIME|DATE)(, ENUM)?, STRING$")

Build = Callable[[Call], Expr]


def evaluated(call: Call, build: Build, mirrored: Build | None = None, *, condition: bool = False) -> Expr:
    """What `build` makes of a call, so that what its arguments raise is raised.

    Args:
        call: the call.
        build: makes its text.
        mirrored: makes that of the mirrored comparison, for the arguments in their other order.
        condition: it is part of a WHERE or ON.
    """
    made = build(call)
    args = _values(call)
    raising = [arg for arg in args if arg.raises]
    if not raising or len(args) < 2 or call.name in LAZY:
        return made
    if mirrored and args[1].raises and not (args[0].raises or args[0].fixed or args[0].folds):
        return mirrored(replace(call, name=MIRRORED[call.name], args=args[::-1]))
    joins = condition and (call.name == "$and" or (call.name in JOINING and len(_sources(args)) > 1))
    if not joins and _may_skip(call, made, args, raising):
        return made.text(call.once(lambda bound: build(bound).sql))
    return made


def _sources(args: list[Expr]) -> set[str]:
    return set().union(*(arg.aliases for arg in args))


def _may_skip(call: Call, made: Expr, args: list[Expr], raising: list[Expr]) -> bool:
    others = [arg for arg in args if any(each is not arg for each in raising)]
    if call.name in JUNCTIONS:
        return call.name == "$or" or any(arg.fixed for arg in others)
    if call.name in SETTLED and any(arg.raises and not arg.fixed for arg in args[1:]):
        return True
    if any(arg.folds for arg in others):
        return True
    if call.name in EAGER_TEXTS or not any(arg.facts.nulls for arg in others):
        return False
    return _follows_null(made, raising, others) or not EAGER.of(made.sql, [arg.sql for arg in args])


def _follows_null(made: Expr, raising: list[Expr], others: list[Expr]) -> bool:
    """Does what may raise stand behind what may be NULL? From left to right DuckDB stops at a vector of NULLs."""
    first = min((made.sql.find(arg.sql) for arg in others if arg.facts.nulls), default=len(made.sql))
    return any(made.sql.find(arg.sql) > first for arg in raising if not arg.fixed)


def characterized(rule: Rule, call: Call, made: Expr) -> Expr:
    """What a rule made of a call, with what is known of its evaluation."""
    if made.simple:
        return made
    args = _values(call)
    fixed = all(arg.fixed for arg in args)
    return replace(
        made,
        raises=_raises(rule, call, made) or any(arg.raises for arg in args),
        fixed=fixed,
        folds=(fixed and made.facts.nulls) or _folds(call, args),
    )


def _raises(rule: Rule, call: Call, made: Expr) -> bool:
    """May the function itself raise?"""
    if call.name in LAZY:
        return call.name == "error"
    if ZONED.search(rule.signature):
        return True  # on another clock the year may be 0 or 10000
    if call.safe or rule.safe is True:
        return False
    if call.name in BOUNDED and _fits(made):
        return False
    if call.name in HARMLESS:
        return not HARMLESS[call.name](call)
    return True


def _fits(made: Expr) -> bool:
    """Is it known that the result fits its type?"""
    facts = made.facts
    if made.type.kind is Kind.INT64:
        return facts.low is not None and facts.high is not None and facts.low > MIN and facts.high < MAX
    return facts.magnitude is not None or facts.decimal is not None


# What never raises with such arguments.
HARMLESS: dict[str, Callable[[Call], bool]] = {
    "$extract": lambda _: True,
    "$like": lambda call: call.args[1].literal,
    "$divide": lambda call: call.args[1].literal and call.args[1].value not in (None, 0) and _reduces(call.args[1]),
    "substr": lambda call: len(call.args) < 3 or (call.args[2].facts.low or -1) >= 0,
}


def _reduces(divisor: Expr) -> bool:
    return divisor.type.kind is Kind.NUMERIC and abs(divisor.value) >= 1


def _folds(call: Call, args: list[Expr]) -> bool:
    if call.name not in LAZY:
        return any(arg.folds for arg in args)
    known = any(arg.fixed or arg.folds for arg in args if arg.type.kind is Kind.BOOL)
    chosen = known and any(arg.folds for arg in args)
    return chosen or all(arg.folds for arg in args if arg.type.kind is call.type.kind)


def _values(call: Call) -> list[Expr]:
    return [arg for arg in call.args if arg.keyword is None]
