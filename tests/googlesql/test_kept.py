"""Native code is loaded only if no one else can have put it there, and if it is whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bigpato_magic.googlesql import kept, module

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither owner nor mode here")
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
NOBODY = 65_534


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """This machine's compiled module in a private directory of its own."""
    compiled = module.compiled_path()
    directory = tmp_path / "cache"
    directory.mkdir(mode=0o700)
    for path in (compiled, compiled.with_suffix(".sha256")):
        shutil.copy(path, directory / path.name)
    monkeypatch.setenv("BIGPATO_CACHE", str(directory))
    return directory


@pytest.fixture
def code(cache) -> bytes:
    return module.compiled_path().read_bytes()


def flipped(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def linked(path: Path) -> None:
    elsewhere = path.parent.parent / f"elsewhere{path.suffix}"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def foreign(path: Path) -> None:
    if not ROOT:
        pytest.skip("only root can give a file away")
    os.chown(path, NOBODY, NOBODY)


UNSOUND = {
    "writable by all": lambda path: path.chmod(0o666),
    "writable by its group": lambda path: path.chmod(0o660),
    "a link": linked,
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "another's": foreign,
    "cut short": lambda path: os.truncate(path, path.stat().st_size // 2),
    "a bit flipped": flipped,
    "empty": lambda path: os.truncate(path, 0),
    "missing": lambda path: path.unlink(),
}


@pytest.mark.parametrize("suffix", [".cwasm", ".sha256"])
@pytest.mark.parametrize("how", UNSOUND)
def test_what_is_not_sound_is_not_loaded_and_made_again(cache, code, monkeypatch, how, suffix):
    path = module.compiled_path()
    UNSOUND[how](path.with_suffix(suffix))
    assert not kept.is_sound(path)
    assert module.load() is None
    monkeypatch.setattr(module, "_compiled", lambda: code)
    if how == "a directory":  # nothing that this package makes, so it is not taken away
        with pytest.raises(module.NotKept):
            module.compile_once()
        return
    assert module.compile_once()
    assert kept.is_sound(path)
    assert not path.is_symlink()
    assert module.load() is not None
    assert {each.suffix for each in cache.iterdir()} == {".cwasm", ".sha256", ".lock"}


def test_code_of_another_digest_is_not_loaded(cache):
    path = module.compiled_path()
    path.with_suffix(".sha256").write_text("0" * 64)
    assert module.load() is None
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o702])
def test_a_directory_that_others_write_to_is_neither_used_nor_changed(cache, code, monkeypatch, mode):
    before = {path.name: path.read_bytes() for path in cache.iterdir()}
    cache.chmod(mode)
    assert module.load() is None
    monkeypatch.setattr(module, "_compiled", lambda: code)
    with pytest.raises(module.NotKept, match="others than you may write") as found:
        module.compile_once()
    assert module.of_code(found.value.code) is not None
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == before
    assert cache.stat().st_mode & 0o7777 == mode


@pytest.mark.skipif(not ROOT, reason="only root can give a directory away")
def test_a_directory_of_another_person_is_not_used(cache):
    os.chown(cache, NOBODY, NOBODY)
    assert module.load() is None
    assert "others than you" in str(kept.why_not(cache))


@pytest.mark.parametrize("place", ["a file", "below a file"])
def test_without_a_directory_there_is_a_reason(tmp_path, monkeypatch, place):
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("BIGPATO_CACHE", str(file if place == "a file" else file / "cache"))
    assert module.load() is None
    monkeypatch.setattr(module, "_compiled", lambda: b"code")
    with pytest.raises(module.NotKept, match="not kept") as found:
        module.compile_once()
    assert found.value.code == b"code"


@pytest.mark.parametrize(("mode", "handed_over"), [(0o700, False), (0o777, True)])
def test_code_that_cannot_be_kept_is_handed_over(tmp_path, mode, handed_over):
    """By the process that compiles; a small module, for it takes no time."""
    wasm, cache = tmp_path / "small.wasm", tmp_path / "cache"
    wasm.write_bytes(b"\0asm\1\0\0\0")
    cache.mkdir()
    cache.chmod(mode)
    environment = os.environ | {
        "BIGPATO_ANALYZER_WASM": str(wasm),
        "BIGPATO_CACHE": str(cache),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    command = [sys.executable, "-m", "bigpato_magic.googlesql"]
    done = subprocess.run([*command, "--hand-over"], env=environment, capture_output=True, check=True, timeout=60)
    assert bool(done.stdout) is handed_over
    assert bool(list(cache.iterdir())) is not handed_over
    if handed_over:
        assert module.of_code(done.stdout) is not None
    said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert said.returncode == handed_over
    assert ("others than you may write" in said.stderr) is handed_over
