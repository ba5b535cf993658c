"""Where a query runs, and over what: one class for each way. Each can be built only with what that way needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from bigpato_magic.types.brief import Brief
from bigpato_magic.types.copies import QuerySource, TableCopy
from bigpato_magic.types.queries import AnalyzedQuery, Compiled, OutputColumn, Parameter, Reason, UpperPart
from bigpato_magic.types.routines import RoutineFacts
from bigpato_magic.types.tables import Column, TableFacts, TableId


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
