"""Answers as relations of DuckDB: lazy from there on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bigpato_magic.sql.physical import SCALARS, duck_type, identifier
from bigpato_magic.types import Compiled, Kind, OutputColumn, SqlType

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_AS_HELD = SCALARS.keys() - {Kind.BIGNUMERIC, Kind.INTERVAL}
"""Kinds whose values in DuckDB are what `frames` would make of them."""


def relation(table: pa.Table) -> duckdb.DuckDBPyRelation:
    """`table` as a relation of DuckDB's default connection, where `duckdb.sql("… FROM name")` finds it too.

    >>> import pyarrow as pa
    >>> relation(pa.table({"n": [1, 2, 3]})).filter("n > 1").fetchall()
    [(2,), (3,)]
    """
    import duckdb

    return duckdb.from_arrow(table)


def can_be_lazy(compiled: Compiled) -> bool:
    """Whether it is certain before it runs that DuckDB gives an answer, and one that shows BigQuery's types."""
    return compiled.total and all(_shown_as_held(o.type) for o in compiled.outputs)


def _shown_as_held(type_: SqlType) -> bool:
    if type_.kind is Kind.ARRAY and type_.element is not None:
        return type_.element.kind in _AS_HELD
    return type_.kind in _AS_HELD


def lazy_sql(compiled: Compiled) -> str:
    """The compiled SQL with BigQuery's names and whole types; a NULL array of a result is an empty one."""
    held = ", ".join(f"c{i}" for i in range(len(compiled.outputs)))
    shown = ", ".join(_shown(f"c{i}", output) for i, output in enumerate(compiled.outputs))
    return f"SELECT {shown} FROM ({compiled.sql}) AS answer({held})"


def _shown(source: str, output: OutputColumn) -> str:
    value = f"CAST({source} AS {duck_type(output.type)})"
    if output.type.kind is Kind.ARRAY:
        # https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#array_nulls
        value = f"coalesce({value}, [])"
    return f"{value} AS {identifier(output.name)}"
