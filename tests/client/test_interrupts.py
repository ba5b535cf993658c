"""Ctrl-C at any line of our own code leaves a client that works: it answers, brings and takes away afterwards."""

from __future__ import annotations

import linecache
import shutil
import signal
import sys
import threading
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

import bigpato_magic
from bigpato_magic.client import BigPato
from bigpato_magic.demo import DemoWarehouse
from bigpato_magic.local.supervise import is_ctrl_c
from bigpato_magic.types import TableId

OURS = str(Path(bigpato_magic.__file__).parent)
SQL = "SELECT COUNT(*) AS n, SUM(id) AS total FROM small"
JOINED = "SELECT COUNT(*) AS n, SUM(o.id) AS total FROM small AS s JOIN other AS o ON o.id = s.id"
T = TableId("demo", "shop", "small")
FEW = 12
"""Places at which each operation is interrupted in a usual run."""


class Interrupted:
    """Counts the lines of our own code that this thread runs, and interrupts at one of them."""

    def __init__(self, at: int = 0) -> None:
        self.at, self.lines, self.place = at, 0, None

    def __call__(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        return self._line

    def _line(self, frame, event, argument):
        # A `with` is traced once more before it ends, and a `try` before it begins: Python itself looks for no signal there.
        code = linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip()
        if event == "line" and not code.startswith(("with ", "try:")):
            self.lines += 1
            if self.lines == self.at:
                self.place = f"{frame.f_code.co_filename[len(OURS) + 1 :]}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self._line

    @contextmanager
    def on(self):
        before = sys.gettrace()
        sys.settrace(self)
        try:
            yield
        finally:
            sys.settrace(before)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    warehouse = DemoWarehouse(tmp_path_factory.mktemp("w"), project="demo", dataset="shop", threads=1)
    warehouse.execute("CREATE SCHEMA shop")
    for name in ("small", "other"):
        warehouse.execute(f"CREATE TABLE shop.{name} AS SELECT n AS id FROM UNNEST(GENERATE_ARRAY(1, 20)) AS n")
    return warehouse


@pytest.fixture
def client(warehouse, tmp_path):
    client = BigPato(
        warehouse=warehouse, project="demo", dataset="shop", directory=str(tmp_path / "tier"), min_free_disk=0
    )
    yield client
    client.close()


def held(client):
    if T not in client.tier.copies():
        client.tier.promote([T])


def again(client):
    """The tier is closed, and opened by what comes."""
    held(client)
    client.close()


def of_then(client):
    """Frozen at an instant of which a copy is known."""
    held(client)
    client.warehouse.clock_offset += timedelta(minutes=1)


def archived(client):
    """There is an archive."""
    of_then(client)
    if not (path := archive_of(client)).exists():
        client.archive(path)


def archive_of(client):
    return Path(client.tier.directory).parent / "all.bigpato"


def archive(client):
    path = archive_of(client).with_name("new.bigpato")
    path.unlink(missing_ok=True)
    client.archive(path)
    path.unlink()


def open_archive(client):
    home = archive_of(client).with_name("opened")
    shutil.rmtree(home, ignore_errors=True)
    with closing(BigPato.open_archive(archive_of(client), directory=home)) as opened:
        assert opened.run(SQL).arrow.to_pylist() == [{"n": 20, "total": 210}]


def frozen(client):
    try:
        client.freeze("now")
        assert client.run(SQL).arrow.to_pylist() == [{"n": 20, "total": 210}]
    finally:
        client.freeze(None)


def nothing_kept(client):
    held(client)
    client.tier.open().keeper.settle(60)
    client.forget()


def answered(client, *ways):
    """The join's answer, by one of these ways."""
    result = client.run(JOINED)
    assert (result.decision.where in ways, result.arrow.to_pylist()) == (True, [{"n": 20, "total": 210}])


OPERATIONS = {
    "open": (again, lambda client: client.tier.open()),
    "close": (lambda client: (held(client), client.run(SQL)), lambda client: client.close()),
    "local query": (held, lambda client: client.run(SQL)),
    "first query": (again, lambda client: client.run(SQL)),
    "query on bigquery": (held, lambda client: client.run(SQL, route="bigquery")),
    "write": (held, lambda client: client.run("UPDATE small SET id = id WHERE TRUE")),
    "promote": (lambda client: client.tier.demote([T]), lambda client: client.tier.promote([T])),
    "refresh": (
        lambda client: (held(client), client.warehouse.execute("UPDATE shop.small SET id = id WHERE TRUE")),
        lambda client: client.tier.refresh([T]),
    ),
    "demote": (held, lambda client: client.tier.demote([T])),
    "hybrid query": (nothing_kept, lambda client: answered(client, "hybrid")),
    "kept query": (
        lambda client: (nothing_kept(client), client.run(JOINED)),
        lambda client: answered(client, "kept", "local"),
    ),
    "frozen query": (of_then, frozen),
    "archive": (of_then, archive),
    "open archive": (archived, open_archive),
}


def works(client):
    """Everything that a person may do next."""
    assert client.run(SQL).arrow.to_pylist() == [{"n": 20, "total": 210}]
    done = client.tier.rebalance([T])
    assert not done.refused, done.refused
    result = client.run(SQL, route="local")
    assert (result.decision.where, result.arrow.to_pylist()) == ("local", [{"n": 20, "total": 210}])
    assert client.tier.demote([T]).demote
    opened = client.tier.open()
    assert opened.keeper.settle(60)
    client.forget()
    store = opened.store
    assert list(store.drafts.iterdir()) == []
    assert list(store.parts.iterdir()) == []


def interrupt(client, name, at):
    """The place at which the operation was interrupted, None if it ended before."""
    prepare, work = OPERATIONS[name]
    prepare(client)
    watch = Interrupted(at)
    try:
        with watch.on():
            work(client)
    except KeyboardInterrupt:
        pass
    except BaseException as error:
        raise AssertionError(f"{name} interrupted at {watch.place}") from error
    try:
        works(client)
    except BaseException as error:
        raise AssertionError(f"after {name} was interrupted at {watch.place}") from error
    return watch.place


def lines_of(client, name):
    """Of the operation the second time: the first one imports what it needs."""
    prepare, work = OPERATIONS[name]
    prepare(client)
    work(client)
    prepare(client)
    watch = Interrupted()
    with watch.on():
        work(client)
    return watch.lines


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_interrupt_at_some_lines(name, client):
    lines = lines_of(client, name)
    before = threading.active_count()
    places = {interrupt(client, name, 1 + number * lines // FEW) for number in range(FEW)}
    assert len(places - {None}) > 3
    assert threading.active_count() < before + 20


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_interrupt_at_each_line(name, client):
    at = 1
    while interrupt(client, name, at) is not None:
        at += 1
    assert at > 10


def test_a_ctrl_c_that_duckdb_meets_is_one(client, monkeypatch):
    """It tells of it in words of its own, where it runs a statement on the main thread: `is_ctrl_c` knows them."""
    # One thread: DuckDB tells no other of its threads of a Ctrl-C, and waits for what that one does, for hours.
    connection = duckdb.connect(config={"threads": 1})
    threading.Timer(0.2, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(RuntimeError) as met:
        connection.execute("SELECT sum(a.range * b.range) FROM range(3_000_000) AS a, range(1_000_000) AS b").fetchall()
    assert is_ctrl_c(met.value)

    client.tier.promote([TableId("demo", "shop", "small")])
    with monkeypatch.context() as patch:
        patch.setattr("bigpato_magic.local.duck.show", lambda *_: (_ for _ in ()).throw(met.value))
        with pytest.raises(KeyboardInterrupt):
            client.run("SELECT COUNT(*) AS n FROM small", route="local")
    assert client.run("SELECT COUNT(*) AS n FROM small", route="local").arrow.num_rows == 1


def test_an_interrupt_while_the_analyzer_is_loaded(monkeypatch):
    from bigpato_magic.googlesql import analysis, service

    def interrupted(self):
        raise KeyboardInterrupt

    loading = service.AnalyzerService()
    with monkeypatch.context() as patch:
        patch.setattr(service.AnalyzerService, "_loaded", interrupted)
        with pytest.raises(KeyboardInterrupt):
            loading.warm(analysis.first_question, background=False)
    assert loading.state is service.State.COLD
