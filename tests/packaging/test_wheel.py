"""What a person gets by `pip install`: the panel's files, and the lab extension where JupyterLab looks for it."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = "data/share/jupyter/labextensions/bigpato-magic"


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> dict[str, str]:
    """The wheel's files by name, without the version's folder."""
    pytest.importorskip("hatchling", reason="the build backend is not installed here")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return {name.split(".data/", 1)[-1]: wheel.read(name).decode(errors="replace") for name in wheel.namelist()}


def test_the_panel_is_in_it_and_what_only_its_checks_need_is_not(names):
    static = {name.rpartition("/")[2] for name in names if name.startswith("bigpato_magic/notebook/static/")}
    assert static == {"panel.js", "panel.css"}
    only_checks = ("node_modules", "package-lock.json", "tsconfig.json", "eslint.config.js")
    assert [name for name in names if any(part in only_checks for part in name.split("/"))] == []


def test_the_lab_extension_is_where_jupyterlab_looks_and_only_there(names):
    package = json.loads(names[f"{SHARED}/package.json"])
    assert f"{SHARED}/{package['jupyterlab']['_build']['load']}" in names
    assert json.loads(names[f"{SHARED}/install.json"])["packageName"] == "bigpato-magic"
    assert not [name for name in names if name.startswith("bigpato_magic/notebook/labextension")]


def test_the_extension_has_the_version_of_the_package(names):
    metadata = next(text for name, text in names.items() if name.endswith(".dist-info/METADATA"))
    version = json.loads(names[f"{SHARED}/package.json"])["version"]
    assert f"\nVersion: {version}\n" in metadata


def test_the_source_distribution_has_the_checks_of_the_javascript_and_no_downloaded_tools(tmp_path):
    pytest.importorskip("hatchling", reason="the build backend is not installed here")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as source:
        names = {name.partition("/")[2] for name in source.getnames()}
    assert {"package.json", "package-lock.json", "tests/js/words.test.js"} <= names
    assert [name for name in names if name.startswith("node_modules")] == []
