"""What a transfer is asked for, and what it tells on its way. Sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bigpato_magic.types.tables import Column, TableFacts, TableId


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """What is to be brought here.

    Args:
        facts: the table, as just checked.
        columns: schema columns to bring, in schema order.
        partitions: partition ids, None for all.
        snapshot: read the table as of this instant (`read` only), None for now.
        restriction: only rows for which this predicate in GoogleSQL is true (`read` only); '' for all.
        limit: so many rows are enough, and the receiver will take no more (`read` only); None for all.
    """

    facts: TableFacts
    columns: tuple[Column, ...]
    partitions: frozenset[str] | None = None
    snapshot: datetime | None = None
    restriction: str = field(default="", repr=False)
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class TransferEvent:
    """A step of a long job, for progress.

    Args:
        table: which.
        stage: `wait` (for another notebook), `extract`, `download`, `read`, `write`, `verify`, `publish`, `demote`,
            `done`, `failed`.
        done: bytes or rows so far.
        total: of them, None where unknown.
        message: one line for a log.
    """

    table: TableId
    stage: str
    done: int = 0
    total: int | None = None
    message: str = ""

    @property
    def over(self) -> bool:
        """The table is on its way no more: here, gone, or as it was."""
        return self.stage in ("demote", "done", "failed")
