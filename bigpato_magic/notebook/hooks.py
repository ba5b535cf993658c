"""What is hung into a shell beside the magics: completion, inspection, `%tb`, `%config`, a client's picture.

Light: the work is imported when it is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.completer import CompletionContext, context_matcher

from bigpato_magic.errors import BigPatoError
from bigpato_magic.notebook.warming import paused

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from bigpato_magic.notebook.names import NotebookNames
    from bigpato_magic.notebook.session import Session

_IDENTIFIER = "bigpato.sql"


def install(shell: InteractiveShell, session: Session) -> Callable[[], None]:
    """Hang all of it in; the result takes it out."""
    names = _late_names(session)
    undone = (
        _completion(shell, names),
        _inspection(shell, names),
        _tracebacks(shell),
        _settings(shell, session),
        _work(shell, session),
        _pictures(shell),
    )

    def undo() -> None:
        for one in undone:
            one()

    return undo


def _late_names(session: Session) -> Callable[[], NotebookNames]:
    """The one cache of names, made when first asked for: at a key press."""
    names_once: list[NotebookNames] = []

    def names() -> NotebookNames:
        from bigpato_magic.notebook.names import NotebookNames

        if not names_once:
            names_once.append(NotebookNames(lambda: session.client, lambda: session.saved))
        names_once[0].key_pressed()
        return names_once[0]

    return names


def _completion(shell: InteractiveShell, names: Callable[[], NotebookNames]) -> Callable[[], None]:
    """IPython's hook: silent outside our cells, alone inside them."""

    def bigpato_matcher(context: CompletionContext) -> Mapping[str, Any]:
        if "%b" not in context.full_text:
            return {"completions": []}
        with paused():
            from bigpato_magic.notebook.complete import completions

            return completions(context, names(), shell.user_ns)

    marked = context_matcher(identifier=_IDENTIFIER, priority=200)(bigpato_matcher)
    shell.Completer.custom_matchers.append(marked)
    return lambda: shell.Completer.custom_matchers.remove(marked)


def _inspection(shell: InteractiveShell, names: Callable[[], NotebookNames]) -> Callable[[], None]:
    """Shift-Tab on a name that Python does not know, but BigQuery may: a table, a function.

    IPython offers no hook for names that are no objects, so the shell's method is wrapped.
    """
    original: Callable[..., Any] = shell.object_inspect_mime

    def object_inspect_mime(oname: str, *arguments: Any, **named: Any) -> Any:
        try:
            return original(oname, *arguments, **named)
        except KeyError:
            with paused():
                from bigpato_magic.notebook.inspection import describe

                card = describe(oname, names())
            if card is None:
                raise
            return {"text/plain": card.text, "text/html": card._repr_html_()}

    shell.object_inspect_mime = object_inspect_mime  # type: ignore[method-assign]

    def undo() -> None:
        shell.object_inspect_mime = original  # type: ignore[method-assign]

    return undo


def _work(shell: InteractiveShell, session: Session) -> Callable[[], None]:
    """While any cell runs, the kernel is not idle: no rebalance begins in the background."""

    def begin(*_: Any) -> None:
        if session.made is not None:
            session.made.tier.automatic.begin()

    def end(*_: Any) -> None:
        if session.made is not None:
            session.made.tier.automatic.end()

    shell.events.register("pre_run_cell", begin)
    shell.events.register("post_run_cell", end)

    def undo() -> None:
        shell.events.unregister("pre_run_cell", begin)
        shell.events.unregister("post_run_cell", end)

    return undo


def _settings(shell: InteractiveShell, session: Session) -> Callable[[], None]:
    """`%config` lists the client, which is perhaps not made yet, and complains of what it would silently pass over."""

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def config(s: str) -> Any:
            session.client  # noqa: B018 - made by asking for it
            from bigpato_magic.notebook.settings import check_config

            check_config(s, shell.configurables, shell.user_ns)
            return original(s)

        return config

    return _wrapped(shell, "config", around)


def _wrapped(
    shell: InteractiveShell, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> Callable[[], None]:
    """Put a line magic of IPython's into another; the result takes it out."""
    lines: dict[str, Any] = shell.magics_manager.magics["line"]
    original = shell.find_line_magic(name)  # type: ignore[no-untyped-call]
    inside = around(original)
    inside.__doc__ = original.__doc__
    lines[name] = inside

    def undo() -> None:
        lines[name] = original

    return undo


def _tracebacks(shell: InteractiveShell) -> Callable[[], None]:
    """`%tb` after a card: the whole traceback.

    IPython asks an error for its short form (`_render_traceback_`) under `%tb` as well.
    """

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def tb(s: str) -> Any:
            value: Any = getattr(sys, "last_value", None)
            if not isinstance(value, BigPatoError) or s.strip():
                return original(s)
            whole = shell.InteractiveTB.structured_traceback(type(value), value, value.__traceback__)
            return shell._showtraceback(type(value), value, whole)

        return tb

    return _wrapped(shell, "tb", around)


def _pictures(shell: InteractiveShell) -> Callable[[], None]:
    """A `BigPato` as a cell's result: the table of tables, as it stands in for the panel."""
    formatters: Any = shell.display_formatter.formatters  # type: ignore[union-attr]

    def picture(client: Any) -> str | None:
        from bigpato_magic.notebook.view import static_html

        try:
            return static_html(client)
        except BigPatoError:  # without credentials, say: what it is called shows, and a query says what is wrong
            return None

    formatters["text/html"].for_type_by_name("bigpato_magic.client", "BigPato", picture)
    return lambda: formatters["text/html"].pop("bigpato_magic.client.BigPato", None)
