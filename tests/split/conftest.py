"""The client of the samples, whose table of 20,000 events is here and too large for the evaluator alone."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def ready(analyzer):
    """The analyzer is."""


@pytest.fixture
def client(client):
    client.rebalance(["events"])
    return client
