"""What is going on now: one observable object that screens watch, and the token that stops a job.

Nothing here decides or acts; `client` and `tier` write to it, the panel and the footnote read it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

from traitlets import Bool, Float, HasTraits, Int, Tuple, Unicode

from bigpato_magic.errors import Cancelled
from bigpato_magic.types import QueryResult, TransferEvent

log = logging.getLogger("bigpato_magic")


class Cancel:
    """A token that one side sets and the other checks; it runs clean-up hooks at once when set.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._hooks: list[Callable[[], None]] = []

    def __bool__(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        """Ask for a stop, and run the hooks (each once; an error in one does not keep the others)."""
        with self._lock:
            self._event.set()
            hooks, self._hooks = self._hooks, []
        for hook in hooks:
            with contextlib.suppress(Exception):  # the stop itself must not fail
                hook()

    def check(self) -> None:
        """Raise if a stop was asked for.

        Raises:
            Cancelled: it was.
        """
        if self._event.is_set():
            raise Cancelled

    def on_set(self, hook: Callable[[], None]) -> None:
        """Call `hook` when a stop is asked for; at once if it already was."""
        with self._lock:
            if not self._event.is_set():
                self._hooks.append(hook)
                return
        hook()

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds`; whether a stop was asked for."""
        return self._event.wait(seconds)


class Status(HasTraits):
    """What screens watch. Values are replaced, never changed in place, so that observers hear of it once."""

    analyzer = Unicode("cold", help="State of Google's analyzer: cold, compiling, loading, ready or failed.")
    busy = Bool(False, help="A rebalance is running.")
    event = Unicode("", help="The last line of a running job.")
    job = Unicode("", help="How far the running job is as a whole ('3 of 5, …'), or what it waits for; else nothing.")
    fraction = Float(None, allow_none=True, help="Of the running job that is done, 0 to 1; None where not known.")
    transfers = Tuple(help="The latest `TransferEvent` of each table of the running rebalance.")
    queries = Tuple(help="The last `QueryResult`s, newest last, without their frames.")
    copies_version = Int(0, help="Grows with every change of the catalog, the usage or the pins.")
    message = Unicode("", help="Something that a person should read (a mismatch, a lost network).")

    def note_event(self, event: TransferEvent) -> None:
        """Keep the newest event of each table."""
        others = tuple(e for e in self.transfers if e.table != event.table)
        self.transfers = (*others, event)
        if event.message:
            self.event = event.message

    def note_query(self, result: QueryResult, *, keep: int = 50) -> None:
        """Keep the last results, without their frames; a lazy relation would keep a DuckDB and its files open."""
        from dataclasses import replace

        self.queries = (*self.queries[-(keep - 1) :], replace(result, arrow=None, relation=None))

    @contextlib.contextmanager
    def waiting(self, say: Callable[[str], None] | None = None) -> Iterator[Callable[[str], None]]:
        """What a job that has not begun waits for stands in `job` meanwhile.

        Args:
            say: hears it too; None for the log, where whoever has no screen sees it.
        """

        def tell(text: str) -> None:
            self.job = text
            (say or log.warning)(text)

        try:
            yield tell
        finally:
            self.job = ""

    def changed(self) -> None:
        """Tell screens that copies, usage or pins are not what they were."""
        self.copies_version += 1
