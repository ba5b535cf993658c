"""Wildcard tables: `events_*` stands for all tables of a dataset whose names begin with `events_`.

https://cloud.google.com/bigquery/docs/querying-wildcard-tables
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bigpato_magic.types.sql import SqlType
from bigpato_magic.types.tables import Column, Partitioning, TableFacts, TableId, TableKind

SUFFIX = "_TABLE_SUFFIX"
"""The pseudo-column that has, in each row, what the wildcard stands for in the name of the row's table."""

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class ListedTable:
    """What the list of a dataset's tables tells of one: neither its schema nor its version.

    Args:
        id: its full name.
        kind: what it is.
        created: when it was made; None where the server does not say.
    """

    id: TableId
    kind: TableKind
    created: datetime | None


@dataclass(frozen=True, slots=True)
class WildcardTable:
    """The virtual table that a wildcard is; the analyzer takes it for a table (`googlesql.catalog.Described`).

    Args:
        id: the name as it is written, which ends in `*`.
        shards: every table that matches, by name.
        newest: the one that was made last: its schema is the virtual table's.
    """

    id: TableId
    shards: tuple[TableFacts, ...]
    newest: TableFacts

    @property
    def columns(self) -> tuple[Column, ...]:
        """Those of the newest; what another lacks of them is NULL in its rows."""
        return self.newest.columns

    @property
    def partitioning(self) -> Partitioning | None:
        """None: what its shards are partitioned by is looked at shard by shard."""
        return None

    def suffix(self, shard: TableId) -> str:
        """What the wildcard stands for in a shard's name."""
        return shard.table[len(self.id.table) - 1 :]


def matching(wildcard: TableId, tables: Sequence[ListedTable]) -> tuple[ListedTable, ...]:
    """The tables that a wildcard stands for, by name: case counts."""
    return tuple(sorted((one for one in tables if wildcard.matches(one.id)), key=lambda one: one.id))


def matching_but_for_case(wildcard: TableId, tables: Sequence[ListedTable]) -> TableId | None:
    """A table that the wildcard stands for only where its dataset's names have no case, which a list does not tell.

    https://cloud.google.com/bigquery/docs/reference/rest/v2/datasets#Dataset.FIELDS.is_case_insensitive
    """
    begin = wildcard.table[:-1].lower()
    alike = (one.id for one in tables if one.id.table.lower().startswith(begin))
    return next((table for table in alike if not wildcard.matches(table)), None)


def wildcard_table(wildcard: TableId, shards: Sequence[TableFacts]) -> WildcardTable | str:
    """The virtual table over these shards, or why what BigQuery makes of them is not known.

    Args:
        wildcard: the name that ends in `*`.
        shards: facts of every table that matches.
    """
    why = next(_obstacles(wildcard, shards), None)
    if why is not None:
        return why
    newest = max(shards, key=lambda shard: shard.version.created or datetime.min)
    return WildcardTable(wildcard, tuple(sorted(shards, key=lambda shard: shard.id)), newest)


def _obstacles(wildcard: TableId, shards: Sequence[TableFacts]) -> Iterator[str]:
    """What BigQuery refuses, or does as no page says."""
    name = wildcard.table
    if not shards:
        yield f"no table matches {name}"
    for shard in shards:
        yield from _obstacles_of_one(name, shard)
    if len({(shard.partitioning, shard.clustering) for shard in shards}) > 1:
        yield f"the tables of {name} are not partitioned and clustered alike"
    if len({shard.tags for shard in shards}) > 1:
        yield f"the tables of {name} have other tags than one another"
    yield from _clashes(name, shards)
    yield from _unclear_newest(name, shards)


def _obstacles_of_one(name: str, shard: TableFacts) -> Iterator[str]:
    if shard.version.kind is not TableKind.TABLE:
        yield f"{shard.id.table}, which {name} matches, is no plain table but a {shard.version.kind}"
    if shard.id.table == name[:-1]:
        yield f"only BigQuery knows whether {name} matches {shard.id.table}, too"
    if shard.row_policies:
        yield f"{shard.id.table}, which {name} matches, has row-level security"
    if shard.own_key:
        yield f"{shard.id.table}, which {name} matches, is encrypted with a key of its owner's"
    if shard.partitioning is not None and shard.partitioning.filter_required:
        yield f"the tables of {name} may not be queried without a filter on partitions"


def _clashes(name: str, shards: Sequence[TableFacts]) -> Iterator[str]:
    """Columns that have another type in another table: an error, whichever of the tables are read."""
    seen: dict[str, tuple[Column, TableId]] = {}
    for shard in shards:
        for column in shard.columns:
            first, where = seen.setdefault(column.name.lower(), (column, shard.id))
            if first.type != column.type or first.name != column.name:
                yield f"{column.name} is not the same in {where.table} and {shard.id.table}, which {name} matches"
            if column.collation:
                yield f"{shard.id.table}.{column.name} has a collation"
            if not all(map(_PLAIN_NAME.fullmatch, (column.name, *_names(column.type)))):
                yield f"{shard.id.table} has a column by a name that not every table may have ({column.name})"


def _names(type_: SqlType) -> Iterator[str]:
    """The fields inside."""
    if type_.element is not None:
        yield from _names(type_.element)
    for field in type_.fields:
        yield field.name
        yield from _names(field.type)


def _unclear_newest(name: str, shards: Sequence[TableFacts]) -> Iterator[str]:
    """Where it is not known which table's schema counts."""
    made = [shard.version.created for shard in shards]
    told = [at for at in made if at is not None]
    if len(told) < len(made):
        yield f"BigQuery does not say when the tables of {name} were made"
    elif len({shard.columns for shard in shards if shard.version.created == max(told)}) > 1:
        yield f"it is not known which of the tables of {name} was made last"
