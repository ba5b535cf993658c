"""Bring only the rows that were appended since a copy was made, for tables whose rows never change and never go.

https://cloud.google.com/bigquery/docs/change-history#appends_function: the function has inserts only, so the tables are
those that a person named (`Tier.append_only`), and BigQuery's count of rows has the last word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bigpato_magic.status import Cancel
from bigpato_magic.types import Kind, Parameter, SqlType, TransferEvent, TransferRequest
from bigpato_magic.warehouse.base import Fetched, QueryOptions, Warehouse


@dataclass(slots=True)
class Appends:
    """A transfer of appended rows, by a query.

    Args:
        warehouse: to ask.
        since: the instant whose content is here already.
    """

    warehouse: Warehouse
    since: datetime
    method: str = "appends"

    @contextmanager
    def fetch(
        self, request: TransferRequest, *, scratch: Path, progress: Callable[[TransferEvent], None], cancel: Cancel
    ) -> Iterator[Fetched]:
        """The rows as batches; their number is for the caller to prove.

        Raises:
            QueryError: the table's history does not go back so far.
            WarehouseError: BigQuery refuses.
            Cancelled: `cancel` was set.
        """
        del scratch
        table = request.facts.id
        names = ", ".join(f"`{column.name}`" for column in request.columns)
        # The copy has what was committed up to `since`; the function's start is inclusive.
        start = Parameter("since", SqlType(Kind.TIMESTAMP), self.since.astimezone(UTC) + timedelta(microseconds=1))
        sql = f"SELECT {names} FROM APPENDS(TABLE `{table}`, @since, NULL)"
        options = QueryOptions(use_query_cache=False, location=request.facts.location)
        answer = self.warehouse.query(sql, [start], options=options, cancel=cancel)
        progress(TransferEvent(table, "read", answer.arrow.nbytes, answer.arrow.nbytes))
        yield Fetched(batches=iter(answer.arrow.to_batches()), rows=answer.arrow.num_rows)
