"""pytest fixtures: one server of each kind for the whole session.

A `conftest.py` that wants them says `from tests.emulators.fixtures import *`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import TypeVar

import pytest

from tests.emulators import servers
from tests.emulators.environments import Unavailable

__all__ = ["bigquery_server", "gcs_server"]

T = TypeVar("T")


@pytest.fixture(scope="session")
def gcs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a running fake-gcs-server."""
    with ExitStack() as stack:
        yield _entered(stack, servers.fake_gcs(tmp_path_factory.mktemp("gcs")))


@pytest.fixture(scope="session")
def bigquery_server(tmp_path_factory: pytest.TempPathFactory, gcs_server: str) -> Iterator[servers.BigQueryServer]:
    """A running emulator of BigQuery."""
    with ExitStack() as stack:
        yield _entered(stack, servers.bigquery(tmp_path_factory.mktemp("bigquery"), gcs_server))


def _entered(stack: ExitStack, server: AbstractContextManager[T]) -> T:
    try:
        return stack.enter_context(server)
    except Unavailable as error:
        if os.environ.get("BIGPATO_REQUIRE_EMULATORS") == "1":
            pytest.fail(f"an emulator is required here: {error}")
        pytest.skip(f"no emulator: {error}")
