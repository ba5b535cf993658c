"""The one line that says how far a running cell is: rewritten in place, gone when the cell ends."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from bigpato_magic.notebook.tabular import literal
from bigpato_magic.traits import format_duration, format_size
from bigpato_magic.types import TransferEvent
from bigpato_magic.warehouse.base import QueryProgress

_QUIET = 0.4
"""Seconds before a line appears: a quick cell shows none."""
_EVERY = 0.2
"""Seconds between two versions of the line."""
_BAR = 20
"""Characters of a bar: text, so that every front end and terminal shows the same."""

Whole = Callable[[], tuple[str, float | None]]
"""How far a job of several steps is as a whole: in words, and 0 to 1 where that is known."""


class Surface(Protocol):
    """Where a line can be written and rewritten."""

    def write(self, text: str) -> None:
        """Show `text` in place of what was there."""

    def clear(self) -> None:
        """Leave nothing behind."""


class FrontEnd:
    """An output area of a notebook, rewritten by its display id."""

    def __init__(self) -> None:
        self._handle: Any = None

    def write(self, text: str) -> None:
        """Show `text` in place of what was there."""
        from html import escape

        from IPython.display import display

        html = literal(f'<div style="opacity:.75;font-size:.9em">{escape(text)}</div>')
        data = {"text/plain": text, "text/html": html}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(data, raw=True)

    def clear(self) -> None:
        """Leave an empty output behind: front ends cannot take one away."""
        if self._handle is not None:
            self._handle.update({"text/plain": "", "text/html": ""}, raw=True)


class Terminal:
    """A line of a terminal, rewritten with a carriage return."""

    def __init__(self) -> None:
        self._width = 0

    def write(self, text: str) -> None:
        """Show `text` in place of what was there."""
        sys.stderr.write("\r" + text.ljust(self._width))
        sys.stderr.flush()
        self._width = len(text)

    def clear(self) -> None:
        """Blank the line."""
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()


def surface_of(shell: Any) -> Surface | None:
    """Where this shell can show a line: a front end, a terminal, or nowhere."""
    if getattr(shell, "kernel", None) is not None:
        return FrontEnd()
    return Terminal() if shell is not None and sys.stderr.isatty() else None


class ProgressLine:
    """Takes news from any thread; the waiting thread shows the last of them, not more often than is readable.

    Args:
        surface: where it is shown.
        whole: of a job of several tables; None for a query.
    """

    def __init__(self, surface: Surface | None, whole: Whole | None = None) -> None:
        self._surface = surface
        self._whole = whole or (lambda: ("", None))
        self._lock = threading.Lock()
        self._events: dict[Any, Any] = {}
        self._newest: Any = ""
        self._started = self._shown = time.monotonic()
        self._text = ""

    def note(self, event: Any) -> None:
        """Keep the newest event of each table, or of the query."""
        with self._lock:
            self._events[getattr(event, "table", None)] = self._newest = event

    def show(self) -> None:
        """Show where things stand, if it is time to."""
        now = time.monotonic()
        if self._surface is None or now - self._started < _QUIET or now - self._shown < _EVERY:
            return
        self._shown = now
        text = self.text(now - self._started)
        if text != self._text:
            self._surface.write(text)
            self._text = text

    def text(self, seconds: float) -> str:
        """The line now."""
        with self._lock:
            events = tuple(self._events.values())
        whole, share = self._whole()
        parts = [_bar(share) + whole, _step(self._newest)] if whole else [describe(event) for event in events[-3:]]
        return " · ".join([*(part for part in parts if part), format_duration(seconds)])

    def close(self) -> None:
        """Take the line away."""
        if self._surface is not None and self._text:
            self._surface.clear()


def describe(event: Any) -> str:
    """One event in words: a BigQuery job's stages and slot time, a transfer's bytes, a share of a local run."""
    match event:
        case QueryProgress():
            return _describe_query(event)
        case TransferEvent():
            return _describe_transfer(event)
        case float():
            return f"local {event:.0%}"
    return str(event)


def _describe_query(event: QueryProgress) -> str:
    parts = ["BigQuery", event.state.lower()]
    if event.stages:
        parts.append(f"stage {event.stages_done} of {event.stages}")
    if event.slot_seconds:
        parts.append(f"{format_duration(event.slot_seconds)} of slots")
    return " ".join(parts[:2]) + "".join(f", {part}" for part in parts[2:])


def _bar(share: float | None) -> str:
    full = round((share or 0.0) * _BAR)
    return "" if share is None else "█" * full + "░" * (_BAR - full) + " "


def _step(event: Any) -> str:
    """A step of a job whose bytes are told as a whole."""
    if not isinstance(event, TransferEvent) or event.stage == "wait":  # the whole says what for
        return ""
    return f"{event.table.table}: {event.stage}"


_IN_BYTES = ("extract", "download", "read")


def _describe_transfer(event: TransferEvent) -> str:
    name = event.table.table
    if event.stage not in _IN_BYTES or not event.done:
        return f"{name}: {event.stage}"
    whole = f" of {format_size(event.total)}" if event.total else ""
    return f"{name}: {event.stage} {format_size(event.done)}{whole}"
