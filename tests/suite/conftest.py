"""The suite needs the analyzer."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def ready(analyzer):
    """The analyzer is."""
