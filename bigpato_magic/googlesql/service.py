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
from bigpato_magic.googlesql.pool import Pool

if TYPE_CHECKING:
    from wasmtime import Module

    from bigpato_magic.googlesql.instance import Instance


class State(StrEnum):
    """How far the analyzer is on its way to answering."""

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
_FORKED = (
    "Google's analyzer does not work in a process forked from one that used it; "
    'multiprocessing.set_start_method("spawn") starts one in which it does'
)


class AnalyzerService:
    """Makes the module ready, and lends its instances.

    Attributes:
        state: how far it is, now.
        failure: why it FAILED, in one sentence.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.state = State.COLD
        self.failure: str | None = None
        self._lost = False
        self._listeners: list[Callable[[State], None]] = []
        self._module: Module | None = None
        self._pools = {role: Pool() for role in Role}

    def warm(
        self,
        first_question: Callable[[Instance], None],
        *,
        background: bool = True,
        on_state: Callable[[State], None] | None = None,
    ) -> None:
        """Make it ready: compile the module if this machine has not, and load it. Idempotent; retries after FAILED.

        Args:
            first_question: asked once, so that a person's does not pay for what is set up by it (50 ms).
            background: return at once, and do it in a thread.
            on_state: called with each new state, from that thread.
        """
        if on_state:
            self.listen(on_state)
        with self._changed:
            starts = self.state in (State.COLD, State.FAILED) and not self._lost
            if starts:
                self.state = State.LOADING
        if starts and background:
            threading.Thread(
                target=self._make_ready, args=(first_question,), name="bigpato-analyzer", daemon=True
            ).start()
        elif starts:
            self._make_ready(first_question)
        elif not background:
            self.wait()

    def listen(self, on_state: Callable[[State], None]) -> None:
        """Call `on_state` with each new state, from the thread that brings it about."""
        self._listeners.append(on_state)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is ready or has failed, at most `timeout` seconds; whether it is ready."""
        with self._changed:
            self._changed.wait_for(lambda: self.state in (State.READY, State.FAILED), timeout)
        return self.state is State.READY

    @contextmanager
    def lend(self, role: Role = Role.ANALYZE) -> Iterator[Instance]:
        """An instance for one caller; where all of the role are busy, there is soon another.

        Raises:
            AnalyzerUnavailable: it is not ready, or there is no memory for it.
        """
        if self._module is None:
            raise AnalyzerUnavailable(self.failure or _SENTENCES[self.state])
        with self._pools[role].lend(self._module) as instance:
            yield instance

    def forked(self) -> None:
        """In a forked child: forget what threads of the parent hold, and refuse where the analyzer had begun to run.

        wasmtime reads the module's files (time zones) on threads of its own, and a fork does not take threads along: a
        call in the child might never come back.
        """
        self._changed = threading.Condition()
        self._pools = {role: Pool() for role in Role}
        self._lost = self._module is not None or self.state is State.LOADING
        self._module = None
        self.state = State.FAILED if self._lost else State.COLD
        self.failure = _FORKED if self._lost else None

    def close(self) -> None:
        """Let go of the module and its instances; wasmtime complains of what is left when the interpreter goes."""
        pools, self._pools = self._pools, {role: Pool() for role in Role}
        for pool in pools.values():
            pool.close()
        self._module = None

    def _make_ready(self, first_question: Callable[[Instance], None]) -> None:
        try:
            self._module = self._loaded()
            with self._pools[Role.ANALYZE].lend(self._module) as instance:
                first_question(instance)
        except Exception as error:  # whatever it is: queries go on to BigQuery and say it
            self.failure = f"{_SENTENCES[State.FAILED]}: {error}"
            self._become(State.FAILED)
        except BaseException:  # an interrupt: the next who needs it begins again
            self._module = None
            self._become(State.COLD)
            raise
        else:
            self._become(State.READY)

    def _loaded(self) -> Module:
        from bigpato_magic.googlesql import module

        self._become(State.LOADING)
        loaded = module.load()
        if loaded is None:
            self._become(State.COMPILING)
            code = _compiled_aside()
            self._become(State.LOADING)
            loaded = module.of_code(code) if code else module.load()
        if loaded is None:
            raise AnalyzerUnavailable("the compiled module does not fit this machine")
        return loaded

    def _become(self, state: State) -> None:
        with self._changed:
            self.state = state
            self._changed.notify_all()
        for listener in tuple(self._listeners):
            listener(state)


def _compiled_aside() -> bytes:
    """Compile in a process of its own: it takes 1.1 GB, which a kernel would keep. The code, if it cannot be kept."""
    import subprocess

    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *_python_path()])}
    command = [sys.executable, "-P", "-m", "bigpato_magic.googlesql", "--background", "--hand-over"]
    done = subprocess.run(  # noqa: S603 - this interpreter, this package
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or "killed"
        raise AnalyzerUnavailable(f"compiling it failed: {said.splitlines()[-1]}")
    return done.stdout


def _python_path() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


# The one of this process.
_service = AnalyzerService()
atexit.register(_service.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_service.forked)
warm = _service.warm
wait = _service.wait
listen = _service.listen
lend = _service.lend


def state() -> State:
    """How far the analyzer is, now."""
    return _service.state


def failure() -> str | None:
    """Why it FAILED, in one sentence."""
    return _service.failure


def ready() -> bool:
    """Whether it can be asked now."""
    return _service.state is State.READY
