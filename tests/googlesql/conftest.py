"""The analyzer of this machine, ready; and tables as BigQuery describes them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bigpato_magic.types import Column, Kind, Partitioning, SqlType, TableId, array_of, struct_of


@dataclass(frozen=True)
class Table:
    """As much of `TableFacts` as the analyzer asks for."""

    id: TableId
    columns: tuple[Column, ...]
    partitioning: Partitioning | None = None


def of(kind: str) -> SqlType:
    return SqlType(Kind(kind))


def table(name: str, partitioning: Partitioning | None = None, **columns: SqlType | str) -> Table:
    typed = ((column, of(kind) if isinstance(kind, str) else kind) for column, kind in columns.items())
    return Table(TableId.parse(name), tuple(Column(column, kind) for column, kind in typed), partitioning)


ORDERS = table(
    "acme-1.shop.orders",
    id="INT64",
    country="STRING",
    amount="NUMERIC",
    day="DATE",
    lines=array_of(struct_of(("sku", of("STRING")), ("count", of("INT64")))),
)


@pytest.fixture(autouse=True, scope="session")
def ready(analyzer):
    """The analyzer is."""
