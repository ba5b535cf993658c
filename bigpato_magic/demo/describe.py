"""What `tables.get` would say of a table of the demo warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bigpato_magic.demo.history import PartFile, TableState, to_instant
from bigpato_magic.types import ListedTable, PartitionFacts, TableFacts, TableKind, TableVersion, schema_digest

LOCATION = "US"


def facts_of(state: TableState, checked_at: datetime) -> TableFacts:
    """Its facts; rows in the streaming buffer are in no version, and a view has none."""
    stored = state.kind in (TableKind.TABLE, TableKind.CLONE, TableKind.SNAPSHOT)
    version = TableVersion(
        etag=state.etag,
        modified=to_instant(state.since),
        created=to_instant(state.created),
        rows=state.rows if stored else 0,
        bytes=state.bytes if stored else 0,
        schema_digest=schema_digest(state.columns),
        kind=state.kind,
    )
    return TableFacts(
        id=state.id,
        version=version,
        columns=state.columns,
        checked_at=checked_at,
        streaming=bool(state.buffered),
        location=LOCATION,
        partitioning=state.partitioning,
        clustering=state.clustering,
        row_policies=bool(state.policies),
        definition=state.definition,
    )


def listed_table(state: TableState) -> ListedTable:
    """What `tables.list` would say of it."""
    return ListedTable(state.id, state.kind, to_instant(state.created))


def partition_of(pid: str, parts: Sequence[PartFile]) -> PartitionFacts:
    """One partition's facts, of its files."""
    rows, size = sum(p.rows for p in parts), sum(p.bytes for p in parts)
    return PartitionFacts(pid, rows, size, to_instant(max(p.modified for p in parts)))
