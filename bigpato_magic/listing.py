"""All tables and views that a person may query, used or not: listed by BigQuery (free), with what bringing them here costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from bigpato_magic import overview
from bigpato_magic.errors import BigPatoError, WarehouseUnavailable
from bigpato_magic.overview import TableRow
from bigpato_magic.tier.policy.plan import why_not
from bigpato_magic.types import TableFacts, TableId

if TYPE_CHECKING:
    from bigpato_magic.status import Status
    from bigpato_magic.tier.tier import Tier
    from bigpato_magic.warehouse.base import Warehouse

MOST = 100
"""Tables that are shown at once: of each, BigQuery is asked for its size."""


@dataclass(frozen=True, slots=True)
class ShownTable:
    """One table or view.

    Args:
        id: its name.
        facts: what BigQuery says of it, None where it does not.
        row: of its copy and its uses, None where it has neither.
        price: dollars for bringing all of it here, None where it cannot be brought.
        obstacle: why it cannot be, or why nothing is known of it, in a few words.
    """

    id: TableId
    facts: TableFacts | None = None
    row: TableRow | None = None
    price: float | None = None
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """Tables of one dataset, or of several.

    Args:
        tables: by name.
        matching: how many there are that match, those that are not shown included.
        offline: BigQuery could not be reached: only tables that were used or are here are known.
    """

    tables: tuple[ShownTable, ...]
    matching: int
    offline: bool = False


def list_tables(
    tier: Tier,
    status: Status,
    warehouse: Warehouse,
    home: tuple[str | None, str | None],
    pattern: str = "",
    most: int = MOST,
) -> Listing:
    """The tables whose names match, with their sizes.

    Args:
        tier: knows copies, uses and prices.
        status: knows what is on its way.
        warehouse: lists them.
        home: project and dataset; without a dataset, those of all datasets.
        pattern: a part of the name, or a shell's pattern (`sales_*`); of another dataset as `dataset.part`.
        most: that are shown.

    Raises:
        WarehouseError: the dataset does not exist, or may not be listed.
    """
    rows = {row.id: row for row in overview.table_rows(tier, status)}
    project, dataset, part = _place(home, pattern)
    try:
        listed, offline = warehouse.tables(project, dataset), False
    except WarehouseUnavailable:
        listed, offline = [table for table in rows if dataset is None or table.dataset == dataset], True
    names = sorted(table for table in listed if _matches(table, part))
    shown = names[:most]
    facts = tier.facts.fetch(shown)
    tables = tuple(_listed(tier, table, facts[table], rows.get(table)) for table in shown)
    return Listing(tables, len(names), offline)


def _place(home: tuple[str | None, str | None], pattern: str) -> tuple[str | None, str | None, str]:
    """Project, dataset, and what the name must match."""
    *path, part = pattern.replace("`", "").rsplit(".", 2)
    project, dataset = home
    return (path[-2] if len(path) > 1 else project), (path[-1] if path else dataset), part


def _matches(table: TableId, part: str) -> bool:
    name, wanted = table.table.lower(), part.lower()
    return fnmatchcase(name, wanted) if set("*?[") & set(wanted) else wanted in name


def _listed(tier: Tier, table: TableId, told: TableFacts | BigPatoError, row: TableRow | None) -> ShownTable:
    if isinstance(told, BigPatoError):
        copy = tier.copies([table]).get(table)
        known = tier.facts.known(table) or (copy.facts if copy else None)
        return ShownTable(table, known, row, obstacle="" if isinstance(told, WarehouseUnavailable) else told.message)
    obstacle = why_not(told)
    if obstacle is not None:
        return ShownTable(table, told, row, obstacle=obstacle[1])
    return ShownTable(table, told, row, tier.price_of_transfer(told.version.bytes))


def exactly(listing: Listing, name: str) -> Sequence[ShownTable]:
    """The table of that very name, where it is among them."""
    wanted = name.replace("`", "").rsplit(".", 1)[-1]
    return [table for table in listing.tables if table.id.table == wanted]
