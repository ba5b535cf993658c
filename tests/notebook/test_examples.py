"""Whatever `?` shows has an example, and every example is run: on the demo warehouse, each on a tier of its own."""

from __future__ import annotations

import builtins
import doctest
import inspect
import re
from datetime import timedelta

import pytest

from bigpato_magic.checking import CheckingFace
from bigpato_magic.client import BigPato
from bigpato_magic.forks import Forked
from bigpato_magic.notebook.lazy_magics import HOMES
from bigpato_magic.original import OriginalFace
from bigpato_magic.tables import TableFace

# `Forked` is what the interpreter calls, not a person.
METHODS = [
    (owner, name)
    for owner in (BigPato, TableFace, CheckingFace, OriginalFace)
    for name, value in vars(owner).items()
    if inspect.isfunction(value) and not name.startswith("_") and not hasattr(Forked, name)
]


@pytest.mark.parametrize(("owner", "name"), METHODS, ids=[name for _, name in METHODS])
def test_the_examples_of_a_method_hold(client, owner, name):
    examples = doctest.DocTestParser().get_doctest(
        inspect.getdoc(getattr(owner, name)), {"client": client}, name, None, 0
    )
    assert examples.examples, f"BigPato.{name} shows no example"
    told: list[str] = []
    failed, _ = doctest.DocTestRunner(verbose=False).run(examples, out=told.append)
    # Doctest leaves its last value there, and IPython then keeps its own `_` to itself.
    builtins.__dict__.pop("_", None)
    assert not failed, "".join(told)


def cells_of(help_text: str) -> list[str]:
    """The examples of a magic's help: a `%%` line with the query below it, or lines of code with a `%` in them."""
    description = re.split(r"\n(?:positional arguments|options):", help_text.partition("\n\n")[2])[0]
    blocks = [block.strip() for block in re.split(r"\n\s*\n", description)]
    return [block for block in blocks if re.match(r"(?:\w+ = \S.*\n?|)%", block)]


@pytest.mark.parametrize("name", HOMES)
def test_the_examples_of_a_magic_run(shell, client, cell, name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bigpato_magic.demo.start", lambda: client)  # its data take a quarter of a minute to make
    cells = cells_of(shell.object_inspect(f"%{name}")["docstring"].partition("\n\n")[2])
    assert any(f"%{name}" in one for one in cells), f"%{name}? shows no example"
    # The tables have not changed for a while: only then is it certain what they were.
    client.warehouse.clock_offset = timedelta(seconds=10)
    cell("import bigpato_magic")
    assert cell("%bp_rebalance items orders\n%bpsql SELECT COUNT(*) AS n FROM items").error is None
    for one in cells:
        assert cell(one).error is None, one
