"""Shadow verification: a local answer is asked of BigQuery too, and the values are compared.

A difference is kept as a case that can be run again, and the rules that the answer rested on are quarantined: their
queries go to BigQuery until somebody clears them.
"""

from __future__ import annotations

import json
import logging
import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bigpato_magic import googlesql
from bigpato_magic.decide import not_fresh
from bigpato_magic.errors import BigPatoError, ConfigurationError, QueryError
from bigpato_magic.resolved import tree
from bigpato_magic.sql import draws
from bigpato_magic.status import Cancel
from bigpato_magic.traits import format_size
from bigpato_magic.types import QueryResult, Route, RunLocal, RunSplit, TableCopy

if TYPE_CHECKING:
    import pyarrow as pa

    from bigpato_magic.runner import QueryRunner, Request

log = logging.getLogger(__name__)

Begun = RunLocal | RunSplit
"""What rests on rules, wholly or in part."""

TOLERANCE = 1e-9
"""FLOAT64 sums depend on the order of addition, on BigQuery from run to run; relative."""

_LIMIT = "LimitOffsetScan"

UNDETERMINED = (
    "approx_count_distinct",
    "approx_quantiles",
    "approx_top_count",
    "any_value",
    "array_agg",
    "array_concat_agg",
    "string_agg",
    "limitoffsetscan",
    "row_number",
    "ntile",
    "rand",
)
"""Rules whose answer BigQuery itself may give otherwise the next time, unless an ORDER BY without ties fixes it."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification showed.

    Args:
        outcome: `equal`, `different` or `undecided`.
        detail: one sentence.
        bytes_billed: by BigQuery for it.
        job_id: BigQuery's.
        case: the file that keeps a difference.
        rules: quarantined because of it.
    """

    outcome: str
    detail: str
    bytes_billed: int = 0
    job_id: str | None = None
    case: Path | None = None
    rules: frozenset[str] = frozenset()


def difference(ours: pa.Table, theirs: pa.Table) -> str | None:
    """The first difference between two answers in one sentence, None where they are equal.

    Values are compared, not only counts; FLOAT64 to `TOLERANCE`. Rows are compared in an order of their own: an
    ORDER BY leaves open how rows of one rank follow each other.
    """
    if ours.schema.names != theirs.schema.names or ours.schema.types != theirs.schema.types:
        return f"columns {_columns(ours)} here and {_columns(theirs)} on BigQuery"
    if ours.num_rows != theirs.num_rows:
        return f"{ours.num_rows} rows here and {theirs.num_rows} on BigQuery"
    for number, (mine, other) in enumerate(zip(_rows(ours), _rows(theirs), strict=True), 1):
        for name, a, b in zip(ours.schema.names, mine, other, strict=True):
            if not _same(a, b):
                return f"row {number}, column {name}: {_short(a)} here and {_short(b)} on BigQuery"
    return None


def _columns(table: pa.Table) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in table.schema)


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    columns = [column.to_pylist() for column in table.columns]
    return sorted(zip(*columns, strict=True), key=_sort_key)


def _sort_key(row: tuple[Any, ...]) -> tuple[str, str]:
    """Exact values first: rounding of a FLOAT64 must not part rows that belong together."""
    exact = repr([value for value in row if not isinstance(value, float)])
    return exact, repr([f"{value:.7e}" for value in row if isinstance(value, float)])


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or a == b or math.isclose(a, b, rel_tol=TOLERANCE)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return len(a) == len(b) and all(map(_same, a.values(), b.values()))
    return bool(a == b)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


@dataclass(slots=True)
class Verifier:
    """Runs verifications for one runner, within a share and a daily cap of bytes."""

    runner: QueryRunner
    share: Callable[[], float]
    daily_bytes: Callable[[], int]
    chance: Callable[[], float] = random.random
    last_thread: threading.Thread | None = None
    _spent: int = 0
    _day: str = ""

    def maybe(self, request: Request, result: QueryResult) -> threading.Thread | None:
        """Begin a verification in the background for a sample of the local answers; the thread, or None."""
        if not isinstance(result.decision, Begun) or result.relation is not None or self.chance() >= self.share():
            return None
        thread = threading.Thread(target=self._quietly, args=(request, result), name="bigpato-verify", daemon=True)
        thread.start()
        self.last_thread = thread
        return thread

    def _quietly(self, request: Request, result: QueryResult) -> None:
        try:
            self.verify(request, result, limit=self._left())
        except BigPatoError as error:
            log.info("not verified: %s", error)
        except Exception:  # a thread of its own: nobody else would hear of it
            log.warning("an answer could not be verified", exc_info=True)

    def _left(self) -> int:
        today = datetime.now(UTC).date().isoformat()
        if today != self._day:
            self._day, self._spent = today, 0
        return max(0, self.daily_bytes() - self._spent)

    def verify(self, request: Request, result: QueryResult, *, limit: int | None = None) -> Verification:
        """Ask BigQuery the same and compare.

        Args:
            request: as it was run.
            result: the local answer.
            limit: bytes that it may bill, None for the request's own.

        Raises:
            ConfigurationError: the answer was not a local one.
            WarehouseError: BigQuery cannot be reached or refuses.
        """
        if not isinstance(result.decision, Begun):
            raise ConfigurationError("The last query did not run in DuckDB: there is nothing to verify.")
        if result.relation is not None:
            raise ConfigurationError("a lazy relation has no rows yet to compare", hint="run it without --to duckdb")
        if draws.RULE in result.decision.compiled.rules:
            return Verification("undecided", "RAND() draws anew in each run: BigQuery's answer would be another one")
        options = replace(request.options, use_query_cache=False, labels={**request.options.labels, "verify": "true"})
        again = replace(request, route=Route.BIGQUERY, options=options, cancel=Cancel(), progress=None)
        if limit is not None and self._price(again) > limit:
            return Verification(
                "undecided", f"it would bill more than the {format_size(limit)} that are left for today"
            )
        theirs = self.runner.run(again)
        self._spent += theirs.bytes_billed
        return self._judge(request, result, theirs)

    def refused(self, request: Request, ours: QueryResult, error: QueryError) -> Verification:
        """BigQuery has an error for what was answered here, of a query that reads no table: a difference.

        Args:
            request: as it was run.
            ours: the local answer.
            error: BigQuery's.
        """
        return self._mismatch(request, ours, None, f"{ours.arrow.num_rows} rows here and an error on BigQuery: {error}")

    def _price(self, request: Request) -> int:
        run = self.runner.warehouse.dry_run(
            request.sql, request.parameters, dataset=request.default_dataset, options=request.options
        )
        return run.bytes_processed

    def _judge(self, request: Request, ours: QueryResult, theirs: QueryResult) -> Verification:
        decision = ours.decision
        assert isinstance(decision, Begun)  # noqa: S101 - verify() has looked
        detail = difference(ours.arrow, theirs.arrow)
        if detail is None:
            return Verification(
                "equal", f"{ours.arrow.num_rows} rows are BigQuery's", theirs.bytes_billed, theirs.job_id
            )
        if not self._unchanged(decision):
            return Verification("undecided", "a table changed in between", theirs.bytes_billed, theirs.job_id)
        if (why := self._another_now(request)) is not None:
            return Verification("undecided", f"{detail}, but {why}", theirs.bytes_billed, theirs.job_id)
        # What a kept answer stands for is in no rule of this run: all that was asked is looked at.
        used = self._constructs(request, decision) if _kept(decision) else decision.compiled.rules
        loose = sorted({rule for rule in used if _undetermined(rule)})
        if loose:
            detail += f", but BigQuery does not fix the answer of {', '.join(loose)}"
            return Verification("undecided", detail, theirs.bytes_billed, theirs.job_id)
        return self._mismatch(request, ours, theirs, detail)

    def _constructs(self, request: Request, decision: Begun) -> frozenset[str]:
        """The functions and kinds of nodes of the whole query, named as rules are."""
        facts = {basis.table: basis.facts for copy in decision.copies for basis in copy.bases}
        tables, known = self.runner.planner.tables_of(request), self.runner.tier.facts.known
        # A CTE that nobody reads names tables on which the answer does not rest.
        schemas = {path: told for path, t in tables.items() if (told := facts.get(t) or known(t)) is not None}
        query = googlesql.analyze(request.sql, schemas, request.parameters)
        nodes = tree.walk(query.tree, (*tree.CALLS, _LIMIT))
        return frozenset(_LIMIT.lower() if tree.name(node) == _LIMIT else tree.function_name(node) for node in nodes)

    def _another_now(self, request: Request) -> str | None:
        """Why the same text may have another answer a moment later over the same copies; None where it may not."""
        if request.asks_the_time:
            return "it asks what time it is, and BigQuery was asked later"
        if googlesql.called(request.sql):
            return "a function that it calls may have changed in between"
        named = self.runner.planner.tables_of(request).values()
        return "its wildcard may match another table by now" if any(table.is_wildcard for table in named) else None

    def _unchanged(self, decision: Begun) -> bool:
        return not any(not_fresh(decision.copies, self.runner.tier.facts.check(decision.copies, 0)))

    def _mismatch(self, request: Request, ours: QueryResult, theirs: QueryResult | None, detail: str) -> Verification:
        decision = ours.decision
        assert isinstance(decision, Begun)  # noqa: S101 - verify() has looked
        case = self.runner.tier.keep_mismatch_report(_case(request, decision, ours, theirs, detail))
        rules = decision.compiled.rules
        self.runner.tier.preferences.quarantine(rules)
        gone = self.runner.tier.forget(copy.table for copy in _kept(decision))
        done = "the kept answer is forgotten, its rules" if gone else "its rules"
        message = f"A local answer differs from BigQuery's: {detail}; {done} are quarantined; the case is in {case}."
        self.runner.status.message = message
        log.error("%s", message)
        billed, job = (theirs.bytes_billed, theirs.job_id) if theirs else (0, None)
        return Verification("different", detail, billed, job, case, rules)


def _kept(decision: Begun) -> tuple[TableCopy, ...]:
    return decision.kept if isinstance(decision, RunLocal) else ()


def _undetermined(rule: str) -> bool:
    return rule.split("(")[0].lower().lstrip("$") in UNDETERMINED


def _case(request: Request, decision: Begun, ours: QueryResult, theirs: QueryResult | None, detail: str) -> str:
    """The case as JSON: all that is needed to run it again, and no more of the data than ten rows."""
    content = {
        "sql": request.sql,
        "parameters": [{"name": p.name, "type": str(p.type), "value": repr(p.value)} for p in request.parameters],
        "duckdb_sql": decision.compiled.sql,
        "upper_sql": decision.upper.sql if isinstance(decision, RunSplit) else None,
        "rules": sorted(decision.compiled.rules),
        "copies": {str(copy.table): copy.id for copy in decision.copies},
        "difference": detail,
        "job_id": theirs.job_id if theirs else None,
        "here": repr(ours.arrow.slice(0, 10).to_pylist()),
        "bigquery": repr(theirs.arrow.slice(0, 10).to_pylist()) if theirs else None,
    }
    return json.dumps(content, indent=1)
