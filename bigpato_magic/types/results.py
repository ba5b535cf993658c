"""The answer to a query, and how it came about. Times are seconds, sizes bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bigpato_magic.types.decisions import Decision
from bigpato_magic.types.queries import OutputColumn

_COLUMNS_SHOWN = 8


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
        statements: of a script, what each of its statements gave, in the order in which they ran.
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
    statements: tuple[QueryResult, ...] = ()

    def __repr__(self) -> str:
        """One line; Arrow would print all of its columns."""
        rows = "lazy" if self.relation is not None or self.arrow is None else f"{len(self.arrow):,} rows"
        columns = ", ".join(f"{o.name} {o.type}" for o in self.outputs[:_COLUMNS_SHOWN])
        more = ", …" if len(self.outputs) > _COLUMNS_SHOWN else ""
        return f"<QueryResult {self.decision.where}, {rows} of ({columns}{more})>"
