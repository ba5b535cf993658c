"""What the magic itself costs, beside the magics that people use now: `python -m benchmarks.overheads [--rounds 40]`.

Measured in one environment (`.cache/overheads`, made here) with bigpato-magic, jupysql and bigquery-magics on the same
DuckDB and pandas; medians and their ratios, by the clock and of processor time. Each `%load_ext` is a process of its own,
and the contenders take turns.
bigquery-magics runs its cell against the tests' emulator, so it is set against Google's own client on that emulator;
its million rows are left out, because what would be measured is the emulator.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".cache" / "overheads"
PYTHON = ENVIRONMENT / "bin" / "python"
PEERS = ("jupysql", "bigquery-magics")
SHOWN = ("bigpato-magic", "jupysql", "bigquery-magics", "duckdb", "pandas", "ipython")


Times = tuple[float, float]
"""Seconds by the clock, and of all the processor's cores."""


@dataclass(frozen=True)
class Row:
    """One line of the table: what took how long, and what it is set against."""

    what: str
    name: str
    times: Sequence[Times]
    base: Sequence[Times]

    def median(self, which: int) -> float:
        """Milliseconds, by the clock (0) or of the processor (1)."""
        return 1000 * statistics.median(one[which] for one in self.times)

    def ratio(self, which: int) -> float:
        """Times the base's median."""
        return self.median(which) / (1000 * statistics.median(one[which] for one in self.base))


def prepare() -> None:
    """The environment: this repository, and the peers of today."""
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    uv = Path(sys.executable).with_name("uv")
    with_uv = [uv, "pip", "install", "--python", PYTHON, "--reinstall-package", "bigpato-magic"]
    install = with_uv if uv.exists() else [PYTHON, "-m", "pip", "install"]
    subprocess.run([*install, "--quiet", ROOT, *PEERS], check=True)
    subprocess.run([PYTHON, "-m", "bigpato_magic.googlesql"], check=True, stdout=subprocess.DEVNULL)


def measured(what: str, argument: str, **environment: str) -> dict[str, Any]:
    """What a process of the contenders' environment prints."""
    script = Path(__file__).with_name("overheads_contenders.py")
    done = subprocess.run(
        [PYTHON, script, what, argument], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{what} {argument}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def loads(processes: int) -> Iterator[Row]:
    """`%load_ext`, and from there to the first answer, each in new processes."""
    names = ("bigpato-magic", *PEERS)
    found: dict[str, list[dict[str, Times]]] = {name: [] for name in names}
    for _ in range(processes):
        for name in names:
            found[name].append(measured("load", name))
    base = [run["load"] for run in found["bigpato-magic"]]
    for name in names:
        yield Row("%load_ext, new process", name, [run["load"] for run in found[name]], base)
    whole = {
        name: [_sum(run["load"], run["first"]) for run in runs] for name, runs in found.items() if "first" in runs[0]
    }
    for name, times in whole.items():
        yield Row("%load_ext and the first SELECT 42, new process", name, times, whole["bigpato-magic"])


def _sum(one: Times, other: Times) -> Times:
    return one[0] + other[0], one[1] + other[1]


def against(what: str, found: Mapping[str, Sequence[Times]], bases: Mapping[str, str]) -> Iterator[Row]:
    """A line for each, against its base."""
    for name, times in found.items():
        yield Row(what, name, times, found[bases.get(name, "bigpato-magic")])


@contextlib.contextmanager
def emulator() -> Iterator[dict[str, str]]:
    """What tells Google's client where the emulator is; nothing where none runs here."""
    from tests.emulators import servers
    from tests.emulators.environments import Unavailable

    with tempfile.TemporaryDirectory() as home, contextlib.ExitStack() as stack:
        try:
            gcs = stack.enter_context(servers.fake_gcs(Path(home) / "gcs"))
            server = stack.enter_context(servers.bigquery(Path(home) / "bigquery", gcs))
        except Unavailable as why:
            print(f"bigquery-magics' cell is left out: {why}")
            yield {}
            return
        yield {"BIGQUERY_EMULATOR_HOST": server.rest}


def rows(rounds: int, processes: int) -> Iterator[Row]:
    """All that is measured."""
    yield from loads(processes)
    with emulator() as environment:
        cells = measured("cells", str(rounds), **environment)
    served = "Google's client, emulator"
    yield from against("SELECT 42, warm", cells, {served: served, "bigquery-magics, emulator": served})
    frames = measured("frames", str(max(3, rounds // 4)))
    ours = "bigpato-magic, pandas"
    yield from against("1M rows, 8 columns (2 text)", frames, dict.fromkeys(frames, ours))


def machine() -> str:
    """What it ran on."""
    code = "import json, sys, importlib.metadata as m; print(json.dumps([m.version(n) for n in sys.argv[1:]]))"
    versions = json.loads(subprocess.check_output([PYTHON, "-c", code, *SHOWN]))
    software = ", ".join(f"{name} {version}" for name, version in zip(SHOWN, versions, strict=True))
    busy = os.getloadavg()[0]
    return f"{os.cpu_count()} cores (load {busy:.1f} before), Python {platform.python_version()}; {software}"


def main() -> None:
    """Measure, and print a table for docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--processes", type=int, default=5)
    asked = parser.parse_args()
    prepare()
    print(machine(), "\n")
    print("| What | Who | By the clock | × | Processor | × |\n|---|---|--:|--:|--:|--:|")
    for row in rows(asked.rounds, asked.processes):
        pairs = (f"{row.median(which):,.1f} ms | {row.ratio(which):.2f}" for which in (0, 1))
        print(f"| {row.what} | {row.name} | {' | '.join(pairs)} |", flush=True)


if __name__ == "__main__":
    main()
