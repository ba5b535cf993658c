"""The tables as screens show them: what is here, what is used, what it saves. Cheap: never asks BigQuery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from bigpato_magic.types import Freshness, TableId

if TYPE_CHECKING:
    from bigpato_magic.status import Status
    from bigpato_magic.tier.tier import Tier


@dataclass(frozen=True, slots=True)
class TableRow:
    """What a screen shows of a table.

    Args:
        id: the table.
        where: `local` or `bigquery`.
        uses: queries that read it.
        lru: position among the last used (1 is the newest), None if not among them.
        last_used: UTC, None if never.
        bytes: in BigQuery, None where not known yet.
        local_bytes: of the copy on disk, 0 without one.
        freshness: of the copy at its last check.
        fresh_as_of: the instant up to which the copy is known to be the table's content.
        saved_bytes: that its local answers did not bill.
        saved_dollars: for them.
        score: what holding it is worth a month, dollars.
        score_parts: by name.
        pinned: the person wants it held.
        excluded: the person wants it never held.
        held: what of the table is here: `all`, `3 of 10 columns, 12 partitions`, or nothing.
        stage: of a running transfer, or nothing.
        progress: of it, 0 to 1, None where not known.
        reason: why it is not here or not fresh, one sentence.
    """

    id: TableId
    where: str
    uses: int = 0
    lru: int | None = None
    last_used: datetime | None = None
    bytes: int | None = None
    local_bytes: int = 0
    freshness: Freshness = Freshness.UNKNOWN
    fresh_as_of: datetime | None = None
    saved_bytes: int = 0
    saved_dollars: float = 0.0
    score: float = 0.0
    score_parts: Mapping[str, float] = field(default_factory=dict)
    pinned: bool = False
    excluded: bool = False
    held: str = ""
    stage: str = ""
    progress: float | None = None
    reason: str = ""
