"""A tier's directory may have any name, also one that means something to DuckDB, to globs or to URIs."""

from __future__ import annotations

import pytest

from bigpato_magic.client import BigPato
from bigpato_magic.types import RunLocal

NAMES = ["a[b]", "[!a]", "a*b", "**", "a?b", "a#b?c=d&e", "a'b", 'a"b', "a%20b", "a;b", "ünï cö", "a\nb", ":memory:"]


@pytest.mark.usefixtures("analyzer")
@pytest.mark.parametrize("name", NAMES)
def test_a_directory_may_have_any_name(name, tmp_path):
    from bigpato_magic.demo import open_warehouse

    # Patterns would find these too.
    for other in ("ab", "a", "axb", "b", "a1b"):
        (tmp_path / other / "tier").mkdir(parents=True)
    warehouse = open_warehouse(tmp_path / name / "demo", datasets=("samples",))
    table = warehouse.tables(dataset="samples")[0]
    place = {"project": warehouse.project, "dataset": "samples", "directory": str(tmp_path / name / "tier")}
    sql = f"SELECT COUNT(*) AS n FROM `{table.table}`"
    wanted = warehouse.query(sql, dataset=(warehouse.project, "samples")).arrow.to_pylist()
    client = BigPato(warehouse=warehouse, min_free_disk=0, **place)
    try:
        client.promote(table.table)
        answer = client.run(sql)
        assert isinstance(answer.decision, RunLocal), answer.decision
        assert answer.arrow.to_pylist() == wanted
    finally:
        client.close()


@pytest.mark.parametrize("name", NAMES)
def test_parquet_files_are_found_by_their_names_alone(name, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from bigpato_magic.local.write import RowSource, write_copy
    from bigpato_magic.types import Column, Kind, SqlType

    for number, place in enumerate((name, "ab", "a", "axb", "b", "a1b")):
        (tmp_path / place).mkdir()
        pq.write_table(pa.table({"n": [number]}), tmp_path / place / "0.parquet")
    here = tmp_path / name
    columns = [Column("n", SqlType(Kind.INT64))]
    written = write_copy(here / "x.duckdb", columns, RowSource(files=(here / "0.parquet",)), temp_directory=here)

    assert (written.rows, written.stats["n"].high) == (1, "0")
    assert (here / "x.duckdb").is_file()
