"""A DuckDB instance of our own: its settings, its functions, and that it reads nothing but the copies."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bigpato_magic.errors import LocalRunError
from bigpato_magic.local.supervise import NO_BAR
from bigpato_magic.sql.physical import text

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_SPARE = 8
"""File descriptors without which DuckDB does not begin."""


def connect(
    allowed: Collection[Path], *, threads: int, memory_limit: int, temp_directory: str
) -> duckdb.DuckDBPyConnection:
    """A new instance in memory.

    Args:
        allowed: directories whose files it may read; everything else on this machine stays closed to it.
        threads: of a query, 0 for all cores.
        memory_limit: bytes, 0 for DuckDB's own limit.
        temp_directory: where large sorts and joins spill to.

    Raises:
        LocalRunError: this process has too few file descriptors left.
    """
    import duckdb

    settings: dict[str, Any] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "temp_directory": temp_directory,
    }
    if threads:
        settings["threads"] = threads
    if memory_limit:
        settings["memory_limit"] = f"{memory_limit}B"
    _see_that_files_can_be_opened()
    connection = duckdb.connect(config=settings)
    # A time zone given to connect() itself is not taken over.
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute("SET GLOBAL python_enable_replacements = false")
    connection.execute(NO_BAR)
    define_functions(connection)
    _close_to_all_but(connection, allowed)
    return connection


def _close_to_all_but(connection: duckdb.DuckDBPyConnection, allowed: Collection[Path]) -> None:
    """See https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview."""
    # Of a file whose path has a `?`, DuckDB looks for the log before that.
    open_ = {str(place) for place in allowed} | {str(place).replace("?", ".wal?", 1) for place in allowed}
    places = ", ".join(text(f"{place}{os.sep}") for place in sorted(open_))
    connection.execute(f"SET allowed_directories = [{places}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def default_temp_directory() -> str:
    """A directory of this process's own; DuckDB makes it when it spills, and removes it."""
    return str(Path(tempfile.gettempdir()) / f"bigpato-{os.getpid()}-{uuid.uuid4().hex}")


def _see_that_files_can_be_opened() -> None:
    """Without file descriptors DuckDB ends the process where it begins.

    Raises:
        LocalRunError: there are too few.
    """
    spare: list[int] = []
    try:
        spare.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(_SPARE))
    except OSError as error:
        raise LocalRunError(f"DuckDB cannot begin: {error.strerror}") from error
    finally:
        for fd in spare:
            os.close(fd)


def define_functions(connection: duckdb.DuckDBPyConnection) -> None:
    """The functions and macros that compiled SQL calls."""
    from bigpato_magic.sql import rules, udfs

    as_arrow: Any = {"type": "arrow", "null_handling": "special"}
    for udf in rules.udfs():
        body = _with_arity(getattr(udfs, udf.body or udf.name), len(udf.arguments))
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
