"""A look: a query that is some rows of one table, read from BigQuery's storage without a query job.

What is a look says `resolved.free_look`; that one is read, and not asked, `decide`. Whatever goes wrong, BigQuery answers.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bigpato_magic import frames, googlesql
from bigpato_magic.errors import (
    AnalyzerUnavailable,
    BigPatoError,
    Cancelled,
    CredentialsError,
    PermissionDenied,
    QueryError,
    TierError,
    TransferError,
    WarehouseUnavailable,
)
from bigpato_magic.googlesql import lexer
from bigpato_magic.lru import LruCache
from bigpato_magic.parameters import check
from bigpato_magic.resolved.free_look import free_look
from bigpato_magic.runner import checks
from bigpato_magic.runner.narrowed import narrowed
from bigpato_magic.status import Cancel
from bigpato_magic.system import elapsed
from bigpato_magic.tier.policy import score
from bigpato_magic.traits import format_size
from bigpato_magic.types import (
    Look,
    OutputColumn,
    QueryResult,
    Reason,
    Refused,
    Route,
    RunOnBigQuery,
    RunRead,
    TableFacts,
    TableId,
    TransferEvent,
    TransferRequest,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from bigpato_magic.runner.checks import EarlyCheck
    from bigpato_magic.runner.planner import QueryPlanner
    from bigpato_magic.runner.request import Request
    from bigpato_magic.tier.query_access import QueryAccess
    from bigpato_magic.warehouse.base import Fetched, Transfer, Warehouse

log = logging.getLogger(__name__)

REST = 600.0
"""Seconds without looks, after one has shown that a permission is missing or that the service cannot be reached."""
WAITING = 10.0
"""Seconds that one waits for the next rows, or to hear that there are none; then BigQuery is asked."""
_SPOKEN_AGAINST = frozenset(
    """
    analyzer-busy asked defect external invalid not-a-query row-policies store unreachable view
    """.split()  # noqa: SIM905 - a list of words is read as one
)
# Words and calls of which no look has any: a text with one is not worth asking for its table's facts. Never the other way
# round: what a look is, the tree says.
_MORE = re.compile(
    r"\b(?:CASE|CROSS|DISTINCT|FOR|GROUP|HAVING|INTERSECT|JOIN|OFFSET|ORDER|OVER|QUALIFY|TABLESAMPLE|UNION|WINDOW)\b"
    r"|(?<![\w`])(?!(?:AND|AS|BETWEEN|BY|EXCEPT|FROM|IN|LIMIT|NOT|NUMERIC|OR|SELECT|WHERE)\b)[A-Za-z_]\w*+\s*+\(",
    re.IGNORECASE,
)
_NO_NAME = re.compile(r"[*@$]|INFORMATION_SCHEMA", re.IGNORECASE)


_LASTING = (PermissionDenied, CredentialsError, WarehouseUnavailable)


class NotRead(Exception):
    """The rows could not be read, and why."""


@dataclass(slots=True)
class Looks:
    """Recognizes looks, and reads their rows. Safe to use from several threads.

    Args:
        warehouse: whose storage is read.
        queries: what the tier does for queries.
        planner: tells the tables of a text.
        pool: to ask in, beside what is waited for.
        below: bytes up to which a look is read; 0 leaves looks out.
    """

    warehouse: Warehouse
    queries: QueryAccess
    planner: QueryPlanner
    pool: Executor
    below: int
    _rests_until: float = field(default=0.0)
    _not_taken: LruCache[bool] = field(default_factory=LruCache)

    def offer(self, request: Request, decision: RunOnBigQuery, early: EarlyCheck) -> Look | Refused | None:
        """The look that the request is, why it is none, or None where that was not looked into.

        Args:
            request: what was asked.
            decision: why it does not run on this machine.
            early: asks about its tables.

        Raises:
            Cancelled: the request was.
        """
        if not self._wanted(request, decision):
            return None
        try:
            return self._offer(request, early) if early.told() else None
        except Cancelled:
            raise
        except (AnalyzerUnavailable, QueryError, TierError) as error:
            log.debug("a query is no look: %s", error)
        except Exception:  # whatever is wrong with this package, BigQuery can answer
            log.debug("a look could not be planned", exc_info=True)
        return None

    def read(self, request: Request, decision: RunRead, started: float) -> QueryResult:
        """The rows.

        Args:
            request: what was asked.
            decision: to read them.
            started: by `time.perf_counter`, when the whole run began.

        Raises:
            NotRead: they could not be, or it is not certain that they are right.
            Cancelled: the request was.
        """
        stop = Cancel()
        request.cancel.on_set(stop.set)
        try:
            return self._read(request, decision, stop, started)
        except NotRead:
            raise
        except Cancelled:
            request.cancel.check()
            self._rest()
            raise NotRead(f"Storage Read brought nothing for {WAITING:.0f} s") from None
        except BigPatoError as error:
            raise NotRead(self._failed(error, request, decision.look)) from error
        except Exception as error:
            log.debug("a look failed", exc_info=True)
            raise NotRead("what Storage Read sent could not be read here") from error

    def _failed(self, error: BigPatoError, request: Request, look: Look) -> str:
        """What is said of it; it is remembered, so that the next query need not find out again."""
        if isinstance(error, _LASTING) or (isinstance(error, TransferError) and error.lasting):
            self._rest()
            return error.message
        if not look.restriction:
            return error.message
        self._not_taken.put((look.table, look.restriction), True)
        # The server's words on a filter may have values of parameters in them.
        return "Storage Read did not take the filter" if request.parameters else error.message

    # ------------------------------------------------------------------------------------ is it one

    def _wanted(self, request: Request, decision: RunOnBigQuery) -> bool:
        """Whether it is worth asking for the facts of a table."""
        options = request.options
        return (
            self.below > 0
            and request.route is Route.AUTO
            and request.as_of is None
            and options.use_storage_api
            and options.snapshot is None
            and not _SPOKEN_AGAINST & {reason.code for reason in decision.reasons}
            and elapsed() >= self._rests_until
            and not _MORE.search(lexer.outside(request.sql))
            and googlesql.ready()
        )

    def _offer(self, request: Request, early: EarlyCheck) -> Look | Refused | None:
        """What the request is over its one table as it is now; what was known before may do to say no."""
        tables, facts = self.planner.tables_of(request), self.queries.facts
        if len(tables) != 1 or facts.offline_since is not None or self._way() is None:
            return None
        ((path, table),) = tables.items()
        if _NO_NAME.search(str(table)):
            return None
        known = facts.known(table)
        before = None if known is None else self._look(request, path, known)
        if isinstance(before, Refused):
            return before
        told = early.now_in_time([table], checks.LONGEST, request.max_staleness).get(table)
        if before is not None and told is known:
            return before
        return self._look(request, path, told) if isinstance(told, TableFacts) else None

    def _look(self, request: Request, path: tuple[str, ...], facts: TableFacts) -> Look | Refused:
        query = googlesql.analyze(request.sql, {path: facts}, request.parameters)
        look = free_look(query, facts, tuple(map(check, request.parameters)))
        if isinstance(look, Refused):
            return look
        place = request.options.location or self.warehouse.location
        if place and place.lower() != facts.location.lower():
            return _refused(f"{facts.id.table} is in {facts.location}, and the query was to run in {place}", facts.id)
        if (size := read_bytes(look)) > self.below:
            much, most = format_size(size), format_size(self.below)
            return _refused(f"{much} of {facts.id.table} would be read, more than {most}", facts.id)
        if self._not_taken.get((look.table, look.restriction)):
            return _refused("Storage Read has not taken that filter before", facts.id)
        return replace(look, query=narrowed(query, request, {facts.id: facts}))

    def _way(self) -> Transfer | None:
        return self.warehouse.transfers().get("read")

    def _rest(self) -> None:
        self._rests_until = elapsed() + REST

    # --------------------------------------------------------------------------------------- read it

    def _read(self, request: Request, decision: RunRead, stop: Cancel, started: float) -> QueryResult:
        look, way = decision.look, self._way()
        if way is None:
            raise NotRead("there is no Storage Read API")
        wanted = TransferRequest(look.facts, look.columns, restriction=look.restriction, limit=look.limit)
        with (
            closing(_Watch(stop)) as watch,
            way.fetch(wanted, scratch=Path(), progress=_progress_of(look, request), cancel=stop) as fetched,
        ):
            after = self.pool.submit(self.queries.facts.fetch, [look.table])
            batches, ended = _rows(look, fetched, watch.moved)
            arrow = _table(look, batches)
        if ended:
            _see_that_all_came(look, fetched, arrow)
        if not checks.ended_in_time(after, request.cancel):
            raise TransferError(f"BigQuery does not say whether {look.facts.id.table} has changed meanwhile")
        _see_that_it_is_the_same(look.facts, after.result()[look.table])
        told = sum(batch.nbytes for batch in batches)
        return QueryResult(
            arrow=arrow,
            outputs=look.query.outputs,
            decision=decision,
            seconds=time.perf_counter() - started,
            # What a filter leaves out is read too; of what comes after the last row, nothing.
            bytes_read=max(told, fetched.scanned or 0) if ended or look.restriction else told,
            fresh_as_of=fetched.snapshot or look.facts.checked_at,
        )


def _refused(why: str, table: TableId) -> Refused:
    return Refused((Reason("no-look", why, table),))


def read_bytes(look: Look) -> float:
    """Bytes that come or are read through: with a filter all of the columns, with no more than a LIMIT its share of them."""
    size = score.read_bytes(look.facts, {column.name.lower() for column in look.columns})
    if look.limit is None or look.restriction:
        return size
    return size * min(1.0, look.limit / max(1, look.facts.version.rows))


class _Watch:
    """Stops what has brought nothing for `WAITING` seconds.

    Args:
        stop: set then.
    """

    def __init__(self, stop: Cancel) -> None:
        self._stop = stop
        self._timer = self._begun()

    def _begun(self) -> threading.Timer:
        timer = threading.Timer(WAITING, self._stop.set)
        timer.daemon = True
        timer.start()
        return timer

    def moved(self) -> None:
        """Something has come."""
        self._timer.cancel()
        self._timer = self._begun()

    def close(self) -> None:
        """Nothing is waited for any more."""
        self._timer.cancel()


def _progress_of(look: Look, request: Request) -> Callable[[TransferEvent], None]:
    """Tells the person how much has come; of how much is known where all of the table comes."""
    whole = look.limit is None and not look.restriction

    def report(event: TransferEvent) -> None:
        if request.progress is not None:
            request.progress(event if whole else replace(event, total=None))

    return report


def _rows(look: Look, fetched: Fetched, moved: Callable[[], None]) -> tuple[list[Any], bool]:
    """The batches that are needed, and whether they are all that there are."""
    batches: list[Any] = []
    wanted, rows = look.limit, 0
    if wanted == 0:
        return batches, False
    for batch in fetched.batches or ():
        moved()
        batches.append(batch)
        rows += batch.num_rows
        if wanted is not None and rows >= wanted:
            return batches, False
    return batches, True


def _table(look: Look, batches: list[Any]) -> pa.Table:
    """The result, with the schema that BigQuery's answer has."""
    import pyarrow as pa

    outputs = look.query.outputs
    if not batches:
        return frames.empty(outputs)
    read = pa.Table.from_batches(batches).slice(0, look.limit)
    _check_types(look, read.schema)
    return frames.conform(read.select(list(look.places)), outputs)


def _check_types(look: Look, schema: pa.Schema) -> None:
    """See that the columns have the types that they had when the query was understood."""
    expected = frames.arrow_schema(OutputColumn(column.name, column.type) for column in look.columns)
    for place, (read, wanted) in enumerate(zip(schema, expected, strict=True)):
        if read.type.id != wanted.type.id:
            raise TransferError(f"{look.columns[place].name} has come as {read.type}: the table has changed")


def _see_that_all_came(look: Look, fetched: Fetched, arrow: pa.Table) -> None:
    if fetched.rows is not None and look.limit is None and arrow.num_rows != fetched.rows:
        raise TransferError(f"{arrow.num_rows:,} rows came where {fetched.rows:,} were expected")


def _see_that_it_is_the_same(before: TableFacts, after: TableFacts | BigPatoError) -> None:
    """See that what was understood of the table was true while it was read: its rows may have changed, they are of one instant.

    Raises:
        BigPatoError: it was not, or nobody can tell.
    """
    if isinstance(after, BigPatoError):
        raise after
    if _nature(before) != _nature(after):
        raise TransferError(f"{before.id.table} has changed meanwhile")


def _nature(facts: TableFacts) -> tuple[object, ...]:
    version = facts.version
    return (version.schema_digest, version.kind, version.created, facts.row_policies, facts.streaming)
