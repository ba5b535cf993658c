"""The abstract value of an expression: a constant, a function of the partitioning column that never falls, or unknown.

`pushdown` asks this of predicates. What is not in the tables of `monotone` is `Unknown`: a missing entry costs a transfer,
never an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bigpato_magic.pruning.abstract import UNKNOWN, AbstractValue, Constant, Monotone, Range, apply
from bigpato_magic.pruning.monotone import (
    CASTS,
    CONSTANT_CASTS,
    FUNCTIONS,
    OF_THE_MOMENT,
    UNPARAMETERIZED,
    plain,
    present,
)
from bigpato_magic.pruning.texts import TEXTS
from bigpato_magic.resolved import tree
from bigpato_magic.types import Kind, Parameter

Node = Any


KnownColumns = Mapping[int, Constant | Range]
"""What columns are that have the same value in every row, by their ids."""


@dataclass(frozen=True, slots=True)
class ColumnScope:
    """What column references mean; of a column that is in none of these nothing is known.

    Args:
        roots: columns that are the partitioning column, or a function of it.
        definitions: expressions of columns that are computed from the row at hand, by column id.
        aliases: another id that has the same value in the row at hand.
        known: columns that are the same in every row.
        nulls: ids that are NULL.
        parameters: values by lower-case name or 1-based position.
        moment: first and last microsecond at which the query may run, None where that is not known.
    """

    roots: Mapping[int, Monotone] = field(default_factory=dict)
    definitions: Mapping[int, Node] = field(default_factory=dict)
    aliases: Mapping[int, int] = field(default_factory=dict)
    known: KnownColumns = field(default_factory=dict)
    nulls: frozenset[int] = frozenset()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    moment: tuple[int, int] | None = None

    def knowing(self, known: KnownColumns) -> ColumnScope:
        """The same where these columns are known."""
        return replace(self, known=known)


def evaluate(expression: Node, scope: ColumnScope) -> AbstractValue:
    """The abstract value of an expression, where its columns mean what the scope says."""
    expression = tree.node(expression)
    handler = _NODES.get(tree.name(expression))
    return handler(expression, scope) if handler else UNKNOWN


# ------------------------------------------------------------------------------------------------- nodes


def _literal(node: Node, _: ColumnScope) -> AbstractValue:
    try:
        return Constant(plain(tree.literal(node)))
    except (tree.UnknownType, ValueError):
        return UNKNOWN


def _parameter(node: Node, scope: ColumnScope) -> AbstractValue:
    key = str(node.name).lower() or str(node.position)
    given = scope.parameters.get(key)
    if given is None:
        return UNKNOWN
    try:
        kind = tree.type_of(node).kind
    except tree.UnknownType:
        return UNKNOWN
    # An undeclared parameter may be typed otherwise than its value: then nothing is known.
    return Constant(plain(given.value)) if given.type.kind is kind else UNKNOWN


def _column(node: Node, scope: ColumnScope) -> AbstractValue:
    return _of_column(int(node.column.column_id), scope)


def _of_column(i: int, scope: ColumnScope) -> AbstractValue:
    if i in scope.nulls:
        return Constant(None)
    if i in scope.roots:
        return scope.roots[i]
    if i in scope.known:
        return scope.known[i]
    if i in scope.aliases:
        return _of_column(scope.aliases[i], scope)
    return evaluate(scope.definitions[i], scope) if i in scope.definitions else UNKNOWN


def _cast(node: Node, scope: ColumnScope) -> AbstractValue:
    if tree.has(node, "format") or tree.has(node, "time_zone") or tree.has(node, "extended_cast"):
        return UNKNOWN
    try:
        kinds = tree.type_of(tree.node(node.expr)).kind, tree.type_of(node).kind
    except tree.UnknownType:
        return UNKNOWN
    argument = evaluate(node.expr, scope)
    if kinds[0] is kinds[1]:
        return argument if kinds[0] in UNPARAMETERIZED else UNKNOWN
    rising, constant = CASTS.get(kinds), CONSTANT_CASTS.get(kinds)
    return apply(rising or constant, argument, rises=rising is not None)


def _call(node: Node, scope: ColumnScope) -> AbstractValue:
    arguments = [tree.node(argument) for argument in tree.get(node, "argument_list")]
    kinds = [_kind(argument) for argument in arguments]
    name = tree.function_name(node)
    if name in OF_THE_MOMENT:
        return present(name, scope.moment, zoned=bool(arguments))
    function = FUNCTIONS.get(name) or TEXTS.get(name)
    value = function(kinds, [evaluate(argument, scope) for argument in arguments]) if function else UNKNOWN
    # SAFE gives NULL in place of an error: what is known never fails, unless for some values of a column.
    safe = tree.enum(node, "error_mode") != "DEFAULT_ERROR_MODE"
    return UNKNOWN if safe and isinstance(value, Monotone) else value


def _kind(argument: Node) -> Kind | None:
    """The kind of an argument, None for a date part's enum."""
    try:
        return tree.type_of(argument).kind
    except tree.UnknownType:
        return None


_NODES: dict[str, Callable[[Node, ColumnScope], AbstractValue]] = {
    "Cast": _cast,
    "ColumnRef": _column,
    "FunctionCall": _call,
    "Literal": _literal,
    "Parameter": _parameter,
}
