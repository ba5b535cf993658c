"""What an expression is worth where one column is known: a constant, a function of it that never falls, or anything.

`reads` asks this of predicates. What is not in the tables of `foldable` is `Anything`: a missing entry costs a transfer,
never an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bigpato_magic.googlesql import tree
from bigpato_magic.sql.foldable import (
    CASTS,
    CONSTANT_CASTS,
    FUNCTIONS,
    OF_THE_MOMENT,
    UNPARAMETERIZED,
    plain,
    present,
)
from bigpato_magic.sql.worths import ANYTHING, Between, Constant, Rising, Worth, apply
from bigpato_magic.types import Kind, Parameter

Node = Any


@dataclass(frozen=True, slots=True)
class Scope:
    """What column references mean.

    Args:
        roots: columns that are the partitioning column, or a function of it.
        definitions: expressions of computed columns, by column id.
        aliases: another id that has the same value in the row at hand.
        constants_only: other ids whose definition may be looked at, but not down to a root.
        opaque: ids of which nothing is known (an outer join may have made them NULL).
        nulls: ids that are NULL.
        parameters: values by lower-case name or 1-based position.
        moment: first and last microsecond at which the query may run, None where that is not known.
    """

    roots: Mapping[int, Rising] = field(default_factory=dict)
    definitions: Mapping[int, Node] = field(default_factory=dict)
    aliases: Mapping[int, int] = field(default_factory=dict)
    constants_only: Mapping[int, int] = field(default_factory=dict)
    opaque: frozenset[int] = frozenset()
    nulls: frozenset[int] = frozenset()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    moment: tuple[int, int] | None = None


def worth(expression: Node, scope: Scope) -> Worth:
    """What an expression is worth in the scope."""
    expression = tree.node(expression)
    handler = _NODES.get(tree.name(expression))
    return handler(expression, scope) if handler else ANYTHING


def function_name(call: Node) -> str:
    """`$equal`, `date_sub`, … without the analyzer's prefix."""
    return str(tree.get(call, "function").name).removeprefix("ZetaSQL:").lower()


# ------------------------------------------------------------------------------------------------- nodes


def _literal(node: Node, _: Scope) -> Worth:
    try:
        return Constant(plain(tree.literal(node)))
    except (tree.UnknownType, ValueError):
        return ANYTHING


def _parameter(node: Node, scope: Scope) -> Worth:
    key = str(node.name).lower() or str(node.position)
    given = scope.parameters.get(key)
    if given is None:
        return ANYTHING
    try:
        kind = tree.type_of(node).kind
    except tree.UnknownType:
        return ANYTHING
    # An undeclared parameter may be typed otherwise than its value: then nothing is known.
    return Constant(plain(given.value)) if given.type.kind is kind else ANYTHING


def _column(node: Node, scope: Scope) -> Worth:
    return _of_column(int(node.column.column_id), scope)


def _of_column(i: int, scope: Scope) -> Worth:
    if i in scope.nulls:
        return Constant(None)
    if i in scope.opaque:
        return ANYTHING
    if i in scope.roots:
        return scope.roots[i]
    if i in scope.aliases:
        return _of_column(scope.aliases[i], scope)
    if i in scope.constants_only:
        found = _of_column(scope.constants_only[i], scope)
        return found if isinstance(found, Constant | Between) else ANYTHING
    return worth(scope.definitions[i], scope) if i in scope.definitions else ANYTHING


def _cast(node: Node, scope: Scope) -> Worth:
    if tree.has(node, "format") or tree.has(node, "time_zone") or tree.has(node, "extended_cast"):
        return ANYTHING
    try:
        kinds = tree.type_of(tree.node(node.expr)).kind, tree.type_of(node).kind
    except tree.UnknownType:
        return ANYTHING
    argument = worth(node.expr, scope)
    if kinds[0] is kinds[1]:
        return argument if kinds[0] in UNPARAMETERIZED else ANYTHING
    rising, constant = CASTS.get(kinds), CONSTANT_CASTS.get(kinds)
    return apply(rising or constant, argument, rises=rising is not None)


def _call(node: Node, scope: Scope) -> Worth:
    if tree.enum(node, "error_mode") != "DEFAULT_ERROR_MODE":
        return ANYTHING
    arguments = [tree.node(argument) for argument in tree.get(node, "argument_list")]
    kinds = [_kind(argument) for argument in arguments]
    name = function_name(node)
    if name in OF_THE_MOMENT:
        return present(name, scope.moment, zoned=bool(arguments))
    found = FUNCTIONS.get(name)
    return found(kinds, [worth(argument, scope) for argument in arguments]) if found else ANYTHING


def _kind(argument: Node) -> Kind | None:
    """The kind of an argument, None for a date part's enum."""
    try:
        return tree.type_of(argument).kind
    except tree.UnknownType:
        return None


_NODES: dict[str, Callable[[Node, Scope], Worth]] = {
    "Cast": _cast,
    "ColumnRef": _column,
    "FunctionCall": _call,
    "Literal": _literal,
    "Parameter": _parameter,
}
