"""DuckDB answers compiled queries over copies. It attaches their files read-only; it never writes to one.

Which copies may answer is decided above; how a copy's file is written stands in `local.write`.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from traitlets import Int, Unicode, observe

from bigpato_magic import forks
from bigpato_magic.errors import Cancelled, DamagedCopy, LocalRunError
from bigpato_magic.local.attach import show
from bigpato_magic.local.bound import bound
from bigpato_magic.local.constants import Constants
from bigpato_magic.local.instance import connect, default_temp_directory
from bigpato_magic.local.prepared import PreparedQueries
from bigpato_magic.local.relation import lazy_sql
from bigpato_magic.local.supervise import closed, first_line, heeding_ctrl_c, supervised
from bigpato_magic.sql.physical import identifier
from bigpato_magic.status import Cancel
from bigpato_magic.traits import Configured, Size
from bigpato_magic.types import Column, Compiled, Parameter, TableCopy

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from bigpato_magic.local.write import RowSource, Written

_KEPT = 64
"""Copies that stay attached after their query; attaching one takes about a millisecond."""


class _Use:
    """One run that reads copies; it ends with its frame, also where an interrupt comes in between."""


class LocalEngine(Configured):
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
        self._prepared = PreparedQueries(0)
        super().__init__(**traits)
        self._allowed: set[Path] = set()
        self.on_damage: Callable[[tuple[str, ...]], None] | None = None
        """Called with the ids of copies whose files could not be read."""
        self._begin()
        forks.register(self)

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._attached: OrderedDict[str, TableCopy] = OrderedDict()
        self._parts: Counter[Path] = Counter()
        self._unended: list[_Use] = []
        self._used: dict[str, WeakSet[_Use]] = {}
        self._prepared = PreparedQueries(self.kept_plans)
        self._constants = Constants()

    def begin_anew(self) -> None:
        """In a forked child: a DuckDB of its own, when it is needed."""
        forks.abandon(self._connection, self._prepared)
        self._begin()

    @observe("kept_plans")
    def _resize_prepared(self, _: Any) -> None:
        self._prepared.forget()
        self._prepared = PreparedQueries(self.kept_plans)

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
            values = bound(cursor, compiled.sql, parameters, now)
            queries = PreparedQueries(0) if values else self._prepared
            with queries.lent(compiled.sql, (copy.id for copy in copies), self._open().cursor) as prepared:
                used = cursor if prepared is None else prepared.cursor

                def run() -> pa.Table:
                    self._constants.evaluate(used, compiled.constants, values)
                    # `execute` would collect the rows a second time on their way to Arrow.
                    rows = (
                        prepared.rows(compiled.sql)
                        if prepared
                        else cursor.sql(compiled.sql, params=values).to_arrow_table()
                    )
                    return rows if compiled.inner else conform(rows, compiled.outputs)

                table = supervised(run, used.interrupt, Cancel() if cancel is None else cancel, _watch(used, progress))
            queries.note(compiled.sql, table.num_rows)
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
                show(connection, copy)
            return connection.sql(lazy_sql(compiled), params=bound(connection, compiled.sql, parameters))

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
        source: RowSource,
        **how: Any,
    ) -> Written:
        """Write a new file; see `local.write.write_copy`, which has the other arguments, too."""
        from bigpato_magic.local.write import write_copy

        return write_copy(path, columns, source, temp_directory=path.parent, threads=self.threads, **how)

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
                if id_ in self._attached and not self._used.get(id_):
                    self._detach(id_)
            return frozenset(self._attached)

    def close(self) -> None:
        """Close DuckDB and all files."""
        with self._lock:
            self._forget_connection()

    @contextlib.contextmanager
    def _use(self, copies: Sequence[TableCopy]) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor that sees the copies' relations, which stay until the block ends."""
        use = _Use()
        with self._lock, self._errors(()):
            for copy in copies:
                self._attach(copy)
                self._used.setdefault(copy.id, WeakSet()).add(use)
            cursor = self._open().cursor()
        try:
            yield cursor
        finally:
            if closed(cursor):
                with self._lock:
                    for copy in copies:
                        self._used.get(copy.id, WeakSet[_Use]()).discard(use)
                    self._detach_oldest_idle()
            else:  # they are still read
                self._unended.append(use)

    def _attach(self, copy: TableCopy) -> None:
        if copy.id in self._attached:
            self._attached.move_to_end(copy.id)
            return
        with self._errors([copy]):
            show(self._open(), copy)
        self._parts.update(part.path for part in copy.parts)
        self._attached[copy.id] = copy

    def _detach(self, id_: str) -> None:
        copy = self._attached.pop(id_)
        self._prepared.forget(id_)
        if copy.needs_view:
            self._open().execute(f"DROP VIEW IF EXISTS {copy.relation}")
        self._parts.subtract(part.path for part in copy.parts)
        for part in copy.parts:
            if not self._parts[part.path]:
                del self._parts[part.path]
                self._open().execute(f"DETACH DATABASE IF EXISTS {part.database}")

    def _detach_oldest_idle(self) -> None:
        self._used = {id_: uses for id_, uses in self._used.items() if uses}
        idle = [id_ for id_ in self._attached if id_ not in self._used]
        for id_ in idle[: max(0, len(self._attached) - _KEPT)]:
            self._detach(id_)

    # ------------------------------------------------------------------------------------ connection

    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> duckdb.DuckDBPyConnection:
        return connect(
            self._allowed,
            threads=self.threads,
            memory_limit=self.memory_limit,
            temp_directory=self.temp_directory or default_temp_directory(),
        )

    def _forget_connection(self) -> None:
        self._prepared.forget()
        # A run that goes on meanwhile gives its query back to the old ones.
        self._prepared = PreparedQueries(self.kept_plans)
        self._attached.clear()
        self._parts.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            closed(connection)  # what still works ends with its statement: nobody asks it again

    @contextlib.contextmanager
    def _errors(self, copies: Sequence[TableCopy]) -> Iterator[None]:
        """DuckDB's errors as ours."""
        import duckdb
        import pyarrow as pa

        try:
            with heeding_ctrl_c():
                yield
        except duckdb.InterruptException as error:
            raise Cancelled from error
        except (duckdb.IOException, duckdb.SerializationException) as error:
            ids = tuple(copy.id for copy in copies)
            self._damaged(ids)
            raise DamagedCopy(f"a local file cannot be read: {first_line(error)}", copies=ids) from error
        except DamagedCopy as error:
            self._damaged(error.copies)
            raise
        except (duckdb.FatalException, duckdb.InternalException) as error:
            with self._lock:
                # After such an error the instance refuses everything else.
                self._forget_connection()
            raise LocalRunError(f"DuckDB failed: {first_line(error)}") from error
        except (duckdb.Error, pa.ArrowException, MemoryError, UnicodeError, ValueError) as error:
            raise LocalRunError(_message(error)) from error

    def _damaged(self, ids: tuple[str, ...]) -> None:
        if self.on_damage is not None:
            self.on_damage(ids)


def _watch(cursor: Any, progress: Callable[[float], None] | None) -> Callable[[], None] | None:
    if progress is None:
        return None
    return lambda: progress(max(0.0, cursor.query_progress()) / 100)


def _message(error: BaseException) -> str:
    """`route: …` of a guard; DuckDB's own first line of anything else."""
    line = first_line(error)
    return line[line.index("route: ") :] if "route: " in line else line
