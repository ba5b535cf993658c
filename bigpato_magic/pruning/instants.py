"""The instant that a constant expression is, as of `FOR SYSTEM_TIME AS OF`. Pure.

Only what means the same in every time zone is followed; a literal's own zone is the analyzer's to read.
https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#for_system_time_as_of
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bigpato_magic.pruning.abstract import Constant, Range
from bigpato_magic.pruning.evaluate import ColumnScope, evaluate
from bigpato_magic.pruning.monotone import plain
from bigpato_magic.resolved import tree
from bigpato_magic.types import Instants, Parameter

Node = Any

_FUNCTIONS = frozenset({"$interval", "$subtract", "current_timestamp", "timestamp_add", "timestamp_sub"})
_PARTS = frozenset({"MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instants(expression: Node, parameters: Mapping[str, Parameter], moment: datetime) -> Instants | None:
    """When a constant expression of type TIMESTAMP is; None where that is not certain.

    Args:
        expression: of the resolved tree.
        parameters: of the query, by lower-case name or 1-based position.
        moment: what `CURRENT_TIMESTAMP` is.
    """
    if not _followed(tree.node(expression)):
        return None
    now = plain(moment)
    value = evaluate(expression, ColumnScope(parameters=parameters, moment=(now, now)))
    if isinstance(value, Constant) and isinstance(value.value, int):
        return Instants(_instant(value.value), _instant(value.value))
    return Instants(_instant(value.low), _instant(value.high)) if isinstance(value, Range) else None


def _followed(node: Node) -> bool:
    """Whether all of it means the same in every time zone."""
    kind = tree.name(node)
    if kind == "Literal":
        return _is_no_enum(node) or tree.literal(node) in _PARTS
    if kind != "FunctionCall":
        return kind == "Parameter"
    arguments = map(tree.node, tree.get(node, "argument_list"))
    return tree.function_name(node) in _FUNCTIONS and all(map(_followed, arguments))


def _is_no_enum(node: Node) -> bool:
    try:
        tree.type_of(node)
    except tree.UnknownType:
        return False
    return True


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
