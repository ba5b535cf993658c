"""`%tb` after a card: the whole traceback of our errors, which a failed cell shows as a few lines."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bigpato_magic.errors import BigPatoError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def install(shell: InteractiveShell) -> Callable[[], None]:
    """Let `%tb` tell all of our errors too; the result undoes it.

    IPython asks an error for its short form (`_render_traceback_`) under `%tb` as well.
    """
    lines: dict[str, Any] = shell.magics_manager.magics["line"]
    original = lines["tb"]

    def tb(s: str) -> Any:
        value: Any = getattr(sys, "last_value", None)
        if not isinstance(value, BigPatoError) or s.strip():
            return original(s)
        whole = shell.InteractiveTB.structured_traceback(type(value), value, value.__traceback__)
        return shell._showtraceback(type(value), value, whole)

    tb.__doc__ = original.__doc__
    lines["tb"] = tb

    def undo() -> None:
        lines["tb"] = original

    return undo
