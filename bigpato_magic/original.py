"""The face of the original BigPato (2022), name for name, on top of what there is now.

Its faults are not kept: CTE names are no tables, other datasets work, what changed is never answered from an old copy.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bigpato_magic.errors import WarehouseError
from bigpato_magic.overview import LRU_CAPACITY, TableRow
from bigpato_magic.types import Plan, QueryResult, RunLocal, RunSplit

if TYPE_CHECKING:
    import pandas as pd

    from bigpato_magic.tier.tier import Tier
    from bigpato_magic.warehouse.base import Warehouse

log = logging.getLogger("bigpato_magic")

LRU_TABLE_CAPACITY = LRU_CAPACITY
"""How many of the last used tables `get_cache()` remembers."""


class OriginalFace:
    """The methods of the original, for those who know it; `BigPato` has them all."""

    tier: Tier

    if TYPE_CHECKING:  # what it stands on

        @property
        def warehouse(self) -> Warehouse: ...  # noqa: D102

        run: Callable[..., QueryResult]
        tables: Callable[[], list[TableRow]]
        rebalance: Callable[..., Plan]
        home: Callable[[], tuple[str | None, str | None]]
        _await_names: Callable[[], None]

    def exec_query(self, query: str) -> pd.DataFrame:
        """Run a query and give its frame. Raises as `run` does.

        Example:
            >>> client.exec_query("SELECT item_id, label FROM items ORDER BY item_id")
               item_id  label
            0        1   duck
            1        2  query
        """
        from bigpato_magic import frames

        result = self.run(query)
        engine = "duckDB" if isinstance(result.decision, RunLocal | RunSplit) else "BigQuery"
        log.info("Executing query %s with %s", query, engine)
        return frames.to_pandas(result.arrow)

    def get_metadata_dict(self) -> dict[str, dict[str, Any]]:
        """`{table: {'location': 'local' | 'bigquery', 'usage': n}}` of the default dataset's tables.

        Example:
            >>> client.get_metadata_dict()["orders"]
            {'location': 'bigquery', 'usage': 0}
        """
        project, dataset = self.home()
        metadata: dict[str, dict[str, Any]] = {}
        try:
            for table in self.warehouse.tables(project, dataset) if dataset else ():
                metadata[table.table] = {"location": "bigquery", "usage": 0}
        except WarehouseError as error:
            log.warning("the tables of %s could not be listed: %s", dataset, error)
        for row in self.tables():
            if (row.id.project, row.id.dataset) == (project, dataset):
                metadata[row.id.table] = {"location": row.where, "usage": row.uses}
        return metadata

    def get_cache(self) -> OrderedDict[str, str]:
        """The last used tables, the oldest first, at most `LRU_TABLE_CAPACITY`.

        Example:
            >>> frame = client.exec_query("SELECT COUNT(*) AS n FROM orders")
            >>> list(client.get_cache())
            ['orders']
        """
        return OrderedDict((table.table, table.table) for table in self.tier.usage.lru(LRU_TABLE_CAPACITY))

    def launch_balance_storage(self) -> None:
        """Bring the last used tables here, whatever they cost or save.

        Where Google's analyzer, which tells what the queries read, is still being compiled, this waits for it.

        Example:
            >>> frame = client.exec_query("SELECT COUNT(*) AS n FROM orders")
            >>> client.launch_balance_storage()
            >>> client.get_metadata_dict()["orders"]["location"]
            'local'
        """
        log.info("Start rebalancing storage")
        self._await_names()
        last_used = list(self.tier.usage.lru(LRU_TABLE_CAPACITY))
        if last_used:
            self.rebalance(last_used)
