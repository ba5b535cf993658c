"""Google's analyzer as a WebAssembly module, compiled once per machine and shared by its processes.

Where the compiled code lies, who makes it, and how it is loaded. Calling it is `instance`'s affair.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wasmtime import Engine, Module

SUFFIX = ".cwasm"
# A larger max_wasm_stack than the threads' own stack aborts the process; the rest decides what compiled code looks
# like. So it is fixed here, and part of the key: never change one without a test that runs it.
SETTINGS: tuple[tuple[str, bool | str | int], ...] = (
    ("cranelift_opt_level", "speed"),
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
    made = Engine(config)
    # wasmtime's own destructor fails once the interpreter has taken its modules apart.
    atexit.register(made.close)
    return made


def load() -> Module | None:
    """The compiled module, or None where there is none that fits this machine (0.2 s and about 30 MB).

    A file that cannot be read as such (cut short, of another processor) is taken away.
    """
    from wasmtime import Module, WasmtimeError

    path = compiled_path()
    if not path.exists():
        return None
    try:
        return Module.deserialize_file(engine(), str(path))
    except WasmtimeError:
        with suppress(OSError):
            path.unlink()
        return None


def compile_once() -> bool:
    """Compile the module unless it is there; of several processes one compiles and the others wait for it.

    Takes 40 s and 1.1 GB of memory. The file appears whole or not at all.

    Returns:
        Whether this call did the compiling.
    """
    path = compiled_path()
    with _locked(path.with_suffix(".lock")):
        if load() is not None:
            return False
        _clean(path.parent)
        _write(path, _compiled())
        return True


def _compiled() -> bytes:
    from wasmtime import Module

    return bytes(Module.from_file(engine(), str(wasm_path())).serialize())


def _write(path: Path, content: bytes) -> None:
    handle, draft = tempfile.mkstemp(prefix="draft-", suffix=SUFFIX, dir=path.parent)  # mkstemp: mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _clean(directory: Path) -> None:
    """Take away what a killed compiler left: only the holder of the lock writes drafts."""
    for draft in directory.glob(f"draft-*{SUFFIX}"):
        draft.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a file's lock; the system releases it with the process, however that ends."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        _lock(file.fileno())
        yield


if os.name == "nt":  # pragma: no cover

    def _lock(handle: int) -> None:
        import msvcrt
        import time

        while True:
            try:
                return msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,no-any-return]
            except OSError:
                time.sleep(0.2)

else:

    def _lock(handle: int) -> None:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX)


def _key(wasm: Path) -> str:
    parts = (version("wasmtime"), repr(SETTINGS), platform.system(), platform.machine(), _cpu(), _digest(wasm))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


@cache
def _digest(wasm: Path) -> str:
    with wasm.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _cpu() -> str:
    """What this processor can do: code compiled for it may not run on another that shares the home directory."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return line
    return platform.processor()
