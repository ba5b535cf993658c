"""Tables of the warehouse: their names, columns, partitions, and the evidence of their versions.

Sizes are bytes, instants are timezone-aware UTC `datetime`s.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bigpato_magic.types.sql import SqlType


@dataclass(frozen=True, slots=True, order=True)
class TableId:
    """A table's full name. Case-sensitive, as in BigQuery."""

    project: str
    dataset: str
    table: str

    def __str__(self) -> str:
        return f"{self.project}.{self.dataset}.{self.table}"

    @property
    def is_wildcard(self) -> bool:
        """It stands for all tables whose names begin alike: `events_*`."""
        return self.table.endswith("*")

    def matches(self, other: TableId) -> bool:
        """Whether this wildcard stands for the other table, too; case counts."""
        same = (self.project, self.dataset) == (other.project, other.dataset)
        return same and self.is_wildcard and other.table.startswith(self.table[:-1])

    @classmethod
    def parse(cls, name: str, *, project: str | None = None, dataset: str | None = None) -> TableId:
        """Read `t`, `ds.t` or `p.ds.t` (backquotes allowed; a project may hold dots, as `x.com:p`).

        A kept relation, `p..kept_…`, has no dataset.

        Args:
            name: of the table.
            project: where the name has none.
            dataset: where the name has none.

        Raises:
            ValueError: the name has no dataset or project and no default was given.
        """
        parts = name.replace("`", "").rsplit(".", 2)
        parts = [part for part in (project, dataset)[: 3 - len(parts)] if part] + parts
        if len(parts) != 3 or not all((*parts[::2], parts[1] or parts[2].startswith("kept_"))):
            raise ValueError(f"{name!r} needs a dataset and a project")
        return cls(*parts)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, as BigQuery's schema tells it.

    Args:
        name: as written in the schema (case kept, compared without).
        type: REPEATED fields are ARRAYs, RECORDs are STRUCTs.
        required: NOT NULL.
        policy_tagged: column-level security or masking applies; never copied.
        parameters: of a parameterized type: ("max_length", 10), ("precision", 10), ("scale", 2),
            ("timestamp_precision", 12) of a TIMESTAMP of picoseconds.
        description: what its owner says of it; that tells no state of a table from another.
        collation: '' or `und:ci`, which compares without case (also of a field inside); DuckDB would compare otherwise.
    """

    name: str
    type: SqlType
    required: bool = False
    policy_tagged: bool = False
    parameters: tuple[tuple[str, int], ...] = ()
    collation: str = ""
    description: str = field(default="", compare=False)


class TableKind(StrEnum):
    """What BigQuery says a table is (`tables.get` `type`)."""

    TABLE = "TABLE"
    VIEW = "VIEW"
    MATERIALIZED_VIEW = "MATERIALIZED_VIEW"
    EXTERNAL = "EXTERNAL"
    SNAPSHOT = "SNAPSHOT"
    CLONE = "CLONE"


STORED = frozenset({TableKind.TABLE, TableKind.SNAPSHOT, TableKind.CLONE})
"""Kinds whose rows are stored: only these can have copies, and be read without a query."""


class PartitionUnit(StrEnum):
    """How a table is partitioned."""

    HOUR = "HOUR"
    DAY = "DAY"
    MONTH = "MONTH"
    YEAR = "YEAR"
    RANGE = "RANGE"


@dataclass(frozen=True, slots=True)
class Partitioning:
    """A table's partitioning.

    Args:
        unit: of time, or RANGE for an INT64 column.
        column: None for ingestion time (`_PARTITIONTIME`).
        start: first value, inclusive; RANGE only.
        end: end, exclusive; RANGE only.
        interval: width; RANGE only.
        filter_required: queries must filter on it.
    """

    unit: PartitionUnit
    column: str | None = None
    start: int = 0
    end: int = 0
    interval: int = 0
    filter_required: bool = False


@dataclass(frozen=True, slots=True)
class PartitionFacts:
    """One partition: its id (`20240131`, `__NULL__`, `__UNPARTITIONED__`), and what it holds now."""

    id: str
    rows: int
    bytes: int
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class TableVersion:
    """The evidence that tells one state of a table from another. Equal evidence: the same state.

    `etag` and `created` may be None where a server does not give them.
    """

    etag: str | None
    modified: datetime
    created: datetime | None
    rows: int
    bytes: int
    schema_digest: str
    kind: TableKind = TableKind.TABLE


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What BigQuery says of a table at `checked_at`.

    Args:
        id: its full name.
        version: the evidence.
        columns: the schema, without pseudo-columns.
        checked_at: when the server said so, by the local monotonic-corrected UTC clock.
        streaming: a streaming buffer is present: rows may come without a new version.
        location: "US", "europe-west1", …
        partitioning: None if not partitioned.
        clustering: column names.
        row_policies: row-level security applies to the caller: never copied.
        definition: a view's SQL.
        own_key: it is encrypted with a key of its owner's, not with Google's.
        tags: resource tags and their values, by name.
    """

    id: TableId
    version: TableVersion
    columns: tuple[Column, ...]
    checked_at: datetime
    streaming: bool = False
    location: str = "US"
    partitioning: Partitioning | None = None
    clustering: tuple[str, ...] = ()
    row_policies: bool = False
    definition: str | None = None
    own_key: bool = False
    tags: tuple[tuple[str, str], ...] = ()

    def column(self, name: str) -> Column | None:
        """The column of that name, without regard to case."""
        return next((c for c in self.columns if c.name.lower() == name.lower()), None)


def schema_digest(columns: tuple[Column, ...]) -> str:
    """A short digest of names, types and modes: another schema, another digest."""
    rows = (
        (c.name, c.type, c.required, c.policy_tagged, c.parameters, *([c.collation] * bool(c.collation)))
        for c in columns
    )
    text = "\n".join("\t".join(str(value) for value in row) for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
