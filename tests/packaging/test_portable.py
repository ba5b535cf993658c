"""The package runs where there is no POSIX, as far as that can be tried here: see `tests.doubles.windows`."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "bigpato_magic"
WORKER = Path(__file__).with_name("on_windows.py")
SYSTEMS_OWN = {
    "fcntl", "grp", "msvcrt", "posix", "pwd", "resource", "termios", "winreg",
    "os.name", "sys.platform", "os.getuid", "os.kill", "os.fsync", "os.statvfs",
}  # fmt: skip


def modules():
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "system.py"]


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def asked(path):
    """Names like `os.name` and `sys.platform` by which a module asks where it runs."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def test_only_one_module_knows_which_system_it_runs_on():
    known = {str(path.relative_to(PACKAGE)): {*imported(path), *asked(path)} & SYSTEMS_OWN for path in modules()}
    assert len(known) > 200
    assert {name: words for name, words in known.items() if words} == {}


@pytest.mark.usefixtures("analyzer")
@pytest.mark.skipif(sys.platform != "linux", reason="the double reads /proc")
def test_without_posix_a_table_comes_here_answers_and_goes(tmp_path):
    done = subprocess.run(
        [sys.executable, WORKER, tmp_path], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "all of it"


def test_a_public_ci_runs_the_two_commands_of_the_readme_on_three_systems():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    workflow = (ROOT / ".github" / "workflows" / "check.yml").read_text(encoding="utf-8")
    for command in ("tour", "test"):
        assert f"python3 dev.py {command}" in readme
        assert f"- run: python dev.py {command}" in workflow
    assert "[ubuntu-latest, macos-latest, windows-latest]" in workflow
    oldest = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert f'["{oldest[1]}", "3.12", "3.13", "3.14"]' in workflow


def test_types_are_checked_for_each_system():
    checks = (ROOT / "dev.py").read_text(encoding="utf-8")
    assert '"--platform", "darwin"' in checks
    assert '"--platform", "win32"' in checks
