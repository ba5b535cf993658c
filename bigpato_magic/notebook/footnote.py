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

from bigpato_magic.notebook import tabular
from bigpato_magic.notebook.layout import laid_out
from bigpato_magic.traits import format_duration, format_instant, format_money, format_size, format_slots
from bigpato_magic.types import (
    Decision,
    Fragment,
    QueryResult,
    Reason,
    RunHybrid,
    RunLocal,
    RunOnBigQuery,
    RunRead,
    RunSplit,
    TableCopy,
    TableId,
)

_STYLE = "font-size:.85em;opacity:.8;margin:.2em 0"
_PLACES = {
    "local": "local",
    "split": "local, finished by Google's evaluator",
    "evaluator": "local (Google's evaluator)",
    "bigquery": "BigQuery",
}
KEYS = 'data-lm-suppress-shortcuts="true"'
"""On an element that can have the focus: keys are its own then, and `d d` does not delete the notebook's cell.

https://jupyterlab.readthedocs.io/en/stable/extension/notebook.html#keyboard-interaction-model
"""
_DONE = {"DELETE": "deleted", "INSERT": "inserted", "TRUNCATE_TABLE": "deleted", "UPDATE": "updated"}
"""What a statement does to rows; "changed" where it may do several things."""
_CACHED_TOO = "BigQuery's cache would have had it too"
_WORTH_SAYING = 0.1
"""Seconds of starting that are said of a query's time."""
_REMEDIED = ("not-local", "stale", "not-held", "streaming", "unchecked")


@dataclass(frozen=True, slots=True)
class Note:
    """What is said under a result.

    Args:
        result: the answer's story; its frame is not looked at.
        price: dollars that BigQuery bills for so many bytes; None says none.
        slots: what is told is BigQuery's slots, not bytes billed: who pays for slots does not pay for bytes.
        console_project: the project in whose console the job can be seen, None where there is none.
        waited: seconds from the person's ⏎ to the frame; None for those of the result alone.
        rows: of the whole result.
        shown: of them in the variable or on the screen.
        name: the variable that took the result.
        transfer: bytes of tables, and the dollars that bringing them here costs; None where their size is not known.
        unfolded: all of it is shown at once, and not the line alone.
    """

    result: QueryResult
    price: Callable[[int], float] | None = None
    slots: bool = False
    console_project: str | None = None
    waited: float | None = None
    rows: int | None = None
    shown: int | None = None
    name: str | None = None
    transfer: Callable[[Sequence[TableId]], tuple[int, float] | None] | None = None
    unfolded: bool = False

    def text(self) -> str:
        """The line, and where it is unfolded, all that is known."""
        return self.full() if self.unfolded else self.line()

    def line(self) -> str:
        """One line, as `local · 0.04 s · fresh as of 2024-01-31 14:03:22 UTC · 1.4 GiB not billed (≈ $0.0085)`."""
        return self._line(str, clock)

    def _line(self, text: Callable[[str], str], when: Callable[[datetime], str]) -> str:
        """The line, each text and each instant written as these say."""
        before = [_where(self.result), self._time(), *self._affected()]
        after = [*self._cost(), *self._exact(), *self._why(), *self._size()]
        fresh = [text(f"{words} ") + when(instant) for words, instant in _fresh(self.result)]
        return text(f"{self.name} ← " if self.name else "") + " · ".join(
            [*map(text, before), *fresh, *map(text, after)]
        )

    def _time(self) -> str:
        """What the person has waited, and how much of that comes but once."""
        whole, starting = self.seconds, self.result.starting
        of_which = f", of which {format_duration(starting)} to start the analyzer" if starting >= _WORTH_SAYING else ""
        return format_duration(whole) + of_which

    @property
    def seconds(self) -> float:
        """What the person has waited."""
        return self.result.seconds if self.waited is None else self.waited

    def full(self) -> str:
        """The line, the reasons, and the DuckDB SQL."""
        reasons = [f"  - {reason.message} [{reason.code}]" for reason in self.result.decision.reasons]
        sql = [line for title, text in parts_of(self.result.decision) for line in (f"{title}:", text)]
        remedy = [" ".join(words)] if (words := self._remedy()) else []
        return "\n".join([self.line(), *reasons, *remedy, *sql])

    def html(self) -> str:
        """The line, which opens to tell why."""
        link = self._job_link()
        job = f' · <a {KEYS} href="{escape(link)}" target="_blank" rel="noopener">job</a>' if link else ""
        summary = f"{self._line(escape, time_html)}{job}"
        attributes = f'class="bigpato-note" style="{_STYLE}"'
        return details_html(summary, self._why_html(), attributes, unfolded=self.unfolded)

    def bundle(self) -> tuple[dict[str, str], dict[str, Any]]:
        """The data and metadata of an output of its own."""
        return {"text/plain": self.text(), "text/html": tabular.literal(self.html())}, self.metadata()

    def metadata(self) -> dict[str, Any]:
        """What the saved notebook keeps, for machines."""
        result = self.result
        past = result.as_of or past_of(result.decision)
        return {
            "bigpato": {
                "route": result.decision.where,
                "seconds": round(self.seconds, 4),
                "bytes_billed": result.bytes_billed,
                "bytes_saved": result.bytes_saved,
                "slot_ms": result.slot_ms,
                "job_id": result.job_id,
                "as_of": past.isoformat() if past else None,
                "fresh_as_of": result.fresh_as_of.isoformat() if result.fresh_as_of else None,
                "reasons": [reason.code for reason in result.decision.reasons],
            }
        }

    def _cost(self) -> list[str]:
        return self._slots_used() if self.slots else self._money()

    def _slots_used(self) -> list[str]:
        """As far as BigQuery told: of this query's job, or of the kept answers' that stand in for it."""
        result = self.result
        used = [] if result.slot_ms is None else [format_slots(result.slot_ms)]
        if isinstance(result.decision, RunOnBigQuery):
            return ["from BigQuery's cache"] if result.cache_hit else used
        if isinstance(result.decision, RunRead):
            return [self._read()]
        if result.cache_hit and result.unverified_since is None:
            return [_CACHED_TOO]
        return [f"{format_slots(result.slot_ms_saved)} not used"] if result.slot_ms_saved else used

    def _money(self) -> list[str]:
        result = self.result
        if isinstance(result.decision, RunOnBigQuery):
            if result.cache_hit:
                return ["from BigQuery's cache, not billed"]
            return [f"{format_size(result.bytes_billed)} billed{self._price(result.bytes_billed)}"]
        if isinstance(result.decision, RunRead):
            return [*(self._not_billed() or ["nothing billed"]), self._read()]
        if result.decision.where == "hybrid":
            return [f"{format_size(result.bytes_billed)} billed{self._price(result.bytes_billed)}", *self._not_billed()]
        return self._not_billed()

    def _not_billed(self) -> list[str]:
        result = self.result
        if result.cache_hit and result.unverified_since is None:  # offline, nothing of BigQuery's would have answered
            return [_CACHED_TOO]
        if not result.bytes_saved:
            return []
        return [f"{format_size(result.bytes_saved)} not billed{self._price(result.bytes_saved)}"]

    def _read(self) -> str:
        price = f" (≈ {format_money(self.result.read_price)})" if self.result.read_price else ""
        return f"{format_size(self.result.bytes_read)} read{price}"

    def _exact(self) -> list[str]:
        """That a figure is not BigQuery's estimate, because the person wanted it exact."""
        compiled = getattr(self.result.decision, "compiled", None)
        exact = compiled is not None and any(rule.startswith("approx_") for rule in compiled.rules)
        return ["exact in place of approximate"] if exact else []

    def _affected(self) -> list[str]:
        count = self.result.affected_rows
        return [] if count is None else [f"{count_of(count, 'row')} {_DONE.get(self.result.statement, 'changed')}"]

    def _price(self, size: int) -> str:
        return f" (≈ {format_money(self.price(size))})" if size and self.price else ""

    def _why(self) -> list[str]:
        first, *others = [*self.result.decision.reasons, None]
        if first is None or not isinstance(self.result.decision, RunOnBigQuery):
            return []
        more = len(others) - 1
        return [first.message + (f" (and {more} more)" if more > 0 else "")]

    def _size(self) -> list[str]:
        if self.rows is None or self.shown is None:
            return []
        if self.shown < self.rows:
            return [f"first {self.shown:,} of {self.rows:,} rows"]
        return [count_of(self.rows, "row")] if self.name else []

    def _why_html(self) -> str:
        """Tables, reasons, the DuckDB SQL, and what would have made it local."""
        command, effect = self._remedy() or ("", "")
        remedy = f"<p><code>{escape(command)}</code> {escape(effect)}</p>" if command else ""
        return why_html(self.result) + remedy

    def _remedy(self) -> tuple[str, str] | None:
        """The rebalance that would have helped, and what it does for how much."""
        tables = remedied(self.result.decision.reasons)
        if not tables or self.result.as_of:  # what is brought now was not there then
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


def why_html(result: QueryResult) -> str:
    """Reasons, copies and the DuckDB SQL of one answer."""
    decision = result.decision
    parts = [items_html(result.decision.reasons)]
    if not isinstance(decision, RunOnBigQuery | RunRead):
        parts.append(_copies_html(decision.copies))
    texts = parts_of(decision)
    parts += [(f"<div>{escape(title)}</div>" if texts[1:] else "") + code_html(text) for title, text in texts]
    return "".join(parts)


def parts_of(decision: Decision) -> list[tuple[str, str]]:
    """What runs, each part with its title: DuckDB SQL, what Google's evaluator makes of its rows, a read's filter."""
    if isinstance(decision, RunRead):
        look = decision.look  # a value of a parameter does not get into a saved notebook
        return [("Row restriction", look.restriction)] if look.restriction and not look.query.parameters else []
    if isinstance(decision, RunHybrid | RunLocal):
        asked = [("Asked of BigQuery", fragment.sql) for fragment in decision.fragments]
        return [*asked, ("DuckDB SQL", laid_out(decision.compiled.sql))]
    if not isinstance(decision, RunSplit):
        return []
    upper = decision.upper
    rest = (f"Finished by Google's evaluator over its rows, {upper.table}", upper.sql)
    return [("DuckDB SQL", laid_out(decision.compiled.sql)), rest]


def remedied(reasons: Iterable[Reason]) -> tuple[TableId, ...]:
    """The tables that a rebalance would bring; none where another reason stands in the way anyway."""
    blockers = tuple(reason for reason in reasons if reason.code != "look")  # which is no hindrance to a copy
    if any(reason.code not in _REMEDIED for reason in blockers):
        return ()
    return tuple(dict.fromkeys(r.table for r in blockers if r.table))


def items_html(reasons: Iterable[Reason]) -> str:
    """A list of reasons with their codes."""
    items = "".join(f"<li>{escape(reason.message)} <code>{escape(reason.code)}</code></li>" for reason in reasons)
    return f"<ul>{items}</ul>" if items else ""


def code_html(sql: str) -> str:
    """DuckDB SQL, as text."""
    return f'<pre style="white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere">{escape(sql)}</pre>'


def text_html(text: str) -> str:
    """Lines of text as they stand: an excerpt of a query with a caret below it."""
    return f'<pre style="margin:.2em 0">{escape(text)}</pre>' if text else ""


def details_html(summary: str, inside: str, attributes: str = "", *, unfolded: bool = False) -> str:
    """A line that opens."""
    opened = " open" if unfolded else ""
    return f"<details {attributes}{opened}><summary {KEYS}>{summary}</summary>{inside}</details>"


clock = format_instant
"""An instant as the screens write it."""


def time_html(instant: datetime) -> str:
    """An instant for people and for machines."""
    return f'<time datetime="{instant.isoformat()}">{escape(clock(instant))}</time>'


def count_of(count: int, what: str) -> str:
    """A number of things: "1 row", "2,000 rows", "0 rows"."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _where(result: QueryResult) -> str:
    if result.relation is not None:
        return "local, lazy"
    decision = result.decision
    if isinstance(decision, RunRead):
        return f"read from {decision.look.table.table} by Storage Read · no query job"
    if isinstance(decision, RunLocal) and decision.fragments:
        return f"hybrid, {fragment_words(decision.fragments)} from BigQuery, the rest local"
    kept = decision.kept if isinstance(decision, RunLocal) else ()
    if not kept:
        return _PLACES[decision.where]
    words = "kept answer" if len(kept) == 1 else "kept answers"
    if decision.where == "kept":
        return words
    return f"local, with a {words}" if len(kept) == 1 else f"local, with {words}"


def fragment_words(fragments: Sequence[Fragment]) -> str:
    """What is asked of BigQuery: a part over which tables, or how many."""
    tables = dict.fromkeys(table.table for fragment in fragments for table in fragment.query.tables)
    return f"{'a part' if len(fragments) == 1 else f'{len(fragments)} parts'} over {', '.join(tables)}"


def _fresh(result: QueryResult) -> list[tuple[str, datetime]]:
    if past := result.as_of or past_of(result.decision):
        return [("archive, as of" if result.archived else "as of", past)]
    if isinstance(result.decision, RunOnBigQuery):
        return []
    kept = result.decision.kept if isinstance(result.decision, RunLocal) else ()
    asked = [("BigQuery's of", asked_of(kept))] if kept else []
    if result.unverified_since is not None:
        return [*asked, ("not verified since", result.unverified_since)]
    return [*asked, ("fresh as of", result.fresh_as_of)] if result.fresh_as_of else asked


def past_of(decision: Decision) -> datetime | None:
    """The instant that tables were read as of, the oldest of several; None where all were read as they are."""
    if isinstance(decision, RunOnBigQuery | RunRead):
        return None
    return min((copy.past.low for copy in decision.copies if copy.past), default=None)


def asked_of(kept: Iterable[TableCopy]) -> datetime:
    """When BigQuery gave these answers; of several, the oldest."""
    return min(copy.came for copy in kept)


def _copies_html(copies: Iterable[TableCopy]) -> str:
    rows = [(c.name, clock(c.came), f"{c.rows:,}", format_size(c.bytes)) for c in copies]
    return tabular.as_html(("Table", "Copied", "Rows", "On disk"), rows)
