"""Load and unload: what `%load_ext bigpato_magic` puts into a shell, and takes out again. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import InteractiveShell

from bigpato_magic.errors import ConfigurationError
from bigpato_magic.notebook import hooks, lazy_magics
from bigpato_magic.notebook.session import OWNERS, Session, session_of
from bigpato_magic.notebook.warming import Warming

if TYPE_CHECKING:
    from bigpato_magic.client import BigPato

_SOON = (
    "duckdb",
    "pyarrow",
    "bigpato_magic.runner",
    "bigpato_magic.notebook.magics",
    "bigpato_magic.notebook.cell",
    "bigpato_magic.notebook.tablemagics",
    "bigpato_magic.notebook.complete",
    "pandas",
    "bigpato_magic.notebook.frame",
)
"""What the first cell and the first query would otherwise wait for."""


def load(shell: InteractiveShell) -> None:
    """Register the magics, the completer and the settings; begin to warm what the first query needs."""
    if session_of(shell) is not None:
        return
    session = Session(shell)
    lazy_magics.register(session)
    session.undo.append(hooks.install(shell, session))
    for line in misspelt(shell):
        _say(line)
    start_warming(session)


def unload(shell: InteractiveShell) -> None:
    """Take away what `load` put there."""
    session = session_of(shell)
    if session is None:
        return
    lazy_magics.withdraw(session)
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


def start_warming(session: Session) -> Warming:
    """Make the client, wake Google's analyzer and import what the first query needs, while no cell runs."""
    imports = (partial(import_module, name) for name in _SOON)
    steps: tuple[Callable[[], object], ...] = (lambda: session.client, _wake, *imports)
    warming = Warming(session.shell, steps, session.hold)
    warming.start()
    session.undo.append(warming.stop)
    return warming


def _wake() -> None:
    from bigpato_magic import googlesql

    googlesql.preload()
    googlesql.warm()


def misspelt(shell: InteractiveShell) -> Iterable[str]:
    """One line for each section of the configuration that looks like one of ours and is none, and for each wrong name."""
    known = {*OWNERS, *(type(part).__name__ for part in shell.configurables)}
    for section in shell.config:
        if section in OWNERS:
            yield from _unknown_names(section, shell.config[section])
        if section[:1].isupper() and section not in known:
            from difflib import get_close_matches

            close = get_close_matches(section, OWNERS, n=1, cutoff=0.75)
            if close:
                yield f"The configuration sets {section}, which nothing reads. Did you mean {close[0]}?"


def _unknown_names(owner: str, section: Iterable[str]) -> Iterable[str]:
    """What is set on one of our classes and is no setting of it. Only who configures us waits for these imports."""
    from bigpato_magic.traits import unknown_setting

    known = getattr(import_module(OWNERS[owner]), owner).class_trait_names(config=True)
    for name in section:
        if not name[:1].isupper() and name not in known:
            yield f"The configuration sets {owner}.{name}: {unknown_setting(owner, name, known)}"


def _say(line: str) -> None:
    from IPython.display import display

    display({"text/plain": line}, raw=True)  # type: ignore[no-untyped-call]
