"""A query answered by both: BigQuery is asked for fragments, these are kept, and DuckDB computes the rest over them.

All of one instant, or not at all: the tables are checked before the first fragment and after the last, and must be the same.
Whatever goes wrong with a fragment, BigQuery answers the whole; the person never sees a fragment's error.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from bigpato_magic.decide import not_fresh
from bigpato_magic.errors import BigPatoError, Cancelled
from bigpato_magic.parameters import check
from bigpato_magic.resolved.substitution import substituted
from bigpato_magic.runner.checks import begin_check
from bigpato_magic.runner.here import LocalRuns, result_of
from bigpato_magic.runner.kept import compiled_over
from bigpato_magic.tier.keeping.making import AnswerToKeep
from bigpato_magic.types import Fragment, QueryResult, Refused, RunHybrid, RunLocal, TableCopy

if TYPE_CHECKING:
    from bigpato_magic.runner.request import Request
    from bigpato_magic.tier.query_access import QueryAccess
    from bigpato_magic.warehouse.base import Warehouse, WarehouseResult

log = logging.getLogger(__name__)


class NotAnswered(Exception):
    """The fragments gave no answer.

    Args:
        why: in a sentence.
        billed: bytes, for fragments that were asked in vain.
    """

    def __init__(self, why: str, billed: int) -> None:
        super().__init__(why)
        self.billed = billed


@dataclass(slots=True)
class _Spent:
    """What the fragments have billed so far, in bytes, the slots that they used, and the last of their jobs."""

    billed: int = 0
    slot_ms: int | None = None
    job_id: str | None = None
    location: str | None = None

    def add(self, answer: WarehouseResult) -> None:
        self.billed += answer.bytes_billed
        if answer.slot_ms is not None:
            self.slot_ms = (self.slot_ms or 0) + answer.slot_ms
        self.job_id, self.location = answer.job_id, answer.location


@dataclass(frozen=True, slots=True)
class HybridRuns:
    """Asks for fragments and runs the rest here. Safe to use from several threads.

    Args:
        warehouse: BigQuery.
        queries: what the tier does for queries.
        here: runs the rest.
        pool: to check copies in.
        now: tells the server's time.
    """

    warehouse: Warehouse
    queries: QueryAccess
    here: LocalRuns
    pool: Executor
    now: Callable[[], datetime]

    def run(self, request: Request, plan: RunHybrid, started: float) -> QueryResult:
        """The answer.

        Args:
            request: what was asked.
            plan: how it is answered.
            started: by `time.perf_counter`, when the whole run began.

        Raises:
            NotAnswered: there is none that is certain.
            Cancelled: the request was; a fragment's job was asked to stop.
        """
        spent = _Spent()
        try:
            relations = [self._asked(request, fragment, spent) for fragment in plan.fragments]
            return self._rest(request, plan, relations, spent, started)
        except NotAnswered:
            raise
        except Cancelled:
            self.queries.note_unanswered(spent.billed, spent.job_id, spent.location)
            raise
        except BigPatoError as error:
            # What BigQuery says of a fragment is not about the person's text, and may have values of its parameters.
            log.debug("a fragment gave no answer: %s", type(error).__name__)
            raise NotAnswered("a part of the query could not be asked alone", spent.billed) from error
        except Exception as error:
            log.debug("a query by fragments failed", exc_info=True)
            raise NotAnswered("bigpato-magic failed to put the parts of the query together", spent.billed) from error

    def _asked(self, request: Request, fragment: Fragment, spent: _Spent) -> TableCopy:
        """What BigQuery says to a fragment, as a kept relation."""
        started = time.perf_counter()
        limit = request.options.maximum_bytes_billed
        left = None if limit is None else max(1, limit - spent.billed)
        answer = self.warehouse.query(
            fragment.sql,
            fragment.parameters,
            options=replace(request.options, maximum_bytes_billed=left),
            cancel=request.cancel,
            progress=request.progress,
        )
        spent.add(answer)
        if tuple(o.type for o in answer.outputs) != tuple(o.type for o in fragment.query.outputs):
            raise NotAnswered("a table has changed meanwhile", spent.billed)
        now = self.now()
        if request.moment is not None and now.date() != request.moment.date():
            raise NotAnswered("a day has begun meanwhile", spent.billed)
        seconds = time.perf_counter() - started
        source = replace(
            fragment.source,
            bytes_billed=answer.bytes_billed,
            seconds=seconds,
            answered=now,
            slot_ms=None if answer.cache_hit else answer.slot_ms,
        )
        return self.queries.keep_now(AnswerToKeep(source, fragment.query.outputs, answer.arrow), request.cancel)

    def _rest(
        self, request: Request, plan: RunHybrid, relations: list[TableCopy], spent: _Spent, started: float
    ) -> QueryResult:
        decision = self._local(request, plan, relations, spent)
        # Of the tables after the last fragment: what was before and is after, was meanwhile.
        check_all = begin_check(
            self.queries, self.pool, replace(request, max_staleness=0.0, offline=False), decision.copies
        )
        run = self.here.run(request, decision, check_all)
        why = run.failures or tuple(not_fresh(decision.copies, run.verdicts or {}))
        if why:
            raise NotAnswered(why[0].message, spent.billed)
        result = result_of(decision, run, time.perf_counter() - started)
        return replace(
            result, bytes_billed=spent.billed, slot_ms=spent.slot_ms, job_id=spent.job_id, location=spent.location
        )

    def _local(self, request: Request, plan: RunHybrid, relations: list[TableCopy], spent: _Spent) -> RunLocal:
        """The rest of the query over what is here now."""
        today = request.moment.date() if request.moment else None
        rest = substituted(plan.base, relations, tuple(map(check, request.parameters)), today)
        held = {copy.table: copy for copy in (*plan.copies, *relations)}
        if rest is None or not rest.tables.keys() <= held.keys():
            raise NotAnswered("what was kept of the query is not all that is missing here", spent.billed)
        compiled = compiled_over(rest, held, request, self.queries.quarantined())
        if isinstance(compiled, Refused):
            raise NotAnswered(compiled.reasons[0].message, spent.billed)
        query, sql = compiled
        return RunLocal(request.sql, sql, tuple(held[table] for table in query.tables), plan.fragments)
