"""Copies: what a local version of a table is and holds. Sizes are bytes, instants UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from bigpato_magic.types.sql import Kind
from bigpato_magic.types.tables import Column, PartitionFacts, TableFacts, TableId, TableVersion


@dataclass(frozen=True, slots=True)
class ColumnStats:
    """What is known for certain of a column's values in one copy; it makes cheaper rules faithful.

    Args:
        nulls: NULLs occur (True also where unknown).
        nan: NaN occurs (True also where unknown); FLOAT64 only.
        ascii: all text is ASCII (False where unknown); STRING only.
        low: smallest value as DuckDB prints it, None where unknown.
        high: largest value, likewise.
        scale: most digits after the point that a NUMERIC uses, None where unknown.
        physical: the DuckDB type that the copy's relation gives, as `DECIMAL(18,2)`, where it is narrower than the
            usual one; None for the usual one. NUMERIC columns only.
    """

    nulls: bool = True
    nan: bool = True
    ascii: bool = False
    low: str | None = None
    high: str | None = None
    scale: int | None = None
    physical: str | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """What of a table a copy holds: columns × partitions.

    Args:
        columns: lower-case names; pseudo-columns are named as such (`_partitiontime`).
        partitions: partition ids, None for all of the table.
    """

    columns: frozenset[str]
    partitions: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One immutable DuckDB file of a copy.

    Args:
        path: the file; it has one table, `rows`.
        rows: in it.
        bytes: on disk.
        checksum: SHA-256 of the file, hexadecimal.
        partitions: whose rows it has, None where the table is not partitioned or all are in it.
    """

    path: Path
    rows: int
    bytes: int
    checksum: str
    partitions: frozenset[str] | None = None

    @property
    def database(self) -> str:
        """The quoted name that DuckDB attaches the file by."""
        return '"part_{}"'.format(self.path.stem.replace('"', '""'))


@dataclass(frozen=True, slots=True)
class TableCopy:
    """A published, immutable copy of one version of a table (or of a part of it).

    Args:
        id: short and unique (hexadecimal); names the copy's manifest and its DuckDB relation.
        table: whose.
        version: of the table, when it was copied.
        columns: of the table's schema that are held, in order.
        holding: what of the table is here.
        parts: its files.
        as_of: the instant whose content it has.
        principal: who made it; nobody else sees it.
        stats: by lower-case column name.
        location: of the table.
        facts: of the table as it was copied: its whole schema and partitioning.
        partitions: all partitions of the *table* at that instant (held or not); () where not partitioned or unknown.
    """

    id: str
    table: TableId
    version: TableVersion
    columns: tuple[Column, ...]
    holding: Holding
    parts: tuple[Part, ...]
    as_of: datetime
    principal: str
    stats: Mapping[str, ColumnStats] = field(default_factory=dict)
    location: str = "US"
    facts: TableFacts | None = None
    partitions: tuple[PartitionFacts, ...] = ()

    @property
    def rows(self) -> int:
        """Rows held."""
        return sum(part.rows for part in self.parts)

    @property
    def bytes(self) -> int:
        """Bytes on disk."""
        return sum(part.bytes for part in self.parts)

    @property
    def relation(self) -> str:
        """The DuckDB relation that local SQL reads it by: its only file's table, or a view that `local.duck` makes."""
        return f'"copy_{self.id}"' if self.needs_view else f"{self.parts[0].database}.rows"

    @property
    def needs_view(self) -> bool:
        """It is in several files, or a file does not show it as it is; DuckDB binds a view in a millisecond."""
        unknown = any(c.type.kind is Kind.NUMERIC and c.name.lower() not in self.stats for c in self.columns)
        pseudo = any(c.name.upper() == "_PARTITIONTIME" for c in self.columns)
        return len(self.parts) != 1 or unknown or pseudo


class Freshness(StrEnum):
    """May a copy answer? UNKNOWN is never served."""

    FRESH = "fresh"
    STALE = "stale"
    UNKNOWN = "unknown"
