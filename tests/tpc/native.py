"""DuckDB by itself, on the demo warehouse's rows in TPC's own types: what the product's answers are held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bigpato_magic.types import Kind

if TYPE_CHECKING:
    import duckdb

    from bigpato_magic.demo import DemoWarehouse

# TPC's money has two digits after the point. DuckDB's own texts multiply three of them, which NUMERIC's nine
# digits would not leave room for in DuckDB's 38.
_TYPES = {Kind.INT64: "BIGINT", Kind.NUMERIC: "DECIMAL(15,2)", Kind.STRING: "VARCHAR", Kind.DATE: "DATE"}


def native_tables(warehouse: DemoWarehouse, dataset: str, *, threads: int = 2) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory with the tables of a dataset."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}")
    tables = warehouse.tables(dataset=dataset)
    for table, facts in warehouse.facts(tables).items():
        connection.register("loaded", warehouse.execute(f"SELECT * FROM {dataset}.{table.table}"))
        columns = ", ".join(f'CAST("{c.name}" AS {_TYPES[c.type.kind]}) AS "{c.name}"' for c in facts.columns)
        connection.execute(f'CREATE TABLE "{table.table}" AS SELECT {columns} FROM loaded')
        connection.unregister("loaded")
    return connection
