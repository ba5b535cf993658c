"""Where a query uses a parameter: only as what UNNEST takes apart, or as a whole too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from bigpato_magic.resolved import tree

Key = tuple[str, int]
"""Lower-case name and position of a parameter: one of them is empty or 0."""


def used_as_a_whole(statement: Any) -> frozenset[Key]:
    """The parameters that stand anywhere but in `UNNEST(@x)`, to which a NULL array is an empty one."""
    everywhere = Counter(_key(parameter) for parameter in tree.walk(statement, ("Parameter",)))
    return frozenset(everywhere - Counter(_unnested(statement)))


def _unnested(statement: Any) -> Iterator[Key]:
    for node in tree.walk(statement, ("ArrayScan", "FunctionCall")):
        for array in map(tree.node, _arrays(node)):
            if tree.name(array) == "Parameter":
                yield _key(array)


def _arrays(node: Any) -> list[Any]:
    if tree.name(node) == "ArrayScan":
        return list(tree.get(node, "array_expr_list"))
    is_in = tree.function_name(node) == "$in_array"
    return list(tree.get(node, "argument_list"))[1:] if is_in else []


def _key(parameter: Any) -> Key:
    return parameter.name.lower(), parameter.position
