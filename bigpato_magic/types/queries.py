"""What becomes of a query: analyzed, compiled or refused, decided, answered. Times are seconds, sizes bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from bigpato_magic.types.brief import Brief
from bigpato_magic.types.copies import ColumnStats, QuerySource, TableCopy
from bigpato_magic.types.routines import RoutineFacts
from bigpato_magic.types.sql import SqlType
from bigpato_magic.types.tables import Column, TableFacts, TableId


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


def held_name(name: str | None, position: int) -> str:
    """What a query parameter is called in compiled SQL, without `$`: `p_since`, or `p1` for the first `?`.

    No name that a person can give is one of this package's own (`MOMENT`).

    >>> held_name("Since", 1), held_name(None, 1), held_name("p1", 1), held_name("bp_now", 1)
    ('p_since', 'p1', 'p_p1', 'p_bp_now')
    """
    return f"p{position}" if name is None else f"p_{name.lower()}"


_COLUMNS_SHOWN = 8

MOMENT = "bp_now"
"""The parameter of compiled SQL that is the moment of the run: microseconds since 1970."""


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
        tree: the resolved statement (a protobuf message; read through `resolved.tree`).
        tables: what it reads, by full name.
        outputs: names and types of the result, in order.
        parameters: types of the parameters used, by lower-case name, or by 1-based position as text.
        routines: persistent functions whose bodies stand in it, by the names that texts have for them.
    """

    sql: str
    tree: Any
    tables: Mapping[TableId, TableRead]
    outputs: tuple[OutputColumn, ...]
    parameters: Mapping[str, SqlType] = field(default_factory=dict)
    routines: Mapping[tuple[str, ...], RoutineFacts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LocalTable:
    """A table as compiled SQL sees it.

    Args:
        relation: its name in DuckDB, already quoted, or a query in parentheses.
        columns: that it has.
        stats: facts of its columns, by lower-case name.
        guarded: reading it may stop the run: the query in parentheses calls `error` or a function of this package.
    """

    relation: str
    columns: tuple[Column, ...]
    stats: Mapping[str, ColumnStats] = field(default_factory=dict)
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Compiled:
    """DuckDB SQL that gives BigQuery's answer. Parameters are called as `held_name` says, and `MOMENT`.

    Args:
        sql: one SELECT.
        outputs: names and types of the result, in order.
        rules: the names of the rules that it rests on, for explanation, verification and quarantine.
        inner: its rows are no result but go on to an `UpperPart`: fields of a STRUCT are told by position, NULL arrays and
            NULLs in arrays stay what they are.
        total: it is certain that no row stops it: it raises nothing, and nowhere needs BigQuery after all.
        constants: expressions without columns that may raise, and of which DuckDB may not look at all.
    """

    sql: str
    outputs: tuple[OutputColumn, ...]
    rules: frozenset[str] = frozenset()
    inner: bool = False
    total: bool = False
    constants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """No faithful DuckDB SQL is known, and why."""

    reasons: tuple[Reason, ...]

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError("a query is refused for at least one reason")


@dataclass(frozen=True, slots=True)
class UpperPart:
    """What is left of a query above the part that DuckDB computes: a query over that part's rows.

    Args:
        sql: GoogleSQL over the one table of that name.
        table: the name.
        columns: of the part's rows, in order, with GoogleSQL's own types.
        outputs: names and types of the result.
        most: rows of the part that the evaluator takes.
        cost: rows that it looks at for each of them.
    """

    sql: str
    table: str
    columns: tuple[OutputColumn, ...]
    outputs: tuple[OutputColumn, ...]
    most: int
    cost: int = 1


@dataclass(frozen=True, slots=True)
class Split:
    """A query in two.

    Args:
        compiled: the lower part, which DuckDB runs.
        upper: the rest, which the evaluator runs over its rows.
    """

    compiled: Compiled
    upper: UpperPart


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of a query that is asked of BigQuery alone, and kept.

    Args:
        query: what it means.
        source: the same as its kept relation knows it: digest, columns, the states of its tables; its SQL names them in full.
        parameters: of the query, those that it has, all with names.
        bytes_billed: by its dry run, for its tables; None before one.
    """

    query: AnalyzedQuery
    source: QuerySource
    parameters: tuple[Parameter, ...] = field(default=(), repr=False)
    bytes_billed: int | None = None

    @property
    def sql(self) -> str:
        """Its text."""
        return self.source.sql


@dataclass(frozen=True, slots=True, repr=False)
class RunLocal(Brief):
    """Run `compiled` over `copies`, whose freshness must still hold when the frame is shown.

    Args:
        sql: the person's text.
        compiled: DuckDB SQL for it.
        copies: that it reads.
        fragments: whose answers BigQuery has just given for this query; they are kept relations among the copies.
    """

    sql: str
    compiled: Compiled
    copies: tuple[TableCopy, ...]
    fragments: tuple[Fragment, ...] = ()
    reasons: ClassVar[tuple[Reason, ...]] = ()
    """None: nothing speaks against it."""

    @property
    def where(self) -> str:
        """`hybrid` where BigQuery was asked for parts of it, `kept` where it reads nothing but kept answers, else `local`."""
        if self.fragments:
            return "hybrid"
        return "kept" if self.kept and len(self.kept) == len(self.copies) else "local"

    @property
    def kept(self) -> tuple[TableCopy, ...]:
        """The kept relations among the copies."""
        return tuple(copy for copy in self.copies if copy.source is not None)


@dataclass(frozen=True, slots=True, repr=False)
class RunInEvaluator(Brief):
    """Let Google's evaluator answer it over the small contents of `copies`.

    Args:
        sql: the person's text.
        copies: whose rows are handed to the evaluator.
        outputs: names and types of the result.
        reasons: why DuckDB does not run it.
        routines: persistent functions that it calls.
    """

    where: ClassVar[str] = "evaluator"
    sql: str
    copies: tuple[TableCopy, ...]
    outputs: tuple[OutputColumn, ...]
    reasons: tuple[Reason, ...]
    routines: Mapping[tuple[str, ...], RoutineFacts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class RunSplit(Brief):
    """Run the lower part over `copies` in DuckDB, and let Google's evaluator finish its rows.

    Args:
        sql: the person's text.
        compiled: the lower part, whose rows are few, or the query goes to BigQuery.
        upper: the rest.
        copies: whose freshness must still hold when the frame is shown.
        reasons: why DuckDB does not run all of it.
    """

    where: ClassVar[str] = "split"
    sql: str
    compiled: Compiled
    upper: UpperPart
    copies: tuple[TableCopy, ...]
    reasons: tuple[Reason, ...]

    @property
    def outputs(self) -> tuple[OutputColumn, ...]:
        """Names and types of the result."""
        return self.upper.outputs


@dataclass(frozen=True, slots=True)
class Look:
    """A query that is some rows of one table, as Storage Read gives them.

    Args:
        query: what the text means.
        facts: of the table, as BigQuery has just told them.
        columns: of its schema that are read: those of the result, and those of the filter.
        places: of each column of the result, its place among `columns`.
        restriction: GoogleSQL that is true for the rows wanted, '' for all; values of parameters are in it.
        limit: so many of them are enough, and any are right; None for all.
    """

    query: AnalyzedQuery
    facts: TableFacts
    columns: tuple[Column, ...]
    places: tuple[int, ...]
    restriction: str = field(default="", repr=False)
    limit: int | None = None

    @property
    def table(self) -> TableId:
        """Whose rows they are."""
        return self.facts.id


@dataclass(frozen=True, slots=True, repr=False)
class RunRead(Brief):
    """Read the rows of a look from BigQuery's storage: no query job, nothing billed for a query.

    Args:
        sql: the person's text.
        look: what is read.
        reasons: why it does not run on this machine.
    """

    where: ClassVar[str] = "read"
    sql: str
    look: Look
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, repr=False)
class RunHybrid(Brief):
    """Ask BigQuery for fragments, keep what it says, and run `compiled` over that and over copies.

    Args:
        sql: the person's text.
        query: what it means.
        base: the same over kept relations, with filters before joins; the fragments are parts of it.
        fragments: what is asked.
        compiled: the rest, in DuckDB SQL; what runs is compiled anew when the fragments are there.
        copies: that are here already.
        reasons: why all of it cannot be answered here.
        bytes_whole: that BigQuery would bill for the whole, by a dry run.
    """

    where: ClassVar[str] = "hybrid"
    sql: str
    query: AnalyzedQuery
    base: AnalyzedQuery
    fragments: tuple[Fragment, ...]
    compiled: Compiled
    copies: tuple[TableCopy, ...]
    reasons: tuple[Reason, ...]
    bytes_whole: int

    @property
    def bytes_billed(self) -> int:
        """What the fragments bill, by their dry runs."""
        return sum(fragment.bytes_billed or 0 for fragment in self.fragments)


@dataclass(frozen=True, slots=True, repr=False)
class RunOnBigQuery(Brief):
    """Send the person's own text to BigQuery, and say why."""

    where: ClassVar[str] = "bigquery"
    sql: str
    reasons: tuple[Reason, ...]

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError("a query goes to BigQuery for at least one reason")


Decision = RunLocal | RunSplit | RunInEvaluator | RunRead | RunHybrid | RunOnBigQuery


@dataclass(frozen=True, slots=True)
class QueryResult:
    """An answer, and how it came about.

    Args:
        arrow: a `pyarrow.Table` whose schema is made from the BigQuery types (`frames.arrow_schema`).
        outputs: names and BigQuery types of the columns.
        decision: where it ran and why.
        seconds: from text to Arrow.
        bytes_billed: by BigQuery for this query; 0 where it ran none.
        bytes_saved: that BigQuery would have billed; 0 for a run on BigQuery, and where its cache would have answered.
        slot_ms: milliseconds of BigQuery's slots that it used; None where it ran none, or does not say.
        slot_ms_saved: that the jobs of the kept answers which are the whole of this one had used; None where unknown.
        bytes_read: of the table, by Storage Read in place of a query.
        read_price: dollars for these, beyond the month's free allowance.
        job_id: BigQuery's, None for a local run.
        fresh_as_of: the instant up to which the answer is known to be the table's; None on BigQuery.
        as_of: every table was read as of this instant, as the person had asked of all queries; None otherwise.
        archived: it is an archive's.
        unverified_since: set where a copy answered offline: its last check.
        cache_hit: BigQuery answered from its own result cache; of a local run: it would have.
        statement: `SELECT`, `INSERT`, `CREATE_TABLE`, … as BigQuery names kinds.
        location: of the job.
        sql: the person's own text.
        affected_rows: by a statement that changes rows, None otherwise.
        starting: seconds of these that Google's analyzer took to start.
        relation: the answer as a lazy DuckDB relation, where one was asked for and can be; `arrow` then has no rows.
    """

    arrow: Any
    outputs: tuple[OutputColumn, ...]
    decision: Decision
    seconds: float
    bytes_billed: int = 0
    bytes_saved: int = 0
    slot_ms: int | None = None
    slot_ms_saved: int | None = None
    bytes_read: int = 0
    read_price: float = 0.0
    job_id: str | None = None
    fresh_as_of: datetime | None = None
    unverified_since: datetime | None = None
    cache_hit: bool = False
    statement: str = "SELECT"
    location: str | None = None
    sql: str = ""
    affected_rows: int | None = None
    starting: float = 0.0
    relation: Any = None
    as_of: datetime | None = None
    archived: bool = False

    def __repr__(self) -> str:
        """One line; Arrow would print all of its columns."""
        rows = "lazy" if self.relation is not None or self.arrow is None else f"{len(self.arrow):,} rows"
        columns = ", ".join(f"{o.name} {o.type}" for o in self.outputs[:_COLUMNS_SHOWN])
        more = ", …" if len(self.outputs) > _COLUMNS_SHOWN else ""
        return f"<QueryResult {self.decision.where}, {rows} of ({columns}{more})>"
