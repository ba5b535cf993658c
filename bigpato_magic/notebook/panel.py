"""The panel: one widget that shows the tier and takes wishes. It draws `view`'s data and calls the client's methods.

Three threads meet here. The front end's messages arrive on a thread of the kernel's choice (a subshell, so that they
work while a cell runs); long jobs run on a thread of their own; and only the watcher writes the synced traits.
"""

from __future__ import annotations

import atexit
import logging
import threading
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
from traitlets import Dict, List, TraitError, Unicode

from bigpato_magic.errors import BigPatoError, Cancelled
from bigpato_magic.notebook import settings, view
from bigpato_magic.notebook.view import NOTHING_TO_DO, static_html, static_text
from bigpato_magic.notebook.warming import paused
from bigpato_magic.status import Cancel
from bigpato_magic.types import Plan, TableId

if TYPE_CHECKING:
    from bigpato_magic.client import BigPato

__all__ = ["Panel", "panel", "static_html", "static_text"]

log = logging.getLogger("bigpato_magic.panel")

_HERE = Path(__file__).parent / "static"
_POLL_SECONDS = 2.0
_END_SECONDS = 2.0
_CHECK_SECONDS = 2.0  # of waiting for the first check of the copies; the table that is saved then says what they are
_REQUESTS = 1000  # names of requests that are remembered; one that is sent again comes within seconds, or after a cell
_PAUSE_SECONDS = 0.1  # between two pictures: a transfer tells of itself a thousand times a second

_ALIVE = "The panel lives in Jupyter: run this cell."

_panels: weakref.WeakKeyDictionary[Any, Panel] = weakref.WeakKeyDictionary()


def panel(client: BigPato) -> Panel:
    """The panel, for a notebook: all tables of a client with their buttons, as `%bp_panel` shows it.

    Showing it in several cells shows the same one.

    Example:
        >>> print(str(panel(client)).partition(" · ")[0])
        BigPato: 0 of 0 tables local
    """
    shown = _panels.get(client)
    if shown is None or shown.closed:
        shown = _panels[client] = Panel(client)
    return shown


class Jobs:
    """At most one long job, on a thread of its own."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._cancel: Cancel | None = None
        self.message = ""

    @property
    def running(self) -> bool:
        """A job of this panel is running."""
        return self._cancel is not None

    def start(self, what: str, work: Callable[[Cancel], str]) -> None:
        """Run `work`; its sentence, or its error's, becomes the message. Nothing happens while another runs."""
        with self._lock:
            if self._cancel is not None:
                return
            cancel = self._cancel = Cancel()
        self.say(f"{what} …")
        threading.Thread(target=self._run, args=(work, cancel), name=f"bigpato-{what}", daemon=True).start()

    def cancel(self) -> None:
        """Ask the running job to stop."""
        if (cancel := self._cancel) is not None:
            self.say("Cancelling …")
            cancel.set()

    def say(self, message: str) -> None:
        """Put a sentence beside the buttons."""
        self.message = message
        self._changed()

    def _run(self, work: Callable[[Cancel], str], cancel: Cancel) -> None:
        try:
            with paused():
                message = work(cancel)
        except Cancelled:
            message = "Cancelled: what was finished stays, nothing is half done."
        except BigPatoError as error:
            message = str(error)
        except Exception as error:
            log.exception("a job of the panel failed")
            message = f"{type(error).__name__}: {error}"
        self._cancel = None
        self.say(message)


class Panel(anywidget.AnyWidget):
    """The live picture of a client's tier, with buttons.

    Args:
        client: whose tier it shows; several panels may show one tier, from several kernels.
    """

    _esm = _HERE / "panel.js"
    _css = _HERE / "panel.css"

    rows: List[Any] = List(help="One dictionary for each table, see `view.row`.").tag(sync=True)
    progress = Dict(help="Running transfers by table.").tag(sync=True)
    job = Dict(help="busy, message and fraction of the running job.").tag(sync=True)
    kept = Dict(help="The kept answers and the room that they take, see `view.kept`.").tag(sync=True)
    budget = Dict(help="Bytes used, allowed and not billed; dollars not billed.").tag(sync=True)
    plan = Dict(help="The plan that waits for approval, or nothing.").tag(sync=True)
    savings: List[Any] = List(help="[day, bytes, dollars] not billed, oldest first.").tag(sync=True)
    queries: List[Any] = List(help="The last queries, newest first.").tag(sync=True)
    settings: List[Any] = List(help="What may be set here, see `settings.describe`.").tag(sync=True)
    note = Unicode(help="Something that a person should read.").tag(sync=True)

    def __init__(self, client: BigPato) -> None:
        self._client = client
        self._wake = threading.Event()
        self._views: set[str] = set()
        self._requests: deque[Any] = deque(maxlen=_REQUESTS)
        self._lock = threading.Lock()
        self._proposal: tuple[int, Plan] | None = None
        self._plans = 0
        self.closed = False
        self._jobs = Jobs(self._wake.set)
        super().__init__(**self._picture())
        self._listen_on_subshells()
        self.on_msg(self._receive)
        client.status.observe(self._poke)
        settings.observe(client, self._poke)
        self._watcher = threading.Thread(target=self._watch, name="bigpato-panel", daemon=True)
        self._watcher.start()
        self._checker = threading.Thread(target=self._check, name="bigpato-panel-check", daemon=True)
        self._checker.start()
        # A daemon thread that Python leaves behind keeps all that it sees alive: DuckDB's module complains of it.
        atexit.register(_end, weakref.ref(self))
        self._checker.join(_CHECK_SECONDS)

    def _check(self) -> None:
        """What is here may not be fresh any more, and a new kernel has not asked yet: a moment is worth waiting for."""
        try:
            with paused():
                self._client.check_copies()
        except Exception as error:  # a thread of its own: they stay unknown
            log.info("the copies could not be checked: %s", error)
        self._wake.set()

    def _listen_on_subshells(self) -> None:
        # ipykernel 7.4 sends a comm's messages to the shell that last published on it; a plain thread publishes as
        # the main shell, so a click would wait for the running cell. The name is private: guarded, and tested in a
        # browser (tests/browser/test_panel.py, "while a cell runs").
        if hasattr(self.comm, "_reply_subshell_for"):
            self.comm._reply_subshell_for = lambda _data, default: default

    # ------------------------------------------------------------------------------------ the watcher

    def _poke(self, _change: Any = None) -> None:
        self._wake.set()

    def _watch(self) -> None:
        while not self.closed:
            self._wake.wait(_POLL_SECONDS if self._views else None)
            self._wake.clear()
            if not self.closed:
                self._draw()
                threading.Event().wait(_PAUSE_SECONDS)

    def _draw(self) -> None:
        try:
            picture = self._picture()
        except BigPatoError as error:
            picture = {"note": str(error)}
        except Exception:
            log.exception("the panel could not read the tier")
            return
        with self.hold_sync():
            for name, value in picture.items():
                if getattr(self, name) != value:
                    setattr(self, name, value)

    def _picture(self) -> dict[str, Any]:
        client, status = self._client, self._client.status
        rows = view.rows(client)
        moving = view.progress(status)
        return {
            "rows": rows,
            "kept": view.kept(client),
            "budget": view.budget(client),
            "progress": moving if status.busy else {},
            "job": self._job(),
            "plan": view.plan(self._proposal[1], self._proposal[0], client.project) if self._proposal else {},
            "savings": view.savings(client),
            "queries": [view.query(result) for result in reversed(status.queries)],
            "settings": settings.describe(client),
            "note": status.message,
        }

    def _job(self) -> dict[str, Any]:
        status = self._client.status
        event = status.event if status.busy else ""
        return {
            "busy": self._jobs.running or status.busy,
            "mine": self._jobs.running,  # what a cell started, its own ■ stops
            "message": status.job or event or self._jobs.message,
            "fraction": status.fraction,
        }

    # ------------------------------------------------------------------------------------- the wishes

    def _receive(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        """Answer first, so that the front end knows the kernel lives; then do it, once."""
        request = content.get("request")
        self.send({"ack": request})
        wish = self._wishes().get(str(content.get("action")))
        if wish is None or not self._is_new(request):
            return
        try:
            with paused():
                wish(content)
        except (BigPatoError, ValueError) as error:
            self._jobs.say(str(error))
        self._wake.set()

    def _is_new(self, request: Any) -> bool:
        """What the front end sends twice comes twice, once on a subshell and once when the main shell is free again."""
        with self._lock:
            if request in self._requests:
                return False
            self._requests.append(request)
            return True

    def _wishes(self) -> dict[str, Callable[[dict[str, Any]], None]]:
        client = self._client
        return {
            "visible": self._see,
            "promote": lambda c: self._move(c, "Promoting", client.promote),
            "refresh": lambda c: self._move(c, "Refreshing", client.refresh),
            "demote": self._demote,
            "pin": lambda c: client.pin(_tables(c)),
            "unpin": lambda c: client.unpin(_tables(c)),
            "plan": lambda _: self._jobs.start("Planning", self._propose),
            "enact": self._enact,
            "dismiss": lambda _: self._dismiss(),
            "forget": self._forget,
            "cancel": lambda _: self._jobs.cancel(),
            "set": self._set,
        }

    def _see(self, content: dict[str, Any]) -> None:
        (self._views.add if content.get("visible") else self._views.discard)(str(content.get("view")))

    def _move(self, content: dict[str, Any], what: str, method: Callable[..., Plan]) -> None:
        if tables := _tables(content):
            self._jobs.start(what, lambda cancel: view.told(method(tables, cancel=cancel), view.HERE_AND_FRESH))

    def _demote(self, content: dict[str, Any]) -> None:
        if tables := _tables(content):
            self._jobs.start("Demoting", lambda _: view.told(self._client.demote(tables), view.NO_COPY))

    def _propose(self, cancel: Cancel) -> str:
        proposal = self._client.plan(cancel=cancel, say=self._jobs.say)
        cancel.check()
        if not proposal and not proposal.refused:
            self._proposal = None
            return NOTHING_TO_DO
        self._plans += 1
        self._proposal = (self._plans, proposal)
        return "The plan waits for you." if proposal else "Nothing would be moved; why stands below."

    def _enact(self, content: dict[str, Any]) -> None:
        proposal = self._proposal
        if proposal is None or proposal[0] != content.get("plan"):
            self._jobs.say("That plan is gone: press Rebalance again.")
            return
        self._dismiss()
        self._jobs.start("Rebalancing", lambda cancel: view.told(self._client.rebalance(proposal[1], cancel=cancel)))

    def _dismiss(self) -> None:
        self._proposal = None
        self._jobs.say("")

    def _forget(self, content: dict[str, Any]) -> None:
        """Kept answers go: those that are named, or all where the person has said so twice."""
        wanted = None if content.get("all") is True else _tables(content)
        if wanted is None or wanted:
            self._jobs.start("Forgetting", lambda _: view.forgotten(self._client.forget(wanted)))

    def _set(self, content: dict[str, Any]) -> None:
        name = str(content.get("name"))
        try:
            settings.change(self._client, name, content.get("value"))
        except TraitError as error:
            self.send({"setting": name, "error": str(error)})
        else:
            self.send({"setting": name})

    # ---------------------------------------------------------------------------------------- showing

    def close(self) -> None:
        """Stop watching, and take the widget away. A second time does nothing."""
        if self.closed:
            return
        self.closed = True
        self._wake.set()
        self._client.status.unobserve(self._poke)
        settings.unobserve(self._client, self._poke)
        super().close()

    def end(self) -> None:
        """Stop watching, and wait until that is so: Python ends, and there is perhaps no front end to tell any more."""
        self.closed = True
        self._wake.set()
        for thread in (self._watcher, self._checker):
            thread.join(_END_SECONDS)

    def _ipython_display_(self) -> None:
        """Two outputs: a table that lives on in the saved notebook, and the widget, which hides it while it lives."""
        from IPython.core.getipython import get_ipython

        shell: Any = get_ipython()
        shell.display_pub.publish({"text/html": static_html(self._client), "text/plain": repr(self)})
        if hasattr(shell, "kernel"):
            data, metadata = self._repr_mimebundle_() or ({}, {})
            shell.display_pub.publish({**data, "text/plain": _ALIVE}, metadata)

    def __repr__(self) -> str:
        return static_text(self._client)

    def _repr_html_(self) -> str:
        return static_html(self._client)


def _end(reference: weakref.ref[Panel]) -> None:
    shown = reference()
    if shown is not None:
        shown.end()


def _tables(content: dict[str, Any]) -> list[TableId]:
    return [TableId.parse(str(name)) for name in content.get("tables", ())]
