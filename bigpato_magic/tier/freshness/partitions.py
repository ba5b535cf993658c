"""The partitions of tables as BigQuery lists them, asked once for each version of a table: a listing is billed."""

from __future__ import annotations

import logging
from collections.abc import Callable

from bigpato_magic.errors import BigPatoError
from bigpato_magic.tier.journal import accounting
from bigpato_magic.tier.journal.ledger import Ledger, Pricing
from bigpato_magic.types import PartitionFacts, TableFacts, TableId, TableVersion
from bigpato_magic.warehouse.base import Warehouse

log = logging.getLogger("bigpato_magic")


class PartitionLists:
    """Lists the partitions of large tables, and notes in the ledger what that costs.

    Args:
        warehouse: gives the warehouse; called when it is asked.
        ledger: where a listing is noted.
        pricing: of queries.
        listed_above: gives the bytes of the smallest table whose partitions are worth a listing.
    """

    def __init__(
        self,
        warehouse: Callable[[], Warehouse],
        ledger: Ledger,
        pricing: Pricing,
        listed_above: Callable[[], float],
    ) -> None:
        self._warehouse, self._ledger, self._pricing, self._listed_above = warehouse, ledger, pricing, listed_above
        self._lists: dict[TableId, tuple[TableVersion, tuple[PartitionFacts, ...]]] = {}

    def of(self, facts: TableFacts) -> tuple[PartitionFacts, ...]:
        """The partitions of a table as of these facts; () for tables that are small or have none, or in doubt."""
        if facts.partitioning is None or facts.version.bytes < self._listed_above():
            return ()
        try:
            return self._list(facts)
        except BigPatoError as error:
            log.warning("the partitions of %s could not be listed: %s", facts.id, error)
            return ()

    def _list(self, facts: TableFacts) -> tuple[PartitionFacts, ...]:
        version, partitions = self._lists.get(facts.id, (None, ()))
        if version != facts.version:
            partitions = self._warehouse().partitions(facts.id)
            self._lists[facts.id] = (facts.version, partitions)
            self._ledger.note(accounting.listing_entry(facts.id, self._pricing.prices(), self._warehouse().now()))
        return partitions
