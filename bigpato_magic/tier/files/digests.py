"""That files are as they were published: each is compared with its digest once after a start of the machine.

DuckDB's own checksum of a block is an XOR of its words: it sees neither words that trade places nor pairs that are lost
(https://github.com/duckdb/duckdb/blob/main/src/common/checksum.cpp). What becomes of a damaged copy is `upkeep`'s
business.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bigpato_magic import system
from bigpato_magic.errors import Cancelled, DamagedCopy, TierError
from bigpato_magic.status import Cancel
from bigpato_magic.tier.files import disk
from bigpato_magic.tier.journal.database import Database
from bigpato_magic.types import Part, TableCopy

_GRAIN = 0.05
"""Seconds within which two changes of a file may have the same times: some ticks of its clock."""

_KEPT = 2_000

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS verified (
        part TEXT PRIMARY KEY, identity TEXT NOT NULL, boot TEXT NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The files of a query's copies, compared with their digests while it runs.

    Args:
        digests: of the tier.
        before: each part with its copy, as its file was when the query began.
        waited_for: what the answer waits for.
        behind: of large copies, by the part's file: what goes on in the background.
    """

    digests: Digests
    before: tuple[tuple[TableCopy, Part, disk.Identity], ...]
    waited_for: tuple[Future[None], ...] = ()
    behind: tuple[tuple[Path, Future[None]], ...] = ()

    def outcome(self, cancel: Cancel) -> None:
        """Wait for what must be waited for, and see that no file has changed since the query began.

        Raises:
            DamagedCopy: a file is not what was published.
            TierError: a file cannot be read now.
            Cancelled: `cancel` was set meanwhile.
        """
        for future in self.waited_for:
            while not _done(future):
                cancel.check()
            future.result()
        for copy, part, identity in self.before:
            if _identity(copy, part) != identity:
                raise DamagedCopy(f"{part.path.name} was changed while it was read", copies=(copy.id,))
        self.digests.answered(self.behind)


@dataclass(frozen=True, slots=True)
class _Known:
    """A part whose comparison is under way or done."""

    identity: disk.Identity
    future: Future[None]


@dataclass(slots=True)
class Digests:
    """What is known of the files of a tier. Safe to use from several threads.

    Args:
        database: remembers for other kernels what was compared since the machine started.
        first: gives the bytes up to which an answer waits for its files.
        lost: hears of a damaged copy, what is wrong with it, and how many answers of this kernel rested on it.
    """

    database: Database
    first: Callable[[], int]
    lost: Callable[[TableCopy, DamagedCopy, int], None]
    _boot: str | None = field(default_factory=system.boot)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _parts: dict[Path, _Known] = field(default_factory=dict)
    _answers: Counter[Path] = field(default_factory=Counter)
    _stopped: Cancel = field(default_factory=Cancel)

    def __post_init__(self) -> None:
        self.database.ensure(_SCHEMA)

    def begin(self, copies: Sequence[TableCopy], *, all_of_it: bool = False) -> Comparison:
        """Begin to compare what was not yet: small copies at once, large ones in the background.

        Args:
            copies: that a query reads.
            all_of_it: whatever their size, at once.

        Raises:
            DamagedCopy: a file is missing; its copy goes.
            TierError: a file cannot be read now.
        """
        before = tuple((copy, part, self._there(copy, part)) for copy in copies for part in copy.parts)
        unknown = [(copy, part, identity) for copy, part, identity in before if not self._is_known(part, identity)]
        wait = all_of_it or sum(part.bytes for _, part, _ in unknown) <= self.first()
        futures = [(part.path, self._compare(copy, part, identity, wait)) for copy, part, identity in unknown]
        if wait:
            return Comparison(self, before, tuple(future for _, future in futures))
        return Comparison(self, before, behind=tuple(futures))

    def trust(self, parts: Sequence[Part]) -> None:
        """These were written and digested by this process just now."""
        for part in parts:
            with suppress(OSError):
                self._know(part, disk.identity(part.path))

    def answered(self, behind: Sequence[tuple[Path, Future[None]]]) -> None:
        """An answer is given before these comparisons have ended.

        Raises:
            DamagedCopy: one has, and found damage.
        """
        with self._lock:
            for _, future in behind:
                if future.done():
                    future.result()
            self._answers.update(path for path, future in behind if not future.done())

    def close(self) -> None:
        """Stop what runs in the background."""
        self._stopped.set()

    def _there(self, copy: TableCopy, part: Part) -> disk.Identity:
        """Its file as it is now; where it is missing, the copy goes aside of the query that met it."""
        try:
            return _identity(copy, part)
        except DamagedCopy as error:
            threading.Thread(target=self.lost, args=(copy, error, 0), name="bigpato-digest", daemon=True).start()
            raise

    def _is_known(self, part: Part, identity: disk.Identity) -> bool:
        known = self._parts.get(part.path)
        if known is not None and known.identity == identity:
            return _is_good(known.future)
        if not self._is_remembered(part, identity):
            return False
        self._parts[part.path] = _Known(identity, _good())
        return True

    def _is_remembered(self, part: Part, identity: disk.Identity) -> bool:
        if self._boot is None:
            return False
        try:
            with self.database.reading() as db:
                row = db.execute("SELECT identity, boot FROM verified WHERE part = ?", (part.path.name,)).fetchone()
        except TierError:
            return False
        return bool(row == (_text(identity), self._boot))

    def _compare(self, copy: TableCopy, part: Part, identity: disk.Identity, at_once: bool) -> Future[None]:
        """The comparison of a part: one for all that ask for it at a time."""
        with self._lock:
            known = self._parts.get(part.path)
            if known is not None and known.identity == identity and not known.future.done():
                return known.future
            future: Future[None] = Future()
            self._parts[part.path] = _Known(identity, future)
        work = (copy, part, identity, future, at_once)
        threading.Thread(target=self._run, args=work, name="bigpato-digest", daemon=True).start()
        return future

    def _run(self, copy: TableCopy, part: Part, identity: disk.Identity, future: Future[None], at_once: bool) -> None:
        if not at_once:
            # The interpreter's lock is held for microseconds between pieces: nobody waits for this thread.
            system.step_back()
        error: BaseException | None = None
        try:
            self._look(copy, part, identity)
        except Cancelled:
            error = TierError("the local store was closed meanwhile")
        except BaseException as problem:
            error = problem
        with self._lock:  # an answer is counted before this, or sees the outcome
            future.set_exception(error) if error is not None else future.set_result(None)
            answers = self._answers.pop(part.path, 0)
        if isinstance(error, DamagedCopy):
            self.lost(copy, error, answers)

    def _look(self, copy: TableCopy, part: Part, identity: disk.Identity) -> None:
        try:
            content = disk.checksum(part.path, self._stopped.check, like=part.checksum)
            if content != part.checksum:
                raise DamagedCopy(f"{part.path.name} is not what was written", copies=(copy.id,))
            now: disk.Identity | None = disk.identity(part.path)
        except FileNotFoundError:  # with its copy, by another kernel; the next query sees what is there
            now = None
        except OSError as error:
            raise _unreadable(error, copy, part) from error
        if now != identity:
            raise TierError(f"{part.path.name} was changed or taken away while it was compared")
        if time.time() - max(identity[3:]) / 1e9 > _GRAIN:
            self._know(part, identity)
        else:  # a second change in this moment would not be seen
            self._parts.pop(part.path, None)

    def _know(self, part: Part, identity: disk.Identity) -> None:
        self._parts[part.path] = _Known(identity, _good())
        if self._boot is not None:
            row = (part.path.name, _text(identity), self._boot)
            self.database.later(partial(_remember, row), "it is not remembered that a file was compared")


def _remember(row: tuple[str, str, str], db: sqlite3.Connection) -> None:
    db.execute("INSERT OR REPLACE INTO verified VALUES (?, ?, ?)", row)
    db.execute(
        "DELETE FROM verified WHERE boot <> ? OR rowid <= (SELECT max(rowid) FROM verified) - ?", (row[2], _KEPT)
    )


def _identity(copy: TableCopy, part: Part) -> disk.Identity:
    try:
        return disk.identity(part.path)
    except OSError as error:
        raise _unreadable(error, copy, part) from error


def _unreadable(error: OSError, copy: TableCopy, part: Part) -> DamagedCopy | TierError:
    message = f"{part.path.name} cannot be read: {error.strerror}"
    return DamagedCopy(message, copies=(copy.id,)) if disk.is_lost(error) else TierError(message)


def _text(identity: disk.Identity) -> str:
    return " ".join(map(str, identity))


def _good() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future


def _is_good(future: Future[None]) -> bool:
    return future.done() and future.exception() is None


def _done(future: Future[None]) -> bool:
    with suppress(TimeoutError):
        future.exception(0.1)
    return future.done()
