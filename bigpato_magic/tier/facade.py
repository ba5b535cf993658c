"""Two sides of `Tier`: what a query asks of it, and what a person has settled for good. `tier` has the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bigpato_magic.errors import ConfigurationError
from bigpato_magic.status import Status
from bigpato_magic.tier.score import Prices
from bigpato_magic.types import (
    AnalyzedQuery,
    Freshness,
    Parameter,
    QueryResult,
    Reason,
    TableCopy,
    TableId,
)
from bigpato_magic.warehouse.base import Warehouse

if TYPE_CHECKING:
    from bigpato_magic.tier import books
    from bigpato_magic.tier.auto import Auto
    from bigpato_magic.tier.facts import FactsCache
    from bigpato_magic.tier.ledger import Pricing
    from bigpato_magic.tier.opened import Opened


class Openable:
    """What both sides need of the tier."""

    status: Status
    pricing: Pricing
    automatic: Auto
    _warehouse: Callable[[], Warehouse]

    @property
    def facts(self) -> FactsCache:
        """What BigQuery last said of each table."""
        return self.open().facts

    def open(self) -> Opened:
        """The parts, made when first needed; see `Tier.open`."""
        raise NotImplementedError

    def prices(self) -> Prices:
        """What things cost now."""
        raise NotImplementedError

    def _tried(self) -> Opened | None:
        raise NotImplementedError


class ForQueries(Openable):
    """What a query asks of the tier. Where the tier is unusable, there are no copies, and the query is BigQuery's."""

    def copies(self, tables: Iterable[TableId] | None = None) -> Mapping[TableId, TableCopy]:
        """The newest copy of each of these tables that has one (None: of all). Cheap; none in an unusable tier."""
        opened = self._tried()
        return {} if opened is None else opened.catalog.copies(tables)

    def checked(self, copies: Sequence[TableCopy], max_staleness: float | None = None) -> bool:
        """Whether the last checks of all of them are young enough for a query now."""
        return self.facts.checked(copies, max_staleness)

    def check(
        self, copies: Sequence[TableCopy], max_staleness: float | None = None
    ) -> Mapping[TableId, tuple[Freshness, Reason | None]]:
        """Whether each may answer a query that is asked now."""
        return self.facts.check(copies, max_staleness)

    def fresh_as_of(self, copies: Sequence[TableCopy]) -> tuple[datetime | None, datetime | None]:
        """Up to which instant they equal their tables, and since when that is unverified."""
        return self.facts.fresh_as_of(copies)

    def reads(
        self, query: AnalyzedQuery, parameters: Sequence[Parameter], moment: tuple[int, int] | None = None
    ) -> AnalyzedQuery:
        """The query with what its predicates leave of each table's partitions.

        Args:
            query: as analyzed.
            parameters: with their values.
            moment: first and last microsecond that CURRENT_TIMESTAMP may be when it runs, None where it may be any.
        """
        from bigpato_magic.sql.reads import reads

        held = self.copies(query.tables)
        facts = {table: held[table].facts if table in held else None for table in query.tables}
        partitionings = {table: found.partitioning if found else None for table, found in facts.items()}
        return replace(query, tables=reads(query, parameters, partitionings, moment))

    def not_held(self, query: AnalyzedQuery, copies: Mapping[TableId, TableCopy]) -> tuple[Reason, ...]:
        """What of the query's reads these copies do not hold."""
        from bigpato_magic.tier import contain

        return contain.not_held(query.tables, copies)

    @contextmanager
    def lease(self, copies: Sequence[TableCopy]) -> Iterator[None]:
        """Keep these copies on the disk until the block ends, whatever other kernels do."""
        opened = self._tried()
        with nullcontext() if opened is None else opened.leases.lease(copies):
            yield

    def absent(self, table: TableId) -> Reason:
        """Why a table has no copy: it can have none, as far as is known already, or it has not been brought yet."""
        from bigpato_magic.tier.plan import why_not

        opened = self._tried()
        facts = opened.facts.known(table) if opened is not None else None
        obstacle = why_not(facts, streaming_ok=True) if facts is not None else None
        return Reason(*(obstacle or ("not-local", f"{table.table} is not local yet")), table)

    def record(self, query: AnalyzedQuery | None, result: QueryResult, tables: Sequence[TableId] = ()) -> QueryResult:
        """Note a query in the usage journal and the ledger; the result comes back with the bytes that it saved."""
        from bigpato_magic.tier import books

        opened = self._tried()
        if opened is None:
            return result
        used, prices, now = tuple(tables), self.pricing.prices(), self._warehouse().now()
        copies = opened.catalog.copies(used)
        known = {table: self._known(opened, table, copies.get(table)) for table in used}
        sizes = books.sizes_of(query, used, known, prices)
        result = books.with_savings(result, query, sizes)
        opened.usage.record(books.uses(result, query, known, sizes), at=now)
        opened.ledger.note(books.entry(result, used, prices, now))
        self.status.changed()
        self.automatic.touch()
        return result

    def _known(self, opened: Opened, table: TableId, copy: TableCopy | None) -> books.Known:
        from bigpato_magic.tier import books

        facts = opened.facts.known(table) or (copy.facts if copy else None)
        return books.Known(facts, copy.partitions if copy else ())

    def mark_stale(
        self,
        tables: Iterable[TableId] = (),
        *,
        datasets: Iterable[tuple[str, str]] = (),
        everything: bool = False,
        statement: str = "statement",
        running: bool = False,
    ) -> None:
        """A statement may have changed these tables: no copy of them answers before BigQuery was asked again.

        Raises:
            TierError: the mark could not be written.
        """
        more = {"everything": everything, "statement": statement, "running": running}
        opened = self._tried()
        if opened is not None:
            opened.marks.add(tables, datasets=datasets, at=self._warehouse().now(), **more)  # type: ignore[arg-type]


class WithWishes(Openable):
    """Pinned and excluded tables, quarantined rules, records of answers that differed."""

    pinned: list[str]
    excluded: list[str]
    append_only: list[str]

    def pin(self, tables: Iterable[TableId]) -> None:
        """Hold them whatever they are worth."""
        self.open().wishes.pin(tables)
        self.status.changed()

    def unpin(self, tables: Iterable[TableId]) -> None:
        """Leave them to the policy, also if they were excluded."""
        self.open().wishes.leave(tables)
        self.status.changed()

    def exclude(self, tables: Iterable[TableId]) -> None:
        """Never hold them."""
        self.open().wishes.exclude(tables)
        self.status.changed()

    def pinned_tables(self) -> frozenset[TableId]:
        """By the settings and by the person's wish."""
        return self.open().wishes.pinned() | self._named(self.pinned)

    def excluded_tables(self) -> frozenset[TableId]:
        """By the settings and by the person's wish."""
        return self.open().wishes.excluded() | self._named(self.excluded)

    def append_only_tables(self) -> frozenset[TableId]:
        """By the settings."""
        return self._named(self.append_only)

    def _named(self, names: Iterable[str]) -> frozenset[TableId]:
        try:
            return frozenset(TableId.parse(name, project=self._warehouse().project) for name in names)
        except ValueError as error:
            raise ConfigurationError(str(error), hint="'dataset.table' or 'project.dataset.table'") from None

    def quarantined(self) -> frozenset[str]:
        """Rules that have given another answer than BigQuery, and are used no more."""
        opened = self._tried()
        return frozenset() if opened is None else opened.wishes.quarantined()

    def quarantine(self, rules: Iterable[str]) -> None:
        """Use these rules no more."""
        self.open().wishes.quarantine(rules)

    def pardon(self, rules: Iterable[str]) -> None:
        """Use these rules again."""
        self.open().wishes.pardon(rules)

    def keep_case(self, text: str) -> Path:
        """Keep the record of an answer that differed, as a file that only you can read; the last hundred are kept."""
        from bigpato_magic.tier import cases

        return cases.keep(self.open().store.directory / "cases", text)
