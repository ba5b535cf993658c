"""Whatever is wrong with the local store, a query is BigQuery's, with the reason, and nobody waits for it."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import sqlite3
import time

import pytest

from bigpato_magic.client import BigPato
from bigpato_magic.demo import DemoWarehouse
from bigpato_magic.errors import TierError
from bigpato_magic.tier.journal import database
from bigpato_magic.types import TableId

SQL = "SELECT COUNT(*) AS n FROM small"
T = TableId("demo", "shop", "small")


@pytest.fixture
def client(tmp_path):
    warehouse = DemoWarehouse(tmp_path / "warehouse", project="demo", dataset="shop", threads=1)
    warehouse.execute("CREATE SCHEMA shop")
    warehouse.execute("CREATE TABLE shop.small AS SELECT n AS id FROM UNNEST(GENERATE_ARRAY(1, 20)) AS n")
    client = BigPato(
        warehouse=warehouse, project="demo", dataset="shop", directory=str(tmp_path / "tier"), min_free_disk=0
    )
    client.tier.promote([T])
    assert client.run(SQL).decision.where == "local"
    yield client
    client.close()


def asked(client):
    """BigQuery's answer, and why it was asked."""
    result = client.run(SQL)
    assert result.arrow.to_pylist() == [{"n": 20}]
    assert result.decision.where == "bigquery"
    return " ".join(f"{reason.code} {reason.message}" for reason in result.decision.reasons)


def recovers(client):
    client.tier.promote([T])
    assert client.run(SQL, route="local").arrow.to_pylist() == [{"n": 20}]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks(client, number, monkeypatch):
    def refuse(*args):
        raise OSError(number, os.strerror(number))

    client.close()
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse)
        assert "cannot be locked" in asked(client)
        with pytest.raises(TierError):
            client.tier.demote([T])
    recovers(client)


def test_locks_that_go_while_it_is_open(client, monkeypatch):
    def refuse(*args):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    client.tier.open().leases.close()
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse)
        assert "cannot be locked" in asked(client)
    recovers(client)


def test_a_database_that_another_program_holds(client):
    other = sqlite3.connect(client.tier.path / database.FILE, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    client.close()
    other.execute("BEGIN EXCLUSIVE")
    started = time.process_time(), time.monotonic()
    assert "locked" in asked(client)
    assert "locked" in asked(client)
    assert time.monotonic() - started[1] < 30
    other.execute("ROLLBACK")
    other.close()
    recovers(client)


def test_a_database_that_is_written_for_long_does_not_keep_queries(client):
    other = sqlite3.connect(client.tier.path / database.FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(3):
        assert client.run(SQL).arrow.to_pylist() == [{"n": 20}]
    client.run("UPDATE small SET id = id WHERE TRUE")  # its mark cannot be written, and it runs all the same
    assert asked(client).startswith("stale")
    other.execute("ROLLBACK")
    other.close()
    recovers(client)


def test_a_store_that_another_kernel_holds_while_it_is_stopped(client):
    lock = os.open(client.tier.open().store.home / "store.lock", os.O_RDWR | os.O_CREAT)
    client.close()
    fcntl.flock(lock, fcntl.LOCK_EX)
    assert client.run(SQL).decision.where == "local"
    os.close(lock)


def test_no_file_descriptors(client):
    """Those that are open go on being used; where one is missing, nothing is taken for damaged."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    client.engine.close()
    client.tier.open().leases.release_idle()
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        inputs = client.runner.inputs(client._request(SQL))
        with pytest.raises(Exception, match=r"(?i)too many open files|unable to open|descriptors") as caught:
            client.run(SQL, route="local")
        assert type(caught.value).__module__ == "bigpato_magic.errors"
        assert inputs is not None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert client.run(SQL, route="local").arrow.to_pylist() == [{"n": 20}]


@pytest.mark.parametrize("harm", ["file", "foreign"])
def test_something_else_in_its_place(client, harm, tmp_path):
    client.tier.path.rename(tmp_path / "moved")
    if harm == "file":
        client.tier.path.write_text("a file")
    else:
        client.tier.path.mkdir()
        (client.tier.path / "theirs").write_text("mine")
    assert "store" in asked(client)
    assert asked(client)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_only_be_read(client):
    client.close()
    for path in [*client.tier.path.rglob("*"), client.tier.path]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        assert "store" in asked(client)
    finally:
        for path in [client.tier.path, *client.tier.path.rglob("*")]:
            path.chmod(0o700 if path.is_dir() else 0o600)
