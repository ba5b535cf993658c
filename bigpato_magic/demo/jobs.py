"""A query job of the demo warehouse: its progress, its end, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from bigpato_magic.errors import Cancelled, QueryError
from bigpato_magic.status import Cancel
from bigpato_magic.warehouse.base import Progress, QueryProgress, WarehouseResult

MIB = 1 << 20
_MINIMUM = 10 * MIB
_TICK = 0.2  # seconds between two reports of progress
_GRACE = 0.5  # seconds that a job has to stop


def bytes_billed(processed: int, tables: int) -> int:
    """What BigQuery bills for a query that reads so many bytes of so many tables.

    At least 10 MB for each table, rounded up to a whole MB; nothing where no column is read, as for `COUNT(*)`:
    https://cloud.google.com/bigquery/pricing#on_demand_pricing
    """
    if processed == 0:
        return 0
    return max(-(-processed // MIB) * MIB, tables * _MINIMUM)


def check_limit(billed: int, limit: int | None) -> None:
    """Refuse a job that would bill more than `maximum_bytes_billed`.

    Raises:
        QueryError: it would.
    """
    if limit is not None and billed > limit:
        raise QueryError(
            f"Query exceeded limit for bytes billed: {limit}. {billed} or higher required.",
            hint="raise maximum_bytes_billed, or read less",
        )


class Job:
    """A query at work in a thread of its own, so that its caller can be told of it and can stop it."""

    def __init__(self, job_id: str, progress: Progress | None, cancel: Cancel | None) -> None:
        self._id = job_id
        self._progress = progress
        self._cancel = Cancel() if cancel is None else cancel
        self._started = time.monotonic()

    def wait(self, work: Callable[[Cancel], WarehouseResult]) -> WarehouseResult:
        """The result of `work`; a Ctrl-C stops it too."""
        self._tell("PENDING")
        pool = ThreadPoolExecutor(1, thread_name_prefix=self._id)
        try:
            future = pool.submit(work, self._cancel)
            while not future.done():
                self._watch(future)
            self._tell("DONE")
            return future.result()
        except KeyboardInterrupt:
            self._cancel.set()
            raise
        finally:
            pool.shutdown(wait=False)

    def _watch(self, future: Future[WarehouseResult]) -> None:
        """Wait a little; a job that was asked to stop is left to end by itself, as BigQuery does."""
        asked_before = bool(self._cancel)
        wait([future], timeout=_GRACE if asked_before else _TICK)
        if asked_before and not future.done():
            raise Cancelled
        if not future.done():
            self._tell("RUNNING")

    def _tell(self, state: str) -> None:
        if self._progress:
            seconds = time.monotonic() - self._started
            done = int(state == "DONE")
            self._progress(QueryProgress(self._id, state, done, 1, seconds, seconds))
