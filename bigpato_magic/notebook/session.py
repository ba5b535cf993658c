"""What one IPython shell has of ours: its client, its saved queries, the settings that `%config` shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Configurable

from bigpato_magic import googlesql
from bigpato_magic.client import BigPato
from bigpato_magic.notebook.saved import SavedQueries

_sessions: WeakKeyDictionary[InteractiveShell, Session] = WeakKeyDictionary()


class Session:
    """One shell's client and saved queries."""

    def __init__(self, shell: InteractiveShell, client: BigPato) -> None:
        self.shell = shell
        self.saved = SavedQueries()
        self.undo: list[Callable[[], None]] = []
        self._client = client
        self._parts = parts(client)
        _listed(shell).extend(self._parts)
        _sessions[shell] = self

    @property
    def client(self) -> BigPato:
        """The client that the magics talk to."""
        return self._client

    @client.setter
    def client(self, client: BigPato) -> None:
        self._withdraw()
        self._client, self._parts = client, parts(client)
        _listed(self.shell).extend(self._parts)
        self.note_analyzer(googlesql.state())

    def note_analyzer(self, state: googlesql.State) -> None:
        """Tell the screens how far Google's analyzer is."""
        self._client.status.analyzer = str(state)

    def close(self) -> None:
        """Leave the shell as it was."""
        for undo in self.undo:
            undo()
        self._withdraw()
        _sessions.pop(self.shell, None)

    def variables(self, local: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """What `@name` and `$name` may mean: a function's own variables before the notebook's."""
        return {**self.shell.user_ns, **(local or {})}

    def _withdraw(self) -> None:
        ours = {id(part) for part in self._parts}
        listed = _listed(self.shell)
        listed[:] = [part for part in listed if id(part) not in ours]


def _listed(shell: InteractiveShell) -> list[Any]:
    """What `%config` knows."""
    listed: list[Any] = shell.configurables
    return listed


def session_of(shell: InteractiveShell) -> Session | None:
    """The shell's session, None where the extension is not loaded."""
    return _sessions.get(shell)


def parts(client: BigPato) -> list[Configurable]:
    """The client and the parts of it that have settings of their own."""
    found: list[Configurable] = [client]
    for owner in found:
        for value in (*vars(owner).values(), *owner._trait_values.values()):
            ours = isinstance(value, Configurable) and type(value).__module__.startswith("bigpato_magic")
            if ours and not any(value is known for known in found):
                found.append(value)
    return found
