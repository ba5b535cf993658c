"""The tier's directory: staged drafts, immutable parts, and one manifest for each published copy.

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
from pathlib import Path

from bigpato_magic.errors import TierError
from bigpato_magic.status import Cancel
from bigpato_magic.tier import disk, manifest
from bigpato_magic.tier.locks import locked, try_lock
from bigpato_magic.tier.steps import at
from bigpato_magic.types import TableCopy, TableId

FORMAT = 1


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


class Store:
    """One principal's part of a tier directory. Safe to use from several threads and processes.

    Args:
        directory: of the tier; made if it is missing.
        principal: whose copies; those of others are neither seen nor touched.

    Raises:
        TierError: the directory cannot be used, or a newer version of this package made it.
    """

    def __init__(self, directory: Path, principal: str) -> None:
        self.directory = disk.private_directory(directory)
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
            found = int(json.loads(path.read_text(encoding="utf-8"))["format"])
        except FileNotFoundError:
            found = None
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise TierError(f"{path} cannot be read: {error}", hint="%bp_purge --yes begins anew") from error
        if found is not None and found > FORMAT:
            raise TierError(
                f"{self.directory} was made by a newer version of bigpato-magic (format {found}, known: {FORMAT})",
                hint="upgrade bigpato-magic, or set Tier.directory to another directory",
            )
        if found != FORMAT:
            self._begin_anew(path)

    def _begin_anew(self, path: Path) -> None:
        """Copies of an older format are not converted: they are a cache, and BigQuery has the original."""
        disk.remove_tree(self.directory / "principals")
        for left in self.directory.glob(".format-*"):
            disk.remove(left)
        draft = path.with_name(f".format-{uuid.uuid4().hex}")
        disk.write_private(draft, json.dumps({"format": FORMAT}))
        at("format:written")
        draft.replace(path)
        at("format:renamed")
        disk.sync(self.directory)

    # ----------------------------------------------------------------------------------------- drafts

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """A directory of this process's own for a draft; it is gone when the block ends, or cleaned after a crash.

        Raises:
            TierError: it cannot be made.
        """
        name = uuid.uuid4().hex
        path, mark = self.drafts / name, self.drafts / f"{name}.lock"
        try:
            lock = try_lock(mark)
            at("staging:locked")
            path.mkdir(mode=0o700)
        except OSError as error:
            raise TierError(
                f"{path} cannot be made: {error.strerror}", hint="is the disk full or read-only?"
            ) from error
        at("staging:made")
        try:
            yield path
        finally:
            disk.remove_tree(path)
            at("staging:removed")
            disk.remove(mark)
            if lock is not None:
                lock.release()

    def table_lock(self, table: TableId, cancel: Cancel) -> contextlib.AbstractContextManager[None]:
        """Only one process at a time brings a table; the others wait, then find its copy."""
        return locked(self.locks / f"{hashlib.sha256(str(table).encode()).hexdigest()[:16]}.lock", cancel=cancel)

    def _lock(self) -> contextlib.AbstractContextManager[None]:
        """Held while manifests and parts are moved in or out: short, so nobody needs to be able to stop it."""
        return locked(self.home / "store.lock")

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
                path.replace(target)
                at("publish:part-moved")
            disk.sync(self.parts)
            at("publish:parts-synced")
            disk.sync(text.parent)
            at("publish:manifest-synced")
            text.replace(self.manifest_path(copy.id))
            at("publish:manifest-renamed")
            disk.sync(self.manifests)
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
            disk.remove(path)
            at("demote:manifest-gone")
            disk.sync(self.manifests)
            lock.release()
            at("demote:lock-gone")
            self._remove_unnamed_parts("demote:part-gone")
        at("demote:done")
        return True

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

    def clean(self) -> Cleaned:
        """Remove what crashed processes left: their drafts, damaged manifests, parts that no manifest names."""
        at("clean:begin")
        with self._lock():
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
                disk.remove(mark)
                lock.release()
                removed += 1
        for path in self.drafts.iterdir():
            if path.suffix != ".lock" and not path.with_suffix(".lock").exists():
                disk.remove_tree(path) if path.is_dir() else disk.remove(path)
                removed += 1
        return removed

    def _remove_free_locks(self) -> None:
        """Of tables that nobody brings now; whoever waits for one that goes makes it anew (see `locks`)."""
        for path in self.locks.glob("*.lock"):
            lock = try_lock(path)
            if lock is not None:
                disk.remove(path)
                lock.release()

    def _remove_damaged_manifests(self) -> int:
        removed = 0
        for path in self.manifests.iterdir():
            try:
                copy = self.read(path)
                whole = all(p.path.exists() and p.path.stat().st_size == p.bytes for p in copy.parts)
            except (ValueError, OSError):
                whole = False
            if not whole:
                disk.remove(path)
                at("clean:manifest-gone")
                removed += 1
        return removed

    def _remove_unnamed_parts(self, step: str) -> int:
        """Parts are moved in and out under the store's lock, so what no manifest names now nobody will name."""
        named: set[str] = set()
        for path in self.manifests.iterdir():
            with contextlib.suppress(ValueError, OSError):
                named.update(manifest.part_names(path.read_text(encoding="utf-8")))
        unnamed = [path for path in self.parts.iterdir() if path.name not in named]
        for path in unnamed:
            disk.remove(path)
            at(step)
        return len(unnamed)

    # ------------------------------------------------------------------------------------ all of it

    def used_bytes(self) -> int:
        """Bytes of all published parts and running drafts of this principal (downloads on their way not counted)."""
        drafts = sum(path.stat().st_size for path in _existing(self.drafts.glob("*/*.duckdb*")))
        return disk.size_of(self.parts) + drafts

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
                    wrong = None if disk.checksum(part.path, each) == part.checksum else "its content has changed"
                except OSError as error:
                    wrong = f"it cannot be read: {error.strerror}"
                if wrong:
                    findings.append(Finding(part.path, wrong, copy))
        for path in self.manifests.iterdir():
            try:
                self.read(path)
            except ValueError as error:
                findings.append(Finding(path, str(error)))
        return findings

    def manifest_path(self, copy_id: str) -> Path:
        """Where the manifest of a copy is."""
        return self.manifests / f"{copy_id}.json"


def _existing(paths: Iterator[Path]) -> Iterator[Path]:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            path.stat()
            yield path
