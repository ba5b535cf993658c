"""DuckDB answers compiled queries over copies. It attaches their files read-only; it never writes to one.

Which copies may answer is decided above; how a copy's file is written stands in `local.write`.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets import Int, Unicode, observe
from traitlets.config import LoggingConfigurable

from bigpato_magic import bignumeric
from bigpato_magic.errors import Cancelled, DamagedCopy, LocalRunError
from bigpato_magic.local.columns import select_list
from bigpato_magic.local.plans import Plans
from bigpato_magic.local.relation import lazy_sql
from bigpato_magic.local.supervise import closed, supervised
from bigpato_magic.sql.physical import identifier, text
from bigpato_magic.status import Cancel
from bigpato_magic.traits import Size
from bigpato_magic.types import Column, Compiled, Kind, Parameter, TableCopy

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from bigpato_magic.local.write import Source, Written

_KEPT = 64
"""Copies that stay attached after their query; attaching one takes about a millisecond."""

_MAGIC = b"DUCK"


class LocalEngine(LoggingConfigurable):
    """One DuckDB instance per process, opened when first needed; safe to use from several threads."""

    threads = Int(0, min=0, help="Threads of a local query; 0 for all cores.").tag(config=True)
    memory_limit = Size(0, help="Memory of local queries, as '4 GiB'; 0 for DuckDB's own limit (80 % of it).").tag(
        config=True
    )
    kept_plans = Int(
        32, min=0, help="Queries whose plan DuckDB keeps: one that is run again is not planned again. 0 for none."
    ).tag(config=True)
    temp_directory = Unicode(
        "", help="Where large sorts and joins spill to; empty for a directory of this process in the tier's."
    ).tag(config=True)

    def __init__(self, **traits: Any) -> None:
        self._plans = Plans(0)
        super().__init__(**traits)
        self._lock = threading.RLock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._attached: OrderedDict[str, TableCopy] = OrderedDict()
        self._parts: Counter[Path] = Counter()
        self._used: Counter[str] = Counter()
        self._allowed: set[Path] = set()
        self._plans = Plans(self.kept_plans)
        self.on_damage: Callable[[tuple[str, ...]], None] | None = None
        """Called with the ids of copies whose files could not be read."""

    @observe("kept_plans")
    def _keep_so_many(self, _: Any) -> None:
        self._plans.forget()
        self._plans = Plans(self.kept_plans)

    # --------------------------------------------------------------------------------------- queries

    def execute(
        self,
        compiled: Compiled,
        copies: Sequence[TableCopy],
        parameters: Sequence[Parameter] = (),
        *,
        cancel: Cancel | None = None,
        progress: Callable[[float], None] | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> pa.Table:
        """Run compiled SQL over `copies`.

        Args:
            compiled: what `sql.compile` made; reads each copy by its `relation`.
            copies: all that it reads.
            parameters: their values; those that the SQL does not mention are left out.
            cancel: stops it within a second.
            progress: called with the share done, 0 to 1, while it runs.
            now: tells the moment that CURRENT_TIMESTAMP is, if the query asks for it; this machine's clock if None.

        Returns:
            A table with the schema of `frames.arrow_schema(compiled.outputs)`; of `inner` SQL as DuckDB holds it.

        Raises:
            LocalRunError: a guard (its message begins with `route: `), or an error of the data.
            DamagedCopy: a file is missing, cut or changed.
            Cancelled: `cancel` was set.
        """
        from bigpato_magic.frames import conform

        with self._use(copies) as cursor, self._errors(copies):
            values = _bound(compiled.sql, parameters) | _moment(compiled.sql, now)

            plans = Plans(0) if values else self._plans
            with plans.lent(compiled.sql, (copy.id for copy in copies), self._open().cursor) as plan:
                used = cursor if plan is None else plan.cursor

                def run() -> pa.Table:
                    # `execute` would collect the rows a second time on their way to Arrow.
                    rows = plan.rows(compiled.sql) if plan else cursor.sql(compiled.sql, params=values).to_arrow_table()
                    return rows if compiled.inner else conform(rows, compiled.outputs)

                table = supervised(run, used.interrupt, Cancel() if cancel is None else cancel, _watch(used, progress))
            plans.note(compiled.sql, table.num_rows)
            return table

    def relation(
        self, compiled: Compiled, copies: Sequence[TableCopy], parameters: Sequence[Parameter] = ()
    ) -> duckdb.DuckDBPyRelation:
        """The answer as a lazy relation, for compiled SQL that `relation.can_be_lazy`.

        It belongs to a DuckDB instance of its own, which reads these copies and nothing else of this machine, and
        ends with the last relation made from it. Copies that go meanwhile are read to the end: their files are open.

        Raises:
            DamagedCopy: a file is missing, cut or changed.
            LocalRunError: DuckDB refuses.
        """
        with self._errors(copies):
            connection = self._connect()
            for copy in copies:
                _show(connection, copy)
            return connection.sql(lazy_sql(compiled), params=_bound(compiled.sql, parameters))

    def rows(self, copy: TableCopy, *, cancel: Cancel | None = None) -> pa.Table:
        """All rows and columns of a copy, as BigQuery would deliver them. Raises as `execute` does."""
        from bigpato_magic.types import OutputColumn

        names = ", ".join(identifier(c.name) for c in copy.columns)
        outputs = tuple(OutputColumn(c.name, c.type) for c in copy.columns)
        return self.execute(Compiled(f"SELECT {names} FROM {copy.relation}", outputs), [copy], cancel=cancel)

    # ---------------------------------------------------------------------------------------- copies

    def write_copy(
        self,
        path: Path,
        columns: Sequence[Column],
        source: Source,
        *,
        group: str | None = None,
        cancel: Cancel | None = None,
        watch: Callable[[], None] | None = None,
    ) -> Written:
        """Write a new file; see `local.write.write_copy`."""
        from bigpato_magic.local.write import write_copy

        more: dict[str, Any] = {"group": group, "threads": self.threads, "cancel": cancel, "watch": watch}
        return write_copy(path, columns, source, temp_directory=path.parent, **more)

    def allow(self, directory: Path) -> None:
        """Let DuckDB read files below `directory`; everything else on this machine stays closed to it."""
        with self._lock:
            if directory not in self._allowed:
                self._allowed.add(directory)
                # DuckDB fixes what it may read when the rest is closed, so it is opened anew.
                self._forget_connection()

    def detach(self, copies: Sequence[str] | None = None) -> frozenset[str]:
        """Close the files of these copies (ids; None for all) unless a query reads them now.

        Returns:
            The ids that are still attached.
        """
        with self._lock:
            for id_ in list(self._attached) if copies is None else copies:
                if id_ in self._attached and not self._used[id_]:
                    self._detach(id_)
            return frozenset(self._attached)

    def close(self) -> None:
        """Close DuckDB and all files."""
        with self._lock:
            self._forget_connection()

    @contextlib.contextmanager
    def _use(self, copies: Sequence[TableCopy]) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor that sees the copies' relations, which stay until the block ends."""
        with self._lock:
            for copy in copies:
                self._attach(copy)
            self._used.update(copy.id for copy in copies)
            cursor = self._open().cursor()
        try:
            yield cursor
        finally:
            if closed(cursor):  # otherwise they are still read
                with self._lock:
                    self._used.subtract(copy.id for copy in copies)
                    self._let_go_of_oldest()

    def _attach(self, copy: TableCopy) -> None:
        if copy.id in self._attached:
            self._attached.move_to_end(copy.id)
            return
        with self._errors([copy]):
            _show(self._open(), copy)
        self._parts.update(part.path for part in copy.parts)
        self._attached[copy.id] = copy

    def _detach(self, id_: str) -> None:
        copy = self._attached.pop(id_)
        self._plans.forget(id_)
        if copy.needs_view:
            self._open().execute(f"DROP VIEW IF EXISTS {copy.relation}")
        self._parts.subtract(part.path for part in copy.parts)
        for part in copy.parts:
            if not self._parts[part.path]:
                del self._parts[part.path]
                self._open().execute(f"DETACH DATABASE IF EXISTS {part.database}")

    def _let_go_of_oldest(self) -> None:
        idle = [id_ for id_ in self._attached if not self._used[id_]]
        for id_ in idle[: max(0, len(self._attached) - _KEPT)]:
            self._detach(id_)

    # ------------------------------------------------------------------------------------ connection

    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        settings: dict[str, Any] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": self.temp_directory or default_temp_directory(),
        }
        if self.threads:
            settings["threads"] = self.threads
        if self.memory_limit:
            settings["memory_limit"] = f"{self.memory_limit}B"
        connection = duckdb.connect(config=settings)
        # A time zone given to connect() itself is not taken over.
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        connection.execute("SET GLOBAL python_enable_replacements = false")
        _define_functions(connection)
        # https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview
        places = ", ".join(text(f"{place}{os.sep}") for place in sorted(map(str, self._allowed)))
        connection.execute(f"SET allowed_directories = [{places}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection

    def _forget_connection(self) -> None:
        self._plans.forget()
        # A run that goes on meanwhile gives its plan back to the old ones.
        self._plans = Plans(self.kept_plans)
        self._attached.clear()
        self._parts.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextlib.contextmanager
    def _errors(self, copies: Sequence[TableCopy]) -> Iterator[None]:
        """DuckDB's errors as ours."""
        import duckdb
        import pyarrow as pa

        try:
            yield
        except duckdb.InterruptException as error:
            raise Cancelled from error
        except (duckdb.IOException, duckdb.SerializationException) as error:
            ids = tuple(copy.id for copy in copies)
            self._damaged(ids)
            raise DamagedCopy(f"a local file cannot be read: {_first_line(error)}", copies=ids) from error
        except DamagedCopy as error:
            self._damaged(error.copies)
            raise
        except (duckdb.FatalException, duckdb.InternalException) as error:
            with self._lock:
                # After such an error the instance refuses everything else.
                self._forget_connection()
            raise LocalRunError(f"DuckDB failed: {_first_line(error)}") from error
        except (duckdb.Error, pa.ArrowException, MemoryError, UnicodeError, ValueError) as error:
            raise LocalRunError(_message(error)) from error

    def _damaged(self, ids: tuple[str, ...]) -> None:
        if self.on_damage is not None:
            self.on_damage(ids)


def default_temp_directory() -> str:
    """A directory of this process's own; DuckDB makes it when it spills, and removes it."""
    return str(Path(tempfile.gettempdir()) / f"bigpato-{os.getuid()}-{os.getpid()}")


def check_file(path: Path, size: int, copy_id: str) -> None:
    """See that a part is there, whole in length, and a DuckDB file: cheap enough for every attaching.

    Raises:
        DamagedCopy: it is not.
    """
    try:
        with path.open("rb") as file:
            head = file.read(12)
            found = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise DamagedCopy(f"{path.name} cannot be read: {error.strerror}", copies=(copy_id,)) from error
    if found != size or head[8:] != _MAGIC:
        raise DamagedCopy(f"{path.name} is not the file that was written", copies=(copy_id,))


def _show(connection: duckdb.DuckDBPyConnection, copy: TableCopy) -> None:
    """Attach a copy's files, and make its view if it needs one."""
    for part in copy.parts:
        check_file(part.path, part.bytes, copy.id)
        connection.execute(f"ATTACH IF NOT EXISTS {text(str(part.path))} AS {part.database} (READ_ONLY)")
    if copy.needs_view:
        connection.execute(f"CREATE OR REPLACE VIEW {copy.relation} AS {_union(copy)}")


def _define_functions(connection: duckdb.DuckDBPyConnection) -> None:
    from importlib import import_module

    from bigpato_magic.sql import rules

    found = rules.udfs()
    bodies = import_module("bigpato_magic.sql.udfs") if found else None
    as_arrow: Any = {"type": "arrow", "null_handling": "special"}
    for udf in found:
        body = _with_arity(getattr(bodies, udf.body), len(udf.arguments))
        connection.create_function(udf.name, body, list(udf.arguments), udf.result, **as_arrow)
    # After the functions that macros call.
    for statement in rules.macros():
        # A TEMP macro would be seen by one cursor only.
        connection.execute(statement.replace("CREATE OR REPLACE TEMP MACRO", "CREATE OR REPLACE MACRO", 1))


def _with_arity(body: Callable[..., Any], arity: int) -> Callable[..., Any]:
    """`body` as DuckDB wants it: it counts the arguments of the signature, and hands over chunked arrays."""
    from inspect import Parameter as Argument
    from inspect import Signature

    def call(*columns: pa.ChunkedArray) -> pa.Array:
        return body(*(column.combine_chunks() for column in columns))

    arguments = [Argument(f"a{i}", Argument.POSITIONAL_ONLY) for i in range(arity)]
    call.__signature__ = Signature(arguments)  # type: ignore[attr-defined]
    return call


def _union(copy: TableCopy) -> str:
    items = select_list(copy.columns, copy.stats)
    return " UNION ALL ".join(f"SELECT {items} FROM {part.database}.rows" for part in copy.parts)


def _bound(sql: str, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """The values of the parameters that the SQL mentions: `$name`, or `$p1` … for positional ones."""
    if not parameters:
        return {}
    import duckdb

    wanted = duckdb.extract_statements(sql)[0].named_parameters
    given = {(p.name or f"p{i}").lower(): _held(p) for i, p in enumerate(parameters, 1)}
    return {name: given[name.lower()] for name in wanted if name.lower() in given}


def _moment(sql: str, now: Callable[[], datetime] | None) -> dict[str, int]:
    """The moment of the query, as `sql.rules.dates` asks for it: microseconds since 1970."""
    if "$bp_now" not in sql:
        return {}
    moment = now() if now else datetime.now(UTC)
    return {"bp_now": (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)}


def _held(parameter: Parameter) -> Any:
    """A value as DuckDB is given it."""
    if parameter.type.kind is Kind.BIGNUMERIC and parameter.value is not None:
        return bignumeric.encode(bignumeric.units(Decimal(parameter.value)))
    return parameter.value


def _watch(cursor: Any, progress: Callable[[float], None] | None) -> Callable[[], None] | None:
    if progress is None:
        return None
    return lambda: progress(max(0.0, cursor.query_progress()) / 100)


def _message(error: BaseException) -> str:
    """`route: …` of a guard; DuckDB's own first line of anything else."""
    line = _first_line(error)
    return line[line.index("route: ") :] if "route: " in line else line


def _first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0]
