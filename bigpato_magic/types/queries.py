"""What becomes of a query: analyzed, compiled or refused, decided, answered. Times are seconds, sizes bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from bigpato_magic.types.copies import ColumnStats, TableCopy
from bigpato_magic.types.sql import SqlType
from bigpato_magic.types.tables import Column, TableId


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
        parameters: types of the parameters used, by lower-case name, or by 1-based position as text.
    """

    sql: str
    tree: Any
    tables: Mapping[TableId, TableRead]
    outputs: tuple[OutputColumn, ...]
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
        inner: its rows are no result but go on to a `Finish`: fields of a STRUCT are told by position, NULL arrays and
            NULLs in arrays stay what they are.
    """

    sql: str
    outputs: tuple[OutputColumn, ...]
    rules: frozenset[str] = frozenset()
    inner: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """No faithful DuckDB SQL is known, and why."""

    reasons: tuple[Reason, ...]

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError("a query is refused for at least one reason")


@dataclass(frozen=True, slots=True)
class Finish:
    """What is left of a query above a part that DuckDB computes: a query over that part's rows.

    Args:
        sql: GoogleSQL over the one table of that name.
        table: the name.
        columns: of the part's rows, in order, with GoogleSQL's own types.
        outputs: names and types of the result.
        most: rows of the part that the evaluator takes.
        effort: rows that it looks at for each of them.
    """

    sql: str
    table: str
    columns: tuple[OutputColumn, ...]
    outputs: tuple[OutputColumn, ...]
    most: int
    effort: int = 1


@dataclass(frozen=True, slots=True)
class Split:
    """A query in two: the part that DuckDB begins with, and the rest."""

    compiled: Compiled
    finish: Finish


@dataclass(frozen=True, slots=True)
class RunLocal:
    """Run `compiled` over `copies`, whose freshness must still hold when the frame is shown."""

    where: ClassVar[str] = "local"
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

    where: ClassVar[str] = "reference"
    sql: str
    copies: tuple[TableCopy, ...]
    outputs: tuple[OutputColumn, ...]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class RunWithFinish:
    """Run the lower part over `copies` in DuckDB, and let Google's reference implementation finish its rows.

    Args:
        sql: the person's text.
        compiled: the lower part, whose rows are few, or the query goes to BigQuery.
        finish: the rest.
        copies: whose freshness must still hold when the frame is shown.
        reasons: why DuckDB does not run all of it.
    """

    where: ClassVar[str] = "finish"
    sql: str
    compiled: Compiled
    finish: Finish
    copies: tuple[TableCopy, ...]
    reasons: tuple[Reason, ...]

    @property
    def outputs(self) -> tuple[OutputColumn, ...]:
        """Names and types of the result."""
        return self.finish.outputs


@dataclass(frozen=True, slots=True)
class RunOnBigQuery:
    """Send the person's own text to BigQuery, and say why."""

    where: ClassVar[str] = "bigquery"
    sql: str
    reasons: tuple[Reason, ...]

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError("a query goes to BigQuery for at least one reason")


Decision = RunLocal | RunWithFinish | RunOnReference | RunOnBigQuery


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
