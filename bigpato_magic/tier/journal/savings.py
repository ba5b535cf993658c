"""What the ledger adds up to: billed and not billed, waited and not waited, slots used and not used.

What is only estimated says "about" in words, and what is not known is not said.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bigpato_magic.traits import format_duration, format_money, format_size, format_slots


@dataclass(frozen=True, slots=True)
class Savings:
    """Sums of the ledger since an instant.

    Args:
        since: from then on, None for ever.
        local: queries answered here, or read without a query job.
        bigquery: queries answered by BigQuery.
        bytes_billed: by BigQuery for queries.
        bytes_saved: not billed.
        dollars_billed: for queries.
        dollars_saved: not paid.
        transfers: how many.
        bytes_moved: by them, and by Storage Read in place of queries.
        dollars_moved: paid for these, and for listing partitions.
        seconds_local: that local answers took together.
        seconds_bigquery: that BigQuery's took.
        local_cached: of the local answers, those that BigQuery's cache would have had: nothing was saved by them.
        bigquery_cached: of BigQuery's answers, those from its cache.
        kept: of the answers here, those that were kept answers of BigQuery.
        kept_bytes_saved: not billed, of `bytes_saved`, by these.
        kept_dollars_saved: not paid, of `dollars_saved`, by these.
        kept_seconds: of `seconds_local`, that these took.
        read: of the local answers, those that were read from BigQuery's storage without a query job.
        slot_ms: milliseconds of slots that BigQuery used for queries, as far as it said.
        slot_bytes: of `bytes_billed`, those of the queries whose slots are known, and not 0.
        slot_ms_saved: that the jobs of kept answers had used, which were given again.
        slot_bytes_saved: of `bytes_saved`, those of these answers.
        read_bytes_saved: of `bytes_saved`, by rows that were read without a query job.
        read_dollars_saved: of `dollars_saved`, by these.
    """

    since: datetime | None
    local: int = 0
    bigquery: int = 0
    bytes_billed: int = 0
    bytes_saved: int = 0
    dollars_billed: float = 0.0
    dollars_saved: float = 0.0
    transfers: int = 0
    bytes_moved: int = 0
    dollars_moved: float = 0.0
    seconds_local: float = 0.0
    seconds_bigquery: float = 0.0
    local_cached: int = 0
    bigquery_cached: int = 0
    kept: int = 0
    kept_bytes_saved: int = 0
    kept_dollars_saved: float = 0.0
    kept_seconds: float = 0.0
    read: int = 0
    slot_ms: int = 0
    slot_bytes: int = 0
    slot_ms_saved: int = 0
    slot_bytes_saved: int = 0
    read_bytes_saved: int = 0
    read_dollars_saved: float = 0.0

    @property
    def slot_ms_spared(self) -> float | None:
        """Milliseconds of slots that answers here did not use; None where there are none, or nothing tells what one uses.

        Known of kept answers; of the others by estimate: what BigQuery's queries used for each byte that they billed.
        """
        rest = self.bytes_saved - self.slot_bytes_saved
        if rest > 0 and not self.slot_bytes:
            return None
        if rest <= 0:
            return float(self.slot_ms_saved) or None
        return self.slot_ms_saved + rest * self.slot_ms / self.slot_bytes

    @property
    def seconds_spared(self) -> float | None:
        """Seconds not waited, by estimate: what a query takes on BigQuery, less what one here took; None where unknown.

        Local answers that BigQuery's own cache would have had do not count: it is as fast.
        """
        answered = self.local - self.local_cached
        if not answered or not self.bigquery:
            return None
        return answered * max(0.0, self.seconds_bigquery / self.bigquery - self.seconds_local / self.local)

    @property
    def net(self) -> float:
        """Dollars saved, less what transfers cost."""
        return self.dollars_saved - self.dollars_moved

    def __str__(self) -> str:
        return (
            f"{self.local} of {self.local + self.bigquery} queries answered here, {self.local_cached} of which BigQuery's "
            f"cache would have had too: {format_size(self.bytes_saved)} not billed "
            f"(≈ {format_money(self.dollars_saved)}), {format_size(self.bytes_billed)} billed "
            f"(≈ {format_money(self.dollars_billed)}); {self.transfers} transfers of {format_size(self.bytes_moved)} "
            f"(≈ {format_money(self.dollars_moved)})"
        )

    @property
    def spared(self) -> str:
        """Seconds and slots that answers here did not need, in words; "" where neither is known."""
        waited = f"about {format_duration(self.seconds_spared)} not waited" if self.seconds_spared else ""
        return ", ".join(filter(None, (waited, self.not_used)))

    @property
    def not_used(self) -> str:
        """Slots that answers here did not use, in words; "" where that is not known."""
        if not self.slot_ms_spared:
            return ""
        about = "about " if self.bytes_saved > self.slot_bytes_saved else ""
        return f"{about}{format_slots(self.slot_ms_spared)} not used"
