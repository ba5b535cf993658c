"""Copies that must go although no plan says so: versions that nobody reads any more, and damaged ones."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterable

from bigpato_magic.errors import DamagedCopy, TierError
from bigpato_magic.status import Cancel, Status
from bigpato_magic.tier.files.catalog import Catalog
from bigpato_magic.tier.files.leases import Leases
from bigpato_magic.tier.files.store import Cleaned, Finding, Store
from bigpato_magic.tier.superseded import SupersededCopies
from bigpato_magic.types import TableCopy

log = logging.getLogger("bigpato_magic")


class Upkeep:
    """Takes such copies away, and tells the person of damage. Safe to use from several threads.

    Args:
        store: of the principal.
        catalog: of its copies.
        leases: of this process.
        status: where a person reads of damage.
        superseded: which older copies stay for questions about the past.
    """

    def __init__(
        self, store: Store, catalog: Catalog, leases: Leases, status: Status, superseded: SupersededCopies
    ) -> None:
        self._store, self._catalog, self._leases, self._status = store, catalog, leases, status
        self._superseded = superseded
        self._told: set[str] = set()

    def clean(self) -> Cleaned:
        """Remove what crashed kernels left, and older versions of copies that nobody reads or may ask for any more; what it was."""
        log.info("Removing orphaned files")
        published = self._catalog.all()
        # Looked up last: what is published meanwhile is not taken for an older one.
        newest = {**self._catalog.copies(), **{copy.table: copy for copy in self._catalog.kept()}}
        for copy in published:
            if newest.get(copy.table, copy).id != copy.id and not self._superseded.holds(copy):
                self._leases.release_idle([copy.id])
                self._store.remove(copy.id)
        return self._store.clean()

    def verify(self, cancel: Cancel) -> list[Finding]:
        """Compare every file of every copy with its checksum; damaged copies are taken away.

        Raises:
            Cancelled: `cancel` was set.
        """
        findings = self._store.verify(self._catalog.all(), cancel.check)
        for id_ in {finding.copy.id for finding in findings if finding.copy is not None}:
            self._leases.release_idle([id_])
            self._store.discard(id_)
        if findings:
            self._status.changed()
        return findings

    def inspect(self, ids: tuple[str, ...]) -> None:
        """Look, on another thread, whether these copies are damaged, and take away those that are."""
        threading.Thread(target=self._inspect, args=(ids,), name="bigpato-verify", daemon=True).start()

    def _inspect(self, ids: Iterable[str]) -> None:
        findings = self._store.verify([copy for copy in self._catalog.all() if copy.id in ids])
        for copy in {finding.copy.id: finding.copy for finding in findings if finding.copy}.values():
            self.take_away(copy)

    def take_away(self, copy: TableCopy, error: DamagedCopy | None = None, answers: int = 0) -> None:
        """Take a damaged copy away, and say so once, with what it has answered meanwhile.

        Args:
            copy: which.
            error: what is wrong with it.
            answers: of this kernel, that rested on it before the damage was noticed.
        """
        there = any(published.id == copy.id for published in self._catalog.all())
        if there:
            self._leases.release_idle([copy.id])
            with contextlib.suppress(TierError):  # it is looked at again before it answers
                self._store.discard(copy.id)
        # Where another kernel was faster, only what was answered here is left to say.
        if copy.id in self._told or not (there or answers):
            return
        self._told.add(copy.id)
        self._status.message = _sentence(copy, error, answers)
        log.warning("%s", self._status.message)
        self._status.changed()


def _sentence(copy: TableCopy, error: DamagedCopy | None, answers: int) -> str:
    thing = f"The local copy of {copy.table.table}" if copy.source is None else "A kept answer"
    what = f"{thing} is damaged{f' ({error.message})' if error else ''} and was taken away."
    if not answers:
        return what
    given = "The last answer that it gave" if answers == 1 else f"The last {answers} answers that it gave"
    return f"{what} {given} in this notebook may be wrong: run them again."
