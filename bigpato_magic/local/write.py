"""Write one immutable DuckDB file from Parquet files, Arrow batches or an older copy, in bounded memory.

Columns are typed by BigQuery's schema, never by what the file says. When and where to write is `tier`'s business.
"""

from __future__ import annotations

import contextlib
import glob
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bigpato_magic.errors import Cancelled, TransferError
from bigpato_magic.local.columns import decimal, stored
from bigpato_magic.local.measure import measure, scale_of
from bigpato_magic.local.stream import Stream
from bigpato_magic.local.supervise import NO_BAR, first_line, heeding_ctrl_c, supervised
from bigpato_magic.sql.physical import duck_type, identifier, text
from bigpato_magic.status import Cancel
from bigpato_magic.types import Column, ColumnStats, Kind

MEMORY = "384MB"
"""DuckDB's share of the writer's memory; Arrow's buffers and the allocator's slack come on top: below 1 GiB in all."""

BLOCK = 262_144
"""Bytes of a block of a DuckDB file, where nobody says otherwise. https://duckdb.org/docs/stable/sql/statements/attach"""

_SMALL = 9
"""Digits before the point with which a NUMERIC fits DECIMAL(18,9), a 64-bit number."""


@dataclass(frozen=True, slots=True)
class RowSource:
    """Where rows come from; exactly one is given.

    Args:
        files: Parquet files.
        batches: `pyarrow.RecordBatch`es, consumed once.
        parts: DuckDB files of copies, each with the SQL condition of the rows to take (`true` for all).
    """

    files: tuple[Path, ...] = ()
    batches: Iterator[Any] | None = None
    parts: tuple[tuple[Path, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Args:
        rows: how many.
        stats: what is certain of each column, by lower-case name.
        groups: rows of each group, where one was asked for.
    """

    rows: int
    stats: Mapping[str, ColumnStats] = field(default_factory=dict)
    groups: Mapping[str, int] | None = None


@heeding_ctrl_c()
def write_copy(
    path: Path,
    columns: Sequence[Column],
    source: RowSource,
    *,
    temp_directory: Path,
    group: str | None = None,
    threads: int = 0,
    in_order: bool = False,
    block: int = BLOCK,
    cancel: Cancel | None = None,
    watch: Callable[[], None] | None = None,
) -> Written:
    """Write the file `path` with its one table `rows`.

    Args:
        path: must not exist yet.
        columns: all `storable`; the source may have more.
        source: of the rows.
        temp_directory: where DuckDB may spill to.
        group: SQL of a text of each row whose rows are counted (the id of its partition).
        threads: 0 for all cores.
        in_order: the rows lie as they come; one thread writes them.
        block: bytes of a block of the file, a power of two from 16 KiB to 256 KiB; a file takes at least two or three.
        cancel: stops it within a second.
        watch: called often while it runs; what it raises stops the writing (a full disk, a budget).

    Raises:
        TransferError: a value does not fit its BigQuery type, a column is missing, or the disk is full.
        Cancelled: `cancel` was set.
    """
    with _writable(path) as draft:
        layout = _Layout(in_order, block, 1 if in_order else threads)
        writer = _Writer(draft, tuple(columns), source, group, temp_directory, layout)
        with contextlib.closing(writer):
            return supervised(writer.write, writer.interrupt, Cancel() if cancel is None else cancel, watch)


@contextlib.contextmanager
def _writable(path: Path) -> Iterator[Path]:
    """Where DuckDB can write a file for `path`: where a `?` is in it, it would look for its log before that."""
    if "?" not in str(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="bigpato-") as elsewhere:
        draft = Path(elsewhere, path.name)
        yield draft
        shutil.move(draft, path)


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a file is written."""

    in_order: bool
    block: int
    threads: int


class _Writer:
    """One writing, with a DuckDB instance of its own: its memory is bounded and its settings are nobody else's."""

    def __init__(
        self, path: Path, columns: tuple[Column, ...], source: RowSource, group: str | None, temp: Path, layout: _Layout
    ) -> None:
        import duckdb

        self.path, self.columns, self.source, self.group, self.block = path, columns, source, group, layout.block
        self.failure: BaseException | None = None
        self.stopped = False
        self.small: frozenset[str] = frozenset()
        settings: dict[str, Any] = {
            "memory_limit": MEMORY,
            "temp_directory": str(temp),
            # BigQuery's tables have no order, and keeping one costs memory; a query's answer may have one.
            "preserve_insertion_order": str(layout.in_order).lower(),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        self.connection = duckdb.connect(config=settings | ({"threads": layout.threads} if layout.threads else {}))
        self.connection.execute(NO_BAR)

    def interrupt(self) -> None:
        self.stopped = True
        self.connection.interrupt()

    def close(self) -> None:
        self.connection.close()

    def write(self) -> Written:
        import duckdb

        try:
            return self._write()
        except (duckdb.Error, MemoryError) as error:
            if self.failure is not None:
                raise self.failure from error
            raise TransferError(f"DuckDB could not write {self.path.name}: {first_line(error)}") from error

    def _write(self) -> Written:
        self._run("SET TimeZone = 'UTC'")
        # Nobody reads a file that was not finished, so a log to finish it from would only cost time.
        self._run(f"ATTACH {text(str(self.path))} AS copy (RECOVERY_MODE no_wal_writes, BLOCK_SIZE {self.block})")
        if self.source.batches is not None:
            self._from_batches(self.source.batches)
        elif self.source.files:
            self._from_relation(f"read_parquet([{', '.join(text(glob.escape(str(f))) for f in self.source.files)}])")
        elif self.source.parts:
            self._from_parts()
        else:
            self._create({})
        rows, stats = measure(self._run, "copy.rows", self.columns)
        groups = None
        if self.group is not None:
            groups = dict(self._run(f"SELECT {self.group}, count(*) FROM copy.rows GROUP BY 1").fetchall())
        self._run("DETACH copy")
        return Written(rows, stats, groups)

    def _run(self, sql: str) -> Any:
        if self.stopped:
            raise Cancelled
        return self.connection.execute(sql)

    def _create(self, held: Mapping[str, str], select: str | None = None) -> None:
        if select:
            self._run(f"CREATE TABLE copy.rows AS {select}")
            return
        empty = ", ".join(f"CAST(NULL AS {_held(c, held)}) AS {identifier(c.name)}" for c in self.columns)
        self._run(f"CREATE TABLE copy.rows AS SELECT {empty} LIMIT 0")

    # ----------------------------------------------------------------------------------- whole relations

    def _from_relation(self, relation: str) -> None:
        """Everything of a relation that can be read twice: first the NUMERICs for their widths, then all of it."""
        self._require(self._run(f"DESCRIBE FROM {relation}").fetchall())
        held = self._widths(relation)
        self._create(held, f"SELECT {self._items(held)} FROM {relation}")

    def _items(self, held: Mapping[str, str]) -> str:
        return ", ".join(f"{self._loaded(c, held)} AS {identifier(c.name)}" for c in self.columns)

    def _loaded(self, column: Column, held: Mapping[str, str]) -> str:
        source = identifier(column.name)
        if column.name.lower() in self.small:
            # Rescaling a 128-bit number costs ten times as much as rescaling a 64-bit one.
            source = f"CAST({source} AS DECIMAL(18,9))"
        return stored(source, column.type, held.get(column.name.lower()))

    def _require(self, described: Sequence[tuple[Any, ...]]) -> None:
        delivered = {str(row[0]).lower() for row in described}
        missing = [c.name for c in self.columns if c.name.lower() not in delivered]
        if missing:
            raise TransferError(f"the transfer brought no column {missing[0]}")

    def _widths(self, relation: str) -> dict[str, str]:
        """The narrowest type that holds every value of each NUMERIC column."""
        numerics = [c.name for c in self.columns if c.type.kind is Kind.NUMERIC]
        if not numerics:
            return {}
        wide = [f"CAST({identifier(n)} AS DECIMAL(38,9)) AS {identifier(n)}" for n in numerics]
        values = f"(SELECT {', '.join(wide)} FROM {relation})"
        reach = ", ".join(f"greatest(abs(min({identifier(n)})), abs(max({identifier(n)})))" for n in numerics)
        most = self._run(f"SELECT {reach} FROM {values}").fetchone()
        digits = {n: len(str(int(m))) if m else 0 for n, m in zip(numerics, most, strict=True)}
        used = ", ".join(_scale(identifier(n), digits[n]) for n in numerics)
        scales = self._run(f"SELECT {used} FROM {values}").fetchone()
        self.small = frozenset(n.lower() for n in numerics if digits[n] <= _SMALL)
        return {n.lower(): decimal(digits[n], s or 0) for n, s in zip(numerics, scales, strict=True)}

    def _from_parts(self) -> None:
        """Rows of older files of the same table; they hold values in their final shape already."""
        names = ", ".join(identifier(c.name) for c in self.columns)
        for number, (path, _) in enumerate(self.source.parts):
            self._run(f"ATTACH {text(str(path))} AS part{number} (READ_ONLY)")
        rows = " UNION ALL ".join(
            f"SELECT {names} FROM part{number}.rows WHERE {condition}"
            for number, (_, condition) in enumerate(self.source.parts)
        )
        held = self._widths(f"({rows})")
        items = ", ".join(
            f"CAST({identifier(c.name)} AS {_held(c, held)}) AS {identifier(c.name)}" for c in self.columns
        )
        self._create(held, f"SELECT {items} FROM ({rows})")

    # ------------------------------------------------------------------------------------ Arrow batches

    def _from_batches(self, batches: Iterator[Any]) -> None:
        """A stream can be read only once: widths come from its first batch, and grow where a later one needs it."""
        loader = Stream(self.columns, batches)
        self._create(loader.held)
        while (reader := loader.reader()) is not None:
            self.connection.register("stream", reader)
            try:
                self._run(f"INSERT INTO copy.rows SELECT {self._items(loader.held)} FROM stream")
            finally:
                self.connection.unregister("stream")
                self.failure = loader.failure
            for name, wider in loader.widen().items():
                self._run(f"ALTER TABLE copy.rows ALTER {identifier(name)} TYPE {wider}")


def _held(column: Column, held: Mapping[str, str]) -> str:
    return held.get(column.name.lower()) or duck_type(column.type)


def _scale(value: str, digits: int) -> str:
    return scale_of(f"CAST({value} AS DECIMAL(18,9))", 18, 9) if digits <= _SMALL else scale_of(value, 38, 9)
