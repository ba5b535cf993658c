"""A client on the demo warehouse's samples, whose table of 20,000 events is too large for the evaluator alone."""

from __future__ import annotations

import pytest

from bigpato_magic import googlesql
from bigpato_magic.client import BigPato
from bigpato_magic.demo import open_warehouse


@pytest.fixture(scope="session", autouse=True)
def analyzer():
    googlesql.warm(background=False)


@pytest.fixture
def warehouse(tmp_path):
    return open_warehouse(tmp_path / "demo", datasets=("samples",))


@pytest.fixture
def client(warehouse, tmp_path):
    client = BigPato(
        warehouse=warehouse, project=warehouse.project, dataset="samples", directory=str(tmp_path / "tier")
    )
    client.rebalance(["events"])
    yield client
    client.close()
