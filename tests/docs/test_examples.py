"""The examples in docstrings, which `?` shows, are run."""

from __future__ import annotations

import builtins
import doctest
import importlib

import pytest

MODULES = (
    "bigpato_magic.local.relation",
    "bigpato_magic.traits",
    "bigpato_magic.parameters.given",
    "bigpato_magic.parameters.typenames",
    "bigpato_magic.places",
    "bigpato_magic.notebook.values",
    "bigpato_magic.demo",
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(importlib.import_module(name))
    # Doctest leaves its last value there, and IPython then keeps its own `_` to itself.
    builtins.__dict__.pop("_", None)
    assert found.attempted > 0
    assert found.failed == 0
