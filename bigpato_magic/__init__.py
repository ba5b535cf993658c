"""BigQuery SQL in a notebook, on your laptop where that gives the same answer.

In a notebook: `%load_ext bigpato_magic`, then `%%bpsql`. In a script: `BigPato(project="acme").run("SELECT 1")`.
Nothing heavy is imported before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from bigpato_magic import bigpato, demo, errors
    from bigpato_magic.client import BigPato
    from bigpato_magic.notebook.extension import use
    from bigpato_magic.notebook.panel import panel
    from bigpato_magic.parameters import typed
    from bigpato_magic.types import Parameter, QueryResult, Route, TableId

    __version__: str

__all__ = [
    "BigPato",
    "Parameter",
    "QueryResult",
    "Route",
    "TableId",
    "__version__",
    "bigpato",
    "demo",
    "errors",
    "load_ipython_extension",
    "panel",
    "typed",
    "unload_ipython_extension",
    "use",
]

_MODULES = ("bigpato", "demo", "errors")
_NAMES = {
    "BigPato": "client",
    "Parameter": "types",
    "QueryResult": "types",
    "Route": "types",
    "TableId": "types",
    "panel": "notebook.panel",
    "typed": "parameters",
    "use": "notebook.extension",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("bigpato-magic")
    except PackageNotFoundError:
        return "0+unknown"


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Register `%%bpsql` and its companions (called by `%load_ext bigpato_magic`)."""
    from bigpato_magic.notebook.extension import load

    load(ipython)


def unload_ipython_extension(ipython: InteractiveShell) -> None:
    """Take the magics, the completer and the settings away again (called by `%unload_ext bigpato_magic`)."""
    from bigpato_magic.notebook.extension import unload

    unload(ipython)
