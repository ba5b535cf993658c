"""A predicate of the resolved tree as the text that Storage Read takes for a filter, where that is exact.

It is "a filtering statement, similar to a WHERE clause": comparisons of a column with a constant, BETWEEN, IS NULL
(https://cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1#tablereadoptions).
Functions were seen to be refused (https://github.com/GoogleCloudDataproc/spark-bigquery-connector/issues/514), so the list
below is a closed one. The text is written from the tree, never taken from the person's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from bigpato_magic.resolved import tree
from bigpato_magic.types import Column, Kind, Parameter

Node = Any

MOST = 100_000
"""Characters of a text; Storage Read takes 1 MB."""

_COMPARISONS = {
    "$equal": "=",
    "$greater": ">",
    "$greater_or_equal": ">=",
    "$less": "<",
    "$less_or_equal": "<=",
    "$not_equal": "!=",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What no column's name may hold: https://cloud.google.com/bigquery/docs/schemas#flexible-column-names
_NO_NAME = re.compile(r"[`\\\x00-\x1f\x7f]")
_ESCAPED = re.compile(r"['\\\x00-\x1f\x7f]")


class NotExact(Exception):
    """The predicate is none of those that are known to be exact, and why."""


@dataclass(frozen=True, slots=True)
class RestrictionWriter:
    """Writes predicates over one table.

    Args:
        columns: of the table, by the numbers that they have in the tree.
        parameters: checked ones, of the query.
    """

    columns: Mapping[int, Column]
    parameters: Sequence[Parameter]

    def text(self, predicate: Node) -> str:
        """GoogleSQL that is true for the same rows.

        Raises:
            NotExact: something in it is not known to be.
        """
        text = self._predicate(tree.node(predicate))
        if len(text) > MOST:
            raise NotExact("the filter is too long")
        return text

    def bounded(self, predicate: Node) -> Iterator[Column]:
        """The columns that no row passes without being compared with a constant, all but by `!=`.

        Args:
            predicate: one that can be written.
        """
        for part in tree.conjuncts(predicate):
            name = tree.function_name(part) if tree.name(part) == "FunctionCall" else ""
            if name in ("$between", "$in") or (name in _COMPARISONS and name != "$not_equal"):
                yield from (self._column(a) for a in _arguments(part) if tree.name(a) == "ColumnRef")

    # ---------------------------------------------------------------------------------- predicates

    def _predicate(self, node: Node) -> str:
        if tree.name(node) == "ColumnRef":
            return f"{self._compared(node, Kind.BOOL)} = TRUE"
        if tree.name(node) != "FunctionCall":
            raise NotExact("the filter is not made of comparisons with constants")
        name, arguments = tree.function_name(node), _arguments(node)
        if name in ("$and", "$or"):
            return f" {name[1:].upper()} ".join(f"({self._predicate(part)})" for part in arguments)
        if name == "$not":
            return f"NOT ({self._predicate(arguments[0])})"
        if name == "$is_null":
            return f"{self._null(arguments[0])} IS NULL"
        if name in _COMPARISONS:
            return self._comparison(_COMPARISONS[name], *arguments)
        if name not in ("$between", "$in"):
            raise NotExact(f"the filter calls {name.removeprefix('$').upper()}")
        first, *constants = arguments
        return f"{self._compared(first)} {self._set_of(name, self._kind(first), constants)}"

    def _comparison(self, operator: str, left: Node, right: Node) -> str:
        if tree.name(left) == "ColumnRef":
            return f"{self._compared(left)} {operator} {self._constant(right, self._kind(left))}"
        return f"{self._constant(left, self._kind(right))} {operator} {self._compared(right)}"

    def _set_of(self, name: str, kind: Kind, constants: Sequence[Node]) -> str:
        texts = [self._constant(constant, kind) for constant in constants]
        return f"BETWEEN {' AND '.join(texts)}" if name == "$between" else f"IN ({', '.join(texts)})"

    # ----------------------------------------------------------------------------------- columns

    def _column(self, node: Node) -> Column:
        column = self.columns.get(node.column.column_id) if tree.name(node) == "ColumnRef" else None
        if column is None:
            raise NotExact("the filter compares more than columns of the table")
        return column

    def _kind(self, node: Node) -> Kind:
        return self._column(node).type.kind

    def _compared(self, node: Node, kind: Kind | None = None) -> str:
        """The name of a column whose values compare as it is known; one with a collation has not been analyzed at all."""
        column = self._column(node)
        if column.type.kind not in _LITERALS or (kind and column.type.kind is not kind):
            raise NotExact(f"the filter compares {column.name}, which is {column.type}")
        return _name(column)

    def _null(self, node: Node) -> str:
        """The name of a column that may be asked whether it is NULL."""
        column = self._column(node)
        if column.type.kind not in _ASKED_FOR_NULL:
            raise NotExact(f"the filter asks whether {column.name} is NULL, which is {column.type}")
        return _name(column)

    # --------------------------------------------------------------------------------- constants

    def _constant(self, node: Node, kind: Kind) -> str:
        """A literal of that type, of a literal or of a parameter's value."""
        of, value = self._value(node)
        if of is not kind or value is None:
            raise NotExact("the filter compares with NULL, or with another type")
        return _LITERALS[kind](value)

    def _value(self, node: Node) -> tuple[Kind, Any]:
        if tree.name(node) == "Literal":
            return tree.type_of(node).kind, tree.literal(node)
        if tree.name(node) == "Parameter":
            parameter = parameter_of(node, self.parameters)
            return parameter.type.kind, parameter.value
        raise NotExact("the filter compares with more than constants")


def parameter_of(node: Node, parameters: Sequence[Parameter]) -> Parameter:
    """The parameter that a node of the tree means.

    Raises:
        NotExact: there is none.
    """
    for place, parameter in enumerate(parameters, 1):
        if place == node.position if parameter.name is None else parameter.name.lower() == node.name.lower():
            return parameter
    raise NotExact("a parameter has no value")


def _arguments(call: Node) -> list[Node]:
    return [tree.node(argument) for argument in tree.get(call, "argument_list")]


def _name(column: Column) -> str:
    if _NO_NAME.search(column.name):
        raise NotExact("a column's name cannot be quoted")
    return f"`{column.name}`"


# ------------------------------------------------------------------------------------------ literals
# https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#literals


def _string(value: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise NotExact("a text of the filter is no Unicode")
    return "'" + _ESCAPED.sub(lambda m: f"\\u{ord(m[0]):04x}", value) + "'"


def _date(value: date) -> str:
    return f"DATE '{value.isoformat()}'"


def _timestamp(value: int | datetime) -> str:
    """Microseconds since 1970, as the tree has them, or an aware `datetime`, as a parameter has."""
    instant = _EPOCH + timedelta(microseconds=value) if isinstance(value, int) else value.astimezone(UTC)
    return f"TIMESTAMP '{instant.replace(tzinfo=None).isoformat(' ', 'microseconds')}+00:00'"


def _numeric(value: Decimal) -> str:
    return f"NUMERIC '{value:f}'"


# FLOAT64 is left out: how a fraction is rounded, and NaN, would have to be the same in two readers.
_LITERALS: dict[Kind, Callable[[Any], str]] = {
    Kind.BOOL: lambda value: "TRUE" if value else "FALSE",
    Kind.DATE: _date,
    Kind.INT64: str,
    Kind.NUMERIC: _numeric,
    Kind.STRING: _string,
    Kind.TIMESTAMP: _timestamp,
}
# An ARRAY of NULL is read as an empty one; what a filter makes of structured values is not documented.
_ASKED_FOR_NULL = frozenset({*_LITERALS, Kind.FLOAT64, Kind.BYTES, Kind.DATETIME, Kind.TIME, Kind.BIGNUMERIC})
