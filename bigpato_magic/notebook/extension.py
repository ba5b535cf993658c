"""Load and unload: what `%load_ext bigpato_magic` puts into a shell, and takes out again. Imports nothing heavy."""

from __future__ import annotations

import atexit
import importlib
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import InteractiveShell

from bigpato_magic.errors import ConfigurationError
from bigpato_magic.notebook import hooks, late
from bigpato_magic.notebook.session import OWNERS, Session, session_of

if TYPE_CHECKING:
    from bigpato_magic.client import BigPato

_SOON = ("bigpato_magic.notebook.magics", "bigpato_magic.notebook.cell", "bigpato_magic.notebook.tablemagics")
_HEAVY = (
    "duckdb",
    "pandas",
    "pyarrow",
    "bigpato_magic.runner",
    "bigpato_magic.notebook.frame",
    "bigpato_magic.notebook.complete",
)
"""What the first cell and the first query would otherwise wait for."""


def load(shell: InteractiveShell) -> None:
    """Register the magics, the completer and the settings; begin to warm what the first query needs."""
    if session_of(shell) is not None:
        return
    session = Session(shell)
    late.register(session)
    session.undo.append(hooks.install(shell, session))
    for line in misspelt(shell):
        _say(line)
    start_warming(session)


def unload(shell: InteractiveShell) -> None:
    """Take away what `load` put there."""
    session = session_of(shell)
    if session is None:
        return
    late.withdraw(session)
    session.close()


def use(client: BigPato) -> BigPato:
    """Let `%%bpsql` and its companions talk to this client, and give it back.

    Raises:
        ConfigurationError: not in IPython, or the extension is not loaded.
    """
    shell = get_ipython()
    session = session_of(shell) if shell is not None else None
    if session is None:
        raise ConfigurationError("there is no notebook to use it in", hint="%load_ext bigpato_magic")
    session.client = client
    return client


def start_warming(session: Session) -> threading.Thread:
    """Import what the first query needs, and wake Google's analyzer, on a thread that nobody waits for."""
    thread = threading.Thread(target=_warm, args=(session,), daemon=True, name="bigpato-warm")
    thread.start()
    atexit.register(_finish, thread)
    return thread


_leaving = threading.Event()


def _finish(thread: threading.Thread) -> None:
    """Python must not end in the middle of an import: an extension module that is being made would abort it."""
    _leaving.set()
    thread.join()


def _warm(session: Session) -> None:
    """Whatever fails here is told by the query that needs it."""
    with suppress(Exception):
        from bigpato_magic import googlesql

        session.client  # noqa: B018 - made here: nobody should wait for it, and `%config` is to list it
        googlesql.warm(on_state=session.note_analyzer)
    for name in (*_SOON, *_HEAVY):
        if _leaving.is_set():
            return
        with suppress(Exception):
            importlib.import_module(name)


def misspelt(shell: InteractiveShell) -> Iterable[str]:
    """One line for each section of the configuration that looks like one of ours and is none."""
    known = {*OWNERS, *(type(part).__name__ for part in shell.configurables)}
    for section in shell.config:
        if section[:1].isupper() and section not in known:
            from difflib import get_close_matches

            close = get_close_matches(section, OWNERS, n=1, cutoff=0.75)
            if close:
                yield f"The configuration sets {section}, which nothing reads. Did you mean {close[0]}?"


def _say(line: str) -> None:
    from IPython.display import display

    display({"text/plain": line}, raw=True)  # type: ignore[no-untyped-call]
