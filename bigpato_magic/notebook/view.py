"""What the panel shows, as plain data, and as the static table that stands in its place.

Pure: reads the client's public facts, knows no widgets. Times are seconds since the epoch, sizes bytes, prices dollars.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any

from bigpato_magic.notebook import tabular
from bigpato_magic.notebook.footnote import clock, count_of, details_html
from bigpato_magic.notebook.layout import laid_out
from bigpato_magic.traits import format_money, format_size
from bigpato_magic.types import (
    Demotion,
    Freshness,
    Plan,
    Promotion,
    QueryResult,
    Refresh,
    RunLocal,
    RunSplit,
    TableCopy,
    TableId,
)

if TYPE_CHECKING:
    from bigpato_magic.client import BigPato
    from bigpato_magic.overview import KeptRow, TableRow
    from bigpato_magic.status import Status

STATIC_ROWS = 50
"""Rows of the static table: it is saved in the notebook."""

_SQL_SHOWN = 400


def _epoch(instant: datetime | None) -> float | None:
    return None if instant is None else round(instant.timestamp(), 1)


# ------------------------------------------------------------------------------------------- tables


def label(table: TableId, project: str | None) -> str:
    """The table's name, without the project where it is the default one."""
    return f"{table.dataset}.{table.table}" if table.project == project else str(table)


def row(table: TableRow, project: str | None) -> dict[str, Any]:
    """One row of the panel."""
    return {
        "name": str(table.id),
        "label": label(table.id, project),
        "where": table.where,
        "bytes": table.bytes,
        "local_bytes": table.local_bytes,
        "uses": table.uses,
        "used": _epoch(table.last_used),
        "lru": table.lru,
        "fresh": str(table.freshness) if table.where == "local" else None,
        "as_of": _epoch(table.fresh_as_of),
        "not_billed": table.not_billed_bytes,
        "dollars": table.not_billed_dollars,
        "score": table.score,
        "score_dollars": table.score_dollars,
        "score_seconds": table.score_seconds,
        "pinned": table.pinned,
        "excluded": table.excluded,
        "held": table.held,
        "reason": table.reason,
    }


def rows(client: BigPato) -> list[dict[str, Any]]:
    """All rows of the panel, in the client's order."""
    return [row(table, client.project) for table in client.tables()]


def budget(client: BigPato) -> dict[str, Any]:
    """Bytes used and allowed on disk, and what local answers did not bill, as the ledger has it."""
    saved = client.savings()
    return {
        "used": client.tier.used_bytes(),
        "budget": client.tier.budget,
        "not_billed": saved.bytes_saved,
        "dollars": saved.dollars_saved,
        "read": saved.read_bytes_saved,
        "spared": saved.spared if in_time(client) else None,
    }


def in_time(client: BigPato) -> bool:
    """Whether seconds and slots are told, and not bytes and dollars."""
    return bool(client.tier.pricing.objective == "time")


# ------------------------------------------------------------------------------------ kept answers

KEPT_ROWS = 100
"""Kept answers that the panel lists: the last used."""


def kept_row(row: KeptRow, project: str | None) -> dict[str, Any]:
    """One kept answer of the panel."""
    return {
        "name": str(row.id),
        "sql": row.query,
        "tables": [label(table, project) for table in row.tables],
        "rows": row.rows,
        "local_bytes": row.local_bytes,
        "uses": row.uses,
        "used": _epoch(row.last_used),
        "answered": _epoch(row.answered),
        "fresh": "unchecked" if row.freshness is Freshness.UNKNOWN else str(row.freshness),
        "as_of": _epoch(row.fresh_as_of),
        "not_billed": row.not_billed_bytes,
        "dollars": row.not_billed_dollars,
        "reason": row.reason,
    }


def kept(client: BigPato) -> dict[str, Any]:
    """The kept answers, and the room that they take of theirs."""
    rows, told = client.kept(), not in_time(client)
    return {
        "rows": [kept_row(row, client.project) for row in rows[:KEPT_ROWS]],
        "count": len(rows),
        "bytes": sum(row.local_bytes for row in rows),
        "share": int(client.tier.keep.share * client.tier.budget),
        "not_billed": sum(row.not_billed_bytes for row in rows if told),
        "dollars": sum(row.not_billed_dollars for row in rows if told),
        "on": client.tier.keep.on,
    }


def kept_line(client: BigPato) -> str:
    """How many answers are kept, the room that they take of theirs, and what they did not bill."""
    shown = kept(client)
    if not shown["count"]:
        return "none" if shown["on"] else "off"
    room = f"{shown['count']:,}, {format_size(shown['bytes'])} of {format_size(shown['share'])}"
    saved = shown["not_billed"]
    return f"{room}, {format_size(saved)} not billed ({format_money(shown['dollars'])})" if saved else room


def superseded_line(client: BigPato) -> str:
    """How many copies of earlier states of tables there are, and the room that goes with them; '' where there are none."""
    copies, size = client.tier.superseded()
    return f"{copies:,}, {format_size(size)}: they go first where room is needed" if copies else ""


def forgotten(gone: Sequence[KeptRow]) -> str:
    """What became of kept answers that were to be forgotten."""
    if not gone:
        return "Nothing to forget: no such answer is kept here, or a kernel reads it just now."
    freed = format_size(sum(row.local_bytes for row in gone))
    return f"{count_of(len(gone), 'kept answer')} forgotten, {freed} freed."


# --------------------------------------------------------------------------------- progress, savings


def progress(status: Status) -> dict[str, dict[str, Any]]:
    """The running transfers by table: stage, fraction (None where unknown) and a line."""
    return {
        str(event.table): {
            "stage": event.stage,
            "fraction": round(event.done / event.total, 3) if event.total else None,
            "text": event.message,
        }
        for event in status.transfers
        if not event.over
    }


def savings(client: BigPato) -> list[list[Any]]:
    """[day, bytes, dollars] for each day of the last ninety that saved something, oldest first."""
    return [list(day) for day in client.tier.ledger.days(datetime.now(UTC) - timedelta(days=90))]


# ------------------------------------------------------------------------------------ plan, queries


def plan(proposal: Plan, number: int, project: str | None) -> dict[str, Any]:
    """A plan as the person approves it: `number` names it in the answer."""
    moves: list[Promotion | Refresh] = [*proposal.promote, *proposal.refresh]
    return {
        "id": number,
        "steps": [*(_move(m, project) for m in moves), *(_demotion(d, project) for d in proposal.demote)],
        "refused": [[label(r.table, project), r.reason.message] for r in proposal.refused],
        "bytes": sum(m.bytes for m in moves),
        "price": sum(m.price for m in moves),
    }


NOTHING_TO_DO = "Nothing to do: no table is worth bringing, and no copy is behind."


HERE_AND_FRESH = "Nothing to do: what you asked for is here, and fresh."
NO_COPY = "Nothing to do: there is no copy of it here."


def demoted(plan: Plan) -> int:
    """How many tables a plan takes away; a table's older versions go with it, and are no tables."""
    return len({demotion.copy.table for demotion in plan.demote})


def told(done: Plan, nothing: str = NOTHING_TO_DO) -> str:
    """What was carried out, and the first thing that was not, in one line."""
    if not done and not done.refused:
        return nothing
    counts = {"promoted": len(done.promote), "refreshed": len(done.refresh), "demoted": demoted(done)}
    deeds = ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "Nothing moved"
    if not done.refused:
        return f"{deeds}."
    first, more = done.refused[0], len(done.refused) - 1
    return f"{deeds}. {first.table.table}: {first.reason.message}" + (f" (and {more} more)" if more else "")


def _move(move: Promotion | Refresh, project: str | None) -> dict[str, Any]:
    refresh = isinstance(move, Refresh)
    return {
        "step": "refresh" if refresh else "promote",
        "table": label(move.facts.id, project),
        "what": _what_refresh(move) if isinstance(move, Refresh) else _what(move),
        "bytes": move.bytes,
        "price": move.price,
        "gain": move.gain,
        "gain_seconds": move.gain_seconds,
        "reason": move.reason,
    }


def _what(move: Promotion) -> str:
    columns, every = len(move.columns), len(move.facts.columns)
    what = "all columns" if columns == every else f"{columns} of {every} columns"
    return what if move.partitions is None else f"{what}, {len(move.partitions)} partitions"


def _what_refresh(move: Refresh) -> str:
    return f"{len(move.changed)} partitions" if move.kind == "partitions" else str(move.kind)


def _demotion(move: Demotion, project: str | None) -> dict[str, Any]:
    return {
        "step": "demote",
        "table": label(move.copy.table, project),
        "what": f"{format_size(move.copy.bytes)} freed",
        "bytes": 0,
        "price": 0.0,
        "gain": 0.0,
        "gain_seconds": 0.0,
        "reason": move.reason,
    }


def query(result: QueryResult) -> dict[str, Any]:
    """One of the last queries: where it ran, what it cost, and why."""
    route = result.decision.where
    return {
        "id": str(id(result)),
        "route": route,
        "seconds": round(result.seconds, 3),
        "bytes": result.bytes_billed if route == "bigquery" else result.bytes_saved,
        "cache_hit": result.cache_hit,
        "sql": " ".join(result.sql.split())[:_SQL_SHOWN],
        "why": why(result),
    }


_HERE = {
    "local": "Local: all that it reads is here and fresh.",
    "hybrid": "Hybrid: BigQuery was asked for what is missing here; the rest was computed here.",
    "kept": "Kept: BigQuery has answered it before, and no table has changed since.",
}
_BY = {
    "bigquery": "On BigQuery:",
    "read": "Read by Storage Read, without a query job:",
    "split": "Local: begun by DuckDB, finished by Google's evaluator:",
    "evaluator": "Local, by Google's evaluator:",
}


def why(result: QueryResult) -> str:
    """Why a query ran where it ran, in a few lines."""
    decision = result.decision
    if isinstance(decision, RunLocal):
        copies = [f"{c.name}: {_came(c)} {clock(c.came)}" for c in decision.copies]
        asked = [line for fragment in decision.fragments for line in (fragment.sql, "")]
        return "\n".join([_HERE[decision.where], *copies, "", *asked, laid_out(decision.compiled.sql)])
    job = [f"job {result.job_id}"] if result.job_id else []
    begun = ["", laid_out(decision.compiled.sql), "", decision.upper.sql] if isinstance(decision, RunSplit) else []
    return "\n".join([_BY[decision.where], *(f"- {reason.message}" for reason in decision.reasons), *job, *begun])


def _came(copy: TableCopy) -> str:
    return "copy of" if copy.source is None else "BigQuery's of"


# ------------------------------------------------------------------------------------- static table

_HEADINGS = ("Table", "Where", "Size", "Uses", "LRU", "Fresh", "Not billed")


def _static_cells(shown: dict[str, Any]) -> tuple[str, ...]:
    return (
        ("★ " if shown["pinned"] else "") + shown["label"],
        shown["where"],
        "–" if shown["bytes"] is None else format_size(shown["bytes"]),
        str(shown["uses"]),
        "–" if shown["lru"] is None else str(shown["lru"]),
        shown["fresh"] or "–",
        _static_not_billed(shown),
    )


def _static_not_billed(shown: dict[str, Any]) -> str:
    if shown["dollars"]:
        return format_money(shown["dollars"])
    return format_size(shown["not_billed"]) if shown["not_billed"] else "–"


def _summary(client: BigPato, shown: list[dict[str, Any]]) -> str:
    here, b = sum(r["where"] == "local" for r in shown), budget(client)
    used = f"{format_size(b['used'])} of {format_size(b['budget'])}"
    saved = (
        b["spared"] if in_time(client) else f"{format_size(b['not_billed'])} ({format_money(b['dollars'])}) not billed"
    )
    if b["read"] and not in_time(client):
        saved += f", {format_size(b['read'])} of it by rows read without a query job"
    answers = kept(client)["count"]
    kept_here = [count_of(answers, "kept answer")] if answers else []
    tables = f"BigPato: {here} of {count_of(len(shown), 'table')} local"
    return " · ".join([tables, used, *filter(None, [saved]), *kept_here, f"as of {clock(datetime.now(UTC))}"])


def _picked(shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(shown, key=lambda r: (r["where"] != "local", -r["uses"], r["name"]))[:STATIC_ROWS]


def static_html(client: BigPato) -> str:
    """The table of tables as plain HTML: for saved notebooks, GitHub, nbconvert, and where no widget lives."""
    shown = rows(client)
    table = tabular.as_html(_HEADINGS, [_static_cells(r) for r in _picked(shown)])
    more = f"<p>… and {len(shown) - STATIC_ROWS} more</p>" if len(shown) > STATIC_ROWS else ""
    summary = escape(_summary(client, shown))
    return tabular.literal(details_html(summary, table + more, 'class="bp-static"', unfolded=True))


def static_text(client: BigPato) -> str:
    """The same table as text, for a terminal."""
    shown = rows(client)
    lines = tabular.as_lines(_HEADINGS, [_static_cells(r) for r in _picked(shown)])
    return "\n".join([_summary(client, shown), *lines])
