"""A second exact engine for small work: Google's reference implementation evaluates a query over rows it is handed.

It joins by nested loops and holds all in memory, so rows, their product and their bytes have limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bigpato_magic.errors import AnalyzerUnavailable, ParameterError
from bigpato_magic.googlesql import analysis, catalog, functions, options, rows
from bigpato_magic.googlesql.analysis import Declared
from bigpato_magic.googlesql.catalog import CatalogTable, Described, Path
from bigpato_magic.googlesql.functions import Routines
from bigpato_magic.googlesql.instance import AnalyzerError, message
from bigpato_magic.googlesql.rebuild import Rebuilt, rebuilt
from bigpato_magic.googlesql.service import Role
from bigpato_magic.googlesql.source import SourceText, prepared
from bigpato_magic.parameters import check
from bigpato_magic.resolved import tree
from bigpato_magic.resolved.cost_bound import CostBound
from bigpato_magic.resolved.support import foreign
from bigpato_magic.types import AnalyzedQuery, Parameter, SqlType, TableId, TableRead

if TYPE_CHECKING:
    import pyarrow as pa

    from bigpato_magic.googlesql.instance import Instance

Contents = Mapping[Path, tuple[Described, "pa.Table"]] | Mapping[TableId, tuple[Described, "pa.Table"]]

Content = tuple[CatalogTable, Sequence[tuple[SqlType, "pa.ChunkedArray | None"]], int]


@dataclass(frozen=True, slots=True)
class WorkLimits:
    """How much is small enough.

    Args:
        rows: of all tables together.
        product: of what the query may look at, as a join looks at each combination; see `cost_bound`.
        bytes: of the Arrow columns that the query reads.
        measured: the query's own work counts too, and must be known beforehand: what is stopped (see `calls`) was waited
            for in vain. False is for queries that are known to be small.
    """

    rows: int = 20_000
    product: int = 2_000_000
    bytes: int = 16_000_000
    measured: bool = True


def evaluate(
    sql: str,
    tables: Contents | None = None,
    parameters: Sequence[Parameter] = (),
    *,
    limits: WorkLimits = WorkLimits(),
    routines: Routines = MappingProxyType({}),
) -> pa.Table:
    """BigQuery's answer, as the evaluator computes it.

    Args:
        sql: one query, or SQL functions that it uses and then the query.
        tables: what each path of `table_names(sql)` (or each table by its full name) is and holds: its schema, and an
            Arrow table with at least the columns that the query reads, by name.
        parameters: with their values.
        limits: of the rows handed over.
        routines: persistent functions that it calls, see `analysis.analyze`.

    Returns:
        A `pyarrow.Table` with the schema of `frames.arrow_schema`.

    Raises:
        QueryError: BigQuery would refuse the query, or stop while it ran it (a division by zero).
        AnalyzerUnavailable: the evaluator is not ready, has no answer, or too much is asked of it.
    """
    contents = _by_path(sql, tables or {})
    entries = catalog.entries({path: table for path, (table, _) in contents.items()})
    told = named(parameters)
    source = prepared(sql, (*contents, *routines), named=any(p.name is None for p in parameters))
    with analysis.asking(source, Role.EVALUATE) as instance:
        query = analysis.meaning(instance, source, entries, Declared.of(told), routines)
        data = {table.id: held for table, held in contents.values()}
        if left := foreign(query.tree):
            raise AnalyzerUnavailable(f"{left} is left to BigQuery")
        _check_size(query, data, entries, limits)
        written = _written(instance, source, query, entries)
        content = [_content(entry, query.tables[entry.id], data[entry.id]) for entry in written.scans]
        answer = evaluated(instance, written, told, content)
    return rows.arrow_table(answer, query.outputs)


def can_evaluate(query: AnalyzedQuery, counts: Mapping[TableId, int], *, limits: WorkLimits = WorkLimits()) -> bool:
    """Whether `evaluate` takes a query over tables of so many rows, as far as that can be told without their rows.

    Args:
        query: as analyzed.
        counts: rows of each of its tables.
        limits: of rows and of their combinations.
    """

    def rows_of(scan: Any) -> int:
        return counts[TableId.parse(scan.table.full_name)]

    if foreign(query.tree) or sum(map(rows_of, tree.walk(query.tree, ("TableScan",)))) > limits.rows:
        return False
    try:
        return CostBound(rows_of).of(query.tree) <= limits.product
    except AnalyzerUnavailable:
        return False


def named(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """The parameters, positional ones as `p1`, …: the evaluator knows them by their names only.

    Raises:
        ParameterError: a value is none of its type.
    """
    return tuple(replace(check(p), name=p.name or f"p{place}") for place, p in enumerate(parameters, 1))


def evaluated(instance: Instance, written: Rebuilt, told: tuple[Parameter, ...], contents: Sequence[Content]) -> Any:
    """The `TableData` of a query's result, by an instance that is already lent.

    Args:
        instance: the evaluator's.
        written: the query, with a table for each scan.
        told: parameters, all with names.
        contents: each table with its columns and how many rows it has.
    """
    request = _request(instance, written, told)
    for entry, columns, count in contents:
        content = request.table_content[entry.path[0]].table_data
        content.SetInParent()
        rows.fill_table(content, columns, count)
    return _answer(instance, request)


def _by_path(sql: str, tables: Contents) -> dict[Path, tuple[Described, pa.Table]]:
    """Tables that were given by their full names, by the paths of the text."""
    if not any(isinstance(key, TableId) for key in tables):
        return dict(tables)  # type: ignore[arg-type]
    return {path: _only(path, list(tables.values())) for path in analysis.table_names(sql)}


def _only(path: Path, tables: list[tuple[Described, pa.Table]]) -> tuple[Described, pa.Table]:
    name = ".".join(path)
    matches = [content for content in tables if f".{content[0].id}".endswith(f".{name}")]
    if len(matches) != 1:
        raise AnalyzerUnavailable(f"{name} may be any of {len(matches)} tables here")
    return matches[0]


def _check_size(
    query: AnalyzedQuery, data: Mapping[TableId, pa.Table], entries: tuple[CatalogTable, ...], limits: WorkLimits
) -> None:
    """Every scan counts: a table that is joined with itself is handed over twice."""
    scans = [entries[s.table.serialization_id - 1].id for s in tree.walk(query.tree, ("TableScan",))]
    for table, read in query.tables.items():
        missing = read.columns - {name.lower() for name in data[table].column_names}
        if missing:
            raise AnalyzerUnavailable(f"the copy of {table} has no column {min(missing)}")
    counts = [data[table].num_rows for table in scans]
    size = sum(_bytes(data[table], query.tables[table]) for table in scans)
    if sum(counts) > limits.rows or size > limits.bytes:
        raise AnalyzerUnavailable(f"{sum(counts):,} rows are too many for Google's evaluator")
    if not limits.measured:
        return
    # A table's number is its place, from 1.
    steps = CostBound(lambda scan: data[entries[scan.table.serialization_id - 1].id].num_rows).of(query.tree)
    if steps > limits.product:
        raise AnalyzerUnavailable(f"{steps:,} combinations of rows are too many for Google's evaluator")


def _bytes(held: pa.Table, read: TableRead) -> int:
    return int(held.select([name for name in held.column_names if name.lower() in read.columns]).nbytes)


def _written(
    instance: Instance, source: SourceText, query: AnalyzedQuery, entries: tuple[CatalogTable, ...]
) -> Rebuilt:
    """The query for the evaluator, which finds tables at the top of a catalogue only, and takes one statement."""
    if not entries and not query.routines and not functions.begin(source.sent):
        return Rebuilt(source.sent, ())
    return rebuilt(instance, query.tree, entries)


def _request(instance: Instance, written: Rebuilt, told: tuple[Parameter, ...]) -> Any:
    settings = analysis.settings(instance, Declared.of(told), positional=False)
    settings.allow_undeclared_parameters = False
    pools = catalog.descriptor_pools()
    request = message("EvaluateQuery", sql=written.sql, options=settings, descriptor_pool_list=pools)
    if written.scans:
        request.simple_catalog.CopyFrom(catalog.simple_catalog(instance, written.scans))
    else:
        # Making a catalogue of all functions costs more than most queries.
        request.registered_catalog_id = catalog.registered(instance, ())[0]
    for parameter in told:
        _add(request.params.add(), parameter)
    return request


def _add(proto: Any, parameter: Parameter) -> None:
    proto.name = str(parameter.name).lower()
    try:
        rows.fill_value(proto.value, parameter.value, parameter.type)
    except ValueError as error:
        raise ParameterError(f"parameter {parameter.name}: {error}") from error
    proto.value.SetInParent()


def _content(entry: CatalogTable, read: TableRead, held: pa.Table) -> Content:
    """What a scan is given: the columns that the query reads, and NULL for the others."""
    known = {name.lower(): held.column(place) for place, name in enumerate(held.column_names)}
    columns = [
        (kind, known[name.lower()] if name.lower() in read.columns else None)
        for name, kind in (*entry.columns, *entry.pseudo)
    ]
    return entry, columns, held.num_rows


def answered(instance: Instance, request: Any) -> Any:
    """The `EvaluateQueryResponse` to an `EvaluateQueryRequest`."""

    def ask(settings: Any) -> Any:
        request.options.CopyFrom(settings)
        return instance.call("EvaluateQuery", request)

    return options.lazily(ask, request.options)


def _answer(instance: Instance, request: Any) -> Any:
    """The `TableData` of the result; what the evaluator prepared for it is forgotten."""
    answer = answered(instance, request)
    with suppress(AnalyzerError):
        instance.call("UnprepareQuery", prepared_query_id=answer.prepared.prepared_query_id)
    return answer.content.table_data
