"""Plans that DuckDB keeps: a query that comes again is not planned again, which is half the time of a short one.

Most texts never come again, so one is prepared when it comes for the second time, if its answer was small: DuckDB
collects the rows of a prepared statement once more on their way to Arrow.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bigpato_magic.local.supervise import closed

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

SMALL = 10_000
"""Rows of an answer whose second collection costs less than planning."""

_REMEMBERED = 1_000
"""Texts of which it is known how many rows they gave."""


@dataclass(slots=True)
class Plan:
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


class Plans:
    """Plans by text, the last used ones; safe to use from several threads.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Plan] = OrderedDict()
        self._rows: OrderedDict[str, int] = OrderedDict()

    @contextmanager
    def lent(
        self, sql: str, copies: Iterable[str], cursor: Callable[[], duckdb.DuckDBPyConnection]
    ) -> Iterator[Plan | None]:
        """The text's plan for one run, None where it is to be run as it is. A run that fails takes it away.

        Args:
            sql: the text.
            copies: the ids of all copies that it reads.
            cursor: makes one for a new plan.
        """
        plan = self._taken(sql)
        if plan is None and self._rows.get(sql, SMALL + 1) <= SMALL and self.most:
            plan = Plan(cursor(), frozenset(copies))
        try:
            yield plan
        except BaseException:
            if plan is not None:
                closed(plan.cursor)
            raise
        if plan is not None:
            self._keep(sql, plan)

    def note(self, sql: str, rows: int) -> None:
        """Note how many rows a text gave."""
        with self._lock:
            _put(self._rows, sql, rows, _REMEMBERED)
        if rows > SMALL and (plan := self._taken(sql)):
            plan.cursor.close()

    def forget(self, copy: str | None = None) -> None:
        """Drop the plans that read a copy, or all: before its files are closed."""
        with self._lock:
            gone = [sql for sql, plan in self._kept.items() if copy is None or copy in plan.copies]
            for sql in gone:
                self._kept.pop(sql).cursor.close()

    def _taken(self, sql: str) -> Plan | None:
        with self._lock:
            return self._kept.pop(sql, None)

    def _keep(self, sql: str, plan: Plan) -> None:
        with self._lock:
            # Another thread may have run the same text meanwhile.
            gone = [self._kept.pop(sql)] if sql in self._kept else []
            for dropped in gone + _put(self._kept, sql, plan, self.most):
                dropped.cursor.close()


def _put(into: OrderedDict[str, Any], key: str, value: Any, most: int) -> list[Any]:
    """Put it at the end; what had to go for it."""
    into[key] = value
    into.move_to_end(key)
    return [into.popitem(last=False)[1] for _ in range(len(into) - most)]
