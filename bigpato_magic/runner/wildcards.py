"""The tables behind the wildcards of a query, as BigQuery has them when it is asked: a list, and facts of each. Free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bigpato_magic import googlesql
from bigpato_magic.errors import BigPatoError, WarehouseUnavailable
from bigpato_magic.lru import LruCache
from bigpato_magic.pruning.shards import UnclearShards, read_shards
from bigpato_magic.system import elapsed
from bigpato_magic.types import (
    AnalyzedQuery,
    ListedTable,
    Reason,
    RoutineFacts,
    TableCopy,
    TableFacts,
    TableId,
    WildcardTable,
    matching,
    matching_but_for_case,
    wildcard_table,
)

if TYPE_CHECKING:
    from bigpato_magic.runner.request import Request
    from bigpato_magic.tier.freshness.settings import FreshnessPolicy
    from bigpato_magic.tier.query_access import QueryAccess
    from bigpato_magic.warehouse.base import Warehouse

OTHERS_AGE = 3600.0
"""Seconds for which the schema of a shard counts that is not read: it may only clash with the others' types."""

MOST = 4000
"""Tables behind one wildcard that are asked for at all, while BigQuery answers: ten years of days."""
WITH_COPIES = 400
"""Tables that a query is kept waiting for (a few seconds) where copies may answer it."""
AT_ONCE = 100
"""Tables that it is kept waiting for where there is no copy behind its wildcard."""

PAST_WILDCARD = Reason("wildcard", "which tables a wildcard matched in the past is BigQuery's to know")

Virtual = Mapping[TableId, WildcardTable]
Described = Mapping[tuple[str, ...], TableFacts | WildcardTable]


@dataclass(frozen=True, slots=True)
class DatasetTables:
    """The tables of a dataset.

    Args:
        asked: when they were asked for, by `elapsed`.
        marks: of statements of this machine until then.
        tables: that it had.
    """

    asked: float
    marks: tuple[int, int]
    tables: Sequence[ListedTable]


@dataclass(slots=True)
class Wildcards:
    """Asks for the tables behind wildcards before a query is understood. Safe to use from several threads.

    A list is asked with each query (`max_staleness` allows an older one), and so is the newest table, whose schema
    counts. What is read of the others is checked as each copy is.

    Args:
        warehouse: BigQuery.
        queries: what the tier does for queries.
        policy: how old an answer may be.
    """

    warehouse: Warehouse
    queries: QueryAccess
    policy: FreshnessPolicy
    _listings: LruCache[DatasetTables] = field(default_factory=LruCache)

    def of(self, request: Request, tables: Iterable[TableId], most: int = MOST) -> Virtual:
        """The virtual table of each wildcard among these tables.

        Args:
            request: what was asked.
            tables: that its text names.
            most: tables behind one wildcard that may be asked for.

        Raises:
            UnclearShards: BigQuery cannot say, or does what no page tells.
            TierError: the tier is unusable.
        """
        started = elapsed()
        wildcards = [table for table in dict.fromkeys(tables) if table.is_wildcard]
        return {wildcard: self._virtual(request, wildcard, started, most) for wildcard in wildcards}

    def before_it_runs(self, request: Request, tables: Iterable[TableId]) -> Virtual:
        """The same for a query that waits for it, and so not for long: what it does not wait for is learned while BigQuery answers.

        Raises:
            UnclearShards: see `of`; or there are too many to be asked for.
            TierError: the tier is unusable.
        """
        named, here = list(tables), self.queries.copies()
        wildcards = [table for table in named if table.is_wildcard]
        served = all(any(map(wildcard.matches, here)) for wildcard in wildcards)
        return self.of(request, named, WITH_COPIES if served else AT_ONCE)

    def _virtual(self, request: Request, wildcard: TableId, started: float, most: int) -> WildcardTable:
        limit = self.policy.max_staleness if request.max_staleness is None else request.max_staleness
        offline = self.policy.offline if request.offline is None else request.offline
        tables = self._tables(wildcard, started, limit, offline=offline)
        if (other := matching_but_for_case(wildcard, tables)) is not None:
            raise UnclearShards(
                f"only BigQuery knows whether case counts in {wildcard.dataset}: {other.table} is there, too"
            )
        listed = matching(wildcard, tables)
        told = self._told(listed, started, limit)
        if (unknown := len(listed) - len(told)) > most:
            raise UnclearShards(f"{unknown:,} tables behind {wildcard.table} are not known here yet")
        table = wildcard_table(wildcard, self._facts(listed, told, offline=offline))
        if isinstance(table, str):
            raise UnclearShards(table)
        return table

    def _tables(self, wildcard: TableId, started: float, limit: float, *, offline: bool) -> Sequence[ListedTable]:
        """Those of the dataset: of now, or of `limit` seconds ago where no statement of this machine has run since."""
        home, marks = (wildcard.project, wildcard.dataset), self.queries.facts.marks
        now, asked = (marks.generation, marks.latest()), elapsed()
        seen = self._listings.get(home)
        if seen is not None and seen.marks == now and _counts(seen.asked, started, limit):
            return seen.tables
        try:
            tables = self.warehouse.listed(*home)
        except BigPatoError as error:
            if seen is not None and offline and isinstance(error, WarehouseUnavailable):
                return seen.tables
            raise UnclearShards(f"nobody can say which tables {wildcard.table} matches: {error.message}") from error
        self._listings.put(home, DatasetTables(asked, now, tables))
        return tables

    def _told(self, listed: Sequence[ListedTable], started: float, limit: float) -> dict[TableId, TableFacts]:
        """What is known already: of the table that was made last as of now, of the others as they were seen once."""
        facts, last = self.queries.facts, max((one.created for one in listed if one.created is not None), default=None)
        newest = [one.id for one in listed if one.created == last]
        told = dict(facts.young((one.id for one in listed if one.created != last), max(limit, OTHERS_AGE)))
        told |= facts.young(newest, limit + elapsed() - started if limit > 0 else 0.0)
        return {one.id: told[one.id] for one in listed if one.id in told and _is(one, told[one.id])}

    def _facts(
        self, listed: Sequence[ListedTable], told: dict[TableId, TableFacts], *, offline: bool
    ) -> Sequence[TableFacts]:
        """Facts of each table; those that are not told yet are asked for."""
        facts = self.queries.facts
        for table, answer in facts.fetch(one.id for one in listed if one.id not in told).items():
            told[table] = _told(table, answer, facts.known(table) if offline else None)
        if made_anew := next((one.id.table for one in listed if not _is(one, told[one.id])), None):
            raise UnclearShards(f"{made_anew} is just being made anew")
        return tuple(told[one.id] for one in listed)


def _counts(asked: float, started: float, limit: float) -> bool:
    """Whether an answer is young enough for a query that came at `started`: of its own time, or within the limit."""
    return asked >= started or (limit > 0 and started - asked <= limit)


def _is(listed: ListedTable, facts: TableFacts) -> bool:
    """Whether facts are those of the table in the list, and not of another one that had its name."""
    return facts.version.created == listed.created


def _told(table: TableId, answer: TableFacts | BigPatoError, known: TableFacts | None) -> TableFacts:
    if isinstance(answer, TableFacts):
        return answer
    if known is not None and isinstance(answer, WarehouseUnavailable):
        return known
    raise UnclearShards(f"nobody can say what {table.table} is: {answer.message}") from answer


def understood(
    request: Request, described: Described, routines: Mapping[tuple[str, ...], RoutineFacts]
) -> AnalyzedQuery:
    """What a query means over tables, with the shards that it needs in place of wildcards.

    Args:
        request: what was asked.
        described: the table that each name of its text means.
        routines: the persistent functions that it calls.

    Raises:
        QueryError: Google's analyzer refuses the query.
        AnalyzerUnavailable: it has no answer.
        UnclearShards: BigQuery does with a shard what no page tells.
    """
    query = googlesql.analyze(request.sql, described, request.parameters, routines)
    wildcards = {one.id: one for one in described.values() if isinstance(one, WildcardTable)}
    return read_shards(query, wildcards, request.parameters, request.hour) if wildcards else query


def not_served(query: AnalyzedQuery, virtual: Virtual, copies: Mapping[TableId, TableCopy]) -> tuple[Reason, ...]:
    """Why copies do not serve the shards that a query needs; nothing where they do.

    Args:
        query: over shards.
        virtual: the wildcard tables that it was understood over.
        copies: that there are of its tables.
    """
    schemas = {shard.id: shard.version.schema_digest for one in virtual.values() for shard in one.shards}
    absent = (_absent(wildcard, shards, copies) for wildcard, shards in query.wildcards.items())
    others = (
        Reason("stale", f"{table.table} has another schema than when it was copied", table)
        for table, copy in copies.items()
        if table in schemas and copy.version.schema_digest != schemas[table]
    )
    return (*(reason for reason in absent if reason is not None), *others)


def _absent(wildcard: TableId, shards: Sequence[TableId], copies: Mapping[TableId, TableCopy]) -> Reason | None:
    """How many of a wildcard's tables that are needed are not here; its table is a wildcard that has all of them."""
    missing = [shard.table for shard in shards if shard not in copies]
    if not missing:
        return None
    count = f"{len(missing)} of {len(shards)} tables behind {wildcard.table}"
    if len(missing) == 1:
        table = TableId(wildcard.project, wildcard.dataset, missing[0])
        return Reason("not-local", f"{count} is not local yet ({missing[0]})", table)
    common = TableId(wildcard.project, wildcard.dataset, f"{_common_prefix(min(missing), max(missing))}*")
    return Reason("not-local", f"{count} are not local yet ({missing[0]} … {missing[-1]})", common)


def _common_prefix(first: str, last: str) -> str:
    """Of the first and the last of some names in order, and so of all of them."""
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:length]
