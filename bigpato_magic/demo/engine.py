"""Run a SELECT of the demo warehouse in DuckDB, with the types and names that BigQuery would give its result."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bigpato_magic.demo import statement as st
from bigpato_magic.demo.analyzed import analyzed_types
from bigpato_magic.demo.catalogue import Catalogue, TableState
from bigpato_magic.demo.parameters import parameter_values, type_parameters
from bigpato_magic.demo.results import outputs_of, refuse_duplicates, result_sql
from bigpato_magic.demo.storage import PARTITION_TIME, Storage, literal
from bigpato_magic.errors import Cancelled, PermissionDenied, QueryError, TableNotFound
from bigpato_magic.frames import conform
from bigpato_magic.status import Cancel
from bigpato_magic.types import OutputColumn, Parameter, TableId, TableKind

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot import exp

_PSEUDO = frozenset({"_partitiontime", "_partitiondate"})
_NO_FUNCTION = re.compile(r'\w+ Function with name "?(\w+)"? (?:does not exist|is not in the catalog)')
_CANDIDATES = re.compile(r'Referenced column "([^"]+)" not found.*\nCandidate bindings: (.+)')
_MAX_VIEW_DEPTH = 16  # https://cloud.google.com/bigquery/quotas#view_limits


@dataclass(frozen=True, slots=True)
class Context:
    """Under which a statement runs.

    Args:
        project: of names without one.
        dataset: of names without one, None if they must have one.
        principal: who asks.
        snapshot: read all tables as of this instant, None for now.
        parameters: of the query.
    """

    project: str
    dataset: str | None
    principal: str
    snapshot: datetime | None = None
    parameters: tuple[Parameter, ...] = ()

    @property
    def default(self) -> tuple[str, str | None]:
        """Project and dataset of unqualified names."""
        return self.project, self.dataset


@dataclass(frozen=True, slots=True)
class Prepared:
    """A SELECT with its tables found and its views written out.

    Args:
        query: sqlglot's tree, still with BigQuery's names.
        states: of the tables it reads, all of one instant.
        named: tables that its text names, views included.
        reading: columns read, types of the result.
        instant: of the states.
    """

    query: exp.Query
    states: Mapping[TableId, TableState]
    named: tuple[TableId, ...]
    reading: st.Reading
    instant: datetime

    @property
    def bytes_processed(self) -> int:
        """Logical bytes of the columns read, whole: https://cloud.google.com/bigquery/pricing#on_demand_pricing."""
        return sum(_bytes_read(state, self.reading.columns.get(t)) for t, state in self.states.items())


def _bytes_read(state: TableState, columns: frozenset[str] | None) -> int:
    sizes = [p.sizes for p in (*state.parts, *state.buffered)]
    wanted = columns if columns is not None else {c.name.lower() for c in state.columns}
    return sum(size for part in sizes for name, size in part.items() if name.lower() in wanted)


class Engine:
    """An in-memory DuckDB that reads the warehouse's files; each query has a session of its own."""

    def __init__(
        self, catalogue: Catalogue, storage: Storage, *, spill: Path, threads: int | None, memory_limit: str | None
    ) -> None:
        import duckdb

        self.catalogue = catalogue
        self.storage = storage
        self._lock = threading.Lock()
        self._root = duckdb.connect(":memory:")
        self._root.execute("SET TimeZone = 'UTC'")
        self._root.execute("SET enable_progress_bar = false")
        self._root.execute(f"SET temp_directory = {literal(str(spill))}")
        if threads:
            self._root.execute(f"SET threads = {int(threads)}")
        if memory_limit:
            self._root.execute(f"SET memory_limit = {literal(memory_limit)}")

    @contextmanager
    def session(self, cancel: Cancel | None = None) -> Iterator[Any]:
        """A connection whose temporary views nobody else sees; DuckDB's errors become QueryErrors.

        Raises:
            QueryError: DuckDB refuses.
            Cancelled: `cancel` was set.
        """
        import duckdb

        with self._lock:
            connection = self._root.cursor()
        closed = threading.Event()
        try:
            if cancel is not None:
                cancel.on_set(lambda: _interrupt(connection, closed))
                cancel.check()
            yield connection
        except duckdb.InterruptException:
            raise Cancelled from None
        except (duckdb.Error, RuntimeError) as error:
            raise _query_error(error) from error
        finally:
            closed.set()
            connection.close()

    def close(self) -> None:
        """Let go of DuckDB's memory and spill files; a query that was stopped may still be on its way out."""
        with self._lock:
            self._root.close()

    # ------------------------------------------------------------------------------- preparing

    def prepare(self, query: exp.Query, context: Context) -> Prepared:
        """Find the tables and write the views out; nothing is run.

        Raises:
            QueryError: a name is unknown, or the demo warehouse does not do this.
            PermissionDenied: a policy tag.
        """
        query = query.copy()
        st.name_anonymous(query)
        named, states, instant = self.resolve(query, context)
        columns = {t: s.columns for t, s in states.items()}
        reading = st.read(query, columns, context.default)
        types = analyzed_types(query, states, context.default, context.parameters)
        reading = replace(reading, types=types or reading.types)
        for state in states.values():
            _check_tags(state, reading.columns.get(state.id), context.principal)
            _check_filter(state, query)
        return Prepared(query, states, named, reading, instant)

    def resolve(
        self, query: exp.Expr, context: Context
    ) -> tuple[tuple[TableId, ...], dict[TableId, TableState], datetime]:
        """Write the views out; the tables that were named, the states of those that are read, and their instant.

        Raises:
            QueryError: a name is unknown, or views are nested too deeply.
        """
        named = tuple(dict.fromkeys(r.table for r in st.references(query, context.default)))
        for _ in range(_MAX_VIEW_DEPTH):
            found = st.references(query, context.default)
            instant, states = self.lookup({r.table for r in found}, context)
            views = [r for r in found if states[r.table].definition is not None]
            if not views:
                return named, states, instant
            for view in views:
                _write_out(view, states[view.table].definition or "")
        raise QueryError("Views are nested too deeply.")

    def lookup(self, tables: set[TableId], context: Context) -> tuple[datetime, dict[TableId, TableState]]:
        """The states of all of them at one instant.

        Raises:
            TableNotFound: one is not there.
        """
        instant, states = self.catalogue.states(tables, context.snapshot)
        for table in sorted(tables - states.keys()):
            raise not_found(table, self.catalogue.datasets(table.project))
        return instant, states

    # --------------------------------------------------------------------------------- running

    def run(
        self, prepared: Prepared, context: Context, cancel: Cancel | None = None
    ) -> tuple[pa.Table, tuple[OutputColumn, ...]]:
        """The result, with `frames.arrow_schema(outputs)`.

        Raises:
            QueryError: DuckDB refuses.
            Cancelled: `cancel` was set.
        """
        import pyarrow as pa

        with self.session(cancel) as con:
            sql, outputs = self.compile(con, prepared, context)
            table = con.sql(sql, params=parameter_values(context.parameters)).to_arrow_table()
            try:
                return conform(table, outputs), outputs
            except pa.ArrowInvalid as error:
                raise QueryError(f"A value of the result does not fit: {error}") from None

    def outputs(self, prepared: Prepared, context: Context) -> tuple[OutputColumn, ...]:
        """Names and types of the result, without running it."""
        with self.session() as con:
            return self.compile(con, prepared, context)[1]

    def compile(self, con: Any, prepared: Prepared, context: Context) -> tuple[str, tuple[OutputColumn, ...]]:
        """DuckDB's SQL over views that are made in `con`, typed as BigQuery types it."""
        query = prepared.query.copy()
        self.bind(con, query, prepared.states, context)
        sql = st.to_duckdb(query)
        described = con.execute(f"DESCRIBE {sql}", parameter_values(context.parameters)).fetchall()
        outputs = outputs_of(described, prepared.reading.types)
        refuse_duplicates(outputs)
        inner = ", ".join(f"c{i}" for i in range(len(outputs)))
        casts = (result_sql(f"c{i}", o) for i, o in enumerate(outputs))
        return f"SELECT {', '.join(casts)} FROM ({sql}) AS q({inner})", outputs

    def bind(
        self, con: Any, query: exp.Expr, states: Mapping[TableId, TableState], context: Context
    ) -> dict[TableId, str]:
        """Make a view for each table, and let the query name it; parameters get their types."""
        hidden = _mentions_pseudo(query)
        found = st.references(query, context.default)
        names: dict[TableId, str] = {}
        for table in dict.fromkeys(r.table for r in found):
            names[table] = f"r{len(names)}"
            relation = self.visible(states[table], context, hidden=hidden)
            con.execute(f"CREATE OR REPLACE TEMP VIEW {names[table]} AS {relation}")
        if hidden and any(s.by_ingestion for s in states.values()):
            _hide_pseudo(query)
        st.rename(found, names)
        type_parameters(query, context.parameters)
        return names

    def visible(self, state: TableState, context: Context, *, hidden: bool = False) -> str:
        """A SELECT of the rows of a table that the principal may see."""
        relation = self.storage.relation(state, hidden=hidden)
        if not state.policies:
            return relation
        mine = [p.predicate for p in state.policies if context.principal in p.grantees]
        predicates = " OR ".join(f"({_predicate(p)})" for p in mine) or "false"
        return f"SELECT * FROM ({relation}) WHERE {predicates}"


def _interrupt(connection: Any, closed: threading.Event) -> None:
    """Again and again until the session ends: DuckDB forgets an interrupt that comes between two statements."""

    def insist() -> None:
        while not closed.wait(0.02):
            connection.interrupt()

    threading.Thread(target=insist, daemon=True).start()


def not_found(table: TableId, datasets: Sequence[str]) -> TableNotFound:
    """BigQuery's sentence for a table, or a dataset, that is not there."""
    if table.dataset not in datasets:
        return TableNotFound(f"Not found: Dataset {table.project}:{table.dataset} was not found in location US")
    return TableNotFound(f"Not found: Table {table.project}:{table.dataset}.{table.table} was not found in location US")


def _predicate(text: str) -> str:
    import sqlglot

    return sqlglot.parse_one(text, read="bigquery").sql(dialect="duckdb")


def _write_out(view: st.Reference, definition: str) -> None:
    from sqlglot import exp

    alias = view.node.alias or view.table.table
    inner = st.parse(definition)[0]
    view.node.replace(exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True))))


def _check_tags(state: TableState, columns: frozenset[str] | None, principal: str) -> None:
    for column in state.columns:
        read = columns is None or column.name.lower() in columns
        if column.policy_tagged and read and principal not in state.readers:
            raise PermissionDenied(
                "Access Denied: BigQuery: User has neither fine-grained reader nor masked get permission to get "
                f"data protected by policy tag on column {state.id}.{column.name}."
            )


def _check_filter(state: TableState, query: exp.Query) -> None:
    from sqlglot import exp

    if state.partitioning is None or not state.partitioning.filter_required:
        return
    wanted = (state.partitioning.column or PARTITION_TIME).lower()
    names = {c.name.lower() for w in query.find_all(exp.Where, exp.Join) for c in w.find_all(exp.Column)}
    if not names & ({wanted} | (_PSEUDO if state.by_ingestion else set())):
        raise QueryError(
            f"Cannot query over table '{state.id}' without a filter over column(s) '{wanted}' "
            "that can be used for partition elimination"
        )


def _mentions_pseudo(query: exp.Expr) -> bool:
    from sqlglot import exp

    return any(c.name.lower() in _PSEUDO for c in query.find_all(exp.Column))


def _hide_pseudo(query: exp.Expr) -> None:
    """`SELECT *` never shows a pseudo-column."""
    from sqlglot import exp

    for star in list(query.find_all(exp.Star)):
        if isinstance(star.parent, exp.Select) and not star.args.get("except_"):
            hidden = [exp.column(PARTITION_TIME), exp.column("_PARTITIONDATE")]
            star.set("except_", hidden)


def _query_error(error: Exception) -> QueryError:
    """DuckDB's error as a QueryError, in BigQuery's words where they are known."""
    whole = str(error)
    first = whole.splitlines()[0]
    kind, _, text = first.partition(": ")
    if kind.endswith("Error") and text:
        first = text
    if missing := _NO_FUNCTION.match(first):
        return st.cannot(f"DuckDB has no function {missing[1].upper()}")
    return QueryError(first, hint=_meant(whole))


def _meant(message: str) -> str | None:
    """The column that was probably meant by a name that is none."""
    found = _CANDIDATES.search(message)
    if found is None:
        return None
    names = [name.rpartition(".")[2] for name in re.findall(r'"([^"]+)"', found[2])]
    close = get_close_matches(found[1], names, n=1)
    return f"did you mean {close[0]}?" if close else None


def is_table(state: TableState) -> bool:
    """Whether its rows may be changed or transferred."""
    return state.kind in (TableKind.TABLE, TableKind.CLONE)
