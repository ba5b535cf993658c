"""Imports form no circle and go down, also those that only a text names, which lint-imports does not see."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "bigpato_magic"
GRAPH = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
# Faces of a package: they hand out what is in it, by name, and nothing in it imports them.
FACES = (PACKAGE, f"{PACKAGE}.googlesql", f"{PACKAGE}.sql.udfs")


def imported_by_name() -> Iterator[tuple[str, str]]:
    """Each module with a module of ours that a text in it names: `import_module` is given such texts."""
    for module in GRAPH.modules:
        for node in ast.walk(ast.parse(_path(module).read_text())):
            named = node.value if isinstance(node, ast.Constant) else None
            if named in GRAPH.modules and not f"{module}.".startswith(f"{named}."):
                yield module, named


def _path(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def layer(module: str) -> int:
    """The place of a module's layer in the contract, from the top."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c["name"] == "Imports go down only")
    return next(
        place
        for place, names in enumerate(layers)
        if any(f"{module}.".startswith(f"{name.strip()}.") for name in names.split("|"))
    )


BY_NAME = sorted(set(imported_by_name()))


@pytest.mark.parametrize(("module", "named"), BY_NAME)
def test_what_a_text_names_is_not_above(module, named):
    assert module == PACKAGE or layer(module) <= layer(named)


def test_imports_form_no_circle():
    graph = {module: set(GRAPH.find_modules_directly_imported_by(module)) for module in GRAPH.modules}
    for module, named in BY_NAME:
        graph[module].add(named)
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_only_faces_import_by_a_name_that_is_put_together():
    built = [
        module
        for module in GRAPH.modules
        for node in ast.walk(ast.parse(_path(module).read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] in ("import_module", "__import__")
        and isinstance(node.args[0], ast.JoinedStr | ast.BinOp)
    ]
    assert set(built) == set(FACES)
    assert not any(GRAPH.find_modules_that_directly_import(face) & GRAPH.find_descendants(face) for face in FACES)


def test_what_tests_benchmarks_and_pages_import_is_there():
    """Read as text: code in a string runs in another process, and a benchmark is not run by any test."""
    pages = (path for folder in ("tests", "benchmarks", "docs", "notebooks") for path in (ROOT / folder).rglob("*.*"))
    texts = {path: path.read_text() for path in pages if path.suffix in (".py", ".md", ".ipynb")}
    own = ("test_imports.py", "test_vocabulary.py")
    imports = {
        (match[1], name.partition(" as ")[0].strip())
        for path, text in texts.items()
        for match in re.finditer(rf"from ({PACKAGE}[\w.]*) import ([\w, ]+\w)", text)
        for name in match[2].split(",")
        if path.name not in own
    }
    missing = [f"{module}.{name}" for module, name in sorted(imports) if not _is_there(module, name)]
    assert missing == []


def _is_there(module: str, name: str) -> bool:
    return f"{module}.{name}" in GRAPH.modules or (module in GRAPH.modules and hasattr(import_module(module), name))
