"""How `sql` reads a resolved tree without knowing protobuf: small accessors, fast, read-only.

A node is a message `Resolved<Name>Proto`, in places wrapped in `AnyResolved…Proto`; what all nodes of a family
share is in its `parent`. Syntax trees (`AST<Name>Proto`) are built alike, and read with the same functions.
The nodes and their fields: https://github.com/google/zetasql/blob/master/docs/resolved_ast.md
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

from bigpato_magic.resolved import values
from bigpato_magic.resolved.values import Interval, UnknownType
from bigpato_magic.types import SqlType

__all__ = [
    "CALLS",
    "Interval",
    "UnknownType",
    "children",
    "conjuncts",
    "enum",
    "function_name",
    "get",
    "has",
    "literal",
    "name",
    "node",
    "sql_type",
    "type_name",
    "type_of",
    "walk",
]

Node = Any
CALLS = ("FunctionCall", "AggregateFunctionCall", "AnalyticFunctionCall")
"""Kinds of nodes that have a `function_name`."""

sql_type = values.sql_type
type_name = values.type_name


def node(message: Node) -> Node:
    """The node itself, out of its `Any…` wrappers."""
    while _wrapper(message.__class__):
        which = message.WhichOneof("node")
        if which is None:
            raise ValueError("an empty node")
        message = getattr(message, which)
    return message


def name(message: Node) -> str:
    """A node's kind: `TableScan`, `FunctionCall`, `QueryStmt`."""
    return _name(message.__class__)


def get(message: Node, field: str) -> Any:
    """A field of a node or of what it inherits; the field's default where it is not set."""
    return _getter(message.__class__, field)(message)


def has(message: Node, field: str) -> bool:
    """Whether a single field that is a message (or an optional value) is set."""
    owner, _, last = _path(message.__class__, field).rpartition(".")
    return bool((attrgetter(owner)(message) if owner else message).HasField(last))


def enum(message: Node, field: str) -> str:
    """The member's name of an enum field: `LEFT` of a JoinScan's `join_type`."""
    return _enum(message.__class__, field)[get(message, field)]


def type_of(expression: Node) -> SqlType:
    """The type of an expression's node, or of a `ResolvedColumn`.

    Raises:
        UnknownType: it is one that BigQuery's values do not have, as a date part's enum.
    """
    return values.sql_type(get(expression, "type"))


def literal(message: Node) -> Any:
    """The Python value of a Literal node: see `values`; an enum's member by its name (`DAY`).

    Raises:
        UnknownType: its type has no Python value here.
    """
    holder = message.value
    return values.value(holder.value, holder.type)


def function_name(call: Node) -> str:
    """`$equal`, `date_sub`, … of a call of GoogleSQL's own; another's has its group, `Group:name`."""
    return str(get(call, "function").name).removeprefix("ZetaSQL:").lower()


def conjuncts(predicate: Node) -> list[Node]:
    """The parts of an AND, at any depth, or the predicate alone."""
    predicate = node(predicate)
    if name(predicate) == "FunctionCall" and function_name(predicate) == "$and":
        return [part for argument in get(predicate, "argument_list") for part in conjuncts(argument)]
    return [predicate]


def children(message: Node) -> Iterator[Node]:
    """The nodes right under a node, out of their wrappers, in the order of their fields."""
    for field, repeated in _node_fields(message.__class__):
        if repeated:
            yield from map(node, getattr(message, field))
        elif message.HasField(field):
            inner = getattr(message, field)
            if field == "parent":
                yield from children(inner)
            else:
                yield node(inner)


def walk(message: Node, kinds: Collection[str]) -> Iterator[Node]:
    """All nodes of these kinds in a tree, parents before children; parts that cannot hold one are not visited."""
    wanted = frozenset(kinds)
    plans = _PLANS.setdefault(wanted, {})
    # Without recursion: a generator that hands on what a deeper one finds costs as much at each level.
    todo = [message]
    while todo:
        here = todo.pop()
        kind = here.__class__
        plan = plans.get(kind)
        if plan is None:
            plan = plans[kind] = _Plan(_name(kind) in wanted, _wrapper(kind), _ways(kind, wanted))
        if plan.wanted:
            yield here
        if plan.wrapper:
            # One of fifty fields is set.
            which = here.WhichOneof("node")
            if (which, False) in plan.ways:
                todo.append(getattr(here, which))
            continue
        below: list[Node] = []
        for field, repeated in plan.ways:
            if repeated:
                below.extend(getattr(here, field))
            elif here.HasField(field):
                below.append(getattr(here, field))
        todo.extend(reversed(below))


class _Plan(NamedTuple):
    """Of a class, for some kinds: whether it is one, whether it only wraps a node, and the fields that may hold one."""

    wanted: bool
    wrapper: bool
    ways: Collection[tuple[str, bool]]


_PLANS: dict[frozenset[str], dict[Any, _Plan]] = {}


# ------------------------------------------------------------- what is known of a class, looked up once


@cache
def _wrapper(kind: Any) -> bool:
    return str(kind.DESCRIPTOR.name).startswith("Any")


@cache
def _name(kind: Any) -> str:
    return _short(kind.DESCRIPTOR.name)


def _short(message_name: str) -> str:
    return message_name.removeprefix("Resolved").removeprefix("AST").removesuffix("Proto")


@cache
def _path(kind: Any, field: str) -> str:
    """`parent.parent.type`: where a field is, of a class and what it inherits."""
    descriptor, path = kind.DESCRIPTOR, ""
    while field not in descriptor.fields_by_name:
        above = descriptor.fields_by_name.get("parent")
        if above is None:
            raise AttributeError(f"{_name(kind)} has no field {field!r}")
        descriptor, path = above.message_type, path + "parent."
    return path + field


@cache
def _getter(kind: Any, field: str) -> Callable[[Node], Any]:
    return attrgetter(_path(kind, field))


@cache
def _enum(kind: Any, field: str) -> dict[int, str]:
    *above, last = _path(kind, field).split(".")
    descriptor = kind.DESCRIPTOR
    for step in above:
        descriptor = descriptor.fields_by_name[step].message_type
    members = descriptor.fields_by_name[last].enum_type.values_by_number
    return {number: str(member.name) for number, member in members.items()}


@cache
def _node_fields(kind: Any) -> tuple[tuple[str, bool], ...]:
    """Fields of a class that hold nodes, and whether each is a list."""
    fields = kind.DESCRIPTOR.fields
    return tuple((f.name, _many(f)) for f in fields if f.message_type is not None and _is_node(f.message_type.name))


def _is_node(message_name: str) -> bool:
    return message_name.startswith(("Resolved", "AnyResolved", "AST", "AnyAST")) and message_name not in _NO_NODES


_NO_NODES = ("ResolvedNodeProto", "ASTNodeProto", "ResolvedFunctionCallInfoProto", "ResolvedCollationProto")


@cache
def _ways(kind: Any, kinds: frozenset[str]) -> Collection[tuple[str, bool]]:
    """Fields of a class through which a node of these kinds can be reached, in their order."""
    return dict.fromkeys(
        (field.name, _many(field))
        for field in kind.DESCRIPTOR.fields
        if field.message_type is not None and kinds & _reachable(field.message_type)
    )


@cache
def _reachable(descriptor: Any) -> frozenset[str]:
    """Names of all kinds of node that a message of this type may hold, itself included."""
    seen, todo = set(), [descriptor]
    while todo:
        message = todo.pop()
        if message.full_name not in seen and _is_node(message.name):
            seen.add(message.full_name)
            todo.extend(field.message_type for field in message.fields if field.message_type is not None)
    return frozenset(_short(full.rpartition(".")[2]) for full in seen)


def _many(field: Any) -> bool:
    return bool(field.is_repeated)
