"""The warehouse of an opened archive: there is none. Its clock stands at the instant that the archive is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

from bigpato_magic.errors import BigPatoError, WarehouseUnavailable
from bigpato_magic.types import RoutineFacts, RoutineId, TableFacts, TableId
from bigpato_magic.warehouse.base import OfferedTransfer


class ArchiveWarehouse:
    """Answers nothing; see `warehouse.base.Warehouse`.

    Args:
        project: of unqualified names.
        principal: whose copies the archive's are.
        as_of: the instant that the archive is of.
    """

    location: str | None = None

    def __init__(self, project: str, principal: str, as_of: datetime) -> None:
        self.project, self.principal, self._as_of = project, principal, as_of

    def now(self) -> datetime:
        """The instant that the archive is of: what today is does not change in it."""
        return self._as_of

    def facts(self, tables: Sequence[TableId]) -> Mapping[TableId, TableFacts | BigPatoError]:
        """Nobody is asked."""
        return {table: _closed() for table in tables}

    def routines(self, routines: Sequence[RoutineId]) -> Mapping[RoutineId, RoutineFacts | BigPatoError]:
        """Nobody is asked."""
        return {routine: _closed() for routine in routines}

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        """Nothing is asked of BigQuery.

        Raises:
            WarehouseUnavailable: always.
        """
        raise _closed()

    tables = listed = datasets = partitions = query = dry_run = _refuse

    def transfers(self) -> Mapping[str, OfferedTransfer]:
        """None: nothing is brought."""
        return {}


def _closed() -> WarehouseUnavailable:
    return WarehouseUnavailable("This is an archive: BigQuery is not asked.", hint="only what is in it answers")
