"""What one IPython shell has of ours: its client, its saved queries, the settings that `%config` shows.

The client is made when first asked for, on whatever thread that is: `%load_ext` waits for nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Configurable

if TYPE_CHECKING:
    from bigpato_magic.client import BigPato
    from bigpato_magic.notebook.footnote import Note
    from bigpato_magic.notebook.saved import SavedQueries

_sessions: WeakKeyDictionary[InteractiveShell, Session] = WeakKeyDictionary()

OWNERS = {
    "BigPato": "bigpato_magic.client",
    "FreshnessPolicy": "bigpato_magic.tier.freshness.facts",
    "Keep": "bigpato_magic.tier.keeping.settings",
    "LocalEngine": "bigpato_magic.local.duck",
    "Pricing": "bigpato_magic.tier.journal.ledger",
    "Tier": "bigpato_magic.tier.tier",
}
"""The classes that have settings, `parts` of any client, with their modules."""


class Session:
    """One shell's client and saved queries.

    Attributes:
        begun: when the person began to wait for the running magic, by `time.perf_counter`.
        note: the last footnote.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.undo: list[Callable[[], None]] = []
        self.begun = 0.0
        self.note: Note | None = None
        self._held = 0.0
        self._lock = threading.Lock()
        self._client: BigPato | None = None
        self._parts: list[Configurable] = []
        _sessions[shell] = self

    @property
    def client(self) -> BigPato:
        """The client that the magics talk to; made from the shell's configuration where none was given."""
        with self._lock:
            if self._client is None:
                from bigpato_magic.client import BigPato

                self._adopt(BigPato(parent=self.shell))
            assert self._client is not None  # noqa: S101 - for mypy
            return self._client

    @client.setter
    def client(self, client: BigPato) -> None:
        with self._lock:
            self._withdraw()
            self._adopt(client)

    @property
    def made(self) -> BigPato | None:
        """The client, None while nobody has asked for it."""
        return self._client

    @cached_property
    def saved(self) -> SavedQueries:
        """The named queries."""
        from bigpato_magic.notebook.saved import SavedQueries

        return SavedQueries()

    def note_analyzer(self, state: str) -> None:
        """Tell the screens how far Google's analyzer is."""
        if self._client is not None:
            self._client.status.analyzer = str(state)

    def begin(self) -> None:
        """A magic is called."""
        self.begun, self._held = time.perf_counter() - self._held, 0.0

    def hold(self, seconds: float) -> None:
        """The cell has waited before its first line ran, for a step of the warming."""
        self._held = seconds

    def close(self) -> None:
        """Leave the shell as it was."""
        _sessions.pop(self.shell, None)
        for undo in self.undo:
            undo()
        with self._lock:
            self._withdraw()

    def variables(self, local: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """What `@name` and `$name` may mean: a function's own variables before the notebook's."""
        return {**self.shell.user_ns, **(local or {})}

    def _adopt(self, client: BigPato) -> None:
        from bigpato_magic import googlesql

        if self._client is None:
            googlesql.listen(self.note_analyzer)
        client.status.analyzer = str(googlesql.state())
        self._client = client
        if session_of(self.shell) is self:  # it may have been unloaded before it was ready
            self._parts = parts(client)
            self.shell.configurables += self._parts  # type: ignore[arg-type]

    def _withdraw(self) -> None:
        ours = {id(part) for part in self._parts}
        listed: list[Any] = self.shell.configurables  # what `%config` knows
        listed[:] = [part for part in listed if id(part) not in ours]


def session_of(shell: InteractiveShell) -> Session | None:
    """The shell's session, None where the extension is not loaded."""
    return _sessions.get(shell)


def parts(client: BigPato) -> list[Configurable]:
    """The client and the parts of it that have settings of their own."""
    owners: list[Configurable] = [client]
    for owner in owners:
        for value in (*vars(owner).values(), *owner._trait_values.values()):
            ours = isinstance(value, Configurable) and type(value).__module__.startswith("bigpato_magic")
            if ours and not any(value is known for known in owners):
                owners.append(value)
    return owners
