"""Queries that DuckDB has prepared: one that comes again is not planned again, which is half the time of a short one.

Most texts never come again, so one is prepared when it comes for the second time, if its answer was small: DuckDB
collects the rows of a prepared statement once more on their way to Arrow.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bigpato_magic.local.supervise import closed
from bigpato_magic.lru import LruCache

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

SMALL = 10_000
"""Rows of an answer whose second collection costs less than planning."""

_REMEMBERED = 1_000
"""Texts of which it is known how many rows they gave."""


@dataclass(slots=True)
class PreparedQuery:
    """A statement that is prepared on a cursor of its own; for one thread at a time.

    DuckDB plans it anew by itself where a catalogue that it reads has changed:
    https://duckdb.org/docs/stable/sql/query_syntax/prepared_statements
    """

    cursor: duckdb.DuckDBPyConnection
    copies: frozenset[str]
    ready: bool = False

    def rows(self, sql: str) -> pa.Table:
        """Run it, prepared if it is not yet."""
        if not self.ready:
            self.cursor.execute(f"PREPARE answer AS {sql}")
            self.ready = True
        return self.cursor.sql("EXECUTE answer").to_arrow_table()


class PreparedQueries:
    """Prepared queries by text, the last used ones; safe to use from several threads.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._idle: OrderedDict[str, PreparedQuery] = OrderedDict()
        self._rows: LruCache[int] = LruCache(_REMEMBERED)

    @contextmanager
    def lent(
        self, sql: str, copies: Iterable[str], cursor: Callable[[], duckdb.DuckDBPyConnection]
    ) -> Iterator[PreparedQuery | None]:
        """The text prepared for one run, None where it is to be run as it is. A run that fails takes it away.

        Args:
            sql: the text.
            copies: the ids of all copies that it reads.
            cursor: makes one for a text that is prepared now.
        """
        prepared = self._take(sql)
        if prepared is None and self.most and (rows := self._rows.get(sql)) is not None and rows <= SMALL:
            prepared = PreparedQuery(cursor(), frozenset(copies))
        try:
            yield prepared
        except BaseException:
            if prepared is not None:
                closed(prepared.cursor)
            raise
        if prepared is not None:
            self._give_back(sql, prepared)

    def note(self, sql: str, rows: int) -> None:
        """Note how many rows a text gave."""
        self._rows.put(sql, rows)
        if rows > SMALL and (prepared := self._take(sql)):
            prepared.cursor.close()

    def forget(self, copy: str | None = None) -> None:
        """Drop those that read a copy, or all: before its files are closed."""
        with self._lock:
            for sql in [sql for sql, prepared in self._idle.items() if copy is None or copy in prepared.copies]:
                self._idle.pop(sql).cursor.close()

    def _take(self, sql: str) -> PreparedQuery | None:
        with self._lock:
            return self._idle.pop(sql, None)

    def _give_back(self, sql: str, prepared: PreparedQuery) -> None:
        with self._lock:
            if sql in self._idle:  # another thread has run the same text meanwhile
                self._idle.pop(sql).cursor.close()
            self._idle[sql] = prepared
            while len(self._idle) > self.most:
                self._idle.popitem(last=False)[1].cursor.close()
