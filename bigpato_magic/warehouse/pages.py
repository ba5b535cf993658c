"""A query's answer as JSON, page by page: that it is whole, and as Arrow.

`answers` has looked at each page alone; here they are looked at together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bigpato_magic import frames
from bigpato_magic.types import OutputColumn
from bigpato_magic.warehouse import schema
from bigpato_magic.warehouse.answers import count, require

Rows = tuple[tuple[OutputColumn, ...], Any]


def check_first(page: Mapping[str, Any], *, is_query: bool) -> None:
    """See that a first answer is whole: a query's has a schema and a count, and all rows where no more can be asked for.

    Raises:
        IncompleteAnswer: it is not.
    """
    if page["jobComplete"]:
        if is_query:
            require(isinstance(page.get("schema"), Mapping), "schema is missing")
            require(count(page.get("totalRows")) is not None, "totalRows is missing")
        require(page.get("jobReference") or not page.get("pageToken"), "jobReference is missing")
        if is_query or page.get("rows"):
            _check_count([page])


def check_next(before: Sequence[Mapping[str, Any]], page: Mapping[str, Any], *, is_query: bool) -> None:
    """See that a page of a job that is done is whole, and the next one of those before it.

    Raises:
        IncompleteAnswer: it is not.
    """
    require(page["jobComplete"], "jobComplete is false for a job that is done")
    if not before:
        check_first(page, is_query=is_query)
        return
    require(page.get("rows"), "rows are missing")
    require(count(page.get("totalRows")) == count(before[0]["totalRows"]), "totalRows is another than before")
    require(page["schema"] == before[0]["schema"], "schema is another than before")
    require(page.get("pageToken") not in [one["pageToken"] for one in before], "its pageToken came before")
    _check_count([*before, page])


def _check_count(pages: Sequence[Mapping[str, Any]]) -> None:
    total = count(pages[0].get("totalRows"))
    if total is not None:
        came = sum(len(page.get("rows", ())) for page in pages)
        more = bool(pages[-1].get("pageToken"))
        require(came <= total if more else came == total, f"{came:,} rows came where {total:,} were to come")


def arrow(pages: Sequence[Mapping[str, Any]]) -> Rows:
    """Rows that came as JSON, as Arrow; the client's own `to_arrow` knows no INTERVAL."""
    import pyarrow as pa

    # DML and DDL have no rows, though some answers carry the schema of the table that they made.
    resource = pages[0].get("schema") if pages[0].get("totalRows") is not None else None
    fields = schema.outputs(resource)
    if resource is None or not any(page.get("rows") for page in pages):
        return fields, frames.empty(fields)
    parsed = [_as_text(field) for field in resource["fields"]]
    columns = zip(*(tuple(row) for page in pages for row in _parse(page, parsed)), strict=True)
    wanted = frames.arrow_schema(fields)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, wanted, strict=True)]
    return fields, pa.Table.from_arrays(arrays, schema=wanted)


def _parse(page: Mapping[str, Any], fields: list[Any]) -> Iterable[Any]:
    from google.cloud.bigquery.table import RowIterator

    alone = {key: value for key, value in page.items() if key != "pageToken"}
    return RowIterator(None, None, None, fields, total_rows=len(page.get("rows", ())), first_page_response=alone)


def _as_text(field: Mapping[str, Any]) -> Any:
    """A field whose JSON the client leaves as BigQuery wrote it: parsed and printed again, numbers would change."""
    from google.cloud.bigquery import SchemaField

    def text(field: Mapping[str, Any]) -> dict[str, Any]:
        kind = "STRING" if field["type"] == "JSON" else field["type"]
        return {**field, "type": kind, "fields": [text(inner) for inner in field.get("fields", ())]}

    return SchemaField.from_api_repr(text(field))
