"""Start an emulator as a process on free loopback ports, wait until it answers, and stop it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.emulators.environments import BQEMULATOR, FAKE_GCS, LOCAL_BIGQUERY, Unavailable

PROJECT = "demo"
_START_SECONDS = 120
_STOP_SECONDS = 5


@dataclass(frozen=True)
class BigQueryServer:
    """Where an emulator of BigQuery answers.

    Args:
        name: of the emulator.
        rest: URL of the REST API.
        grpc: `host:port` of the Storage Read API.
        gcs: URL of the Cloud Storage that it writes extracts to, None where it cannot.
    """

    name: str
    rest: str
    grpc: str
    gcs: str | None
    project: str = PROJECT


@contextlib.contextmanager
def fake_gcs(directory: Path) -> Iterator[str]:
    """fake-gcs-server, the real binary; gives its URL.

    Raises:
        Unavailable: it cannot run here.
    """
    FAKE_GCS.build()
    found = sorted(FAKE_GCS.site_packages.rglob("fake-gcs-server-linux-amd64"))
    if not found:
        raise Unavailable("fake-gcs-server has no binary for this machine")
    found[0].chmod(0o755)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    root = directory / "gcs"
    root.mkdir(parents=True)
    address = ["-host", "127.0.0.1", "-port", str(port), "-public-host", f"127.0.0.1:{port}", "-external-url", url]
    command = [str(found[0]), "-scheme", "http", "-backend", "filesystem", "-filesystem-root", str(root), *address]
    with _running("fake-gcs", command, directory, ready=f"{url}/storage/v1/b?project={PROJECT}"):
        yield url


@contextlib.contextmanager
def bigquery(directory: Path, gcs: str) -> Iterator[BigQueryServer]:
    """The widest emulator of BigQuery that runs here; `BIGPATO_EMULATOR=bqemulator` takes the other one.

    Raises:
        Unavailable: none does, and why.
    """
    if os.environ.get("BIGPATO_EMULATOR") == "bqemulator":
        with bqemulator(directory) as running:
            yield running
        return
    try:
        python = LOCAL_BIGQUERY.build()
    except Unavailable as why_not:
        server = bqemulator(directory)
        with _explaining(why_not), server as running:
            yield running
        return
    with _local_bigquery(python, directory, gcs) as running:
        yield running


@contextlib.contextmanager
def _explaining(why_not: Unavailable) -> Iterator[None]:
    try:
        yield
    except Unavailable as error:
        raise Unavailable(f"local-bigquery: {why_not}; bqemulator: {error}") from error


@contextlib.contextmanager
def _local_bigquery(python: Path, directory: Path, gcs: str) -> Iterator[BigQueryServer]:
    rest, grpc = free_port(), free_port()
    script = Path(__file__).with_name("local_bigquery_server.py")
    command = [str(python), str(script), str(directory / "data"), str(rest), str(grpc), gcs, PROJECT]
    with _running("local-bigquery", command, directory, ready=_datasets(rest)):
        yield BigQueryServer("local-bigquery", f"http://127.0.0.1:{rest}", f"127.0.0.1:{grpc}", gcs)


@contextlib.contextmanager
def bqemulator(directory: Path) -> Iterator[BigQueryServer]:
    """bqemulator, which does not write to Cloud Storage.

    Raises:
        Unavailable: it cannot run here.
    """
    BQEMULATOR.build()
    home = directory / "home"
    _stage_extensions(BQEMULATOR.site_packages, home)
    rest, grpc = free_port(), free_port()
    ports = ["--rest-port", str(rest), "--grpc-port", str(grpc)]
    command = [str(BQEMULATOR.bin / "bqemulator"), "start", *ports, "--project", PROJECT]
    with _running("bqemulator", command, directory, ready=_datasets(rest), environment={"HOME": str(home)}):
        yield BigQueryServer("bqemulator", f"http://127.0.0.1:{rest}", f"127.0.0.1:{grpc}", None)


def _stage_extensions(site_packages: Path, home: Path) -> None:
    """DuckDB looks for extensions in the home directory, and downloads what is not there."""
    for extension in site_packages.glob("duckdb_extension_*/extensions/*/*.duckdb_extension"):
        target = home / ".duckdb" / "extensions" / extension.parent.name / "linux_amd64"
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(extension, target)


def _datasets(port: int) -> str:
    return f"http://127.0.0.1:{port}/bigquery/v2/projects/{PROJECT}/datasets"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _running(
    name: str, command: list[str], directory: Path, *, ready: str, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    log = directory / f"{name}.log"
    directory.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            preexec_fn=_end_with_parent,
        )
    try:
        _wait(process, ready, name, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_with_parent() -> None:
    """A test run that is killed leaves no server behind (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _wait(process: subprocess.Popen[bytes], url: str, name: str, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError):
            try:
                urllib.request.urlopen(url, timeout=5).close()
            except urllib.error.HTTPError:
                return
            else:
                return
        time.sleep(0.1)
    raise Unavailable(f"{name} did not start: {log.read_text(errors='replace')[-1000:]}")
