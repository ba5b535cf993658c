"""What each statement of a script gave: BigQuery runs it as a job of its own, a child of the script's.

https://cloud.google.com/bigquery/docs/multi-statement-queries#list_child_jobs
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from bigpato_magic import frames
from bigpato_magic.errors import Cancelled
from bigpato_magic.types import TableId
from bigpato_magic.warehouse import pages
from bigpato_magic.warehouse.answers import count
from bigpato_magic.warehouse.base import WarehouseResult

if TYPE_CHECKING:
    import threading

    from bigpato_magic.warehouse.connection import Connection

MOST = 50
"""Statements whose results are fetched: a loop may have run thousands. The first ones are left out."""
_LISTED = 200
_PAGE_ROWS = 10_000


def statements_of(
    connection: Connection, project: str, job_id: str, stop: threading.Event
) -> tuple[WarehouseResult, ...]:
    """The results of the last statements of a script that has ended, in the order in which they ran.

    Args:
        connection: to BigQuery.
        project: of the script's job.
        job_id: of the script's job.
        stop: set where nobody waits any more.

    Raises:
        Cancelled: `stop` was set.
        Exception: as `Connection.request` does.
    """
    wanted = {"parentJobId": job_id, "projection": "full", "maxResults": _LISTED}
    listing = connection.request("GET", f"/projects/{project}/jobs?{urlencode(wanted)}")
    newest_first = [child for child in listing.get("jobs", ()) if _statement(child)]
    return tuple(_result(connection, child, stop) for child in reversed(newest_first[:MOST]))


def _statement(child: Mapping[str, Any]) -> str:
    """The kind of a child's statement; '' for one that evaluates an expression of the script, or has failed."""
    if (child.get("status") or {}).get("errorResult"):
        return ""
    statistics = child.get("statistics") or {}
    if (statistics.get("scriptStatistics") or {}).get("evaluationKind", "STATEMENT") != "STATEMENT":
        return ""
    return str((statistics.get("query") or {}).get("statementType") or "")


def _result(connection: Connection, child: Mapping[str, Any], stop: threading.Event) -> WarehouseResult:
    if stop.is_set():
        raise Cancelled
    statement, statistics = _statement(child), child["statistics"]
    query, reference = statistics["query"], child["jobReference"]
    fields, arrow = _rows(connection, reference, stop) if statement == "SELECT" else ((), frames.empty(()))
    begun, ended = (count(statistics.get(name)) for name in ("startTime", "endTime"))
    return WarehouseResult(
        arrow=arrow,
        outputs=fields,
        bytes_processed=count(query.get("totalBytesProcessed")) or 0,
        bytes_billed=count(query.get("totalBytesBilled")) or 0,
        job_id=reference["jobId"],
        location=reference.get("location"),
        statement=statement,
        cache_hit=bool(query.get("cacheHit")),
        tables=tuple(TableId(t["projectId"], t["datasetId"], t["tableId"]) for t in query.get("referencedTables", ())),
        affected_rows=count(query.get("numDmlAffectedRows")),
        slot_ms=count(statistics.get("totalSlotMs")),
        seconds=(ended - begun) / 1000 if begun is not None and ended is not None else 0.0,
    )


def _rows(connection: Connection, reference: Mapping[str, Any], stop: threading.Event) -> pages.Rows:
    """All rows that a child has given."""
    path = f"/projects/{reference['projectId']}/queries/{quote(reference['jobId'], safe='')}"
    wanted: dict[str, Any] = {"maxResults": _PAGE_ROWS, "formatOptions.useInt64Timestamp": "true"}
    wanted |= {"location": reference["location"]} if reference.get("location") else {}
    came: list[Mapping[str, Any]] = []
    while not came or came[-1].get("pageToken"):
        if stop.is_set():
            raise Cancelled
        token = {"pageToken": came[-1]["pageToken"]} if came else {}
        page = connection.request("GET", f"{path}?{urlencode(wanted | token)}")
        pages.check_next(came, page, is_query=True)
        came.append(page)
    return pages.arrow(came)
