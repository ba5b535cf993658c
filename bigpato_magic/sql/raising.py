"""What an argument raises is raised, whatever stands beside it: GoogleSQL evaluates all arguments of a function.

DuckDB may not. It knows of some expressions beforehand that they are NULL (constants, parameters) and drops what stands
beside them; it stops at an argument that is NULL in a whole vector; and the texts of rules look at some arguments in
some rows only (`templates`). Where an argument may raise and another may be NULL, all are bound first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bigpato_magic.sql.expr import Expr
from bigpato_magic.sql.rules.base import Call, Rule
from bigpato_magic.sql.templates import parse
from bigpato_magic.types import Kind

# What GoogleSQL evaluates only where it is needed.
LAZY = ("if", "ifnull", "coalesce", "$case_no_value", "$case_with_value", "$with_side_effects", "error")
# What one argument may settle, so that DuckDB does not look at the others.
SETTLED = ("$between", "$in")
# What GoogleSQL evaluates as a whole too, but for the parts of a WHERE; for DuckDB one part may settle it, which it
# may know from its statistics.
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
# What DuckDB makes joins of, where it compares values of several tables.
JOINING = (*MIRRORED, *SETTLED)
# Their CASE looks at both arguments in every row, whichever way it goes.
EAGER_TEXTS = ("$divide",)

Build = Callable[[Call], Expr]


def evaluated(call: Call, build: Build, mirrored: Build | None = None, *, condition: bool = False) -> Expr:
    """What `build` makes of a call (of which it sees marks), so that what its arguments raise is raised.

    Args:
        call: the call.
        build: makes its text.
        mirrored: makes that of the mirrored comparison, for the arguments in their other order.
        condition: it is one of the conditions of a WHERE or ON.
    """
    answer = build(call)
    args = _values(call)
    raising = [arg for arg in args if arg.can_throw]
    if not raising or len(args) < 2 or call.name in LAZY:
        return answer
    if mirrored and args[1].can_throw and not (args[0].can_throw or args[0].constant or args[0].folds_to_null):
        return mirrored(replace(call, name=MIRRORED[call.name], args=args[::-1]))
    if not (condition and joins(call)) and _may_skip(call, answer, args, raising):
        return answer.text(call.once(lambda bound: build(bound).sql))
    return answer


def joins(call: Call) -> bool:
    """Does it compare values of tables with each other, so that DuckDB's optimizer must see it in a condition?

    Where it compares with a constant, DuckDB looks for conditions that contradict each other, and drops all of them; a
    join on a subquery that is NULL would not look at the other side.
    """
    if call.name not in JOINING:
        return False
    sources = [arg.properties.aliases for arg in call.args]
    if not all(sources) or len(set().union(*sources)) < 2:
        return False
    if not any(arg.properties.subquery for arg in call.args):
        return True
    # What is known to be NULL takes the whole comparison away, and the subquery with it.
    raising = [arg for arg in call.args if arg.can_throw]
    return all(arg.apart for arg in raising) and not (raising and any(arg.folds_to_null for arg in call.args))


def constants(call: Call) -> list[str]:
    """The arguments of a call that may raise, and have one value for all rows.

    DuckDB has that value beforehand, if there is one; where it raises, it stays an expression, which may never be looked
    at. So they are evaluated once, before the query.
    """
    args = _values(call)
    return (
        [arg.sql for arg in args if arg.constant and arg.can_throw] if len(args) > 1 and call.name not in LAZY else []
    )


def _may_skip(call: Call, answer: Expr, args: list[Expr], raising: list[Expr]) -> bool:
    others = [arg for arg in args if any(each is not arg for each in raising)]
    if call.name in JUNCTIONS:
        return True
    if call.name in SETTLED and any(arg.can_throw and not arg.constant for arg in args[1:]):
        return True
    if any(arg.folds_to_null for arg in others):
        return True
    if call.name in EAGER_TEXTS:
        return False
    if not parse(answer.sql).evaluates([arg.sql for arg in raising]):
        return True
    return _follows_null(answer, [arg for arg in raising if not arg.apart], others)


def _follows_null(answer: Expr, raising: list[Expr], others: list[Expr]) -> bool:
    """Does what may raise stand behind what may be NULL? From left to right DuckDB stops at a vector of NULLs."""
    template = parse(answer.sql)
    first = min((template.place(arg.sql) for arg in others if arg.facts.nulls), default=len(template.places))
    return any(template.place(arg.sql) > first for arg in raising)


def characterized(rule: Rule, call: Call, answer: Expr) -> Expr:
    """What a rule made of a call, with what is known of its evaluation."""
    if answer.simple:
        return answer
    args = _values(call)
    constant = all(arg.constant for arg in args)
    can_throw = _can_throw(rule, call, answer) or any(arg.can_throw for arg in args)
    folds_to_null = (constant and answer.facts.nulls) or _folds_to_null(call, args)
    joined = joins(call) or (call.name == "$not" and args[0].joins)
    if not (can_throw or constant or folds_to_null or joined):
        return answer
    return answer.with_evaluation((can_throw, answer.apart, constant, folds_to_null, joined))


def _can_throw(rule: Rule, call: Call, answer: Expr) -> bool:
    """May the function itself raise? A SAFE form does not, but where it has the same text."""
    if call.safe and rule.safe is not True:
        return False
    return rule.can_throw if isinstance(rule.can_throw, bool) else rule.can_throw(call, answer)


def _folds_to_null(call: Call, args: list[Expr]) -> bool:
    if call.name not in LAZY:
        return any(arg.folds_to_null for arg in args)
    known = any(arg.constant or arg.folds_to_null for arg in args if arg.type.kind is Kind.BOOL)
    chosen = known and any(arg.folds_to_null for arg in args)
    return chosen or all(arg.folds_to_null for arg in args if arg.type.kind is call.type.kind)


def _values(call: Call) -> list[Expr]:
    return [arg for arg in call.args if arg.keyword is None]
