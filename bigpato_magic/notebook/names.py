"""The names that completion and inspection know: from what is remembered here, refreshed behind the person's back.

A key press waits for BigQuery for a moment only: what comes later is there for the next key press.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from bigpato_magic.errors import AnalyzerUnavailable, BigPatoError
from bigpato_magic.notebook.saved import SavedQueries
from bigpato_magic.notebook.warming import paused
from bigpato_magic.types import Column, TableFacts, TableId

if TYPE_CHECKING:
    from bigpato_magic.client import BigPato
    from bigpato_magic.overview import TableRow

_YOUNG = 300.0
"""Seconds after which names are asked for again."""
_PATIENCE = 0.4
"""Seconds that one key press may wait for names that are asked for the first time: JupyterLab gives up after one."""


class NotebookNames:
    """Datasets, tables and columns, as last heard. What cannot be had is simply not known."""

    def __init__(self, client: Callable[[], BigPato], saved: Callable[[], SavedQueries] = SavedQueries) -> None:
        self._client_of = client
        self._saved_of = saved
        self._for: BigPato | None = None
        self._rows: tuple[TableRow, ...] | None = None
        self._asked: dict[Any, float] = {}
        self._first: dict[Any, threading.Thread] = {}
        self._until = 0.0
        self._lists: dict[tuple[str, ...], tuple[str, ...]] = {}

    def key_pressed(self) -> None:
        """A person waits: what is asked from now on may take a moment."""
        self._until = time.monotonic() + _PATIENCE

    @property
    def saved(self) -> SavedQueries:
        """The named queries of the notebook."""
        return self._saved_of()

    def projects(self) -> tuple[str, ...]:
        """Projects of the client and of the tables that were used."""
        home = self._client.project
        return _merged((home,) if home else (), (row.id.project for row in self._known()))

    def datasets(self, project: str | None = None) -> tuple[str, ...]:
        """Datasets of a project, default: the client's."""
        client = self._client
        project = project or client.project
        self._behind(("datasets", project), lambda: self._keep((project,), client.warehouse.datasets(project or None)))
        return _merged(
            self._lists.get((project,), ()), (row.id.dataset for row in self._known() if row.id.project == project)
        )

    def tables(self, dataset: str | None = None, project: str | None = None) -> tuple[str, ...]:
        """Tables of a dataset, default: the client's."""
        client = self._client
        home = (project or _home(client)[0], dataset or _home(client)[1])
        if not home[1]:
            return ()

        def ask() -> None:
            self._keep(home, [table.table for table in client.warehouse.tables(home[0] or None, home[1])])

        self._behind(("tables", *home), ask)
        seen = (row.id.table for row in self._known() if (row.id.project, row.id.dataset) == home)
        return _merged(self._lists.get(home, ()), seen)

    def columns(self, path: tuple[str, ...]) -> tuple[Column, ...]:
        """The columns of a table, none where it is not known (yet)."""
        facts = self.facts(path)
        return facts.columns if facts else ()

    def facts(self, path: tuple[str, ...]) -> TableFacts | None:
        """What BigQuery last said of a table, however long ago."""
        client = self._client
        project, dataset = _home(client)
        try:
            table = TableId.parse(".".join(path), project=project or None, dataset=dataset or None)
        except ValueError:
            return None
        known = self._facts_of(client, table)
        if known is None:
            self._behind(("facts", table), lambda: client.tier.facts.fetch([table]))
            known = self._facts_of(client, table)
        return known

    def row(self, table: TableId) -> TableRow | None:
        """What screens show of a table, if it is used or here."""
        return next((row for row in self._known() if row.id == table), None)

    def wait(self) -> None:
        """Wait for what was asked for (for tests and scripts)."""
        for thread in threading.enumerate():
            if thread.name == "bigpato-names":
                thread.join()

    @property
    def _client(self) -> BigPato:
        """The client; what was heard from another one is forgotten."""
        client = self._client_of()
        if client is not self._for:
            self._for, self._rows, self._asked, self._first, self._lists = client, None, {}, {}, {}
        return client

    def _known(self) -> tuple[TableRow, ...]:
        """The tables that are used or here. Opening the tier may take a while: the first time, it is done behind."""
        client = self._client
        if self._rows is None:
            self._behind("tier", lambda: self._hear(client))
            return self._rows or ()
        with suppress(BigPatoError):
            self._rows = tuple(client.tables())
        return self._rows

    def _hear(self, client: BigPato) -> None:
        self._rows = tuple(client.tables())

    def _facts_of(self, client: BigPato, table: TableId) -> TableFacts | None:
        self._known()
        if self._rows is None:
            return None
        known: TableFacts | None = client.tier.facts.known(table)
        if known is None:
            copies = client.tier.copies([table])
            known = copies[table].facts if table in copies else None
        return known

    def _keep(self, key: tuple[str, ...], names: Iterable[str]) -> None:
        self._lists[key] = tuple(names)

    def _behind(self, key: Any, ask: Callable[[], Any]) -> None:
        """Ask on a thread, unless that was done a short while ago; without an answer, the old names stay."""
        now = time.monotonic()
        if now - self._asked.get(key, -math.inf) >= _YOUNG:
            self._asked[key] = now
            thread = threading.Thread(target=_quietly, args=(ask,), daemon=True, name="bigpato-names")
            thread.start()
            self._first.setdefault(key, thread)
        self._first[key].join(max(0.0, self._until - now))


def _quietly(ask: Callable[[], Any]) -> None:
    with suppress(Exception), paused():
        ask()


def _home(client: BigPato) -> tuple[str, str]:
    """Project and dataset of unqualified names, from the settings alone."""
    project, _, dataset = client.dataset.rpartition(".")
    return project or client.project, dataset


def _merged(listed: Iterable[str], seen: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*listed, *seen}))


@cache
def _functions() -> dict[str, tuple[str, ...]]:
    from bigpato_magic.googlesql import builtin_functions

    return builtin_functions()


def functions() -> dict[str, tuple[str, ...]]:
    """BigQuery's functions and their signatures, by name in capitals; empty until Google's analyzer is ready."""
    try:
        return _functions()
    except AnalyzerUnavailable:
        return {}
