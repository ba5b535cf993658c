"""A DuckDB file in which a person finds the local tables with plain DuckDB: views over the copies, and their list."""

from __future__ import annotations

import contextlib
import glob
import os
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from bigpato_magic import system
from bigpato_magic.errors import ConfigurationError
from bigpato_magic.local.columns import select_list, shown
from bigpato_magic.local.supervise import heeding_ctrl_c
from bigpato_magic.sql.physical import identifier, text
from bigpato_magic.types import TableCopy

MARK = "bigpato_magic"
"""The schema by which the file is known as ours."""


@heeding_ctrl_c()
def write_views(path: Path, copies: Sequence[TableCopy], step: Callable[[str], None] = lambda _: None) -> None:
    """Write the file anew, aside, and put it in place with one rename.

    A table is called `dataset.table`, and as `table` where no other dataset has one of that name.

    Args:
        path: of the file; one that is not ours is left alone.
        copies: to show.
        step: called with `views:written` and `views:renamed`.

    Raises:
        ConfigurationError: there is another file at `path`, or it cannot be written.
    """
    import duckdb

    _see_that_it_is_ours(path)
    draft = path.with_name(f".{path.name}-{os.getpid()}-{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_drafts_of_the_dead(path)
        _write(draft, copies)
        step("views:written")
        system.replace(draft, path)
    except (OSError, duckdb.Error) as error:
        why = getattr(error, "strerror", None) or str(error).split("\n", 1)[0]
        raise ConfigurationError(f"{path} cannot be written: {why}", hint="another duckdb_db") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    step("views:renamed")


def _remove_drafts_of_the_dead(path: Path) -> None:
    for draft in path.parent.glob(f".{glob.escape(path.name)}-*-*"):
        pid = draft.name.split("-")[-2]
        if pid.isdigit() and not system.runs(int(pid)):
            system.remove(draft)


def _see_that_it_is_ours(path: Path) -> None:
    import duckdb

    if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises where it may not look
        return
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            schema = connection.execute("SELECT 1 FROM duckdb_schemas() WHERE schema_name = ?", [MARK]).fetchone()
    except duckdb.Error:
        schema = None
    if schema is None:
        raise ConfigurationError(f"{path} is not a file of bigpato-magic", hint="give duckdb_db a name of its own")


def _write(draft: Path, copies: Sequence[TableCopy]) -> None:
    import duckdb

    with duckdb.connect(str(draft)) as connection:
        draft.chmod(0o600)
        connection.execute(f"CREATE SCHEMA {MARK}")
        connection.execute(
            f"CREATE TABLE {MARK}.local_tables "
            "(project VARCHAR, dataset VARCHAR, name VARCHAR, rows BIGINT, bytes BIGINT, as_of TIMESTAMPTZ)"
        )
        for copy in sorted(copies, key=lambda c: c.table):
            table = copy.table
            values = [table.project, table.dataset, table.table, copy.rows, copy.bytes, copy.as_of.isoformat()]
            connection.execute(f"INSERT INTO {MARK}.local_tables VALUES (?, ?, ?, ?, ?, ?)", values)
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(table.dataset)}")
            # DuckDB's names know no case, BigQuery's do: the first of two such tables is shown.
            view = f"{identifier(table.dataset)}.{identifier(table.table)}"
            connection.execute(f"CREATE VIEW IF NOT EXISTS {view} AS {_select(copy)}")
            connection.execute(f"CREATE VIEW IF NOT EXISTS main.{identifier(table.table)} AS FROM {view}")


def _select(copy: TableCopy) -> str:
    outer = ", ".join(f"{shown(identifier(c.name), c.type)} AS {identifier(c.name)}" for c in copy.columns)
    inner = " UNION ALL ".join(
        f"SELECT {select_list(copy.columns, copy.stats)} FROM read_duckdb({text(os.fspath(part.path.resolve()))}, "
        "table_name = 'rows')"
        for part in copy.parts
    )
    return f"SELECT {outer} FROM ({inner})"
