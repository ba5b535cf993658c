"""The tier's directory: staged drafts, immutable parts, and one manifest for each published copy.

    .bigpato-magic                       the marker: this directory is a tier (see `place`)
    format.json                          what made this directory
    principals/<digest>/manifests/       <id>.json: a copy is published when this file is there
    principals/<digest>/parts/           immutable DuckDB files, named by manifests, shared by versions of a copy
    principals/<digest>/staging/         drafts of running processes, each with a lock of its own
    principals/<digest>/locks/           one lock for each table that is being brought

A draft is made aside, proven, synced and then seen by one rename; what is taken away goes last. Which copies to make
is `enact`'s business, which of them answer is `catalog`'s.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from bigpato_magic import system
from bigpato_magic.errors import TierError
from bigpato_magic.status import Cancel
from bigpato_magic.tier.files import disk, manifest, place
from bigpato_magic.tier.files.crashpoints import at
from bigpato_magic.tier.files.locks import PATIENCE, locked, try_lock
from bigpato_magic.types import TableCopy, TableId

FORMAT = 1

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be on the disk.

    Args:
        path: the file.
        message: what is wrong with it.
        copy: whose part it is, None for what belongs to no copy.
    """

    path: Path
    message: str
    copy: TableCopy | None = None


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a clean-up removed, in files and directories."""

    staging: int = 0
    manifests: int = 0
    parts: int = 0

    def __bool__(self) -> bool:
        return bool(self.staging or self.manifests or self.parts)


@contextlib.contextmanager
def _told(directory: Path) -> Iterator[None]:
    """What the disk refuses below a directory, as a TierError."""
    try:
        yield
    except OSError as error:
        raise TierError(
            f"{directory} cannot be used: {error.strerror}", hint="is the disk full or read-only?"
        ) from error


def _said(method: Callable[Concatenate[Store, P], T]) -> Callable[Concatenate[Store, P], T]:
    """What the disk refuses to a method, as a TierError."""

    @wraps(method)
    def call(store: Store, /, *args: P.args, **how: P.kwargs) -> T:
        with _told(store.home):
            return method(store, *args, **how)

    return call


class Store:
    """One principal's part of a tier directory. Safe to use from several threads and processes.

    Args:
        directory: of the tier; made if it is missing.
        principal: whose copies; those of others are neither seen nor touched.

    Raises:
        TierError: the directory cannot be used, or a newer version of this package made it.
    """

    def __init__(self, directory: Path, principal: str) -> None:
        self.directory = place.claim(directory)
        self.principal = principal
        self._check_format()
        self.home = directory / "principals" / hashlib.sha256(principal.encode()).hexdigest()[:16]
        self.manifests, self.parts = self.home / "manifests", self.home / "parts"
        self.drafts, self.locks = self.home / "staging", self.home / "locks"
        for path in (directory / "principals", self.home, self.manifests, self.parts, self.drafts, self.locks):
            disk.private_directory(path)

    def _check_format(self) -> None:
        path = self.directory / "format.json"
        try:
            number = int(json.loads(path.read_text(encoding="utf-8"))["format"])
        except FileNotFoundError:
            number = None
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise TierError(f"{path} cannot be read: {error}", hint="%bp_purge --yes begins anew") from error
        if number is not None and number > FORMAT:
            raise TierError(
                f"{self.directory} was made by a newer version of bigpato-magic (format {number}, known: {FORMAT})",
                hint="upgrade bigpato-magic, or set Tier.directory to another directory",
            )
        if number != FORMAT:
            self._begin_anew(path)

    def _begin_anew(self, path: Path) -> None:
        """Copies of an older format are not converted: they are a cache, and BigQuery has the original."""
        disk.remove_tree(self.directory / "principals")
        for left in self.directory.glob(".format-*"):
            system.remove(left)
        draft = path.with_name(f".format-{uuid.uuid4().hex}")
        disk.write_private(draft, json.dumps({"format": FORMAT}))
        at("format:written")
        system.replace(draft, path)
        at("format:renamed")
        system.sync(self.directory)

    # ----------------------------------------------------------------------------------------- drafts

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """A directory of this process's own for a draft; it is gone when the block ends, or cleaned after a crash.

        Raises:
            TierError: it cannot be made.
        """
        lock, path = None, self.drafts
        try:
            with _told(self.drafts):
                while lock is None:  # it is another's who takes the new file for a dead process's
                    path = self.drafts / uuid.uuid4().hex
                    lock = try_lock(path.with_suffix(".lock"))
                at("staging:locked")
                path.mkdir(mode=0o700)
            at("staging:made")
            yield path
        finally:
            if path != self.drafts:
                disk.remove_tree(path)
                at("staging:removed")
                system.remove(path.with_suffix(".lock"))
            if lock is not None:
                lock.release()

    def table_lock(
        self, table: TableId, cancel: Cancel, waiting: Callable[[], None] = lambda: None
    ) -> contextlib.AbstractContextManager[None]:
        """Only one process at a time brings a table; the others wait (and say so), then find its copy."""
        path = self.locks / f"{hashlib.sha256(str(table).encode()).hexdigest()[:16]}.lock"
        return locked(path, cancel=cancel, waiting=waiting)

    def _lock(self, patience: float = PATIENCE) -> contextlib.AbstractContextManager[None]:
        """Held while manifests and parts are moved in or out: short, so nobody needs to be able to stop it."""
        return locked(self.home / "store.lock", patience=patience)

    # ---------------------------------------------------------------------------------------- publish

    def publish(self, copy: TableCopy, drafts: Sequence[Path], room: Callable[[], None] = lambda: None) -> TableCopy:
        """Make a draft visible, whole, with one rename.

        Args:
            copy: whose parts name files in `parts` (shared with an older version) or among `drafts`.
            drafts: new files in a staging directory, already synced.
            room: called when nothing can come between any more; raises if there is no room for the copy.

        Returns:
            The copy with the paths of its published parts.
        """
        draft = drafts[0].parent if drafts else self.drafts
        text = draft / f"{copy.id}.json"
        with self._lock():
            at("publish:begin")
            room()
            moved = {path: self.parts / path.name for path in drafts}
            parts = tuple(replace(part, path=moved.get(part.path, part.path)) for part in copy.parts)
            published = replace(copy, parts=parts)
            disk.write_private(text, manifest.dumps(published))
            at("publish:manifest-written")
            for path, target in moved.items():
                system.replace(path, target)
                at("publish:part-moved")
            system.sync(self.parts)
            at("publish:parts-synced")
            system.sync(text.parent)
            at("publish:manifest-synced")
            system.replace(text, self.manifest_path(copy.id))
            at("publish:manifest-renamed")
            system.sync(self.manifests)
        at("publish:done")
        return published

    def read(self, path: Path) -> TableCopy:
        """The copy of a manifest file.

        Raises:
            FileNotFoundError: it was taken away.
            ValueError: it is damaged.
        """
        copy = manifest.loads(path.read_text(encoding="utf-8"), self.parts)
        if copy.principal != self.principal:
            raise ValueError("it is another principal's")
        return copy

    # ------------------------------------------------------------------------------------------- away

    @_said
    def remove(self, copy_id: str) -> bool:
        """Take a copy away, unless a process leases it; whether it is gone."""
        at("demote:begin")
        with self._lock():
            path = self.manifest_path(copy_id)
            try:
                lock = try_lock(path, create=False)
            except FileNotFoundError:
                return True
            if lock is None:
                return False
            gone = system.remove(path)
            at("demote:manifest-gone")
            system.sync(self.manifests)
            lock.release()
            at("demote:lock-gone")
            self._remove_unnamed_parts("demote:part-gone")
        at("demote:done")
        return gone

    @_said
    def discard(self, copy_id: str) -> None:
        """Take a damaged copy away, whoever leases it: nobody finds it any more, and who reads it has its files open."""
        with self._lock():
            system.remove(self.manifest_path(copy_id))
            system.sync(self.manifests)
            self._remove_unnamed_parts("demote:part-gone")

    @_said
    def leased(self, copy_id: str) -> bool:
        """Whether some process leases the copy now."""
        try:
            lock = try_lock(self.manifest_path(copy_id), create=False)
        except FileNotFoundError:
            return False
        if lock is None:
            return True
        lock.release()
        return False

    @_said
    def clean(self, patience: float = PATIENCE) -> Cleaned:
        """Remove what crashed processes left: their drafts, damaged manifests, parts that no manifest names.

        Args:
            patience: seconds to wait for another process.

        Raises:
            TierError: the directory cannot be used, or another process holds it.
        """
        at("clean:begin")
        with self._lock(patience):
            staging = self._remove_dead_drafts()
            manifests = self._remove_damaged_manifests()
            self._remove_free_locks()
            return Cleaned(staging, manifests, self._remove_unnamed_parts("clean:part-gone"))

    def _remove_dead_drafts(self) -> int:
        removed = 0
        for mark in self.drafts.glob("*.lock"):
            lock = try_lock(mark)
            if lock is not None:
                disk.remove_tree(mark.with_suffix(""))
                at("clean:staging-gone")
                system.remove(mark)
                lock.release()
                removed += 1
        for path in self.drafts.iterdir():
            if path.suffix != ".lock" and not path.with_suffix(".lock").exists():
                disk.remove_tree(path) if path.is_dir() else system.remove(path)
                removed += 1
        return removed

    def _remove_free_locks(self) -> None:
        """Of tables that nobody brings now; whoever waits for one that goes makes it anew (see `locks`)."""
        for path in self.locks.glob("*.lock"):
            lock = try_lock(path)
            if lock is not None:
                system.remove(path)
                lock.release()

    def _remove_damaged_manifests(self) -> int:
        removed = 0
        for path in self.manifests.iterdir():
            try:
                copy = self.read(path)
                whole = all(p.path.exists() and p.path.stat().st_size == p.bytes for p in copy.parts)
            except ValueError:
                whole = False
            except OSError as error:  # of the manifest: a part that is missing is seen above
                whole = not disk.is_lost(error)
            if not whole:
                removed += system.remove(path)
                at("clean:manifest-gone")
        return removed

    def _remove_unnamed_parts(self, step: str) -> int:
        """Parts are moved in and out under the store's lock, so what no manifest names now nobody will name.

        One that some process still has open may stay (on Windows) until the next time.
        """
        named: set[str] = set()
        for path in self.manifests.iterdir():
            with contextlib.suppress(ValueError, OSError):
                named.update(manifest.part_names(path.read_text(encoding="utf-8")))
        unnamed = [path for path in self.parts.iterdir() if path.name not in named]
        removed = 0
        for path in unnamed:
            removed += system.remove(path, patience=0)
            at(step)
        return removed

    # ------------------------------------------------------------------------------------ all of it

    @_said
    def used_bytes(self) -> int:
        """Bytes of all published parts and running drafts of this principal (downloads on their way not counted)."""
        return disk.size_of(self.parts) + disk.size_of(self.drafts, "*.duckdb*")

    def verify(self, copies: Sequence[TableCopy], each: Callable[[], None] = lambda: None) -> list[Finding]:
        """Read every file of these copies, and compare it with the checksum of its publishing.

        Args:
            copies: to look at.
            each: called often; may raise to stop it.
        """
        findings = []
        for copy in copies:
            for part in copy.parts:
                try:
                    same = disk.checksum(part.path, each, like=part.checksum) == part.checksum
                    wrong = None if same else "its content has changed"
                except OSError as error:
                    wrong = f"it cannot be read: {error.strerror}" if disk.is_lost(error) else None
                if wrong:
                    findings.append(Finding(part.path, wrong, copy))
        for path in self.manifests.iterdir():
            try:
                self.read(path)
            except FileNotFoundError:
                continue  # another kernel has just taken it away
            except ValueError as error:
                findings.append(Finding(path, str(error)))
        return findings

    def manifest_path(self, copy_id: str) -> Path:
        """Where the manifest of a copy is."""
        return self.manifests / f"{copy_id}.json"
