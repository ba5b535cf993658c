"""`BigPato`'s methods about tables and kept answers: what comes here, what goes, what is pinned, what it saved."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bigpato_magic import arguments, listing, overview
from bigpato_magic.errors import ConfigurationError, TableNotFound
from bigpato_magic.status import Cancel, Status
from bigpato_magic.types import Plan, TableId, TransferEvent

if TYPE_CHECKING:
    from bigpato_magic.runner import QueryRunner
    from bigpato_magic.tier.journal.savings import Savings
    from bigpato_magic.tier.tier import Tier
    from bigpato_magic.warehouse.base import Warehouse


class TableFace:
    """The methods about tables; `BigPato` has them all."""

    tier: Tier
    status: Status
    duckdb_db: str

    if TYPE_CHECKING:  # what it stands on
        home: Callable[[], tuple[str | None, str | None]]
        _runner: QueryRunner | None

        @property
        def warehouse(self) -> Warehouse:
            """BigQuery, connected when first needed."""

        @property
        def runner(self) -> QueryRunner:
            """Takes queries from their text to their result."""

    def plan(
        self,
        tables: Iterable[str | TableId] | None = None,
        *,
        cancel: Cancel | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Plan:
        """What a rebalance would do now: with these tables, or (None) what the policy says.

        The policy goes by the queries so far. While Google's analyzer is still being compiled, it is not known which
        tables they read: then this waits for it, and says so.

        Args:
            tables: only these (names or ids); `events_*` is all tables whose names begin with `events_`.
            cancel: stops the waiting.
            say: hears what it waits for; None for the log.

        Raises:
            TableNotFound: no table is called as a wildcard says.
            Cancelled: `cancel` was set.

        Example:
            >>> [(p.facts.id.table, p.reason) for p in client.plan(["orders"]).promote]
            [('orders', 'orders is not here yet: you asked for it')]
        """
        if tables is not None:
            return self.tier.plan(self.table_ids(tables))
        self._await_names(cancel, say)
        return self.tier.plan()

    def _await_names(self, cancel: Cancel | None = None, say: Callable[[str], None] | None = None) -> None:
        """Wait until all queries so far count."""
        if self._runner is not None:
            with self.status.waiting(say) as tell:
                self._runner.await_names(Cancel() if cancel is None else cancel, tell)

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
        screen = None if progress is None else _nothing_more  # it shows `status.job`
        plan = tables if isinstance(tables, Plan) else self.plan(tables, cancel=cancel, say=screen)
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
        return self.rebalance(self.table_ids(tables), **how)

    def refresh(self, tables: str | TableId | Iterable[str | TableId] | None = None, **how: Any) -> Plan:
        """Bring the copies of these tables (None: all copies) up to them.

        Example:
            >>> done = client.promote(["orders", "items"])
            >>> client.refresh("orders").refresh  # it has not changed
            ()
        """
        return self.rebalance(list(self.tier.copies()) if tables is None else self._here(tables), **how)

    def demote(self, tables: str | TableId | Iterable[str | TableId]) -> Plan:
        """Take the copies of these tables away.

        Example:
            >>> done = client.promote("orders")
            >>> [gone.copy.table.table for gone in client.demote("orders").demote]
            ['orders']
        """
        done = self.tier.demote(self._here(tables))
        self._publish_views()
        return done

    def pin(self, tables: str | TableId | Iterable[str | TableId]) -> None:
        """Hold these tables whatever their score.

        Raises:
            TableNotFound: there is no such table.

        Example:
            >>> client.pin("items")
            >>> [step.facts.id.table for step in client.rebalance().promote]
            ['items']
        """
        self.check_names(tables)
        self.tier.preferences.pin(self.table_ids(tables))

    def check_names(self, tables: str | TableId | Iterable[str | TableId]) -> None:
        """See that there are such tables; BigQuery is asked (free) about those that have no copy.

        Raises:
            TableNotFound: there is no such table; its hint has names like it.

        Example:
            >>> client.check_names("orderz")
            Traceback (most recent call last):
            bigpato_magic.errors.TableNotFound: Not found: Table bigpato-demo:shop.orderz was not found in location US (did you mean orders?)
        """  # noqa: E501 - a message is one line
        unknown = [table for table in self.table_ids(tables) if not self.tier.copies([table])]
        for answer in self.tier.facts.fetch(unknown).values():
            if isinstance(answer, TableNotFound):
                self.runner.enrich(answer)
                raise answer

    def unpin(self, tables: str | TableId | Iterable[str | TableId]) -> None:
        """Leave these tables to the policy again.

        Example:
            >>> client.pin("items"), client.unpin("items")
            (None, None)
            >>> client.plan().promote
            ()
        """
        self.tier.preferences.unpin(_matched(self._ids(tables), self.tier.preferences.pinned()))

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
        name = arguments.table_name(name)
        project, dataset = self.home()
        try:
            return TableId.parse(name, project=project, dataset=dataset)
        except ValueError as error:
            hint = '%config BigPato.project = "…" and BigPato.dataset = "…", or the full name'
            raise ConfigurationError(str(error), hint=hint) from None

    def table_ids(self, tables: str | TableId | Iterable[str | TableId]) -> list[TableId]:
        """These tables, and for each wildcard the tables of its dataset whose names begin so.

        Raises:
            TableNotFound: there are none.

        Example:
            >>> [table.table for table in client.table_ids(["orders", "it*"])]
            ['orders', 'items']
        """
        ids = self._ids(tables)
        wildcards = [table for table in ids if table.is_wildcard]
        homes = dict.fromkeys((table.project, table.dataset) for table in wildcards)
        there = [table for project, dataset in homes for table in self.runner.warehouse.tables(project, dataset)]
        for wildcard in wildcards:
            if not _matched([wildcard], there):
                raise TableNotFound(f"{wildcard} does not match any table.")
        return _matched(ids, there)

    def _ids(self, tables: str | TableId | Iterable[str | TableId]) -> list[TableId]:
        alone = isinstance(tables, str | bytes | TableId) or not isinstance(tables, Iterable)
        names: Any = [tables] if alone else tables
        return [self.table_id(name) for name in names]

    def _here(self, tables: str | TableId | Iterable[str | TableId]) -> list[TableId]:
        """These tables, and for each wildcard the copies of tables whose names begin so."""
        return _matched(self._ids(tables), self.tier.copies())

    def _publish_views(self) -> None:
        if self.duckdb_db:
            self.tier.write_views(Path(self.duckdb_db))

    def check_copies(self) -> None:
        """Ask BigQuery about the tables of copies that this process has not asked about yet: free, and asked together.

        Example:
            >>> done = client.promote("orders")
            >>> client.check_copies()
            >>> str(client.tables()[0].freshness)
            'fresh'
        """
        facts = self.tier.facts
        facts.fetch([table for table in self.tier.copies() if facts.known(table) is None])

    def tables(self) -> list[overview.TableRow]:
        """Every table that was used or is here, for screens; cheap, never asks BigQuery.

        Example:
            >>> done = client.promote("orders")
            >>> [(row.id.table, row.where, row.uses) for row in client.tables()]
            [('orders', 'local', 0)]
        """
        return overview.table_rows(self.tier, self.status)

    def list_tables(self, pattern: str = "", *, most: int = listing.MOST) -> listing.Listing:
        """All tables and views of the dataset, used or not, or of all datasets where none is set; asks BigQuery (free).

        Args:
            pattern: a part of the name, or a shell's pattern (`sales_*`); of another dataset as `dataset.part`.
            most: that are asked about.

        Raises:
            WarehouseError: the dataset does not exist, or may not be listed.

        Example:
            >>> [(table.id.table, table.facts.version.rows, table.price) for table in client.list_tables("order").tables]
            [('orders', 100, 0.0)]
        """
        return listing.list_tables(self.tier, self.status, self.warehouse, self.home(), pattern, most)

    def kept(self) -> list[overview.KeptRow]:
        """Every answer of BigQuery that is kept here, the last used first, for screens; cheap, never asks BigQuery.

        Example:
            >>> asked = client.run("SELECT COUNT(*) AS n FROM orders"), client.settle()
            >>> [(row.query, row.rows, row.uses, str(row.freshness)) for row in client.kept()]
            [('SELECT COUNT(*) AS n FROM orders', 1, 0, 'fresh')]
        """
        return overview.kept_rows(self.tier)

    def forget(
        self, what: str | TableId | overview.KeptRow | Iterable[str | TableId | overview.KeptRow] | None = None
    ) -> list[overview.KeptRow]:
        """Take kept answers away: their queries run on BigQuery again. What a kernel reads just now stays.

        Args:
            what: rows of `kept()`, or tables: every answer over one of them; None for all.

        Returns:
            Those that have gone.

        Example:
            >>> asked = client.run("SELECT COUNT(*) AS n FROM orders"), client.settle()
            >>> [row.query for row in client.forget("orders")]
            ['SELECT COUNT(*) AS n FROM orders']
            >>> client.kept()
            []
        """
        rows = {row.id: row for row in self.kept()}
        gone = self.tier.forget(None if what is None else self._kept_ids(what))
        return [rows[table] for table in dict.fromkeys(copy.table for copy in gone) if table in rows]

    def _kept_ids(self, what: Any) -> list[TableId]:
        alone = isinstance(what, str | bytes | TableId | overview.KeptRow) or not isinstance(what, Iterable)
        named: Iterable[Any] = [what] if alone else what
        return [one.id if isinstance(one, overview.KeptRow) else self.table_id(one) for one in named]

    def settle(self, seconds: float | None = None) -> bool:
        """Wait until the answers so far are kept, those that may be; whether that is so.

        Args:
            seconds: to wait at most, None for as long as it takes.

        Example:
            >>> client.settle()
            True
        """
        return self.tier.open().keeper.settle(seconds)

    def savings(self, since: datetime | None = None) -> Savings:
        """What was billed and what was not, from the ledger.

        Example:
            >>> done = client.promote("orders"), client.run("SELECT SUM(amount) AS total FROM orders")
            >>> client.savings().local, client.savings().bytes_saved
            (1, 10485760)
        """
        return self.tier.ledger.savings(since)


def _nothing_more(_text: str) -> None:
    """A screen that shows `status.job` has said it already."""


def _matched(tables: Iterable[TableId], known: Iterable[TableId]) -> list[TableId]:
    """The tables, with those of the known ones that a wildcard matches in its place; each once."""
    known = sorted(known)
    pieces = ([one for one in known if table.matches(one)] if table.is_wildcard else [table] for table in tables)
    return list(dict.fromkeys(one for some in pieces for one in some))
