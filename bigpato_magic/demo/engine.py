"""Run a SELECT of the demo warehouse: as Google's analyzer means it, or, where it cannot say, as sqlglot translates it."""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from bigpato_magic.demo import statement as st
from bigpato_magic.demo.compiled import compiled, computed, evaluated
from bigpato_magic.demo.context import Context, cannot, not_found
from bigpato_magic.demo.history import TableHistory, TableState, to_micros
from bigpato_magic.demo.meaning import Behind, Lookup, Meaning, Visible, meaning_of
from bigpato_magic.demo.past import as_of_now, instant_of
from bigpato_magic.demo.storage import PARTITION_TIME, Storage
from bigpato_magic.demo.translation import parameter_values, refusal, resolved_query, select_sql
from bigpato_magic.errors import (
    AnalyzerUnavailable,
    BigPatoError,
    Cancelled,
    LocalRunError,
    PermissionDenied,
    QueryError,
)
from bigpato_magic.frames import conform
from bigpato_magic.googlesql import lexer
from bigpato_magic.local.instance import define_functions
from bigpato_magic.local.supervise import closed, heeding_ctrl_c
from bigpato_magic.pruning.pushdown import partition_domains
from bigpato_magic.sql.physical import identifier, text
from bigpato_magic.status import Cancel
from bigpato_magic.types import Compiled, Kind, OutputColumn, RoutineFacts, TableId, TableKind

_NO_FUNCTION = re.compile(r'\b\w++ Function with name "?(\w+)"? (?:does not exist|is not in the catalog)')
_GUARD = "route: "
_ONLY_LONG = ("route: a long array", "route: a long text")
"""Guards that leave to BigQuery what takes long, and nothing that DuckDB would answer otherwise."""
_NULL_ELEMENT = re.compile(r"an array (?:with|of the result has) a NULL element")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A SELECT with its tables known; nothing has run.

    Args:
        sql: its text.
        context: under which it runs, at one instant.
        meaning: what Google's analyzer says of it, None where that cannot tell.
        named: tables that its text names, views included.
        states: of the tables that it reads, all of one instant.
        columns: lower-case names of those that it reads.
        repeatable: it is known that the same rows give the same answer each time.
    """

    sql: str
    context: Context
    meaning: Meaning | None
    named: tuple[TableId, ...]
    states: Mapping[TableId, TableState]
    columns: Mapping[TableId, frozenset[str]]
    repeatable: bool

    @property
    def bytes_processed(self) -> int:
        """Logical bytes of the columns read, whole: https://cloud.google.com/bigquery/pricing#on_demand_pricing."""
        return sum(bytes_read(state, self.columns[t]) for t, state in self.states.items())

    @property
    def routines(self) -> frozenset[RoutineFacts]:
        """The functions that it calls, as far as the analyzer tells."""
        return self.meaning.routines if self.meaning else frozenset()

    @property
    def tables(self) -> tuple[TableId, ...]:
        """All that it names or reads."""
        return tuple(dict.fromkeys((*self.named, *self.states)))


def bytes_read(state: TableState, columns: Collection[str]) -> int:
    """Logical bytes of these columns, by lower-case name, whole."""
    return sum(size for part in state.files for name, size in part.sizes.items() if name.lower() in columns)


class Engine:
    """An in-memory DuckDB that reads the warehouse's files; each query has a session of its own."""

    @heeding_ctrl_c()
    def __init__(
        self, history: TableHistory, storage: Storage, *, spill: Path, threads: int | None, memory_limit: str | None
    ) -> None:
        self.history = history
        self.storage = storage
        self._lock = threading.Lock()
        self._root = duckdb.connect(":memory:")
        self._root.execute("SET GLOBAL TimeZone = 'UTC'")
        self._root.execute("SET enable_progress_bar = false")
        self._root.execute(f"SET temp_directory = {text(str(spill))}")
        if threads:
            self._root.execute(f"SET threads = {int(threads)}")
        if memory_limit:
            self._root.execute(f"SET memory_limit = {text(memory_limit)}")
        define_functions(self._root)

    @contextmanager
    def session(self, cancel: Cancel | None = None) -> Iterator[Any]:
        """A connection whose temporary views nobody else sees; DuckDB's errors become QueryErrors.

        Raises:
            QueryError: DuckDB refuses.
            Cancelled: `cancel` was set.
        """
        with self._lock:
            connection = self._root.cursor()
        ended = threading.Event()
        try:
            if cancel is not None:
                cancel.on_set(lambda: _interrupt(connection, ended))
                cancel.check()
            with heeding_ctrl_c():
                yield connection
        except duckdb.InterruptException:
            raise Cancelled from None
        except (duckdb.Error, RuntimeError, LocalRunError) as error:
            raise _query_error(error) from error
        finally:
            ended.set()
            connection.close()

    def close(self) -> None:
        """Let go of DuckDB's memory and spill files; a query that was stopped may still be on its way out."""
        with self._lock:
            closed(self._root)

    # ------------------------------------------------------------------------------- preparing

    def prepare(self, sql: str, context: Context) -> Prepared:
        """Find out what a SELECT means, or how sqlglot reads it; nothing is run.

        Raises:
            QueryError: it is wrong, or the demo warehouse does not do this.
            PermissionDenied: a policy tag.
        """
        at = replace(context, snapshot=context.snapshot or self.history.now())
        meaning = meaning_of(sql, self.states_at(at), self.behind_at(at), at, self.history.routines)
        if meaning is not None and lexer.names_a_past(sql):
            past = replace(at, snapshot=instant_of(meaning, at))
            # Its tables may have had other columns then.
            of_then = meaning_of(sql, self.states_at(past), self.behind_at(past), past, self.history.routines)
            sql, at = as_of_now(of_then or meaning, past), past
            meaning = meaning_of(sql, self.states_at(at), self.behind_at(at), at, self.history.routines)
        if meaning is None:
            query = resolved_query(sql, self.states_at(at), at)
            columns = st.columns_named(query.statement, query.states)
            prepared = Prepared(sql, at, None, query.named, query.states, columns, repeatable=False)
        else:
            named, columns = tuple(meaning.states), meaning.columns
            prepared = Prepared(sql, at, meaning, named, meaning.tables, columns, meaning.repeatable)
        for state in prepared.states.values():
            _check_tags(state, prepared.columns[state.id], context.principal)
        if meaning is not None:
            _check_filters(meaning, at)
        return prepared

    def states_at(self, context: Context) -> Lookup:
        """Gives the states of tables at the context's instant."""
        return lambda tables: self.lookup(tables, context)[1]

    def behind_at(self, context: Context) -> Behind:
        """Gives the states of the tables that a wildcard stands for, at the context's instant."""

        def behind(wildcard: TableId) -> list[TableState]:
            states = self.history.states_of(wildcard.project, wildcard.dataset, context.snapshot)
            return [state for state in states if wildcard.matches(state.id)]

        return behind

    def lookup(self, tables: set[TableId], context: Context) -> tuple[datetime, dict[TableId, TableState]]:
        """The states of all of them at one instant.

        Raises:
            TableNotFound: one is not there.
        """
        instant, states = self.history.states(tables, context.snapshot)
        for table in sorted(tables - states.keys()):
            raise not_found(table, self.history.datasets(table.project))
        return instant, states

    # --------------------------------------------------------------------------------- running

    def run(self, prepared: Prepared, cancel: Cancel | None = None) -> tuple[pa.Table, tuple[OutputColumn, ...]]:
        """The result, with `frames.arrow_schema(outputs)`.

        Raises:
            QueryError: the data are not what the query takes them for, or the demo warehouse does not do this.
            Cancelled: `cancel` was set.
        """
        if prepared.meaning is not None:
            return self._answer(prepared.meaning, prepared.context, cancel), prepared.meaning.outputs
        return self._translated(prepared.sql, prepared.context, cancel)

    def outputs(self, prepared: Prepared) -> tuple[OutputColumn, ...]:
        """Names and types of the result, without running it."""
        if prepared.meaning is not None:
            return prepared.meaning.outputs
        query = resolved_query(prepared.sql, self.states_at(prepared.context), prepared.context)
        with self.session() as con:
            return select_sql(con, query, self.visible_at(prepared.context), prepared.context)[1]

    def _translated(
        self, sql: str, context: Context, cancel: Cancel | None, known: tuple[OutputColumn, ...] | None = None
    ) -> tuple[pa.Table, tuple[OutputColumn, ...]]:
        """The rows and columns of a SELECT as DuckDB takes its translation; `known`: by Google's analyzer."""
        try:
            query = resolved_query(sql, self.states_at(context), context)
            with self.session(cancel) as con:
                select, outputs = select_sql(con, query, self.visible_at(context), context, known)
                table = con.sql(select, params=parameter_values(context.parameters)).to_arrow_table()
                return conform(table, outputs), outputs
        except pa.ArrowInvalid as error:
            raise QueryError(f"A value of the result does not fit: {error}") from None
        except QueryError as error:
            raise (refusal(error, sql) if known else error) from error.__cause__

    def _answer(self, meaning: Meaning, context: Context, cancel: Cancel | None) -> pa.Table:
        """By compiled SQL, else by Google's evaluator, else by a translation."""
        failure: BigPatoError | None = None
        query = compiled(meaning, self.visible_at(context))
        if isinstance(query, Compiled):
            try:
                with self.session(cancel) as con:
                    return computed(con, query, context)
            except QueryError as error:
                failure = error
        try:
            return self._evaluated(meaning, context, cancel)
        except AnalyzerUnavailable as unavailable:
            failure = failure or unavailable
        told = _as_bigquery_says(failure, meaning.outputs)
        if told is not None:
            raise told from failure.__cause__
        return self._translated(meaning.query.sql, context, cancel, meaning.outputs)[0]

    def _evaluated(self, meaning: Meaning, context: Context, cancel: Cancel | None) -> pa.Table:
        def rows(state: TableState, outputs: tuple[OutputColumn, ...]) -> pa.Table:
            names = ", ".join(identifier(o.name) for o in outputs)
            sql = f"SELECT {names} FROM ({self.visible(state, context, state.by_ingestion)})"
            with self.session(cancel) as con:
                return conform(con.sql(sql).to_arrow_table(), outputs)

        def answer(view: Meaning) -> pa.Table:
            return self._answer(view, context, cancel)

        return evaluated(meaning, rows, answer, context.parameters, cancel)

    def visible_at(self, context: Context) -> Visible:
        """Gives a SELECT of the rows of a table that the principal may see; with the pseudo-columns if so asked."""
        return lambda state, hidden: self.visible(state, context, hidden)

    def visible(self, state: TableState, context: Context, hidden: bool = False) -> str:
        """A SELECT of the rows of a table that the principal may see; `hidden`: with the pseudo-columns."""
        relation = self.storage.relation(state, hidden=hidden)
        if not state.policies:
            return relation
        mine = [p.predicate for p in state.policies if context.principal in p.grantees]
        predicates = " OR ".join(f"({st.predicate_sql(p)})" for p in mine) or "false"
        return f"SELECT * FROM ({relation}) WHERE {predicates}"


def _interrupt(connection: Any, ended: threading.Event) -> None:
    """Again and again until the session ends: DuckDB forgets an interrupt that comes between two statements."""

    def insist() -> None:
        while not ended.wait(0.02):
            connection.interrupt()

    threading.Thread(target=insist, daemon=True).start()


def _check_tags(state: TableState, columns: frozenset[str], principal: str) -> None:
    for column in state.columns:
        if column.policy_tagged and column.name.lower() in columns and principal not in state.readers:
            raise PermissionDenied(
                "Access Denied: BigQuery: User has neither fine-grained reader nor masked get permission to get "
                f"data protected by policy tag on column {state.id}.{column.name}."
            )


def _check_filters(meaning: Meaning, context: Context) -> None:
    """See that a table which requires a filter has one; behind views none is looked for."""
    moment = to_micros(context.snapshot) if context.snapshot else 0
    partitionings = {t: s.partitioning for t, s in meaning.states.items()}
    for table, read in partition_domains(meaning.query, context.parameters, partitionings, (moment, moment)).items():
        by = partitionings[table]
        if by is not None and by.filter_required and read.partitions is None:
            raise QueryError(
                f"Cannot query over table '{table}' without a filter over column(s) "
                f"'{(by.column or PARTITION_TIME).lower()}' that can be used for partition elimination"
            )


def _as_bigquery_says(failure: BigPatoError, outputs: Sequence[OutputColumn]) -> QueryError | None:
    """The error of a query that compiled SQL or the evaluator began; None where a translation may answer it."""
    if _NULL_ELEMENT.match(failure.message):
        name = next((o.name for o in outputs if o.type.kind is Kind.ARRAY), "f0_")
        return QueryError(f"Array cannot have a null element; error in writing field {name}")
    if not isinstance(failure, QueryError) or failure.message in _ONLY_LONG:
        return None
    _, guard, reason = failure.message.partition(_GUARD)
    return cannot(reason) if guard else failure


def _query_error(error: Exception) -> QueryError:
    """DuckDB's error as a QueryError, in BigQuery's words where they are known."""
    first = str(error).splitlines()[0]
    kind, _, text = first.partition(": ")
    if kind.endswith("Error") and text:
        first = text
    if first.startswith("Division by zero"):
        return QueryError("division by zero")
    if missing := _NO_FUNCTION.match(first):
        return cannot(f"DuckDB has no function {missing[1].upper()}")
    return QueryError(first)


def is_table(state: TableState) -> bool:
    """Whether its rows may be changed or transferred."""
    return state.kind in (TableKind.TABLE, TableKind.CLONE)
