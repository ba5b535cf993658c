"""The stand-in client of the browser tests, for tests that need no browser."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


def _load():
    path = Path(__file__).parents[1] / "browser" / "standin.py"
    spec = importlib.util.spec_from_file_location("standin", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["standin"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def standin():
    return _load()


@pytest.fixture
def client(standin):
    return standin.StandIn(20, step=0)
