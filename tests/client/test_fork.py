"""A child of `os.fork()` answers with engines, connections and locks of its own, and leaves the parent's alone.

Google's analyzer does not survive a fork, so the child's answers are BigQuery's; its copies it reads all the same.
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time

import pytest

from bigpato_magic.client import BigPato
from bigpato_magic.demo import DemoWarehouse
from bigpato_magic.types import TableId
from bigpato_magic.warehouse.connection import Connection

SQL = "SELECT COUNT(*) AS n, SUM(id) AS total FROM small"
T = TableId("demo", "shop", "small")
LONG = 60
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


@pytest.fixture
def client(tmp_path):
    warehouse = DemoWarehouse(tmp_path / "warehouse", project="demo", dataset="shop", threads=1)
    warehouse.execute("CREATE SCHEMA shop")
    warehouse.execute("CREATE TABLE shop.small AS SELECT n AS id FROM UNNEST(GENERATE_ARRAY(1, 20)) AS n")
    client = BigPato(
        warehouse=warehouse, project="demo", dataset="shop", directory=str(tmp_path / "tier"), min_free_disk=0
    )
    client.tier.promote([T])
    yield client
    client.close()


def in_child(work):
    """What `work` gives, or its error, in a forked child that must end before long."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(LONG)  # ends it, whatever it waits for
        try:
            answer = work()
        except BaseException as error:
            answer = repr(error)
        os.write(writing, pickle.dumps(answer))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    os.waitpid(pid, 0)
    assert content, "the child hangs"
    return pickle.loads(content)


def answer(client, **how):
    return client.run(SQL, **how).arrow.to_pylist()


def held(client):
    """Rows of the copy, read by DuckDB."""
    copy = client.tier.copies()[T]
    with client.tier.queries.lease([copy]):
        return client.engine.rows(copy).num_rows


RIGHT = [{"n": 20, "total": 210}]


def test_a_child_answers(client):
    assert answer(client) == RIGHT
    assert in_child(lambda: (answer(client), held(client))) == (RIGHT, 20)
    assert client.run(SQL).decision.where == "local"


def test_a_grandchild_too(client):
    assert answer(client) == RIGHT
    assert in_child(lambda: (held(client), answer(client), in_child(lambda: (answer(client), held(client))))) == (
        20,
        RIGHT,
        (RIGHT, 20),
    )


def test_a_child_says_why_it_asks_bigquery(client):
    answer(client)
    reasons = in_child(lambda: [reason.message for reason in client.run(SQL).decision.reasons])
    assert "spawn" in " ".join(reasons)


def test_a_child_asks_bigquery_and_brings(client):
    answer(client)
    answer(client, route="bigquery")

    def work():
        client.run("INSERT INTO small VALUES (21)")
        refreshed = client.tier.refresh([T])
        found = answer(client), held(client)
        return bool(refreshed.refresh), found, bool(client.tier.demote([T]).demote)

    now = [{"n": 21, "total": 231}]
    # The parent has the version before in use: no version goes, or an old one would stand for the table.
    assert in_child(work) == (True, (now, 21), False)
    result = client.run(SQL)
    assert (result.decision.where, result.arrow.to_pylist()) == ("local", now)
    assert client.tier.demote([T]).demote


def test_a_childs_end_takes_nothing_from_the_parent(client):
    answer(client)
    (copy,) = client.tier.copies().values()
    with client.tier.queries.lease([copy]):
        in_child(client.close)
        assert client.tier.open().store.leased(copy.id)
    assert client.run(SQL).decision.where == "local"


def test_a_lease_of_the_parent_ends_with_the_parents(client):
    (copy,) = client.tier.copies().values()
    reading, writing = os.pipe()
    with client.tier.queries.lease([copy]):
        pid = os.fork()
        if pid == 0:
            os.read(reading, 1)
            os._exit(0)
    assert client.tier.demote([T]).demote
    os.write(writing, b".")
    os.waitpid(pid, 0)


def test_a_child_of_a_busy_parent(client):
    """Other threads hold locks at the moment of the fork."""
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            answer(client)

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        found = []
        for _ in range(8):
            time.sleep(0.02)
            found.append(in_child(lambda: (answer(client), held(client))))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert found == [(RIGHT, 20)] * 8


def test_a_connection_is_its_own_and_grpc_is_left_where_the_parent_used_it():
    from google.auth.credentials import AnonymousCredentials

    used = Connection("p", credentials=AnonymousCredentials())
    unused = Connection("p", credentials=AnonymousCredentials())
    session = used.session
    used.__dict__["reader"] = object()
    assert in_child(lambda: (used.can_read, unused.can_read, used.session is session)) == (False, True, False)
    assert used.can_read
    assert used.session is session
