"""A warehouse on a running emulator, with a few tables."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bigpato_magic.types import TableId
from bigpato_magic.warehouse.bigquery import BigQueryWarehouse
from tests.emulators.fixtures import bigquery_server, gcs_server  # noqa: F401
from tests.emulators.servers import BigQueryServer

BUCKET = "bigpato-contract"
ROWS = 30_000


@pytest.fixture(scope="session")
def google(bigquery_server: BigQueryServer) -> Any:  # noqa: F811
    """Google's own client, as a person would use it without us."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    options = {"api_endpoint": bigquery_server.rest}
    return bigquery.Client(bigquery_server.project, credentials=AnonymousCredentials(), client_options=options)


@pytest.fixture(scope="session")
def gcs(gcs_server: str) -> Any:  # noqa: F811
    """Google's client of Cloud Storage, with a bucket made."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    options = {"api_endpoint": gcs_server}
    client = storage.Client("demo", credentials=AnonymousCredentials(), client_options=options)
    client.create_bucket(BUCKET)
    return client


@pytest.fixture(scope="session")
def numbers(google: Any) -> TableId:
    """`shop.numbers`: n INT64, text STRING, day DATE; ROWS rows, loaded as people load."""
    from google.cloud import bigquery

    google.create_dataset("shop", exists_ok=True)
    content = pa.table(
        {
            "n": pa.array(range(ROWS), pa.int64()),
            "text": pa.array([f"row {i}" for i in range(ROWS)]),
            "day": pa.array([i % 365 for i in range(ROWS)], pa.date32()),
        }
    )
    file = io.BytesIO()
    pq.write_table(content, file)
    file.seek(0)
    schema = [bigquery.SchemaField(n, t) for n, t in (("n", "INTEGER"), ("text", "STRING"), ("day", "DATE"))]
    google.create_table(bigquery.Table("demo.shop.numbers", schema), exists_ok=True)
    config = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition="WRITE_TRUNCATE")
    google.load_table_from_file(file, "demo.shop.numbers", job_config=config).result()
    return TableId("demo", "shop", "numbers")


@pytest.fixture(scope="session")
def warehouse(bigquery_server: BigQueryServer, gcs_server: str) -> BigQueryWarehouse:  # noqa: F811
    """Ours, on the emulator."""
    return BigQueryWarehouse(
        bigquery_server.project,
        endpoint=bigquery_server.rest,
        read_endpoint=bigquery_server.grpc,
        storage_endpoint=gcs_server,
        bucket=f"gs://{BUCKET}/",
    )


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """An empty directory for downloads."""
    return tmp_path


@pytest.fixture
def wide_server(bigquery_server: BigQueryServer) -> BigQueryServer:  # noqa: F811
    """The wider one of the emulators, for what the other one does not do at all."""
    if bigquery_server.name != "local-bigquery":
        pytest.skip(f"{bigquery_server.name} does not do this")
    return bigquery_server
