"""A query job of the demo warehouse: its progress, its end, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable

from bigpato_magic.errors import BytesLimitExceeded
from bigpato_magic.local.supervise import supervised
from bigpato_magic.status import Cancel
from bigpato_magic.warehouse.base import Progress, QueryProgress, WarehouseResult

MIB = 1 << 20
_MINIMUM = 10 * MIB


def bytes_billed(processed: int, tables: int) -> int:
    """What BigQuery bills for a query that reads so many bytes of so many tables.

    At least 10 MB for each table, rounded up to a whole MB; nothing where no column is read, as for `COUNT(*)`:
    https://cloud.google.com/bigquery/pricing#on_demand_pricing
    """
    if processed == 0:
        return 0
    return max(-(-processed // MIB) * MIB, tables * _MINIMUM)


def slot_ms(processed: int, tables: int) -> int:
    """Milliseconds of slots for a query that reads so many bytes: invented, and of the order that BigQuery's are."""
    return 20 * max(1, tables) + processed // 100_000


def check_limit(billed: int, limit: int | None) -> None:
    """Refuse a job that would bill more than `maximum_bytes_billed`.

    Raises:
        BytesLimitExceeded: it would.
    """
    if limit is not None and billed > limit:
        raise BytesLimitExceeded(
            f"Query exceeded limit for bytes billed: {limit}. {billed} or higher required.",
            required=billed,
            hint="raise maximum_bytes_billed, or read less",
        )


def run_job(
    job_id: str, work: Callable[[Cancel], WarehouseResult], progress: Progress | None, cancel: Cancel | None
) -> WarehouseResult:
    """The result of `work`, on a thread of its own, so that its caller can be told of it and can stop it.

    Args:
        job_id: of the query.
        work: what to do; stops when its token is set.
        progress: is told while it runs.
        cancel: stops it, as Ctrl-C does; what does not stop soon is left to end by itself, as BigQuery does.

    Raises:
        Cancelled: `cancel` was set.
    """
    started, stop = time.monotonic(), Cancel() if cancel is None else cancel

    def tell(state: str) -> None:
        if progress:
            seconds = time.monotonic() - started
            progress(QueryProgress(job_id, state, int(state == "DONE"), 1, seconds, seconds))

    tell("PENDING")
    result = supervised(lambda: work(stop), stop.set, stop, lambda: tell("RUNNING"))
    tell("DONE")
    return result
