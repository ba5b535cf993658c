"""Runs local-bigquery 0.4.0 with its tables in one plain DuckDB file: as published it needs DuckDB extensions from the
network (ducklake, spatial, icu). Run by the Python of its own environment:

    python local_bigquery_server.py DATA_DIR REST_PORT GRPC_PORT GCS_URL PROJECT

Without DuckLake there is no time travel, and without spatial no GEOGRAPHY function.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from pathlib import Path

import duckdb
import uvicorn
from local_bigquery import app
from local_bigquery.engine import database
from local_bigquery.grpc import server as grpc_server
from local_bigquery.settings import settings
from local_bigquery.sql import native


def attach(connection, project):
    """One plain file for each project, where the original attaches a DuckLake."""
    path = settings.data_dir / f"{project}.plain.duckdb"
    connection.execute(f"ATTACH IF NOT EXISTS '{path}' AS {database.quote(project)}")
    database._attached.add(project)


@functools.cache
def connect():
    """The engine, without anything that would be downloaded."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET threads = 2")
    connection.execute(f"ATTACH '{settings.data_dir / 'emulator.duckdb'}' AS emulator")
    connection.execute(database.EMULATOR_SCHEMA)
    connection.execute("ATTACH ':memory:' AS bq")
    native.register(connection)
    define_macros(connection)
    attach(connection, settings.default_project_id)
    name = database.quote(settings.default_project_id, settings.default_dataset_id)
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name}")
    return connection


def define_macros(connection):
    """Each for itself: those that need a missing extension are left out."""
    for path in database.FUNCTIONS:
        text = database.MACRO.sub(r"CREATE OR REPLACE MACRO bq.main.\1", path.read_text())
        for statement in filter(str.strip, text.split(";\n")):
            with contextlib.suppress(duckdb.Error):
                connection.execute(statement)


def main(data_dir, rest_port, grpc_port, gcs_url, project):
    """Serve until the process is told to end."""
    settings.data_dir = Path(data_dir)
    settings.default_project_id = project
    settings.default_dataset_id = "main"
    settings.storage_emulator_host = gcs_url
    database._connect, database._attach = connect, attach
    # The original looks for DuckLakes, and calls a missing table forbidden where it finds no project.
    database.projects = lambda: sorted(database._attached)
    database.connection()
    storage_read = grpc_server.start("127.0.0.1", int(grpc_port))  # it ends when nobody holds it any more
    uvicorn.run(app, host="127.0.0.1", port=int(rest_port), log_level="warning")
    del storage_read


if __name__ == "__main__":
    main(*sys.argv[1:])
