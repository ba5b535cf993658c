"""The process's analyzer: cold, compiling, loading, ready or failed; lent to one caller at a time.

Nothing heavy is imported until `warm` runs.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from bigpato_magic.errors import AnalyzerUnavailable

if TYPE_CHECKING:
    from wasmtime import Module

    from bigpato_magic.googlesql.instance import Instance


class State(StrEnum):
    """How far the analyzer is."""

    COLD = "cold"
    COMPILING = "compiling"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


class Role(StrEnum):
    """What an instance is for: a long evaluation must not keep an analysis waiting."""

    ANALYZE = "analyze"
    EVALUATE = "evaluate"


_SENTENCES = {
    State.COLD: "Google's analyzer is not loaded yet",
    State.COMPILING: "Google's analyzer is being compiled (once on this machine, about 40 s)",
    State.LOADING: "Google's analyzer is being loaded",
    State.FAILED: "Google's analyzer cannot be loaded",
}


class Service:
    """Makes the module ready, and lends its instances."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._state = State.COLD
        self._failure: str | None = None
        self._listeners: list[Callable[[State], None]] = []
        self._module: Module | None = None
        self._slots = {role: _Slot() for role in Role}

    @property
    def state(self) -> State:
        """How far it is, now."""
        return self._state

    @property
    def failure(self) -> str | None:
        """Why it FAILED, in one sentence."""
        return self._failure

    def warm(self, *, background: bool = True, on_state: Callable[[State], None] | None = None) -> None:
        """Make it ready: compile the module if this machine has not, and load it. Idempotent; retries after FAILED.

        Args:
            background: return at once, and do it in a thread.
            on_state: called with each new state, from that thread.
        """
        if on_state:
            self.listen(on_state)
        with self._changed:
            starts = self._state in (State.COLD, State.FAILED)
            if starts:
                self._state = State.LOADING
        if starts and background:
            threading.Thread(target=self._make_ready, name="bigpato-analyzer", daemon=True).start()
        elif starts:
            self._make_ready()
        elif not background:
            self.wait()

    def listen(self, on_state: Callable[[State], None]) -> None:
        """Call `on_state` with each new state, from the thread that brings it about."""
        self._listeners.append(on_state)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is ready or has failed, at most `timeout` seconds; whether it is ready."""
        with self._changed:
            self._changed.wait_for(lambda: self._state in (State.READY, State.FAILED), timeout)
        return self._state is State.READY

    @contextmanager
    def lend(self, role: Role = Role.ANALYZE) -> Iterator[Instance]:
        """An instance for one caller; others of the same role wait. After a trap the next caller gets another.

        Raises:
            AnalyzerUnavailable: it is not ready.
        """
        if self._module is None:
            raise AnalyzerUnavailable(self._failure or _SENTENCES[self._state])
        slot = self._slots[role]
        with slot.lock:
            yield slot.live(self._module)

    def close(self) -> None:
        """Let go of the module and its instances; wasmtime complains of what is left when the interpreter goes."""
        self._slots = {role: _Slot() for role in Role}
        self._module = None

    def _make_ready(self) -> None:
        try:
            self._module = self._loaded()
            self._greet()
        except Exception as error:  # whatever it is: queries go on to BigQuery and say it
            self._failure = f"{_SENTENCES[State.FAILED]}: {error}"
            self._become(State.FAILED)
        else:
            self._become(State.READY)

    def _greet(self) -> None:
        """Ask one question, so that a person's first one does not pay for what is set up once (50 ms)."""
        from bigpato_magic.googlesql.analysis import greet

        assert self._module is not None  # noqa: S101 - for mypy
        greet(self._slots[Role.ANALYZE].live(self._module))

    def _loaded(self) -> Module:
        from bigpato_magic.googlesql import module

        self._become(State.LOADING)
        loaded = module.load()
        if loaded is None:
            self._become(State.COMPILING)
            _compile_aside()
            self._become(State.LOADING)
            loaded = module.load()
        if loaded is None:
            raise AnalyzerUnavailable("the compiled module does not fit this machine")
        return loaded

    def _become(self, state: State) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()
        for listener in tuple(self._listeners):
            listener(state)


class _Slot:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._instance: Instance | None = None

    def live(self, module: Module) -> Instance:
        from bigpato_magic.googlesql.instance import Instance

        if self._instance is None or self._instance.dead:
            self._instance = Instance(module)
        return self._instance


def _compile_aside() -> None:
    """Compile in a process of its own: it takes 1.1 GB, which a kernel would keep."""
    import subprocess

    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *_python_path()])}
    command = [sys.executable, "-P", "-m", "bigpato_magic.googlesql", "--background"]
    done = subprocess.run(  # noqa: S603 - this interpreter, this package
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise AnalyzerUnavailable(f"compiling it failed: {(done.stderr.strip() or 'killed').splitlines()[-1]}")


def _python_path() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


# The one of this process.
_service = Service()
atexit.register(_service.close)
warm = _service.warm
wait = _service.wait
listen = _service.listen
lend = _service.lend


def preload() -> None:
    """Import the packages that the analyzer needs (0.3 s of processor time), on this thread."""
    import wasmtime  # noqa: F401
    from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2  # noqa: F401

    from bigpato_magic.googlesql import analysis, instance, module  # noqa: F401


def state() -> State:
    """How far the analyzer is, now."""
    return _service.state


def failure() -> str | None:
    """Why it FAILED, in one sentence."""
    return _service.failure


def ready() -> bool:
    """Whether it can be asked now."""
    return _service.state is State.READY
