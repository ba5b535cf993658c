"""A result as a DuckDB relation, to go on in DuckDB: lazy from there on, nothing is copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


def relation(table: pa.Table) -> duckdb.DuckDBPyRelation:
    """`table` as a relation of DuckDB's default connection, where `duckdb.sql("… FROM name")` finds it too."""
    import duckdb

    return duckdb.from_arrow(table)
