"""`BigPato`'s methods about time: every query answered as of one instant."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from bigpato_magic import arguments
from bigpato_magic.errors import ConfigurationError
from bigpato_magic.status import Status
from bigpato_magic.tier.freshness.verdict import SETTLED
from bigpato_magic.traits import format_instant

if TYPE_CHECKING:
    from bigpato_magic.warehouse.base import Warehouse


class FreezeFace:
    """The methods about time; `BigPato` has them all.

    Attributes:
        frozen: every query is answered as of this instant; None for now.
    """

    status: Status
    frozen: datetime | None = None

    if TYPE_CHECKING:  # what it stands on

        @property
        def warehouse(self) -> Warehouse:
            """BigQuery, connected when first needed."""

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
