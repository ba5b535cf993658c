"""What all tests share: properties are not judged by the clock, and in CI they are the same ones each time.

And a client on the demo warehouse's small samples; folders that need another one have a `client` of their own.
"""

from __future__ import annotations

import faulthandler
import os
import sys

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "bigpato", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=os.environ.get("CI") == "true"
)
settings.load_profile("bigpato")

# They kill, fork, lock, or ask the machine as POSIX does.
collect_ignore = [] if sys.platform != "win32" else [
    "client/test_fork.py", "client/test_store_in_trouble.py", "faults", "googlesql/test_fork.py",
    "googlesql/test_stopping.py",
]  # fmt: skip


ENDING = 300
"""Seconds that a process of tests may take to end."""


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish():
    """A process that does not end is a fault too: it shows the stacks of all threads, and ends with an error."""
    faulthandler.dump_traceback_later(ENDING, exit=True, file=sys.__stderr__)


@pytest.fixture(scope="session")
def analyzer():
    """Google's analyzer, ready."""
    from bigpato_magic import googlesql

    googlesql.warm(background=False)
    assert googlesql.wait(600), googlesql.failure()
    return googlesql


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
