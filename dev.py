"""Set up, start and test bigpato-magic from a fresh clone: `python3 dev.py tour`, `python3 dev.py test`.

On Windows it is `py dev.py …`. Needs Python 3.11 or newer with pip, and a package index; everything else goes into `.venv`
here. The checks of JavaScript need Node.js too, and put their tools into `node_modules`. Standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PROGRAMS = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = PROGRAMS / "python"
TOOLS = ROOT / ".cache" / "tools"


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    print(f"· {what} …", flush=True)
    started = time.perf_counter()
    yield
    print(f"  {what}: {time.perf_counter() - started:.1f} s", flush=True)


def run(*command: str | Path, **environment: str) -> None:
    """Run a command in the repository; its failure ends this program with its exit code."""
    code = subprocess.run([str(c) for c in command], cwd=ROOT, env=os.environ | environment, check=False).returncode
    if code:
        sys.exit(code)


def uv() -> Path:
    """The uv that makes the environment; taken from the package index once, into this folder only."""
    program = TOOLS / "bin" / ("uv.exe" if os.name == "nt" else "uv")
    if not program.exists():
        # --target: also where the system's Python is "externally managed" (PEP 668).
        run(sys.executable, "-m", "pip", "install", "--quiet", "--root-user-action=ignore", "--target", TOOLS, "uv")
    return program


def environment() -> None:
    """`.venv` with exactly the packages of uv.lock, made from the Python that runs this."""
    with step("environment in .venv"):
        offline = {"UV_PYTHON_DOWNLOADS": "never", "UV_PROJECT_ENVIRONMENT": str(VENV)}
        run(uv(), "sync", "--frozen", "--quiet", "--all-extras", "--python", sys.executable, **offline)


def analyzer() -> None:
    """Google's analyzer, compiled for this machine once."""
    with step("Google's analyzer for this machine"):
        run(PYTHON, "-m", "bigpato_magic.googlesql")


def tour(lab: bool) -> None:
    """The main job on the embedded demo warehouse."""
    environment()
    analyzer()
    with step("demo data (TPC-DS, scale 0.1)"):
        run(PYTHON, "-m", "bigpato_magic.demo")
    if lab:
        run(PYTHON, "-m", "jupyterlab", "notebooks/01-tour.ipynb")
    else:
        with step("the tour, without a browser"):
            run(PYTHON, "docs/tour.py", "notebooks/01-tour.ipynb")


# A file's tests stay in one process: they share its servers and its shell.
PARALLEL = ("-n", "auto", "--dist", "loadfile", "--durations", "12")
CHECKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("format", ("ruff", "format", "--check", ".")),
    ("lint", ("ruff", "check", ".")),
    ("types", ("mypy",)),
    ("types, on macOS", ("mypy", "--platform", "darwin", "--cache-dir", ".mypy_cache/darwin")),
    ("types, on Windows", ("mypy", "--platform", "win32", "--cache-dir", ".mypy_cache/win32")),
    ("imports", ("lint-imports", "--no-cache")),
)

NODE = (20, 19)
"""The oldest Node.js that the tools in package-lock.json run on."""

SCRIPTS = ("format", "lint", "types", "test")
"""Those of package.json that check JavaScript."""


def node_version() -> tuple[int, ...]:
    """Of the Node.js that is installed, as (20, 19); () where it or npm is missing."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return ()
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in said.strip().lstrip("v").split(".")[:2])


def npm(*arguments: str) -> None:
    """Run npm in the repository."""
    run(shutil.which("npm") or "npm", *arguments)


def node_packages() -> None:
    """`node_modules` with exactly the packages of package-lock.json, made again only when that has changed."""
    digest = hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()
    made_of = ROOT / "node_modules" / ".made-of"
    if made_of.exists() and made_of.read_text() == digest:
        return
    with step("JavaScript's tools in node_modules"):
        npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    made_of.write_text(digest)


def javascript() -> None:
    """Format, lint, types and unit tests of the JavaScript; where there is no Node.js, say that they are skipped.

    In CI nothing may be skipped, so there a missing Node.js is a failure.
    """
    if node_version() < NODE:
        missing = f"JavaScript is not checked: that needs Node.js {'.'.join(map(str, NODE))} or newer, with npm"
        if os.environ.get("CI") or os.environ.get("BIGPATO_REQUIRE_BROWSER") == "1":
            sys.exit(missing)
        print(f"· {missing}", flush=True)
        return
    node_packages()
    for script in SCRIPTS:
        with step(f"JavaScript: {script}"):
            npm("run", "--silent", script)


def test(arguments: Sequence[str]) -> None:
    """All checks, JavaScript's too, then the tests (arguments go to pytest, and then only pytest runs)."""
    environment()
    analyzer()
    if not arguments:
        for name, command in CHECKS:
            with step(name):
                run(PROGRAMS / command[0], *command[1:])
        javascript()
    with step("tests"):
        run(PYTHON, "-m", "pytest", *(arguments or PARALLEL))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    tour_parser = commands.add_parser("tour", help="start the main job on the demo warehouse")
    where = tour_parser.add_mutually_exclusive_group()
    where.add_argument("--lab", action="store_true", help="open JupyterLab (the default in a terminal)")
    where.add_argument("--headless", action="store_true", help="run the tour here and print each cell's footnote")
    commands.add_parser("test", help="pass the checks and the tests; further arguments go to pytest")
    known, rest = parser.parse_known_args()
    if known.command == "test":
        test(rest)
    elif rest:
        parser.error(f"unknown arguments: {' '.join(rest)}")
    else:
        tour(known.lab or (sys.stdin.isatty() and sys.stdout.isatty() and not known.headless))


if __name__ == "__main__":
    main()
