"""The facts that travel through the package, as frozen dataclasses. No I/O, no third-party imports.

Sizes are bytes, times are seconds, instants are timezone-aware UTC `datetime`s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

# --------------------------------------------------------------------------------------- SQL types


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


# ------------------------------------------------------------------------------------------ tables


@dataclass(frozen=True, slots=True, order=True)
class TableId:
    """A table's full name. Case-sensitive, as in BigQuery."""

    project: str
    dataset: str
    table: str

    def __str__(self) -> str:
        return f"{self.project}.{self.dataset}.{self.table}"

    @classmethod
    def parse(cls, name: str, *, project: str | None = None, dataset: str | None = None) -> TableId:
        """Read `t`, `ds.t` or `p.ds.t` (backquotes allowed; a project may hold dots, as `x.com:p`).

        Raises:
            ValueError: the name has no dataset or project and no default was given.
        """
        parts = name.replace("`", "").rsplit(".", 2)
        parts = [part for part in (project, dataset)[: 3 - len(parts)] if part] + parts
        if len(parts) != 3 or not all(parts):
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
        collation: '' or `und:ci`, which compares without case (also of a field inside); DuckDB would compare otherwise.
    """

    name: str
    type: SqlType
    required: bool = False
    policy_tagged: bool = False
    parameters: tuple[tuple[str, int], ...] = ()
    collation: str = ""


class TableKind(StrEnum):
    """What BigQuery says a table is (`tables.get` `type`)."""

    TABLE = "TABLE"
    VIEW = "VIEW"
    MATERIALIZED_VIEW = "MATERIALIZED_VIEW"
    EXTERNAL = "EXTERNAL"
    SNAPSHOT = "SNAPSHOT"
    CLONE = "CLONE"


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


# ------------------------------------------------------------------------------------------ copies


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
        """The DuckDB relation that local SQL reads it by (a view that `local.duck` makes)."""
        return f'"copy_{self.id}"'


class Freshness(StrEnum):
    """May a copy answer? UNKNOWN is never served."""

    FRESH = "fresh"
    STALE = "stale"
    UNKNOWN = "unknown"


# ----------------------------------------------------------------------------------------- queries


class Route(StrEnum):
    """Where a query may run."""

    AUTO = "auto"
    LOCAL = "local"
    BIGQUERY = "bigquery"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A typed query parameter.

    Args:
        name: without `@`; None for a positional one.
        type: BigQuery's.
        value: a plain Python value of that type (int, float, Decimal, str, bytes, bool, date, datetime, time,
            list, dict for a STRUCT, None).
    """

    name: str | None
    type: SqlType
    value: Any


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a query, or a table of it, does not run locally.

    Args:
        code: short, stable and documented (`not-local`, `stale`, `no-rule`, …).
        message: the sentence that a person reads.
        table: the table it is about, if about one.
    """

    code: str
    message: str
    table: TableId | None = None

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A column of a result: the name BigQuery gives it (`f0_` for an anonymous one), and its type."""

    name: str
    type: SqlType


@dataclass(frozen=True, slots=True)
class TableRead:
    """What a query reads of one table.

    Args:
        table: which.
        columns: lower-case names after pruning, pseudo-columns included.
        partitions: predicate domain of the partitioning column, None where nothing is known (all of it).
    """

    table: TableId
    columns: frozenset[str]
    partitions: Any = None


@dataclass(frozen=True, slots=True)
class AnalyzedQuery:
    """What Google's analyzer says that a query means.

    Args:
        sql: the text that was analyzed.
        tree: the resolved statement (a protobuf message; read through `googlesql.tree`).
        tables: what it reads, by full name.
        outputs: names and types of the result, in order.
        ordered: the outermost ORDER BY fixes the order of rows.
        parameters: types of the parameters used, by lower-case name, or by 1-based position as text.
    """

    sql: str
    tree: Any
    tables: Mapping[TableId, TableRead]
    outputs: tuple[OutputColumn, ...]
    ordered: bool = False
    parameters: Mapping[str, SqlType] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LocalTable:
    """A table as compiled SQL sees it: the relation's name in DuckDB (already quoted) and its column facts."""

    relation: str
    columns: tuple[Column, ...]
    stats: Mapping[str, ColumnStats] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Compiled:
    """DuckDB SQL that gives BigQuery's answer. Parameters are `$name` (or `$p1` … for positional ones).

    Args:
        sql: one SELECT.
        outputs: names and types of the result, in order.
        rules: the names of the rules that it rests on, for explanation, verification and quarantine.
    """

    sql: str
    outputs: tuple[OutputColumn, ...]
    rules: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Refused:
    """No faithful DuckDB SQL is known, and why."""

    reasons: tuple[Reason, ...]

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError("a query is refused for at least one reason")


@dataclass(frozen=True, slots=True)
class RunLocal:
    """Run `compiled` over `copies`, whose freshness must still hold when the frame is shown."""

    sql: str
    compiled: Compiled
    copies: tuple[TableCopy, ...]


@dataclass(frozen=True, slots=True)
class RunOnReference:
    """Let Google's reference implementation evaluate it over the small contents of `copies`.

    Args:
        sql: the person's text.
        copies: whose rows are handed to the evaluator.
        outputs: names and types of the result.
        reasons: why DuckDB does not run it.
    """

    sql: str
    copies: tuple[TableCopy, ...]
    outputs: tuple[OutputColumn, ...]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class RunOnBigQuery:
    """Send the person's own text to BigQuery, and say why."""

    sql: str
    reasons: tuple[Reason, ...]

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError("a query goes to BigQuery for at least one reason")


Decision = RunLocal | RunOnReference | RunOnBigQuery


@dataclass(frozen=True, slots=True)
class QueryResult:
    """An answer, and how it came about.

    Args:
        arrow: a `pyarrow.Table` whose schema is made from the BigQuery types (`frames.arrow_schema`).
        outputs: names and BigQuery types of the columns.
        decision: where it ran and why.
        seconds: from text to Arrow.
        bytes_billed: by BigQuery for this query; 0 for a local run.
        bytes_saved: that BigQuery would have billed; 0 for a run on BigQuery.
        job_id: BigQuery's, None for a local run.
        fresh_as_of: the instant up to which the local answer is known to be the table's; None on BigQuery.
        unverified_since: set where a copy answered offline: its last check.
        cache_hit: BigQuery answered from its own result cache.
        statement: `SELECT`, `INSERT`, `CREATE_TABLE`, … as BigQuery names kinds.
        location: of the job.
        sql: the person's own text.
        relation: the answer as a lazy DuckDB relation, where one was asked for and can be; `arrow` then has no rows.
    """

    arrow: Any
    outputs: tuple[OutputColumn, ...]
    decision: Decision
    seconds: float
    bytes_billed: int = 0
    bytes_saved: int = 0
    job_id: str | None = None
    fresh_as_of: datetime | None = None
    unverified_since: datetime | None = None
    cache_hit: bool = False
    statement: str = "SELECT"
    location: str | None = None
    sql: str = ""
    relation: Any = None


# --------------------------------------------------------------------------------------- transfers


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """What is to be brought here.

    Args:
        facts: the table, as just checked.
        columns: schema columns to bring, in schema order.
        partitions: partition ids, None for all.
        snapshot: read the table as of this instant (`read` only), None for now.
    """

    facts: TableFacts
    columns: tuple[Column, ...]
    partitions: frozenset[str] | None = None
    snapshot: datetime | None = None


@dataclass(frozen=True, slots=True)
class TransferEvent:
    """A step of a long job, for progress.

    Args:
        table: which.
        stage: `extract`, `download`, `read`, `write`, `verify`, `publish`, `demote`, `done`, `failed`.
        done: bytes or rows so far.
        total: of them, None where unknown.
        message: one line for a log.
    """

    table: TableId
    stage: str
    done: int = 0
    total: int | None = None
    message: str = ""


# ------------------------------------------------------------------------------------------- plans


@dataclass(frozen=True, slots=True)
class TableUsage:
    """How much a table is used by this principal, over all kernels of the tier.

    Args:
        table: which.
        uses: queries that read it, ever.
        last_used: instant of the last one.
        score: decayed bytes that its queries would bill (or did), see `tier.score`.
        columns: lower-case names of the columns that queries read, all together.
        partitions: partition ids that queries read, None where some query read all.
        bytes_per_query: that a typical query bills for it.
        seconds_per_query: that a typical query takes on BigQuery.
        weight: decayed number of queries.
        recent: as `score`, with a half-life of hours.
        recent_weight: as `weight`, with a half-life of hours.
        paid: bytes billed for it by BigQuery since it was last brought here (ever, if it never was).
        paid_uses: queries behind `paid`.
        saved: bytes that local answers have saved since it was last brought here.
        saved_uses: queries behind `saved`.
    """

    table: TableId
    uses: int
    last_used: datetime
    score: float = 0.0
    columns: frozenset[str] = frozenset()
    partitions: frozenset[str] | None = None
    bytes_per_query: float = 0.0
    seconds_per_query: float = 0.0
    weight: float = 0.0
    recent: float = 0.0
    recent_weight: float = 0.0
    paid: float = 0.0
    paid_uses: int = 0
    saved: float = 0.0
    saved_uses: int = 0


@dataclass(frozen=True, slots=True)
class Promotion:
    """Bring (a part of) a table here.

    Args:
        facts: of the table, just checked.
        columns: to hold, in schema order.
        partitions: to hold, None for all.
        reason: one sentence.
        bytes: logical bytes to transfer, estimated.
        price: dollars of the transfer, estimated.
        gain: dollars that it is expected to save (see `tier.score`).
    """

    facts: TableFacts
    columns: tuple[Column, ...]
    partitions: frozenset[str] | None
    reason: str
    bytes: int = 0
    price: float = 0.0
    gain: float = 0.0


class RefreshKind(StrEnum):
    """How much of a changed table is brought again."""

    NOTHING = "nothing"
    PARTITIONS = "partitions"
    APPENDED = "appended"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Refresh:
    """Bring a copy up to its table's version.

    Args:
        copy: the one that is behind.
        facts: of the table, just checked.
        kind: how much is brought again.
        changed: partition ids to bring again, for PARTITIONS; those that are gone are simply dropped.
        present: all partition ids that the table has now, for PARTITIONS, as facts.
        reason: one sentence.
        bytes: logical bytes to transfer, estimated.
        price: dollars, estimated.
        gain: dollars that it is expected to save.
    """

    copy: TableCopy
    facts: TableFacts
    kind: RefreshKind
    changed: frozenset[str] = frozenset()
    present: tuple[PartitionFacts, ...] = ()
    reason: str = ""
    bytes: int = 0
    price: float = 0.0
    gain: float = 0.0


@dataclass(frozen=True, slots=True)
class Demotion:
    """Take a copy away, once no kernel leases it."""

    copy: TableCopy
    reason: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A table that was asked for, or is used much, and is not brought here."""

    table: TableId
    reason: Reason


@dataclass(frozen=True, slots=True)
class Plan:
    """What a rebalance would do. Enacted in this order: promote, refresh, demote.

    A demotion that must make room comes with the promotion it is for; the tier sees that the disk never overflows.
    """

    promote: tuple[Promotion, ...] = ()
    refresh: tuple[Refresh, ...] = ()
    demote: tuple[Demotion, ...] = ()
    refused: tuple[Refusal, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.promote or self.refresh or self.demote)
