"""The original's README, walked through line by line, with Google's clients against running emulators."""

from __future__ import annotations

import json
import logging
from collections import OrderedDict

import duckdb
import pytest

from tests.emulators.fixtures import bigquery_server, gcs_server  # noqa: F401

pytestmark = pytest.mark.emulator

TABLES = {
    "call_center": (
        "cc_call_center_sk INT64, cc_name STRING",
        "SELECT 1, 'NY Metro' UNION ALL SELECT 2, 'Mid Atlantic'",
    ),
    "catalog_page": (
        "cp_catalog_page_sk INT64, cp_department STRING",
        "SELECT n, 'DEPARTMENT' FROM UNNEST(GENERATE_ARRAY(0, 49)) AS n",
    ),
    "web_returns": ("wr_item_sk INT64, wr_fee FLOAT64", "SELECT 7, 1.5 UNION ALL SELECT 8, NULL"),
}


@pytest.fixture(scope="module")
def dataset(bigquery_server, gcs_server):  # noqa: F811
    """A dataset with TPC-DS's tables, and a bucket, made with Google's own clients."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery, storage

    anonymous = AnonymousCredentials()
    google = bigquery.Client(
        bigquery_server.project, credentials=anonymous, client_options={"api_endpoint": bigquery_server.rest}
    )
    google.create_dataset("tpcds_original", exists_ok=True)
    for name, (columns, rows) in TABLES.items():
        google.query(f"CREATE TABLE tpcds_original.{name} ({columns})").result()
        google.query(f"INSERT INTO tpcds_original.{name} {rows}").result()
    storage.Client("demo", credentials=anonymous, client_options={"api_endpoint": gcs_server}).create_bucket(
        "bigpato-export-bucket"
    )
    return bigquery_server


@pytest.fixture
def original(dataset, gcs_server, tmp_path, monkeypatch):  # noqa: F811
    """The constructor's arguments of the original's README."""
    key = tmp_path / "JSON_FILE"
    key.write_text(json.dumps(_key()))
    key.chmod(0o600)
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", dataset.rest)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_server)
    if getattr(dataset, "grpc", None):
        monkeypatch.setenv("BIGQUERY_STORAGE_GRPC_ENDPOINT", dataset.grpc)
    return {
        "bq_project": dataset.project,
        "bq_database": "tpcds_original",
        "bq_key": str(key),
        "duckdb_db": str(tmp_path / "DUCKDB_FILE"),
        "local_duck_folder": str(tmp_path / "LOCAL_DATA_FOLDER"),
        "export_bq_bucket": "bigpato-export-bucket",
    }


def _key():
    """A service account's key file; the private key is made here and known to nobody."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": "demo",
        "private_key_id": "1",
        "private_key": private.decode(),
        "client_email": "pato@demo.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    }


def test_the_readme_of_the_original(original, caplog):
    from bigpato_magic import bigpato, googlesql

    googlesql.warm(background=False)
    caplog.set_level(logging.INFO, "bigpato_magic")

    bigpato_client = bigpato.BigPato(**original)
    try:
        walk_through(bigpato_client, original, caplog)
    finally:
        bigpato_client.close()


def walk_through(bigpato_client, original, caplog):
    metadata = bigpato_client.get_metadata_dict()
    assert {name: metadata[name] for name in TABLES} == {name: {"location": "bigquery", "usage": 0} for name in TABLES}

    df = bigpato_client.exec_query("SELECT * FROM catalog_page")
    assert len(df) == 50
    df = bigpato_client.exec_query("SELECT * FROM call_center")
    assert sorted(df["cc_name"]) == ["Mid Atlantic", "NY Metro"]

    assert bigpato_client.get_cache() == OrderedDict([("catalog_page", "catalog_page"), ("call_center", "call_center")])

    bigpato_client.launch_balance_storage()
    for line in (
        "Start rebalancing storage",
        "Table catalog_page extracted",
        "Table catalog_page downloaded",
        "Populating metadata from duckDB",
        "Removing orphaned files",
    ):
        assert any(line in record.getMessage() for record in caplog.records), line
    metadata = bigpato_client.get_metadata_dict()
    assert metadata["catalog_page"] == {"location": "local", "usage": 1}
    assert metadata["call_center"]["location"] == "local"
    assert metadata["web_returns"]["location"] == "bigquery"

    caplog.clear()
    again = bigpato_client.exec_query("SELECT * FROM catalog_page")
    assert sorted(again["cp_catalog_page_sk"]) == list(range(50))
    assert any("with duckDB" in record.getMessage() for record in caplog.records)

    with duckdb.connect(original["duckdb_db"], read_only=True) as plain:
        assert plain.execute("SELECT count(*) FROM catalog_page").fetchone() == (50,)


def test_a_missing_key_file_is_one_sentence(original):
    from bigpato_magic import bigpato
    from bigpato_magic.errors import CredentialsError

    client = bigpato.BigPato(**{**original, "bq_key": "/no/such/file.json"})
    with pytest.raises(CredentialsError, match=r"/no/such/file\.json"):
        client.exec_query("SELECT 1")
