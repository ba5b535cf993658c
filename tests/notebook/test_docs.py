"""The pages on the magics name every option, and know every flag of the magics that people come from."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bigpato_magic.notebook import options
from bigpato_magic.notebook.magic_line import FOREIGN
from bigpato_magic.notebook.magics import QueryMagics
from bigpato_magic.notebook.tablemagics import TableMagics

DOCS = Path(__file__).resolve().parents[2] / "docs"
PEERS = {"bigquery-magics": "bigquery_magics/bigquery.py", "jupysql": "sql/magic.py"}
MAGICS = sorted(
    {name for magics in (QueryMagics, TableMagics) for kind in magics.magics.values() for name in kind}, key=str
)


@pytest.mark.parametrize("name", MAGICS)
def test_every_magic_is_on_the_page(name):
    assert f"%{name}" in (DOCS / "magics.md").read_text()


@pytest.mark.parametrize(
    "entry",
    [*options.BPSQL, *options.REBALANCE, *options.SAVINGS, *options.VERIFY, *options.PURGE],
    ids=lambda e: e[0][0],
)
def test_every_option_is_on_the_page(entry):
    assert re.search(rf"[`, \[]{entry[0][0]}\b", (DOCS / "magics.md").read_text())


@pytest.mark.parametrize("name", MAGICS)
def test_help_shows_every_option_with_a_sentence(name):
    method = getattr(QueryMagics, name, None) or getattr(TableMagics, name)
    for action in method.parser._actions:
        assert action.help
        assert action.dest in method.__doc__ or action.option_strings[0] in method.__doc__


def flags_of(source: str) -> list[str]:
    """The names in the calls `argument("-x", "--xx", …)` of a module, without running it."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    found = (call for call in calls if ast.unparse(call.func).endswith("argument"))
    return [a.value for call in found for a in call.args if isinstance(a, ast.Constant)]


@pytest.fixture(scope="module")
def peers(tmp_path_factory):
    """The packages' own files; nothing of them is imported."""
    folder = tmp_path_factory.mktemp("peers")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *PEERS]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"the packages cannot be had: {done.stderr.strip().splitlines()[-1]}")
    return folder


@pytest.mark.parametrize("package", PEERS)
def test_every_flag_of_the_other_magics_is_answered(peers, package):
    flags = set(flags_of((peers / PEERS[package]).read_text())) - {"line"}
    assert len(flags) > 10
    page = (DOCS / "migration.md").read_text()
    assert [flag for flag in flags if f"`{flag}`" not in page] == []


@pytest.mark.parametrize("package", PEERS)
def test_a_flag_that_the_page_accepts_is_accepted_and_the_others_say_what_to_do(peers, package):
    ours = {name for names, _ in options.BPSQL for name in names}
    flags = {flag for flag in flags_of((peers / PEERS[package]).read_text()) if flag.startswith("--")}
    assert flags <= ours | FOREIGN.keys()
    assert not ours & FOREIGN.keys()
    for flag in flags:
        (row,) = re.findall(rf"^\| [^|]*`{flag}`[^|]*\| (.*) \|$", (DOCS / "migration.md").read_text(), re.MULTILINE)
        assert row.startswith("no") == (flag in FOREIGN)


def test_every_argument_and_method_of_the_original_is_answered():
    from inspect import signature

    from bigpato_magic import bigpato
    from bigpato_magic.original import OriginalFace

    page = (DOCS / "migration.md").read_text()
    arguments = [name for name in signature(bigpato.BigPato.__init__).parameters if name.count("_") and "bq" in name]
    methods = [name for name, what in vars(OriginalFace).items() if callable(what) and not name.startswith("_")]
    assert len(arguments) == 4
    assert len(methods) == 4
    assert [n for n in (*arguments, "duckdb_db", "local_duck_folder", *methods) if f"| `{n}" not in page] == []
