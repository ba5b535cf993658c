"""The Parquet files that tables of the demo warehouse consist of: writing them, and reading them as a relation."""

from __future__ import annotations

import glob
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bigpato_magic import system
from bigpato_magic.demo.history import PartFile, TableState
from bigpato_magic.demo.sqltypes import duck_type, size_sql
from bigpato_magic.pruning import partition_ids
from bigpato_magic.sql.physical import identifier, text
from bigpato_magic.types import Column, Kind, Partitioning, PartitionUnit, SqlType

if TYPE_CHECKING:
    import pyarrow as pa

PARTITION_TIME = "_PARTITIONTIME"
_INGESTION = Column(PARTITION_TIME, SqlType(Kind.TIMESTAMP))
PSEUDO_COLUMNS = (_INGESTION, Column("_PARTITIONDATE", SqlType(Kind.DATE)))
_ORPHAN_AGE = 3600.0  # seconds: a file that young may belong to a change that is not finished


def stored_columns(columns: Sequence[Column], partitioning: Partitioning | None) -> tuple[Column, ...]:
    """The columns of the files: the schema, and the hidden instant of arrival where rows are partitioned by it."""
    hidden = (_INGESTION,) if partitioning and partitioning.column is None else ()
    return (*columns, *hidden)


class Storage:
    """The files under `directory`, each written once and never changed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, part: PartFile) -> Path:
        """Where a part is."""
        return self.directory / part.file

    def write(
        self, con: Any, source: str, columns: Sequence[Column], partitioning: Partitioning | None = None
    ) -> tuple[PartFile, ...]:
        """Write the rows of `source` (a relation or a SELECT in parentheses), one file or more for each partition.

        Raises:
            duckdb.Error: the rows cannot be had, or do not fit the columns.
        """
        stored = stored_columns(columns, partitioning)
        if partitioning is None:
            return self._write_one(con, f"SELECT {_as_stored(stored)} FROM {source} AS s", stored, None)
        key = partition_sql(partitioning)
        ids = [row[0] for row in con.execute(f"SELECT DISTINCT {key} FROM {source} AS s ORDER BY 1").fetchall()]
        select = f"SELECT {_as_stored(stored)} FROM {source} AS s WHERE {key} = "
        return tuple(p for i in ids for p in self._write_one(con, select + text(i), stored, i))

    def _write_one(
        self, con: Any, select: str, columns: Sequence[Column], partition: str | None
    ) -> tuple[PartFile, ...]:
        name = f"{uuid.uuid4().hex}.parquet"
        path = self.directory / name
        con.execute(f"COPY ({select}) TO {text(str(path))} (FORMAT parquet, COMPRESSION zstd)")
        path.chmod(0o600)
        rows, sizes = self._measure(con, path, columns)
        if not rows:
            path.unlink()
            return ()
        return (PartFile(name, partition, rows, sizes),)

    def _measure(self, con: Any, path: Path, columns: Sequence[Column]) -> tuple[int, dict[str, int]]:
        sums = (f"CAST(sum({size_sql(identifier(c.name), c.type)}) AS BIGINT)" for c in columns)
        relation = relation_sql(columns, [path])
        row = con.execute(f"SELECT count(*), {', '.join(sums)} FROM ({relation})").fetchone()
        visible = zip(columns, row[1:], strict=True)
        return row[0], {c.name: size or 0 for c, size in visible if c.name != PARTITION_TIME}

    def relation(self, state: TableState, *, hidden: bool = False) -> str:
        """A SELECT of the rows of a state, streamed ones included; `hidden`: with the pseudo-columns."""
        paths = [self.path(p) for p in state.files]
        columns = stored_columns(state.columns, state.partitioning if hidden else None)
        select = relation_sql(columns, paths)
        if hidden and state.by_ingestion:
            return f"SELECT *, CAST({PARTITION_TIME} AS DATE) AS _PARTITIONDATE FROM ({select})"
        return select

    def sweep(self, used: set[str]) -> None:
        """Delete files that no version has any more, and leftovers of changes that never ended."""
        for path in self.directory.glob(f"{'[0-9a-f]' * 32}.parquet"):  # others are not ours
            with suppress(FileNotFoundError):
                if path.name not in used and time.time() - path.stat().st_mtime > _ORPHAN_AGE:
                    system.remove(path, patience=0)


def for_duckdb(rows: pa.Table) -> pa.Table:
    """Arrow rows as DuckDB takes them: it has no decimal of 76 digits, so a BIGNUMERIC is text."""
    import pyarrow as pa

    for i, column in enumerate(rows.columns):
        if pa.types.is_decimal256(column.type):
            texts = [None if v is None else _plain(v) for v in column.to_pylist()]
            rows = rows.set_column(i, rows.schema.field(i).name, pa.array(texts, pa.string()))
    return rows


def _plain(value: Decimal) -> str:
    """Without exponent and trailing zeros."""
    digits = format(value, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def relation_sql(columns: Iterable[Column], paths: Sequence[Path]) -> str:
    """A SELECT over the files, in DuckDB's types; without files, one without rows."""
    if not paths:
        nothing = (f"CAST(NULL AS {duck_type(c.type)}) AS {identifier(c.name)}" for c in columns)
        return f"SELECT {', '.join(nothing)} WHERE false"
    values = (f"CAST({identifier(c.name)} AS {duck_type(c.type)}) AS {identifier(c.name)}" for c in columns)
    files = ", ".join(text(glob.escape(str(p))) for p in paths)
    return f"SELECT {', '.join(values)} FROM read_parquet([{files}])"


def _as_stored(columns: Sequence[Column]) -> str:
    return ", ".join(f"{_stored(c)} AS {identifier(c.name)}" for c in columns)


def _stored(column: Column) -> str:
    """JSON and INTERVAL are kept as text (Parquet's interval has no microseconds); a NULL array is an empty one."""
    value = f"CAST({identifier(column.name)} AS {duck_type(column.type)})"
    if column.type.kind in (Kind.JSON, Kind.INTERVAL):
        return f"CAST({value} AS VARCHAR)"
    return f"coalesce({value}, [])" if column.type.kind is Kind.ARRAY else value


def partition_sql(partitioning: Partitioning) -> str:
    """DuckDB SQL for the id of the partition that a row belongs to.

    https://cloud.google.com/bigquery/docs/partitioned-tables
    """
    column = identifier(partitioning.column or PARTITION_TIME)
    if partitioning.unit is not PartitionUnit.RANGE:
        return f"coalesce(strftime({column}, {text(partition_ids.FORMATS[partitioning.unit])}), '__NULL__')"
    start, end, width = partitioning.start, partitioning.end, partitioning.interval
    inside = f"CAST({start} + ({column} - {start}) // {width} * {width} AS VARCHAR)"
    return (
        f"CASE WHEN {column} IS NULL THEN '__NULL__' WHEN {column} >= {start} AND {column} < {end} "
        f"THEN {inside} ELSE '__UNPARTITIONED__' END"
    )
