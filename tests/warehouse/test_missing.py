"""What BigQuery says of a table that is not there, as a name that can be looked for."""

from __future__ import annotations

import pytest

from bigpato_magic.errors import TableNotFound
from bigpato_magic.warehouse import failures


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ("Not found: Table acme:shop.orders was not found in location US", ("acme", "shop", "orders")),
        ("Not found: Table example.com:acme:shop.orders was not found", ("example.com:acme", "shop", "orders")),
        ("Not found: Dataset example.com:acme:shop was not found in location EU", ("example.com:acme", "shop")),
        ("Not found: Project example.com:acme", ()),
    ],
)
def test_a_missing_table_is_named_with_its_project_also_one_of_a_domain(message, path):
    error = failures.by_reason("notFound", message)
    assert isinstance(error, TableNotFound)
    assert error.path == path
    assert (".".join(path) or "example.com:acme") in error.message
