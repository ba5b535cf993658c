"""Under which a statement of the demo warehouse runs, and what the names in it stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bigpato_magic.errors import QueryError, TableNotFound
from bigpato_magic.types import Parameter, TableId

_CANNOT = "The demo warehouse cannot run this statement: {what}"
_CANNOT_HINT = "BigQuery may well take it: the demo warehouse knows a good part of its SQL, not all"


def cannot(what: str, sql: str | None = None) -> QueryError:
    """The error for what the demo warehouse does not do."""
    return QueryError(_CANNOT.format(what=what), sql=sql, hint=_CANNOT_HINT)


@dataclass(frozen=True, slots=True)
class Context:
    """Under which a statement runs.

    Args:
        project: of names without one.
        dataset: of names without one, None if they must have one.
        principal: who asks.
        snapshot: read all tables as of this instant, None for now.
        parameters: of the query.
    """

    project: str
    dataset: str | None
    principal: str
    snapshot: datetime | None = None
    parameters: tuple[Parameter, ...] = ()

    def full_name(self, parts: Sequence[str]) -> TableId:
        """The table that a name in the text stands for.

        Raises:
            QueryError: an unqualified name without a default dataset, or INFORMATION_SCHEMA.
        """
        if any("INFORMATION_SCHEMA" in part.upper() for part in parts):
            raise cannot("INFORMATION_SCHEMA is not there")
        name = ".".join(parts)
        try:
            return TableId.parse(name, project=self.project, dataset=self.dataset)
        except ValueError:
            raise QueryError(f'Table "{name}" must be qualified with a dataset (e.g. dataset.table).') from None


def not_found(table: TableId, datasets: Sequence[str]) -> TableNotFound:
    """BigQuery's sentence for a table, or a dataset, that is not there."""
    if table.dataset not in datasets:
        message = f"Not found: Dataset {table.project}:{table.dataset} was not found in location US"
        return TableNotFound(message, path=(table.project, table.dataset))
    message = f"Not found: Table {table.project}:{table.dataset}.{table.table} was not found in location US"
    return TableNotFound(message, path=(table.project, table.dataset, table.table))
