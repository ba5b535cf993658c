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

from bigpato_magic.errors import TierError

log = logging.getLogger(__name__)

FILE = "tier.sqlite"
VERSION = 1

_BUSY_SECONDS = 10.0


class Database:
    """A connection to `<directory>/tier.sqlite` in WAL mode (made with mode 0600), safe to use from several threads.

    A file that SQLite finds damaged is put aside as `tier.sqlite.damaged` and begun anew: it holds habits and
    accounts, no answers. It is opened anew where another process has replaced or removed it. `generation` tells that
    it happened: whoever relies on marks must forget what it knew.

    Args:
        directory: of the tier; made with mode 0700 if it is missing.

    Raises:
        TierError: the file cannot be opened or written, or a newer version of this package made it.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        self.generation = 0
        self._lock = threading.RLock()
        self._schemas: list[str] = []
        self._writer = ThreadPoolExecutor(1, "bigpato-books")
        self._promised: Future[None] | None = None
        self._connection = self._open()

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

        Changes are made in the order of calls, and before anything that this object is asked afterwards.

        Args:
            change: what to do.
            loss: what to log where it fails.
        """
        self._promised = self._writer.submit(self._change, change, loss)

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

    @contextlib.contextmanager
    def _now(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._follow()
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.DatabaseError as error:
                self._give_up(error)
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A read that waits for nobody.

        Raises:
            TierError: as `transaction`.
        """
        self.settle()
        with self._lock:
            self._follow()
            try:
                yield self._connection
            except sqlite3.DatabaseError as error:
                self._give_up(error)

    def close(self) -> None:
        """Do what is left to do, and close the connection."""
        self._writer.shutdown()
        with self._lock:
            self._connection.close()

    def _follow(self) -> None:
        """Open the file again if it is not the one that was opened: purged, or put aside by another process."""
        with contextlib.suppress(FileNotFoundError):
            if self.path.stat().st_ino == self._inode:
                return
        self.generation += 1
        self._reopen()

    def _reopen(self) -> None:
        self._connection.close()
        self._connection = self._open()
        for schema in self._schemas:
            self._connection.executescript(schema)

    def _give_up(self, error: sqlite3.DatabaseError) -> None:
        if _damaged(error):
            self._begin_anew()
        raise TierError(f"{self.path} cannot be used: {error}", hint="is the disk full or read-only?") from error

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite gives the -wal and -shm files the mode of the main one.
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            return self._connect()
        except OSError as error:
            raise TierError(f"{self.path} cannot be opened: {error.strerror}") from error
        except sqlite3.DatabaseError as error:
            if not _damaged(error):
                raise TierError(f"{self.path} cannot be opened: {error}") from error
        self._put_aside()
        return self._open()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        self._inode = self.path.stat().st_ino
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            connection.close()
            raise TierError(f"{self.path} was made by a newer version of bigpato-magic", hint="upgrade bigpato-magic")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        return connection

    def _begin_anew(self) -> None:
        self._connection.close()
        self._put_aside()
        self._reopen()

    def _put_aside(self) -> None:
        self.generation += 1
        for suffix in ("", "-wal", "-shm"):
            path = self.path.with_name(self.path.name + suffix)
            with contextlib.suppress(FileNotFoundError):
                path.replace(path.with_name(f"{self.path.name}.damaged{suffix}"))


def _damaged(error: sqlite3.DatabaseError) -> bool:
    """Whether SQLite says that the file itself is bad (not busy, full or read-only)."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
