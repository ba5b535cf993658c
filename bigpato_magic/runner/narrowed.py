"""A query with what its predicates leave of each table's partitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from bigpato_magic.types import AnalyzedQuery, TableFacts, TableId

if TYPE_CHECKING:
    from bigpato_magic.runner.request import Request


def narrowed(query: AnalyzedQuery, request: Request, facts: Mapping[TableId, TableFacts | None]) -> AnalyzedQuery:
    """The query with what its predicates leave of each table's partitions.

    Args:
        query: as analyzed.
        request: whose values and moment the predicates have.
        facts: of its tables.
    """
    from bigpato_magic.pruning.pushdown import partition_domains

    partitionings = {table: known.partitioning if known else None for table, known in facts.items()}
    return replace(query, tables=partition_domains(query, request.parameters, partitionings, request.hour))
