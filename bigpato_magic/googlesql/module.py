"""Google's analyzer as a WebAssembly module, compiled once per machine and shared by its processes.

Where the compiled code lies, who makes it, and how it is loaded. Calling it is `instance`'s affair.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from bigpato_magic import system
from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.googlesql import kept

if TYPE_CHECKING:
    from wasmtime import Engine, Module

SUFFIX = ".cwasm"
_EVERY = 0.2
# A larger max_wasm_stack than the threads' own stack aborts the process; the rest decides what compiled code looks
# like. So it is fixed here, and part of the key: never change one without a test that runs it.
SETTINGS: tuple[tuple[str, bool | str | int], ...] = (
    ("cranelift_opt_level", "speed"),
    # Without it a call could not be stopped; it costs the analyzer about a seventh of its speed.
    ("epoch_interruption", True),
    ("shared_memory", True),
    ("wasm_exceptions", True),
)


def wasm_path() -> Path:
    """The analyzer's WebAssembly file: BIGPATO_ANALYZER_WASM if set, else the one in the zetasql package."""
    if chosen := os.environ.get("BIGPATO_ANALYZER_WASM"):
        return Path(chosen).expanduser()
    from zetasql.wasi import get_wasm_path

    return Path(get_wasm_path())


def cache_directory() -> Path:
    """Where compiled code is kept: BIGPATO_CACHE if set, else the user's cache directory; made with mode 0700."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("BIGPATO_CACHE")
    directory = Path(chosen).expanduser() if chosen else user_cache_path("bigpato-magic", appauthor=False)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory


def compiled_path() -> Path:
    """The file that holds (or will hold) the compiled module for this machine, wasmtime and analyzer."""
    return cache_directory() / f"analyzer-{_key(wasm_path())}{SUFFIX}"


@cache
def engine() -> Engine:
    """The process's one engine, with the settings that the compiled code was made for."""
    from wasmtime import Config, Engine

    config = Config()
    for name, value in SETTINGS:
        setattr(config, name, value)
    shared = Engine(config)
    # wasmtime's own destructor fails once the interpreter has taken its modules apart.
    atexit.register(shared.close)
    return shared


class NotKept(AnalyzerUnavailable):
    """Compiled, but there is no place to keep it.

    Attributes:
        code: what was compiled.
    """

    def __init__(self, why: str, code: bytes) -> None:
        super().__init__(f"the compiled analyzer is not kept, so that each kernel compiles it: {why}")
        self.code = code


def load() -> Module | None:
    """The compiled module, or None where there is none that fits this machine and is ours (0.2 s and about 30 MB).

    A file that is not sound (see `kept`), or cannot be read as a module, is taken away.
    """
    try:
        path = compiled_path()
    except OSError:
        return None
    if kept.why_not(path.parent) or not os.path.lexists(path):
        return None
    module = _deserialized(path) if kept.is_sound(path) else None
    if module is None:
        kept.take_away(path)
    return module


def of_code(code: bytes) -> Module:
    """The module of code that was compiled for this process.

    Raises:
        AnalyzerUnavailable: it does not fit this machine.
    """
    from wasmtime import Module, WasmtimeError

    try:
        return Module.deserialize(engine(), code)
    except WasmtimeError as error:
        raise AnalyzerUnavailable("the compiled module does not fit this machine") from error


def compile_once() -> bool:
    """Compile the module unless it is there; of several processes one compiles and the others wait for it.

    Takes 40 s and 1.1 GB of memory. The file appears whole or not at all.

    Returns:
        Whether this call did the compiling.

    Raises:
        NotKept: it was compiled, and there is no place for it that only this person can write to.
    """
    try:
        path = compiled_path()
    except OSError as error:
        raise NotKept(f"there is no cache directory ({error})", _compiled()) from error
    if why := kept.why_not(path.parent):
        raise NotKept(why, _compiled())
    with _locked(path.with_suffix(".lock")):
        if load() is not None:
            return False
        _clean(path.parent)
        _keep(path, _compiled())
        return True


def _deserialized(path: Path) -> Module | None:
    from wasmtime import Module, WasmtimeError

    try:
        return Module.deserialize_file(engine(), str(path))
    except WasmtimeError:
        return None


def _compiled() -> bytes:
    from wasmtime import Module

    return bytes(Module.from_file(engine(), str(wasm_path())).serialize())


def _keep(path: Path, code: bytes) -> None:
    try:
        kept.write(path, code)
    except OSError as error:
        raise NotKept(f"{path.parent} cannot be written: {error.strerror}", code) from error


def _clean(directory: Path) -> None:
    """Take away what a killed compiler left: only the holder of the lock writes drafts."""
    for draft in directory.glob(f"{kept.DRAFT}*"):
        draft.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a file's lock; the system releases it with the process, however that ends."""
    with FileIO(system.open_to_lock(path, write=True, create=True)) as file:
        while not system.lock(file.fileno(), shared=False):
            time.sleep(_EVERY)
        yield


def _key(wasm: Path) -> str:
    parts = (version("wasmtime"), repr(SETTINGS), platform.system(), platform.machine(), _cpu(), _digest(wasm))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


@cache
def _digest(wasm: Path) -> str:
    with wasm.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _cpu() -> str:
    """What this processor can do: code compiled for it may not run on another that shares the home directory (Linux)."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return line
    return platform.processor()
