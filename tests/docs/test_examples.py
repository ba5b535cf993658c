"""The examples in docstrings, which `?` shows, are run."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = ("bigpato_magic.local.relation", "bigpato_magic.traits", "bigpato_magic.notebook.parameters")


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0
