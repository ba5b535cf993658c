"""What an argument raises is raised, whatever stands beside it: GoogleSQL evaluates all arguments of a function.

DuckDB may not. It knows of some expressions beforehand that they are NULL (constants, parameters) and drops what stands
beside them; it stops at an argument that is NULL in a whole vector; and the texts of rules look at some arguments in
some rows only (`eager`). Where an argument may raise and another may be NULL, all are bound first.
"""

from __future__ import annotations

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
SETTLED = ("$between", "$in", "$or")


def evaluated(call: Call, build: Callable[[Call], Expr]) -> Expr:
    """What `build` makes of a call, so that what its arguments raise is raised."""
    made = build(call)
    args = _values(call)
    raising = [arg for arg in args if arg.raises]
    if not raising or len(args) < 2 or call.name in LAZY:
        return made
    others = [arg for arg in args if any(each is not arg for each in raising)]
    if (
        _settles(call, others)
        or any(arg.folds for arg in others)
        or _follows_null(made, raising, others)
        or not _eager(made, args, others)
    ):
        return made.text(call.once(lambda bound: build(bound).sql))
    return made


def _follows_null(made: Expr, raising: list[Expr], others: list[Expr]) -> bool:
    """Does what may raise stand behind what may be NULL? From left to right DuckDB stops at a vector of NULLs."""
    first = min((made.sql.find(arg.sql) for arg in others if arg.facts.nulls), default=len(made.sql))
    return any(made.sql.find(arg.sql) > first for arg in raising if not arg.fixed)


def _settles(call: Call, others: list[Expr]) -> bool:
    if call.name == "$and":
        return any(arg.fixed for arg in others)
    moving = call.args if call.name == "$or" else call.args[1:]
    return call.name in SETTLED and any(arg.raises and not arg.fixed for arg in moving)


def _eager(made: Expr, args: list[Expr], others: list[Expr]) -> bool:
    return not any(arg.facts.nulls for arg in others) or EAGER.of(made.sql, [arg.sql for arg in args])


def characterized(rule: Rule, call: Call, made: Expr) -> Expr:
    """What a rule made of a call, with what is known of its evaluation."""
    if made.simple:
        return made
    args = _values(call)
    own = not (call.safe or rule.safe is True or (call.name in BOUNDED and _fits(made)))
    fixed = all(arg.fixed for arg in args)
    return replace(
        made,
        raises=own or any(arg.raises for arg in args),
        fixed=fixed,
        folds=(fixed and made.facts.nulls) or _folds(call, args),
    )


def _fits(made: Expr) -> bool:
    """Is it known that the result fits its type?"""
    facts = made.facts
    if made.type.kind is Kind.INT64:
        return facts.low is not None and facts.high is not None and facts.low > MIN and facts.high < MAX
    return facts.magnitude is not None or facts.decimal is not None


def _folds(call: Call, args: list[Expr]) -> bool:
    if call.name not in LAZY:
        return any(arg.folds for arg in args)
    known = any(arg.fixed or arg.folds for arg in args if arg.type.kind is Kind.BOOL)
    chosen = known and any(arg.folds for arg in args)
    return chosen or all(arg.folds for arg in args if arg.type.kind is call.type.kind)


def _values(call: Call) -> list[Expr]:
    return [arg for arg in call.args if arg.keyword is None]
