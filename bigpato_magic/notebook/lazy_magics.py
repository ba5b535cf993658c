"""The magics as the shell knows them after `%load_ext`: names whose modules are imported when one is called or asked about."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import record_magic

if TYPE_CHECKING:
    from bigpato_magic.notebook.session import Session

_QUERIES = ("bigpato_magic.notebook.magics", "QueryMagics")
_TABLES = ("bigpato_magic.notebook.tablemagics", "TableMagics")

HOMES: Mapping[str, tuple[str, str]] = {
    "bp_archive": _TABLES,
    "bp_demote": _TABLES,
    "bp_doctor": _TABLES,
    "bp_explain": _QUERIES,
    "bp_forget": _TABLES,
    "bp_freeze": _TABLES,
    "bp_history": _TABLES,
    "bp_panel": _TABLES,
    "bp_pin": _TABLES,
    "bp_purge": _TABLES,
    "bp_rebalance": _TABLES,
    "bp_savings": _TABLES,
    "bp_status": _TABLES,
    "bp_tables": _TABLES,
    "bp_unpin": _TABLES,
    "bp_use": _TABLES,
    "bp_verify": _TABLES,
    "bpsql": _QUERIES,
}
"""Every magic, with the module and the class of its method."""

CELLS = frozenset({"bpsql", "bp_explain"})
"""Those that take a cell, and see the variables of the function that they stand in."""


class LateMagic:
    """A magic by name."""

    # IPython pastes no variable into the line: `$x` and `{x}` are SQL's or ours.
    _ipython_magic_no_var_expand = True

    def __init__(self, name: str, owner: Callable[[str], Any], begin: Callable[[], None]) -> None:
        self.__name__ = name
        self.needs_local_scope = name in CELLS
        self._owner, self._begin = owner, begin

    def __call__(self, line: str, cell: str | None = None, **scope: Any) -> Any:
        """Do it."""
        self._begin()
        return self.method(line, **scope) if cell is None else self.method(line, cell, **scope)

    @property
    def method(self) -> Any:
        """What does the work."""
        return getattr(self._owner(self.__name__), self.__name__)

    def getdoc(self) -> str:
        """What `?` shows."""
        return str(self.method.__doc__)


def register(session: Session) -> None:
    """Put every magic into the session's shell."""
    owners: dict[str, Any] = {}

    def owner(name: str) -> Any:
        module, kind = HOMES[name]
        if kind not in owners:
            owners[kind] = getattr(importlib.import_module(module), kind)(session)
        return owners[kind]

    for name in HOMES:
        magic = LateMagic(name, owner, session.begin)
        record_magic(session.shell.magics_manager.magics, "line_cell" if name in CELLS else "line", name, magic)


def withdraw(session: Session) -> None:
    """Take all of them out again."""
    shell = session.shell
    for kind in shell.magics_manager.magics.values():
        for name in [name for name, magic in kind.items() if isinstance(magic, LateMagic)]:
            del kind[name]
    owners = {kind for _, kind in HOMES.values()}
    shell.configurables[:] = [part for part in shell.configurables if type(part).__name__ not in owners]
