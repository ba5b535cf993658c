"""Work can be stopped at any moment by Ctrl-C, and says how far it is; without a front end nothing is shown."""

from __future__ import annotations

import _thread
import threading

import pytest

from bigpato_magic.errors import Cancelled, QueryError
from bigpato_magic.notebook.progress import ProgressLine, describe, surface_of
from bigpato_magic.notebook.running import run
from bigpato_magic.types import TableId, TransferEvent
from bigpato_magic.warehouse.base import QueryProgress

ORDERS = TableId("acme", "shop", "orders")


def test_the_result_comes_back():
    assert run(lambda cancel, progress: (bool(cancel), threading.current_thread().name)) == (False, "bigpato-query")


def test_an_error_comes_back_as_it_was():
    error = QueryError("no such column", sql="SELECT x", line=1, column=8)

    def work(cancel, progress):
        raise error

    with pytest.raises(QueryError) as caught:
        run(work)
    assert caught.value is error


def test_an_interrupt_stops_the_work_and_is_one_sentence():
    stopped = threading.Event()

    def work(cancel, progress):
        cancel.on_set(stopped.set)
        _thread.interrupt_main()
        assert cancel.wait(30)
        cancel.check()

    with pytest.raises(Cancelled, match=r"^Stopped after .* m?s\.$") as caught:
        run(work)
    assert stopped.is_set()
    assert caught.value._render_traceback_() == [f"Cancelled: {caught.value}"]
    assert caught.value.__suppress_context__


def test_work_that_does_not_stop_is_left_behind(monkeypatch):
    monkeypatch.setattr("bigpato_magic.notebook.running._PATIENCE", 0.05)
    release = threading.Event()

    def work(cancel, progress):
        _thread.interrupt_main()
        release.wait(30)

    with pytest.raises(Cancelled, match="the query is still being stopped"):
        run(work)
    release.set()


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (QueryProgress("j", "RUNNING", 2, 5, 12.4), "BigQuery running, stage 2 of 5, 12.4 s of slots"),
        (QueryProgress(None, "PENDING"), "BigQuery pending"),
        (TransferEvent(ORDERS, "download", 3 * 2**20, 12 * 2**20), "orders: download 3.0 MiB of 12.0 MiB"),
        (TransferEvent(ORDERS, "read", 3 * 2**20), "orders: read 3.0 MiB"),
        (TransferEvent(ORDERS, "verify"), "orders: verify"),
        (0.25, "local 25%"),
    ],
)
def test_progress_in_words(event, words):
    assert describe(event) == words


class Written:
    """A surface that keeps what was written."""

    def __init__(self):
        self.texts, self.cleared = [], False

    def write(self, text):
        self.texts.append(text)

    def clear(self):
        self.cleared = True


def test_a_long_job_shows_a_line_and_takes_it_away(monkeypatch):
    monkeypatch.setattr("bigpato_magic.notebook.progress._QUIET", 0)
    monkeypatch.setattr("bigpato_magic.notebook.progress._EVERY", 0)
    surface, seen = Written(), threading.Event()

    def write(text):
        surface.texts.append(text)
        if "stage 1 of 3" in text:
            seen.set()

    monkeypatch.setattr(surface, "write", write)

    def work(cancel, progress):
        progress(QueryProgress("j", "RUNNING", 1, 3))
        assert seen.wait(30)

    run(work, ProgressLine(surface))
    assert surface.cleared


def test_a_quick_job_shows_nothing():
    surface = Written()
    run(lambda cancel, progress: progress(QueryProgress("j", "RUNNING")), ProgressLine(surface))
    assert (surface.texts, surface.cleared) == ([], False)


def test_each_table_has_its_last_event_in_the_line():
    line = ProgressLine(None)
    items = TableId("acme", "shop", "items")
    for event in (TransferEvent(ORDERS, "read", 1), TransferEvent(items, "verify"), TransferEvent(ORDERS, "write")):
        line.note(event)
    assert line.text(3.0) == "orders: write · items: verify · 3.0 s"


def test_nowhere_to_show_it_is_no_error():
    assert surface_of(None) is None
    run(lambda cancel, progress: progress(0.5), ProgressLine(surface_of(None)))


def test_a_job_of_several_tables_has_one_bar_and_one_line_for_all_of_it():
    line = ProgressLine(None, lambda: ("1 of 2 tables, 1.2 of 4.8 GiB, about 40 s", 0.25))
    for table, stage in ((TableId("p", "d", "a"), "done"), (TableId("p", "d", "b"), "read")):
        line.note(TransferEvent(table, stage, 5, 10))
    bar = "█" * 5 + "░" * 15
    assert line.text(2.0) == f"{bar} 1 of 2 tables, 1.2 of 4.8 GiB, about 40 s · b: read · 2.0 s"


def test_what_is_waited_for_is_said_without_a_bar():
    line = ProgressLine(None, lambda: ("waiting for Google's analyzer (being loaded)", None))
    assert line.text(2.0) == "waiting for Google's analyzer (being loaded) · 2.0 s"
