"""What all tests share: properties are not judged by the clock, and in CI they are the same ones each time.

And a client on the demo warehouse's small samples; folders that need another one have a `client` of their own.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "bigpato", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=os.environ.get("CI") == "true"
)
settings.load_profile("bigpato")


@pytest.fixture(scope="session")
def ready_analyzer():
    from bigpato_magic import googlesql

    googlesql.warm(background=False)


@pytest.fixture
def warehouse(tmp_path):
    from bigpato_magic.demo import open_warehouse

    return open_warehouse(tmp_path / "demo", datasets=("samples",))


@pytest.fixture
def client(warehouse, tmp_path):
    from bigpato_magic.client import BigPato

    place = {"project": warehouse.project, "dataset": "samples", "directory": str(tmp_path / "tier")}
    client = BigPato(warehouse=warehouse, **place)
    yield client
    client.close()
