"""Which tables a query over a wildcard reads: those for whose suffix no predicate is surely not true. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bigpato_magic.pruning.evaluate import ColumnScope
from bigpato_magic.pruning.intervals import IntervalSet
from bigpato_magic.pruning.pushdown import Walker
from bigpato_magic.resolved import tree
from bigpato_magic.resolved.shards import ReadShards, over_shards
from bigpato_magic.types import AnalyzedQuery, Kind, Parameter, TableFacts, TableId, TableRead, WildcardTable


class UnclearShards(Exception):
    """What BigQuery makes of the tables behind a wildcard is not known; the message says why."""


def read_shards(
    query: AnalyzedQuery,
    wildcards: Mapping[TableId, WildcardTable],
    parameters: Sequence[Parameter],
    moment: tuple[int, int] | None = None,
) -> AnalyzedQuery:
    """The query over the shards that it needs, in place of wildcard tables.

    Args:
        query: as analyzed, over wildcard tables.
        wildcards: all that it names.
        parameters: with their values.
        moment: first and last microsecond (since 1970) that CURRENT_TIMESTAMP may be; None where nobody has settled it.

    Raises:
        UnclearShards: a shard lacks an array.
    """
    named = {table: wildcard for table, wildcard in wildcards.items() if table in query.tables}
    domains = _domains(query, named, parameters, moment)
    read = {table: ReadShards(wildcard, _needed(wildcard, domains[table])) for table, wildcard in named.items()}
    for table, shards in read.items():
        _see_that_arrays_are_there(query.tables[table], shards)
    return over_shards(query, read)


def _domains(
    query: AnalyzedQuery,
    wildcards: Mapping[TableId, WildcardTable],
    parameters: Sequence[Parameter],
    moment: tuple[int, int] | None,
) -> Mapping[TableId, IntervalSet | None]:
    """The places among its shards that each wildcard's rows are needed of; None for all."""
    suffixes = {table: tuple(one.suffix(shard.id) for shard in one.shards) for table, one in wildcards.items()}
    given = {(p.name or str(i)).lower(): p for i, p in enumerate(parameters, 1)}
    walker = Walker({}, ColumnScope(parameters=given, moment=moment), suffixes)
    if tree.name(query.tree) != "QueryStmt":
        return dict.fromkeys(wildcards)
    try:
        walker.statement(query.tree)
    except RecursionError:
        return dict.fromkeys(wildcards)
    return {table: walker.domain(table) for table in wildcards}


def _needed(wildcard: WildcardTable, domain: IntervalSet | None) -> tuple[TableFacts, ...]:
    """Where none is needed, one is read all the same: its columns are in the query, and its rows do not pass."""
    shards = wildcard.shards
    needed = tuple(shard for place, shard in enumerate(shards) if domain is None or place in domain)
    return needed or (wildcard.newest,)


def _see_that_arrays_are_there(read: TableRead, shards: ReadShards) -> None:
    """An array that a table lacks may be NULL, or empty: no page says which."""
    for column in shards.wildcard.columns:
        if column.type.has(Kind.ARRAY) and column.name.lower() in read.columns:
            for shard in shards.shards:
                if shard.column(column.name) is None:
                    raise UnclearShards(
                        f"{shard.id.table} has no {column.name}, and only BigQuery knows what an array is then"
                    )
