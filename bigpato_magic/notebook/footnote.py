"""The line under a result: where it ran, how long, how fresh, what it cost; and, one click further, why.

Pure: a `QueryResult` in, text and HTML out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import quote

from bigpato_magic.notebook import tables
from bigpato_magic.traits import format_duration, format_money, format_size
from bigpato_magic.types import (
    Decision,
    QueryResult,
    Reason,
    RunLocal,
    RunOnBigQuery,
    RunWithFinish,
    TableCopy,
    TableId,
)

_STYLE = "font-size:.85em;opacity:.8;margin:.2em 0"
_PLACES = {
    "local": "local",
    "finish": "local, finished by Google's evaluator",
    "reference": "local (Google's evaluator)",
    "bigquery": "BigQuery",
}
_REMEDIED = ("not-local", "stale", "not-held", "streaming", "unchecked")


@dataclass(frozen=True, slots=True)
class Note:
    """What is said under a result.

    Args:
        result: the answer's story; its frame is not looked at.
        price: dollars that BigQuery bills for so many bytes; None says none.
        console_project: the project in whose console the job can be seen, None where there is none.
        rows: of the whole result.
        shown: of them in the variable or on the screen.
        name: the variable that took the result.
        transfer: bytes of tables, and the dollars that bringing them here costs; None where their size is not known.
    """

    result: QueryResult
    price: Callable[[int], float] | None = None
    console_project: str | None = None
    rows: int | None = None
    shown: int | None = None
    name: str | None = None
    transfer: Callable[[Sequence[TableId]], tuple[int, float] | None] | None = None

    def line(self) -> str:
        """One line, as `local · 0.04 s · fresh as of 14:03:22 · 1.4 GiB not billed (≈ $0.0085)`."""
        parts = [_where(self.result), format_duration(self.result.seconds), *self._cost(), *self._why(), *self._size()]
        return (f"{self.name} ← " if self.name else "") + " · ".join(parts)

    def full(self) -> str:
        """The line, the reasons, and the DuckDB SQL."""
        reasons = [f"  - {reason.message} [{reason.code}]" for reason in reasons_of(self.result)]
        sql = [line for title, text in parts_of(self.result.decision) for line in (f"{title}:", text)]
        remedy = [" ".join(words)] if (words := self._remedy()) else []
        return "\n".join([self.line(), *reasons, *remedy, *sql])

    def html(self, *, unfolded: bool = False) -> str:
        """The line, which opens to tell why."""
        link = self._job_link()
        job = f' · <a href="{escape(link)}" target="_blank" rel="noopener">job</a>' if link else ""
        summary = f"<summary>{escape(self.line())}{job}</summary>"
        opened = " open" if unfolded else ""
        return f'<details class="bigpato-note" style="{_STYLE}"{opened}>{summary}{self._why_html()}</details>'

    def bundle(self) -> tuple[dict[str, str], dict[str, Any]]:
        """The data and metadata of an output of its own."""
        return {"text/plain": self.line(), "text/html": self.html()}, self.metadata()

    def metadata(self) -> dict[str, Any]:
        """What the saved notebook keeps, for machines."""
        result = self.result
        return {
            "bigpato": {
                "route": result.decision.where,
                "seconds": round(result.seconds, 4),
                "bytes_billed": result.bytes_billed,
                "bytes_saved": result.bytes_saved,
                "job_id": result.job_id,
                "fresh_as_of": result.fresh_as_of.isoformat() if result.fresh_as_of else None,
                "reasons": [reason.code for reason in reasons_of(result)],
            }
        }

    def _cost(self) -> list[str]:
        result = self.result
        if isinstance(result.decision, RunOnBigQuery):
            if result.cache_hit:
                return ["from BigQuery's cache, not billed"]
            return [f"{format_size(result.bytes_billed)} billed{self._price(result.bytes_billed)}"]
        return [*_fresh(result), f"{format_size(result.bytes_saved)} not billed{self._price(result.bytes_saved)}"]

    def _price(self, size: int) -> str:
        return f" (≈ {format_money(self.price(size))})" if size and self.price else ""

    def _why(self) -> list[str]:
        first, *others = [*reasons_of(self.result), None]
        if first is None or not isinstance(self.result.decision, RunOnBigQuery):
            return []
        more = len(others) - 1
        return [first.message + (f" (and {more} more)" if more > 0 else "")]

    def _size(self) -> list[str]:
        if self.rows is None or self.shown is None:
            return []
        if self.shown < self.rows:
            return [f"first {self.shown:,} of {self.rows:,} rows"]
        return [f"{self.rows:,} rows"] if self.name else []

    def _why_html(self) -> str:
        """Tables, reasons, the DuckDB SQL, and what would have made it local."""
        command, effect = self._remedy() or ("", "")
        remedy = f"<p><code>{escape(command)}</code> {escape(effect)}</p>" if command else ""
        return why_html(self.result) + remedy

    def _remedy(self) -> tuple[str, str] | None:
        """The rebalance that would have helped, and what it does for how much."""
        tables = remedied(reasons_of(self.result))
        if not tables:
            return None
        command = " ".join(["%bp_rebalance", *(f"{table.dataset}.{table.table}" for table in tables)])
        known = self.transfer(tables) if self.transfer else None
        if known is None:
            return command, "brings what is missing here."
        return command, f"brings {format_size(known[0])} here at most (≈ {format_money(known[1])})."

    def _job_link(self) -> str | None:
        """https://cloud.google.com/bigquery/docs/managing-jobs, as the console's own links are made."""
        job = self.result.job_id
        if not (job and self.console_project):
            return None
        place = f"bq:{self.result.location or 'US'}:{job}"
        return (
            "https://console.cloud.google.com/bigquery"
            f"?project={quote(self.console_project)}&j={quote(place)}&page=queryresults"
        )


def reasons_of(result: QueryResult) -> tuple[Reason, ...]:
    """Why it did not run in DuckDB; none if it did."""
    return () if isinstance(result.decision, RunLocal) else result.decision.reasons


def why_html(result: QueryResult) -> str:
    """Reasons, copies and the DuckDB SQL of one answer."""
    decision = result.decision
    parts = [items_html(reasons_of(result))]
    if not isinstance(decision, RunOnBigQuery):
        parts.append(_copies_html(decision.copies))
    texts = parts_of(decision)
    parts += [(f"<div>{escape(title)}</div>" if texts[1:] else "") + code_html(text) for title, text in texts]
    return "".join(parts)


def parts_of(decision: Decision) -> list[tuple[str, str]]:
    """What runs here, each part with its title: DuckDB SQL, and what Google's evaluator makes of its rows."""
    if not isinstance(decision, RunLocal | RunWithFinish):
        return []
    finish = decision.finish if isinstance(decision, RunWithFinish) else None
    rest = [(f"Finished by Google's evaluator over its rows, {finish.table}", finish.sql)] if finish else []
    return [("DuckDB SQL", decision.compiled.sql), *rest]


def remedied(reasons: Iterable[Reason]) -> tuple[TableId, ...]:
    """The tables that a rebalance would bring; none where another reason stands in the way anyway."""
    found = tuple(reasons)
    if any(reason.code not in _REMEDIED for reason in found):
        return ()
    return tuple(dict.fromkeys(r.table for r in found if r.table))


def items_html(reasons: Iterable[Reason]) -> str:
    """A list of reasons with their codes."""
    items = "".join(f"<li>{escape(reason.message)} <code>{escape(reason.code)}</code></li>" for reason in reasons)
    return f"<ul>{items}</ul>" if items else ""


def code_html(sql: str) -> str:
    """DuckDB SQL, as text."""
    return f'<pre style="white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere">{escape(sql)}</pre>'


def clock(instant: datetime) -> str:
    """The person's wall clock: "14:03:22" today, with the date on another day."""
    local = instant.astimezone()
    same_day = local.date() == datetime.now().astimezone().date()
    return local.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S")


def _where(result: QueryResult) -> str:
    if result.relation is not None:
        return "local, lazy"
    return _PLACES[result.decision.where]


def _fresh(result: QueryResult) -> list[str]:
    if result.unverified_since is not None:
        return [f"not verified since {clock(result.unverified_since)}"]
    return [f"fresh as of {clock(result.fresh_as_of)}"] if result.fresh_as_of else []


def _copies_html(copies: Iterable[TableCopy]) -> str:
    rows = [(str(c.table), clock(c.as_of), f"{c.rows:,}", format_size(c.bytes)) for c in copies]
    return tables.as_html(("Table", "Copied", "Rows", "On disk"), rows)
