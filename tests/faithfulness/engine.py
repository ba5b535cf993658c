"""The product's own way from text to answer, for the scorer: analyze → compile → DuckDB, never the evaluator.

answer("SELECT 1 AS x") → ("local", pyarrow.Table) | ("routed", "why")
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from bigpato_magic import googlesql
from bigpato_magic.errors import AnalyzerUnavailable, BigPatoError, Cancelled, QueryError
from bigpato_magic.googlesql import lexer
from bigpato_magic.local.duck import LocalEngine
from bigpato_magic.local.write import RowSource
from bigpato_magic.pruning.shards import UnclearShards, read_shards
from bigpato_magic.sql import compile as compile_query
from bigpato_magic.status import Cancel
from bigpato_magic.types import (
    Column,
    Holding,
    Kind,
    LocalTable,
    Parameter,
    Part,
    Refused,
    SqlType,
    TableCopy,
    TableFacts,
    TableId,
    TableVersion,
    WildcardTable,
    array_of,
    schema_digest,
    struct_of,
    wildcard_table,
)

SECONDS = 10
PROJECT = "p"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Described:
    """What the analyzer is told of a table."""

    id: TableId
    columns: tuple[Column, ...]
    partitioning: None = None


@cache
def local_engine() -> LocalEngine:
    engine = LocalEngine(threads=1, memory_limit="4 GiB")
    engine.allow(directory())
    return engine


@cache
def directory() -> Path:
    return Path(tempfile.mkdtemp(prefix="faithfulness-")).resolve()


def ready() -> None:
    if not googlesql.ready():
        googlesql.warm(background=False)


def answer(sql: str, tables: dict[str, Any] | None = None) -> tuple[str, Any]:
    """What the product does with a query over tables (`{"ds.name": pyarrow.Table}`), loaded as published copies."""
    kind = lexer.statement_kind(sql)
    if not kind.is_query:
        return "routed", f"not-a-query: a {kind} statement runs on BigQuery"
    ready()
    described = {name: table_of(name, table) for name, table in (tables or {}).items()}
    try:
        wildcards = {}
        for name in {".".join(path) for path in googlesql.table_names(sql) if path[-1].endswith("*")}:
            wildcards[name] = virtual(name, described.values())
            if isinstance(wildcards[name], str):
                return "routed", f"wildcard: {wildcards[name]}"
        paths = {path: {**described, **wildcards}.get(".".join(path)) for path in googlesql.table_names(sql)}
        if None in paths.values():
            return "routed", f"not-local: a table of {sorted(paths)} is not here"
        query = read_shards(googlesql.analyze(sql, paths), {one.id: one for one in wildcards.values()}, ())
    except (QueryError, AnalyzerUnavailable, UnclearShards) as error:
        return "routed", f"analyzer: {error}"
    read_ones = {".".join((table.dataset, table.table)) for table in query.tables}
    copies = [publish(described[name], (tables or {})[name]) for name in sorted(read_ones)]
    try:
        compiled = compile_query(
            query, {copy.table: LocalTable(copy.relation, copy.columns, copy.stats) for copy in copies}
        )
        if isinstance(compiled, Refused):
            return "routed", "; ".join(f"{reason.code}: {reason}" for reason in compiled.reasons)
        return "local", run(compiled, copies)
    finally:
        withdraw(copies)


def virtual(name: str, tables: Iterable[Described]) -> WildcardTable | str:
    """A wildcard table over those of these tables that it matches, made one after the other in their order."""
    wildcard = TableId(PROJECT, *name.split("."))
    made = (NOW + timedelta(days=day) for day in count())
    return wildcard_table(wildcard, [shard(table, next(made)) for table in tables if wildcard.matches(table.id)])


def shard(table: Described, made: datetime) -> TableFacts:
    """What BigQuery would say of a table."""
    version = TableVersion(None, made, made, 0, 0, schema_digest(table.columns))
    return TableFacts(table.id, version, table.columns, made)


def withdraw(copies: list[TableCopy]) -> None:
    """Remove copies."""
    local_engine().detach([copy.id for copy in copies])
    for copy in copies:
        copy.parts[0].path.unlink()


def run(compiled: Any, copies: list[TableCopy], parameters: Sequence[Parameter] = ()) -> Any:
    """DuckDB's answer; `BigPatoError` where it stops, also after ten seconds."""
    cancel = Cancel()
    timer = threading.Timer(SECONDS, cancel.set)
    timer.start()
    try:
        return local_engine().execute(compiled, copies, parameters, cancel=cancel)
    except Cancelled:
        # Not everything stops when it is interrupted: another instance goes on.
        local_engine.cache_clear()
        raise
    finally:
        timer.cancel()


def table_of(name: str, table: Any) -> Described:
    return describe(name, tuple(Column(field.name, type_of(field.type)) for field in table.schema))


def describe(name: str, columns: tuple[Column, ...]) -> Described:
    return Described(TableId(PROJECT, *name.split(".")), columns)


def publish(table: Described, rows: Any) -> TableCopy:
    """A copy as the tier publishes it: one DuckDB file with its statistics."""
    path = directory() / f"{len(PUBLISHED)}.duckdb"
    PUBLISHED.append(path)
    try:
        written = local_engine().write_copy(path, table.columns, RowSource(batches=iter(rows.to_batches())))
    except BigPatoError:
        path.unlink(missing_ok=True)
        raise
    version = TableVersion(None, NOW, None, rows.num_rows, 0, "")
    part = Part(path, written.rows, path.stat().st_size, "")
    holding = Holding(frozenset(column.name.lower() for column in table.columns))
    return TableCopy(
        f"{len(PUBLISHED):x}", table.id, version, table.columns, holding, (part,), NOW, "me", written.stats
    )


PUBLISHED: list[Path] = []


def type_of(arrow: Any) -> SqlType:
    """BigQuery's type of an Arrow column of a corpus."""
    import pyarrow as pa

    is_ = pa.types
    if is_.is_list(arrow):
        return array_of(type_of(arrow.value_type))
    if is_.is_struct(arrow):
        return struct_of(*((arrow.field(i).name, type_of(arrow.field(i).type)) for i in range(arrow.num_fields)))
    if is_.is_timestamp(arrow):
        return SqlType(Kind.TIMESTAMP if arrow.tz else Kind.DATETIME)
    tests = {
        is_.is_boolean: Kind.BOOL,
        is_.is_integer: Kind.INT64,
        is_.is_floating: Kind.FLOAT64,
        is_.is_decimal256: Kind.BIGNUMERIC,
        is_.is_decimal: Kind.NUMERIC,
        is_.is_binary: Kind.BYTES,
        is_.is_date: Kind.DATE,
        is_.is_time: Kind.TIME,
        is_.is_string: Kind.STRING,
    }
    return SqlType(next(kind for test, kind in tests.items() if test(arrow)))
