"""Load and unload: what `%load_ext bigpato_magic` puts into a shell, and takes out again. Imports nothing heavy."""

from __future__ import annotations

import atexit
import difflib
import importlib
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import InteractiveShell

from bigpato_magic.client import BigPato
from bigpato_magic.errors import ConfigurationError
from bigpato_magic.notebook import hooks
from bigpato_magic.notebook.magics import QueryMagics
from bigpato_magic.notebook.session import Session, parts, session_of
from bigpato_magic.notebook.tablemagics import TableMagics

_HEAVY = ("duckdb", "pandas", "pyarrow", "bigpato_magic.runner")
"""What the first query would otherwise wait for."""


def load(shell: InteractiveShell) -> None:
    """Register the magics, the completer and the settings; begin to warm what the first query needs."""
    if session_of(shell) is not None:
        return
    session = Session(shell, BigPato(parent=shell))
    for magics in (QueryMagics(session), TableMagics(session)):
        shell.register_magics(magics)
    session.undo.append(hooks.install(shell, session))
    for line in misspelt(shell, session.client):
        _say(line)
    start_warming(session)


def unload(shell: InteractiveShell) -> None:
    """Take away what `load` put there."""
    session = session_of(shell)
    if session is None:
        return
    for kind in shell.magics_manager.magics.values():
        for name in [name for name, magic in kind.items() if _is_ours(magic)]:
            del kind[name]
    for magics in (QueryMagics, TableMagics):
        shell.magics_manager.registry.pop(magics.__name__, None)
    shell.configurables[:] = [part for part in shell.configurables if not isinstance(part, QueryMagics | TableMagics)]
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
    from bigpato_magic import googlesql

    googlesql.warm(on_state=session.note_analyzer)
    for name in _HEAVY:
        if _leaving.is_set():
            return
        with suppress(Exception):
            importlib.import_module(name)


def misspelt(shell: InteractiveShell, client: BigPato) -> Iterable[str]:
    """One line for each section of the configuration that looks like one of ours and is none."""
    ours = {type(part).__name__ for part in parts(client)}
    known = ours | {type(c).__name__ for c in shell.configurables}
    for section in shell.config:
        if section[:1].isupper() and section not in known:
            close = difflib.get_close_matches(section, ours, n=1, cutoff=0.75)
            if close:
                yield f"The configuration sets {section}, which nothing reads. Did you mean {close[0]}?"


def _is_ours(thing: Any) -> bool:
    module = getattr(thing, "__module__", None) or ""
    return module.startswith("bigpato_magic.")


def _say(line: str) -> None:
    from IPython.display import display

    display({"text/plain": line}, raw=True)  # type: ignore[no-untyped-call]
