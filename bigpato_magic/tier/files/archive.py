"""Copies and kept relations in one file, for somebody else to open: a ZIP of their parts, with an index of all digests.

The index has each manifest and the SHA-256 of each part; a part that is not what the index says is never published. It
tells damage, not forgery: who makes an archive decides what is in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import IO

from bigpato_magic import system
from bigpato_magic.errors import ConfigurationError, TierError
from bigpato_magic.tier.files import manifest
from bigpato_magic.tier.files.store import Store
from bigpato_magic.types import TableCopy

INDEX = "index.json"
_FORMAT = "bigpato-magic archive 1"
_CHUNK = 8 << 20
_LARGEST_INDEX = 64 << 20
_YEARS = 2000, 9000
"""Before the first there was no BigQuery; near the last there are dates that no calendar has."""
_PART = re.compile(r"[0-9a-f]{8,64}\.duckdb")
_COPY = re.compile(r"[0-9a-f]{8,64}")
_NOBODY = "archive"
# What reading a file raises that is cut, forged, encrypted (RuntimeError), or nests too deep (RecursionError is one).
_DAMAGES = (
    AttributeError,
    EOFError,
    KeyError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive says of itself.

    Args:
        path: of the file.
        digest: of its index: another content, another digest.
        as_of: the instant that all of it is of.
        project: of unqualified names, where it was made.
        dataset: likewise.
        copies: what is in it; paths of parts are names.
        digests: SHA-256 of each part, by name.
    """

    path: Path
    digest: str
    as_of: datetime
    project: str
    dataset: str
    copies: tuple[TableCopy, ...]
    digests: Mapping[str, str]


def write(
    path: Path,
    copies: Iterable[TableCopy],
    *,
    as_of: datetime,
    project: str,
    dataset: str,
    each: Callable[[], None] = lambda: None,
) -> None:
    """Write an archive (mode 0600), whole or not at all.

    Args:
        path: of the new file; there must be none.
        copies: leased; their parts are what was written once.
        as_of: the instant that all of them are of.
        project: of unqualified names.
        dataset: likewise.
        each: called about every 8 MiB; may raise to stop it.

    Raises:
        ConfigurationError: there is a file already, or none can be made there.
    """
    _see_that_it_is_new(path)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with open(draft, "xb", opener=_private) as file:
            with zipfile.ZipFile(file, "w") as bundle:
                _fill(bundle, tuple(copies), {"as_of": as_of.isoformat(), "project": project, "dataset": dataset}, each)
            file.flush()
            system.flush(file.fileno())
        _see_that_it_is_new(path)  # it took a while
        system.replace(draft, path)
        system.sync(path.parent)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        system.remove(draft)


def _see_that_it_is_new(path: Path) -> None:
    try:
        there = path.exists() or path.is_symlink()
    except OSError as error:  # its name is too long, for one
        raise ConfigurationError(f"{path} cannot be written: {error.strerror or error}") from error
    if there:
        raise ConfigurationError(f"{path} is there already", hint="choose another name, or remove it")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _fill(
    bundle: zipfile.ZipFile, copies: tuple[TableCopy, ...], about: Mapping[str, str], each: Callable[[], None]
) -> None:
    parts = {part.path.name: part.path for copy in copies for part in copy.parts}
    digests = {name: _add(bundle, name, path, each) for name, path in parts.items()}
    texts = [manifest.dumps(replace(copy, principal=_NOBODY)) for copy in copies]
    index = {"format": _FORMAT, **about, "copies": texts, "parts": digests}
    bundle.writestr(zipfile.ZipInfo(INDEX), json.dumps(index, separators=(",", ":")))


def _add(bundle: zipfile.ZipFile, name: str, path: Path, each: Callable[[], None]) -> str:
    """Put a part in, as it is; its SHA-256."""
    info = zipfile.ZipInfo(name)
    info.file_size = path.stat().st_size
    with path.open("rb") as source, bundle.open(info, "w", force_zip64=True) as target:
        return _copied(source, target, each)


def _copied(source: IO[bytes], target: IO[bytes], each: Callable[[], None]) -> str:
    digest = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        target.write(chunk)
        each()
    return digest.hexdigest()


# ---------------------------------------------------------------------------------------------- reading


def read(path: Path) -> Archive:
    """What is in an archive, as far as its index tells; parts are proven when they are published.

    Raises:
        ConfigurationError: it cannot be read, is damaged, or is no archive.
    """
    with _opened(path) as bundle:
        if bundle.getinfo(INDEX).file_size > _LARGEST_INDEX:
            raise ValueError("its index is too large")
        text = bundle.read(INDEX)
        content = json.loads(text)
        if content["format"] != _FORMAT:
            raise ValueError("another version of bigpato-magic made it")
        copies = tuple(manifest.loads(one, Path()) for one in content["copies"])
        archive = Archive(
            path=path,
            digest=hashlib.sha256(text).hexdigest()[:32],
            as_of=datetime.fromisoformat(content["as_of"]),
            project=str(content["project"]),
            dataset=str(content["dataset"]),
            copies=copies,
            digests={str(name): str(digest) for name, digest in content["parts"].items()},
        )
        _check(archive, bundle)
        return archive


def _check(archive: Archive, bundle: zipfile.ZipFile) -> None:
    """See that the file has what its index says and nothing else, by names that can be nothing but names."""
    if archive.as_of.tzinfo is None or not _YEARS[0] < archive.as_of.year < _YEARS[1]:
        raise ValueError("its instant is none")
    names = [info.filename for info in bundle.infolist()]
    if sorted(names) != sorted([INDEX, *archive.digests]):
        raise ValueError("its files are not those of its index")
    if not all(map(_PART.fullmatch, archive.digests)) or not all(_COPY.fullmatch(c.id) for c in archive.copies):
        raise ValueError("a name in it is none of ours")
    if any(info.compress_type != zipfile.ZIP_STORED for info in bundle.infolist()):
        raise ValueError("it is compressed")
    for part in (part for copy in archive.copies for part in copy.parts):
        if part.path.name not in archive.digests or bundle.getinfo(part.path.name).file_size != part.bytes:
            raise ValueError("a part of a copy is missing or cut")


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The file; what is wrong with it is said in one sentence."""
    try:
        if path.exists() and not path.is_file():  # a pipe would keep one waiting, and a device never ends
            raise ConfigurationError(f"{path} is no file")
        with zipfile.ZipFile(path) as bundle:
            yield bundle
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from error
    except _DAMAGES as error:
        raise ConfigurationError(f"{path} is damaged, or no archive of bigpato-magic: {error}") from error


def publish(archive: Archive, store: Store, each: Callable[[], None] = lambda: None) -> tuple[TableCopy, ...]:
    """Publish what is in an archive in a store of its own, each copy whole or not at all; what was published now.

    Args:
        archive: as read.
        store: whose principal sees it.
        each: called about every 8 MiB; may raise to stop it.

    Raises:
        ConfigurationError: a part is not what the index says; what was published by then is proven.
        TierError: the directory cannot be used.
    """
    new = [copy for copy in archive.copies if not store.manifest_path(copy.id).exists()]
    with _opened(archive.path) as bundle:
        return tuple(_publish(archive, bundle, copy, store, each) for copy in new)


def _publish(
    archive: Archive, bundle: zipfile.ZipFile, copy: TableCopy, store: Store, each: Callable[[], None]
) -> TableCopy:
    with store.staging() as staging:
        parts, drafts = [], []
        for part in copy.parts:
            path = store.parts / part.path.name
            if not path.exists():
                path = staging / part.path.name
                _take_out(archive, bundle, path, each)
                drafts.append(path)
            parts.append(replace(part, path=path))
        return _published(replace(copy, principal=store.principal, parts=tuple(parts)), drafts, store)


def _published(copy: TableCopy, drafts: list[Path], store: Store) -> TableCopy:
    try:
        return store.publish(copy, drafts)
    except OSError as error:
        raise TierError(
            f"{store.home} cannot be written: {error.strerror or error}", hint="is the disk full?"
        ) from error


def _take_out(archive: Archive, bundle: zipfile.ZipFile, path: Path, each: Callable[[], None]) -> None:
    """Write one part to a new file, and see that it is what the index says."""
    try:
        with bundle.open(path.name) as source, open(path, "xb", opener=_private) as target:
            digest = _copied(source, target, each)
            target.flush()
            system.flush(target.fileno())
    except OSError as error:
        raise TierError(f"{path} cannot be written: {error.strerror or error}", hint="is the disk full?") from error
    if digest != archive.digests[path.name]:
        raise ValueError("a part is not what was put in")


def principal_of(archive: Archive) -> str:
    """Whose its copies are where it is opened: nobody's, and no other archive's."""
    return f"archive {archive.digest}"
