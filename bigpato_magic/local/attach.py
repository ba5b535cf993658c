"""A copy's files in a DuckDB instance: looked at, attached, and shown as one relation."""

from __future__ import annotations

from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from bigpato_magic.errors import DamagedCopy
from bigpato_magic.local.columns import select_list
from bigpato_magic.sql.physical import text
from bigpato_magic.types import TableCopy

if TYPE_CHECKING:
    import duckdb

_MAGIC = b"DUCK"


def show(connection: duckdb.DuckDBPyConnection, copy: TableCopy) -> None:
    """Attach a copy's files, and make its view if it needs one.

    Raises:
        DamagedCopy: a file is missing, cut or changed.
        duckdb.Error: DuckDB refuses a file.
    """
    for part in copy.parts:
        _check_file(part.path, part.bytes, copy.id)
        connection.execute(f"ATTACH IF NOT EXISTS {text(str(part.path))} AS {part.database} (READ_ONLY)")
    if copy.needs_view:
        connection.execute(f"CREATE OR REPLACE VIEW {copy.relation} AS {_union(copy)}")


def _check_file(path: Path, size: int, copy_id: str) -> None:
    """See that a part is there, whole in length, and a DuckDB file: cheap enough for every attaching.

    Raises:
        DamagedCopy: it is not.
    """
    try:
        state = path.stat()
        if not S_ISREG(state.st_mode):  # to open a pipe would wait for who writes to it
            raise DamagedCopy(f"{path.name} is not a file", copies=(copy_id,))
        with path.open("rb") as file:
            head = file.read(12)
    except OSError as error:
        raise DamagedCopy(f"{path.name} cannot be read: {error.strerror}", copies=(copy_id,)) from error
    if state.st_size != size or head[8:] != _MAGIC:
        raise DamagedCopy(f"{path.name} is not the file that was written", copies=(copy_id,))


def _union(copy: TableCopy) -> str:
    items = select_list(copy.columns, copy.stats)
    return " UNION ALL ".join(f"SELECT {items} FROM {part.database}.rows" for part in copy.parts)
