"""The compiled module: made once per machine, whole or not at all, by one process however many want it."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.googlesql import kept, module, service
from bigpato_magic.googlesql.analysis import first_question
from bigpato_magic.googlesql.service import AnalyzerService, State

ANSWER = """
from bigpato_magic import googlesql
googlesql.warm(background=False)
print(googlesql.state(), len(googlesql.analyze("SELECT 1").outputs))
"""


def python(*arguments: str, cache: Path, **more: str) -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "BIGPATO_CACHE": str(cache), "PYTHONPATH": root, **more}
    return subprocess.Popen(
        [sys.executable, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture
def filled(tmp_path, monkeypatch) -> Path:
    """A cache of its own with this machine's compiled module in it."""
    compiled = module.compiled_path()
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    for path in (compiled, compiled.with_suffix(".sha256")):
        shutil.copy(path, cache / path.name)
    monkeypatch.setenv("BIGPATO_CACHE", str(cache))
    return cache


def test_importing_the_package_loads_no_webassembly():
    code = "import sys, bigpato_magic.googlesql; print({'wasmtime', 'zetasql', 'pyarrow'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_the_folder_and_the_file_are_the_persons_own(tmp_path, monkeypatch):
    monkeypatch.setenv("BIGPATO_CACHE", str(tmp_path / "deep" / "cache"))
    assert stat.S_IMODE(module.cache_directory().stat().st_mode) == 0o700
    kept.write(tmp_path / "deep" / "cache" / "x.cwasm", b"x")
    for name in ("x.cwasm", "x.sha256"):
        assert stat.S_IMODE((tmp_path / "deep" / "cache" / name).stat().st_mode) == 0o600


def test_another_analyzer_is_another_file(tmp_path, monkeypatch):
    before = module.compiled_path()
    other = tmp_path / "other.wasm"
    other.write_bytes(b"\0asm")
    monkeypatch.setenv("BIGPATO_ANALYZER_WASM", str(other))
    assert module.wasm_path() == other
    assert module.compiled_path() != before


def test_a_file_that_is_cut_short_is_taken_away(filled):
    path = module.compiled_path()
    path.write_bytes(path.read_bytes()[:1_000_000])
    assert module.load() is None
    assert not path.exists()


def test_four_processes_share_one_file(filled):
    running = [python("-c", ANSWER, cache=filled) for _ in range(4)]
    assert [process.communicate(timeout=120)[0] for process in running] == ["ready 1\n"] * 4
    assert len(list(filled.glob("*.cwasm"))) == 1


def test_it_says_what_it_finds(filled):
    process = python("-m", "bigpato_magic.googlesql", cache=filled)
    assert process.communicate(timeout=120)[0] == f"Google's analyzer: already compiled ({module.compiled_path()})\n"


def test_an_analyzer_that_cannot_be_compiled_fails_in_a_sentence(tmp_path, monkeypatch):
    broken = tmp_path / "broken.wasm"
    broken.write_bytes(b"no module at all")
    monkeypatch.setenv("BIGPATO_ANALYZER_WASM", str(broken))
    monkeypatch.setenv("BIGPATO_CACHE", str(tmp_path / "cache"))
    states: list[State] = []
    mine = AnalyzerService()
    mine.warm(first_question, background=False, on_state=states.append)
    assert states == [State.LOADING, State.COMPILING, State.FAILED]
    assert mine.failure
    assert "\n" not in mine.failure
    with pytest.raises(AnalyzerUnavailable, match="cannot be loaded"), mine.lend():
        pass


def test_a_cold_one_says_so_and_a_warm_one_tells_its_states():
    mine = AnalyzerService()
    with pytest.raises(AnalyzerUnavailable, match="not loaded yet"), mine.lend():
        pass
    states: list[State] = []
    mine.warm(first_question, on_state=states.append)
    assert mine.wait(120)
    assert states == [State.LOADING, State.READY]
    mine.warm(first_question, background=False)
    assert mine.state is State.READY


def test_the_process_has_one():
    assert googlesql.ready()
    assert service.state() is State.READY
    assert googlesql.failure() is None


@pytest.mark.slow
def test_a_killed_compiler_leaves_nothing_in_the_way(tmp_path):
    """Three processes want it: the first is killed while it compiles, one of the others does the work, once."""
    cache = tmp_path / "cache"
    first = python("-m", "bigpato_magic.googlesql", cache=cache)
    _wait_for(lambda: list(cache.glob("*.lock")))
    time.sleep(2)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert not list(cache.glob("analyzer-*.cwasm"))
    (cache / "draft-left-behind.cwasm").write_bytes(b"half")
    others = [python("-m", "bigpato_magic.googlesql", cache=cache) for _ in range(2)]
    said = sorted(process.communicate(timeout=300)[0].split(" (")[0].split(" in ")[0] for process in others)
    assert said == ["Google's analyzer: already compiled", "Google's analyzer: compiled"]
    assert [path.name[:9] for path in cache.glob("*.cwasm")] == ["analyzer-"]
    assert python("-c", ANSWER, cache=cache).communicate(timeout=120)[0] == "ready 1\n"


def _wait_for(condition: object) -> None:
    for _ in range(600):
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.05)
    raise AssertionError("it did not come")


def test_the_interpreter_ends_without_a_word(filled):
    keeping = "import builtins\nfrom bigpato_magic.googlesql import module\nbuiltins.kept = module.engine()"
    process = python("-c", f"{ANSWER}\n{keeping}", cache=filled)
    assert process.communicate() == ("ready 1\n", "")
