"""Resources of BigQuery's REST API, small but shaped as the reference says."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

TABLE = "/bigquery/v2/projects/p/datasets/d/tables/t"
POLICIES = f"{TABLE}/rowAccessPolicies"
DATA = f"{TABLE}/data"
QUERIES = "/bigquery/v2/projects/p/queries"
JOB = "/bigquery/v2/projects/p/jobs/j"
RESULTS = "/bigquery/v2/projects/p/queries/j"
JOBS = "/bigquery/v2/projects/p/jobs"

REFERENCE = {"projectId": "p", "jobId": "j", "location": "EU"}


def table(**more: Any) -> Json:
    """`tables.get` of p.d.t with one column."""
    return {
        "kind": "bigquery#table",
        "etag": "e1",
        "tableReference": {"projectId": "p", "datasetId": "d", "tableId": "t"},
        "schema": {"fields": [{"name": "a", "type": "INTEGER", "mode": "REQUIRED"}]},
        "numBytes": "80",
        "numRows": "10",
        "creationTime": "1700000000000",
        "lastModifiedTime": "1700000123456",
        "type": "TABLE",
        "location": "EU",
        **more,
    }


def rows(*values: Any, field: str = "INTEGER", **more: Any) -> Json:
    """A finished `jobs.query` or `getQueryResults` of one column x."""
    return {
        "kind": "bigquery#queryResponse",
        "jobComplete": True,
        "schema": {"fields": [{"name": "x", "type": field, "mode": "NULLABLE"}]},
        "totalRows": str(len(values)),
        "rows": [{"f": [{"v": v}]} for v in values],
        "totalBytesProcessed": "5",
        "location": "EU",
        **more,
    }


def running() -> Json:
    """A `jobs.query` that takes longer than it was asked to wait."""
    return {"kind": "bigquery#queryResponse", "jobComplete": False, "jobReference": REFERENCE}


def job(state: str = "DONE", *, failed: tuple[str, str] | None = None, **statistics: Any) -> Json:
    """`jobs.get` of a query job."""
    status: Json = {"state": state}
    if failed:
        status["errorResult"] = {"reason": failed[0], "message": failed[1]}
    numbers = {
        "totalBytesProcessed": "5",
        "totalBytesBilled": "10485760",
        "statementType": "SELECT",
        "totalSlotMs": "2500",
        **statistics,
    }
    return {
        "kind": "bigquery#job",
        "id": "p:EU.j",
        "jobReference": REFERENCE,
        "configuration": {"jobType": "QUERY", "query": {"query": "SELECT 1", "useLegacySql": False}},
        "statistics": {"creationTime": "1700000000000", "query": numbers},
        "status": status,
    }


def extract_job(state: str = "DONE", *, files: int = 1, failed: tuple[str, str] | None = None) -> Json:
    """`jobs.get` of an extract job."""
    status: Json = {"state": state}
    if failed:
        status["errorResult"] = {"reason": failed[0], "message": failed[1]}
    source = {"projectId": "p", "datasetId": "d", "tableId": "t"}
    return {
        "kind": "bigquery#job",
        "id": "p:EU.j",
        "jobReference": REFERENCE,
        "configuration": {"jobType": "EXTRACT", "extract": {"sourceTable": source, "destinationUris": ["gs://b/x"]}},
        "statistics": {"creationTime": "1700000000000", "extract": {"destinationUriFileCounts": [str(files)]}},
        "status": status,
    }
