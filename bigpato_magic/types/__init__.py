"""The facts that travel through the package, as frozen dataclasses. No I/O, no third-party imports.

Sizes are bytes, times are seconds, instants are timezone-aware UTC `datetime`s.
"""

from bigpato_magic.types.copies import ColumnStats, Freshness, Holding, Part, TableCopy
from bigpato_magic.types.plans import Demotion, Plan, Promotion, Refresh, RefreshKind, Refusal, TableUsage
from bigpato_magic.types.queries import (
    AnalyzedQuery,
    Compiled,
    Decision,
    LocalTable,
    OutputColumn,
    Parameter,
    QueryResult,
    Reason,
    Refused,
    Route,
    RunLocal,
    RunOnBigQuery,
    RunOnReference,
    TableRead,
)
from bigpato_magic.types.sql import Kind, SqlType, StructField, array_of, struct_of
from bigpato_magic.types.tables import (
    Column,
    PartitionFacts,
    Partitioning,
    PartitionUnit,
    TableFacts,
    TableId,
    TableKind,
    TableVersion,
    schema_digest,
)
from bigpato_magic.types.transfers import TransferEvent, TransferRequest

__all__ = [
    "AnalyzedQuery",
    "Column",
    "ColumnStats",
    "Compiled",
    "Decision",
    "Demotion",
    "Freshness",
    "Holding",
    "Kind",
    "LocalTable",
    "OutputColumn",
    "Parameter",
    "Part",
    "PartitionFacts",
    "PartitionUnit",
    "Partitioning",
    "Plan",
    "Promotion",
    "QueryResult",
    "Reason",
    "Refresh",
    "RefreshKind",
    "Refusal",
    "Refused",
    "Route",
    "RunLocal",
    "RunOnBigQuery",
    "RunOnReference",
    "SqlType",
    "StructField",
    "TableCopy",
    "TableFacts",
    "TableId",
    "TableKind",
    "TableRead",
    "TableUsage",
    "TableVersion",
    "TransferEvent",
    "TransferRequest",
    "array_of",
    "schema_digest",
    "struct_of",
]
