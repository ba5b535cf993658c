"""How the demo warehouse runs statements: each by DuckDB or by a change, billed as BigQuery bills, results kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bigpato_magic.demo.jobs import MIB, bytes_billed, check_limit
from bigpato_magic.errors import QueryError
from bigpato_magic.status import Cancel
from bigpato_magic.types import TableId
from bigpato_magic.warehouse.base import DryRun, QueryOptions, WarehouseResult

if TYPE_CHECKING:
    from bigpato_magic.demo.engine import Context, Engine, Prepared

_CACHED_RESULTS = 64
_CACHED_BYTES = 10 * MIB  # larger results are not kept


@dataclass(slots=True)
class Queries:
    """Runs statements, and keeps results as BigQuery's cache does.

    Args:
        engine: gives the engine; called when it is first needed.
    """

    engine: Callable[[], Engine]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _cache: OrderedDict[Any, WarehouseResult] = field(default_factory=OrderedDict)

    def dry_run(self, sql: str, context: Context) -> DryRun:
        """What a SELECT would read; of other statements only their kind."""
        from sqlglot import exp

        from bigpato_magic.demo import statement as st

        statements = st.parse(sql)
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            return DryRun(0, statement="SCRIPT" if len(statements) > 1 else statements[0].key.upper())
        prepared = self.engine().prepare(statements[0], context)
        outputs = self.engine().outputs(prepared, context)
        return DryRun(prepared.bytes_processed, "SELECT", outputs, _tables(prepared))

    def run(self, sql: str, context: Context, options: QueryOptions, cancel: Cancel | None) -> WarehouseResult:
        """Run a statement, or several as a script.

        Raises:
            QueryError: it is wrong, or the demo warehouse does not do it.
        """
        from bigpato_magic.demo import statement as st

        results = [self._run_one(s, sql, context, options, cancel) for s in st.parse(sql)]
        if len(results) == 1:
            return results[0]
        billed, processed = sum(r.bytes_billed for r in results), sum(r.bytes_processed for r in results)
        return replace(results[-1], statement="SCRIPT", bytes_billed=billed, bytes_processed=processed)

    def _run_one(
        self, statement: Any, sql: str, context: Context, options: QueryOptions, cancel: Cancel | None
    ) -> WarehouseResult:
        from sqlglot import exp

        from bigpato_magic.demo import statement as st
        from bigpato_magic.demo.changes import Changes

        try:
            if isinstance(statement, exp.Query):
                return self._select(statement, sql, context, options, cancel)
            done = Changes(self.engine()).run(statement, context, cancel)
        except QueryError as error:
            error.sql = error.sql or sql
            st.locate(error, statement)
            raise
        import pyarrow as pa

        billed = bytes_billed(done.bytes_processed, len(done.tables))
        nothing = pa.table({})
        return WarehouseResult(
            nothing,
            (),
            done.bytes_processed,
            billed,
            statement=done.statement,
            tables=done.tables,
            affected_rows=done.rows,
        )

    def _select(
        self, query: Any, sql: str, context: Context, options: QueryOptions, cancel: Cancel | None
    ) -> WarehouseResult:
        from bigpato_magic.demo import statement as st

        prepared = self.engine().prepare(query, context)
        key = None if st.is_volatile(query) else _cache_key(sql, context, prepared)
        with self._lock:
            cached = self._cache.get(key) if options.use_query_cache and key else None
        if cached is not None:
            return replace(cached, bytes_processed=0, bytes_billed=0, cache_hit=True)
        processed = prepared.bytes_processed
        billed = bytes_billed(processed, len(prepared.states))
        check_limit(billed, options.maximum_bytes_billed)
        arrow, outputs = self.engine().run(prepared, context, cancel)
        result = WarehouseResult(arrow, outputs, processed, billed, statement="SELECT", tables=_tables(prepared))
        self._remember(key, result)
        return result

    def _remember(self, key: Any, result: WarehouseResult) -> None:
        if key is None or result.arrow.nbytes > _CACHED_BYTES:
            return
        with self._lock:
            self._cache[key] = result
            while len(self._cache) > _CACHED_RESULTS:
                self._cache.popitem(last=False)


def _tables(prepared: Prepared) -> tuple[TableId, ...]:
    return tuple(dict.fromkeys((*prepared.named, *prepared.states)))


def _cache_key(sql: str, context: Context, prepared: Prepared) -> Any:
    """What decides a result; None where BigQuery would not reuse it."""
    states = prepared.states.values()
    if any(s.buffered or s.policies for s in states) or not states:
        return None
    versions = tuple(sorted((s.id, s.etag) for s in states))
    return sql, repr(context.parameters), context.default, context.principal, context.snapshot, versions
