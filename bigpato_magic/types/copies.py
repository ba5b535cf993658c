"""Copies: what a local version of a table (or of a query's answer) is and holds. Sizes are bytes, instants UTC."""

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
        checksum: digest of the file, see `tier.files.disk.checksum`.
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
class Instants:
    """When a query reads a table as it was: at some instant from `low` to `high`, and all of them count.

    Args:
        low: the first instant that BigQuery may take.
        high: the last.
    """

    low: datetime
    high: datetime

    def or_else(self, other: Instants) -> Instants:
        """Both, where it is not known which of them is meant."""
        return Instants(min(self.low, other.low), max(self.high, other.high))


@dataclass(frozen=True, slots=True)
class Basis:
    """A state of a table that an answer rests on: while the table is in it, the answer holds.

    Args:
        facts: of the table in that state: schema, version, location.
        columns: lower-case names of those that were read; a policy tag on one of them takes the answer away.
        as_of: an instant at which the table is known to have been in that state.
        past: when the table must have been in it; None for now.
    """

    facts: TableFacts
    columns: frozenset[str]
    as_of: datetime
    past: Instants | None = None

    @property
    def table(self) -> TableId:
        """Whose state it is."""
        return self.facts.id

    @property
    def version(self) -> TableVersion:
        """The evidence of the state."""
        return self.facts.version

    @property
    def location(self) -> str:
        """Of the table."""
        return self.facts.location


@dataclass(frozen=True, slots=True)
class Grouping:
    """The groups that a relation has one row of each of, all of them.

    Args:
        rows: digest of what is grouped.
        keys: canonical names of what it is grouped by.
    """

    rows: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QuerySource:
    """The query that a kept relation is a copy of.

    Args:
        digest: of the relation's meaning: tables, operators, typed values; not names, not the order of rows, nor which
            columns go on.
        columns: canonical name of each stored column, in order.
        order: digest of its ORDER BY: the rows lie in that order; None where it has none.
        bases: the state of every table that it read.
        sql: as asked, for screens.
        bytes_billed: by the job that gave it.
        seconds: that the job took.
        answered: when BigQuery did, by its clock.
        slot_ms: milliseconds of slots that the job used; None where BigQuery did not say.
        grouping: the groups that its rows are; None where they are none, or not all of them.
    """

    digest: str
    columns: tuple[str, ...]
    order: str | None
    bases: tuple[Basis, ...]
    sql: str
    bytes_billed: int
    seconds: float
    answered: datetime | None = None
    slot_ms: int | None = None
    grouping: Grouping | None = None

    def covers(self, other: QuerySource) -> bool:
        """Whether an answer to this query has all that one to the other has: its rows, columns and order."""
        columns = frozenset(other.columns) <= frozenset(self.columns)
        return self.digest == other.digest and columns and other.order in (None, self.order)


@dataclass(frozen=True, slots=True)
class TableCopy:
    """A published, immutable copy of one version of a table (or of a part of it), or of a query: a kept relation.

    A kept relation lies over an invented table (`kept-answers.kept_…`), whose facts are those of its rows.

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
        source: the query that it is a copy of; None for a table's copy.
        past: when a query reads the table as it was then (`FOR SYSTEM_TIME AS OF`); None for now, and for what is published.
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
    source: QuerySource | None = None
    past: Instants | None = None

    @property
    def name(self) -> str:
        """What it is a copy of, as a person reads it: a table, or BigQuery's answer over some."""
        if self.source is None:
            return str(self.table)
        return "answer over " + ", ".join(basis.table.table for basis in self.bases)

    @property
    def bases(self) -> tuple[Basis, ...]:
        """The states of tables that it rests on: of a table's copy its own, of a kept relation those its query read."""
        if self.source is not None:
            return self.source.bases
        facts = self.facts or TableFacts(self.table, self.version, self.columns, self.as_of, location=self.location)
        return (Basis(facts, self.holding.columns, self.as_of, self.past),)

    @property
    def came(self) -> datetime:
        """When BigQuery gave it: for a table's copy the instant of its content, for a kept relation that of the answer."""
        return (self.source and self.source.answered) or self.as_of

    @property
    def rows(self) -> int:
        """How many rows it holds, over all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def bytes(self) -> int:
        """Bytes that its parts take on disk."""
        return sum(part.bytes for part in self.parts)

    @property
    def relation(self) -> str:
        """The DuckDB relation that local SQL reads it by: its only file's table, or a view that `local.attach` makes."""
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
