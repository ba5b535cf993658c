"""BigQuery's table schemas as a catalogue that the analyzer looks names up in.

A table is known under the very paths that a text uses. The analyzer compares names without regard to case and
BigQuery does not, so the caller says which table each path means, and paths that only case tells apart are refused.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.googlesql import added, options
from bigpato_magic.googlesql.instance import AnalyzerError
from bigpato_magic.resolved.values import fill_type
from bigpato_magic.types import SUFFIX, Column, Kind, Partitioning, PartitionUnit, SqlType, TableId, WildcardTable

if TYPE_CHECKING:
    from bigpato_magic.googlesql.instance import Instance

Path = tuple[str, ...]
_KEPT = 16
_WIDEST = 2000
"""Columns of a catalogue that grows; registering so many takes about 20 ms more."""
_MOST = 1000
_SEEN: dict[Any, tuple[tuple[Column, ...], CatalogTable]] = {}


class Described(Protocol):
    """What the analyzer needs to know of a table; `TableFacts` has it."""

    @property
    def id(self) -> TableId:
        """Project, dataset and table."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its columns, in the order of its schema."""

    @property
    def partitioning(self) -> Partitioning | None:
        """By which column and in which units it is partitioned; None where it is not."""


@dataclass(frozen=True, slots=True, eq=False)
class CatalogTable:
    """One table under one path. Equal tables are one and the same entry (`_interned`): quick to look up."""

    path: Path
    id: TableId
    columns: tuple[tuple[str, SqlType], ...]
    pseudo: tuple[tuple[str, SqlType], ...] = ()


def entries(tables: Mapping[Path, Described]) -> tuple[CatalogTable, ...]:
    """The catalogue of these tables: equal tables, equal entries.

    Raises:
        AnalyzerUnavailable: a path is not the table's name letter by letter, two differ by case only, or a column has a
            collation.
    """
    by_path: dict[Path, CatalogTable] = {}
    for written, table in tables.items():
        entry = _entry(written, table)
        key = _folded(entry.path)
        if not f".{table.id}".endswith("." + ".".join(entry.path)):
            raise AnalyzerUnavailable(f"{'.'.join(written)} does not name {table.id}: BigQuery's table names know case")
        if by_path.setdefault(key, entry) is not entry:
            raise AnalyzerUnavailable(f"two tables of this query are called {'.'.join(written)} but for case")
    return tuple(sorted(by_path.values(), key=lambda entry: entry.path))


def _entry(written: Path, table: Described) -> CatalogTable:
    """The table's entry. Hashing a wide schema takes longer than all else here: its tuple is recognized by identity."""
    key = written, table.id, id(table.columns), table.partitioning
    seen = _SEEN.get(key)
    if seen is None:
        _plain(table)
        entry = _interned(split(written), table.id, tuple((c.name, c.type) for c in table.columns), _pseudo(table))
        if len(_SEEN) >= _MOST:
            _SEEN.clear()
        seen = _SEEN[key] = (table.columns, entry)  # the tuple is held, so that no other gets its identity
    return seen[1]


def _plain(table: Described) -> None:
    """Refuse a column that compares by a collation: the analyzer is not told of it, and would resolve otherwise."""
    for column in table.columns:
        if column.collation:
            raise AnalyzerUnavailable(f"the collation {column.collation} of {table.id}.{column.name} is BigQuery's")


@lru_cache(maxsize=1000)
def _interned(
    path: Path, table: TableId, columns: tuple[tuple[str, SqlType], ...], pseudo: tuple[tuple[str, SqlType], ...]
) -> CatalogTable:
    return CatalogTable(path, table, columns, pseudo)


def split(path: Path) -> Path:
    """The parts of a name: BigQuery reads `` `p.ds.t` `` as three, and the project of `` `x.com:p.ds.t` `` as one."""
    parts = ".".join(path).rsplit(".", 2)
    return tuple(parts)


def _pseudo(table: Described) -> tuple[tuple[str, SqlType], ...]:
    """The pseudo-columns of a wildcard, or of an ingestion-time partitioned table, which `SELECT *` leaves out.

    https://cloud.google.com/bigquery/docs/querying-wildcard-tables
    https://cloud.google.com/bigquery/docs/querying-partitioned-tables#query_an_ingestion-time_partitioned_table
    """
    if isinstance(table, WildcardTable):
        return ((SUFFIX, SqlType(Kind.STRING)), *_pseudo(table.newest))
    by = table.partitioning
    if by is None or by.column is not None or by.unit is PartitionUnit.RANGE:
        return ()
    day = (("_PARTITIONDATE", SqlType(Kind.DATE)),) if by.unit is PartitionUnit.DAY else ()
    return (("_PARTITIONTIME", SqlType(Kind.TIMESTAMP)), *day)


def registered(instance: Instance, wanted: tuple[CatalogTable, ...]) -> tuple[int, tuple[CatalogTable, ...]]:
    """The number of a catalogue in an instance that has these tables, and all its tables in their order.

    Registering one takes 15 ms, for the functions that come with it. So a new one has the last one's tables too, and
    soon has all that a person uses; the oldest are forgotten.

    Raises:
        AnalyzerUnavailable: the analyzer does not take the schema.
    """
    known: OrderedDict[tuple[CatalogTable, ...], int] = instance.kept.setdefault("catalogs", OrderedDict())
    chosen = next((tables for tables in reversed(known) if set(wanted) <= set(tables)), None)
    if chosen is None:
        chosen = _grown(next(reversed(known), ()), wanted)
        known[chosen] = _register(instance, chosen)
        _forget(instance, known)
    known.move_to_end(chosen)
    return known[chosen], chosen


def _grown(last: tuple[CatalogTable, ...], wanted: tuple[CatalogTable, ...]) -> tuple[CatalogTable, ...]:
    """The tables of the last catalogue and these, which count where both have one of a name."""
    names = {_folded(entry.path) for entry in wanted}
    together = (*(entry for entry in last if _folded(entry.path) not in names), *wanted)
    return together if sum(len(entry.columns) for entry in together) <= _WIDEST else wanted


def _folded(path: Path) -> Path:
    return tuple(part.lower() for part in path)


def _register(instance: Instance, wanted: tuple[CatalogTable, ...]) -> int:
    known = simple_catalog(instance, wanted)
    try:
        answer = instance.call("RegisterCatalog", simple_catalog=known, descriptor_pool_list=descriptor_pools())
        return int(answer.registered_id)
    except AnalyzerError as error:
        raise AnalyzerUnavailable(f"Google's analyzer does not take a table's schema: {error}") from error


def _forget(instance: Instance, known: OrderedDict[tuple[CatalogTable, ...], int]) -> None:
    while len(known) > _KEPT:
        _, oldest = known.popitem(last=False)
        with suppress(AnalyzerError):
            instance.call("UnregisterCatalog", registered_id=oldest)


def simple_catalog(instance: Instance, wanted: tuple[CatalogTable, ...]) -> Any:
    """A `SimpleCatalogProto` with BigQuery's functions and these tables; a table's number is its place, from 1."""
    from zetasql.wasi._pb2.zetasql.proto.simple_catalog_pb2 import SimpleCatalogProto

    root = SimpleCatalogProto(name="bigquery")
    root.builtin_function_options.CopyFrom(options.function_options(instance))
    added.add(root)
    for number, entry in enumerate(wanted, 1):
        _fill(folder(root, entry.path[:-1]).table.add(), entry, number)
    return root


def descriptor_pools() -> Any:
    """The list of descriptor pools of every request: the built-in one, for date parts and their like."""
    from zetasql.wasi._pb2.zetasql.local_service.local_service_pb2 import DescriptorPoolListProto

    pools = DescriptorPoolListProto()
    pools.definitions.add().builtin.SetInParent()
    return pools


def folder(catalog: Any, path: Path) -> Any:
    """The catalogue of a path inside another one, made where it is not there."""
    for part in path:
        known = next((inner for inner in catalog.catalog if inner.name.lower() == part.lower()), None)
        catalog = known or catalog.catalog.add(name=part)
    return catalog


def _fill(table: Any, entry: CatalogTable, number: int) -> None:
    table.name, table.full_name, table.serialization_id = entry.path[-1], ".".join(entry.path), number
    for pseudo, columns in ((False, entry.columns), (True, entry.pseudo)):
        for name, kind in columns:
            fill_type(table.column.add(name=name, is_pseudo_column=pseudo).type, kind)
