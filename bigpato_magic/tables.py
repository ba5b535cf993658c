"""`BigPato`'s methods about tables: what comes here, what goes, what is pinned, what it saved."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bigpato_magic import overview
from bigpato_magic.errors import ConfigurationError
from bigpato_magic.status import Cancel, Status
from bigpato_magic.types import Plan, TableId, TransferEvent

if TYPE_CHECKING:
    from bigpato_magic.tier.ledger import Savings
    from bigpato_magic.tier.tier import Tier


class TableFace:
    """The methods about tables; `BigPato` has them all."""

    tier: Tier
    status: Status
    duckdb_db: str

    if TYPE_CHECKING:  # what it stands on
        home: Callable[[], tuple[str | None, str | None]]

    def plan(self, tables: Iterable[str | TableId] | None = None) -> Plan:
        """What a rebalance would do now: with these tables, or (None) what the policy says.

        Example:
            >>> [(p.facts.id.table, p.reason) for p in client.plan(["orders"]).promote]
            [('orders', 'orders is not here yet: you asked for it')]
        """
        return self.tier.plan(None if tables is None else self._ids(tables))

    def rebalance(
        self,
        tables: Plan | Iterable[str | TableId] | None = None,
        *,
        dry_run: bool = False,
        consistent: bool = False,
        cancel: Cancel | None = None,
        progress: Callable[[TransferEvent], None] | None = None,
    ) -> Plan:
        """Bring the tables that pay here, refresh those that changed, take away those that do not pay.

        Args:
            tables: only these (names or ids), or a plan that was shown before; None for what the policy says.
            dry_run: only make the plan.
            consistent: all copies of one instant.
            cancel: stops it within a second; nothing half-done stays.
            progress: hears of each step.

        Returns:
            The plan that was carried out; what failed stands in `refused`.

        Example:
            >>> plan = client.rebalance(["orders"], dry_run=True)
            >>> done = client.rebalance(plan, progress=lambda event: print(event.stage) if event.stage == "done" else None)
            done
        """
        plan = tables if isinstance(tables, Plan) else self.plan(tables)
        if dry_run:
            return plan
        done = self.tier.rebalance(
            plan, consistent=consistent, cancel=Cancel() if cancel is None else cancel, progress=progress
        )
        self._publish_views()
        return done

    def promote(self, tables: str | TableId | Iterable[str | TableId], **how: Any) -> Plan:
        """Bring these tables here now.

        Example:
            >>> done = client.promote("orders")
            >>> client.run("SELECT COUNT(*) AS n FROM orders").decision.where
            'local'
        """
        return self.rebalance(self._ids(tables), **how)

    def refresh(self, tables: str | TableId | Iterable[str | TableId] | None = None, **how: Any) -> Plan:
        """Bring the copies of these tables (None: all copies) up to them.

        Example:
            >>> done = client.promote(["orders", "items"])
            >>> client.refresh("orders").refresh  # it has not changed
            ()
        """
        return self.rebalance(list(self.tier.copies()) if tables is None else self._ids(tables), **how)

    def demote(self, tables: str | TableId | Iterable[str | TableId]) -> Plan:
        """Take the copies of these tables away.

        Example:
            >>> done = client.promote("orders")
            >>> [gone.copy.table.table for gone in client.demote("orders").demote]
            ['orders']
        """
        done = self.tier.demote(self._ids(tables))
        self._publish_views()
        return done

    def pin(self, tables: str | TableId | Iterable[str | TableId]) -> None:
        """Hold these tables whatever their score.

        Example:
            >>> client.pin("items")
            >>> [step.facts.id.table for step in client.rebalance().promote]
            ['items']
        """
        self.tier.pin(self._ids(tables))

    def unpin(self, tables: str | TableId | Iterable[str | TableId]) -> None:
        """Leave these tables to the policy again.

        Example:
            >>> client.pin("items"), client.unpin("items")
            (None, None)
            >>> client.plan().promote
            ()
        """
        self.tier.unpin(self._ids(tables))

    def table_id(self, name: str | TableId) -> TableId:
        """The full name of `t`, `ds.t` or `p.ds.t`.

        Raises:
            ConfigurationError: it has no dataset or project, and none is configured.

        Example:
            >>> str(client.table_id("orders"))
            'bigpato-demo.shop.orders'
        """
        if isinstance(name, TableId):
            return name
        project, dataset = self.home()
        try:
            return TableId.parse(name, project=project, dataset=dataset)
        except ValueError as error:
            hint = '%config BigPato.project = "…" and BigPato.dataset = "…", or the full name'
            raise ConfigurationError(str(error), hint=hint) from None

    def _ids(self, tables: str | TableId | Iterable[str | TableId]) -> list[TableId]:
        return [self.table_id(t) for t in ([tables] if isinstance(tables, str | TableId) else tables)]

    def _publish_views(self) -> None:
        if self.duckdb_db:
            self.tier.write_views(Path(self.duckdb_db))

    def tables(self) -> list[overview.TableRow]:
        """Every table that was used or is here, for screens; cheap, never asks BigQuery.

        Example:
            >>> done = client.promote("orders")
            >>> [(row.id.table, row.where, row.uses) for row in client.tables()]
            [('orders', 'local', 0)]
        """
        return overview.table_rows(self.tier, self.status)

    def savings(self, since: datetime | None = None) -> Savings:
        """What was billed and what was not, from the ledger.

        Example:
            >>> done = client.promote("orders"), client.run("SELECT SUM(amount) AS total FROM orders")
            >>> client.savings().local, client.savings().bytes_saved
            (1, 10485760)
        """
        return self.tier.ledger.savings(since)
