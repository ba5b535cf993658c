"""Which files of an old copy a refreshed one shares, and how the others are cut or put together. None is changed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bigpato_magic.errors import TransferError
from bigpato_magic.local.columns import merge_stats
from bigpato_magic.local.duck import LocalEngine
from bigpato_magic.local.write import RowSource
from bigpato_magic.sql.physical import text
from bigpato_magic.status import Cancel
from bigpato_magic.tier.files.crashpoints import at
from bigpato_magic.tier.files.drafts import finished
from bigpato_magic.tier.policy.extent import still_wanted
from bigpato_magic.tier.rebalance.load import LoadedPart, partition_id
from bigpato_magic.types import ColumnStats, Part, PartitionFacts, Refresh, TableCopy

MOST_PARTS = 16
"""A view over more files than this costs a query more than putting them together does."""


def rows_of(present: Sequence[PartitionFacts], wanted: Collection[str] | None) -> int | None:
    """Rows of these partitions (None for all) as BigQuery counts them; None where it has not listed them."""
    return sum(p.rows for p in present if wanted is None or p.id in wanted) if present else None


def stats_of(old: TableCopy, loaded: LoadedPart | None) -> Mapping[str, ColumnStats]:
    """What is certain of old and new rows together."""
    return old.stats if loaded is None else merge_stats([old.stats, loaded.stats], old.columns)


@dataclass(frozen=True, slots=True)
class Keeper:
    """What of an old copy goes into the new one.

    Args:
        engine: cuts and merges files.
        old: the copy that is refreshed.
        refresh: what has changed, and what is there now.
        staging: where new files are made.
        cancel: stops it.
        watch: called while files grow.
    """

    engine: LocalEngine
    old: TableCopy
    refresh: Refresh
    staging: Path
    cancel: Cancel
    watch: Callable[[], None]

    @property
    def partitions(self) -> frozenset[str] | None:
        """That the new copy holds; None for all."""
        return None if self.old.holding.partitions is None else still_wanted(self.old, self.refresh.present)

    def keep(self, new: Part | None) -> tuple[Part, ...]:
        """The parts of the new copy: shared ones, cut ones, the new one; put together where they are many.

        Raises:
            TransferError: an old part does not tell what is in it, or could not be read.
        """
        present = frozenset(p.id for p in self.refresh.present)
        wanted = (present if self.partitions is None else present & self.partitions) - self.refresh.changed
        kept = [part for old in self.old.parts if (part := self._kept(old, wanted)) is not None]
        at("refresh:kept")
        parts = [*kept, *([new] if new is not None and new.rows else [])]
        return self.compact(parts) if parts else (self._write([], frozenset()),)

    def _kept(self, part: Part, wanted: frozenset[str]) -> Part | None:
        """The part as it is, or what of it is still wanted as a new one, or nothing."""
        if part.partitions is None:
            raise TransferError(f"the copy of {self.old.table.table} does not tell the partitions of its rows")
        left = part.partitions & wanted
        if left == part.partitions:
            return part
        return (
            self._write([(part.path, f"{self._id} IN ({', '.join(map(text, sorted(left)))})")], left) if left else None
        )

    @property
    def _id(self) -> str:
        expression = partition_id(self.refresh.facts.partitioning, self.old.columns)
        if expression is None:
            raise TransferError(f"the copy of {self.old.table.table} has no column to tell partitions by")
        return expression

    def compact(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        """At most `MOST_PARTS`: the smallest go together."""
        if len(parts) <= MOST_PARTS:
            return tuple(parts)
        by_size = sorted(parts, key=lambda part: part.bytes, reverse=True)
        large, small = by_size[: MOST_PARTS // 2], by_size[MOST_PARTS // 2 :]
        told = [part.partitions for part in small if part.partitions is not None]
        ids = frozenset().union(*told) if len(told) == len(small) else None
        return (*large, self._write([(part.path, "true") for part in small], ids))

    def _write(self, sources: Sequence[tuple[Path, str]], ids: frozenset[str] | None) -> Part:
        path = self.staging / f"{uuid.uuid4().hex}.duckdb"
        written = self.engine.write_copy(
            path, self.old.columns, RowSource(parts=tuple(sources)), cancel=self.cancel, watch=self.watch
        )
        return finished(path, written.rows, ids, self.cancel)
