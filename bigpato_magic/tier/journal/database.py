"""One SQLite file that all kernels of a tier write to: usage, ledger and stale marks. What is in it is left to them."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from bigpato_magic import forks, system
from bigpato_magic.errors import TierError

log = logging.getLogger(__name__)

FILE = "tier.sqlite"
VERSION = 1

_BUSY_SECONDS = 1.0
"""That a change waits for those of other kernels, which take milliseconds; a query must not wait long for a lock."""


class Database:
    """A connection to `<directory>/tier.sqlite` in WAL mode (made with mode 0600), safe to use from several threads.

    A file that SQLite finds damaged is put aside as `tier.sqlite.damaged` and begun anew: it holds habits and
    accounts, no answers. It is opened anew where another process has replaced or removed it. `generation` tells that
    it happened: whoever relies on marks must forget what it knew.

    Args:
        directory: of the tier; it must be there.

    Raises:
        TierError: the file cannot be opened or written, or a newer version of this package made it.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        self.generation = 0
        self._lock = threading.RLock()
        self._schemas: list[str] = []
        self._writer = ThreadPoolExecutor(1, "bigpato-journal")
        self._promised: Future[None] | None = None
        self._inode = 0
        self._patient = True
        self._connection: sqlite3.Connection | None = self._open()
        forks.pause(self)

    def ensure(self, schema: str) -> None:
        """Run `CREATE … IF NOT EXISTS` statements now, and again should the file ever be begun anew."""
        self._schemas.append(schema)
        with self.transaction() as connection:
            for statement in filter(str.strip, schema.split(";")):
                connection.execute(statement)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One atomic change, or a consistent read; rolled back if the block raises.

        Raises:
            TierError: the file cannot be read or written, or it was damaged (it is new and empty now).
        """
        self.settle()
        with self._now() as connection:
            yield connection

    def later(self, change: Callable[[sqlite3.Connection], None], loss: str) -> None:
        """Make a change in a transaction of its own, soon, on another thread: an answer need not wait for the disk.

        Changes are made in the order of calls, and before anything that this object is asked afterwards. Once it is closed
        they are made at once: a query that was running then has its answer all the same.

        Args:
            change: what to do.
            loss: what to log where it fails.
        """
        try:
            self._promised = self._writer.submit(self._change, change, loss)
        except RuntimeError:  # of an executor that was shut down
            self._make_last(change, loss)

    def settle(self) -> None:
        """Wait until all that was asked for `later` is done."""
        promised = self._promised
        if promised is not None:
            promised.result()

    def _change(self, change: Callable[[sqlite3.Connection], None], loss: str) -> None:
        try:
            with self._now() as connection:
                change(connection)
        except TierError as error:
            log.warning("%s: %s", loss, error)

    def _make_last(self, change: Callable[[sqlite3.Connection], None], loss: str) -> None:
        with self._lock:
            self._change(change, loss)
            self._close()

    @contextlib.contextmanager
    def _now(self) -> Iterator[sqlite3.Connection]:
        with self._using() as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A read that waits for nobody.

        Raises:
            TierError: as `transaction`.
        """
        self.settle()
        with self._using() as connection:
            yield connection

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The connection for one thread; SQLite's errors as ours. Who has waited in vain is not made to wait again."""
        with self._lock:
            try:
                connection = self._follow()
                yield connection
                if not self._patient:
                    self._wait_for_others(connection, _BUSY_SECONDS)
            except sqlite3.DatabaseError as error:
                if _is_busy(error) and self._connection is not None:
                    self._wait_for_others(self._connection, 0)
                self._give_up(error)

    def _wait_for_others(self, connection: sqlite3.Connection, seconds: float) -> None:
        self._patient = seconds > 0
        connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

    def close(self) -> None:
        """Do what is left to do, and close the connection."""
        self._writer.shutdown()
        with self._lock:
            self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def before_fork(self) -> None:
        """Close the file, and keep other threads from it."""
        self._lock.acquire()
        self._close()

    def after_fork(self) -> None:
        """Go on; the file is opened again when it is needed."""
        self._lock.release()

    def _follow(self) -> sqlite3.Connection:
        """The connection; anew if its file is not the one that was opened: purged, or put aside by another process."""
        inode = None
        with contextlib.suppress(OSError):  # opening it says what is wrong
            inode = self.path.stat().st_ino
        if inode != self._inode:
            self.generation += 1
            self._close()
        return self._connection or self._reopen()

    def _reopen(self) -> sqlite3.Connection:
        self._close()
        connection = self._open()
        for schema in self._schemas:
            connection.executescript(schema)
        self._connection = connection
        return connection

    def _give_up(self, error: sqlite3.DatabaseError) -> None:
        if _damaged(error):
            self._close()
            self._put_aside()
            self._reopen()
        raise TierError(f"{self.path} cannot be used: {error}", hint=_hint(error)) from error

    def _open(self) -> sqlite3.Connection:
        try:
            # SQLite gives the -wal and -shm files the mode of the main one.
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            return self._connect()
        except OSError as error:
            raise TierError(f"{self.path} cannot be opened: {error.strerror}", hint=_hint(error)) from error
        except sqlite3.DatabaseError as error:
            if not _damaged(error):
                raise TierError(f"{self.path} cannot be opened: {error}", hint=_hint(error)) from error
        self._put_aside()
        return self._open()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        self._inode = self.path.stat().st_ino
        self._patient = True
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            connection.close()
            raise TierError(f"{self.path} was made by a newer version of bigpato-magic", hint="upgrade bigpato-magic")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        return connection

    def _put_aside(self) -> None:
        self.generation += 1
        for suffix in ("", "-wal", "-shm"):
            path = self.path.with_name(self.path.name + suffix)
            try:
                system.replace(path, path.with_name(f"{self.path.name}.damaged{suffix}"))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise TierError(
                    f"{path} is damaged, and in use by another kernel", hint="end the other kernels"
                ) from error


def _damaged(error: sqlite3.DatabaseError) -> bool:
    """Whether SQLite says that the file itself is bad (not busy, full or read-only)."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _hint(error: OSError | sqlite3.DatabaseError) -> str:
    busy = isinstance(error, sqlite3.DatabaseError) and _is_busy(error)
    return "another program holds it" if busy else "is the disk full or read-only?"


def _is_busy(error: sqlite3.DatabaseError) -> bool:
    """Whether another process holds the file."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
