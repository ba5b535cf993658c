"""How the demo warehouse runs statements: each by DuckDB or by a change, billed as BigQuery bills, results kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bigpato_magic import googlesql
from bigpato_magic.demo.context import cannot
from bigpato_magic.demo.history import Conflict
from bigpato_magic.demo.jobs import MIB, bytes_billed, check_limit, slot_ms
from bigpato_magic.errors import AnalyzerUnavailable, QueryError, WarehouseError
from bigpato_magic.googlesql.lexer import blanked, split, statement_kind
from bigpato_magic.lru import LruCache
from bigpato_magic.status import Cancel
from bigpato_magic.warehouse.base import DryRun, QueryOptions, WarehouseResult

if TYPE_CHECKING:
    from bigpato_magic.demo.context import Context
    from bigpato_magic.demo.engine import Engine, Prepared
    from bigpato_magic.demo.writer import Changed

_ATTEMPTS = 10
_CACHED_RESULTS = 64
_CACHED_BYTES = 10 * MIB  # larger results are not kept


@dataclass(slots=True)
class Queries:
    """Runs statements, and keeps results as BigQuery's cache does.

    Args:
        engine: gives the engine; called when it is first needed.
    """

    engine: Callable[[], Engine]
    _cache: LruCache[WarehouseResult] = field(default_factory=lambda: LruCache(_CACHED_RESULTS))

    def dry_run(self, sql: str, context: Context) -> DryRun:
        """What a SELECT would read; of other statements only their kind."""
        statements = list(_statements(sql))
        if len(statements) > 1:
            return DryRun(0, statement="SCRIPT")
        with _in(sql):
            if not _is_query(statements[0]):
                return DryRun(0, statement=_parsed(statements[0]).key.upper())
            prepared = self.engine().prepare(statements[0], context)
            outputs = self.engine().outputs(prepared)
        return DryRun(prepared.bytes_processed, "SELECT", outputs, prepared.tables)

    def run(self, sql: str, context: Context, options: QueryOptions, cancel: Cancel | None) -> WarehouseResult:
        """Run a statement, or several as a script.

        Raises:
            QueryError: it is wrong, or the demo warehouse does not do it.
        """
        results = []
        for statement in _statements(sql):
            begun = time.perf_counter()
            with _in(sql):
                if _is_query(statement):
                    result = self._select(statement, context, options, cancel)
                else:
                    result = self._change(statement, context, cancel)
            results.append(replace(result, seconds=time.perf_counter() - begun))
        if len(results) == 1:
            return results[0]
        billed, processed = sum(r.bytes_billed for r in results), sum(r.bytes_processed for r in results)
        slots = sum(r.slot_ms or 0 for r in results)
        whole = replace(results[-1], statement="SCRIPT", bytes_billed=billed, bytes_processed=processed, slot_ms=slots)
        return replace(whole, statements=tuple(results))

    def _change(self, sql: str, context: Context, cancel: Cancel | None) -> WarehouseResult:
        import pyarrow as pa

        from bigpato_magic.demo import routines

        if routines.is_about_one(sql):
            done = routines.change(self.engine().history, sql, context)
        else:
            done = self._changed(_parsed(sql), context, cancel)
        return WarehouseResult(
            pa.table({}),
            (),
            done.bytes_processed,
            bytes_billed(done.bytes_processed, len(done.tables)),
            statement=done.statement,
            tables=done.tables,
            affected_rows=done.rows,
            slot_ms=slot_ms(done.bytes_processed, len(done.tables)),
        )

    def _changed(self, statement: Any, context: Context, cancel: Cancel | None) -> Changed:
        """Do it; one that meets a concurrent change of its table starts again on the new state."""
        from bigpato_magic.demo.ddl import Ddl
        from bigpato_magic.demo.dml import Dml

        actions = Dml(self.engine()).actions() | Ddl(self.engine()).actions()
        if type(statement) not in actions:
            raise cannot(f"{statement.key.upper()} …")
        for _ in range(_ATTEMPTS):
            try:
                return actions[type(statement)](statement.copy(), context, cancel)
            except Conflict:
                continue
        raise WarehouseError("Could not serialize access to the table due to concurrent update", hint="try again")

    def _select(self, sql: str, context: Context, options: QueryOptions, cancel: Cancel | None) -> WarehouseResult:
        prepared = self.engine().prepare(sql, context)
        key = _cache_key(sql, context, prepared) if prepared.repeatable else None
        cached = self._cache.get(key) if options.use_query_cache and key else None
        if cached is not None:
            return replace(cached, bytes_processed=0, bytes_billed=0, slot_ms=0, cache_hit=True)
        processed = prepared.bytes_processed
        billed = bytes_billed(processed, len(prepared.states))
        check_limit(billed, options.maximum_bytes_billed)
        arrow, outputs = self.engine().run(prepared, cancel)
        slots = slot_ms(processed, len(prepared.states))
        result = WarehouseResult(
            arrow, outputs, processed, billed, statement="SELECT", tables=prepared.tables, slot_ms=slots
        )
        if key is not None and arrow.nbytes <= _CACHED_BYTES:
            self._cache.put(key, result)
        return result


def _statements(sql: str) -> Iterator[str]:
    """The statements of a text, each at its place in it; SQL functions and the query that uses them are one.

    Raises:
        QueryError: there is none.
    """
    parts = split(sql)
    if not parts:
        raise QueryError("The query is empty.", sql=sql)
    if len(parts) > 1 and _is_query(sql):
        parts = [sql]
    end = 0
    for part in parts:
        start = sql.index(part, end)
        end = start + len(part)
        yield blanked(sql[:start]) + part


def _is_query(sql: str) -> bool:
    """Whether it only reads, also where it has SQL functions of its own."""
    kind = statement_kind(sql)
    if kind.is_query or not googlesql.ready():
        return kind.is_query
    try:
        return googlesql.statement_kind(sql) == "SELECT"
    except (AnalyzerUnavailable, QueryError):
        return False


def _parsed(sql: str) -> Any:
    """A statement as sqlglot reads it; what it cannot read, Google's analyzer says better, where that is ready."""
    from bigpato_magic.demo import statement as st

    try:
        return st.parse(sql)
    except QueryError:
        if googlesql.ready():
            with suppress(AnalyzerUnavailable):
                googlesql.statement_kind(sql)
        raise


@contextmanager
def _in(sql: str) -> Iterator[None]:
    """An error is one of this text."""
    try:
        yield
    except QueryError as error:
        error.sql = sql
        raise


def _cache_key(sql: str, context: Context, prepared: Prepared) -> Any:
    """What decides a result; None where BigQuery would not reuse it."""
    states = prepared.states.values()
    if any(s.buffered or s.policies for s in states) or not states:
        return None
    versions = tuple(sorted((str(s.id), s.etag) for s in states))
    versions += tuple(sorted((str(r.id), r.etag) for r in prepared.routines))
    return (
        sql,
        repr(context.parameters),
        context.project,
        context.dataset,
        context.principal,
        context.snapshot,
        versions,
    )
