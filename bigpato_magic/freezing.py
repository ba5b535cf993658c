"""`BigPato`'s methods about time: every query answered as of one instant; all that is here, in a file of one instant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bigpato_magic import arguments
from bigpato_magic.errors import ConfigurationError
from bigpato_magic.status import Cancel, Status
from bigpato_magic.tier.freshness.verdict import SETTLED
from bigpato_magic.traits import format_instant
from bigpato_magic.types import Reason, TableCopy

if TYPE_CHECKING:
    from bigpato_magic.tier.tier import Tier
    from bigpato_magic.warehouse.base import Warehouse


IN_ARCHIVE = "this is an archive: only what is in it answers"


@dataclass(frozen=True, slots=True)
class ArchiveSummary:
    """An archive that was written.

    Args:
        path: of the file.
        as_of: the instant that all of it is of.
        bytes: of the file.
        copies: what is in it: of tables, and of answers.
        left_out: why something here is not in it.
    """

    path: Path
    as_of: datetime
    bytes: int
    copies: tuple[TableCopy, ...]
    left_out: tuple[Reason, ...]


class FreezeFace:
    """The methods about time; `BigPato` has them all.

    Attributes:
        frozen: every query is answered as of this instant; None for now.
        archived: the instant of the archive that this client has opened; None for any other client.
    """

    status: Status
    tier: Tier
    frozen: datetime | None = None
    archived: datetime | None = None

    if TYPE_CHECKING:  # what it stands on

        @property
        def warehouse(self) -> Warehouse:
            """BigQuery, connected when first needed."""

        home: Callable[[], tuple[str | None, str | None]]

        def __init__(self, **settings: Any) -> None:
            """A client with these settings."""

        def close(self) -> None:
            """Close files, threads and connections."""

    def freeze(self, at: datetime | str | None = "now") -> datetime | None:
        """Answer every query as of one instant from now on, whatever changes; what cannot be had as of then is an error.

        Args:
            at: an instant, a text as `2026-11-22 14:00` (of the local clock where it names no zone), `now`, or None to
                read the tables as they are again.

        Returns:
            The instant.

        Raises:
            ConfigurationError: it is no instant, or in the future.

        Example:
            >>> at = client.freeze("now")
            >>> client.run("SELECT COUNT(*) AS n FROM orders").as_of == at
            True
            >>> client.freeze(None)
        """
        if self.archived is not None:
            raise ConfigurationError(f"This is an archive: all of it is as of {format_instant(self.archived)}")
        self.frozen = None if at is None else self._instant(at)
        self.status.changed()
        return self.frozen

    def _instant(self, at: datetime | str) -> datetime:
        latest = self.warehouse.now() - SETTLED
        if isinstance(at, str) and at.strip().lower() == "now":
            return latest
        told = arguments.instant("freeze", at)
        if told > latest:
            raise ConfigurationError(f"{format_instant(told)} is not over yet", hint="freeze now, or an instant before")
        return told

    def archive(self, path: str | Path, *, cancel: Cancel | None = None) -> ArchiveSummary:
        """Write the copies and kept answers of one instant into a file that somebody else can open without BigQuery.

        The instant is that of `freeze`, or now. Whoever has the file can read the rows: it has mode 0600.

        Args:
            path: of the new file; there must be none of that name.
            cancel: stops it; then there is no file.

        Returns:
            What is in it, and why something here is not.

        Raises:
            ConfigurationError: nothing here is known to be of that instant, or the file cannot be made.
            TierError: the local store cannot be used.
            Cancelled: `cancel` was set.
        """
        at = self.frozen or self._instant("now")
        project, dataset = self.home()
        target = arguments.path_of("archive", str(path))
        copies, left_out = self.tier.archive(target, at, project=project or "", dataset=dataset or "", cancel=cancel)
        return ArchiveSummary(target, at, target.stat().st_size, copies, left_out)

    @classmethod
    def open_archive(cls, path: str | Path, *, directory: str | Path = "", **settings: Any) -> Self:
        """A client that answers from an archive alone, offline, as of its instant; nothing is asked of BigQuery.

        Its content is proven by its digests, and unpacked once, into a directory that only you may enter.

        Args:
            path: of the file.
            directory: where it is unpacked; default: in the user's data directory.
            **settings: traits of the client.

        Raises:
            ConfigurationError: it cannot be read, is damaged, or is no archive.
            TierError: the directory cannot be used.
        """
        from bigpato_magic.tier.files import archive as files
        from bigpato_magic.tier.files.place import root_of
        from bigpato_magic.warehouse.archive import ArchiveWarehouse

        content = files.read(arguments.path_of("open_archive", str(path)))
        principal = files.principal_of(content)
        home = Path(directory) if directory else root_of("").parent / "bigpato-archives" / content.digest
        place = {"project": content.project, "dataset": content.dataset, "directory": str(home)}
        warehouse: Warehouse = ArchiveWarehouse(content.project, principal, content.as_of)
        client = cls(warehouse=warehouse, **(place | settings))
        client.tier.freshness.offline = True
        client.archived = content.as_of
        try:
            opened = client.tier.open()
            opened.digests.trust([part for copy in files.publish(content, opened.store) for part in copy.parts])
        except BaseException:
            client.close()
            raise
        return client
