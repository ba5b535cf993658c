"""One query as a person asked for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bigpato_magic.googlesql import lexer
from bigpato_magic.status import Cancel
from bigpato_magic.types import Parameter, Route, TransferEvent
from bigpato_magic.types.date_parts import MICROS
from bigpato_magic.warehouse.base import QueryOptions, QueryProgress

RunProgress = Callable[[QueryProgress | TransferEvent | float], None]


@dataclass(frozen=True, slots=True)
class Request:
    """One query as a person asked for it.

    Args:
        sql: GoogleSQL.
        parameters: typed values.
        route: where it may run.
        max_staleness: seconds that a check of a table may be old, None for the policy's own.
        offline: copies may answer while BigQuery cannot be reached; None for the policy's own.
        project: of unqualified dataset names.
        dataset: of unqualified table names.
        options: for BigQuery.
        cancel: stops it.
        progress: hears of a BigQuery job, of a read the bytes, and of a local run the share done, 0 to 1.
        lazy: leave a local answer in DuckDB, where that can be.
        moment: what CURRENT_TIMESTAMP is, by the server's clock; None until the run settles it, or where nobody asks.
        ask_above: bytes above which the person is asked before a job bills them; None where nobody is.
        as_of: read every table as of this instant, whatever has changed since; None for now.
        exact: an answer of this machine has exact figures in place of BigQuery's estimates (`APPROX_COUNT_DISTINCT`, …).
    """

    sql: str
    parameters: tuple[Parameter, ...] = ()
    route: Route = Route.AUTO
    max_staleness: float | None = None
    offline: bool | None = None
    project: str | None = None
    dataset: str | None = None
    options: QueryOptions = field(default_factory=QueryOptions)
    cancel: Cancel = field(default_factory=Cancel)
    progress: RunProgress | None = None
    lazy: bool = False
    moment: datetime | None = None
    as_of: datetime | None = None
    exact: bool = False
    ask_above: int | None = None

    @property
    def default_dataset(self) -> tuple[str, str] | None:
        """(project, dataset) of unqualified names, if known."""
        return (self.project, self.dataset) if self.project and self.dataset else None

    @property
    def limit(self) -> int | None:
        """Bytes that its jobs may bill together, by the person's limit or because nobody has said yes to more."""
        limits = [limit for limit in (self.options.maximum_bytes_billed, self.ask_above) if limit is not None]
        return min(limits, default=None)

    @property
    def asks_first(self) -> bool:
        """Whether what would exceed `limit` needs a word of the person: else it is their own limit."""
        return self.ask_above is not None and self.limit == self.ask_above != self.options.maximum_bytes_billed

    @property
    def asks_the_time(self) -> bool:
        """Whether its answer may depend on the moment (`CURRENT_DATE` and its like); True where in doubt."""
        return "current_" in self.sql.lower()

    @property
    def names_a_past(self) -> bool:
        """Whether its text may say `FOR SYSTEM_TIME AS OF`; True where in doubt."""
        return lexer.names_a_past(self.sql)

    @property
    def reads_the_past(self) -> bool:
        """Whether it may read tables as they were."""
        return self.as_of is not None or self.names_a_past

    @property
    def hour(self) -> tuple[int, int] | None:
        """First and last microsecond (since 1970) of the hour of `moment`: what is understood of a text holds so long."""
        if self.moment is None:
            return None
        hour = (self.moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(hours=1)
        return hour * MICROS["HOUR"], (hour + 1) * MICROS["HOUR"] - 1
