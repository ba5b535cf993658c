"""What Binder does with `binder/`, done here without Docker: a fresh folder, a fresh environment, a fresh home."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BINDER = ROOT / "binder"
LEFT_BEHIND = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "screenshots", "tests", "benchmarks")


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_a_script_is_executable_and_is_bash(name):
    script = BINDER / name
    assert script.stat().st_mode & stat.S_IXUSR
    assert script.read_text().startswith("#!/bin/bash\n")
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_start_hands_over_to_jupyter():
    assert (BINDER / "start").read_text().rstrip().endswith('exec "$@"')


def test_repo2docker_understands_the_folder():
    pytest.importorskip("repo2docker", reason="jupyter-repo2docker is not installed (pip install jupyter-repo2docker)")
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(ROOT)]
    made = subprocess.run(command, capture_output=True, text=True, timeout=120)
    dockerfile = made.stdout + made.stderr
    assert made.returncode == 0, dockerfile
    assert "python=3.12" in dockerfile
    assert 'pip install --no-cache-dir -r "binder/requirements.txt"' in dockerfile
    assert "./binder/postBuild" in dockerfile
    assert "binder/start" in dockerfile


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """The repository with its environment and `postBuild` done: the folder, and the environment variables."""
    folder = tmp_path_factory.mktemp("binder")
    repository, home, prefix = folder / "repository", folder / "home", folder / "environment"
    shutil.copytree(ROOT, repository, ignore=LEFT_BEHIND)
    home.mkdir()
    subprocess.run([sys.executable, "-m", "venv", str(prefix)], check=True)
    kept = {
        name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_", "http", "LANG"))
    }
    environment = {**kept, "HOME": str(home), "PATH": f"{prefix}/bin:{os.environ['PATH']}"}
    for step in (["pip", "install", "--quiet", "-r", "binder/requirements.txt"], ["./binder/postBuild"]):
        subprocess.run(step, cwd=repository, env=environment, check=True, timeout=900)
    return repository, environment


@pytest.mark.slow
def test_the_tour_runs_in_it(image, tmp_path):
    repository, environment = image
    tour = [
        "jupyter",
        "nbconvert",
        "--execute",
        "--to",
        "html",
        "--output-dir",
        str(tmp_path),
        "notebooks/01-tour.ipynb",
    ]
    subprocess.run(tour, cwd=repository, env=environment, check=True, timeout=600)
    assert "not billed" in (tmp_path / "01-tour.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_lab_starts_on_the_tour(image):
    repository, environment = image
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    lab = [
        "jupyter",
        "lab",
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--IdentityProvider.token=x",
    ]
    server = subprocess.Popen(["./binder/start", *lab], cwd=repository, env=environment, stderr=subprocess.DEVNULL)
    try:
        page = _answer(f"http://127.0.0.1:{port}/lab/tree/notebooks/01-tour.ipynb?token=x", server)
        assert "jupyter-config-data" in page
        assert "bigpato-magic" in page  # the lab extension is among those that the page loads
    finally:
        server.terminate()
        server.wait(30)


def _answer(url: str, server: subprocess.Popen) -> str:
    for _ in range(600):
        try:
            with urllib.request.urlopen(url) as page:
                return page.read().decode()
        except urllib.error.URLError:
            assert server.poll() is None, "JupyterLab ended"
            time.sleep(0.1)
    raise TimeoutError(url)
