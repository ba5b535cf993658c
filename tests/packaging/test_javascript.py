"""The checks of the JavaScript: their tools are pinned, and they are skipped only where nobody relies on them."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def dev(monkeypatch):
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("BIGPATO_REQUIRE_BROWSER", raising=False)
    return module


@pytest.fixture
def node(monkeypatch, tmp_path):
    """Put a Node.js of this version on the path, and nothing else; without a version, none."""

    def node_(version: str | None):
        for name, text in {"node": f"echo {version}", "npm": "exit 1"}.items() if version else ():
            program = tmp_path / name
            program.write_text(f"#!/bin/sh\n{text}\n")
            program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return node_


@pytest.mark.parametrize("version", [None, "v18.20.4", "v20.18.3"])
def test_without_a_node_that_runs_the_tools_the_checks_are_skipped_and_that_is_said(dev, node, capsys, version):
    node(version)
    dev.javascript()
    assert capsys.readouterr().out == "· JavaScript is not checked: that needs Node.js 20.19 or newer, with npm\n"


@pytest.mark.parametrize(("name", "value"), [("CI", "true"), ("BIGPATO_REQUIRE_BROWSER", "1")])
def test_where_nothing_may_be_skipped_a_missing_node_is_a_failure(dev, node, monkeypatch, name, value):
    node(None)
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match="needs Node"):
        dev.javascript()


@pytest.mark.parametrize(("said", "version"), [("v20.19.0", (20, 19)), ("v24.1.0-nightly2025", (24, 1))])
def test_the_version_of_node_is_read(dev, node, said, version):
    node(said)
    assert dev.node_version() == version


def test_the_tools_are_pinned_and_come_from_whatever_registry_npm_is_told_to_use():
    package = json.loads((ROOT / "package.json").read_text())
    lock = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert package["private"]
    assert lock[""]["devDependencies"] == package["devDependencies"]
    assert all(re.fullmatch(r"[\d.]+", version) for version in package["devDependencies"].values())
    assert [name for name, entry in lock.items() if name and "integrity" not in entry] == []
    assert [name for name, entry in lock.items() if "resolved" in entry] == []


def test_each_check_is_a_script(dev):
    assert set(dev.SCRIPTS) <= json.loads((ROOT / "package.json").read_text())["scripts"].keys()
