"""BigQuery's types, as facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of BigQuery's types, by their GoogleSQL names."""

    INT64 = "INT64"
    FLOAT64 = "FLOAT64"
    BOOL = "BOOL"
    STRING = "STRING"
    BYTES = "BYTES"
    DATE = "DATE"
    DATETIME = "DATETIME"
    TIMESTAMP = "TIMESTAMP"
    TIME = "TIME"
    NUMERIC = "NUMERIC"
    BIGNUMERIC = "BIGNUMERIC"
    JSON = "JSON"
    INTERVAL = "INTERVAL"
    GEOGRAPHY = "GEOGRAPHY"
    RANGE = "RANGE"
    ARRAY = "ARRAY"
    STRUCT = "STRUCT"


FIXED_BYTES = {
    Kind.INT64: 8,
    Kind.FLOAT64: 8,
    Kind.BOOL: 1,
    Kind.DATE: 8,
    Kind.DATETIME: 8,
    Kind.TIMESTAMP: 8,
    Kind.TIME: 8,
    Kind.NUMERIC: 16,
    Kind.BIGNUMERIC: 32,
    Kind.INTERVAL: 16,
    Kind.RANGE: 16,
}
"""Logical bytes of a value that is not NULL, of the kinds whose values are all of one size.

https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#data_type_sizes
"""


@dataclass(frozen=True, slots=True)
class SqlType:
    """A BigQuery type.

    Args:
        kind: which.
        element: the element's type, of an ARRAY or a RANGE.
        fields: the fields, of a STRUCT, in order; a field's name may be empty.
    """

    kind: Kind
    element: SqlType | None = None
    fields: tuple[StructField, ...] = ()

    def __str__(self) -> str:
        if self.kind is Kind.STRUCT:
            return f"STRUCT<{', '.join(f'{f.name} {f.type}'.strip() for f in self.fields)}>"
        return f"{self.kind}<{self.element}>" if self.element else str(self.kind)

    def walk(self) -> Iterator[SqlType]:
        """This type and all types in it."""
        yield self
        for inner in (self.element, *(f.type for f in self.fields)):
            if inner is not None:
                yield from inner.walk()

    def has(self, kind: Kind) -> bool:
        """Whether it, or a type in it, is of a kind."""
        return any(inner.kind is kind for inner in self.walk())


@dataclass(frozen=True, slots=True)
class StructField:
    """One field of a STRUCT; an anonymous one has the name ''."""

    name: str
    type: SqlType


def array_of(element: SqlType) -> SqlType:
    """ARRAY<element>."""
    return SqlType(Kind.ARRAY, element=element)


def struct_of(*fields: tuple[str, SqlType]) -> SqlType:
    """STRUCT<name type, …>."""
    return SqlType(Kind.STRUCT, fields=tuple(StructField(n, t) for n, t in fields))
