"""Set up, start and test bigpato-magic from a fresh clone: `python3 dev.py tour`, `python3 dev.py test`.

Needs Python 3.11 or newer with pip, and a package index; everything else goes into `.venv` here. Standard library only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
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
    program = TOOLS / "bin" / "uv"
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
            run(PYTHON, "-m", "bigpato_magic.demo", "--tour", "notebooks/01-tour.ipynb")


CHECKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("format", ("ruff", "format", "--check", ".")),
    ("lint", ("ruff", "check", ".")),
    ("types", ("mypy",)),
    ("imports", ("lint-imports", "--no-cache")),
)


def test(arguments: Sequence[str]) -> None:
    """Format, lint, types, import layers, then the tests (arguments go to pytest, and then only pytest runs)."""
    environment()
    analyzer()
    for name, command in () if arguments else CHECKS:
        with step(name):
            run(VENV / "bin" / command[0], *command[1:])
    with step("tests"):
        run(PYTHON, "-m", "pytest", *arguments)


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
